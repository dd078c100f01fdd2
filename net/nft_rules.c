/* net/nft_rules.c - the static parts of our nftables tables: names, sets, chains and rules
 *
 * nft's numbers of types have six bits each in a concatenation; only `nft list` uses them. */
#include "net/nft_rules.h"

#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>

#include "core/check.h"

enum {
	TYPE_IP4 = 7,
	TYPE_IP6 = 8,
	TYPE_PORT = 13,
	PRIO_DSTNAT = -100,
	PRIO_FILTER = 0,
	PRIO_SRCNAT = 100,
	TCP_OPTION_MPTCP = 30,
	TABLE_F_PERSIST = 4, /* of NFT_TABLE_F_*, since Linux 6.9: it outlives its owner */
};

const struct nft_map nft_maps[NFT_S_MAX] = {
	[NFT_S_MAP4] = { NFT_MAP4, 1, NFT_SET_MAP | NFT_SET_TIMEOUT,
		   TYPE_IP4 << 12 | TYPE_IP4 << 6 | TYPE_PORT, 4 + 4 + 4,
		   TYPE_IP4 << 6 | TYPE_PORT, 4 + 4 },
	[NFT_S_MAP6] = { NFT_MAP6, 2, NFT_SET_MAP | NFT_SET_TIMEOUT,
		   TYPE_IP6 << 12 | TYPE_IP6 << 6 | TYPE_PORT, 16 + 16 + 4,
		   TYPE_IP6 << 6 | TYPE_PORT, 16 + 4 },
	[NFT_S_KNOWN4] = { NFT_KNOWN4, 3, 0,
		     TYPE_IP4 << 12 | TYPE_IP4 << 6 | TYPE_PORT, 4 + 4 + 4, 0, 0 },
	[NFT_S_KNOWN6] = { NFT_KNOWN6, 4, 0,
		     TYPE_IP6 << 12 | TYPE_IP6 << 6 | TYPE_PORT, 16 + 16 + 4, 0, 0 },
	[NFT_S_GUARD] = { NFT_GUARD, 5, 0, NFT_TYPE_IFINDEX, 4, 0, 0 },
	[NFT_S_WAY] = { NFT_WAY, 6, NFT_SET_MAP,
			TYPE_IP4 << 12 | TYPE_IP4 << 6 | TYPE_PORT, 4 + 4 + 4,
			TYPE_IP4 << 6 | TYPE_PORT, 4 + 4 },
	[NFT_S_CLOSED4] = { NFT_CLOSED4, 7, 0, TYPE_IP4 << 6 | TYPE_PORT, 4 + 4, 0, 0 },
	[NFT_S_CLOSED6] = { NFT_CLOSED6, 8, 0, TYPE_IP6 << 6 | TYPE_PORT, 16 + 4, 0, 0 },
	[NFT_S_VIRTUAL] = { NFT_VIRTUAL, 9, 0, TYPE_IP4, 4, 0, 0 },
};

#define IPV4 { NFT_META, NFT_META_NFPROTO, 0, 0 }, { NFT_EQUALS, NFPROTO_IPV4, 0, 0 }
#define IPV6 { NFT_META, NFT_META_NFPROTO, 0, 0 }, { NFT_EQUALS, NFPROTO_IPV6, 0, 0 }
#define TCP { NFT_META, NFT_META_L4PROTO, 0, 0 }, { NFT_EQUALS, IPPROTO_TCP, 0, 0 }
/* ct original ip saddr . ct original ip daddr . ct original proto-dst */
#define CAME_BY4 \
	IPV4, { NFT_CT, NFT_CT_SRC_IP, NFT_KEY, 0 }, { NFT_CT, NFT_CT_DST_IP, NFT_KEY + 1, 0 }, \
	{ NFT_CT, NFT_CT_PROTO_DST, NFT_KEY + 2, 0 }
#define CAME_BY6 \
	IPV6, { NFT_CT, NFT_CT_SRC_IP6, NFT_KEY, 0 }, { NFT_CT, NFT_CT_DST_IP6, NFT_KEY + 4, 0 }, \
	{ NFT_CT, NFT_CT_PROTO_DST, NFT_KEY + 8, 0 }

