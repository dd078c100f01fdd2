/* cmd/locals.h - the local addresses that paths may begin at, each with its network device */
#ifndef CMD_LOCALS_H
#define CMD_LOCALS_H

#include "core/addr.h"
#include "net/icmp.h"

enum { LOCALS_MAX = 32 }; /* of a host with more, the first */

struct local {
	struct addr addr; /* port 0 */
	char device[ICMP_DEVICE_MAX];
};

struct locals {
	struct local v[LOCALS_MAX];
	uint32_t n;
};

/* Addresses of devices that are up, except loopback and link-local ones; only `only` where that is
 * not all zero. 0 or -errno. */
int locals_list(struct locals *l, const struct addr *only);

/* Those from which the kernel has a route to `to`, at most one a device: indices into l, into out
 * (LOCALS_MAX of them). An address of this host
 * itself is reached from anywhere: gives 0. */
uint32_t locals_toward(const struct locals *l, const struct addr *to, uint32_t *out);

#endif
