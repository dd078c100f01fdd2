/* net/mptcp.h - kernel MPTCP: what this kernel can do, and what one connection really does
 *
 * A socket of IPPROTO_MPTCP falls back to TCP in silence, wherever the peer or somebody on the way
 * does not understand it. So whoever wants several paths has to look: mptcp_info. Sources: the
 * kernel's Documentation/networking/mptcp.rst and include/uapi/linux/mptcp.h. */
#ifndef NET_MPTCP_H
#define NET_MPTCP_H

#include <stdbool.h>
#include <stdint.h>

#include "core/addr.h"

enum {
	MPTCP_SUBFLOWS_MAX = 9, /* the first, and 8 more: what the kernel allows */
	MPTCP_NAMES_MAX = 128,	/* bytes of all schedulers' names; a name has at most 16 */
};

/* Whether sockets of IPPROTO_MPTCP can be made here: built in, and not switched off. */
bool mptcp_here(void);

/* The names of the schedulers that the kernel has, with a space between; "" where it does not say.
 * And the one in use in this network namespace. */
void mptcp_schedulers(char out[static MPTCP_NAMES_MAX]);
void mptcp_scheduler(char out[static MPTCP_NAMES_MAX]);
/* For connections from now on. Takes CAP_NET_ADMIN. 0 or -errno: -ENOENT, there is none. */
int mptcp_set_scheduler(const char *name);

struct mptcp_conn {
	uint32_t n; /* subflows whose peer has answered, the first one included */
	struct {
		struct addr local, remote;
		uint32_t rtt_us;
		uint64_t sent_bytes; /* TCP's payload, retransmissions not counted */
	} sub[MPTCP_SUBFLOWS_MAX];
};

/* 0 and what the connection of fd is made of now; -ENOPROTOOPT when it is no MPTCP or has fallen
 * back to one TCP connection; -EAGAIN when a subflow came or went meanwhile; or -errno. */
int mptcp_info(int fd, struct mptcp_conn *c);

#endif
