/* net/nl.h - netlink: one request and its acknowledgement, a dump, or a batch, at a time
 *
 * The one place that knows sequence numbers, interrupted calls and lost answers. Messages are built
 * and read with libmnl's macros; the socket is ours, so that nothing is allocated. The kernel
 * answers within the call, so nothing here waits for long, and a loop may call it. */
#ifndef NET_NL_H
#define NET_NL_H

#include <stddef.h>
#include <stdint.h>

struct nlmsghdr;

enum {
	NL_MSG_BYTES = 1024,   /* one request without nested lists: routes, addresses, elements */
	NL_BATCH_BYTES = 14336, /* an nftables table, 5 KiB, and 65 elements that it begins with */
};

struct nl {
	int fd;
	uint32_t port; /* our address on the bus; an owned table's owner */
	uint32_t seq;
};

/* bus is NETLINK_ROUTE, NETLINK_NETFILTER, ... 0 or -errno. */
int nl_open(struct nl *nl, int bus);
void nl_close(struct nl *nl);

/* An empty message of this type at buf, with NLM_F_REQUEST, flags and the next sequence number. */
struct nlmsghdr *nl_begin(struct nl *nl, void *buf, uint16_t type, uint16_t flags);

/* Sends nlh, which has NLM_F_ACK, and waits for the acknowledgement. 0 or -errno, the kernel's. */
int nl_request(struct nl *nl, const struct nlmsghdr *nlh);

/* One message of an answer, lent. */
typedef void nl_each(const struct nlmsghdr *nlh, void *arg);

/* Sends nlh, which has NLM_F_DUMP or asks for one object, and calls each for everything that comes
 * back. 0, the kernel's -errno, or -EAGAIN when the table changed meanwhile, so that something may
 * be missing or doubled: begin again. */
int nl_query(struct nl *nl, const struct nlmsghdr *nlh, nl_each *each, void *arg);

/* Sends len bytes of messages numbered first to last, of which the last has NLM_F_ACK, that succeed
 * or fail together (nfnetlink's batches). 0 or -errno of the first that failed. */
int nl_batch(struct nl *nl, const void *msgs, size_t len, uint32_t first, uint32_t last);

#endif
