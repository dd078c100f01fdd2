/* test/unit/test_segment.c - from hops to ASes: what is unknown stays unknown; the paper's pairs
 *
 * The pairs come from the lab's own files: every hop of hops.tsv goes through the same rules as a
 * measured one, and the common ASes must be those of as_overlap_expected.tsv. */
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "core/segment.h"
#include "test/unit/test.h"

/* "1 2 . ? p 3_4": ASes, a silent, an unmapped and a private hop, a hop with two origins. */
static struct segment build(uint32_t from, uint32_t to, bool reached, const char *hops)
{
	struct hop hop[SEGMENT_HOPS_MAX] = { 0 };
	struct segment_input in = { hop, 0, from, to, true, reached };
	struct segment s;

	while (*hops) {
		struct hop *h = &hop[in.hops++];
		char *end;

		h->state = *hops == '.' ? HOP_SILENT : *hops == '?' ? HOP_UNMAPPED : HOP_PRIVATE;
		for (; *hops >= '0' && *hops <= '9'; hops = *end == '_' ? end + 1 : end) {
			h->state = HOP_MAPPED;
			h->as[h->n++] = (uint32_t)strtoul(hops, &end, 10);
		}
		hops += h->state == HOP_MAPPED ? 0 : 1;
		hops += *hops == ' ';
	}
	segment_build(&s, &in);
	return s;
}

static bool path_is(const struct segment *s, const char *want)
{
	char have[400] = "";
	size_t len = 0;

	for (uint32_t i = 0; i < s->as_n; i++)
		len += (size_t)snprintf(have + len, sizeof have - len, i ? " %u" : "%u",
					s->as_path[i]);
	if (strcmp(have, want))
		printf("# AS path \"%s\", not \"%s\"\n", have, want);
	return !strcmp(have, want);
}

static uint8_t unknown(const struct segment *s)
{
	return seen_pct(&s->seen, element_unknown());
}

static void a_clean_trace_gives_its_ases_once(void)
{
	struct segment s = build(1, 4, true, "1 2 2 3 3 4");

	CHECK(path_is(&s, "1 2 3 4"));
	CHECK_EQ(s.seen.n, 4);
	CHECK_EQ(unknown(&s), 0);
	CHECK(!s.gap && !s.unknown);
}

static void a_gap_inside_one_as_closes(void)
{
	struct segment s = build(1, 4, true, "1 2 . ? 2 4 .");

	CHECK(path_is(&s, "1 2 4"));
	CHECK_EQ(unknown(&s), 0);
	CHECK_EQ(s.unknown_hops, 0);
}

static void a_gap_between_two_ases_is_unknown_by_half(void)
{
	struct segment s = build(1, 4, true, "1 1 2 . 3 3 4 4");

	CHECK(path_is(&s, "1 2 3 4"));
	CHECK_EQ(unknown(&s), SEGMENT_GAP_PCT);
	CHECK(s.gap && !s.unknown);
	CHECK_EQ(s.unknown_hops, 1);
}

static void many_unknown_hops_make_the_whole_segment_unknown(void)
{
	struct segment s = build(1, 4, true, "1 . . . 3 4");

	CHECK_EQ(unknown(&s), SEEN_SURE);
	CHECK(s.unknown);
}

static void a_trace_that_does_not_arrive_is_unknown(void)
{
	struct segment s = build(1, 4, false, "1 2 3");

	CHECK_EQ(unknown(&s), SEEN_SURE);
	CHECK(seen_pct(&s.seen, element_as(4)) == SEEN_SURE);
	CHECK(seen_pct(&s.seen, element_as(2)) == SEEN_SURE);
}

static void a_trace_that_ends_in_the_others_as_has_arrived(void)
{
	struct segment s = build(1, 4, false, "1 2 4 .");

	CHECK_EQ(unknown(&s), 0);
}

static void no_trace_is_unknown_but_its_ends_are_there(void)
{
	struct segment_input in = { .from_as = 7, .to_as = 8 };
	struct segment s;

	segment_build(&s, &in);
	CHECK_EQ(unknown(&s), SEEN_SURE);
	CHECK(seen_pct(&s.seen, element_as(7)) == SEEN_SURE);
	CHECK(seen_pct(&s.seen, element_as(8)) == SEEN_SURE);
}

