/* net/nft_table.c - the static part of net/nft's table: names, sets, chains and rules
 *
 * A rule is a row of steps, each of which becomes one expression of the kernel's virtual machine.
 * Registers: the key of a map, and what is found in it, begin at KEY; TMP is for tests. */
#include "net/nft_table.h"

#include <errno.h>
#include <netinet/in.h>
#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <string.h>

#include "core/check.h"

enum {
	KEY = NFT_REG32_00,
	TMP = NFT_REG32_15,
	MSG_ROOM = 1536,  /* the longest rule: 1 KiB */
	COMMENT_MAX = 64, /* with its NUL */
	/* nft's numbers of types, six bits each in a concatenation; only `nft list` uses them. */
	TYPE_IP4 = 7,
	TYPE_IP6 = 8,
	TYPE_PORT = 13,
	TYPE_IFINDEX = 20,
	PRIO_DSTNAT = -100,
	PRIO_FILTER = 0,
	PRIO_SRCNAT = 100,
};

enum op {
	END = 0,
	META,	   /* TMP = meta a */
	CT,	   /* register b = ct a, of the original direction */
	NET,	   /* register c = b bytes of the IP header from a on */
	TRANSPORT, /* register c = b bytes of the TCP header from a on */
	EQUALS,	   /* TMP's first byte is a */
	FIND,	   /* KEY = maps[a][KEY] */
	HAS,	   /* set maps[a] has what begins at b */
	DNAT,	   /* to the address at KEY and the port at b, of family a */
	MASQ,
	VERDICT, /* a */
	OPS,
};

struct step {
	enum op op;
	uint32_t a, b, c;
};

enum { MAP4 = 0, MAP6, KNOWN4, KNOWN6, GUARD, MAPS, STEPS_MAX = 10, RULES_MAX = 5 };

/* `nft list` does not show a look-up whose result nobody uses: the comment tells of it. */
struct rule {
	const char *comment;
	struct step step[STEPS_MAX];
};

static const struct map {
	const char *name;
	uint32_t id, flags, key_type, key_len, data_type, data_len;
} maps[MAPS] = {
	[MAP4] = { NFT_MAP4, 1, NFT_SET_MAP | NFT_SET_TIMEOUT,
		   TYPE_IP4 << 12 | TYPE_IP4 << 6 | TYPE_PORT, 4 + 4 + 4,
		   TYPE_IP4 << 6 | TYPE_PORT, 4 + 4 },
	[MAP6] = { NFT_MAP6, 2, NFT_SET_MAP | NFT_SET_TIMEOUT,
		   TYPE_IP6 << 12 | TYPE_IP6 << 6 | TYPE_PORT, 16 + 16 + 4,
		   TYPE_IP6 << 6 | TYPE_PORT, 16 + 4 },
	[KNOWN4] = { NFT_KNOWN4, 3, 0,
		     TYPE_IP4 << 12 | TYPE_IP4 << 6 | TYPE_PORT, 4 + 4 + 4, 0, 0 },
	[KNOWN6] = { NFT_KNOWN6, 4, 0,
		     TYPE_IP6 << 12 | TYPE_IP6 << 6 | TYPE_PORT, 16 + 16 + 4, 0, 0 },
	[GUARD] = { NFT_GUARD, 5, 0, TYPE_IFINDEX, 4, 0, 0 },
};

#define IPV4 { META, NFT_META_NFPROTO, 0, 0 }, { EQUALS, NFPROTO_IPV4, 0, 0 }
#define IPV6 { META, NFT_META_NFPROTO, 0, 0 }, { EQUALS, NFPROTO_IPV6, 0, 0 }
#define TCP { META, NFT_META_L4PROTO, 0, 0 }, { EQUALS, IPPROTO_TCP, 0, 0 }
/* ct original ip saddr . ct original ip daddr . ct original proto-dst */
#define CAME_BY4 \
	IPV4, { CT, NFT_CT_SRC_IP, KEY, 0 }, { CT, NFT_CT_DST_IP, KEY + 1, 0 }, \
	{ CT, NFT_CT_PROTO_DST, KEY + 2, 0 }
#define CAME_BY6 \
	IPV6, { CT, NFT_CT_SRC_IP6, KEY, 0 }, { CT, NFT_CT_DST_IP6, KEY + 4, 0 }, \
	{ CT, NFT_CT_PROTO_DST, KEY + 8, 0 }