static const struct nft_chain node_chains[NFT_CHAINS_MAX] = {
	{ "prerouting", "nat", NF_INET_PRE_ROUTING, PRIO_DSTNAT, {
		/* tcp dnat ip to ip saddr . ip daddr . tcp dport map @forward4 */
		{ NULL, { IPV4, TCP, { NFT_NET, 12, 4, NFT_KEY }, { NFT_NET, 16, 4, NFT_KEY + 1 },
			  { NFT_TRANSPORT, 2, 2, NFT_KEY + 2 }, { NFT_FIND, NFT_S_MAP4, 0, 0 },
			  { NFT_DNAT, NFPROTO_IPV4, NFT_KEY + 1, 0 } } },
		/* tcp dnat ip6 to ip6 saddr . ip6 daddr . tcp dport map @forward6 */
		{ NULL, { IPV6, TCP, { NFT_NET, 8, 16, NFT_KEY }, { NFT_NET, 24, 16, NFT_KEY + 4 },
			  { NFT_TRANSPORT, 2, 2, NFT_KEY + 8 }, { NFT_FIND, NFT_S_MAP6, 0, 0 },
			  { NFT_DNAT, NFPROTO_IPV6, NFT_KEY + 4, 0 } } } } },
	{ "postrouting", "nat", NF_INET_POST_ROUTING, PRIO_SRCNAT, {
		{ "what is in @forward4",
		  { CAME_BY4, { NFT_FIND, NFT_S_MAP4, 0, 0 }, { NFT_MASQ, 0, 0, 0 } } },
		{ "what is in @forward6",
		  { CAME_BY6, { NFT_FIND, NFT_S_MAP6, 0, 0 }, { NFT_MASQ, 0, 0, 0 } } } } },
	{ "forward", "filter", NF_INET_FORWARD, PRIO_FILTER, {
		{ "what is in @forward4",
		  { CAME_BY4, { NFT_FIND, NFT_S_MAP4, 0, 0 }, { NFT_VERDICT, NF_ACCEPT, 0, 0 } } },
		{ "what is in @forward6",
		  { CAME_BY6, { NFT_FIND, NFT_S_MAP6, 0, 0 }, { NFT_VERDICT, NF_ACCEPT, 0, 0 } } },
		{ "forwards that have ended",
		  { CAME_BY4, { NFT_HAS, NFT_S_KNOWN4, NFT_KEY, 0 },
		    { NFT_VERDICT, NF_DROP, 0, 0 } } },
		{ "forwards that have ended",
		  { CAME_BY6, { NFT_HAS, NFT_S_KNOWN6, NFT_KEY, 0 },
		    { NFT_VERDICT, NF_DROP, 0, 0 } } },
		/* iif @guard drop */
		{ "only forwards where machete switched forwarding on",
		  { { NFT_META, NFT_META_IIF, 0, 0 }, { NFT_HAS, NFT_S_GUARD, NFT_TMP, 0 },
		    { NFT_VERDICT, NF_DROP, 0, 0 } } } } },
};

/* What was translated was looked up by what it was before. A segment without MPTCP's option that
 * begins a connection or carries data is of one that has fallen back. Pure acknowledgements may
 * be of a connection that is closed already, and have none. */
#define NO_MPTCP \
	CAME_BY4, { NFT_FIND, NFT_S_WAY, 0, 0 }, TCP, { NFT_OPTION, TCP_OPTION_MPTCP, 0, 0 }, \
	{ NFT_EQUALS, 0, 0, 0 }
#define SYN_OR_PUSH \
	{ NFT_TRANSPORT, 13, 1, NFT_TMP }, { NFT_AND, 0x02 | 0x08, 0, 0 }, { NFT_DIFFERS, 0, 0, 0 }
#define COUNT_AND_RESET { NFT_COUNT, 0, 0, 0 }, { NFT_RESET, 0, 0, 0 }
#define COUNT_AND_DROP { NFT_COUNT, 0, 0, 0 }, { NFT_VERDICT, NF_DROP, 0, 0 }
#define LONG { NFT_NET, 2, 2, NFT_TMP }, { NFT_LONGER, 20 + 60, 0, 0 }

static const struct nft_chain client_chains[NFT_CHAINS_MAX] = {
	{ "output", "nat", NF_INET_LOCAL_OUT, PRIO_DSTNAT, {
		/* tcp dnat ip to ip saddr . ip daddr . tcp dport map @way */
		{ NULL, { IPV4, TCP, { NFT_NET, 12, 4, NFT_KEY }, { NFT_NET, 16, 4, NFT_KEY + 1 },
			  { NFT_TRANSPORT, 2, 2, NFT_KEY + 2 }, { NFT_FIND, NFT_S_WAY, 0, 0 },
			  { NFT_DNAT, NFPROTO_IPV4, NFT_KEY + 1, 0 } } } } },
	{ "leaving", "filter", NF_INET_LOCAL_OUT, PRIO_FILTER, {
		{ "connections without MPTCP",
		  { NO_MPTCP, SYN_OR_PUSH, COUNT_AND_RESET } },
		{ "connections without MPTCP",
		  { NO_MPTCP, LONG, COUNT_AND_RESET } },
		/* ip daddr . tcp dport @closed4 counter drop */
		{ "not translated",
		  { IPV4, TCP, { NFT_NET, 16, 4, NFT_KEY }, { NFT_TRANSPORT, 2, 2, NFT_KEY + 1 },
		    { NFT_HAS, NFT_S_CLOSED4, NFT_KEY, 0 }, COUNT_AND_DROP } },
		{ "not translated",
		  { IPV6, TCP, { NFT_NET, 24, 16, NFT_KEY }, { NFT_TRANSPORT, 2, 2, NFT_KEY + 4 },
		    { NFT_HAS, NFT_S_CLOSED6, NFT_KEY, 0 }, COUNT_AND_DROP } } } },
	{ "postrouting", "nat", NF_INET_POST_ROUTING, PRIO_SRCNAT, {
		{ "what is in @way",
		  { CAME_BY4, { NFT_FIND, NFT_S_WAY, 0, 0 }, { NFT_MASQ, 0, 0, 0 } } } } },
	{ "last", "filter", NF_INET_POST_ROUTING, PRIO_SRCNAT + 1, {
		/* ip saddr @virtual counter drop */
		{ "not translated",
		  { IPV4, { NFT_NET, 12, 4, NFT_KEY }, { NFT_HAS, NFT_S_VIRTUAL, NFT_KEY, 0 },
		    COUNT_AND_DROP } } } },
};

const struct nft_layout nft_of_node = { NFT_TABLE, NFT_TABLE_F_OWNER, NFT_S_MAP4, NFT_S_GUARD,
					node_chains };
const struct nft_layout nft_of_client = { NFT_CLIENT_TABLE, NFT_TABLE_F_OWNER | TABLE_F_PERSIST,
					  NFT_S_WAY, NFT_S_VIRTUAL,
					  client_chains };
