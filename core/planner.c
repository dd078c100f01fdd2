/* core/planner.c - choose n of the candidate paths so that as few as possible can watch them all */
#include "core/planner.h"

#include <string.h>

#include "core/check.h"

const char *const plan_verdict_str[PLAN_VERDICTS] = {
	[PLAN_OK] = "ok",
	[PLAN_TOO_FEW] = "too few paths that may stand together",
	[PLAN_EXPOSED] = "one AS sees too many of the paths",
	[PLAN_TOO_MANY] = "too many candidates or ASes",
};
static_assert(ARRAY_LEN(plan_verdict_str) == PLAN_VERDICTS, "a text for every verdict");

const char *const plan_reason_str[PLAN_REASONS] = {
	[PLAN_TAKEN] = "taken",
	[PLAN_UNREACHED] = "not reached",
	[PLAN_SLOW] = "too slow",
	[PLAN_CLASH] = "node in use",
	[PLAN_WORSE] = "shares more",
	[PLAN_POSSIBLE] = "possible",
};
static_assert(ARRAY_LEN(plan_reason_str) == PLAN_REASONS, "a text for every reason");

static bool too_slow(const struct planner *p, uint32_t place)
{
	uint32_t rtt = plan_eval_at(&p->ev, place)->rtt_us;

	return p->conf->rtt_us_max && rtt > p->conf->rtt_us_max;
}

/* Unmeasured candidates stay, with what is unknown about them (C.4, 0). */
static void find_free(struct planner *p)
{
	p->n_free = 0;
	for (uint32_t i = 0; i < p->ev.n; i++)
		if (!too_slow(p, i) && !plan_eval_at(&p->ev, i)->unreached)
			p->free[p->n_free++] = i;
	plan_eval_everywhere(&p->ev, p->free, p->n_free);
}

/* The set in use into set[]; false when it is not whole. */
static bool set_in_use(const struct planner *p, uint32_t *set)
{
	uint32_t k = 0;

	for (uint32_t i = 0; i < p->n_free; i++) {
		if (!plan_eval_at(&p->ev, p->free[i])->chosen_before)
			continue;
		for (uint32_t j = 0; j < k; j++)
			if (plan_clash(p, set[j], p->free[i]))
				return false;
		if (k == p->conf->n)
			return false;
		set[k++] = p->free[i];
	}
	return k == p->conf->n;
}

/* C.4: the set in use stays while its cost is within twice the best and its kappa no worse than
 * when it was chosen. */
static bool keep_old(struct planner *p)
{
	uint32_t set[PLAN_PATHS_MAX];
	double cost;
	bool keep;

	if (!set_in_use(p, set))
		return false;
	plan_eval_load(&p->ev, set, p->conf->n);
	cost = plan_eval_cost(&p->ev);
	keep = cost <= (p->ev.metric == PLAN_PALL ? 2 * p->best_cost : p->best_cost) + 1e-12 &&
	       plan_kappa(&p->ev) >= p->conf->kappa_before;
	if (keep)
		memcpy(p->best, set, sizeof set);
	return keep;
}

/* By place, so that the same set is always shown in the same order. */
static void sort_best(struct planner *p)
{
	for (uint32_t i = 1; i < p->conf->n; i++)
		for (uint32_t k = i; k && p->best[k - 1] > p->best[k]; k--) {
			uint32_t x = p->best[k];

			p->best[k] = p->best[k - 1];
			p->best[k - 1] = x;
		}
}

/* The unavoidable ASes and the like. *nobody and *known become the chances that nothing of U, and
 * that the unknown, if it too is on all candidates, is not hostile. */
static void list_everywhere(const struct planner *p, struct plan *plan, double *nobody,
			    double *known)
{
	*nobody = *known = 1;
	for (uint32_t a = 0; a < p->ev.elements; a++) {
		element_t e = p->ev.element[a];

		if (!p->ev.everywhere[a])
			continue;
		if (e == element_unknown()) {
			*known = 1 - element_p(ELEMENT_UNKNOWN);
			plan->all_unknown = true;
			continue;
		}
		if (plan->u_n < PLAN_U_MAX)
			plan->u[plan->u_n++] = e;
		if (!p->ev.trusted[a])
			*nobody *= 1 - element_p(element_kind_of(e));
	}
}

