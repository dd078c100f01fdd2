/* cmd/backtrace.h - a node's traces back to the clients that ask for them, and how they ask
 *
 * TRACE and TRACED (core/flowmsg) over the node's control channel, for admitted clients alone. A
 * client cannot say whom to trace: it is the address that its own connection came from, and nobody
 * else is told (PATHS.md C.0).
 * What was found is kept for an hour, few traces run at once, and each client has few of them. */
#ifndef CMD_BACKTRACE_H
#define CMD_BACKTRACE_H

#include "cmd/legtrace.h"
#include "core/ident.h"
#include "net/flow.h"

enum {
	BACKTRACES_MAX = 256,	/* remembered: 300 KiB; the oldest makes room */
	BACKTRACES_AT_ONCE = 8, /* with 8 clients the first waits for nobody */
	BACKTRACES_CLIENT = 4,	/* begun or waiting, of one client: as many homes as it may have */
	BACKTRACE_AGE_MS = 3600 * 1000,
};

struct backtraces;

/* Somebody who waits for one. */
struct backtrace_call {
	/* From the loop, or from inside backtrace_ask; NULL: there is none. The record is lent. */
	void (*done)(struct backtrace_call *call, const struct record *r);
	struct backtrace_call *next;
	uint32_t row;
	bool waiting;
};

/* Allocates. NULL: no memory. */
struct backtraces *backtraces_open(struct loop *l);
void backtraces_close(struct backtraces *b);

/* A client asks over a connection from `from`, ours, to `to`, its own. */
void backtrace_ask(struct backtraces *b, struct backtrace_call *call, const struct fp *client,
		   const struct addr *from, const struct addr *to);
/* Forgets the call; harmless when it does not wait. */
void backtrace_cancel(struct backtraces *b, struct backtrace_call *call);

/* Sends the answer on f, and then its goodbye; r NULL: there is none. */
void backtrace_tell(struct flow *f, const struct record *r);

/* An answer as it comes in. */
struct backtrace_text {
	char text[RECORD_TEXT_MAX];
	size_t len;
};
/* One more piece. True: it was the last, and *ok says whether there is a trace in *r. */
bool backtrace_take(struct backtrace_text *t, const struct msg_traced *m, struct record *r,
		    bool *ok);

#endif
