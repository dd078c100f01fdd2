/* probe/wire.c - probe packets and what comes back: built and recognised here alone */
#include "probe/wire.h"

#include <string.h>

#include "core/buf.h"

enum {
	PROTO_TCP = 6,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_ACK = 0x10,
	TCP_MIN = 20,
	IP4_MIN = 20,
	IP6_BYTES = 40,
};

/* Types of ICMP (RFC 792) and ICMPv6 (RFC 4443) that routers and targets answer with. */
enum { UNREACH4 = 3, EXCEEDED4 = 11, UNREACH6 = 1, EXCEEDED6 = 3 };

/* Adds bytes to an Internet checksum (RFC 1071); n is even. */
static uint32_t sum(uint32_t s, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i += 2)
		s += (uint32_t)p[i] << 8 | p[i + 1];
	return s;
}

static uint16_t fold(uint32_t s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)~s;
}

/*	 0	 2	 4	 8	 12	 14	 16	 18	 20
 *	| sport | dport | seq	| ack 0	| 6|SYN	| win	| sum	| urg	| MSS option (2, 4, mss) |
 * The checksum runs over a pseudo header too: both addresses, protocol and length. */
void wire_syn(uint8_t out[static WIRE_SYN_BYTES], const struct wire_flow *f, uint16_t id)
{
	size_t ip = addr_is_v4(&f->dst) ? 12 : 0;
	uint32_t s = PROTO_TCP + WIRE_SYN_BYTES;
	struct buf b;
	uint16_t check;

	buf_init(&b, out, WIRE_SYN_BYTES);
	buf_put_u16(&b, f->src.port);
	buf_put_u16(&b, f->dst.port);
	buf_put_u32(&b, f->isn + id);
	buf_put_u32(&b, 0);
	buf_put_u8(&b, WIRE_SYN_BYTES / 4 << 4);
	buf_put_u8(&b, TCP_SYN);
	buf_put_u16(&b, UINT16_MAX);
	buf_put_u32(&b, 0);
	buf_put_u8(&b, 2);
	buf_put_u8(&b, 4);
	buf_put_u16(&b, WIRE_MSS);
	s = sum(s, f->src.ip + ip, 16 - ip);
	s = sum(s, f->dst.ip + ip, 16 - ip);
	check = fold(sum(s, out, WIRE_SYN_BYTES));
	out[16] = (uint8_t)(check >> 8);
	out[17] = (uint8_t)check;
}

static bool id_of(const struct wire_flow *f, uint32_t seq, uint16_t *id)
{
	*id = (uint16_t)(seq - f->isn);
	return seq - f->isn < TRACE_PROBES_MAX;
}

/* The quoted TCP header's first 8 bytes. */
static bool quoted_tcp(const struct wire_flow *f, struct buf *b, struct trace_answer *a)
{
	uint16_t sport = buf_get_u16(b);
	uint16_t dport = buf_get_u16(b);
	uint32_t seq = buf_get_u32(b);

	return buf_ok(b) && sport == f->src.port && dport == f->dst.port && id_of(f, seq, &a->id);
}

/* ver/ihl, tos, length, id, flags and offset, ttl, protocol, sum, source, destination, options. */
static bool quoted_ip4(const struct wire_flow *f, struct buf *b, struct trace_answer *a)
{
	uint8_t ihl = buf_get_u8(b);
	const uint8_t *rest = buf_get_bytes(b, IP4_MIN - 1);

	if (!rest || ihl >> 4 != 4 || (ihl & 15) < IP4_MIN / 4 || rest[8] != PROTO_TCP)
		return false;
	if (memcmp(rest + 11, f->src.ip + 12, 4) || memcmp(rest + 15, f->dst.ip + 12, 4))
		return false;
	buf_get_bytes(b, (size_t)(ihl & 15) * 4 - IP4_MIN);
	return quoted_tcp(f, b, a);
}

/* ver/class/flow, payload length, next header, hop limit, source, destination. Our probes carry
 * no extension headers. */
static bool quoted_ip6(const struct wire_flow *f, struct buf *b, struct trace_answer *a)
{
	const uint8_t *h = buf_get_bytes(b, IP6_BYTES);

	return h && h[0] >> 4 == 6 && h[6] == PROTO_TCP && !memcmp(h + 8, f->src.ip, 16) &&
	       !memcmp(h + 24, f->dst.ip, 16) && quoted_tcp(f, b, a);
}

bool wire_icmp(const struct wire_flow *f, const uint8_t *msg, size_t len, struct trace_answer *a)
{
	bool v4 = addr_is_v4(&f->dst);
	struct buf b;

	buf_over(&b, msg, len);
	*a = (struct trace_answer){ .icmp_type = buf_get_u8(&b), .icmp_code = buf_get_u8(&b) };
	buf_get_bytes(&b, 6); /* checksum, then unused */
	if (!buf_ok(&b))
		return false;
	if (a->icmp_type == (v4 ? EXCEEDED4 : EXCEEDED6) && !a->icmp_code)
		a->kind = TRACE_HOP;
	else if (a->icmp_type == (v4 ? UNREACH4 : UNREACH6))
		a->kind = TRACE_UNREACH;
	else
		return false;
	return v4 ? quoted_ip4(f, &b, a) : quoted_ip6(f, &b, a);
}

/* A SYN-ACK or RST acknowledges the probe's number plus 1. A target that already holds a half-open
 * connection for an earlier probe answers later ones with a bare ACK for that one: also an
 * answer. */
bool wire_tcp(const struct wire_flow *f, const uint8_t *seg, size_t len, struct trace_answer *a)
{
	uint16_t sport, dport;
	uint32_t ack;
	struct buf b;

	*a = (struct trace_answer){ .from = f->dst };
	a->from.port = 0;
	buf_over(&b, seg, len);
	sport = buf_get_u16(&b);
	dport = buf_get_u16(&b);
	buf_get_u32(&b);
	ack = buf_get_u32(&b);
	buf_get_u8(&b);
	a->tcp_flags = buf_get_u8(&b);
	buf_get_bytes(&b, TCP_MIN - 14);
	if (!buf_ok(&b) || sport != f->dst.port || dport != f->src.port ||
	    !(a->tcp_flags & TCP_ACK))
		return false;
	a->kind = a->tcp_flags & TCP_RST ? TRACE_CLOSED : TRACE_OPEN;
	return id_of(f, ack - 1, &a->id);
}

const uint8_t *wire_strip_ip4(const uint8_t *pkt, size_t *len, uint8_t *ttl)
{
	size_t ihl = *len ? (size_t)(pkt[0] & 15) * 4 : 0;

	if (*len < IP4_MIN || pkt[0] >> 4 != 4 || ihl < IP4_MIN || ihl > *len)
		return NULL;
	if ((pkt[6] & 0x3f) || pkt[7]) /* more fragments, or an offset */
		return NULL;
	*ttl = pkt[8];
	*len -= ihl;
	return pkt + ihl;
}
