/* tuple/roster.h - who is a member, and where nodes and devices are: the reserved tuples, decoded
 *
 * Filled with tuples page by page, then sealed: a node or device counts only while a member tuple
 * gives its key that role under that name, and a member only with an admin's signature, so that
 *even more than f lying replicas invent nobody (MANAGER.md B.3). The tuples are kept as they came:
 * an unchanged member is not verified again (0.7 ms), and the cache file is made of them:
 *
 *	"machete directory 1\n", cluster id[32], seconds since 1970[8], length[4], tuples,
 *SHA-256[32]
 *
 * Pure; a roster is large (15 MiB) and most of it is never touched. */
#ifndef TUPLE_ROSTER_H
#define TUPLE_ROSTER_H

#include "core/cluster.h"
#include "tuple/schema.h"

enum {
	DIR_MEMBERS_MAX = 10000,
	DIR_NODES_MAX = 5000,
	DIR_DEVICES_MAX = 5000,
	DIR_ADDRS_MAX = REG_ADDRS_MAX,
	DIR_PORTS_MAX = REG_PORTS_MAX, /* exposed ports of a device */
	ROSTER_TUPLES_BYTES = 8 << 20, /* 20,000 tuples of 400 bytes */
	ROSTER_HEAD_BYTES = 64,
	ROSTER_CACHE_MAX = ROSTER_TUPLES_BYTES + ROSTER_HEAD_BYTES + 32,
};

struct member_entry {
	enum role role;
	char name[NAME_STR_MAX];
	char operator_name[NAME_STR_MAX];
	struct fp fp;
	uint8_t digest[32]; /* of its tuple */
};

struct node_entry {
	char name[NAME_STR_MAX];
	char operator_name[NAME_STR_MAX]; /* from its member tuple */
	struct fp fp;
	uint8_t pub[PUB_BYTES];
	struct addr addr[DIR_ADDRS_MAX];
	uint32_t addrs;
	uint8_t boot[REG_BOOT_BYTES]; /* the newest (core/open.h) */
	bool nat, relay;	      /* ways of forwarding on offer */
};

struct device_entry {
	char name[NAME_STR_MAX];
	struct fp fp;
	struct addr addr[DIR_ADDRS_MAX];
	uint32_t addrs;
	uint16_t port[DIR_PORTS_MAX]; /* exposed, beside the one of each address */
	uint32_t ports;
	bool has_aes;
};

struct roster {
	struct member_entry member[DIR_MEMBERS_MAX];
	struct node_entry node[DIR_NODES_MAX];
	struct device_entry device[DIR_DEVICES_MAX];
	uint32_t members, nodes, devices;
	uint32_t refused; /* tuples left out: malformed, badly signed, without a member, too many */
	uint32_t by_fp[DIR_MEMBERS_MAX]; /* of a sealed roster: members in order of fingerprint */
	uint32_t tmp[DIR_MEMBERS_MAX];
	size_t bytes;
	uint8_t cache[ROSTER_CACHE_MAX]; /* head, tuples, digest */
};

/* Whose word counts. */
struct roster_trust {
	const struct cluster *cluster;
	uint8_t cluster_id[32];
};

void roster_clear(struct roster *r);
/* Takes one member, node or device tuple. A member found in `old` (or NULL) as it is, or any at all
 * without `trust`, is not verified. False: left out, and counted. */
bool roster_add(struct roster *r, const struct tuple *t, const struct roster_trust *trust,
		const struct roster *old);
/* All are there: leaves out nodes and devices without a member, and makes look-ups work. */
void roster_seal(struct roster *r);
/* Hold the same tuples. */
bool roster_same(const struct roster *a, const struct roster *b);

/* The cache file of a sealed roster: lends *len bytes. */
const uint8_t *roster_save(struct roster *r, const uint8_t cluster_id[static 32], int64_t wall_s,
			   size_t *len);
/* Takes the first len bytes of r->cache, which the caller read from the file, and seals. False: not
 * whole, or of another cluster; the roster is then empty. */
bool roster_load(struct roster *r, size_t len, const uint8_t cluster_id[static 32],
		 int64_t *wall_s);

/* Look-ups; NULL or 0: none. */
uint32_t roster_roles(const struct roster *r, const struct fp *fp);
const struct member_entry *roster_member(const struct roster *r, const struct fp *fp,
					 enum role role);
const struct node_entry *roster_node(const struct roster *r, const char *name);
const struct device_entry *roster_device(const struct roster *r, const char *name);
const struct device_entry *roster_device_fp(const struct roster *r, const struct fp *fp);

#endif
