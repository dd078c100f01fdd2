/* core/plan_search.c - the search of core/planner: greedy, swaps, restarts, or everything */
#include <float.h>
#include <string.h>

#include "core/planner.h"

enum {
	TOLERANCE_PCT = 5, /* costs this close count as equal (C.0) */
	POLISH_MAX = 4000, /* sets whose kappa is found, 10 us each */
};

/* Two sums of the same numbers in another order may differ in their last digits. */
static bool less(double a, double b)
{
	return a < b - b * 1e-9 - 1e-15;
}

bool plan_clash(const struct planner *p, uint32_t a, uint32_t b)
{
	const struct candidate *x = plan_eval_at(&p->ev, a), *y = plan_eval_at(&p->ev, b);

	if (!strcmp(x->node, y->node))
		return true;
	if (p->conf->one_per == PLAN_PER_OPERATOR)
		return x->operator_id && x->operator_id == y->operator_id;
	if (p->conf->one_per == PLAN_PER_CLOUD)
		return x->cloud_id && x->cloud_id == y->cloud_id;
	return false;
}

static bool fits(const struct planner *p, uint32_t place)
{
	for (uint32_t i = 0; i < p->ev.k; i++)
		if (plan_clash(p, p->ev.pick[i], place))
			return false;
	return true;
}

static uint32_t rtt_of(const struct planner *p, uint32_t place)
{
	uint32_t rtt = plan_eval_at(&p->ev, place)->rtt_us;

	return rtt ? rtt : UINT32_MAX;
}

uint64_t plan_rtt(const struct planner *p)
{
	uint64_t slowest = 0, sum = 0;

	for (uint32_t i = 0; i < p->ev.k; i++) {
		uint32_t rtt = rtt_of(p, p->ev.pick[i]);

		slowest = rtt > slowest ? rtt : slowest;
		sum += rtt >> 3; /* of at most 8: stays below 2^32 */
	}
	return slowest << 32 | (sum & UINT32_MAX);
}

/* Whether the set in p->ev, of this cost, beats the best; takes it if so. While the best is looked
 * for the cost decides; afterwards, within the limit, kappa and then the round trip. */
static bool consider(struct planner *p, double cost)
{
	uint32_t kappa = 0;
	uint64_t rtt;

	if (p->limit < 0 ? !less(cost, p->best_cost) : cost > p->limit)
		return false;
	if (p->limit >= 0) {
		kappa = p->ev.metric == PLAN_PAPER ? 0 : plan_kappa(&p->ev);
		rtt = plan_rtt(p);
		if (kappa < p->best_kappa || (kappa == p->best_kappa && rtt >= p->best_rtt))
			return false;
		p->best_rtt = rtt;
	}
	p->best_kappa = kappa;
	p->best_cost = cost;
	memcpy(p->best, p->ev.pick, sizeof p->best);
	return true;
}

/* Adds the candidate that costs least, the quicker of equals. */
static bool push_best(struct planner *p)
{
	double best = DBL_MAX;
	uint32_t at = UINT32_MAX;

	for (uint32_t i = 0; i < p->n_free; i++) {
		uint32_t c = p->free[i];
		double cost;

		if (!fits(p, c))
			continue;
		cost = plan_eval_cost_with(&p->ev, c);
		if (at == UINT32_MAX || less(cost, best) ||
		    (!less(best, cost) && rtt_of(p, c) < rtt_of(p, at))) {
			best = cost;
			at = c;
		}
	}
	if (at == UINT32_MAX)
		return false;
	plan_eval_push(&p->ev, at);
	return true;
}

static bool greedy(struct planner *p)
{
	plan_eval_clear(&p->ev);
	while (p->ev.k < p->conf->n)
		if (!push_best(p))
			return false;
	return true;
}

/* Replaces the first member by whatever is best there; that, or itself again, then stands last. */
static bool improve_first(struct planner *p)
{
	uint32_t set[PLAN_PATHS_MAX], n = p->conf->n;
	double was = plan_eval_cost(&p->ev);

	memcpy(set, p->ev.pick + 1, (n - 1) * sizeof *set);
	set[n - 1] = p->ev.pick[0];
	plan_eval_load(&p->ev, set, n - 1);
	if (push_best(p) && less(plan_eval_cost(&p->ev), was))
		return true;
	plan_eval_load(&p->ev, set, n);
	return false;
}

/* Swaps until every member in turn was found to be the best in its place. */
static void descend(struct planner *p)
{
	for (uint32_t idle = 0; idle < p->conf->n; idle++)
		if (improve_first(p))
			idle = 0;
}

static uint32_t draw(struct planner *p)
{
	p->seed ^= p->seed << 13;
	p->seed ^= p->seed >> 17;
	return p->seed ^= p->seed << 5;
}