static const struct chain {
	const char *name, *type;
	uint32_t hook;
	int32_t prio;
	struct rule rule[RULES_MAX];
} chains[] = {
	{ "prerouting", "nat", NF_INET_PRE_ROUTING, PRIO_DSTNAT, {
		/* tcp dnat ip to ip saddr . ip daddr . tcp dport map @forward4 */
		{ NULL, { IPV4, TCP, { NET, 12, 4, KEY }, { NET, 16, 4, KEY + 1 },
			  { TRANSPORT, 2, 2, KEY + 2 }, { FIND, MAP4, 0, 0 },
			  { DNAT, NFPROTO_IPV4, KEY + 1, 0 } } },
		/* tcp dnat ip6 to ip6 saddr . ip6 daddr . tcp dport map @forward6 */
		{ NULL, { IPV6, TCP, { NET, 8, 16, KEY }, { NET, 24, 16, KEY + 4 },
			  { TRANSPORT, 2, 2, KEY + 8 }, { FIND, MAP6, 0, 0 },
			  { DNAT, NFPROTO_IPV6, KEY + 4, 0 } } } } },
	{ "postrouting", "nat", NF_INET_POST_ROUTING, PRIO_SRCNAT, {
		{ "what is in @forward4",
		  { CAME_BY4, { FIND, MAP4, 0, 0 }, { MASQ, 0, 0, 0 } } },
		{ "what is in @forward6",
		  { CAME_BY6, { FIND, MAP6, 0, 0 }, { MASQ, 0, 0, 0 } } } } },
	{ "forward", "filter", NF_INET_FORWARD, PRIO_FILTER, {
		{ "what is in @forward4",
		  { CAME_BY4, { FIND, MAP4, 0, 0 }, { VERDICT, NF_ACCEPT, 0, 0 } } },
		{ "what is in @forward6",
		  { CAME_BY6, { FIND, MAP6, 0, 0 }, { VERDICT, NF_ACCEPT, 0, 0 } } },
		{ "forwards that have ended",
		  { CAME_BY4, { HAS, KNOWN4, KEY, 0 }, { VERDICT, NF_DROP, 0, 0 } } },
		{ "forwards that have ended",
		  { CAME_BY6, { HAS, KNOWN6, KEY, 0 }, { VERDICT, NF_DROP, 0, 0 } } },
		/* iif @guard drop */
		{ "only forwards where machete switched forwarding on",
		  { { META, NFT_META_IIF, 0, 0 }, { HAS, GUARD, TMP, 0 },
		    { VERDICT, NF_DROP, 0, 0 } } } } },
};

void nft_batch_begin(struct nft_batch *b, struct nl *nl)
{
	b->nl = nl;
	b->first = ++nl->seq;
	b->len = 0;
	nft_batch_add(b, nftnl_batch_begin(b->buf, b->first));
}

struct nlmsghdr *nft_batch_next(struct nft_batch *b, uint16_t type, uint16_t flags)
{
	MUST(b->len + MSG_ROOM <= sizeof b->buf);
	b->last_at = b->len;
	return nftnl_nlmsg_build_hdr(b->buf + b->len, type, NFPROTO_INET, flags, ++b->nl->seq);
}

void nft_batch_add(struct nft_batch *b, const struct nlmsghdr *nlh)
{
	b->len += NLMSG_ALIGN(nlh->nlmsg_len);
	MUST(b->len <= sizeof b->buf);
}

int nft_batch_commit(struct nft_batch *b)
{
	struct nlmsghdr *last = (void *)(b->buf + b->last_at);

	/* Not the end of the batch: kernels before 6.10 do not acknowledge that. */
	last->nlmsg_flags |= NLM_F_ACK;
	nft_batch_add(b, nftnl_batch_end(b->buf + b->len, ++b->nl->seq));
	return nl_batch(b->nl, b->buf, b->len, b->first, last->nlmsg_seq);
}

static void put_meta(struct nftnl_expr *e, const struct step *s)
{
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, s->a);
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, TMP);
}

static void put_ct(struct nftnl_expr *e, const struct step *s)
{
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, s->a);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_DREG, s->b);
	nftnl_expr_set_u8(e, NFTNL_EXPR_CT_DIR, IP_CT_DIR_ORIGINAL);
}

