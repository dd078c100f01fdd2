/* test/unit/test_plan_rules.c - what the planner decides on instances that can be seen through */
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "core/planner.h"
#include "test/unit/test.h"

enum { N = 20 };

static struct planner planner;
static struct candidate cand[N];
static char name[N][12];
static enum plan_reason reasons[N];

static struct plan_conf conf_of(uint32_t n)
{
	return (struct plan_conf){ .n = n };
}

/* Candidates by hand: "a:1 2 3" is node a over these ASes. */
static uint32_t by_hand(const char *const *text, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		const char *s = strchr(text[i], ':') + 1;

		cand[i] = (struct candidate){ .rtt_us = 1000 * (i + 1) };
		snprintf(name[i], sizeof name[i], "%.*s", (int)(s - 1 - text[i]), text[i]);
		cand[i].node = name[i];
		cand[i].local.port = (uint16_t)i; /* two of one node differ somewhere */
		while (*s) {
			char *end;

			seen_add(&cand[i].seen, element_as((uint32_t)strtoul(s, &end, 10)),
				 SEEN_SURE);
			s = *end ? end + 1 : end;
		}
	}
	return n;
}

static bool picked(const struct plan *plan, const char *names)
{
	char have[100] = "";

	for (uint32_t i = 0; i < plan->n; i++)
		strncat(have, cand[plan->pick[i]].node, sizeof have - strlen(have) - 1);
	if (strcmp(have, names))
		printf("# picked %s, not %s\n", have, names);
	return !strcmp(have, names);
}

static void one_node_is_never_taken_twice(void)
{
	static const char *const text[] = { "a:1", "a:2", "b:1 2" };
	struct plan_conf conf = conf_of(2);
	struct plan plan;

	by_hand(text, 3);
	CHECK_EQ(planner_run(&planner, &conf, cand, 3, &plan, reasons), PLAN_OK);
	CHECK(picked(&plan, "ab"));
	CHECK_EQ(reasons[0] + reasons[1], PLAN_TAKEN + PLAN_CLASH);
	conf.n = 3;
	CHECK_EQ(planner_run(&planner, &conf, cand, 3, &plan, reasons), PLAN_TOO_FEW);
}

static void operators_and_clouds_are_kept_apart_only_when_asked(void)
{
	static const char *const text[] = { "a:1", "b:2", "c:1 2" };
	struct plan_conf conf = conf_of(2);
	struct plan plan;

	by_hand(text, 3);
	cand[0].operator_id = cand[1].operator_id = cand[1].cloud_id = cand[2].cloud_id = 7;
	CHECK_EQ(planner_run(&planner, &conf, cand, 3, &plan, reasons), PLAN_OK);
	CHECK(picked(&plan, "ab"));
	conf.one_per = PLAN_PER_OPERATOR;
	CHECK_EQ(planner_run(&planner, &conf, cand, 3, &plan, reasons), PLAN_OK);
	CHECK(picked(&plan, "ac"));
	CHECK_EQ(reasons[1], PLAN_CLASH);
	conf.one_per = PLAN_PER_CLOUD;
	conf.n = 3;
	CHECK_EQ(planner_run(&planner, &conf, cand, 3, &plan, reasons), PLAN_TOO_FEW);
}

static void the_papers_metric_counts_pairs_then_takes_the_quicker(void)
{
	/* a, b, c share in pairs; d shares nothing but is slow; e is like c but slower still. */
	static const char *const text[] = { "a:1 2", "b:2 3", "c:3 1", "d:9", "e:3 1" };
	struct plan_conf conf = conf_of(2);
	struct plan plan;

	by_hand(text, 5);
	conf.metric = PLAN_PAPER;
	CHECK_EQ(planner_run(&planner, &conf, cand, 5, &plan, reasons), PLAN_OK);
	CHECK(picked(&plan, "ad"));
	conf.n = 3;
	CHECK_EQ(planner_run(&planner, &conf, cand, 5, &plan, reasons), PLAN_OK);
	CHECK(picked(&plan, "abd"));
	CHECK_EQ(reasons[2], PLAN_WORSE);
}

