/* test/unit/test_trace.c - the traceroute and ping machines against a simulated path
 *
 * Method: an event list of answers that are under way; the clock jumps from event to event. */
#include <string.h>

#include "core/check.h"
#include "probe/ping.h"
#include "probe/trace.h"
#include "test/unit/test.h"

enum { FLYING_MAX = 256 };

/* A path: the target stands at `target` (0: nowhere); rtt is 2 ms a hop unless told. */
struct net {
	uint8_t target;
	enum trace_kind target_kind;
	uint64_t silent;    /* bit ttl: that router never answers */
	uint64_t lose_once; /* bit ttl: the first probe to it is lost */
	uint8_t loop_from;  /* from here two routers send to each other */
	uint8_t unreach_at;
	uint8_t rtt_ms;	    /* a hop; 0: 2 */
	uint64_t slow;	    /* bit ttl: that router takes 100 ms for every answer */
	struct {
		struct trace_answer a;
		mono_t at;
	} flying[FLYING_MAX];
	unsigned n;
	unsigned sent, to_target;
	unsigned at_once; /* most probes under way */
};

static struct trace t;

static struct addr router(unsigned i)
{
	return (struct addr){ .ip = { [10] = 0xff, 0xff, 10, 0, 0, (uint8_t)i } };
}

static struct addr target_addr(void)
{
	return (struct addr){ .ip = { [10] = 0xff, 0xff, 198, 51, 100, 2 }, .port = 443 };
}

static int64_t rtt_ms(const struct net *n, unsigned dist)
{
	return (n->rtt_ms ? n->rtt_ms : 2) * (int64_t)dist + (n->slow >> dist & 1 ? 100 : 0);
}

static void answer(struct net *n, const struct trace_probe *p, mono_t now)
{
	bool there = n->target && p->ttl >= n->target;
	unsigned dist = there ? n->target : p->ttl;
	struct trace_answer a = { .id = p->id, .kind = TRACE_HOP, .from = router(p->ttl) };

	n->sent++;
	n->to_target += there;
	if (n->silent >> dist & 1)
		return;
	if (n->lose_once >> dist & 1 && !p->try)
		return;
	if (there) {
		a.kind = n->target_kind;
		a.from = target_addr();
		a.from.port = 0;
	} else if (n->unreach_at && p->ttl >= n->unreach_at) {
		a.kind = TRACE_UNREACH;
		a.from = router(n->unreach_at);
	} else if (n->loop_from && p->ttl >= n->loop_from) {
		a.from = router(n->loop_from + p->ttl % 2);
	}
	CHECK(n->n < FLYING_MAX);
	n->flying[n->n].a = a;
	n->flying[n->n++].at = mono_add_ms(now, rtt_ms(n, dist));
}

/* The earliest answer under way, or n->n. */
static unsigned earliest(const struct net *n)
{
	unsigned best = n->n;

	for (unsigned i = 0; i < n->n; i++)
		if (best == n->n || mono_before(n->flying[i].at, n->flying[best].at))
			best = i;
	return best;
}

/* Runs to the end; returns the milliseconds that it took. */
static int64_t run(struct net *n, const struct trace_conf *conf)
{
	struct addr target = target_addr();
	mono_t start = mono_us(1000), now = start;
	struct trace_probe p;

	trace_init(&t, conf, &target);
	for (unsigned steps = 0; steps < 100000; steps++) {
		unsigned i;

		while (trace_next(&t, now, &p))
			answer(n, &p, now);
		if (t.in_flight > n->at_once)
			n->at_once = t.in_flight;
		if (t.stop)
			return mono_diff_us(now, start) / 1000;
		i = earliest(n);
		CHECK(!mono_before(trace_wake(&t), now));
		if (i < n->n && mono_before(n->flying[i].at, trace_wake(&t))) {
			now = n->flying[i].at;
			trace_take(&t, &n->flying[i].a, now);
			n->flying[i] = n->flying[--n->n];
		} else {
			now = trace_wake(&t);
		}
	}
	CHECK(!"the trace ends");
	return -1;
}

static void all_routers_are_found_in_little_more_than_one_round_trip(void)
{
	struct net n = { .target = 10, .target_kind = TRACE_OPEN };
	int64_t ms = run(&n, &trace_conf_all);

	CHECK_EQ(t.stop, TRACE_COMPLETED);
	CHECK(trace_reached(&t));
	CHECK_EQ(t.end, 10);
	CHECK_EQ(trace_last(&t), 10);
	for (unsigned i = 1; i < 10; i++) {
		struct addr want = router(i);

		CHECK_EQ(t.ttl[i].a.kind, TRACE_HOP);
		CHECK(addr_eq(&t.ttl[i].a.from, &want));
		CHECK_EQ(t.ttl[i].rtt_us, 2000 * i);
	}
	CHECK_EQ(t.ttl[10].a.kind, TRACE_OPEN);
	CHECK(ms <= 2 * 10 + 10);
	CHECK(n.to_target <= 16 + 3);
}

