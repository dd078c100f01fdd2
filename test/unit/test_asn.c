/* test/unit/test_asn.c - the prefix-to-AS table against a naive longest-prefix match, every line
 * format, and every verdict over a corrupted file. */
#include <stdint.h>
#include <stdlib.h>

#include "core/check.h"
#include "core/sort.h"
#include "probe/asn_build.h"
#include "test/unit/test.h"

static _Alignas(8) uint8_t work[8 << 20], file[1 << 20], copy[1 << 20];
static size_t file_len;
static struct asn_table table;
static struct asn_build build;

static enum asn_verdict make(const char *text, bool keep)
{
	size_t len = strlen(text), lines = 1;

	for (const char *p = text; *p; p++)
		lines += *p == '\n';
	CHECK(asn_build_bytes(len, lines) <= sizeof work);
	asn_build_init(&build, work, len, lines, keep);
	CHECK(asn_build_text(&build, text, len));
	file_len = asn_build_finish(&build);
	CHECK(file_len <= sizeof file);
	asn_build_write(&build, file, 1234);
	return asn_open(&table, file, file_len);
}

/* The first origin, 0 for none. */
static uint32_t as_of(const char *ip)
{
	struct asn_set s;
	struct addr a;

	CHECK(addr_parse(&a, ip, 0));
	s = asn_find(&table, &a);
	return s.n ? s.as[0] : 0;
}

static void the_longest_prefix_wins_at_all_its_edges(void)
{
	CHECK_EQ(make("; head\n8.0.0.0/8\t3356\n8.8.8.0/24\t15169\n8.8.0.0/16\t1\n", false),
		 ASN_OK);
	CHECK_EQ(as_of("7.255.255.255"), 0);
	CHECK_EQ(as_of("8.0.0.0"), 3356);
	CHECK_EQ(as_of("8.7.255.255"), 3356);
	CHECK_EQ(as_of("8.8.0.0"), 1);
	CHECK_EQ(as_of("8.8.7.255"), 1);
	CHECK_EQ(as_of("8.8.8.0"), 15169);
	CHECK_EQ(as_of("8.8.8.255"), 15169);
	CHECK_EQ(as_of("8.8.9.0"), 1);
	CHECK_EQ(as_of("8.9.0.0"), 3356);
	CHECK_EQ(as_of("8.255.255.255"), 3356);
	CHECK_EQ(as_of("9.0.0.0"), 0);
	CHECK_EQ(table.head->n4, 5);
	CHECK_EQ(build.counts.crossing, 0);
	CHECK_EQ(table.head->built, 1234);
}

static void each_line_format_is_read(void)
{
	static const struct {
		const char *line, *ip;
		uint32_t as;
	} row[] = {
		{ "1.0.0.0/24\t15169", "1.0.0.9", 15169 },
		{ "1.0.0.0\t24\t13335", "1.0.0.255", 13335 },
		{ "2001:db9::\t32\t7", "2001:db9::5", 7 },
		{ "1.0.0.0\t1.0.3.255\t13335\tUS\tCLOUDFLARENET", "1.0.2.0", 13335 },
		{ "16777216\t16777471\t9\tUS\tX", "1.0.0.255", 9 },
		{ "1.0.0.0,1.0.0.255,13335,\"Cloudflare, Inc.\"", "1.0.0.1", 13335 },
		{ "\"1.0.0.0\",\"1.0.0.255\",\"13335\",\"C\"", "1.0.0.1", 13335 },
		{ "1.0.0.0/24,13335,CLOUDFLARENET", "1.0.0.1", 13335 },
		{ "2a00::/12\tAS4294967295", "2a01::", UINT32_MAX },
		{ "2001:4860::,2001:4860:ffff:ffff:ffff:ffff:ffff:ffff,15169,G",
		  "2001:4860:1::", 15169 },
		{ "1.0.0.77/24\t5\r", "1.0.0.0", 5 },
	};

	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		CHECK_EQ(make(row[i].line, false), ASN_OK);
		CHECK_EQ(as_of(row[i].ip), row[i].as);
		CHECK_EQ(build.counts.bad, 0);
	}
}

