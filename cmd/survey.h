/* cmd/survey.h - which paths there are to a device, what is known of them, and the choice
 *
 * Candidates are local address x node x address of the device, all of one family (PATHS.md C.0).
 * Legs not traced in the last day are traced, all at once; then core/planner chooses. Used by
 * `paths`, and by whatever sends. Allocates, and runs a loop of its own: before the loop that moves
 * data. */
#ifndef CMD_SURVEY_H
#define CMD_SURVEY_H

#include "cmd/astable.h"
#include "cmd/directory.h"
#include "cmd/locals.h"
#include "cmd/online.h"
#include "cmd/tracecache.h"
#include "core/planner.h"

enum {
	SURVEY_N = 4, /* paths unless asked otherwise, or all nodes when fewer are registered */
	SHUN_MAX = 5, /* as often as `send` tries again */
	SURVEY_PAIRS_MAX = 64, /* candidates whose pairs are told: 2,016 lines */
};

/* Nodes through which a session failed a moment ago. */
struct shun {
	struct fp node[SHUN_MAX]; /* the latest comes last */
	uint32_t n;
	bool fewer; /* rather fewer paths than usual than one of these */
};

/* The options of every command that plans; all zero are the defaults. */
struct survey_options {
	uint32_t n;
	struct opt_list via;
	uint32_t metric;  /* 1: pall, 2: paper */
	uint32_t one_per; /* 1: operator, 2: cloud */
	uint32_t rtt_ms_max, exposure_pct;
	struct opt_list trust;
	const char *local;
	struct online_options online;
	bool direct, kernel; /* kernel: by nat alone, IPv4, the way that the kernel chooses */
	bool stripe; /* --split stripe: least exposure of one AS */
	bool tentative; /* a better directory may be had: errors go to the log, few paths are one */
	bool fresh;  /* trust no trace of before: a path that should work did not */
	const struct shun *shun; /* or NULL; not chosen while there are enough others */
	bool ask;    /* anew what others trace, even where all is known */
};

/* Option rows for them, for a struct `type` that has them in `field`. */
#define SURVEY_ROW(kind, letter, name, arg, help, type, field, min, max) \
	{ kind, letter, name, arg, help, offsetof(struct type, field), min, max }
#define SURVEY_ROWS(type, o)                                                                   \
	SURVEY_ROW(OPT_U32, 'n', "paths", "N", "paths to use (4, or all nodes when fewer)",    \
		   type, o.n, 1, PLAN_PATHS_MAX),                                              \
	SURVEY_ROW(OPT_COMMAS, 0, "via", "NODE,...", "use these nodes", type, o.via, 0, 0),    \
	SURVEY_ROW(OPT_CHOICE, 0, "metric", "pall|paper", "what to minimise (pall)", type,     \
		   o.metric, 0, 0),                                                            \
	SURVEY_ROW(OPT_CHOICE, 0, "one-per", "operator|cloud",                                 \
		   "at most one node of each", type, o.one_per, 0, 0),                         \
	SURVEY_ROW(OPT_U32, 0, "max-rtt", "MS", "leave out slower paths", type, o.rtt_ms_max,  \
		   1, 600000),                                                                 \
	SURVEY_ROW(OPT_U32, 0, "max-exposure", "PCT",                                          \
		   "refuse when one AS sees more of the paths", type, o.exposure_pct, 1, 100), \
	SURVEY_ROW(OPT_COMMAS, 0, "trust", "AS,...", "ASes that may see all", type, o.trust,   \
		   0, 0),                                                                      \
	SURVEY_ROW(OPT_STR, 0, "local", "ADDR", "begin at this local address only", type,      \
		   o.local, 0, 0),                                                             \
	SURVEY_ROW(OPT_FLAG, 0, "direct", NULL, "the way without a node is a path too", type,  \
		   o.direct, 0, 0),                                                            \
	ONLINE_ROWS(type, o.online)