/* A random set, completed greedily where chance finds none that fits. */
static bool scatter(struct planner *p)
{
	plan_eval_clear(&p->ev);
	for (uint32_t tries = 0; tries < 4 * p->conf->n && p->ev.k < p->conf->n; tries++) {
		uint32_t c = p->free[draw(p) % p->n_free];

		if (fits(p, c))
			plan_eval_push(&p->ev, c);
	}
	while (p->ev.k < p->conf->n)
		if (!push_best(p))
			return false;
	return true;
}

/* Whether a set of this cost may be what is looked for. */
static bool promising(const struct planner *p, double cost)
{
	return p->limit < 0 ? less(cost, p->best_cost) : cost <= p->limit;
}

/* Adds each free place from free[from] on to the set in p->ev and considers the result. */
static bool consider_each(struct planner *p, uint32_t from, uint32_t *budget)
{
	for (uint32_t i = from; i < p->n_free && *budget; i++) {
		double cost;
		bool better;

		if (!fits(p, p->free[i]))
			continue;
		cost = plan_eval_cost_with(&p->ev, p->free[i]);
		if (!promising(p, cost))
			continue;
		--*budget;
		plan_eval_push(&p->ev, p->free[i]);
		better = consider(p, cost);
		plan_eval_pop(&p->ev);
		if (better && p->limit >= 0)
			return true;
	}
	return false;
}

/* Swaps that keep the cost within the limit and make kappa or the round trip better. */
static void polish(struct planner *p)
{
	uint32_t budget = POLISH_MAX;
	bool better = true;

	while (better) {
		uint32_t set[PLAN_PATHS_MAX], n = p->conf->n;

		better = false;
		memcpy(set, p->best, sizeof set);
		for (uint32_t j = 0; j < n && !better; j++) {
			uint32_t rest[PLAN_PATHS_MAX];

			memcpy(rest, set, sizeof rest);
			memmove(rest + j, rest + j + 1, (n - 1 - j) * sizeof *rest);
			plan_eval_load(&p->ev, rest, n - 1);
			better = consider_each(p, 0, &budget);
		}
	}
}

/* All sets whose first members stand in p->ev and whose others come from free[from] on. */
static void enumerate(struct planner *p, uint32_t from)
{
	uint32_t left = p->conf->n - p->ev.k;
	uint32_t budget = UINT32_MAX;

	if (left == 1) {
		while (consider_each(p, from, &budget))
			;
		return;
	}
	for (uint32_t i = from; i + left <= p->n_free; i++) {
		if (!fits(p, p->free[i]))
			continue;
		plan_eval_push(&p->ev, p->free[i]);
		enumerate(p, i + 1);
		plan_eval_pop(&p->ev);
	}
}

/* C(n, k), or more than max. */
static uint64_t sets_of(uint64_t n, uint64_t k, uint64_t max)
{
	uint64_t c = 1;

	for (uint64_t i = 1; i <= k && c <= max; i++)
		c = c * (n - k + i) / i;
	return c;
}

static void search_some(struct planner *p)
{
	if (p->n_free > PLAN_RESTART_CANDIDATES)
		return;
	for (uint32_t i = 0; i < PLAN_RESTARTS; i++) {
		if (!scatter(p))
			continue;
		descend(p);
		consider(p, plan_eval_cost(&p->ev));
	}
}

/* Costs within this count as equal to the best. */
static double limit_of(const struct planner *p)
{
	double slack = p->best_cost * 1e-9 + 1e-15;

	if (p->ev.metric == PLAN_PALL)
		slack += p->best_cost * TOLERANCE_PCT / 100;
	return p->best_cost + slack;
}

bool plan_search(struct planner *p, bool *exact)
{
	uint32_t max = p->conf->exact_sets ? p->conf->exact_sets : PLAN_EXACT_SETS;
	uint32_t n = p->conf->n;

	*exact = p->n_free >= n && sets_of(p->n_free, n, max) <= max;
	p->seed = 2463534242u; /* any number but 0; always the same */
	p->limit = -1;
	p->best_cost = DBL_MAX;
	if (!greedy(p))
		p->best_cost = DBL_MAX;
	else {
		descend(p);
		consider(p, plan_eval_cost(&p->ev));
	}
	plan_eval_clear(&p->ev);
	if (*exact)
		enumerate(p, 0);
	else
		search_some(p);
	if (p->best_cost == DBL_MAX)
		return false;
	p->limit = limit_of(p);
	plan_eval_load(&p->ev, p->best, n);
	p->best_kappa = p->ev.metric == PLAN_PAPER ? 0 : plan_kappa(&p->ev);
	p->best_rtt = plan_rtt(p);
	plan_eval_clear(&p->ev);
	if (*exact)
		enumerate(p, 0);
	else
		polish(p);
	plan_eval_clear(&p->ev);
	return true;
}
