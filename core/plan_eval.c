/* core/plan_eval.c - what a set of candidates is worth, kept up to date while one is added */
#include "core/plan_eval.h"

#include <string.h>

#include "core/check.h"
#include "core/sort.h"

static bool before(const void *items, uint32_t a, uint32_t b)
{
	const struct candidate *x = (const struct candidate *)items + a;
	const struct candidate *y = (const struct candidate *)items + b;
	int d = strcmp(x->node, y->node);

	if (!d)
		d = addr_cmp(&x->local, &y->local);
	if (!d)
		d = addr_cmp(&x->entry, &y->entry);
	if (!d)
		d = addr_cmp(&x->device, &y->device);
	return d < 0;
}

const struct candidate *plan_eval_at(const struct plan_eval *ev, uint32_t place)
{
	return ev->cand + ev->order[place];
}

static uint32_t hash_of(element_t e)
{
	return (uint32_t)((e * UINT64_C(0x9e3779b97f4a7c15)) >> 40) & (2 * ELEMENTS_MAX - 1);
}

/* The number of e, a new one where needed; ELEMENTS_MAX when there is none left. */
static uint32_t number_of(struct plan_eval *ev, element_t e)
{
	uint32_t slot = hash_of(e);

	for (; ev->hash[slot]; slot = (slot + 1) & (2 * ELEMENTS_MAX - 1))
		if (ev->element[ev->hash[slot] - 1] == e)
			return ev->hash[slot] - 1u;
	if (ev->elements == ELEMENTS_MAX)
		return ELEMENTS_MAX;
	ev->element[ev->elements] = e;
	ev->hash[slot] = (uint16_t)(ev->elements + 1);
	return ev->elements++;
}

static bool is_trusted(element_t e, const uint32_t *trust, uint32_t trusted)
{
	for (uint32_t i = 0; i < trusted; i++)
		if (e == element_as(trust[i]))
			return true;
	return false;
}

bool plan_eval_init(struct plan_eval *ev, const struct candidate *cand, uint32_t n,
		    const uint32_t *trust, uint32_t trusted)
{
	memset(ev, 0, sizeof *ev);
	ev->cand = cand;
	ev->n = n;
	if (n > CANDIDATES_MAX)
		return false;
	for (uint32_t i = 0; i < n; i++)
		ev->order[i] = i;
	sort_index(ev->order, ev->tmp, n, before, cand);
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < plan_eval_at(ev, i)->seen.n; k++) {
			uint32_t a = number_of(ev, plan_eval_at(ev, i)->seen.v[k].e);

			if (a == ELEMENTS_MAX)
				return false;
			ev->at[i][k] = (uint16_t)a;
		}
	for (uint32_t a = 0; a < ev->elements; a++)
		ev->trusted[a] = is_trusted(ev->element[a], trust, trusted);
	plan_eval_everywhere(ev, NULL, 0);
	plan_eval_clear(ev);
	return true;
}

void plan_eval_everywhere(struct plan_eval *ev, const uint32_t *place, uint32_t m)
{
	for (uint32_t a = 0; a < ev->elements; a++) {
		element_t e = ev->element[a];
		uint32_t i = 0;

		while (i < m && seen_pct(&plan_eval_at(ev, place[i])->seen, e) == SEEN_SURE)
			i++;
		ev->everywhere[a] = m && i == m;
		ev->p[a] = ev->trusted[a] || ev->everywhere[a] ? 0
							       : element_p(element_kind_of(e));
	}
}

/* factor[T] for an element that may or may not be on some of the paths: the ratio of its terms
 * with and without the new candidate. */
static void mix_unsure(const struct plan_eval *ev, double *factor, uint32_t a, uint8_t pct)
{
	double absent[SUBSETS_MAX];
	double p = ev->p[a];

	absent[0] = 1;
	for (uint32_t t = 0; t < 1u << ev->k; t++) {
		uint32_t low = (uint32_t)__builtin_ctz(t | SUBSETS_MAX);
		double both;

		if (t)
			absent[t] = absent[t & (t - 1)] * (1 - ev->pct[a][low] / 100.0);
		both = absent[t] * (1 - pct / 100.0);
		factor[t] *= (1 - p * (1 - both)) / (1 - p * (1 - absent[t]));
	}
}