static void a_closed_port_is_reached_too(void)
{
	struct net n = { .target = 3, .target_kind = TRACE_CLOSED };

	run(&n, &trace_conf_all);
	CHECK_EQ(t.stop, TRACE_COMPLETED);
	CHECK_EQ(t.ttl[3].a.kind, TRACE_CLOSED);
}

static void silent_routers_are_asked_thrice_and_do_not_take_seconds(void)
{
	struct net n = { .target = 10, .target_kind = TRACE_OPEN, .silent = 1 << 6 | 1 << 8 };
	int64_t ms = run(&n, &trace_conf_all);

	CHECK_EQ(t.stop, TRACE_COMPLETED);
	CHECK_EQ(t.ttl[6].a.kind, TRACE_NONE);
	CHECK_EQ(t.ttl[6].tries, 3);
	CHECK_EQ(t.ttl[8].tries, 3);
	CHECK_EQ(t.ttl[7].a.kind, TRACE_HOP);
	CHECK(ms < 500);
}

/* The wait of 150 ms for the first probe, while three waits in a row take 220. */
static void a_router_is_asked_again_once_a_later_one_answered(void)
{
	struct net n = { .target = 10, .target_kind = TRACE_OPEN, .silent = 1 << 6 };
	struct trace_conf patient = trace_conf_all;
	int64_t ms = run(&n, &trace_conf_all);

	CHECK(ms >= 150 && ms < 200);
	CHECK_EQ(t.in_flight, 0);
	patient.retry_us = 0;
	n = (struct net){ .target = 10, .target_kind = TRACE_OPEN, .silent = 1 << 6 };
	CHECK(run(&n, &patient) >= 150 + 2 * 35);
}

/* The second probe goes out before anything from behind has come back. */
static void a_silent_router_far_away_takes_little_more_than_two_round_trips(void)
{
	struct net n = { .target = 10, .target_kind = TRACE_OPEN, .silent = 1 << 8, .rtt_ms = 12 };

	CHECK(run(&n, &trace_conf_all) < 5 * 120 / 2);
	CHECK_EQ(t.stop, TRACE_COMPLETED);
	CHECK_EQ(t.ttl[8].tries, 3);
	CHECK_EQ(t.ttl[9].a.kind, TRACE_HOP);
	CHECK(n.to_target <= 16 + TRACE_AHEAD);
	n = (struct net){ .target = 10, .target_kind = TRACE_OPEN, .lose_once = 1 << 8,
			  .rtt_ms = 12 };
	CHECK(run(&n, &trace_conf_all) < 3 * 120 / 2);
	CHECK_EQ(t.ttl[8].a.kind, TRACE_HOP);
}

static void a_router_that_answers_when_it_has_time_is_found(void)
{
	for (unsigned at = 1; at < 10; at++) {
		struct net n = { .target = 10, .target_kind = TRACE_OPEN, .slow = 1u << at };

		run(&n, &trace_conf_all);
		CHECK_EQ(t.stop, TRACE_COMPLETED);
		CHECK_EQ(t.ttl[at].a.kind, TRACE_HOP);
	}
}

static void what_is_lost_once_is_asked_again(void)
{
	struct net n = { .target = 9, .target_kind = TRACE_OPEN, .lose_once = 1 << 2 | 1 << 9 };

	run(&n, &trace_conf_all);
	CHECK_EQ(t.end, 9);
	CHECK_EQ(t.ttl[2].a.kind, TRACE_HOP);
	CHECK_EQ(t.ttl[2].tries, 2);
}

static void a_silent_target_ends_by_the_gap(void)
{
	struct net n = { .target = 8, .target_kind = TRACE_OPEN, .silent = 1 << 8 };

	run(&n, &trace_conf_all);
	CHECK_EQ(t.stop, TRACE_GAPLIMIT);
	CHECK(!trace_reached(&t));
	CHECK_EQ(trace_last(&t), 7);
}

static void nothing_at_all_ends_by_the_gap(void)
{
	struct net n = { .silent = UINT64_MAX };
	int64_t ms = run(&n, &trace_conf_all);

	CHECK_EQ(t.stop, TRACE_GAPLIMIT);
	CHECK_EQ(trace_last(&t), 0);
	CHECK_EQ(n.sent, 16 * 3);
	CHECK(ms < 3200);
}

static void a_path_without_end_stops_at_the_last_ttl(void)
{
	struct net n = { .target = 0 };

	run(&n, &trace_conf_all);
	CHECK_EQ(t.stop, TRACE_HOPLIMIT);
	CHECK_EQ(trace_last(&t), 30);
}

static void a_loop_is_called_one(void)
{
	struct net n = { .loop_from = 4 };

	run(&n, &trace_conf_all);
	CHECK_EQ(t.stop, TRACE_LOOP);
	CHECK(!trace_reached(&t));
}

static void an_unreachable_from_a_router_is_the_end_but_not_the_target(void)
{
	struct net n = { .unreach_at = 5 };

	run(&n, &trace_conf_all);
	CHECK_EQ(t.stop, TRACE_UNREACHABLE);
	CHECK(!trace_reached(&t));
	CHECK_EQ(t.end, 5);
}

