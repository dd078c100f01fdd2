/* cmd/locals.h - the local addresses that paths may begin at, each with its network device */
#ifndef CMD_LOCALS_H
#define CMD_LOCALS_H

#include <stdbool.h>

#include "core/addr.h"
#include "net/icmp.h"

enum { LOCALS_MAX = 32 }; /* of a host with more, the first */

struct local {
	struct addr addr; /* port 0 */
	char device[ICMP_DEVICE_MAX];
	struct addr net;    /* the address under its mask, at most 64 bits of IPv6 */
	int64_t age_s;	    /* since the device has it */
	bool asked, routed; /* locals_toward: whether a way was looked for, and ever found */
};

struct locals {
	struct local v[LOCALS_MAX];
	uint32_t n;
};

/* Addresses of devices that are up, except loopback and link-local ones; only `only` where that is
 * not all zero. 0 or -errno. */
int locals_list(struct locals *l, const struct addr *only);

/* Those from which the kernel has a route to `to`, at most one of each net of a device: indices
 * into l, into out (LOCALS_MAX of them). An address of this host itself is reached from anywhere:
 * gives 0. */
uint32_t locals_toward(struct locals *l, const struct addr *to, uint32_t *out);

/* How long the host has had this address: what was seen from it earlier was seen from elsewhere, as
 * the same private address is given away in many networks. As long as can be where that is not
 * known. */
int64_t locals_age_s(const struct locals *l, const struct addr *a, const char *device);

enum { LOCALS_ROUTE_MAX = 160 };
/* The line to type where a local address has no route through its device. Returns out. */
const char *locals_route_line(const struct local *v, char out[static LOCALS_ROUTE_MAX]);

#endif
