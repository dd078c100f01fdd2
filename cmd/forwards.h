/* cmd/forwards.h - a node's forwards in the kernel (net/nft): which there are, and when they end
 *
 * A forward begins with an OPEN of kind nat: the kernel translates what its client sends to one
 * port of the node, until the lease ends. It ends by CLOSE, by its lease, or when client or device
 * are members no more. Then three things follow: its element goes (with the lease, by itself), its
 * connections are purged (net/ct, once a second for all that ended), and it is forgotten. Its port
 * is not given to that client again before. */
#ifndef CMD_FORWARDS_H
#define CMD_FORWARDS_H

#include <net/if.h>

#include "cmd/undo.h"
#include "core/gate.h"
#include "core/loop.h"
#include "net/nft.h"

enum {
	NAT_FORWARDS_MAX = 32768, /* 64 bytes each, touched when used; half of an nft map */
	NAT_CLIENT_MAX = 4096,	  /* so that no client takes more than an eighth */
	NAT_BUCKETS = 65536,
	NAT_DESTS_MAX = 4096, /* places that forwards lead to at a time: searched one by one */
	NAT_PORT_LO = 7201,
	NAT_PORT_HI = 8200,
	NAT_LEASE_MIN_S = 10, /* a sweep is a second, and 0 would be for ever in the kernel */
	NAT_ID_BITS = 15,     /* the low bits of a forward's id are its place in the table */
};

enum forward_state { FORWARD_FREE = 0, FORWARD_LIVE, FORWARD_ENDED, FORWARD_PURGED };

struct forward {
	uint64_t id;
	uint8_t client[16], node[16];
	uint32_t row;	  /* of the client in the gate */
	uint32_t since_s; /* mono, as all seconds here */
	uint32_t end_s;	  /* of its lease */
	uint16_t port;	/* at the node */
	uint16_t dest;
	uint16_t next; /* in its bucket, or among the free; place + 1 */
	uint8_t state; /* enum forward_state */
};

struct dest {
	struct fp device;
	struct addr at;
	uint32_t forwards; /* 0: free */
};

struct forwards {
	struct nft nft;
	struct nl walk;	 /* net/ct reads from it */
	struct nl route; /* NETLINK_ROUTE */
	struct undo undo;
	struct gate *gate;
	struct loop *loop;
	uint64_t salt, last;
	uint16_t lo, hi, port; /* of --ports; the last one given away */
	uint32_t lease_s_max;  /* the longest that is granted */
	uint16_t free;	       /* place + 1 */
	uint32_t used, dests;  /* places that were ever taken */
	uint32_t ended, purged;
	bool closing;
	struct timer forget;
	uint16_t bucket[NAT_BUCKETS];
	struct dest dest[NAT_DESTS_MAX];
	struct forward v[NAT_FORWARDS_MAX];
};

/* What an OPEN asks for, after it was judged. */
struct forward_ask {
	struct addr client, node; /* the two ends of the connection that the OPEN came by */
	struct addr dest;
	struct fp device;
	uint32_t row, lease_s;
};

struct forward_told {
	uint64_t id;
	uint32_t row, seconds; /* since it began */
	uint32_t left_s;       /* of its lease */
	struct fp device;
};

/* w is large, zero, and its gate, loop, lo, hi and
 * lease_s_max are filled in. Undoes what a process before us
 * left, and installs the table. NULL, or why the kernel cannot forward here: then nothing stays
 * open. */
const char *forwards_open(struct forwards *w, const char *undo_path);
/* Ends all and takes everything out of the kernel again. */
void forwards_close(struct forwards *w);

/* A new forward: OPEN_OK with its id, its port and the lease that was granted; OPEN_BAD_KIND when
 * the kernel does not forward from this client to that device, with the reason; or OPEN_FULL. */
enum open_verdict forwards_add(struct forwards *w, const struct forward_ask *q, uint64_t *id,
			       uint16_t *port, uint32_t *lease_s, const char **why);
/* The live forward of this id and client, or NULL; lent until the next call. */
struct forward *forwards_find(struct forwards *w, uint64_t id, uint32_t row);
/* Gives it a new lease from now on, which is returned; 0: the kernel refuses. */
uint32_t forwards_renew(struct forwards *w, struct forward *f, uint32_t lease_s);
void forwards_end(struct forwards *w, struct forward *f);
/* The place-th of those that live, from 0 to w->used - 1: what to tell of it. False: none there. */
bool forwards_told(const struct forwards *w, uint32_t place, struct forward_told *out);

/* Ends those of clients that the gate admits no more, and those that lead to places of which
 * `stands` says no. */
void forwards_check(struct forwards *w, bool (*stands)(void *owner, const struct dest *d),
		    void *owner);
/* Every second: notes which leases have ended, and purges. */
void forwards_sweep(struct forwards *w);

#endif
