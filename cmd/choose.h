/* cmd/choose.h - the paths that carry a session, as cmd/survey plans them */
#ifndef CMD_CHOOSE_H
#define CMD_CHOOSE_H

#include "cmd/pathset.h"
#include "cmd/survey.h"

enum { CHOICE_AS_MAX = 32, CHOICE_TEXT_MAX = 800 };

/* What the plan says of the paths, for the receipt. */
struct choice {
	uint32_t as[PATHS_MAX][CHOICE_AS_MAX], as_n[PATHS_MAX]; /* by path */
	uint32_t rtt_us[PATHS_MAX]; /* by path, of its traces; 0: not of both legs */
	uint32_t max_as; /* on most of the paths; 0: no AS is known */
	double max_as_share;
	uint32_t unavoidable[PLAN_U_MAX], unavoidable_n;
	char guarantee[CHOICE_TEXT_MAX];
	double p_all;
	uint32_t kappa, kappa_rest; /* kappa' is the one without U */
	struct survey_basis basis;
};

/* Fills node, to, from and dest of paths toward `dev`; *n is how many. With --json the event plan.
 * 0, or the exit code of the error that was reported (survey_make). Blocks while legs are traced
 * that no trace is known of. */
int choose_paths(struct quorum *q, const struct survey_options *o, const struct directory *d,
		 const struct device_entry *dev, struct path path[static PATHS_MAX], uint32_t *n,
		 struct choice *choice);

/* After a session over n paths: whoever sends to this node next shall not wait for ports that did
 * not answer, nor trust traces of before the round trip made a step. Only when it went well: else
 * it may have been the device. */
void choose_learn(const struct common *c, const struct choice *choice, const struct path *path,
		  uint32_t n);
/* The session failed for this path: its node is left out when paths are chosen anew. False: that
 * would change nothing. */
bool choose_shun(struct shun *h, const struct path *p);

/* Plans the same way and shows candidates and plan; nothing is remembered. */
int choose_show(struct quorum *q, const struct survey_options *o, const struct directory *d,
		const struct device_entry *dev);

#endif