static void private_hops_before_the_first_public_one_are_our_own(void)
{
	struct segment s = build(1, 4, true, ". p p 1 2 4");

	CHECK(path_is(&s, "1 2 4"));
	CHECK_EQ(unknown(&s), 0);
	s = build(0, 4, true, "p p 2 4");
	CHECK(path_is(&s, "2 4"));
	CHECK_EQ(unknown(&s), 0);
	s = build(1, 4, true, "1 p 2 2 2 4");
	CHECK_EQ(unknown(&s), SEGMENT_GAP_PCT);
}

static void a_silent_hop_before_a_network_that_is_not_known_is_a_gap(void)
{
	struct segment s = build(0, 4, true, ". 2 2 2 2 4");

	CHECK_EQ(unknown(&s), SEGMENT_GAP_PCT);
}

static void an_end_without_as_is_a_gap(void)
{
	struct segment s = build(1, 0, true, "1 1 2 2 2");

	CHECK_EQ(unknown(&s), SEGMENT_GAP_PCT);
}

static void of_several_origins_the_neighbours_one_is_taken(void)
{
	struct segment s = build(1, 4, true, "1 2_9 2 4");

	CHECK_EQ(seen_pct(&s.seen, element_as(9)), 0);
	s = build(1, 4, true, "1 8_9 2 4");
	CHECK_EQ(seen_pct(&s.seen, element_as(8)), SEEN_SURE);
	CHECK_EQ(seen_pct(&s.seen, element_as(9)), SEEN_SURE);
	s = build(1, 4, true, "2 2_3 3 4"); /* both neighbours claim it: both stay */
	CHECK_EQ(seen_pct(&s.seen, element_as(2)), SEEN_SURE);
	CHECK_EQ(seen_pct(&s.seen, element_as(3)), SEEN_SURE);
}

static void what_finds_no_room_becomes_unknown(void)
{
	struct seen s = { .n = 0 };

	for (uint32_t i = 0; i < 2 * SEEN_MAX; i++)
		seen_add(&s, element_as(i * 7 % 193), 50);
	CHECK_EQ(s.n, SEEN_MAX);
	CHECK_EQ(seen_pct(&s, element_unknown()), SEEN_SURE);
	seen_add(&s, element_as(0), SEEN_SURE);
	CHECK_EQ(seen_pct(&s, element_as(0)), SEEN_SURE);
	for (uint32_t i = 1; i < s.n; i++)
		CHECK(s.v[i - 1].e < s.v[i].e);
}

/* One directed path of hops.tsv. */
enum { ROUTES_MAX = 64 };
static struct route {
	char from[32], to[32];
	struct hop hop[SEGMENT_HOPS_MAX];
	uint32_t hops;
} route[ROUTES_MAX];
static unsigned routes;

static struct route *find(const char *from, const char *to)
{
	for (unsigned i = 0; i < routes; i++)
		if (!strcmp(route[i].from, from) && !strcmp(route[i].to, to))
			return &route[i];
	return NULL;
}

static bool read_routes(void)
{
	char line[200], from[32], to[32], as[16];
	FILE *f = fopen("test/lab/data/hops.tsv", "r");
	int replies;

	while (f && fgets(line, sizeof line, f)) {
		struct route *r;
		struct hop *h;

		if (sscanf(line, "%31s %31s %*s %*s %*s %*s %15s %*s %d", from, to, as, &replies) !=
		    4)
			continue;
		r = find(from, to);
		if (!r) {
			r = &route[routes++];
			memcpy(r->from, from, sizeof from);
			memcpy(r->to, to, sizeof to);
		}
		h = &r->hop[r->hops++];
		h->as[0] = (uint32_t)strtoul(as, NULL, 10);
		h->n = replies && h->as[0];
		h->state = !replies ? HOP_SILENT : h->n ? HOP_MAPPED : HOP_PRIVATE;
	}
	if (f)
		fclose(f);
	return routes > 0;
}

/* AS of a site: where the paths that go there end. */
static uint32_t as_of(const char *site)
{
	if (!strcmp(site, "lisbon"))
		return 5516;
	if (!strcmp(site, "lisbon-4g-vodafone"))
		return 12353;
	if (!strcmp(site, "us-east-1"))
		return 14618;
	return strcmp(site, "ap-southeast-1") ? 16509 : 38895;
}

/* Both segments of the path home -> node -> Ireland; reverse paths mirror these. */
static struct seen path_of(const char *home, const char *node)
{
	const char *leg[] = { home, node, "eu-west-1" };
	struct seen all = { .n = 0 };

