/* cmd/sessions.h - sessions with the manager that outlive a process
 *
 * A key has at most 64 sessions and an unused one goes after 10 minutes only (MANAGER.md B.3), so
 * commands run one after the other take up the session of the one before: HOME/cache/session-I
 * holds its id and last number, and a lock on it makes it one process's. A number is on file before
 * its request is sent, marked as under way until it is answered: a session that was left in the
 * middle is never used again. Without a writable HOME every process has a session of its own. */
#ifndef CMD_SESSIONS_H
#define CMD_SESSIONS_H

#include "cmd/party.h"
#include "tuple/client.h"

struct session_file {
	int fd; /* -1: none */
	uint8_t cluster_id[32];
};

/* Takes a free session: its id and last number, or fresh ones. */
void session_take(struct session_file *f, const struct party *p,
		  uint8_t session[static SESSION_BYTES], uint64_t *no);
/* Notes that number `no` is under way, or answered. */
void session_note(struct session_file *f, const uint8_t session[static SESSION_BYTES], uint64_t no,
		  bool under_way);
void session_leave(struct session_file *f);
/* How long the machine has slept: CLOCK_MONOTONIC leaves it out, and the life of a session not. */
int64_t session_slept_us(void);

#endif