static void slow_paths_are_dropped_and_unmeasured_ones_stay(void)
{
	static const char *const text[] = { "a:1", "b:2", "c:3" };
	struct plan_conf conf = conf_of(2);
	struct plan plan;

	by_hand(text, 3);
	cand[0].rtt_us = 9000000;
	cand[1].rtt_us = 0;
	conf.rtt_us_max = 100000;
	CHECK_EQ(planner_run(&planner, &conf, cand, 3, &plan, reasons), PLAN_OK);
	CHECK(picked(&plan, "bc"));
	CHECK_EQ(reasons[0], PLAN_SLOW);
}

static void what_was_not_reached_is_not_taken(void)
{
	static const char *const text[] = { "a:1", "b:1 2", "c:1 3" };
	struct plan_conf conf = conf_of(2);
	struct plan plan;

	by_hand(text, 3);
	cand[0].unreached = true;
	CHECK_EQ(planner_run(&planner, &conf, cand, 3, &plan, reasons), PLAN_OK);
	CHECK(picked(&plan, "bc"));
	CHECK_EQ(reasons[0], PLAN_UNREACHED);
	conf.n = 3;
	CHECK_EQ(planner_run(&planner, &conf, cand, 3, &plan, reasons), PLAN_TOO_FEW);
	CHECK_EQ(reasons[0], PLAN_UNREACHED);
	CHECK(reasons[1] == PLAN_POSSIBLE && reasons[2] == PLAN_POSSIBLE);
}

static void equal_sets_are_decided_by_the_round_trip(void)
{
	static const char *const text[] = { "a:1", "b:2", "c:3", "d:4" };
	struct plan_conf conf = conf_of(2);
	struct plan plan;

	by_hand(text, 4);
	cand[0].rtt_us = 500000;
	for (conf.exact_sets = 0; conf.exact_sets < 2; conf.exact_sets++) {
		CHECK_EQ(planner_run(&planner, &conf, cand, 4, &plan, reasons), PLAN_OK);
		CHECK(picked(&plan, "bc"));
	}
}

static void an_as_that_sees_too_much_is_named(void)
{
	static const char *const text[] = { "a:1 2", "b:1 3", "c:1 4" };
	struct plan_conf conf = conf_of(3);
	struct plan plan;

	by_hand(text, 3);
	conf.exposure_pct = 50;
	CHECK_EQ(planner_run(&planner, &conf, cand, 3, &plan, reasons), PLAN_EXPOSED);
	CHECK(plan.exposed == element_as(1));
	CHECK_EQ(plan.exposed_paths, 3);
	conf.trust[0] = 1;
	conf.trusted = 1;
	CHECK_EQ(planner_run(&planner, &conf, cand, 3, &plan, reasons), PLAN_OK);
	CHECK_EQ(plan.max_as_paths, 3);
	CHECK_EQ(plan.rest.kappa, 3);
	for (int i = 0; i < 2; i++)
		seen_add(&cand[i].seen, element_unknown(), SEEN_SURE);
	CHECK_EQ(planner_run(&planner, &conf, cand, 3, &plan, reasons), PLAN_EXPOSED);
	CHECK(plan.exposed == element_unknown());
}

static void a_limit_on_exposure_is_met_where_some_set_meets_it(void)
{
	/* abc: one AS on all three, otherwise nothing in common; any two of d, e, f share a
	 * different pair of ASes: nobody is on all three, but P is larger. */
	static const char *const text[] = { "a:1", "b:1", "c:1", "d:2 3 10 11 12", "e:3 4 13 14 15",
					    "f:4 2 16 17 18" };
	struct plan_conf conf = conf_of(3);
	struct plan plan;

	by_hand(text, 6);
	conf.exposure_pct = 67;
	CHECK_EQ(planner_run(&planner, &conf, cand, 6, &plan, reasons), PLAN_OK);
	CHECK(plan.exposed_paths <= 2);
}

