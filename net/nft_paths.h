/* net/nft_paths.h - a client's side of MPTCP over nodes: one nftables table that bends subflows
 *
 *	table inet machete-client {
 *		map way { type ipv4_addr . ipv4_addr . inet_service : ipv4_addr . inet_service }
 *			# our address . device . port : node . port of its forward
 *		set closed4 { type ipv4_addr . inet_service }	# device . port	(and 6)
 *		set virtual { type ipv4_addr }	# our addresses that exist on lo alone
 *		chain output { type nat hook output priority dstnat
 *			dnat ip to ip saddr . ip daddr . tcp dport map @way }
 *		chain leaving { type filter hook output priority filter
 *			what is in @way but has no MPTCP option: counter reject with tcp reset
 *			ip daddr . tcp dport @closed4 counter drop	(and 6) }
 *		chain postrouting { type nat hook postrouting priority srcnat
 *			what is in @way masquerade }
 *		chain last { type filter hook postrouting priority srcnat + 1
 *			ip saddr @virtual counter drop }
 *	}
 *
 * When its process dies, what was to go over several paths must not go directly: it stays, and
 * stops everything to the closed ports, until it is removed. From Linux 6.9 on it is owned by our
 * socket until then, so that no `nft flush ruleset` removes it. */
#ifndef NET_NFT_PATHS_H
#define NET_NFT_PATHS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/addr.h"
#include "net/nl.h"

enum { NFT_PATHS_CLOSED_MAX = 65 }; /* 4 addresses of a device with 16 ports, and its own port */

/* nl is of NETLINK_NETFILTER. What goes to the n addresses and ports `closed` leaves translated or
 * not at all from then on; with `replace` what a table that is there closes stays closed until
 * then. 0; -EEXIST when there is a table, and not `replace`; -EPERM; -errno. */
int nft_paths_install(struct nl *nl, bool replace, const struct addr *closed, uint32_t n);
/* Whether there is such a table: 0, -ENOENT, -EPERM without CAP_NET_ADMIN, or -errno. */
int nft_paths_here(struct nl *nl);
/* 0 also when there is none. */
int nft_paths_remove(struct nl *nl);

/* What comes from this IPv4 address leaves translated or not at all. 0 or -errno. */
int nft_paths_virtual(struct nl *nl, const struct addr *a);
/* No new connection is translated any more: what is closed stays closed. 0, also when there is no
 * table, or -errno. */
int nft_paths_shut(struct nl *nl);
/* Connections from `local` (any port) to `device` go to `node` instead, and no longer where they
 * went before; all IPv4. 0 or -errno. */
int nft_paths_way(struct nl *nl, const struct addr *local, const struct addr *device,
		  const struct addr *node);

/* Calls each for everything that is closed. 0, also without a table, or -errno. */
typedef void nft_paths_each(const struct addr *device, void *arg);
int nft_paths_closed(struct nl *nl, nft_paths_each *each, void *arg);

/* Packets that did not leave. 0 or -errno. */
struct nft_paths_stopped {
	uint64_t reset;	  /* as their connection was no MPTCP or had fallen back */
	uint64_t dropped; /* as they would have left without being translated */
};
int nft_paths_stopped(struct nl *nl, struct nft_paths_stopped *s);

#endif
