/* net/nft_table.c - our tables into the kernel and out of it, and batches of messages */
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
	MSG_ROOM = 1536,  /* the longest rule: 1.2 KiB */
	COMMENT_MAX = 64, /* with its NUL */
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

static void put_meta(struct nftnl_expr *e, const struct nft_step *s)
{
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, s->a);
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, NFT_TMP);
}

static void put_ct(struct nftnl_expr *e, const struct nft_step *s)
{
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, s->a);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_DREG, s->b);
	nftnl_expr_set_u8(e, NFTNL_EXPR_CT_DIR, IP_CT_DIR_ORIGINAL);
}

static void put_payload(struct nftnl_expr *e, const struct nft_step *s)
{
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE,
			   s->op == NFT_NET ? NFT_PAYLOAD_NETWORK_HEADER :
					  NFT_PAYLOAD_TRANSPORT_HEADER);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, s->a);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, s->b);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, s->c);
}

static void put_cmp(struct nftnl_expr *e, const struct nft_step *s)
{
	uint8_t be[2] = { (uint8_t)(s->a >> 8), (uint8_t)s->a };
	uint32_t bytes = s->op == NFT_LONGER ? 2 : 1;

	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, NFT_TMP);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP,
			   s->op == NFT_EQUALS   ? NFT_CMP_EQ
			   : s->op == NFT_LONGER ? NFT_CMP_GT
						 : NFT_CMP_NEQ);
	nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, be + 2 - bytes, bytes);
}

static void put_lookup(struct nftnl_expr *e, const struct nft_step *s)
{
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, s->op == NFT_FIND ? NFT_KEY : s->b);
	if (s->op == NFT_FIND)
		nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_DREG, NFT_KEY);
	nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, nft_maps[s->a].name);
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SET_ID, nft_maps[s->a].id);
}

static void put_dnat(struct nftnl_expr *e, const struct nft_step *s)
{
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_TYPE, NFT_NAT_DNAT);
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_FAMILY, s->a);
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_ADDR_MIN, NFT_KEY);
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_PROTO_MIN, s->b);
}

static void put_and(struct nftnl_expr *e, const struct nft_step *s)
{
	uint8_t mask = (uint8_t)s->a, zero = 0;

	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, NFT_TMP);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, NFT_TMP);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, sizeof mask);
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, &mask, sizeof mask);
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, &zero, sizeof zero);
}

static void put_option(struct nftnl_expr *e, const struct nft_step *s)
{
	nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_DREG, NFT_TMP);
	nftnl_expr_set_u8(e, NFTNL_EXPR_EXTHDR_TYPE, (uint8_t)s->a);
	nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_OFFSET, 0);
	nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_LEN, 1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_OP, NFT_EXTHDR_OP_TCPOPT);
	nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_FLAGS, NFT_EXTHDR_F_PRESENT);
}

static void put_reset(struct nftnl_expr *e, const struct nft_step *s)
{
	(void)s;
	nftnl_expr_set_u32(e, NFTNL_EXPR_REJECT_TYPE, NFT_REJECT_TCP_RST);
}

static void put_nothing(struct nftnl_expr *e, const struct nft_step *s)
{
	(void)e;
	(void)s;
}

static void put_verdict(struct nftnl_expr *e, const struct nft_step *s)
{
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, s->a);
}

static const struct {
	const char *expr;
	void (*put)(struct nftnl_expr *e, const struct nft_step *s);
} ops[NFT_OPS] = {
	[NFT_META] = { "meta", put_meta },
	[NFT_CT] = { "ct", put_ct },
	[NFT_NET] = { "payload", put_payload },
	[NFT_TRANSPORT] = { "payload", put_payload },
	[NFT_EQUALS] = { "cmp", put_cmp },
	[NFT_DIFFERS] = { "cmp", put_cmp },
	[NFT_LONGER] = { "cmp", put_cmp },
	[NFT_AND] = { "bitwise", put_and },
	[NFT_OPTION] = { "exthdr", put_option },
	[NFT_FIND] = { "lookup", put_lookup },
	[NFT_HAS] = { "lookup", put_lookup },
	[NFT_DNAT] = { "nat", put_dnat },
	[NFT_MASQ] = { "masq", put_nothing },
	[NFT_VERDICT] = { "immediate", put_verdict },
	[NFT_RESET] = { "reject", put_reset },
	[NFT_COUNT] = { "counter", put_nothing },
};

/* Adds the expressions to r; false without memory. */
static bool rule_fill(struct nftnl_rule *r, const struct nft_step *s)
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

