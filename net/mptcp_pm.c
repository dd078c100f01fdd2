/* net/mptcp_pm.c - the kernel's path manager of MPTCP: its endpoints, its limits, its events */
#include "net/mptcp_pm.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/mptcp.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "core/check.h"

enum {
	EVENT_ATTRS = 14, /* those up to MPTCP_ATTR_ERROR, and room */
	RECV_BYTES = 8192,
};

/* --- reading ---------------------------------------------------------------------------------- */

/* Attributes by type, as far as max goes; what is longer than its frame is left out. */
static void index_attrs(const struct nlattr *a, const char *end, const struct nlattr **out,
			uint16_t max)
{
	memset(out, 0, max * sizeof *out);
	for (; mnl_attr_ok(a, (int)(end - (const char *)a)); a = mnl_attr_next(a))
		if (mnl_attr_get_type(a) < max)
			out[mnl_attr_get_type(a)] = a;
}

static void index_nested(const struct nlattr *in, const struct nlattr **out, uint16_t max)
{
	const char *p = mnl_attr_get_payload(in);

	index_attrs((const void *)p, p + mnl_attr_get_payload_len(in), out, max);
}

/* False: it is no message of generic netlink. */
static bool index_message(const struct nlmsghdr *nlh, const struct nlattr **out, uint16_t max)
{
	if (nlh->nlmsg_len < mnl_nlmsg_size(sizeof(struct genlmsghdr)))
		return false;
	index_attrs(mnl_nlmsg_get_payload_offset(nlh, sizeof(struct genlmsghdr)),
		    (const char *)nlh + nlh->nlmsg_len, out, max);
	return true;
}

static bool get(const struct nlattr *a, void *out, size_t len)
{
	if (!a || mnl_attr_get_payload_len(a) != len)
		return false;
	memcpy(out, mnl_attr_get_payload(a), len);
	return true;
}

static bool get_addr(const struct nlattr *v4, const struct nlattr *v6, struct addr *a)
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

	*a = (struct addr){ 0 };
	if (get(v6, a->ip, 16))
		return true;
	memcpy(a->ip, mapped, sizeof mapped);
	return get(v4, a->ip + 12, 4);
}

static uint16_t get_port(const struct nlattr *a)
{
	uint8_t be[2] = { 0 };

	get(a, be, sizeof be);
	return (uint16_t)(be[0] << 8 | be[1]);
}

static void get_group(const struct nlattr *group, uint32_t *id)
{
	const struct nlattr *at[CTRL_ATTR_MCAST_GRP_ID + 1];
	char name[sizeof MPTCP_PM_EV_GRP_NAME] = "";

	index_nested(group, at, ARRAY_LEN(at));
	if (get(at[CTRL_ATTR_MCAST_GRP_NAME], name, sizeof name) &&
	    !memcmp(name, MPTCP_PM_EV_GRP_NAME, sizeof name))
		get(at[CTRL_ATTR_MCAST_GRP_ID], id, sizeof *id);
}

bool mptcp_pm_get_family(struct mptcp_pm *pm, const struct nlmsghdr *nlh)
{
	const struct nlattr *at[CTRL_ATTR_MCAST_GROUPS + 1], *group;
	const char *end;

	pm->events = 0;
	if (!index_message(nlh, at, ARRAY_LEN(at)) ||
	    !get(at[CTRL_ATTR_FAMILY_ID], &pm->family, sizeof pm->family))
		return false;
	group = at[CTRL_ATTR_MCAST_GROUPS];
	if (!group)
		return true;
	end = (const char *)mnl_attr_get_payload(group) + mnl_attr_get_payload_len(group);
	for (group = mnl_attr_get_payload(group);
	     mnl_attr_ok(group, (int)(end - (const char *)group)); group = mnl_attr_next(group))
		get_group(group, &pm->events);
	return true;
}

bool mptcp_pm_get_endpoint(struct mptcp_endpoint *e, const struct nlmsghdr *nlh)
{
	const struct nlattr *at[MPTCP_PM_ATTR_ADDR + 1], *in[MPTCP_PM_ADDR_ATTR_ADDR6 + 1];

	if (!index_message(nlh, at, ARRAY_LEN(at)) || !at[MPTCP_PM_ATTR_ADDR])
		return false;
	index_nested(at[MPTCP_PM_ATTR_ADDR], in, ARRAY_LEN(in));
	return get_addr(in[MPTCP_PM_ADDR_ATTR_ADDR4], in[MPTCP_PM_ADDR_ATTR_ADDR6], &e->addr) &&
	       get(in[MPTCP_PM_ADDR_ATTR_ID], &e->id, sizeof e->id);
}

