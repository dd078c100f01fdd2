/* core/dest.h - may a node forward to this address: judged once, here, for all ways of forwarding
 *
 * Relays that can be pointed anywhere become proxies into the node's own network (coturn
 * CVE-2020-26262 and its incomplete fix CVE-2026-27624; PEERS.md 5b). An address is judged in its
 * one canonical form (core/addr), so no other spelling of it exists. Pure. */
#ifndef CORE_DEST_H
#define CORE_DEST_H

#include <stdbool.h>
#include <stdint.h>

#include "core/addr.h"

enum dest_verdict {
	DEST_OK = 0,
	DEST_NO_PORT,    /* port 0, or not one that the device registered */
	DEST_NOT_LISTED, /* not an address that the device registered */
	DEST_LOOPBACK,   /* the node's own host, or the device's: nobody else's business */
	DEST_LINK_LOCAL, /* neighbours, and most clouds' metadata service */
	DEST_MULTICAST,
	DEST_UNSPECIFIED, /* connects to the node itself */
	DEST_EMBEDDED,    /* IPv6 that leads to an IPv4 address, perhaps one of the above */
	DEST_METADATA,
	DEST_VERDICTS,
};
extern const char *const dest_verdict_str[DEST_VERDICTS];

/* What a device registered: n addresses, each with its port, and ports that it exposes at all of
 * them. */
struct dest_listed {
	const struct addr *addr;
	uint32_t addrs;
	const uint16_t *port;
	uint32_t ports;
};

/* `loopback_node`: the node itself listens on a loopback address alone, as in `machete dev`; then
 * loopback addresses are all there is. */
enum dest_verdict dest_judge(const struct addr *a, const struct dest_listed *listed,
			     bool loopback_node);

#endif
