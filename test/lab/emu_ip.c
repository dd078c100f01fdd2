/* test/lab/emu_ip.c - what a router does to IP headers: lower the TTL, say time exceeded */
#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#include "test/lab/emu.h"

enum {
	QUOTE4_BYTES_MAX = 576 - 28,	/* RFC 1812, 4.3.2.3: the whole error fits 576 bytes */
	QUOTE6_BYTES_MAX = 1280 - 48,	/* RFC 4443, 3.3: it fits the minimum MTU */
	ROUTER_TTL = 255,
	ROUTER_TOS = 0xc0,		/* RFC 1812, 4.3.2.5: internetwork control */
};

static unsigned ip_version(const struct packet *p)
{
	return p->data[0] >> 4;
}

/* Complete, and its own length says so too. */
bool ip_valid(const struct packet *p)
{
	if (p->len >= 20 && ip_version(p) == 4) {
		unsigned ihl = (p->data[0] & 15u) * 4;

		return ihl >= 20 && ihl <= p->len && (p->data[2] << 8 | p->data[3]) == p->len;
	}
	return p->len >= 40 && ip_version(p) == 6 && (p->data[4] << 8 | p->data[5]) + 40 == p->len;
}

unsigned ip_ttl(const struct packet *p)
{
	return ip_version(p) == 4 ? p->data[8] : p->data[7];
}

/* Fold a sum of 16-bit words; the caller inverts. */
static uint32_t sum_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

static uint32_t sum_add(uint32_t sum, const uint8_t *d, size_t len)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)d[i] << 8 | d[i + 1];
	if (len & 1)
		sum += (uint32_t)d[len - 1] << 8;
	return sum;
}

static void put16(uint8_t *d, uint32_t v)
{
	d[0] = (uint8_t)(v >> 8);
	d[1] = (uint8_t)v;
}

/* RFC 1624: the checksum follows the change of one 16-bit word, HC' = ~(~HC + ~m + m'). */
void ip_ttl_lower(struct packet *p, unsigned by)
{
	uint8_t *d = p->data;
	uint32_t before, sum;

	if (ip_version(p) == 6) {
		d[7] = (uint8_t)(d[7] - by);
		return;
	}
	before = (uint32_t)d[8] << 8 | d[9];
	d[8] = (uint8_t)(d[8] - by);
	sum = (~((uint32_t)d[10] << 8 | d[11]) & 0xffff) + (~before & 0xffff);
	put16(d + 10, ~sum_fold(sum + ((uint32_t)d[8] << 8 | d[9])));
}

/* RFC 1812, 4.3.2.7: no error about an error, nor about a fragment that is not the first. */
static bool may_answer4(const struct packet *p)
{
	unsigned ihl = (p->data[0] & 15u) * 4;
	unsigned type;

	if ((p->data[6] << 8 | p->data[7]) & 0x1fff)
		return false;
	if (p->data[9] != IPPROTO_ICMP)
		return true;
	type = p->len > ihl ? p->data[ihl] : ICMP_DEST_UNREACH;
	return type == ICMP_ECHO || type == ICMP_ECHOREPLY || type == ICMP_TIMESTAMP;
}

/*  0      4      8      12      16      20     24      28
 *  |45 c0 len|id 0|ttl 1 sum|  hop  |  src  |0b 00 sum|unused|  the packet at the hop .. */
static bool time_exceeded4(struct packet *out, const struct packet *p, const struct hop *hop,
			   unsigned hops_back)
{
	size_t quote = p->len < QUOTE4_BYTES_MAX ? p->len : QUOTE4_BYTES_MAX;
	uint8_t *d = out->data;

	if (!may_answer4(p))
		return false;
	out->len = (uint16_t)(28 + quote);
	memset(d, 0, 28);
	memcpy(d + 28, p->data, quote);
	d[0] = 0x45;
	d[1] = ROUTER_TOS;
	put16(d + 2, out->len);
	memcpy(d + 4, p->data + 4, 2);
	d[8] = (uint8_t)(ROUTER_TTL - hops_back);
	d[9] = IPPROTO_ICMP;
	memcpy(d + 12, &hop->a4, 4);
	memcpy(d + 16, p->data + 12, 4);
	put16(d + 10, ~sum_fold(sum_add(0, d, 20)));
	d[20] = ICMP_TIME_EXCEEDED;
	put16(d + 22, ~sum_fold(sum_add(0, d + 20, out->len - 20u)));
	return true;
}

/*  0        4      8       24      40         44      48
 *  |6 flow  |len 58 hl|  hop  |  src  |03 00 sum|unused|  the packet at the hop .. */
static bool time_exceeded6(struct packet *out, const struct packet *p, const struct hop *hop,
			   unsigned hops_back)
{
	size_t quote = p->len < QUOTE6_BYTES_MAX ? p->len : QUOTE6_BYTES_MAX;
	uint8_t *d = out->data;
	uint32_t sum;

	if (p->data[6] == IPPROTO_ICMPV6 && (p->len <= 40 || p->data[40] < 128))
		return false;
	out->len = (uint16_t)(48 + quote);
	memset(d, 0, 48);
	memcpy(d + 48, p->data, quote);
	d[0] = 0x60;
	put16(d + 4, out->len - 40u);
	d[6] = IPPROTO_ICMPV6;
	d[7] = (uint8_t)(ROUTER_TTL - hops_back);
	memcpy(d + 8, &hop->a6, 16);
	memcpy(d + 24, p->data + 8, 16);
	d[40] = ICMP6_TIME_EXCEEDED;
	sum = sum_add(out->len - 40u + IPPROTO_ICMPV6, d + 8, 32);
	put16(d + 42, ~sum_fold(sum_add(sum, d + 40, out->len - 40u)));
	return true;
}

bool ip_time_exceeded(struct packet *out, const struct packet *p, const struct hop *hop,
		      unsigned hops_back)
{
	if (ip_version(p) == 4)
		return time_exceeded4(out, p, hop, hops_back);
	return time_exceeded6(out, p, hop, hops_back);
}
