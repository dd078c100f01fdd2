/* cmd/quorum_ask.h - one-shot use of the manager by commands, and its errors for people */
#ifndef CMD_QUORUM_ASK_H
#define CMD_QUORUM_ASK_H

#include "cmd/quorum.h"

/* Runs the loop until the answer; *r lends until the next call. Returns 0 or the exit code, of an
 * error that is reported as `what`. For commands, outside of loop_run. */
int quorum_ask(struct quorum *q, const char *what, const struct op *op, const struct result **r);
/* The same without a word of an error. EXIT_INTERRUPTED: a signal stopped the loop. */
int quorum_try(struct quorum *q, const struct op *op, const struct result **r);
/* Exit code of an answer, reported as `what` when it is a refusal; RESULT_NONE gives EXIT_FAILED
 * without a word. */
int quorum_judge(const struct party *p, const char *what, const struct result *r);
/* Reports a call that ended with `code`, naming the replicas without answer and why. Returns it. */
int quorum_report(const struct quorum *q, const char *what, int code);

/* What is known of replica i: whether its channel is up, else why not (lends); its status as it was
 * last told after quorum_ask_status. */
struct quorum_replica {
	bool up;
	bool answered; /* the operation that was last given up */
	const char *why;
	bool has_status;
	struct replica_status status;
};
void quorum_replica(const struct quorum *q, uint32_t i, struct quorum_replica *out);
/* Asks all replicas, and runs the loop until all answered or `ms` passed. For commands. */
void quorum_ask_status(struct quorum *q, unsigned ms);

#endif
