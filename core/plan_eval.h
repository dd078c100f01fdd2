/* core/plan_eval.h - what a set of candidates is worth, kept up to date while one is added
 *
 *	P(C) = sum over T subset of C of (-1)^|T| prod_T
 *	prod_T = prod over a of (1 - p_a (1 - prod over i in T of (1 - q_ia)))
 *
 * (PATHS.md C.2: the chance that every path of C is watched; q: the chance that a is on i). Adding
 * a candidate c multiplies the product of every T by a factor that depends on which of c's elements
 * T already has, so that P(C + c) = sum over T of (-1)^|T| prod_T (1 - factor_T): no subtraction of
 * numbers of almost the same size. For elements that are sure, factor_T is the product over those
 * whose paths are disjoint from T: one multiplication an element, then a sum over subsets. */
#ifndef CORE_PLAN_EVAL_H
#define CORE_PLAN_EVAL_H

#include "core/addr.h"
#include "core/element.h"

enum {
	PLAN_PATHS_MAX = 8, /* as many as a session may have; 2^8 subsets are summed */
	SUBSETS_MAX = 1 << PLAN_PATHS_MAX,
	CANDIDATES_MAX = 8192,	 /* 5,000 nodes, some with two addresses */
	ELEMENTS_MAX = 16384,	 /* distinct ones over all candidates; a power of 2 */
};

struct candidate {
	struct seen seen;
	const char *node; /* at most one candidate a node; "" is the direct path. Borrowed */
	struct addr local, entry, device; /* where it begins, the node's and the device's address */
	uint64_t operator_id, cloud_id;	  /* for plan_per; 0: not known, clashes with nothing */
	uint32_t rtt_us;		  /* 0: not measured */
	bool chosen_before;		  /* belongs to the set in use */
	bool unreached;			  /* not to be chosen */
};

enum plan_metric { PLAN_PALL = 0, PLAN_PAPER, PLAN_STRIPE };

/* Element numbers and the set under construction; about 2 MB, the caller's memory. Candidates are
 * known by their place in an order that depends on what they are, not on how they were given. */
struct plan_eval {
	const struct candidate *cand;
	enum plan_metric metric;
	uint32_t n;
	uint32_t order[CANDIDATES_MAX]; /* by place: the caller's index */
	uint32_t tmp[CANDIDATES_MAX];
	uint16_t at[CANDIDATES_MAX][SEEN_MAX]; /* by place: element numbers, parallel to seen */
	element_t element[ELEMENTS_MAX];
	double p[ELEMENTS_MAX]; /* 0: trusted, or on every candidate */
	bool trusted[ELEMENTS_MAX], everywhere[ELEMENTS_MAX]; /* the unknown too */
	uint32_t elements;
	uint16_t hash[2 * ELEMENTS_MAX]; /* number + 1 */

	uint32_t k;
	uint32_t pick[PLAN_PATHS_MAX];
	double prod[SUBSETS_MAX];	  /* by T */
	uint8_t pct[ELEMENTS_MAX][PLAN_PATHS_MAX];
	uint8_t sure[ELEMENTS_MAX], maybe[ELEMENTS_MAX]; /* paths, a bit each; never both */
	uint32_t common[PLAN_PATHS_MAX + 1]; /* paper's metric of the first k */
	uint32_t most[PLAN_PATHS_MAX + 1];   /* of the first k: most that one element is on */
};

/* How many paths a mask has; compilers make a call of __builtin_popcount. */
static inline uint32_t plan_count(uint32_t mask)
{
	mask -= mask >> 1 & 0x55;
	mask = (mask & 0x33) + (mask >> 2 & 0x33);
	return (mask + (mask >> 4)) & 0x0f;
}

/* Puts the candidates into order and numbers their elements. `trust` are ASes that are not hostile.
 * False: too many candidates or elements. The candidates are borrowed. */
bool plan_eval_init(struct plan_eval *ev, const struct candidate *cand, uint32_t n,
		    const uint32_t *trust, uint32_t trusted);
/* Finds what is on all of the m candidates at these places, and takes it out of the costs: no
 * choice avoids it, and its share would hide the differences. */
void plan_eval_everywhere(struct plan_eval *ev, const uint32_t *place, uint32_t m);

/* The candidate at a place. */
const struct candidate *plan_eval_at(const struct plan_eval *ev, uint32_t place);

void plan_eval_clear(struct plan_eval *ev);
void plan_eval_push(struct plan_eval *ev, uint32_t place);
void plan_eval_pop(struct plan_eval *ev);
/* Clears, then pushes these. */
void plan_eval_load(struct plan_eval *ev, const uint32_t *place, uint32_t k);

/* The cost by the metric of the set, and of the set with one more; smaller is better.
 * PLAN_PALL: P given that nobody who is on all candidates is hostile. PLAN_PAPER: common ASes
 * summed over pairs. PLAN_STRIPE: most paths that one element is on, then P. */
double plan_eval_cost(const struct plan_eval *ev);
double plan_eval_cost_with(struct plan_eval *ev, uint32_t place);
/* P of the set, whatever the metric. */
double plan_eval_p(const struct plan_eval *ev);

#endif
