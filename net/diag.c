/* net/diag.c - TCP connections of this host that must not go on (sock_diag(7)) */
#include "net/diag.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "core/check.h"
#include "net/nl.h"

enum { FOUND_MAX = 64, ROUNDS_MAX = 64 }; /* at a time; and no more than 4,096 at all */

struct found {
	const struct addr *remote;
	uint8_t family;
	struct inet_diag_sockid id[FOUND_MAX];
	uint32_t n;
};

static void take(const struct nlmsghdr *nlh, void *arg)
{
	const struct inet_diag_msg *m = mnl_nlmsg_get_payload(nlh);
	struct found *f = arg;
	struct addr a = { .ip = { [10] = 0xff, [11] = 0xff } };

	if (nlh->nlmsg_len < mnl_nlmsg_size(sizeof *m) || f->n == FOUND_MAX)
		return;
	if (f->family == AF_INET)
		memcpy(a.ip + 12, m->id.idiag_dst, 4);
	else
		memcpy(a.ip, m->id.idiag_dst, 16);
	a.port = ntohs(m->id.idiag_dport);
	if (addr_eq(&a, f->remote))
		f->id[f->n++] = m->id;
}

static struct nlmsghdr *ask(struct nl *nl, void *buf, const struct found *f, uint16_t type,
			    const struct inet_diag_sockid *id)
{
	struct nlmsghdr *nlh = nl_begin(nl, buf, type, id ? NLM_F_ACK : NLM_F_DUMP);
	struct inet_diag_req_v2 *q = mnl_nlmsg_put_extra_header(nlh, sizeof *q);

	q->sdiag_family = f->family;
	q->sdiag_protocol = IPPROTO_TCP;
	q->idiag_states = ~(1u << TCP_TIME_WAIT); /* old kernels refuse to end it */
	if (id)
		q->id = *id;
	return nlh;
}

/* One family; IPv4 is also at sockets of IPv6. A socket that is gone meanwhile is no error. */
static int destroy(struct nl *nl, struct found *f)
{
	_Alignas(8) char buf[NL_MSG_BYTES];
	int all = 0, r;

	for (int round = 0; round < ROUNDS_MAX; round++) {
		f->n = 0;
		r = nl_query(nl, ask(nl, buf, f, SOCK_DIAG_BY_FAMILY, NULL), take, f);
		if (r && r != -EAGAIN)
			return r;
		for (uint32_t i = 0; i < f->n; i++) {
			r = nl_request(nl, ask(nl, buf, f, SOCK_DESTROY, &f->id[i]));
			if (r && r != -ENOENT)
				return r;
			all += !r;
		}
		if (f->n < FOUND_MAX)
			break;
	}
	return all;
}

int diag_destroy(const struct addr *remote)
{
	struct found f = { .remote = remote, .family = AF_INET };
	struct nl nl;
	int r = nl_open(&nl, NETLINK_SOCK_DIAG), v6;

	if (r)
		return r;
	r = addr_is_v4(remote) ? destroy(&nl, &f) : 0;
	f.family = AF_INET6;
	v6 = r < 0 ? 0 : destroy(&nl, &f);
	nl_close(&nl);
	return v6 < 0 ? v6 : r + v6;
}
