/* net/nft_paths.c - a client's side of MPTCP over nodes: one nftables table that bends subflows */
#include "net/nft_paths.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "core/check.h"
#include "net/nft_table.h"

enum { ELEMENTS_MAX = 1024 }; /* 9 addresses, each to 8 addresses of a device, each on 14 ports */

int nft_paths_here(struct nl *nl)
{
	return nft_table_exists(nl, &nft_of_client);
}

int nft_paths_remove(struct nl *nl)
{
	int r = nft_table_remove(nl, &nft_of_client);

	return r == -ENOENT ? 0 : r;
}

/* A key or data: addresses and ports, each padded to four bytes. */
struct tuple {
	uint8_t mem[20];
	uint16_t len;
};

static void put(struct tuple *t, const struct addr *a, bool with_port)
{
	uint8_t port[4] = { (uint8_t)(a->port >> 8), (uint8_t)a->port };
	uint16_t ip_len = addr_is_v4(a) ? 4 : 16;

	memcpy(t->mem + t->len, a->ip + 16 - ip_len, ip_len);
	t->len = (uint16_t)(t->len + ip_len);
	if (!with_port)
		return;
	memcpy(t->mem + t->len, port, sizeof port);
	t->len = (uint16_t)(t->len + sizeof port);
}

static void put_value(struct nlmsghdr *nlh, uint16_t type, const struct tuple *t)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, type);

	mnl_attr_put(nlh, NFTA_DATA_VALUE, t->len, t->mem);
	mnl_attr_nest_end(nlh, nest);
}

static void put_element(struct nft_batch *b, uint16_t type, const char *set,
			const struct tuple *key, const struct tuple *data)
{
	struct nlattr *list, *element;
	struct nlmsghdr *nlh;

	nlh = nft_batch_next(b, type, type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0);
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, NFT_CLIENT_TABLE);
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, set);
	list = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_LIST_ELEMENTS);
	element = mnl_attr_nest_start(nlh, NFTA_LIST_ELEM);
	put_value(nlh, NFTA_SET_ELEM_KEY, key);
	if (data)
		put_value(nlh, NFTA_SET_ELEM_DATA, data);
	mnl_attr_nest_end(nlh, element);
	mnl_attr_nest_end(nlh, list);
	nft_batch_add(b, nlh);
}

static int change(struct nl *nl, uint16_t type, const char *set, const struct tuple *key,
		  const struct tuple *data)
{
	struct nft_batch b;

	nft_batch_begin(&b, nl);
	put_element(&b, type, set, key, data);
	return nft_batch_commit(&b);
}

static int add(struct nl *nl, const char *set, const struct tuple *key, const struct tuple *data)
{
	return change(nl, NFT_MSG_NEWSETELEM, set, key, data);
}

static int install(struct nl *nl, const struct nft_layout *l, bool replace,
		   const struct addr *closed, uint32_t n)
{
	struct nft_batch b;
	int r;

	MUST(n <= NFT_PATHS_CLOSED_MAX);
	nft_batch_begin(&b, nl);
	r = nft_table_put(&b, l, ELEMENTS_MAX, replace);
	for (uint32_t i = 0; i < n; i++) {
		struct tuple key = { .len = 0 };

		put(&key, &closed[i], true);
		put_element(&b, NFT_MSG_NEWSETELEM,
			    addr_is_v4(&closed[i]) ? NFT_CLOSED4 : NFT_CLOSED6, &key, NULL);
	}
	return r ? r : nft_batch_commit(&b);
}

int nft_paths_install(struct nl *nl, bool replace, const struct addr *closed, uint32_t n)
{
	struct nft_layout anybodys = nft_of_client;
	int r = install(nl, &nft_of_client, replace, closed, n);

	if (r == -EPERM && !nft_paths_here(nl))
		return -EEXIST; /* and owned */
	if (r != -EOPNOTSUPP && r != -EINVAL)
		return r;
	anybodys.flags = 0; /* before Linux 6.9 an owned table would go with its owner */
	return install(nl, &anybodys, replace, closed, n);
}

int nft_paths_virtual(struct nl *nl, const struct addr *a)
{
	struct tuple key = { .len = 0 };

	put(&key, a, false);
	return add(nl, NFT_VIRTUAL, &key, NULL);
}

