/* net/nft.c - forwards in the kernel: one nftables table, whose map elements are the forwards */
#include "net/nft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/set.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <string.h>

#include "core/check.h"
#include "net/nft_table.h"

/* A table that nobody owns is replaced. One that another owns answers EPERM, like a process without
 * CAP_NET_ADMIN; only to the former is it shown. */
static int install(struct nft *n)
{
	int err = nft_table_install(&n->nl, &nft_of_node, NFT_FORWARDS_MAX);

	if (err == -EEXIST) {
		err = nft_table_remove(&n->nl, &nft_of_node);
		if (!err || err == -ENOENT)
			err = nft_table_install(&n->nl, &nft_of_node, NFT_FORWARDS_MAX);
	}
	return err == -EPERM && !nft_table_exists(&n->nl, &nft_of_node) ? -EBUSY : err;
}

int nft_open(struct nft *n)
{
	int err = nl_open(&n->nl, NETLINK_NETFILTER);

	if (err)
		return err;
	err = install(n);
	n->installed = !err;
	if (err)
		nl_close(&n->nl);
	return err;
}

void nft_close(struct nft *n)
{
	if (n->installed)
		nft_table_remove(&n->nl, &nft_of_node);
	n->installed = false;
	nl_close(&n->nl);
}

/* A map's key or data: addresses and ports, each padded to four bytes. */
struct tuple {
	uint8_t mem[36];
	uint32_t len;
};

static void put_ip(struct tuple *t, const struct addr *a)
{
	uint32_t skip = addr_is_v4(a) ? 12 : 0;

	memcpy(t->mem + t->len, a->ip + skip, 16 - skip);
	t->len += 16 - skip;
}

static void put_port(struct tuple *t, uint16_t port)
{
	uint8_t padded[4] = { (uint8_t)(port >> 8), (uint8_t)port };

	memcpy(t->mem + t->len, padded, sizeof padded);
	t->len += sizeof padded;
}

static struct nftnl_set_elem *element(const struct nft_forward *f, bool with_data)
{
	struct nftnl_set_elem *e = nftnl_set_elem_alloc();
	struct tuple key = { .len = 0 }, data = { .len = 0 };

	if (!e)
		return NULL;
	put_ip(&key, &f->client);
	put_ip(&key, &f->node);
	put_port(&key, f->node.port);
	nftnl_set_elem_set(e, NFTNL_SET_ELEM_KEY, key.mem, key.len);
	if (with_data) {
		put_ip(&data, &f->device);
		put_port(&data, f->device.port);
		nftnl_set_elem_set(e, NFTNL_SET_ELEM_DATA, data.mem, data.len);
		nftnl_set_elem_set_u64(e, NFTNL_SET_ELEM_TIMEOUT, f->lease_ms);
	}
	return e;
}

/* A message about one element of a map, or about all of them where e is NULL. Takes e. */
static int put_element(struct nft_batch *b, const char *map, struct nftnl_set_elem *e,
		       uint16_t type, uint16_t flags)
{
	struct nftnl_set *s = nftnl_set_alloc();
	struct nlmsghdr *nlh;

	if (!s) {
		if (e)
			nftnl_set_elem_free(e);
		return -ENOMEM;
	}
	nftnl_set_set_str(s, NFTNL_SET_TABLE, NFT_TABLE);
	nftnl_set_set_str(s, NFTNL_SET_NAME, map);
	if (e)
		nftnl_set_elem_add(s, e);
	nlh = nft_batch_next(b, type, flags);
	nftnl_set_elems_nlmsg_build_payload(nlh, s);
	nft_batch_add(b, nlh);
	nftnl_set_free(s);
	return 0;
}

static const char *map_of(const struct nft_forward *f)
{
	return addr_is_v4(&f->client) ? NFT_MAP4 : NFT_MAP6;
}