static void the_set_in_use_stays_while_it_is_good_enough(void)
{
	static const char *const text[] = { "a:1 5", "b:2 6 7", "c:3 8 9", "d:4" };
	struct plan_conf conf = conf_of(2);
	struct plan plan;

	by_hand(text, 4);
	CHECK_EQ(planner_run(&planner, &conf, cand, 4, &plan, reasons), PLAN_OK);
	CHECK(picked(&plan, "ad"));
	CHECK(!plan.kept);
	cand[1].chosen_before = cand[3].chosen_before = true;
	CHECK_EQ(planner_run(&planner, &conf, cand, 4, &plan, reasons), PLAN_OK);
	CHECK(picked(&plan, "bd"));
	CHECK(plan.kept);
	cand[3].chosen_before = false;
	cand[2].chosen_before = true;
	CHECK_EQ(planner_run(&planner, &conf, cand, 4, &plan, reasons), PLAN_OK);
	CHECK(!plan.kept); /* more than twice the best */
	conf.kappa_before = 3;
	cand[2].chosen_before = false;
	cand[3].chosen_before = true;
	CHECK_EQ(planner_run(&planner, &conf, cand, 4, &plan, reasons), PLAN_OK);
	CHECK(!plan.kept); /* kappa became worse */
}

static void too_many_candidates_are_refused(void)
{
	struct plan_conf conf = conf_of(2);
	struct plan plan;

	CHECK_EQ(planner_run(&planner, &conf, cand, CANDIDATES_MAX + 1, &plan, reasons),
		 PLAN_TOO_MANY);
}

static void ignorance_is_not_diversity(void)
{
	/* Two paths of which nothing is known share the unknown; two that are known share
	 * nothing. */
	static const char *const text[] = { "a:1", "b:2", "c:3 4 5 6 7", "d:8 9 10 11 12" };
	struct plan_conf conf = conf_of(2);
	struct plan plan;

	by_hand(text, 4);
	seen_add(&cand[0].seen, element_unknown(), SEEN_SURE);
	seen_add(&cand[1].seen, element_unknown(), SEEN_SURE);
	CHECK_EQ(planner_run(&planner, &conf, cand, 4, &plan, reasons), PLAN_OK);
	CHECK(picked(&plan, "cd"));
	CHECK_EQ(planner_run(&planner, &conf, cand, 2, &plan, reasons), PLAN_OK);
	CHECK_EQ(plan.rest.kappa, 1);
	CHECK(plan.rest.set[0].e[0] == element_unknown());
	CHECK_EQ(plan.u_n, 0);
}

static void what_is_unknown_of_all_does_not_hide_what_is_known(void)
{
	static const char *const text[] = { "a:1 5", "b:1 6", "c:2 7 8 9", "d:3 10 11 12" };
	struct plan_conf conf = conf_of(2);
	struct plan plan;

	by_hand(text, 4);
	for (int i = 0; i < 4; i++)
		seen_add(&cand[i].seen, element_unknown(), SEEN_SURE);
	CHECK_EQ(planner_run(&planner, &conf, cand, 4, &plan, reasons), PLAN_OK);
	CHECK(picked(&plan, "ac")); /* not ab, though it is quicker and 10 % hide the difference */
	CHECK_EQ(plan.u_n, 0);
	CHECK(plan.all_unknown);
	CHECK_EQ(plan.rest.kappa, 1);
	CHECK_EQ(plan.choice.kappa, 2);
	CHECK(plan.rest.set[0].e[0] == element_unknown());
	CHECK(plan.p_rest > 0.1);
	CHECK(plan.p_rest < 0.11);
}

TEST_MAIN_BEGIN
	RUN(one_node_is_never_taken_twice);
	RUN(operators_and_clouds_are_kept_apart_only_when_asked);
	RUN(the_papers_metric_counts_pairs_then_takes_the_quicker);
	RUN(slow_paths_are_dropped_and_unmeasured_ones_stay);
	RUN(what_was_not_reached_is_not_taken);
	RUN(equal_sets_are_decided_by_the_round_trip);
	RUN(an_as_that_sees_too_much_is_named);
	RUN(a_limit_on_exposure_is_met_where_some_set_meets_it);
	RUN(the_set_in_use_stays_while_it_is_good_enough);
	RUN(too_many_candidates_are_refused);
	RUN(ignorance_is_not_diversity);
	RUN(what_is_unknown_of_all_does_not_hide_what_is_known);
TEST_MAIN_END
