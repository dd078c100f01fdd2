/* cmd/quorum.h - speak to the manager: a channel to every replica, and f+1 equal answers
 *
 * Drives tuple/client over net/conn. Calls wait in line: one operation is under way at a time, one
 * that waits (rd, in) keeps the others waiting. A wait is asked for in slices, each an operation
 * of its own: who has no quorum finds out, and what somebody leaves behind takes a tuple for one
 * slice at most. Lost channels are opened again with growing pauses. One-shot commands use
 * quorum_ask, roles quorum_call on their own loop. */
#ifndef CMD_QUORUM_H
#define CMD_QUORUM_H

#include "cmd/party.h"
#include "core/loop.h"
#include "tuple/client.h"
#include "tuple/hello.h"

enum {
	QUORUM_GRACE_MS = 3000, /* with fewer than f+1 channels: then no answer can come */
	QUORUM_PARTIAL_MS =
	    8000, /* with fewer than 2f+1: then most likely the replicas lack them too */
	QUORUM_CALL_MS = 20000, /* a view change or two (MANAGER.md B.3: 2 s, doubled) */
	QUORUM_WITHDRAW_MS = 5000, /* a view change */
	QUORUM_FULL_MS = 500,	 /* until a wait that lost its place asks for one again */
	QUORUM_SLICE_MS = 10000, /* so long a wait of ours outlives us (B.3, "Waits") */
};

struct quorum;

struct quorum_call {
	/* The caller's. The op's fields lend until done, or quorum_cancel. */
	struct op op;
	/* code 0: `r` is the answer and lends until done returns. EXIT_QUORUM: none came in time,
	 * and the operation may or may not take effect. EXIT_DENIED: f+1 replicas do not know our
	 * key. May call quorum_call again, for the same call too. */
	void (*done)(struct quorum_call *call, int code, const struct result *r);
	/* The quorum's. */
	struct quorum_call *next;
	bool queued;
};

/* What f+1 replicas say about us. */
enum quorum_standing { QUORUM_UNKNOWN = 0, QUORUM_ADMITTED, QUORUM_DENIED };

/* A command takes up the session of the command before (cmd/sessions.h), a role has its own. */
enum quorum_user { QUORUM_ROLE, QUORUM_COMMAND };

/* Allocates, and begins to connect: call it before loop_run. `p` and `l` are borrowed. NULL: no
 * memory (reported). */
struct quorum *quorum_open(struct party *p, struct loop *l, enum quorum_user user);
/* Closes the channels: an operation that is under way may still take effect. */
void quorum_close(struct quorum *q);

void quorum_call(struct quorum *q, struct quorum_call *call);
void quorum_cancel(struct quorum *q, struct quorum_call *call);
/* Ends the wait (rd, in) that is under way. Its call ends soon: with the answer if that is a tuple,
 * EXIT_INTERRUPTED if nothing was taken, EXIT_QUORUM if that is not known; at the second time at
 * once. */
void quorum_withdraw(struct quorum *q);

enum quorum_standing quorum_standing(const struct quorum *q);
/* Called from the loop whenever the standing changes. */
void quorum_on_standing(struct quorum *q, void (*fn)(void *owner), void *owner);
/* Called from the loop when a replica says that the directory changed: a hint, it may lie. */
void quorum_on_directory(struct quorum *q, void (*fn)(void *owner), void *owner);
/* The address from which f+1 replicas see us come; its port has no meaning. */
bool quorum_seen(const struct quorum *q, struct addr *a);

/* What quorum_open was given. */
struct party *quorum_party(const struct quorum *q);
struct loop *quorum_loop(const struct quorum *q);

#endif