static const char *known_of(const struct nft_forward *f)
{
	return addr_is_v4(&f->client) ? NFT_KNOWN4 : NFT_KNOWN6;
}

static int put_forward(struct nft_batch *b, const struct nft_forward *f, uint16_t type)
{
	bool add = type == NFT_MSG_NEWSETELEM;
	struct nftnl_set_elem *e = element(f, add);

	if (!e)
		return -ENOMEM;
	return put_element(b, map_of(f), e, type, add ? NLM_F_CREATE | NLM_F_EXCL : 0);
}

static int put_known(struct nft_batch *b, const struct nft_forward *f, uint16_t type)
{
	struct nftnl_set_elem *e = element(f, false);

	return e ? put_element(b, known_of(f), e, type, 0) : -ENOMEM;
}

static bool one_family(const struct nft_forward *f)
{
	return addr_is_v4(&f->client) == addr_is_v4(&f->node) &&
	       addr_is_v4(&f->client) == addr_is_v4(&f->device);
}

int nft_add(struct nft *n, const struct nft_forward *f)
{
	struct nft_batch b;
	int err;

	if (!one_family(f))
		return -EAFNOSUPPORT;
	nft_batch_begin(&b, &n->nl);
	err = put_known(&b, f, NFT_MSG_NEWSETELEM);
	if (!err)
		err = put_forward(&b, f, NFT_MSG_NEWSETELEM);
	return err ? err : nft_batch_commit(&b);
}

/* The kernel takes no other timeout for an element that stands, so it is replaced; packets see the
 * old one or the new one. */
int nft_renew(struct nft *n, const struct nft_forward *f)
{
	struct nft_batch b;
	int err;

	if (!one_family(f))
		return -EAFNOSUPPORT;
	nft_batch_begin(&b, &n->nl);
	err = put_forward(&b, f, NFT_MSG_DELSETELEM);
	if (!err)
		err = put_forward(&b, f, NFT_MSG_NEWSETELEM);
	if (!err)
		err = nft_batch_commit(&b);
	return err == -ENOENT ? nft_add(n, f) : err;
}

int nft_remove(struct nft *n, const struct nft_forward *f)
{
	struct nft_batch b;
	int err;

	nft_batch_begin(&b, &n->nl);
	err = put_forward(&b, f, NFT_MSG_DELSETELEM);
	return err ? err : nft_batch_commit(&b);
}

int nft_forget(struct nft *n, const struct nft_forward *f)
{
	struct nft_batch b;
	int err;

	nft_batch_begin(&b, &n->nl);
	err = put_known(&b, f, NFT_MSG_DELSETELEM);
	return err ? err : nft_batch_commit(&b);
}

int nft_remove_all(struct nft *n)
{
	static const char *const all[] = { NFT_MAP4, NFT_MAP6, NFT_KNOWN4, NFT_KNOWN6 };
	struct nft_batch b;
	int err = 0;

	nft_batch_begin(&b, &n->nl);
	for (size_t i = 0; i < ARRAY_LEN(all) && !err; i++)
		err = put_element(&b, all[i], NULL, NFT_MSG_DELSETELEM, 0);
	return err ? err : nft_batch_commit(&b);
}

int nft_guard(struct nft *n, uint32_t ifindex)
{
	struct nftnl_set_elem *e = nftnl_set_elem_alloc();
	struct nft_batch b;
	int err;

	if (!e)
		return -ENOMEM;
	nftnl_set_elem_set(e, NFTNL_SET_ELEM_KEY, &ifindex, sizeof ifindex);
	nft_batch_begin(&b, &n->nl);
	err = put_element(&b, NFT_GUARD, e, NFT_MSG_NEWSETELEM, NLM_F_CREATE);
	return err ? err : nft_batch_commit(&b);
}

static const uint8_t *get_ip(struct addr *a, const uint8_t *p, uint32_t ip_bytes)
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

	memcpy(a->ip, mapped, sizeof mapped);
	memcpy(a->ip + 16 - ip_bytes, p, ip_bytes);
	return p + ip_bytes;
}

