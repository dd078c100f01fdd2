/* net/mptcp.c - kernel MPTCP: what this kernel can do, and what one connection really does */
#include "net/mptcp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mptcp.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/check.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#ifndef SOL_MPTCP
#define SOL_MPTCP 284
#endif

enum { SYN_SENT = 2 }; /* TCP_SYN_SENT of netinet/tcp.h, which linux/tcp.h does not go with */

bool mptcp_here(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static void read_line(const char *path, char out[static MPTCP_NAMES_MAX])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, out, MPTCP_NAMES_MAX - 1);

	if (fd >= 0)
		close(fd);
	out[n > 0 ? n : 0] = 0;
	out[strcspn(out, "\n")] = 0;
}

void mptcp_schedulers(char out[static MPTCP_NAMES_MAX])
{
	read_line("/proc/sys/net/mptcp/available_schedulers", out);
}

void mptcp_scheduler(char out[static MPTCP_NAMES_MAX])
{
	read_line("/proc/sys/net/mptcp/scheduler", out);
}

int mptcp_set_scheduler(const char *name)
{
	int fd = open("/proc/sys/net/mptcp/scheduler", O_WRONLY | O_CLOEXEC);
	int r = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, name, strlen(name)) < 0)
		r = -errno;
	close(fd);
	return r;
}

/* One array of the kernel's, an element a subflow. */
union table {
	struct mptcp_subflow_data head;
	struct {
		struct mptcp_subflow_data head;
		struct tcp_info v[MPTCP_SUBFLOWS_MAX];
	} tcp;
	struct {
		struct mptcp_subflow_data head;
		struct mptcp_subflow_addrs v[MPTCP_SUBFLOWS_MAX];
	} addr;
};

/* How many subflows there are, or -errno. */
static int get_table(int fd, int what, size_t size, union table *t)
{
	socklen_t len = (socklen_t)(sizeof t->head + MPTCP_SUBFLOWS_MAX * size);

	memset(t, 0, sizeof *t);
	t->head.size_subflow_data = sizeof t->head;
	t->head.size_user = (uint32_t)size;
	if (getsockopt(fd, SOL_MPTCP, what, t, &len))
		return errno == EOPNOTSUPP ? -ENOPROTOOPT : -errno;
	return t->head.num_subflows > MPTCP_SUBFLOWS_MAX ? -EOVERFLOW : (int)t->head.num_subflows;
}

static bool fell_back(int fd)
{
	struct mptcp_info i = { 0 };
	socklen_t len = sizeof i;

	return getsockopt(fd, SOL_MPTCP, MPTCP_INFO, &i, &len) ||
	       (i.mptcpi_flags & MPTCP_INFO_FLAG_FALLBACK);
}

int mptcp_info(int fd, struct mptcp_conn *c)
{
	union table t;
	int n, r;

	c->n = 0;
	if (fell_back(fd))
		return -ENOPROTOOPT;
	n = get_table(fd, MPTCP_SUBFLOW_ADDRS, sizeof t.addr.v[0], &t);
	for (int i = 0; i < n; i++) {
		const void *local = &t.addr.v[i].ss_local, *remote = &t.addr.v[i].ss_remote;

		if (!addr_from_sockaddr(&c->sub[i].local, local) ||
		    !addr_from_sockaddr(&c->sub[i].remote, remote))
			return -EAFNOSUPPORT;
	}
	r = n < 0 ? n : get_table(fd, MPTCP_TCPINFO, sizeof t.tcp.v[0], &t);
	if (r < 0 || r != n)
		return r < 0 ? r : -EAGAIN;
	for (int i = 0; i < n; i++) {
		const struct tcp_info *tcp = &t.tcp.v[i];

		if (tcp->tcpi_state == SYN_SENT)
			continue;
		c->sub[c->n] = c->sub[i];
		c->sub[c->n].sent_bytes = tcp->tcpi_bytes_sent - tcp->tcpi_bytes_retrans;
		c->sub[c->n++].rtt_us = tcp->tcpi_rtt;
	}
	return 0;
}
