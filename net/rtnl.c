/* net/rtnl.c - which way packets to an address leave, and addresses that are ours for a while */
#include "net/rtnl.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

static void put_ip(struct nlmsghdr *nlh, uint16_t type, const struct addr *a)
{
	uint32_t skip = addr_is_v4(a) ? 12 : 0;

	mnl_attr_put(nlh, type, 16 - skip, a->ip + skip);
}

struct way {
	uint8_t type;
	uint32_t ifindex;
};

static void take_route(const struct nlmsghdr *nlh, void *arg)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *a = mnl_nlmsg_get_payload_offset(nlh, sizeof *rtm);
	const char *end = mnl_nlmsg_get_payload_tail(nlh);
	struct way *w = arg;

	if (nlh->nlmsg_len < mnl_nlmsg_size(sizeof *rtm))
		return;
	w->type = rtm->rtm_type;
	for (; mnl_attr_ok(a, (int)(end - (const char *)a)); a = mnl_attr_next(a))
		if (mnl_attr_get_type(a) == RTA_OIF && mnl_attr_get_payload_len(a) == 4)
			w->ifindex = mnl_attr_get_u32(a);
}

int rtnl_way(struct nl *nl, const struct addr *to, const struct addr *from, uint32_t *ifindex)
{
	_Alignas(8) char buf[NL_MSG_BYTES];
	struct nlmsghdr *nlh = nl_begin(nl, buf, RTM_GETROUTE, 0);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof *rtm);
	struct way w = { .type = RTN_UNSPEC };
	int err;

	rtm->rtm_family = addr_is_v4(to) ? AF_INET : AF_INET6;
	rtm->rtm_dst_len = addr_is_v4(to) ? 32 : 128;
	put_ip(nlh, RTA_DST, to);
	if (from) {
		rtm->rtm_src_len = rtm->rtm_dst_len;
		put_ip(nlh, RTA_SRC, from);
	}
	err = nl_query(nl, nlh, take_route, &w);
	if (err)
		return err;
	*ifindex = w.ifindex;
	return w.type == RTN_UNICAST && w.ifindex ? 0 : -EADDRNOTAVAIL;
}

/* On lo, with a prefix of its own. */
static void put_on_lo(struct nlmsghdr *nlh, const struct addr *a)
{
	struct ifaddrmsg *m = mnl_nlmsg_put_extra_header(nlh, sizeof *m);

	m->ifa_family = AF_INET;
	m->ifa_prefixlen = 32;
	m->ifa_scope = RT_SCOPE_HOST;
	m->ifa_index = if_nametoindex("lo");
	put_ip(nlh, IFA_LOCAL, a);
	put_ip(nlh, IFA_ADDRESS, a);
}

int rtnl_lend(struct nl *nl, const struct addr *a, uint32_t seconds)
{
	_Alignas(8) char buf[NL_MSG_BYTES];
	struct nlmsghdr *nlh = nl_begin(nl, buf, RTM_NEWADDR,
					NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK);
	struct ifa_cacheinfo life = { .ifa_prefered = seconds, .ifa_valid = seconds };

	if (!addr_is_v4(a))
		return -EAFNOSUPPORT;
	put_on_lo(nlh, a);
	mnl_attr_put(nlh, IFA_CACHEINFO, sizeof life, &life);
	return nl_request(nl, nlh);
}

int rtnl_take_back(struct nl *nl, const struct addr *a)
{
	_Alignas(8) char buf[NL_MSG_BYTES];
	struct nlmsghdr *nlh = nl_begin(nl, buf, RTM_DELADDR, NLM_F_ACK);
	int r;

	put_on_lo(nlh, a);
	r = nl_request(nl, nlh);
	return r == -EADDRNOTAVAIL ? 0 : r;
}
