/* net/route.c - whether a local address can be used with its network device, and since when */
#include "net/route.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
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

struct walk {
	route_each *each;
	void *arg;
};

static bool take_ip(struct addr *a, const struct nlattr *attr)
{
	size_t len = mnl_attr_get_payload_len(attr);

	*a = (struct addr){ .ip = { [10] = 0xff, [11] = 0xff } };
	if (len == 16 || len == 4)
		memcpy(a->ip + 16 - len, mnl_attr_get_payload(attr), len);
	return len == 16 || len == 4;
}

/* IFA_LOCAL is the host's own where the link has a peer, and then IFA_ADDRESS is that one's. */
static void take_address(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	const struct walk *w = arg;
	struct nlattr *attr; /* the macro casts const away */
	struct ifa_cacheinfo age;
	bool found = false, local = false, dated = false;
	struct addr a;

	if (nlh->nlmsg_type != RTM_NEWADDR || nlh->nlmsg_len < mnl_nlmsg_size(sizeof *ifa))
		return;
	mnl_attr_for_each(attr, nlh, sizeof *ifa) {
		uint16_t type = mnl_attr_get_type(attr);

		if (type == IFA_CACHEINFO && mnl_attr_get_payload_len(attr) >= sizeof age) {
			memcpy(&age, mnl_attr_get_payload(attr), sizeof age);
			dated = true;
		} else if (type == IFA_LOCAL || (type == IFA_ADDRESS && !local)) {
			found = take_ip(&a, attr);
			local |= type == IFA_LOCAL;
		}
	}
	if (found && dated) /* hundredths of a second, on the clock that core/mono reads */
		w->each(&a, ifa->ifa_index, mono_us(age.cstamp * INT64_C(10000)), w->arg);
}

int route_addresses(route_each *each, void *arg)
{
	_Alignas(8) char buf[NL_MSG_BYTES];
	struct walk w = { each, arg };
	struct ifaddrmsg *ifa;
	struct nlmsghdr *nlh;
	struct nl nl;
	int r = nl_open(&nl, NETLINK_ROUTE);

	if (r)
		return r;
	nlh = nl_begin(&nl, buf, RTM_GETADDR, NLM_F_DUMP);
	ifa = mnl_nlmsg_put_extra_header(nlh, sizeof *ifa);
	ifa->ifa_family = AF_UNSPEC;
	r = nl_query(&nl, nlh, take_address, &w);
	nl_close(&nl);
	return r;
}