static void put_payload(struct nftnl_expr *e, const struct step *s)
{
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE,
			   s->op == NET ? NFT_PAYLOAD_NETWORK_HEADER :
					  NFT_PAYLOAD_TRANSPORT_HEADER);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, s->a);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, s->b);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, s->c);
}

static void put_equals(struct nftnl_expr *e, const struct step *s)
{
	uint8_t byte = (uint8_t)s->a;

	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, TMP);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, NFT_CMP_EQ);
	nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, &byte, sizeof byte);
}

static void put_lookup(struct nftnl_expr *e, const struct step *s)
{
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, s->op == FIND ? KEY : s->b);
	if (s->op == FIND)
		nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_DREG, KEY);
	nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, maps[s->a].name);
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SET_ID, maps[s->a].id);
}

static void put_dnat(struct nftnl_expr *e, const struct step *s)
{
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_TYPE, NFT_NAT_DNAT);
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_FAMILY, s->a);
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_ADDR_MIN, KEY);
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_PROTO_MIN, s->b);
}

static void put_nothing(struct nftnl_expr *e, const struct step *s)
{
	(void)e;
	(void)s;
}

static void put_verdict(struct nftnl_expr *e, const struct step *s)
{
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, s->a);
}

static const struct {
	const char *expr;
	void (*put)(struct nftnl_expr *e, const struct step *s);
} ops[OPS] = {
	[META] = { "meta", put_meta },	     [CT] = { "ct", put_ct },
	[NET] = { "payload", put_payload },  [TRANSPORT] = { "payload", put_payload },
	[EQUALS] = { "cmp", put_equals },    [FIND] = { "lookup", put_lookup },
	[HAS] = { "lookup", put_lookup },    [DNAT] = { "nat", put_dnat },
	[MASQ] = { "masq", put_nothing },    [VERDICT] = { "immediate", put_verdict },
};

/* Adds the expressions to r; false without memory. */
static bool rule_fill(struct nftnl_rule *r, const struct step *s)
{
	for (; s->op; s++) {
		struct nftnl_expr *e = nftnl_expr_alloc(ops[s->op].expr);

		if (!e)
			return false;
		ops[s->op].put(e, s);
		nftnl_rule_add_expr(r, e);
	}
	return true;
}

/* As nft writes them: type, length, text with its NUL. */
static void set_comment(struct nftnl_rule *r, const char *text)
{
	uint8_t udata[2 + COMMENT_MAX];
	size_t len = strlen(text) + 1;

	MUST(len <= COMMENT_MAX);
	udata[0] = NFTNL_UDATA_RULE_COMMENT;
	udata[1] = (uint8_t)len;
	memcpy(udata + 2, text, len);
	nftnl_rule_set_data(r, NFTNL_RULE_USERDATA, udata, (uint32_t)(2 + len));
}

