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

/* Which elements count; trusted ASes never do. */
enum measure_of {
	MEASURE_ALL = 0,
	MEASURE_REST, /* without U, what is on all candidates; but the unknown counts even where it
		       * is on all: what is not known is never known to be unavoidable */
	MEASURE_CHOICE, /* without anything that is on all candidates: what a choice can change */
};

/* Over the set in ev. An element that may be on a path counts as being there. */
void plan_measure(const struct plan_eval *ev, enum measure_of of, struct measure *m);

/* measure.kappa of MEASURE_CHOICE alone, and quicker: what the search compares. */
uint32_t plan_kappa(const struct plan_eval *ev);

/* The AS on most paths of the set; all: trusted ones too. Returns the number of paths, 0: no AS. */
uint32_t plan_most_exposed(const struct plan_eval *ev, bool all, element_t *as);

#endif