static void fill(struct planner *p, struct plan *plan)
{
	uint32_t n = p->conf->n;
	enum plan_metric metric = p->ev.metric;
	double nobody, known;

	list_everywhere(p, plan, &nobody, &known);
	sort_best(p);
	plan->n = n;
	plan_eval_load(&p->ev, p->best, n - 1);
	p->ev.metric = PLAN_PALL; /* the last one added this way: no digits are lost */
	plan->p_rest = plan_eval_cost_with(&p->ev, p->best[n - 1]);
	p->ev.metric = metric;
	plan->p_rest = 1 - known + known * plan->p_rest;
	plan->p_all = 1 - nobody + nobody * plan->p_rest;
	plan_eval_push(&p->ev, p->best[n - 1]);
	plan_measure(&p->ev, MEASURE_ALL, &plan->all);
	plan_measure(&p->ev, MEASURE_REST, &plan->rest);
	plan_measure(&p->ev, MEASURE_CHOICE, &plan->choice);
	plan->max_as_paths = plan_most_exposed(&p->ev, true, &plan->max_as);
	for (uint32_t i = 0; i < n; i++)
		plan->pick[i] = p->ev.order[p->best[i]];
}

/* Whether an AS that is not trusted, or the unknown where it is sure, sees too much (C.0). */
static bool exposed(const struct planner *p, struct plan *plan)
{
	uint32_t n = p->conf->n, unknown = 0;

	plan->exposed_paths = plan_most_exposed(&p->ev, false, &plan->exposed);
	for (uint32_t i = 0; i < n; i++)
		unknown += seen_pct(&plan_eval_at(&p->ev, p->best[i])->seen, element_unknown()) ==
			   SEEN_SURE;
	if (unknown > plan->exposed_paths) {
		plan->exposed_paths = unknown;
		plan->exposed = element_unknown();
	}
	return p->conf->exposure_pct && plan->exposed_paths * 100 > p->conf->exposure_pct * n;
}

static void explain(const struct planner *p, bool chosen, enum plan_reason *reasons)
{
	for (uint32_t i = 0; i < p->ev.n; i++) {
		enum plan_reason r = too_slow(p, i) ? PLAN_SLOW : PLAN_WORSE;

		if (plan_eval_at(&p->ev, i)->unreached)
			r = PLAN_UNREACHED;
		else if (r == PLAN_WORSE && !chosen)
			r = PLAN_POSSIBLE;
		for (uint32_t k = 0; chosen && k < p->ev.k; k++) {
			if (p->ev.pick[k] == i)
				r = PLAN_TAKEN;
			else if (r == PLAN_WORSE && plan_clash(p, p->ev.pick[k], i))
				r = PLAN_CLASH;
		}
		reasons[p->ev.order[i]] = r;
	}
}

/* One search and what it gives. */
static enum plan_verdict choose(struct planner *p, enum plan_metric metric, struct plan *plan)
{
	*plan = (struct plan){ .kept = false };
	p->ev.metric = metric;
	if (!plan_search(p, &plan->exact))
		return PLAN_TOO_FEW;
	plan->kept = keep_old(p);
	fill(p, plan);
	return exposed(p, plan) ? PLAN_EXPOSED : PLAN_OK;
}

enum plan_verdict planner_run(struct planner *p, const struct plan_conf *conf,
			      const struct candidate *cand, uint32_t n, struct plan *plan,
			      enum plan_reason *reasons)
{
	enum plan_verdict v;

	MUST(conf->n >= 1);
	MUST(conf->n <= PLAN_PATHS_MAX);
	*plan = (struct plan){ .n = 0 };
	p->conf = conf;
	if (!plan_eval_init(&p->ev, cand, n, conf->trust, conf->trusted))
		return PLAN_TOO_MANY;
	find_free(p);
	v = choose(p, conf->metric, plan);
	/* Perhaps there is a set that is watched by more, but by nobody as much. */
	if (v == PLAN_EXPOSED && conf->metric != PLAN_STRIPE)
		v = choose(p, PLAN_STRIPE, plan);
	explain(p, v != PLAN_TOO_FEW, reasons);
	return v;
}
