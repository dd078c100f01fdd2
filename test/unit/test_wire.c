/* test/unit/test_wire.c - probe packets byte by byte, and answers that do or do not belong to them
 */
#include <string.h>

#include "core/check.h"
#include "probe/wire.h"
#include "test/unit/test.h"

/* 192.0.2.1:33000 -> 198.51.100.2:443, ISN 0x01020304. */
static struct wire_flow flow4(void)
{
	struct wire_flow f = { .isn = 0x01020304 };

	CHECK(addr_parse(&f.src, "192.0.2.1:33000", 0));
	CHECK(addr_parse(&f.dst, "198.51.100.2:443", 0));
	return f;
}

static struct wire_flow flow6(void)
{
	struct wire_flow f = { .isn = 0xfffffff0 };

	CHECK(addr_parse(&f.src, "[2001:db8::1]:33000", 0));
	CHECK(addr_parse(&f.dst, "[2001:db8::2]:443", 0));
	return f;
}

static void a_syn_has_these_bytes(void)
{
	static const uint8_t want[WIRE_SYN_BYTES] = {
		0x80, 0xe8, 0x01, 0xbb, 0x01, 0x02, 0x03, 0x0b, 0, 0, 0, 0,
		0x60, 0x02, 0xff, 0xff, 0x25, 0x3f, 0, 0, 0x02, 0x04, 0x05, 0xb4,
	};
	struct wire_flow f = flow4();
	uint8_t syn[WIRE_SYN_BYTES];

	wire_syn(syn, &f, 7);
	CHECK(!memcmp(syn, want, sizeof want));
}

/* Summed with its pseudo header, a segment with a right checksum gives 0xffff (RFC 1071). */
static void the_checksum_of_an_ipv6_syn_is_right(void)
{
	struct wire_flow f = flow6();
	uint8_t all[32 + WIRE_SYN_BYTES];
	uint32_t s = 6 + WIRE_SYN_BYTES;

	memcpy(all, f.src.ip, 16);
	memcpy(all + 16, f.dst.ip, 16);
	wire_syn(all + 32, &f, 127);
	for (size_t i = 0; i < sizeof all; i += 2)
		s += (uint32_t)all[i] << 8 | all[i + 1];
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	CHECK_EQ(s, 0xffff);
}

/* Time exceeded with a quote of probe 7: ICMP head, IP head, 8 bytes of TCP. */
static const uint8_t quote4[36] = {
	11, 0, 0x12, 0x34, 0, 0, 0, 0,
	0x45, 0, 0, 44, 0, 0, 0, 0, 1, 6, 0, 0, 192, 0, 2, 1, 198, 51, 100, 2,
	0x80, 0xe8, 0x01, 0xbb, 0x01, 0x02, 0x03, 0x0b,
};

static void a_quote_names_its_probe(void)
{
	struct wire_flow f = flow4();
	struct trace_answer a;
	uint8_t m[sizeof quote4];

	memcpy(m, quote4, sizeof m);
	CHECK(wire_icmp(&f, m, sizeof m, &a));
	CHECK_EQ(a.id, 7);
	CHECK_EQ(a.kind, TRACE_HOP);
	m[0] = 3;
	m[1] = 13;
	CHECK(wire_icmp(&f, m, sizeof m, &a));
	CHECK_EQ(a.kind, TRACE_UNREACH);
	CHECK_EQ(a.icmp_code, 13);
}

static void a_quote_with_any_other_byte_in_it_is_not_ours(void)
{
	/* Type, code, version and length, protocol, addresses, ports, upper half of the number. */
	static const uint8_t at[] = { 0, 1, 8, 17, 20, 23, 24, 27, 28, 29, 30, 31, 32, 33 };
	struct wire_flow f = flow4();
	struct trace_answer a;
	uint8_t m[sizeof quote4];

	for (size_t i = 0; i < sizeof at; i++) {
		memcpy(m, quote4, sizeof m);
		m[at[i]] ^= 0x81;
		CHECK(!wire_icmp(&f, m, sizeof m, &a));
	}
	for (size_t len = 0; len < sizeof quote4; len++)
		CHECK(!wire_icmp(&f, quote4, len, &a));
	memcpy(m, quote4, sizeof m);
	m[35] = 0x04 + TRACE_PROBES_MAX;
	CHECK(!wire_icmp(&f, m, sizeof m, &a));
}

