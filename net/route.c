/* net/route.c - whether a local address can be used together with its network device */
#include "net/route.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include "net/nl.h"

static void put_ip(struct nlmsghdr *nlh, uint16_t type, const struct addr *a)
{
	size_t skip = addr_is_v4(a) ? 12 : 0;

	mnl_attr_put(nlh, type, 16 - skip, a->ip + skip);
}

static void take_type(const struct nlmsghdr *nlh, void *arg)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);

	if (nlh->nlmsg_len >= mnl_nlmsg_size(sizeof *rtm))
		*(uint8_t *)arg = rtm->rtm_type;
}

/* RTM_F_FIB_MATCH asks for the route itself; without it the kernel makes one up for the device. */
static int ask(struct nl *nl, const struct addr *from, unsigned ifindex, const struct addr *to)
{
	_Alignas(8) char buf[NL_MSG_BYTES];
	struct nlmsghdr *nlh = nl_begin(nl, buf, RTM_GETROUTE, 0);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof *rtm);
	uint8_t type = RTN_UNSPEC;
	int r;

	rtm->rtm_family = addr_is_v4(to) ? AF_INET : AF_INET6;
	rtm->rtm_dst_len = rtm->rtm_src_len = addr_is_v4(to) ? 32 : 128;
	rtm->rtm_flags = RTM_F_FIB_MATCH;
	put_ip(nlh, RTA_DST, to);
	put_ip(nlh, RTA_SRC, from);
	mnl_attr_put_u32(nlh, RTA_OIF, ifindex);
	r = nl_query(nl, nlh, take_type, &type);
	return r ? r : type == RTN_UNICAST ? 0 : -ENETUNREACH;
}

int route_through(const struct addr *from, const char *device, const struct addr *to)
{
	unsigned ifindex = if_nametoindex(device);
	struct nl nl;
	int r;

	if (!ifindex)
		return -ENODEV;
	r = nl_open(&nl, NETLINK_ROUTE);
	if (r)
		return r;
	r = ask(&nl, from, ifindex, to);
	nl_close(&nl);
	return r;
}
