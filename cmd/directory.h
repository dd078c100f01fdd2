/* cmd/directory.h - what a party knows of the members, nodes and devices, kept fresh from the manager
 *
 * Reads `member`, `node` and `device` tuples through cmd/quorum (f+1 equal answers). A role polls every few
 * seconds so that whoever was evicted is forgotten within 10 s (ARCHITECTURE section 4); a command loads
 * once, or takes HOME/cache. Entries lend until the next on_change. */
#ifndef CMD_DIRECTORY_H
#define CMD_DIRECTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/ident.h"
#include "tuple/schema.h"

enum {
	DIR_MEMBERS_MAX = 10000,
	DIR_NODES_MAX = 5000,
	DIR_DEVICES_MAX = 5000,
	DIR_ADDRS_MAX = 4,	/* of a node or device; --advertise may be repeated */
	DIR_PORTS_MAX = 16,	/* exposed ports of a device */
	BOOT_BYTES = 16,
};

struct member_entry {
	enum role role;
	char name[NAME_STR_MAX];
	char operator_name[NAME_STR_MAX];
	struct fp fp;
};

struct node_entry {
	char name[NAME_STR_MAX];
	char operator_name[NAME_STR_MAX]; /* from its member tuple */
	struct fp fp;
	uint8_t pub[PUB_BYTES];
	struct addr addr[DIR_ADDRS_MAX];
	uint32_t addrs;
	uint8_t boot[BOOT_BYTES]; /* the newest (core/open.h) */
	bool nat, relay;	  /* ways of forwarding on offer */
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

struct directory;

/* Look-ups in what is loaded now; NULL or 0 when there is none. */
uint32_t directory_roles(const struct directory *d, const struct fp *fp); /* bits of enum role */
const char *directory_name(const struct directory *d, const struct fp *fp);
const struct node_entry *directory_node(const struct directory *d, const char *name);
const struct node_entry *directory_node_at(const struct directory *d, uint32_t i);
uint32_t directory_nodes(const struct directory *d);
const struct device_entry *directory_device(const struct directory *d, const char *name);
const struct device_entry *directory_device_fp(const struct directory *d, const struct fp *fp);

#endif
