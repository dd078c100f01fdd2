/* test/unit/test_record.c - traces as text and back, lines that are none, and hops to ASes */
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "probe/asn_build.h"
#include "probe/record.h"
#include "test/unit/test.h"

static const char line[] =
	"1 1448000000 10.11.0.10 wan0 10.14.0.2:7200 1 113700 10.11.0.2 10.12.0.2 - 10.14.0.4";

static void a_line_is_read_and_written_the_same(void)
{
	char text[RECORD_TEXT_MAX];
	struct record r;

	CHECK(record_parse(&r, line, strlen(line)));
	CHECK_EQ(r.at_s, 1448000000);
	CHECK_EQ(r.to.port, 7200);
	CHECK_EQ(r.rtt_us, 113700);
	CHECK_EQ(r.hops, 4);
	CHECK_STR(r.device, "wan0");
	CHECK_EQ(record_format(&r, text), strlen(line));
	CHECK_STR(text, line);
}

static void the_longest_record_fits(void)
{
	char text[RECORD_TEXT_MAX];
	struct record r = { .at_s = INT64_MAX, .rtt_us = UINT32_MAX, .hops = TRACE_TTL_MAX }, again;
	struct addr a;

	CHECK(addr_parse(&a, "[1111:2222:3333:4444:5555:6666:7777:8888]:65535", 0));
	r.from = r.to = a;
	r.from.port = 0;
	memset(r.device, 'x', sizeof r.device - 1);
	for (uint32_t i = 0; i < r.hops; i++)
		r.hop[i] = r.from;
	for (r.others = 0; r.others < RECORD_OTHERS_MAX; r.others++)
		r.other[r.others] = r.from;
	r.crowded = true;
	r.seen = r.from;
	CHECK(record_format(&r, text) < sizeof text);
	CHECK(record_parse(&again, text, strlen(text)));
	CHECK(!memcmp(&r, &again, sizeof r));
}

static void lines_that_are_none_are_refused(void)
{
	static const char *const bad[] = {
		"", "1", "2 1 10.0.0.1 - 10.0.0.2:1 1 1", "1 x 10.0.0.1 - 10.0.0.2:1 1 1",
		"1 1 10.0.0.1:5 - 10.0.0.2:1 1 1", "1 1 10.0.0.1 - 10.0.0.2 1 1",
		"1 1 10.0.0.1 - 10.0.0.2:1 2 1", "1 1 10.0.0.1 - 10.0.0.2:1 1 4294967296",
		"1 1 10.0.0.1 - 10.0.0.2:1 1 1 ", "1 1 10.0.0.1 - 10.0.0.2:1 1 1  -",
		"1 1 10.0.0.1 - 10.0.0.2:1 1 1 x", "1 1 10.0.0.1 abcdefghijklmnop 10.0.0.2:1 1 1",
		"1 -1 10.0.0.1 - 10.0.0.2:1 1 1", "1 1 10.0.0.1 - 10.0.0.2:1 1 1 ::",
		"1 1 10.0.0.1 - 10.0.0.2:1 1 1 +10.0.0.9 10.0.0.8",
		"1 1 10.0.0.1 - 10.0.0.2:1 1 1 + +10.0.0.9", "1 1 10.0.0.1 - 10.0.0.2:1 1 1 @",
		"1 1 10.0.0.1 - 10.0.0.2:1 1 1 @10.0.0.9 10.0.0.8",
		"1 1 10.0.0.1 - 10.0.0.2:1 1 1 @10.0.0.9:1",
		("1 1 10.0.0.1 - 10.0.0.2:1 1 1 - - - - - - - - - - - - - - - - - - - - - - - - "
		 "- - - - - - - - -"),
	};
	struct record r;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK(!record_parse(&r, bad[i], strlen(bad[i])));
	CHECK(!record_parse(&r, "1 1 10.0.0.1\0- 10.0.0.2:1 1 1", 29));
}

static _Alignas(8) uint8_t work[1 << 20], file[1 << 16];
static struct asn_table table;

static void import(const char *text)
{
	struct asn_build b;
	size_t len;

	CHECK(asn_build_bytes(strlen(text), 16) <= sizeof work);
	asn_build_init(&b, work, strlen(text), 16, true);
	CHECK(asn_build_text(&b, text, strlen(text)));
	len = asn_build_finish(&b);
	CHECK(len <= sizeof file);
	asn_build_write(&b, file, 0);
	CHECK_EQ(asn_open(&table, file, len), ASN_OK);
}

