/* net/rtnl.h - ask the kernel which way packets to an address leave */
#ifndef NET_RTNL_H
#define NET_RTNL_H

#include <stdint.h>

#include "core/addr.h"
#include "net/nl.h"

/* The interface by which packets to `to` leave, from the local address `from` unless that is NULL.
 * nl is of NETLINK_ROUTE. 0; -EADDRNOTAVAIL when `to` is this host itself, or no place at all;
 * -ENETUNREACH, or another -errno. */
int rtnl_way(struct nl *nl, const struct addr *to, const struct addr *from, uint32_t *ifindex);

/* An IPv4 address of this host that exists on lo alone, for so many seconds from now on: added, or
 * given that life anew. It is never chosen as a source (scope host). Takes CAP_NET_ADMIN. 0 or
 * -errno. */
int rtnl_lend(struct nl *nl, const struct addr *a, uint32_t seconds);
/* 0 also when it is gone already. */
int rtnl_take_back(struct nl *nl, const struct addr *a);

#endif