static void lines_that_mean_nothing_are_counted_not_used(void)
{
	static const char *const bad[] = {
		"network,autonomous_system_number,organization", "1.0.0.0/33\t1", "1.0.0.0/24", "x",
		"1.0.0.0/24\t-1", "1.0.0.0/24\t4294967296", "1.0.0.9\t1.0.0.1\t5",
		"1.0.0.0\t2001::\t5", "1.0.0.0\t24\t", "[1.0.0.0\t24\t5", "1.0.0.0:80\t24\t5",
		"1.0.0.0\t\t5", "2001::/129\t5", "1.0.0.0/24\t1;2", "/24\t5", "1.0.0.0/\t5",
		"99999999999\t99999999999\t5",
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CHECK_EQ(make(bad[i], false), ASN_OK);
		CHECK_EQ(build.counts.bad, 1);
		CHECK_EQ(build.counts.first_bad, 1);
		CHECK_EQ(table.head->n4 + table.head->n6, 0);
		CHECK_EQ(as_of("1.0.0.1"), 0);
	}
	CHECK_EQ(make("; a\n\n# b\n% c\nzz\n1.0.1.0\t1.0.3.255\t0\tNone\tNot routed\n", false),
		 ASN_OK);
	CHECK_EQ(build.counts.first_bad, 5);
	CHECK_EQ(build.counts.unrouted, 1);
	CHECK_EQ(build.counts.lines, 6);
}

static void several_origins_are_all_kept_in_order(void)
{
	struct asn_set s;
	struct addr a;

	CHECK_EQ(make("1.0.0.0\t24\t30_10_20\n1.0.1.0\t24\t5,6_30\n1.0.2.0/24\t{7,8}\n"
		      "1.0.3.0/24\t1\n1.0.3.0/24\t2\n1.0.3.0/24\t1\n", false), ASN_OK);
	CHECK(addr_parse(&a, "1.0.0.1", 0));
	s = asn_find(&table, &a);
	CHECK(s.n == 3 && s.as[0] == 30 && s.as[1] == 10 && s.as[2] == 20);
	CHECK(addr_parse(&a, "1.0.1.1", 0));
	s = asn_find(&table, &a);
	CHECK(s.n == 3 && s.as[0] == 5 && s.as[1] == 6 && s.as[2] == 30);
	CHECK(addr_parse(&a, "1.0.2.1", 0));
	s = asn_find(&table, &a);
	CHECK(s.n == 2 && s.as[0] == 7 && s.as[1] == 8);
	CHECK(addr_parse(&a, "1.0.3.1", 0));
	s = asn_find(&table, &a);
	CHECK(s.n == 2 && s.as[0] + s.as[1] == 3);
	CHECK_EQ(build.counts.crossing, 0);
}

static void bogons_and_long_prefixes_stay_out_unless_asked_for(void)
{
	static const char text[] = "10.10.0.0/16\t16509\n172.16.0.1/32\t7560\n1.1.1.0/24\t15169\n"
				   "1.1.1.1/32\t45899\n2001:db8::/32\t1\n2a00:1:1:1::/64\t2\n"
				   "::/0\t3\n2002::/16\t6939\n0.0.0.0/0\t4\n";

	CHECK_EQ(make(text, false), ASN_OK);
	CHECK_EQ(as_of("10.10.0.1"), 0);
	CHECK_EQ(as_of("1.1.1.1"), 15169);
	CHECK_EQ(as_of("2001:db8::1"), 0);
	CHECK_EQ(as_of("2002::1"), 6939);
	CHECK_EQ(build.counts.bogons, 5);
	CHECK_EQ(build.counts.too_long, 2);
	CHECK_EQ(make(text, true), ASN_OK);
	CHECK_EQ(as_of("10.10.0.1"), 16509);
	CHECK_EQ(as_of("1.1.1.1"), 45899);
	CHECK_EQ(as_of("1.1.1.2"), 15169);
	CHECK_EQ(as_of("2001:db8::1"), 1);
	CHECK_EQ(as_of("9.9.9.9"), 4);
	CHECK_EQ(as_of("255.255.255.255"), 4);
	CHECK_EQ(as_of("3001::"), 0);
	CHECK_EQ(build.counts.bogons, 1);
}