static void hops_become_ases_by_the_table(void)
{
	struct segment s;
	struct record r;

	import("10.11.0.0/16\t5516\n10.12.0.0/16\t1930\n10.14.0.0/16\t14618\n");
	CHECK(record_parse(&r, line, strlen(line)));
	record_segment(&s, &r, &table, &r.from, &r.to);
	CHECK_EQ(s.as_n, 3);
	CHECK(s.as_path[0] == 5516 && s.as_path[1] == 1930 && s.as_path[2] == 14618);
	CHECK(s.gap); /* silent between 1930 and 14618 */
	record_segment(&s, NULL, &table, &r.from, &r.to);
	CHECK(s.unknown);
	CHECK_EQ(seen_pct(&s.seen, element_as(5516)), SEEN_SURE);
	CHECK_EQ(seen_pct(&s.seen, element_as(14618)), SEEN_SURE);
	record_segment(&s, &r, NULL, &r.from, &r.to);
	CHECK(s.unknown);
	CHECK_EQ(s.seen.n, 1);
}

static struct record parse(const char *text)
{
	struct record r;

	if (!record_parse(&r, text, strlen(text))) {
		printf("# no record: %s\n", text);
		abort();
	}
	return r;
}

static void check_text(const struct record *r, const char *want)
{
	char text[RECORD_TEXT_MAX];

	record_format(r, text);
	CHECK_STR(text, want);
}

static void flows_unite_in_the_fuller_one(void)
{
	struct record r = parse("1 9 10.1.0.1 - 10.9.0.1:1 1 700 10.1.0.2 - 10.3.0.1");
	struct record b = parse("1 9 10.1.0.1 - 10.9.0.1:1 1 900 10.1.0.2 10.4.0.1 10.3.0.2");
	struct record c =
		parse("1 9 10.1.0.1 - 10.9.0.1:1 0 0 10.1.0.2 10.5.0.1 10.6.0.1 10.3.0.1");

	record_unite(&r, &b);
	check_text(&r, "1 9 10.1.0.1 - 10.9.0.1:1 1 700 10.1.0.2 10.4.0.1 10.3.0.2 +10.3.0.1");
	record_unite(&r, &c); /* more routers, but it did not arrive */
	check_text(&r, "1 9 10.1.0.1 - 10.9.0.1:1 1 700 10.1.0.2 10.4.0.1 10.3.0.2 +10.3.0.1 "
		       "+10.5.0.1 +10.6.0.1");
	for (uint8_t i = 0; i < RECORD_OTHERS_MAX; i++) {
		c.hop[1].ip[15] = (uint8_t)(10 + i);
		record_unite(&r, &c);
	}
	CHECK(r.crowded);
	CHECK_EQ(r.others, RECORD_OTHERS_MAX);
}

static void what_other_flows_met_is_on_the_way(void)
{
	struct segment s;
	struct record r = parse("1 9 10.1.0.1 - 10.9.0.1:1 1 1 10.1.0.2 10.9.0.2 +10.5.0.1");

	import("10.1.0.0/16\t1\n10.5.0.0/16\t5\n10.9.0.0/16\t9\n");
	record_segment(&s, &r, &table, &r.from, &r.to);
	CHECK_EQ(seen_pct(&s.seen, element_as(5)), SEEN_SURE);
	CHECK_EQ(seen_pct(&s.seen, element_unknown()), 0);
	r.crowded = true;
	record_segment(&s, &r, &table, &r.from, &r.to);
	CHECK_EQ(seen_pct(&s.seen, element_unknown()), SEGMENT_GAP_PCT);
	r = parse("1 9 10.1.0.1 - 10.9.0.1:1 1 1 10.1.0.2 10.9.0.2 +8.8.8.8");
	record_segment(&s, &r, &table, &r.from, &r.to);
	CHECK_EQ(seen_pct(&s.seen, element_unknown()), SEGMENT_GAP_PCT);
}

