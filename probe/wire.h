/* probe/wire.h - probe packets and what comes back: built and recognised here alone
 *
 * A flow is one 5-tuple. Its probes differ in the TCP sequence number only, which every ICMP error
 * quotes (RFC 792: IP header and 8 bytes) and every answer acknowledges, so that per-flow load
 * balancers send all of them the same way. An answer counts only when addresses, ports and a
 * sequence number out of 2^32 fit: whoever does not see the probes cannot forge one. */
#ifndef PROBE_WIRE_H
#define PROBE_WIRE_H

#include <stddef.h>

#include "probe/trace.h"

enum {
	WIRE_SYN_BYTES = 24,   /* TCP header and the MSS option; without it some firewalls drop */
	WIRE_MSS = 1460,
};

struct wire_flow {
	struct addr src, dst; /* with ports, of one family */
	uint32_t isn;	      /* random; probe id has isn + id */
};

/* The SYN of probe `id`, checksum included. */
void wire_syn(uint8_t out[static WIRE_SYN_BYTES], const struct wire_flow *f, uint16_t id);

/* An ICMP or ICMPv6 message, from its type on. True: it answers a probe of this flow, and a holds
 * everything but `from` and `reply_ttl`. */
bool wire_icmp(const struct wire_flow *f, const uint8_t *msg, size_t len, struct trace_answer *a);

/* A TCP segment that came from dst's address. True as above, with `from`. */
bool wire_tcp(const struct wire_flow *f, const uint8_t *seg, size_t len, struct trace_answer *a);

/* Cuts the header off an IPv4 packet, as raw sockets give it: the payload, its length in *len and
 * the header's TTL; NULL: no whole header, or a fragment. */
const uint8_t *wire_strip_ip4(const uint8_t *pkt, size_t *len, uint8_t *ttl);

#endif