static void the_narrower_of_two_crossing_ranges_wins(void)
{
	CHECK_EQ(make("214.95.0.0,215.0.255.255,749,A\n215.0.0.0,215.1.3.255,721,B\n", false),
		 ASN_OK);
	CHECK_EQ(build.counts.crossing, 1);
	CHECK_EQ(as_of("214.255.0.0"), 749);
	CHECK_EQ(as_of("215.0.0.0"), 721);
	CHECK_EQ(as_of("215.0.255.255"), 721);
	CHECK_EQ(as_of("215.1.3.255"), 721);
	CHECK_EQ(as_of("215.1.4.0"), 0);
}

static void neighbours_with_one_origin_become_one_entry(void)
{
	CHECK_EQ(make("1.0.0.0/24\t5\n1.0.1.0/24\t5\n1.0.2.0/24\t6\n1.0.0.0/16\t5\n", false),
		 ASN_OK);
	CHECK_EQ(table.head->n4, 3);
	CHECK_EQ(as_of("1.0.1.77"), 5);
	CHECK_EQ(as_of("1.0.2.77"), 6);
	CHECK_EQ(as_of("1.0.3.77"), 5);
}

static void the_last_addresses_have_no_end_beyond_them(void)
{
	CHECK_EQ(make("255.255.255.0/24\t1\nffff::/16\t2\n", true), ASN_OK);
	CHECK_EQ(as_of("255.255.255.255"), 1);
	CHECK_EQ(as_of("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), 2);
	CHECK_EQ(as_of("fffe::1"), 0);
}

/* Seeded xorshift: the same table and addresses in every run. */
static uint32_t rnd_state = 2463534242u;
static uint32_t rnd(void)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 17;
	return rnd_state ^= rnd_state << 5;
}

enum { N = 3000, PROBES = 100000 };
static struct {
	uint32_t net, bits;
} prefix[N];

/* Longest prefix by looking at all of them; equal prefixes do not occur. */
static uint32_t naive(uint32_t ip)
{
	uint32_t best = 0, best_bits = 0;

	for (uint32_t i = 0; i < N; i++)
		if ((ip ^ prefix[i].net) >> (32 - prefix[i].bits) == 0 &&
		    prefix[i].bits > best_bits) {
			best_bits = prefix[i].bits;
			best = i + 1;
		}
	return best;
}

static bool seen_before(uint32_t i)
{
	for (uint32_t k = 0; k < i; k++)
		if (prefix[k].net == prefix[i].net && prefix[k].bits == prefix[i].bits)
			return true;
	return false;
}

/* Deeply nested: every net lies in one /10, so that most addresses have several prefixes. */
static void a_hundred_thousand_addresses_agree_with_a_naive_match(void)
{
	static char text[N * 32];
	size_t len = 0, wrong = 0, hits = 0;

	for (uint32_t i = 0; i < N; i++) {
		do {
			prefix[i].bits = 11 + rnd() % 22;
			prefix[i].net = (20u << 24 | (rnd() & 0x3fffff)) &
					(UINT32_MAX << (32 - prefix[i].bits));
		} while (seen_before(i));
		len += (size_t)snprintf(text + len, sizeof text - len, "%u.%u.%u.%u/%u\t%u\n",
					prefix[i].net >> 24, prefix[i].net >> 16 & 255,
					prefix[i].net >> 8 & 255, prefix[i].net & 255,
					prefix[i].bits, i + 1);
	}
	CHECK_EQ(make(text, true), ASN_OK);
	for (uint32_t i = 0; i < PROBES; i++) {
		/* Half of them at an edge of some prefix, where mistakes live. */
		uint32_t k = rnd() % N;
		uint32_t ip = i & 1 ? 20u << 24 | (rnd() & 0x7fffff) : prefix[k].net - (rnd() & 1);
		struct addr a = { .ip = { [10] = 0xff, 0xff, ip >> 24, ip >> 16 & 255,
					  ip >> 8 & 255, ip & 255 } };
		struct asn_set s = asn_find(&table, &a);

		wrong += (s.n ? s.as[0] : 0) != naive(ip);
		hits += s.n;
	}
	CHECK_EQ(wrong, 0);
	CHECK(hits > PROBES / 4);
}

static void every_verdict_over_a_damaged_file_is_given(void)
{
	struct asn_head h;

	CHECK_EQ(make("1.0.0.0/24\t5\n1.0.2.0/24\t6\n2a00::/32\t7\n2a01::/32\t8\n", false), ASN_OK);
	memcpy(copy, file, file_len);
	CHECK_EQ(asn_open(&table, copy, sizeof h - 1), ASN_SHORT);
	CHECK_EQ(asn_open(&table, copy, file_len - 1), ASN_SIZE);
	CHECK_EQ(asn_open(&table, copy, file_len + 1), ASN_SIZE);
	copy[0] ^= 1;
	CHECK_EQ(asn_open(&table, copy, file_len), ASN_NOT_OURS);
	memcpy(&h, file, sizeof h);
	h.order = 0x04030201;
	memcpy(copy, &h, sizeof h);
	CHECK_EQ(asn_open(&table, copy, file_len), ASN_OTHER_ORDER);
	memcpy(&h, file, sizeof h);
	h.n4 = UINT32_MAX;
	memcpy(copy, &h, sizeof h);
	CHECK_EQ(asn_open(&table, copy, file_len), ASN_SIZE);
	/* The first IPv6 address becomes the largest; then a set beyond the pool. */
	memcpy(copy, file, file_len);
	memset(copy + sizeof h, 0xff, 16);
	CHECK_EQ(asn_open(&table, copy, file_len), ASN_UNSORTED);
	memcpy(copy, file, file_len);
	memset(copy + file_len - 8 * 4 - 4, 0xff, 4);
	CHECK_EQ(asn_open(&table, copy, file_len), ASN_POOL);
}

/* One byte at a time becomes each of three values: refused or harmless, under the sanitizers. */
static void no_damaged_byte_leads_outside_the_file(void)
{
	size_t refused = 0;

	CHECK_EQ(make("1.0.0.0/24\t5_6\n1.0.2.0/24\t6\n2a00::/32\t7\n2a01::/32\t8\n", false),
		 ASN_OK);
	for (size_t i = 0; i < file_len; i++)
		for (int k = 0; k < 3; k++) {
			uint8_t *exact = malloc(file_len);

			MUST(exact);
			memcpy(exact, file, file_len);
			exact[i] = (uint8_t[]){ 0, 0xff, exact[i] ^ 1 }[k];
			if (asn_open(&table, exact, file_len) != ASN_OK)
				refused++;
			else
				(void)(as_of("1.0.2.1") + as_of("2a01::1") + as_of("1.0.0.255"));
			free(exact);
		}
	CHECK(refused > file_len / 4);
}

static bool digit_before(const void *items, uint32_t a, uint32_t b)
{
	const char *s = items;

	return s[a] < s[b];
}

static void sorting_keeps_equal_items_in_order(void)
{
	static const char s[] = "31415926535897932384626433832795";
	uint32_t v[32], tmp[32];

	for (size_t n = 0; n <= 32; n++) {
		for (uint32_t i = 0; i < 32; i++)
			v[i] = i;
		sort_index(v, tmp, n, digit_before, s);
		for (size_t i = 1; i < n; i++)
			CHECK(s[v[i - 1]] < s[v[i]] || (s[v[i - 1]] == s[v[i]] && v[i - 1] < v[i]));
	}
}

TEST_MAIN_BEGIN
	RUN(sorting_keeps_equal_items_in_order);
	RUN(the_longest_prefix_wins_at_all_its_edges);
	RUN(each_line_format_is_read);
	RUN(lines_that_mean_nothing_are_counted_not_used);
	RUN(several_origins_are_all_kept_in_order);
	RUN(bogons_and_long_prefixes_stay_out_unless_asked_for);
	RUN(the_narrower_of_two_crossing_ranges_wins);
	RUN(neighbours_with_one_origin_become_one_entry);
	RUN(the_last_addresses_have_no_end_beyond_them);
	RUN(a_hundred_thousand_addresses_agree_with_a_naive_match);
	RUN(every_verdict_over_a_damaged_file_is_given);
	RUN(no_damaged_byte_leads_outside_the_file);
TEST_MAIN_END
