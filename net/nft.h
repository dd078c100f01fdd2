/* net/nft.h - forwards in the kernel: one nftables table, whose map elements are the forwards
 *
 *	table inet machete {		# owned by our socket: it goes when we go, however we go
 *		map forward4 {
 *			type ipv4_addr . ipv4_addr . inet_service : ipv4_addr . inet_service
 *			flags timeout }		# client . node . port at the node : device . port
 *		map forward6 { the same with ipv6_addr }
 *		set known4 { type ipv4_addr . ipv4_addr . inet_service }	(and 6)
 *		set guard { type iface_index }
 *		chain prerouting {
 *			type nat hook prerouting priority dstnat
 *			dnat ip to ip saddr . ip daddr . tcp dport map @forward4	(and 6) }
 *		chain postrouting {
 *			type nat hook postrouting priority srcnat
 *			ct original ip saddr . ip daddr . proto-dst in @forward4 masquerade }
 *		chain forward {
 *			type filter hook forward priority filter
 *			ct original ip saddr . ip daddr . proto-dst in @forward4 accept
 *			ct original ip saddr . ip daddr . proto-dst @known4 drop	(and 6)
 *			iif @guard drop }
 *	}
 *
 * Chains and rules are installed once; a forward is one element, so that 20,000 cost a packet what
 * one does. An element that expires ends its established connections too: every forwarded packet is
 * looked up, and one of a forward that was once known but is no more is dropped, until nft_forget.
 * The node's address is part of the key, so that a packet which only passes this host is never
 * taken. Nothing outside the table is touched. */
#ifndef NET_NFT_H
#define NET_NFT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/addr.h"
#include "net/nl.h"

enum { NFT_FORWARDS_MAX = 65536 }; /* of each family: a map's bound, 200 bytes of kernel each */

struct nft {
	struct nl nl;
	bool installed;
};

/* From who comes from `client` (any port) to `node`, on to `device`; all of one family. */
struct nft_forward {
	struct addr client;
	struct addr node;
	struct addr device;
	uint32_t lease_ms; /* when read back: what is left of it */
};

/* Installs the table. One of this name that nobody owns is replaced. 0, -EBUSY when another process
 * owns it, -EPERM without CAP_NET_ADMIN, or another -errno: no nf_tables here. */
int nft_open(struct nft *n);
/* Removes the table, and with it every forward. */
void nft_close(struct nft *n);

/* 0, -EEXIST when the client has a forward at this node address and port, -ENFILE when the map is
 * full, -EAFNOSUPPORT when families differ, or another -errno. */
int nft_add(struct nft *n, const struct nft_forward *f);
/* Gives a forward another lease_ms and device, or makes it anew when it expired meanwhile. */
int nft_renew(struct nft *n, const struct nft_forward *f);
/* 0, or -ENOENT when there is none (any more); f->device and lease are not looked at. */
int nft_remove(struct nft *n, const struct nft_forward *f);
/* To be called for what was removed or has expired, once its connections are gone (net/ct): until
 * then their packets are dropped, afterwards the kernel treats them as strangers'. 0 or -errno. */
int nft_forget(struct nft *n, const struct nft_forward *f);
/* Removes all, and forgets them. 0 or -errno. */
int nft_remove_all(struct nft *n);

/* Calls each for every forward that lives. 0 or -errno; -EAGAIN: changed meanwhile, begin again. */
typedef void nft_each(const struct nft_forward *f, void *arg);
int nft_list(struct nft *n, nft_each *each, void *arg);

/* Drops whatever came in by this interface and would be forwarded, but for our own forwards: for
 * interfaces on which we switched forwarding on. */
int nft_guard(struct nft *n, uint32_t ifindex);

/* Whether a chain of somebody else's drops forwarded packets unless a rule of theirs lets them
 * pass. It may let ours pass; it probably does not. False when that cannot be read. */
bool nft_foreign_drop(struct nft *n);

#endif