static uint16_t get_port(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

struct list {
	nft_each *each;
	void *arg;
};

static int list_element(struct nftnl_set_elem *e, void *arg)
{
	const struct list *l = arg;
	uint32_t key_len, data_len, ip_bytes;
	const uint8_t *key = nftnl_set_elem_get(e, NFTNL_SET_ELEM_KEY, &key_len);
	const uint8_t *data = nftnl_set_elem_get(e, NFTNL_SET_ELEM_DATA, &data_len);
	struct nft_forward f = { 0 };

	if (!key || !data || data_len < 8)
		return 0;
	ip_bytes = data_len - 4;
	if ((ip_bytes != 4 && ip_bytes != 16) || key_len != 2 * ip_bytes + 4)
		return 0;
	key = get_ip(&f.node, get_ip(&f.client, key, ip_bytes), ip_bytes);
	f.node.port = get_port(key);
	f.device.port = get_port(get_ip(&f.device, data, ip_bytes));
	f.lease_ms = (uint32_t)nftnl_set_elem_get_u64(e, NFTNL_SET_ELEM_EXPIRATION);
	l->each(&f, l->arg);
	return 0;
}

static void list_message(const struct nlmsghdr *nlh, void *arg)
{
	struct nftnl_set *s = nftnl_set_alloc();

	if (!s)
		return;
	if (!nftnl_set_elems_nlmsg_parse(nlh, s))
		nftnl_set_elem_foreach(s, list_element, arg);
	nftnl_set_free(s);
}

static int list_map(struct nft *n, const char *map, struct list *l)
{
	_Alignas(8) char buf[NL_MSG_BYTES];
	struct nftnl_set *s = nftnl_set_alloc();
	struct nlmsghdr *nlh;

	if (!s)
		return -ENOMEM;
	nftnl_set_set_str(s, NFTNL_SET_TABLE, NFT_TABLE);
	nftnl_set_set_str(s, NFTNL_SET_NAME, map);
	nlh = nftnl_nlmsg_build_hdr(buf, NFT_MSG_GETSETELEM, NFPROTO_INET, NLM_F_DUMP, ++n->nl.seq);
	nftnl_set_elems_nlmsg_build_payload(nlh, s);
	nftnl_set_free(s);
	return nl_query(&n->nl, nlh, list_message, l);
}

int nft_list(struct nft *n, nft_each *each, void *arg)
{
	struct list l = { each, arg };
	int err = list_map(n, NFT_MAP4, &l);

	return err ? err : list_map(n, NFT_MAP6, &l);
}

static void look_at_chain(const struct nlmsghdr *nlh, void *arg)
{
	struct nftnl_chain *c = nftnl_chain_alloc();
	bool *drops = arg;

	if (!c)
		return;
	if (!nftnl_chain_nlmsg_parse(nlh, c) && nftnl_chain_is_set(c, NFTNL_CHAIN_HOOKNUM) &&
	    nftnl_chain_get_u32(c, NFTNL_CHAIN_HOOKNUM) == NF_INET_FORWARD &&
	    nftnl_chain_is_set(c, NFTNL_CHAIN_POLICY) &&
	    nftnl_chain_get_u32(c, NFTNL_CHAIN_POLICY) == NF_DROP)
		*drops = true;
	nftnl_chain_free(c);
}

bool nft_foreign_drop(struct nft *n)
{
	_Alignas(8) char buf[NL_MSG_BYTES];
	struct nlmsghdr *nlh = nftnl_nlmsg_build_hdr(buf, NFT_MSG_GETCHAIN, NFPROTO_UNSPEC,
						     NLM_F_DUMP, ++n->nl.seq);
	bool drops = false;

	nl_query(&n->nl, nlh, look_at_chain, &drops);
	return drops;
}