static int add_rule(struct nft_batch *b, const char *table, const struct nft_chain *c,
		    const struct nft_rule *rule)
{
	struct nftnl_rule *r = nftnl_rule_alloc();
	struct nlmsghdr *nlh;
	int ret = -ENOMEM;

	if (!r || !rule_fill(r, rule->step))
		goto out;
	nftnl_rule_set_str(r, NFTNL_RULE_TABLE, table);
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

static int add_chain(struct nft_batch *b, const char *table, const struct nft_chain *c)
{
	struct nftnl_chain *k = nftnl_chain_alloc();
	struct nlmsghdr *nlh;

	if (!k)
		return -ENOMEM;
	nftnl_chain_set_str(k, NFTNL_CHAIN_TABLE, table);
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

static int add_map(struct nft_batch *b, const char *table, const struct nft_map *m, uint32_t size)
{
	struct nftnl_set *s = nftnl_set_alloc();
	struct nlmsghdr *nlh;

	if (!s)
		return -ENOMEM;
	nftnl_set_set_str(s, NFTNL_SET_TABLE, table);
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
	if (m->key_type == NFT_TYPE_IFINDEX)
		set_host_order(s);
	nlh = nft_batch_next(b, NFT_MSG_NEWSET, NLM_F_CREATE);
	nftnl_set_nlmsg_build_payload(nlh, s);
	nft_batch_add(b, nlh);
	nftnl_set_free(s);
	return 0;
}

static int add_table(struct nft_batch *b, const struct nft_layout *l, uint16_t type, uint16_t flags)
{
	struct nftnl_table *t = nftnl_table_alloc();
	struct nlmsghdr *nlh;

	if (!t)
		return -ENOMEM;
	nftnl_table_set_str(t, NFTNL_TABLE_NAME, l->name);
	if (type == NFT_MSG_NEWTABLE)
		nftnl_table_set_u32(t, NFTNL_TABLE_FLAGS, l->flags);
	nlh = nft_batch_next(b, type, flags);
	nftnl_table_nlmsg_build_payload(nlh, t);
	nft_batch_add(b, nlh);
	nftnl_table_free(t);
	return 0;
}

static int add_chain_and_rules(struct nft_batch *b, const char *table, const struct nft_chain *c)
{
	int err = add_chain(b, table, c);

	for (size_t i = 0; i < NFT_RULES_MAX && c->rule[i].step[0].op && !err; i++)
		err = add_rule(b, table, c, &c->rule[i]);
	return err;
}

int nft_table_put(struct nft_batch *b, const struct nft_layout *l, uint32_t size, bool replace)
{
	int err = 0;

	if (replace) { /* made first, so that it need not be there to be deleted */
		err = add_table(b, l, NFT_MSG_NEWTABLE, NLM_F_CREATE);
		err = err ? err : add_table(b, l, NFT_MSG_DELTABLE, 0);
	}
	err = err ? err : add_table(b, l, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
	for (int i = l->first; i <= l->last && !err; i++)
		err = add_map(b, l->name, &nft_maps[i], size);
	for (size_t i = 0; i < NFT_CHAINS_MAX && l->chain[i].name && !err; i++)
		err = add_chain_and_rules(b, l->name, &l->chain[i]);
	return err;
}

int nft_table_install(struct nl *nl, const struct nft_layout *l, uint32_t size)
{
	struct nft_batch b;
	int err;

	nft_batch_begin(&b, nl);
	err = nft_table_put(&b, l, size, false);
	return err ? err : nft_batch_commit(&b);
}

int nft_table_remove(struct nl *nl, const struct nft_layout *l)
{
	struct nft_batch b;
	int err;

	nft_batch_begin(&b, nl);
	err = add_table(&b, l, NFT_MSG_DELTABLE, 0);
	return err ? err : nft_batch_commit(&b);
}

static void ignore(const struct nlmsghdr *nlh, void *arg)
{
	(void)nlh;
	(void)arg;
}

int nft_table_exists(struct nl *nl, const struct nft_layout *l)
{
	_Alignas(8) char buf[NL_MSG_BYTES];
	struct nlmsghdr *nlh =
		nftnl_nlmsg_build_hdr(buf, NFT_MSG_GETTABLE, NFPROTO_INET, 0, ++nl->seq);

	mnl_attr_put_strz(nlh, NFTA_TABLE_NAME, l->name);
	return nl_query(nl, nlh, ignore, NULL);
}
