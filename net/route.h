/* net/route.h - whether a local address can be used together with its network device */
#ifndef NET_ROUTE_H
#define NET_ROUTE_H

#include "core/addr.h"

/* Whether some route leads from this address through this device to `to`: 0, -ENETUNREACH,
 * -EHOSTUNREACH or another -errno. It must be looked up: a socket that is bound to the device
 * connects without one too, as if everybody were on its link (PATHS.md C.0). */
int route_through(const struct addr *from, const char *device, const struct addr *to);

#endif
