/* core/planner.h - choose n of the candidate paths so that as few as possible can watch them all
 *
 * Pure; the method is PATHS.md C.2 to C.4. What is minimised by default is P_all: the chance that
 * every chosen path is watched, when every element is hostile by itself with its own p. Elements on
 * all candidates (U) are left out of it, because no choice avoids them. 1 - P_all is a coverage
 * function, monotone and submodular, so greedy is good; swaps and restarts make it better, and
 * small instances are searched whole. Of the sets within 5 % of the best, the one that most
 * elements are needed to watch, then the quickest, is taken. The order in which candidates are
 * given plays no part.
 *
 * Left out of C.4: grouping and dominance, as the search is fast enough without; 2-swaps, as the
 * restarts find what they would. */
#ifndef CORE_PLANNER_H
#define CORE_PLANNER_H

#include "core/plan_measure.h"

enum {
	PLAN_U_MAX = 32,
	PLAN_TRUST_MAX = 64,
	PLAN_RESTARTS = 8,
	PLAN_RESTART_CANDIDATES = 200, /* with more, one descent must do (C.4) */
	PLAN_EXACT_SETS = 150000,      /* searched whole in about 10 ms; N = 44 at n = 4 */
};

enum plan_per { PLAN_PER_NODE = 0, PLAN_PER_OPERATOR, PLAN_PER_CLOUD };

struct plan_conf {
	uint32_t n; /* 1..PLAN_PATHS_MAX */
	enum plan_metric metric;
	enum plan_per one_per;
	uint32_t rtt_us_max;   /* 0: no limit */
	uint32_t exposure_pct; /* 0: no limit */
	uint32_t exact_sets;   /* search whole up to so many sets; 0: PLAN_EXACT_SETS */
	uint32_t kappa_before; /* plan.choice.kappa of the set in use, when chosen; 0: none */
	uint32_t trust[PLAN_TRUST_MAX]; /* ASes that are not hostile */
	uint32_t trusted;
};

enum plan_verdict {
	PLAN_OK = 0,
	PLAN_TOO_FEW,  /* not n candidates that may stand together */
	PLAN_EXPOSED,  /* `exposed` sees more than exposure_pct of the paths, whatever is chosen */
	PLAN_TOO_MANY, /* more candidates or elements than there is room for */
	PLAN_VERDICTS,
};
extern const char *const plan_verdict_str[PLAN_VERDICTS];

/* Why a candidate was taken or not. */
enum plan_reason {
	PLAN_TAKEN = 0,
	PLAN_UNREACHED, /* its candidate.unreached is set */
	PLAN_SLOW,  /* above rtt_us_max */
	PLAN_CLASH, /* its node, operator or cloud has a chosen one */
	PLAN_WORSE, /* another set is watched by fewer, or is as good and quicker */
	PLAN_POSSIBLE, /* nothing was chosen: it is not its fault */
	PLAN_REASONS,
};
extern const char *const plan_reason_str[PLAN_REASONS];

struct plan {
	uint32_t n;
	uint32_t pick[PLAN_PATHS_MAX]; /* indices into the caller's array, by node name */
	bool kept;  /* the set in use, which is good enough: each new choice gives the adversary a
		     * new chance (C.4) */
	bool exact; /* nothing better exists */
	double p_all;  /* every path is watched */
	double p_rest; /* the same given that nobody of U is hostile */
	struct measure all, rest, choice; /* see enum measure_of */
	bool all_unknown; /* every candidate has a segment that is not known at all */
	element_t u[PLAN_U_MAX];
	uint32_t u_n;
	element_t max_as; /* the AS on most of the paths */
	uint32_t max_as_paths;
	element_t exposed; /* of PLAN_EXPOSED */
	uint32_t exposed_paths;
};

/* Working memory, the caller's. */
struct planner {
	struct plan_eval ev;
	const struct plan_conf *conf;
	uint32_t n_free;
	uint32_t free[CANDIDATES_MAX]; /* places within the limits */
	uint32_t best[PLAN_PATHS_MAX];      /* places */
	double best_cost;
	uint32_t best_kappa;
	uint64_t best_rtt;
	double limit; /* cost that counts as equal to the best; < 0 while looking for the best */
	uint32_t seed;
};

/* Chooses; reasons has room for n. The candidates are borrowed for the call. */
enum plan_verdict planner_run(struct planner *p, const struct plan_conf *conf,
			      const struct candidate *cand, uint32_t n, struct plan *plan,
			      enum plan_reason *reasons);

/* planner_run's own: the search, in core/plan_search.c. Finds the best set of conf->n free places,
 * or returns false when no n of them may stand together. *exact: it was searched whole. */
bool plan_search(struct planner *p, bool *exact);
/* Whether two places may not both be chosen. */
bool plan_clash(const struct planner *p, uint32_t a, uint32_t b);
/* The slowest round trip of the set in p->ev, then the sum; unmeasured ones are slowest. */
uint64_t plan_rtt(const struct planner *p);

#endif