int nft_paths_shut(struct nl *nl)
{
	struct nft_batch b;
	struct nlmsghdr *nlh;
	int r;

	nft_batch_begin(&b, nl);
	nlh = nft_batch_next(&b, NFT_MSG_DELSETELEM, 0); /* without elements: all */
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, NFT_CLIENT_TABLE);
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, NFT_WAY);
	nft_batch_add(&b, nlh);
	r = nft_batch_commit(&b);
	return r == -ENOENT ? 0 : r;
}

int nft_paths_way(struct nl *nl, const struct addr *local, const struct addr *device,
		  const struct addr *node)
{
	struct tuple key = { .len = 0 }, data = { .len = 0 };
	int r;

	if (!addr_is_v4(local) || !addr_is_v4(device) || !addr_is_v4(node))
		return -EAFNOSUPPORT;
	put(&key, local, false);
	put(&key, device, true);
	put(&data, node, true);
	r = change(nl, NFT_MSG_DELSETELEM, NFT_WAY, &key, NULL);
	if (r && r != -ENOENT)
		return r;
	return add(nl, NFT_WAY, &key, &data);
}

struct tally {
	struct nft_paths_stopped *stopped;
	uint64_t packets; /* of the rule so far: its counter stands before what it does */
};

static int count(struct nftnl_expr *e, void *arg)
{
	struct tally *t = arg;
	const char *name = nftnl_expr_get_str(e, NFTNL_EXPR_NAME);

	if (!strcmp(name, "counter"))
		t->packets = nftnl_expr_get_u64(e, NFTNL_EXPR_CTR_PACKETS);
	else if (!strcmp(name, "reject"))
		t->stopped->reset += t->packets;
	else if (!strcmp(name, "immediate"))
		t->stopped->dropped += t->packets;
	return 0;
}

static void count_rule(const struct nlmsghdr *nlh, void *arg)
{
	struct tally t = { .stopped = arg };
	struct nftnl_rule *r = nftnl_rule_alloc();

	if (!r)
		return;
	if (!nftnl_rule_nlmsg_parse(nlh, r))
		nftnl_expr_foreach(r, count, &t);
	nftnl_rule_free(r);
}

int nft_paths_stopped(struct nl *nl, struct nft_paths_stopped *s)
{
	_Alignas(8) char buf[NL_MSG_BYTES];
	struct nlmsghdr *nlh = nftnl_nlmsg_build_hdr(buf, NFT_MSG_GETRULE, NFPROTO_INET,
						     NLM_F_DUMP, ++nl->seq);

	*s = (struct nft_paths_stopped){ 0 };
	mnl_attr_put_strz(nlh, NFTA_RULE_TABLE, NFT_CLIENT_TABLE);
	return nl_query(nl, nlh, count_rule, s);
}

struct closed {
	nft_paths_each *each;
	void *arg;
};

static int tell_closed(struct nftnl_set_elem *e, void *arg)
{
	const struct closed *c = arg;
	struct addr a = { .ip = { [10] = 0xff, [11] = 0xff } };
	uint32_t len;
	const uint8_t *key = nftnl_set_elem_get(e, NFTNL_SET_ELEM_KEY, &len);

	if (!key || (len != 8 && len != 20))
		return 0;
	len -= 4;
	memcpy(a.ip + 16 - len, key, len);
	a.port = (uint16_t)(key[len] << 8 | key[len + 1]);
	c->each(&a, c->arg);
	return 0;
}

static void take_closed(const struct nlmsghdr *nlh, void *arg)
{
	struct nftnl_set *s = nftnl_set_alloc();

	if (!s)
		return;
	if (!nftnl_set_elems_nlmsg_parse(nlh, s))
		nftnl_set_elem_foreach(s, tell_closed, arg);
	nftnl_set_free(s);
}

int nft_paths_closed(struct nl *nl, nft_paths_each *each, void *arg)
{
	static const char *const sets[] = { NFT_CLOSED4, NFT_CLOSED6 };
	struct closed c = { each, arg };
	_Alignas(8) char buf[NL_MSG_BYTES];
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(sets) && !r; i++) {
		struct nlmsghdr *nlh = nftnl_nlmsg_build_hdr(buf, NFT_MSG_GETSETELEM,
							     NFPROTO_INET, NLM_F_DUMP, ++nl->seq);

		mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, NFT_CLIENT_TABLE);
		mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, sets[i]);
		r = nl_query(nl, nlh, take_closed, &c);
	}
	return r == -ENOENT ? 0 : r;
}