/* One candidate, beside its struct candidate. */
struct survey_path {
	const struct node_entry *node; /* NULL: the direct path */
	struct addr from;	       /* all zero: the kernel's choice */
	char device[ICMP_DEVICE_MAX];  /* "": any */
	struct addr entry;	       /* the node's address, or the device's for the direct path */
	struct addr dest;	       /* the device's */
	/* Traces client-node, node-device, device-node, node-client; NULL: none, and those of other
	 * parties where they contradict what is known. */
	const struct record *near, *far, *far_back, *back;
	struct segment leg;	       /* client to node */
	bool gap;		       /* some hop is not known */
	bool untraced;		       /* some segment is not known at all */
};

struct survey {
	const struct common *c;
	struct common muted; /* c, when tentative */
	struct quorum *q;
	const struct survey_options *o;
	const struct directory *dir;
	const struct device_entry *device;
	struct locals locals;
	struct addr local; /* --local */
	struct astable as;
	struct tracecache traces; /* this host's, and what nodes and device told (cmd/tracer.h) */
	int64_t now_s;
	struct candidate *cand;
	struct survey_path *path;
	enum plan_reason *reason;
	uint32_t n;
	struct planner *planner;
	struct plan_conf conf;
	enum plan_verdict verdict;
	struct plan plan; /* plan.pick are indices into path and cand */
	uint32_t traced, asked; /* now: legs; questions to manager and nodes about traces */
};

/* How well the chosen paths are known. */
struct survey_basis {
	uint32_t gaps, untraced; /* paths with some hop, with a whole segment not known */
	int64_t trace_age_s;	 /* the oldest trace; of others' since we had it. -1: none */
	int table_age_days;	 /* -1: no table */
};

/* Finds, traces and chooses. 0, or the code of an error that was reported (tentative: logged at
 * most), on EXIT_EXPOSURE with a plan; EXIT_INTERRUPTED without a word: a signal stopped the loop.
 * `q`, `o`, `dir` and `device` are borrowed until survey_fini, needed after an error too. */
int survey_make(struct survey *s, struct quorum *q, const struct survey_options *o,
		const struct directory *dir, const struct device_entry *device);
/* The ASes on candidate i, those of the first leg in order of the way; at most max. Returns how
 * many. For the receipt. */
uint32_t survey_as(const struct survey *s, uint32_t i, uint32_t *as, uint32_t max);
struct survey_basis survey_basis(const struct survey *s);
/* Keeps the chosen set in HOME/cache, so that the next survey prefers it (C.4). */
void survey_remember(const struct survey *s);
void survey_fini(struct survey *s);

/* The trace of a path's first leg, if there is one that counts; NULL: none. */
const struct record *survey_near(const struct survey *s, const struct survey_path *p);
/* The trace that the node made back to this path's local address, and the far end under which the
 * cache has it: our address as we know it, with the node's port. */
struct addr survey_back_to(const struct survey_path *p);
const struct record *survey_back(const struct survey *s, const struct survey_path *p);
/* cmd/survey_trace.c: traces all near legs that are missing, and lets the nodes trace back. 0 or
 * -errno. */
int survey_trace(struct survey *s);
/* cmd/survey_legs.c: with --online, the origins that the table does not know. 0 or the exit code of
 * the error that was reported. */
int survey_learn(struct survey *s);
/* cmd/survey_legs.c: the four segments of candidate i, from what is known by now. */
void survey_describe(struct survey *s, uint32_t i);
/* cmd/survey_back.c: asks the nodes of all paths, over the network that each begins at, for their
 * traces back where none is known; fn is called when the last has answered or was given up. NULL:
 * no memory. */
struct backs *backs_open(struct survey *s, struct loop *l, void (*fn)(void *owner), void *owner);
bool backs_busy(const struct backs *b);
void backs_close(struct backs *b);
/* cmd/survey_memory.c: marks the candidates chosen last time, and sets conf.kappa_before. */
void survey_recall(struct survey *s);

/* cmd/survey_show.c: for people a table of the candidates, else the events candidate and (for up to
 * SURVEY_PAIRS_MAX candidates) pair. */
void survey_show_candidates(const struct survey *s);
/* The choice and what it is worth; the event plan. Needs a plan (also on EXIT_EXPOSURE). */
void survey_show_plan(const struct survey *s);
/* The sentence of C.8, for the set that was chosen. */
const char *survey_guarantee(const struct survey *s, char *out, size_t bytes);

#endif