	for (int i = 0; i < 2; i++) {
		struct route *r = find(leg[i], leg[i + 1]);
		struct segment_input in = { .traced = true, .reached = true };
		struct segment s;

		CHECK(r);
		if (!r)
			break;
		in.hop = r->hop;
		in.hops = r->hops;
		in.from_as = as_of(leg[i]);
		in.to_as = as_of(leg[i + 1]);
		segment_build(&s, &in);
		seen_union(&all, &s.seen);
	}
	return all;
}

static uint32_t common(const struct seen *a, const struct seen *b, char *text, size_t bytes)
{
	uint32_t n = 0;
	size_t len = 0;

	*text = 0;
	for (uint32_t i = 0; i < a->n; i++) {
		if (!seen_pct(b, a->v[i].e))
			continue;
		len += (size_t)snprintf(text + len, bytes - len, n ? " %u" : "%u",
					element_as_of(a->v[i].e));
		n++;
	}
	return n;
}

static void every_pair_of_the_paper_has_the_expected_common_ases(void)
{
	FILE *f = fopen("test/data/as_overlap_expected.tsv", "r");
	char line[300], got[200];
	unsigned pairs = 0;

	CHECK(f);
	while (f && fgets(line, sizeof line, f)) {
		char a[32], b[32], single[100], dual[100];
		unsigned n_single, n_dual;
		struct seen sa, sb;

		if (sscanf(line, "%31[^\t]\t%31[^\t]\t%u\t%u\t%99[^\t]\t%99[^\n]", a, b, &n_single,
			   &n_dual, single, dual) != 6)
			continue;
		sa = path_of("lisbon", a);
		sb = path_of("lisbon", b);
		CHECK_EQ(common(&sa, &sb, got, sizeof got), n_single);
		CHECK_STR(got, single);
		sb = path_of("lisbon-4g-vodafone", b);
		CHECK_EQ(common(&sa, &sb, got, sizeof got), n_dual);
		CHECK_STR(got, dual);
		CHECK(!seen_pct(&sa, element_unknown()));
		pairs++;
	}
	if (f)
		fclose(f);
	CHECK_EQ(pairs, 28);
}

/* The paper's Table I counts labelled hops, as lft prints them: a multiset intersection. */
static unsigned labelled(const char *a, const char *b)
{
	const char *end[2] = { a, b };
	unsigned count[2][40] = { { 0 } }, sum = 0;
	uint32_t as[40], n = 0;

	for (int k = 0; k < 2; k++) {
		struct route *leg[2] = { find("lisbon", end[k]), find(end[k], "eu-west-1") };

		for (int l = 0; l < 2; l++)
			for (uint32_t i = 0; leg[l] && i < leg[l]->hops; i++) {
				uint32_t j = 0;

				if (leg[l]->hop[i].state != HOP_MAPPED)
					continue;
				while (j < n && as[j] != leg[l]->hop[i].as[0])
					j++;
				if (j == n)
					as[n++] = leg[l]->hop[i].as[0];
				count[k][j]++;
			}
	}
	for (uint32_t j = 0; j < n; j++)
		sum += count[0][j] < count[1][j] ? count[0][j] : count[1][j];
	return sum;
}

static void labelled_hops_are_those_of_the_papers_kind_of_count(void)
{
	CHECK_EQ(labelled("ap-southeast-1", "ap-northeast-1"), 7);
	CHECK_EQ(labelled("eu-central-1", "ap-northeast-2"), 9);
}

TEST_MAIN_BEGIN
	RUN(a_clean_trace_gives_its_ases_once);
	RUN(a_gap_inside_one_as_closes);
	RUN(a_gap_between_two_ases_is_unknown_by_half);
	RUN(many_unknown_hops_make_the_whole_segment_unknown);
	RUN(a_trace_that_does_not_arrive_is_unknown);
	RUN(a_trace_that_ends_in_the_others_as_has_arrived);
	RUN(no_trace_is_unknown_but_its_ends_are_there);
	RUN(private_hops_before_the_first_public_one_are_our_own);
	RUN(a_silent_hop_before_a_network_that_is_not_known_is_a_gap);
	RUN(an_end_without_as_is_a_gap);
	RUN(of_several_origins_the_neighbours_one_is_taken);
	RUN(what_finds_no_room_becomes_unknown);
	if (read_routes()) {
		RUN(every_pair_of_the_paper_has_the_expected_common_ases);
		RUN(labelled_hops_are_those_of_the_papers_kind_of_count);
	} else {
		printf("not ok test/lab/data/hops.tsv is there\n");
		test_failed++;
	}
TEST_MAIN_END