static void factors(const struct plan_eval *ev, uint32_t place, double *factor)
{
	const struct seen *s = &plan_eval_at(ev, place)->seen;
	uint32_t full = (1u << ev->k) - 1;
	double by_mask[SUBSETS_MAX];

	for (uint32_t t = 0; t <= full; t++)
		by_mask[t] = 1;
	for (uint32_t i = 0; i < s->n; i++) {
		uint32_t a = ev->at[place][i];

		if (s->v[i].pct == SEEN_SURE && !ev->maybe[a])
			by_mask[ev->sure[a]] *= 1 - ev->p[a];
	}
	for (uint32_t bit = 1; bit <= full; bit *= 2)
		for (uint32_t t = 0; t <= full; t++)
			if (t & bit)
				by_mask[t] *= by_mask[t ^ bit];
	for (uint32_t t = 0; t <= full; t++)
		factor[t] = by_mask[full ^ t];
	for (uint32_t i = 0; i < s->n; i++) {
		uint32_t a = ev->at[place][i];

		if (ev->p[a] > 0 && (s->v[i].pct != SEEN_SURE || ev->maybe[a]))
			mix_unsure(ev, factor, a, s->v[i].pct);
	}
}

/* How many ASes c has in common with the paths of the set, summed over these. */
static uint32_t common_with(const struct plan_eval *ev, uint32_t place)
{
	const struct seen *s = &plan_eval_at(ev, place)->seen;
	uint32_t sum = 0;

	for (uint32_t i = 0; i < s->n; i++) {
		uint32_t a = ev->at[place][i];

		if (element_kind_of(s->v[i].e) == ELEMENT_AS)
			sum += plan_count(ev->sure[a] | ev->maybe[a]);
	}
	return sum;
}

static uint32_t most_with(const struct plan_eval *ev, uint32_t place)
{
	const struct seen *s = &plan_eval_at(ev, place)->seen;
	uint32_t most = ev->most[ev->k];

	for (uint32_t i = 0; i < s->n; i++) {
		uint32_t a = ev->at[place][i];
		uint32_t on = 1 + plan_count(ev->sure[a] | ev->maybe[a]);

		if (ev->p[a] > 0 && on > most)
			most = on;
	}
	return most;
}

static double signed_sum(const double *v, uint32_t n)
{
	double sum = 0;

	for (uint32_t t = 0; t < n; t++)
		sum += plan_count(t) & 1 ? -v[t] : v[t];
	return sum > 0 ? sum : 0;
}

double plan_eval_p(const struct plan_eval *ev)
{
	return signed_sum(ev->prod, 1u << ev->k);
}

static double p_with(const struct plan_eval *ev, uint32_t place)
{
	double v[SUBSETS_MAX];

	factors(ev, place, v);
	for (uint32_t t = 0; t < 1u << ev->k; t++)
		v[t] = ev->prod[t] * (1 - v[t]);
	return signed_sum(v, 1u << ev->k);
}

double plan_eval_cost(const struct plan_eval *ev)
{
	if (ev->metric == PLAN_PAPER)
		return ev->common[ev->k];
	return plan_eval_p(ev) + (ev->metric == PLAN_STRIPE ? ev->most[ev->k] : 0);
}

double plan_eval_cost_with(struct plan_eval *ev, uint32_t place)
{
	if (ev->metric == PLAN_PAPER)
		return ev->common[ev->k] + common_with(ev, place);
	return p_with(ev, place) + (ev->metric == PLAN_STRIPE ? most_with(ev, place) : 0);
}

void plan_eval_clear(struct plan_eval *ev)
{
	while (ev->k)
		plan_eval_pop(ev);
	ev->prod[0] = 1;
}

void plan_eval_push(struct plan_eval *ev, uint32_t place)
{
	const struct seen *s = &plan_eval_at(ev, place)->seen;
	double factor[SUBSETS_MAX];
	uint32_t half = 1u << ev->k;

	MUST(ev->k < PLAN_PATHS_MAX);
	factors(ev, place, factor);
	for (uint32_t t = 0; t < half; t++)
		ev->prod[half + t] = ev->prod[t] * factor[t];
	ev->common[ev->k + 1] = ev->common[ev->k] + common_with(ev, place);
	ev->most[ev->k + 1] = most_with(ev, place);
	for (uint32_t i = 0; i < s->n; i++) {
		uint32_t a = ev->at[place][i];

		ev->pct[a][ev->k] = s->v[i].pct;
		*(s->v[i].pct == SEEN_SURE ? &ev->sure[a] : &ev->maybe[a]) |= (uint8_t)half;
	}
	ev->pick[ev->k++] = place;
}

void plan_eval_pop(struct plan_eval *ev)
{
	uint32_t place = ev->pick[--ev->k];
	const struct seen *s = &plan_eval_at(ev, place)->seen;
	uint8_t keep = (uint8_t)~(1u << ev->k);

	for (uint32_t i = 0; i < s->n; i++) {
		uint32_t a = ev->at[place][i];

		ev->pct[a][ev->k] = 0;
		ev->sure[a] &= keep;
		ev->maybe[a] &= keep;
	}
}

void plan_eval_load(struct plan_eval *ev, const uint32_t *place, uint32_t k)
{
	plan_eval_clear(ev);
	for (uint32_t i = 0; i < k; i++)
		plan_eval_push(ev, place[i]);
}
