/* net/ct.c - make the kernel forget connections whose forward has ended */
#include "net/ct.h"

#include <netinet/in.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <string.h>

static struct nlmsghdr *begin(struct nl *nl, void *buf, int type, uint16_t flags, int family)
{
	struct nlmsghdr *nlh =
		nl_begin(nl, buf, (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type), flags);
	struct nfgenmsg *g = mnl_nlmsg_put_extra_header(nlh, sizeof *g);

	g->nfgen_family = (uint8_t)family;
	g->version = NFNETLINK_V0;
	return nlh;
}

/* The attribute of this type among those between a and end, at least `bytes` long, or NULL.
 * libmnl's loops cast const away. */
static const struct nlattr *find(const struct nlattr *a, const void *end, uint16_t type,
				 size_t bytes)
{
	for (; mnl_attr_ok(a, (int)((const char *)end - (const char *)a)); a = mnl_attr_next(a))
		if (mnl_attr_get_type(a) == type && mnl_attr_get_payload_len(a) >= bytes)
			return a;
	return NULL;
}

static const struct nlattr *attr(const struct nlmsghdr *nlh, uint16_t type)
{
	return find(mnl_nlmsg_get_payload_offset(nlh, sizeof(struct nfgenmsg)),
		    mnl_nlmsg_get_payload_tail(nlh), type, 0);
}

static const struct nlattr *nested(const struct nlattr *nest, uint16_t type)
{
	const char *p = mnl_attr_get_payload(nest);

	return find(mnl_attr_get_payload(nest), p + mnl_attr_get_payload_len(nest), type, 0);
}

/* The value of an attribute inside nest, of at least `bytes`, or NULL. */
static const void *value(const struct nlattr *nest, uint16_t type, size_t bytes)
{
	const char *p = mnl_attr_get_payload(nest);
	const struct nlattr *a = find(mnl_attr_get_payload(nest),
				      p + mnl_attr_get_payload_len(nest), type, bytes);

	return a ? mnl_attr_get_payload(a) : NULL;
}

static bool get_ip(struct addr *a, const struct nlattr *ip, uint16_t v4, uint16_t v6)
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
	const void *p = value(ip, v4, 4);

	if (p) {
		memcpy(a->ip, mapped, sizeof mapped);
		memcpy(a->ip + sizeof mapped, p, 4);
		return true;
	}
	p = value(ip, v6, 16);
	if (p)
		memcpy(a->ip, p, 16);
	return p != NULL;
}

static bool get_port(struct addr *a, const struct nlattr *proto, uint16_t type)
{
	const uint8_t *p = value(proto, type, 2);

	if (p)
		a->port = (uint16_t)(p[0] << 8 | p[1]);
	return p != NULL;
}

/* False: not a TCP connection. */
static bool get_tuple(struct addr *src, struct addr *dst, const struct nlattr *tuple)
{
	const struct nlattr *ip = nested(tuple, CTA_TUPLE_IP);
	const struct nlattr *proto = nested(tuple, CTA_TUPLE_PROTO);
	const uint8_t *num = proto ? value(proto, CTA_PROTO_NUM, 1) : NULL;

	return ip && num && *num == IPPROTO_TCP && get_ip(src, ip, CTA_IP_V4_SRC, CTA_IP_V6_SRC) &&
	       get_ip(dst, ip, CTA_IP_V4_DST, CTA_IP_V6_DST) &&
	       get_port(src, proto, CTA_PROTO_SRC_PORT) && get_port(dst, proto, CTA_PROTO_DST_PORT);
}

struct purge {
	struct nl *del;
	ct_doomed *doomed;
	void *arg;
	int n;
};

static void copy(struct nlmsghdr *to, const struct nlmsghdr *from, uint16_t type, uint16_t flags)
{
	const struct nlattr *a = attr(from, type);

	if (a)
		mnl_attr_put(to, type | flags, mnl_attr_get_payload_len(a),
			     mnl_attr_get_payload(a));
}

/* By tuple and id: a connection that took the tuple meanwhile stays. */
static int forget(struct nl *nl, const struct nlmsghdr *entry)
{
	const struct nfgenmsg *g = mnl_nlmsg_get_payload(entry);
	_Alignas(8) char buf[NL_MSG_BYTES];
	struct nlmsghdr *nlh = begin(nl, buf, IPCTNL_MSG_CT_DELETE, NLM_F_ACK, g->nfgen_family);

	copy(nlh, entry, CTA_TUPLE_ORIG, NLA_F_NESTED);
	copy(nlh, entry, CTA_ZONE, 0);
	copy(nlh, entry, CTA_ID, 0);
	return nl_request(nl, nlh);
}

static void judge(const struct nlmsghdr *nlh, void *arg)
{
	struct purge *p = arg;
	const struct nlattr *tuple = attr(nlh, CTA_TUPLE_ORIG);
	struct addr client, node;

	if (tuple && mnl_attr_get_payload_len(tuple) < NL_MSG_BYTES / 2 &&
	    get_tuple(&client, &node, tuple) && p->doomed(&client, &node, p->arg))
		p->n += !forget(p->del, nlh);
}

int ct_purge(struct nl *walk, struct nl *del, ct_doomed *doomed, void *arg)
{
	struct purge p = { del, doomed, arg, 0 };
	_Alignas(8) char buf[NL_MSG_BYTES];
	struct nlmsghdr *nlh = begin(walk, buf, IPCTNL_MSG_CT_GET, NLM_F_DUMP, AF_UNSPEC);
	int err;

	/* Kernels that do not filter by status hand out the rest too. */
	mnl_attr_put_u32(nlh, CTA_STATUS, htonl(IPS_DST_NAT));
	mnl_attr_put_u32(nlh, CTA_STATUS_MASK, htonl(IPS_DST_NAT));
	err = nl_query(walk, nlh, judge, &p);
	/* What came while we deleted is nothing that we wanted. */
	return err && err != -EAGAIN ? err : p.n;
}
