/* core/dest.c - may a node forward to this address: judged once, here, for all ways of forwarding
 */
#include "core/dest.h"

#include "core/check.h"

const char *const dest_verdict_str[DEST_VERDICTS] = {
	[DEST_OK] = "ok",
	[DEST_NO_PORT] = "port not registered",
	[DEST_NOT_LISTED] = "address not registered",
	[DEST_LOOPBACK] = "loopback address",
	[DEST_LINK_LOCAL] = "link-local address",
	[DEST_MULTICAST] = "multicast address",
	[DEST_UNSPECIFIED] = "unspecified address",
	[DEST_EMBEDDED] = "IPv6 address with an IPv4 address in it",
	[DEST_METADATA] = "cloud metadata address",
};
static_assert(ARRAY_LEN(dest_verdict_str) == DEST_VERDICTS, "a name for every verdict");

/* What each scope means for a destination. Private and reserved ones are fine where an admitted
 * device registered them: laboratories and company networks are made of them. */
static const enum dest_verdict by_scope[ADDR_SCOPES] = {
	[ADDR_GLOBAL] = DEST_OK,           [ADDR_PRIVATE] = DEST_OK,
	[ADDR_LOOPBACK] = DEST_LOOPBACK,   [ADDR_LINK_LOCAL] = DEST_LINK_LOCAL,
	[ADDR_MULTICAST] = DEST_MULTICAST, [ADDR_UNSPECIFIED] = DEST_UNSPECIFIED,
	[ADDR_EMBEDDED] = DEST_EMBEDDED,   [ADDR_METADATA] = DEST_METADATA,
	[ADDR_RESERVED] = DEST_OK,
};

enum dest_verdict dest_judge(const struct addr *a, const struct dest_listed *listed,
			     bool loopback_node)
{
	enum dest_verdict v = by_scope[addr_scope(a)];
	bool address = false, port = false;

	if (v != DEST_OK && !(v == DEST_LOOPBACK && loopback_node))
		return v;
	for (uint32_t i = 0; i < listed->addrs; i++) {
		address |= addr_same_ip(a, &listed->addr[i]);
		port |= addr_eq(a, &listed->addr[i]);
	}
	for (uint32_t i = 0; i < listed->ports; i++)
		port |= a->port == listed->port[i];
	if (!address)
		return DEST_NOT_LISTED;
	return port && a->port ? DEST_OK : DEST_NO_PORT;
}