static int add_rule(struct nft_batch *b, const struct chain *c, const struct rule *rule)
{
	struct nftnl_rule *r = nftnl_rule_alloc();
	struct nlmsghdr *nlh;
	int ret = -ENOMEM;

	if (!r || !rule_fill(r, rule->step))
		goto out;
	nftnl_rule_set_str(r, NFTNL_RULE_TABLE, NFT_TABLE);
	nftnl_rule_set_str(r, NFTNL_RULE_CHAIN, c->name);
	if (rule->comment)
		set_comment(r, rule->comment);
	nlh = nft_batch_next(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
	nftnl_rule_nlmsg_build_payload(nlh, r);
	nft_batch_add(b, nlh);
	ret = 0;
out:
	if (r)
		nftnl_rule_free(r);
	return ret;
}

static int add_chain(struct nft_batch *b, const struct chain *c)
{
	struct nftnl_chain *k = nftnl_chain_alloc();
	struct nlmsghdr *nlh;

	if (!k)
		return -ENOMEM;
	nftnl_chain_set_str(k, NFTNL_CHAIN_TABLE, NFT_TABLE);
	nftnl_chain_set_str(k, NFTNL_CHAIN_NAME, c->name);
	nftnl_chain_set_str(k, NFTNL_CHAIN_TYPE, c->type);
	nftnl_chain_set_u32(k, NFTNL_CHAIN_HOOKNUM, c->hook);
	nftnl_chain_set_s32(k, NFTNL_CHAIN_PRIO, c->prio);
	nlh = nft_batch_next(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	nftnl_chain_nlmsg_build_payload(nlh, k);
	nft_batch_add(b, nlh);
	nftnl_chain_free(k);
	return 0;
}

/* The set is keyed by a number of the host, as nft notes it for `nft list`: type, length, value. */
static void set_host_order(struct nftnl_set *s)
{
	uint8_t udata[2 + 4] = { NFTNL_UDATA_SET_KEYBYTEORDER, 4 };
	uint32_t host = 1;

	memcpy(udata + 2, &host, sizeof host);
	nftnl_set_set_data(s, NFTNL_SET_USERDATA, udata, sizeof udata);
}

static int add_map(struct nft_batch *b, const struct map *m, uint32_t size)
{
	struct nftnl_set *s = nftnl_set_alloc();
	struct nlmsghdr *nlh;

	if (!s)
		return -ENOMEM;
	nftnl_set_set_str(s, NFTNL_SET_TABLE, NFT_TABLE);
	nftnl_set_set_str(s, NFTNL_SET_NAME, m->name);
	nftnl_set_set_u32(s, NFTNL_SET_ID, m->id);
	nftnl_set_set_u32(s, NFTNL_SET_FLAGS, m->flags);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_TYPE, m->key_type);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_LEN, m->key_len);
	nftnl_set_set_u32(s, NFTNL_SET_DESC_SIZE, size);
	if (m->data_len) {
		nftnl_set_set_u32(s, NFTNL_SET_DATA_TYPE, m->data_type);
		nftnl_set_set_u32(s, NFTNL_SET_DATA_LEN, m->data_len);
	}
	if (m->key_type == TYPE_IFINDEX)
		set_host_order(s);
	nlh = nft_batch_next(b, NFT_MSG_NEWSET, NLM_F_CREATE);
	nftnl_set_nlmsg_build_payload(nlh, s);
	nft_batch_add(b, nlh);
	nftnl_set_free(s);
	return 0;
}

static int add_table(struct nft_batch *b, uint16_t type, uint16_t flags)
{
	struct nftnl_table *t = nftnl_table_alloc();
	struct nlmsghdr *nlh;

	if (!t)
		return -ENOMEM;
	nftnl_table_set_str(t, NFTNL_TABLE_NAME, NFT_TABLE);
	if (type == NFT_MSG_NEWTABLE)
		nftnl_table_set_u32(t, NFTNL_TABLE_FLAGS, NFT_TABLE_F_OWNER);
	nlh = nft_batch_next(b, type, flags);
	nftnl_table_nlmsg_build_payload(nlh, t);
	nft_batch_add(b, nlh);
	nftnl_table_free(t);
	return 0;
}

static int add_chain_and_rules(struct nft_batch *b, const struct chain *c)
{
	int err = add_chain(b, c);

	for (size_t i = 0; i < RULES_MAX && c->rule[i].step[0].op && !err; i++)
		err = add_rule(b, c, &c->rule[i]);
	return err;
}

int nft_table_install(struct nl *nl, uint32_t size)
{
	struct nft_batch b;
	int err;

	nft_batch_begin(&b, nl);
	err = add_table(&b, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
	for (size_t i = 0; i < ARRAY_LEN(maps) && !err; i++)
		err = add_map(&b, &maps[i], size);
	for (size_t i = 0; i < ARRAY_LEN(chains) && !err; i++)
		err = add_chain_and_rules(&b, &chains[i]);
	return err ? err : nft_batch_commit(&b);
}

int nft_table_remove(struct nl *nl)
{
	struct nft_batch b;
	int err;

	nft_batch_begin(&b, nl);
	err = add_table(&b, NFT_MSG_DELTABLE, 0);
	return err ? err : nft_batch_commit(&b);
}

static void ignore(const struct nlmsghdr *nlh, void *arg)
{
	(void)nlh;
	(void)arg;
}

int nft_table_exists(struct nl *nl)
{
	_Alignas(8) char buf[NL_MSG_BYTES];
	struct nlmsghdr *nlh =
		nftnl_nlmsg_build_hdr(buf, NFT_MSG_GETTABLE, NFPROTO_INET, 0, ++nl->seq);

	mnl_attr_put_strz(nlh, NFTA_TABLE_NAME, NFT_TABLE);
	return nl_query(nl, nlh, ignore, NULL);
}
