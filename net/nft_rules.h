/* net/nft_rules.h - what our nftables tables are made of, as data
 *
 * A rule is a row of steps, each of which becomes one expression of the kernel's virtual machine.
 * Registers: the key of a map, and what is found in it, begin at NFT_KEY; NFT_TMP is for tests. */
#ifndef NET_NFT_RULES_H
#define NET_NFT_RULES_H

#include <linux/netfilter/nf_tables.h>
#include <stdint.h>

#define NFT_TABLE "machete"
#define NFT_MAP4 "forward4"
#define NFT_MAP6 "forward6"
#define NFT_KNOWN4 "known4"
#define NFT_KNOWN6 "known6"
#define NFT_GUARD "guard"

#define NFT_CLIENT_TABLE "machete-client"
#define NFT_WAY "way"
#define NFT_CLOSED4 "closed4"
#define NFT_CLOSED6 "closed6"
#define NFT_VIRTUAL "virtual"

enum {
	NFT_KEY = NFT_REG32_00,
	NFT_TMP = NFT_REG32_15,
	NFT_TYPE_IFINDEX = 20, /* nft's number of that type */
	NFT_CHAINS_MAX = 4,
	NFT_RULES_MAX = 5,
	NFT_STEPS_MAX = 17,
};

enum nft_op {
	NFT_END = 0,
	NFT_META,      /* TMP = meta a */
	NFT_CT,	       /* register b = ct a, of the original direction */
	NFT_NET,       /* register c = b bytes of the IP header from a on */
	NFT_TRANSPORT, /* register c = b bytes of the TCP header from a on */
	NFT_EQUALS,    /* TMP's first byte is a */
	NFT_DIFFERS,   /* it is not */
	NFT_LONGER,    /* TMP's first two bytes, of a packet, are a number beyond a */
	NFT_AND,       /* TMP's first byte &= a */
	NFT_OPTION,    /* TMP = whether the TCP header has option a */
	NFT_FIND,      /* KEY = set a [KEY] */
	NFT_HAS,       /* set a has what begins at b */
	NFT_DNAT,      /* to the address at KEY and the port at b, of family a */
	NFT_MASQ,
	NFT_VERDICT, /* a */
	NFT_RESET,   /* answer with a TCP reset */
	NFT_COUNT,
	NFT_OPS,
};

struct nft_step {
	uint8_t op, a, b, c; /* enum nft_op */
};

/* `nft list` does not show a look-up whose result nobody uses: the comment tells of it. */
struct nft_rule {
	const char *comment;
	struct nft_step step[NFT_STEPS_MAX];
};

struct nft_chain {
	const char *name, *type;
	uint32_t hook;
	int32_t prio;
	struct nft_rule rule[NFT_RULES_MAX];
};

enum nft_set_index { /* sets and maps of all tables */
	NFT_S_MAP4 = 0,
	NFT_S_MAP6,
	NFT_S_KNOWN4,
	NFT_S_KNOWN6,
	NFT_S_GUARD,
	NFT_S_WAY,
	NFT_S_CLOSED4,
	NFT_S_CLOSED6,
	NFT_S_VIRTUAL,
	NFT_S_MAX,
};

struct nft_map {
	const char *name;
	uint32_t id, flags, key_type, key_len, data_type, data_len;
};
extern const struct nft_map nft_maps[NFT_S_MAX];

struct nft_layout {
	const char *name;
	uint32_t flags;
	int first, last; /* of nft_maps */
	const struct nft_chain *chain; /* NFT_CHAINS_MAX; those without a name are not there */
};
extern const struct nft_layout nft_of_node, nft_of_client;

#endif