static void one_after_the_other_never_has_two_under_way(void)
{
	struct net n = { .target = 7, .target_kind = TRACE_OPEN, .silent = 1 << 3 };

	run(&n, &trace_conf_serial);
	CHECK_EQ(t.stop, TRACE_COMPLETED);
	CHECK_EQ(n.at_once, 1);
	CHECK_EQ(n.to_target, 1);
}

static void numbers_out_of_range_are_brought_into_it(void)
{
	struct trace_conf c = { .first_ttl = 200, .max_ttl = 250, .tries = 99,
				.in_flight = 0, .wait_us = 1000000 };
	struct net n = { .target = 32, .target_kind = TRACE_OPEN };

	run(&n, &c);
	CHECK_EQ(t.stop, TRACE_COMPLETED);
	CHECK_EQ(t.end, 32);
}

static void answers_that_nobody_asked_for_are_refused_by_name(void)
{
	struct addr target = target_addr();
	struct trace_answer a = { .kind = TRACE_HOP, .from = router(9) };
	struct trace_probe p;
	mono_t now = mono_us(1);

	trace_init(&t, &trace_conf_all, &target);
	CHECK_EQ(trace_take(&t, &a, now), TRACE_NOT_SENT);
	CHECK(trace_next(&t, now, &p));
	CHECK_EQ(p.id, 0);
	a.id = TRACE_TTL_MAX; /* the second try, which was not made */
	CHECK_EQ(trace_take(&t, &a, now), TRACE_NOT_SENT);
	a.id = 0;
	CHECK_EQ(trace_take(&t, &a, now), TRACE_TAKEN);
	a.from = router(66);
	CHECK_EQ(trace_take(&t, &a, now), TRACE_AGAIN);
	CHECK_EQ(t.ttl[1].a.from.ip[15], 9);
	t.stop = TRACE_COMPLETED;
	CHECK_EQ(trace_take(&t, &a, now), TRACE_TOO_LATE);
}

/* Answers with these round trips in ms; 0 is lost. Returns the time at the end. */
static mono_t ping_series(struct ping *p, const int64_t *rtt, uint8_t count)
{
	struct ping_conf conf = ping_conf_default;
	mono_t now = mono_us(5);
	uint16_t id;

	conf.count = count;
	ping_init(p, &conf);
	while (!p->over) {
		if (ping_next(p, now, &id) && rtt[id]) {
			CHECK(!ping_take(p, (uint16_t)(id + 1), now));
			now = mono_add_ms(now, rtt[id]);
			CHECK(ping_take(p, id, now));
			CHECK(!ping_take(p, id, now));
		}
		if (!p->over && mono_before(now, ping_wake(p)))
			now = ping_wake(p);
	}
	return now;
}

static void a_series_gives_least_middle_spread_and_loss(void)
{
	static const int64_t rtt[] = { 10, 12, 0, 11, 90, 10, 13, 0, 12, 11 };
	struct ping_stats s;
	struct ping p;

	ping_series(&p, rtt, 10);
	ping_stats(&p, &s);
	CHECK_EQ(s.sent, 10);
	CHECK_EQ(s.lost, 2);
	CHECK_EQ(s.min_us, 10000);
	CHECK_EQ(s.median_us, 11500);
	CHECK_EQ(s.p90_us, 90000);
	CHECK_EQ(s.max_us, 90000);
	CHECK_EQ(s.spread_us, 1000);
}

static void a_series_without_answers_says_so_and_ends(void)
{
	static const int64_t rtt[4];
	struct ping_stats s;
	struct ping p;
	mono_t end = ping_series(&p, rtt, 4);

	ping_stats(&p, &s);
	CHECK_EQ(s.sent, 4);
	CHECK_EQ(s.lost, 4);
	CHECK_EQ(s.median_us, 0);
	CHECK(mono_diff_us(end, mono_us(0)) < 4200000);
}

TEST_MAIN_BEGIN
	RUN(all_routers_are_found_in_little_more_than_one_round_trip);
	RUN(a_closed_port_is_reached_too);
	RUN(silent_routers_are_asked_thrice_and_do_not_take_seconds);
	RUN(a_router_is_asked_again_once_a_later_one_answered);
	RUN(a_silent_router_far_away_takes_little_more_than_two_round_trips);
	RUN(a_router_that_answers_when_it_has_time_is_found);
	RUN(what_is_lost_once_is_asked_again);
	RUN(a_silent_target_ends_by_the_gap);
	RUN(nothing_at_all_ends_by_the_gap);
	RUN(a_path_without_end_stops_at_the_last_ttl);
	RUN(a_loop_is_called_one);
	RUN(an_unreachable_from_a_router_is_the_end_but_not_the_target);
	RUN(one_after_the_other_never_has_two_under_way);
	RUN(numbers_out_of_range_are_brought_into_it);
	RUN(answers_that_nobody_asked_for_are_refused_by_name);
	RUN(a_series_gives_least_middle_spread_and_loss);
	RUN(a_series_without_answers_says_so_and_ends);
TEST_MAIN_END
