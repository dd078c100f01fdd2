/* core/plan_measure.h - worst cases of a chosen set: who could watch all of it, and how much */
#ifndef CORE_PLAN_MEASURE_H
#define CORE_PLAN_MEASURE_H

#include "core/plan_eval.h"

enum { MEASURE_SETS_MAX = 8 }; /* dangerous sets that are named */

struct measure_set {
	element_t e[PLAN_PATHS_MAX];
};

struct measure {
	uint32_t kappa; /* least number of elements that watch all paths; k + 1: no number does */
	struct measure_set set[MEASURE_SETS_MAX]; /* some of the sets of kappa elements that do */
	uint32_t sets;
	uint32_t seen_by[2]; /* most paths that 1 and 2 elements watch */
};

/* Over the set in ev. An element that may be on a path counts as being there; trusted ASes do not
 * count at all, and with rest_only neither does what is on all candidates (U), except the unknown:
 * what is not known is never known to be unavoidable. */
void plan_measure(const struct plan_eval *ev, bool rest_only, struct measure *m);

/* kappa over those elements that a choice can avoid: what the search compares. */
uint32_t plan_kappa(const struct plan_eval *ev);

/* The AS on most paths of the set; all: trusted ones too. Returns the number of paths, 0: no AS. */
uint32_t plan_most_exposed(const struct plan_eval *ev, bool all, element_t *as);

#endif