bool mptcp_pm_get_event(struct mptcp_event *e, const struct nlmsghdr *nlh)
{
	const struct nlattr *at[EVENT_ATTRS];
	const struct genlmsghdr *g = mnl_nlmsg_get_payload(nlh);
	uint8_t error = 0;

	if (!index_message(nlh, at, ARRAY_LEN(at)) ||
	    !get(at[MPTCP_ATTR_TOKEN], &e->token, sizeof e->token))
		return false;
	e->type = g->cmd;
	get(at[MPTCP_ATTR_ERROR], &error, sizeof error);
	e->error = error;
	get_addr(at[MPTCP_ATTR_SADDR4], at[MPTCP_ATTR_SADDR6], &e->local);
	get_addr(at[MPTCP_ATTR_DADDR4], at[MPTCP_ATTR_DADDR6], &e->remote);
	e->local.port = get_port(at[MPTCP_ATTR_SPORT]);
	e->remote.port = get_port(at[MPTCP_ATTR_DPORT]);
	return true;
}

/* --- asking ----------------------------------------------------------------------------------- */

static struct nlmsghdr *begin(struct mptcp_pm *pm, void *buf, uint8_t cmd, uint16_t flags)
{
	struct nlmsghdr *nlh = nl_begin(&pm->nl, buf, pm->family, flags);
	struct genlmsghdr *g = mnl_nlmsg_put_extra_header(nlh, sizeof *g);

	g->cmd = cmd;
	g->version = 1;
	return nlh;
}

static void take_family(const struct nlmsghdr *nlh, void *arg)
{
	struct mptcp_pm *pm = arg, got;

	if (mptcp_pm_get_family(&got, nlh)) {
		pm->family = got.family;
		pm->events = got.events;
	}
}

int mptcp_pm_open(struct mptcp_pm *pm)
{
	_Alignas(8) char buf[NL_MSG_BYTES];
	struct nlmsghdr *nlh;
	int r = nl_open(&pm->nl, NETLINK_GENERIC);

	if (r)
		return r;
	pm->family = GENL_ID_CTRL;
	nlh = begin(pm, buf, CTRL_CMD_GETFAMILY, 0);
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, MPTCP_PM_NAME);
	pm->family = 0;
	r = nl_query(&pm->nl, nlh, take_family, pm);
	if (!r && !pm->family)
		r = -EBADMSG;
	if (r)
		nl_close(&pm->nl);
	return r;
}

void mptcp_pm_close(struct mptcp_pm *pm)
{
	nl_close(&pm->nl);
}

static void take_limits(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *at[MPTCP_PM_ATTR_SUBFLOWS + 1];
	struct mptcp_limits *l = arg;

	if (!index_message(nlh, at, ARRAY_LEN(at)))
		return;
	get(at[MPTCP_PM_ATTR_SUBFLOWS], &l->subflows, sizeof l->subflows);
	get(at[MPTCP_PM_ATTR_RCV_ADD_ADDRS], &l->add_addr_accepted, sizeof l->add_addr_accepted);
}

int mptcp_pm_limits(struct mptcp_pm *pm, struct mptcp_limits *l)
{
	_Alignas(8) char buf[NL_MSG_BYTES];

	*l = (struct mptcp_limits){ 0 };
	return nl_query(&pm->nl, begin(pm, buf, MPTCP_PM_CMD_GET_LIMITS, 0), take_limits, l);
}

int mptcp_pm_set_limits(struct mptcp_pm *pm, const struct mptcp_limits *l)
{
	_Alignas(8) char buf[NL_MSG_BYTES];
	struct nlmsghdr *nlh = begin(pm, buf, MPTCP_PM_CMD_SET_LIMITS, NLM_F_ACK);

	mnl_attr_put_u32(nlh, MPTCP_PM_ATTR_SUBFLOWS, l->subflows);
	mnl_attr_put_u32(nlh, MPTCP_PM_ATTR_RCV_ADD_ADDRS, l->add_addr_accepted);
	return nl_request(&pm->nl, nlh);
}

