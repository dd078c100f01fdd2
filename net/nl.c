/* net/nl.c - netlink: one request and its acknowledgement, a dump, or a batch, at a time */
#include "net/nl.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	RECV_BYTES = 32768,   /* what the kernel fills at most for one read of a dump */
	RCVBUF_BYTES = 1 << 20, /* a batch of which every message fails answers with all of them */
};

int nl_open(struct nl *nl, int bus)
{
	struct sockaddr_nl us = { .nl_family = AF_NETLINK };
	socklen_t len = sizeof us;
	int room = RCVBUF_BYTES;
	int err;

	nl->seq = 0;
	nl->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, bus);
	if (nl->fd < 0)
		return -errno;
	/* Best effort: without, a long answer ends in ENOBUFS, which is reported. */
	setsockopt(nl->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
	if (bind(nl->fd, (struct sockaddr *)&us, sizeof us) ||
	    getsockname(nl->fd, (struct sockaddr *)&us, &len)) {
		err = -errno;
		nl_close(nl);
		return err;
	}
	nl->port = us.nl_pid;
	return 0;
}

void nl_close(struct nl *nl)
{
	if (nl->fd >= 0)
		close(nl->fd);
	nl->fd = -1;
}

struct nlmsghdr *nl_begin(struct nl *nl, void *buf, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = ++nl->seq;
	return nlh;
}

static int send_all(const struct nl *nl, const void *msgs, size_t len)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	ssize_t n;

	do
		n = sendto(nl->fd, msgs, len, 0, (struct sockaddr *)&kernel, sizeof kernel);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* One read, from the kernel and nobody else: bytes, or -errno. */
static ssize_t receive(const struct nl *nl, void *buf, size_t room)
{
	struct sockaddr_nl from;
	struct iovec iov = { buf, room };
	struct msghdr msg = { .msg_name = &from, .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	for (;;) {
		msg.msg_namelen = sizeof from;
		n = recvmsg(nl->fd, &msg, 0);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n >= 0 && from.nl_pid == 0)
			return msg.msg_flags & MSG_TRUNC ? -EMSGSIZE : n;
	}
}

/* What one exchange waits for. */
struct wait {
	uint32_t first, last; /* answers to other requests are left over from a failure: skipped */
	nl_each *each;
	void *arg;
	int err; /* the first */
	bool interrupted, done;
};

static void take_error(struct wait *w, const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);
	int err = nlh->nlmsg_len < mnl_nlmsg_size(sizeof *e) ? -EBADMSG : e->error;

	if (err && !w->err)
		w->err = err;
	/* A batch that fails as a whole is answered for its first message alone. */
	w->done |= nlh->nlmsg_seq == w->last || (err && nlh->nlmsg_seq == w->first);
}

static void take(struct wait *w, const struct nlmsghdr *nlh)
{
	if (nlh->nlmsg_seq - w->first > w->last - w->first)
		return;
	w->interrupted |= (nlh->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
	if (nlh->nlmsg_type == NLMSG_ERROR)
		take_error(w, nlh);
	else if (nlh->nlmsg_type == NLMSG_DONE)
		w->done = true;
	else if (nlh->nlmsg_type >= NLMSG_MIN_TYPE && w->each) {
		w->each(nlh, w->arg);
		w->done |= !(nlh->nlmsg_flags & NLM_F_MULTI);
	}
}

static int exchange(const struct nl *nl, const void *msgs, size_t len, struct wait *w)
{
	_Alignas(struct nlmsghdr) char buf[RECV_BYTES];
	int err = send_all(nl, msgs, len);

	while (!err && !w->done) {
		ssize_t got = receive(nl, buf, sizeof buf);
		int left = (int)got;

		if (got < 0)
			return (int)got;
		for (const struct nlmsghdr *nlh = (void *)buf; mnl_nlmsg_ok(nlh, left);
		     nlh = mnl_nlmsg_next(nlh, &left))
			take(w, nlh);
	}
	return err ? err : w->err ? w->err : w->interrupted ? -EAGAIN : 0;
}

int nl_request(struct nl *nl, const struct nlmsghdr *nlh)
{
	struct wait w = { .first = nlh->nlmsg_seq, .last = nlh->nlmsg_seq };

	return exchange(nl, nlh, nlh->nlmsg_len, &w);
}

int nl_query(struct nl *nl, const struct nlmsghdr *nlh, nl_each *each, void *arg)
{
	struct wait w = {
		.first = nlh->nlmsg_seq, .last = nlh->nlmsg_seq, .each = each, .arg = arg
	};

	return exchange(nl, nlh, nlh->nlmsg_len, &w);
}

int nl_batch(struct nl *nl, const void *msgs, size_t len, uint32_t first, uint32_t last)
{
	struct wait w = { .first = first, .last = last };

	return exchange(nl, msgs, len, &w);
}
