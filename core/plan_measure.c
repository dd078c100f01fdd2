/* core/plan_measure.c - worst cases of a chosen set: who could watch all of it, and how much */
#include "core/plan_measure.h"

#include <string.h>

enum { ON_SET_MAX = PLAN_PATHS_MAX * SEEN_MAX };

/* The elements on the set, each once, with the paths that it is on. */
struct on_set {
	uint32_t n;
	uint16_t a[ON_SET_MAX];
	uint8_t mask[ON_SET_MAX];
};

static bool counts(const struct plan_eval *ev, enum measure_of of, uint16_t a)
{
	bool everywhere = ev->everywhere[a];

	if (of == MEASURE_REST && ev->element[a] == element_unknown())
		everywhere = false;
	return !ev->trusted[a] && (of == MEASURE_ALL || !everywhere);
}

static void collect(const struct plan_eval *ev, enum measure_of of, struct on_set *o)
{
	o->n = 0;
	for (uint32_t k = 0; k < ev->k; k++)
		for (uint32_t i = 0; i < plan_eval_at(ev, ev->pick[k])->seen.n; i++) {
			uint16_t a = ev->at[ev->pick[k]][i];
			uint8_t mask = ev->sure[a] | ev->maybe[a];

			/* Once: where its lowest path is. */
			if (!counts(ev, of, a) || (uint32_t)__builtin_ctz(mask) != k)
				continue;
			o->a[o->n] = a;
			o->mask[o->n++] = mask;
		}
}

/* The masks that no other one includes, in out: what the rest watch these watch too. */
static uint32_t maximal(const struct on_set *o, uint32_t k, uint8_t out[SUBSETS_MAX])
{
	bool present[SUBSETS_MAX] = { false }, inside[SUBSETS_MAX] = { false };
	uint32_t n = 0;

	for (uint32_t i = 0; i < o->n; i++)
		present[o->mask[i]] = true;
	for (uint32_t t = 1u << k; --t;) {
		for (uint32_t bit = 1; bit < 1u << k; bit *= 2)
			if (!(t & bit) && (present[t | bit] || inside[t | bit]))
				inside[t] = true;
		if (present[t] && !inside[t])
			out[n++] = (uint8_t)t;
	}
	return n;
}

/* by[j][mask]: whether j elements watch the paths in mask. Returns kappa. */
static uint32_t covers(const struct on_set *o, uint32_t k, bool by[PLAN_PATHS_MAX + 1][SUBSETS_MAX])
{
	uint32_t full = (1u << k) - 1;
	uint8_t mask[SUBSETS_MAX];
	uint32_t n = maximal(o, k, mask);

	memset(by, 0, sizeof by[0] * (PLAN_PATHS_MAX + 1));
	by[0][0] = true;
	for (uint32_t j = 1; j <= k; j++) {
		for (uint32_t have = 0; have <= full; have++)
			for (uint32_t i = 0; by[j - 1][have] && i < n; i++)
				by[j][have | mask[i]] = true;
		if (by[j][full])
			return j;
	}
	return k + 1;
}

uint32_t plan_kappa(const struct plan_eval *ev)
{
	bool by[PLAN_PATHS_MAX + 1][SUBSETS_MAX];
	struct on_set o;

	collect(ev, MEASURE_CHOICE, &o);
	return covers(&o, ev->k, by);
}

static uint32_t most_bits(const bool *by, uint32_t k)
{
	uint32_t best = 0;

	for (uint32_t t = 0; t < 1u << k; t++)
		if (by[t] && plan_count(t) > best)
			best = plan_count(t);
	return best;
}

/* Names sets of kappa elements, in the order of the elements: an odometer of indices. */
static void name_sets(const struct plan_eval *ev, const struct on_set *o, struct measure *m)
{
	uint32_t full = (1u << ev->k) - 1;
	uint32_t at[PLAN_PATHS_MAX] = { 0 };
	uint32_t have[PLAN_PATHS_MAX + 1] = { 0 };
	uint32_t d = 0;

	while (m->sets < MEASURE_SETS_MAX) {
		if (d == m->kappa && have[d] == full)
			for (uint32_t i = 0; i < d; i++)
				m->set[m->sets].e[i] = ev->element[o->a[at[i]]];
		if (d == m->kappa && have[d] == full)
			m->sets++;
		if (d < m->kappa && at[d] < o->n) {
			have[d + 1] = have[d] | o->mask[at[d]];
			/* What adds no path belongs to no least set. */
			if (have[d + 1] == have[d]) {
				at[d]++;
				continue;
			}
			if (++d < m->kappa)
				at[d] = at[d - 1] + 1;
			continue;
		}
		if (!d)
			return;
		at[--d]++;
	}
}

void plan_measure(const struct plan_eval *ev, enum measure_of of, struct measure *m)
{
	bool by[PLAN_PATHS_MAX + 1][SUBSETS_MAX];
	struct on_set o;

	*m = (struct measure){ .sets = 0 };
	collect(ev, of, &o);
	m->kappa = covers(&o, ev->k, by);
	m->seen_by[0] = most_bits(by[1], ev->k);
	m->seen_by[1] = m->kappa == 1 ? m->seen_by[0] : most_bits(by[2], ev->k);
	if (m->seen_by[1] < m->seen_by[0])
		m->seen_by[1] = m->seen_by[0];
	if (m->kappa <= ev->k)
		name_sets(ev, &o, m);
}

uint32_t plan_most_exposed(const struct plan_eval *ev, bool all, element_t *as)
{
	uint32_t most = 0;

	for (uint32_t k = 0; k < ev->k; k++)
		for (uint32_t i = 0; i < plan_eval_at(ev, ev->pick[k])->seen.n; i++) {
			uint16_t a = ev->at[ev->pick[k]][i];
			uint32_t on = plan_count(ev->sure[a] | ev->maybe[a]);
			bool is_as = element_kind_of(ev->element[a]) == ELEMENT_AS;

			/* Of several the least number, whatever the order of the paths. */
			if (!is_as || (!all && ev->trusted[a]) || on < most ||
			    (on == most && ev->element[a] >= *as))
				continue;
			most = on;
			*as = ev->element[a];
		}
	return most;
}