static int change(struct mptcp_pm *pm, uint8_t cmd, const struct addr *a, uint8_t id)
{
	_Alignas(8) char buf[NL_MSG_BYTES];
	struct nlmsghdr *nlh = begin(pm, buf, cmd, NLM_F_ACK);
	struct nlattr *nest = mnl_attr_nest_start(nlh, MPTCP_PM_ATTR_ADDR);
	bool v4 = addr_is_v4(a);

	mnl_attr_put_u16(nlh, MPTCP_PM_ADDR_ATTR_FAMILY, v4 ? AF_INET : AF_INET6);
	mnl_attr_put(nlh, v4 ? MPTCP_PM_ADDR_ATTR_ADDR4 : MPTCP_PM_ADDR_ATTR_ADDR6, v4 ? 4 : 16,
		     a->ip + (v4 ? 12 : 0));
	if (id)
		mnl_attr_put_u8(nlh, MPTCP_PM_ADDR_ATTR_ID, id);
	else
		mnl_attr_put_u32(nlh, MPTCP_PM_ADDR_ATTR_FLAGS,
				 MPTCP_PM_ADDR_FLAG_SUBFLOW | MPTCP_PM_ADDR_FLAG_FULLMESH);
	mnl_attr_nest_end(nlh, nest);
	return nl_request(&pm->nl, nlh);
}

int mptcp_pm_add(struct mptcp_pm *pm, const struct addr *a)
{
	return change(pm, MPTCP_PM_CMD_ADD_ADDR, a, 0);
}

struct walk {
	struct addr want;
	uint8_t id; /* of the one that is wanted */
	int n;
};

static void take_endpoint(const struct nlmsghdr *nlh, void *arg)
{
	struct walk *w = arg;
	struct mptcp_endpoint e;

	if (!mptcp_pm_get_endpoint(&e, nlh))
		return;
	w->n++;
	if (addr_same_ip(&e.addr, &w->want))
		w->id = e.id;
}

static int walk(struct mptcp_pm *pm, struct walk *w)
{
	_Alignas(8) char buf[NL_MSG_BYTES];

	return nl_query(&pm->nl, begin(pm, buf, MPTCP_PM_CMD_GET_ADDR, NLM_F_DUMP), take_endpoint,
			w);
}

int mptcp_pm_remove(struct mptcp_pm *pm, const struct addr *a)
{
	struct walk w = { .want = *a };
	int r = walk(pm, &w);

	return r || !w.id ? r : change(pm, MPTCP_PM_CMD_DEL_ADDR, a, w.id);
}

int mptcp_pm_has(struct mptcp_pm *pm, const struct addr *a)
{
	struct walk w = { .want = *a };
	int r = walk(pm, &w);

	return r ? r : w.id != 0;
}

int mptcp_pm_count(struct mptcp_pm *pm)
{
	struct walk w = { .n = 0 };
	int r = walk(pm, &w);

	return r ? r : w.n;
}

/* --- events ----------------------------------------------------------------------------------- */

int mptcp_pm_listen(const struct mptcp_pm *pm, struct nl *nl)
{
	int r = pm->events ? nl_open(nl, NETLINK_GENERIC) : -EOPNOTSUPP;

	if (r)
		return r;
	if (setsockopt(nl->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &pm->events,
		       sizeof pm->events)) {
		r = -errno;
		nl_close(nl);
	}
	return r;
}

int mptcp_pm_hear(const struct nl *nl, mptcp_pm_each *each, void *arg)
{
	_Alignas(struct nlmsghdr) char buf[RECV_BYTES];
	struct sockaddr_nl from;
	struct mptcp_event e;

	for (;;) {
		socklen_t len = sizeof from;
		ssize_t n = recvfrom(nl->fd, buf, sizeof buf, MSG_DONTWAIT,
				     (struct sockaddr *)&from, &len);
		int left = (int)n;

		if (n < 0 && errno != EINTR)
			return errno == EAGAIN ? 0 : -errno;
		if (n <= 0 || from.nl_pid)
			continue;
		for (const struct nlmsghdr *nlh = (void *)buf; mnl_nlmsg_ok(nlh, left);
		     nlh = mnl_nlmsg_next(nlh, &left))
			if (mptcp_pm_get_event(&e, nlh))
				each(&e, arg);
	}
}