static void ip_options_in_a_quote_are_skipped(void)
{
	struct wire_flow f = flow4();
	struct trace_answer a;
	uint8_t m[sizeof quote4 + 4] = { 0 };

	memcpy(m, quote4, 28);
	memcpy(m + 32, quote4 + 28, 8);
	m[8] = 0x46;
	CHECK(wire_icmp(&f, m, sizeof m, &a));
	CHECK_EQ(a.id, 7);
}

static void an_ipv6_quote_names_its_probe_across_the_wrap_of_numbers(void)
{
	struct wire_flow f = flow6();
	struct trace_answer a;
	uint8_t m[8 + 40 + 8] = { 3, 0 };

	m[8] = 0x60;
	m[8 + 6] = 6;
	memcpy(m + 16, f.src.ip, 16);
	memcpy(m + 32, f.dst.ip, 16);
	memcpy(m + 48, (uint8_t[]){ 0x80, 0xe8, 0x01, 0xbb, 0, 0, 0, 4 }, 8);
	CHECK(wire_icmp(&f, m, sizeof m, &a));
	CHECK_EQ(a.id, 20);
	CHECK_EQ(a.kind, TRACE_HOP);
	m[0] = 11; /* time exceeded of IPv4 */
	CHECK(!wire_icmp(&f, m, sizeof m, &a));
}

static void answers_of_the_target_are_open_or_closed(void)
{
	static const uint8_t syn_ack[20] = { 0x01, 0xbb, 0x80, 0xe8, 9, 9, 9, 9, 0x01, 0x02, 0x03,
					     0x0c, 0x50, 0x12 };
	struct wire_flow f = flow4();
	struct trace_answer a;
	uint8_t m[sizeof syn_ack];

	CHECK(wire_tcp(&f, syn_ack, sizeof syn_ack, &a));
	CHECK_EQ(a.id, 7);
	CHECK_EQ(a.kind, TRACE_OPEN);
	CHECK(addr_same_ip(&a.from, &f.dst));
	memcpy(m, syn_ack, sizeof m);
	m[13] = 0x14;
	CHECK(wire_tcp(&f, m, sizeof m, &a));
	CHECK_EQ(a.kind, TRACE_CLOSED);
	m[13] = 0x04; /* a reset that acknowledges nothing proves nothing */
	CHECK(!wire_tcp(&f, m, sizeof m, &a));
	CHECK(!wire_tcp(&f, syn_ack, 19, &a));
	memcpy(m, syn_ack, sizeof m);
	m[1] ^= 1;
	CHECK(!wire_tcp(&f, m, sizeof m, &a));
	memcpy(m, syn_ack, sizeof m);
	m[8] ^= 1;
	CHECK(!wire_tcp(&f, m, sizeof m, &a));
}

static void an_ipv4_header_is_cut_off_only_when_it_is_whole(void)
{
	uint8_t p[28] = { 0x46, [8] = 61, [24] = 11 };
	size_t len = sizeof p;
	uint8_t ttl;

	CHECK(wire_strip_ip4(p, &len, &ttl) == p + 24);
	CHECK_EQ(len, 4);
	CHECK_EQ(ttl, 61);
	len = 23;
	CHECK(!wire_strip_ip4(p, &len, &ttl));
	len = 0;
	CHECK(!wire_strip_ip4(p, &len, &ttl));
	len = sizeof p;
	p[6] = 0x20; /* more fragments */
	CHECK(!wire_strip_ip4(p, &len, &ttl));
	p[6] = 0;
	p[0] = 0x44;
	CHECK(!wire_strip_ip4(p, &len, &ttl));
	p[0] = 0x65;
	CHECK(!wire_strip_ip4(p, &len, &ttl));
}

TEST_MAIN_BEGIN
	RUN(a_syn_has_these_bytes);
	RUN(the_checksum_of_an_ipv6_syn_is_right);
	RUN(a_quote_names_its_probe);
	RUN(a_quote_with_any_other_byte_in_it_is_not_ours);
	RUN(ip_options_in_a_quote_are_skipped);
	RUN(an_ipv6_quote_names_its_probe_across_the_wrap_of_numbers);
	RUN(answers_of_the_target_are_open_or_closed);
	RUN(an_ipv4_header_is_cut_off_only_when_it_is_whole);
TEST_MAIN_END
