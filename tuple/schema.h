/* tuple/schema.h - the reserved tuples: who is a member, and where nodes and devices are
 *
 *	<"member", role, name, fp, operator, serial, admin pub, admin sig>       for ever
 *	<"node", name, fp, pub, addrs, boots, forwards, version>                 leased
 *	<"device", name, fp, addrs, ports, has_aes, version>                     leased
 *	<"trace", fp, ...>                                                       leased
 *
 * role is "node", "device" or "client"; a name is [a-z0-9-]{1,63}; fp is 32 bytes; an address is 16
 * bytes and a port, addrs and ports are joined; boots is the newest boot value and the one before.
 * The admin signs {role, name, fp, operator, serial} under the cluster's id (MANAGER.md B.3), so
 * that lying replicas can withhold members but not invent them. Pure. */
#ifndef TUPLE_SCHEMA_H
#define TUPLE_SCHEMA_H

#include "core/addr.h"
#include "core/ident.h"
#include "tuple/tuple.h"

enum {
	NAME_STR_MAX = 64, /* [a-z0-9-]{1,63} and NUL */
	REG_ADDRS_MAX = 4, /* --advertise may be repeated */
	REG_PORTS_MAX = 16,
	REG_BOOT_BYTES = 16,
	VERSION_STR_MAX = 32,
	MEMBER_SIGNED_MAX = 320,
	SCHEMA_BYTES_MAX = 512, /* scratch for the joined fields of one tuple */
};

/* A bit each, so that a key may hold several. */
enum role { ROLE_NODE = 1, ROLE_DEVICE = 2, ROLE_CLIENT = 4, ROLE_ADMIN = 8 };

struct member_tuple {
	enum role role; /* not ROLE_ADMIN: admins stand in the cluster file */
	char name[NAME_STR_MAX];
	struct fp fp;
	char operator_name[NAME_STR_MAX]; /* may be empty */
	uint64_t serial;		  /* counts an admin's statements about a name; < 2^63 */
	uint8_t pub[PUB_BYTES];		  /* the signing admin's */
	uint8_t sig[SIG_BYTES_MAX];
	size_t sig_len;
};

struct node_tuple {
	char name[NAME_STR_MAX];
	struct fp fp;
	uint8_t pub[PUB_BYTES];
	struct addr addr[REG_ADDRS_MAX];
	uint32_t addrs;
	uint8_t boot[2][REG_BOOT_BYTES];
	bool nat, relay; /* ways of forwarding on offer */
	char version[VERSION_STR_MAX];
};

struct device_tuple {
	char name[NAME_STR_MAX];
	struct fp fp;
	struct addr addr[REG_ADDRS_MAX];
	uint32_t addrs;
	uint16_t port[REG_PORTS_MAX]; /* exposed, beside the one of each address */
	uint32_t ports;
	bool has_aes;
	char version[VERSION_STR_MAX];
};

bool name_ok(const char *s, size_t len);
/* "node", "device", "client"; 0 for others. */
enum role role_parse(const uint8_t *s, size_t len);
const char *role_name(enum role role);

/* Struct to tuple, which borrows from the struct and from mem; and back: false when t is not
 * exactly such a tuple. member_decode does not check the signature. */
void member_encode(struct tuple *t, const struct member_tuple *m);
bool member_decode(struct member_tuple *m, const struct tuple *t);
void node_encode(struct tuple *t, const struct node_tuple *n,
		 uint8_t mem[static SCHEMA_BYTES_MAX]);
bool node_decode(struct node_tuple *n, const struct tuple *t);
void device_encode(struct tuple *t, const struct device_tuple *d,
		   uint8_t mem[static SCHEMA_BYTES_MAX]);
bool device_decode(struct device_tuple *d, const struct tuple *t);

/* What the admin signs; returns its length. */
size_t member_signed(const struct member_tuple *m, const uint8_t cluster[static 32],
		     uint8_t out[static MEMBER_SIGNED_MAX]);

/* Templates for reading: all tuples of one tag, the one of a name, or the members of one key. What
 * they are given is borrowed. */
void schema_all(struct tuple *t, const char *tag);
void schema_named(struct tuple *t, const char *tag, const char *name);
void schema_key(struct tuple *t, const struct fp *fp);

#endif
