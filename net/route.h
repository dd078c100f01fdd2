/* net/route.h - whether a local address can be used with its network device, and since when */
#ifndef NET_ROUTE_H
#define NET_ROUTE_H

#include "core/addr.h"
#include "core/mono.h"

/* Whether some route leads from this address through this device to `to`: 0, -ENETUNREACH,
 * -EHOSTUNREACH or another -errno. It must be looked up: a socket that is bound to the device
 * connects without one too, as if everybody were on its link (PATHS.md C.0). */
int route_through(const struct addr *from, const char *device, const struct addr *to);

/* Calls each for every address of this host (port 0), with the index of its device and when it was
 * given to it. 0 or -errno; -EAGAIN: they changed meanwhile, begin again. */
typedef void route_each(const struct addr *a, unsigned ifindex, mono_t since, void *arg);
int route_addresses(route_each *each, void *arg);

#endif