static void a_trace_to_a_nat_ends_in_its_as(void)
{
	struct segment s;
	struct record r =
		parse("1 9 10.9.0.1 - 192.168.1.5:1 0 0 10.9.0.2 10.5.0.1 10.1.0.9 @10.1.0.2");

	import("10.1.0.0/16\t1\n10.5.0.0/16\t5\n10.9.0.0/16\t9\n");
	record_segment(&s, &r, &table, &r.from, &r.to);
	CHECK(!s.unknown && !s.gap);
	CHECK_EQ(s.as_n, 3);
	r.hops = 2; /* ended before */
	record_segment(&s, &r, &table, &r.from, &r.to);
	CHECK(s.unknown);
}

static void what_contradicts_the_table_is_not_believed(void)
{
	static const struct {
		const char *text;
		bool credible;
	} t[] = {
		{ "1 9 10.1.0.1 - 10.9.0.1:1 1 1", false },
		{ "1 9 10.1.0.1 - 10.9.0.1:1 1 1 10.5.0.1", false },
		{ "1 9 10.1.0.1 - 10.9.0.1:1 1 1 10.5.0.1 -", true },
		{ "1 9 10.1.0.1 - 10.9.0.1:1 1 1 10.5.0.1 10.9.0.3", true },
		{ "1 9 10.1.0.1 - 10.9.0.1:1 1 1 10.1.0.7", true },
		{ "1 9 10.1.0.1 - 10.9.0.1:1 0 0 10.5.0.1", true }, /* unknown anyway */
		{ "1 9 10.1.0.1 - 10.1.0.9:1 1 1", true },	    /* one network */
		{ "1 9 10.1.0.1 - 192.168.1.5:1 1 1 @10.9.0.1", false },
		{ "1 9 10.1.0.1 - 192.168.1.5:1 1 1", true },
	};

	import("10.1.0.0/16\t1\n10.5.0.0/16\t5\n10.9.0.0/16\t9\n");
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct record r = parse(t[i].text);

		if (record_credible(&r, &table) != t[i].credible)
			printf("# %s\n", t[i].text);
		CHECK_EQ(record_credible(&r, &table), t[i].credible);
		CHECK(record_credible(&r, NULL));
	}
}

static void an_end_with_two_origins_has_both(void)
{
	struct segment s;
	struct record r;

	import("10.11.0.0/16\t5516\n10.12.0.0/16\t1930\n10.14.0.0\t16\t14618_7\n");
	CHECK(record_parse(&r, line, strlen(line)));
	record_segment(&s, &r, &table, &r.from, &r.to);
	CHECK_EQ(seen_pct(&s.seen, element_as(14618)), SEEN_SURE);
	CHECK_EQ(seen_pct(&s.seen, element_as(7)), SEEN_SURE);
	CHECK(s.gap);
}

static void a_finished_trace_becomes_a_record(void)
{
	struct addr target, from;
	struct trace_probe p;
	struct record r;
	struct trace t;

	CHECK(addr_parse(&target, "10.14.0.2:7200", 0));
	CHECK(addr_parse(&from, "10.11.0.10:4000", 0));
	trace_init(&t, &trace_conf_all, &target);
	for (mono_t now = mono_us(1); trace_next(&t, now, &p); now = mono_add_ms(now, 1)) {
		struct trace_answer a = { .id = p.id, .kind = p.ttl < 4 ? TRACE_HOP : TRACE_OPEN,
					  .from = target };

		a.from.ip[15] = p.ttl;
		if (p.ttl != 2 && p.ttl <= 4)
			trace_take(&t, &a, mono_add_us(now, 700));
	}
	t.stop = TRACE_COMPLETED;
	record_make(&r, &t, &from, "", 99);
	CHECK(r.reached);
	CHECK_EQ(r.hops, 3);
	CHECK_EQ(r.rtt_us, 700);
	CHECK_EQ(r.from.port, 0);
	CHECK_EQ(r.hop[0].ip[15], 1);
	CHECK_EQ(r.hop[1].ip[11], 0);
	CHECK_EQ(r.hop[2].ip[15], 3);
}

TEST_MAIN_BEGIN
	RUN(a_line_is_read_and_written_the_same);
	RUN(the_longest_record_fits);
	RUN(lines_that_are_none_are_refused);
	RUN(hops_become_ases_by_the_table);
	RUN(flows_unite_in_the_fuller_one);
	RUN(what_other_flows_met_is_on_the_way);
	RUN(a_trace_to_a_nat_ends_in_its_as);
	RUN(what_contradicts_the_table_is_not_believed);
	RUN(an_end_with_two_origins_has_both);
	RUN(a_finished_trace_becomes_a_record);
TEST_MAIN_END
