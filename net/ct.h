/* net/ct.h - make the kernel forget connections whose forward has ended */
#ifndef NET_CT_H
#define NET_CT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/addr.h"
#include "net/nl.h"

/* Whether to forget the connection that `client` (with its port) opened to `node`. */
typedef bool ct_doomed(const struct addr *client, const struct addr *node, void *arg);

/* Walks all translated TCP connections of this host and forgets the doomed ones. Returns how many
 * that were, or -errno. A walk takes 10 ms on a busy node, so gather what has ended and walk at
 * most once a second. Both sockets are of NETLINK_NETFILTER: one is read while the other
 * deletes. */
int ct_purge(struct nl *walk, struct nl *del, ct_doomed *doomed, void *arg);

#endif
