/* cmd/backtrace.h - a station's traces back to the clients that ask for them, and how they ask
 *
 * TRACE and TRACED (core/flowmsg) over a node's control channel, or a connection to a device that
 * joins no session; for admitted clients alone. A client cannot say whom to trace: it is the
 * address that its own connection came from, and nobody else is told (PATHS.md C.0).
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
	struct flow *flow;
	struct backtrace_call *next;
	uint32_t row;
	bool waiting;
};

/* Allocates. NULL: no memory. */
struct backtraces *backtraces_open(struct loop *l);
void backtraces_close(struct backtraces *b);

/* The peer of f, at `to`, asks: it is answered on f, now or from the loop, and then f ends. b NULL:
 * there is no trace, or none for this peer. */
void backtrace_ask(struct backtraces *b, struct backtrace_call *call, struct flow *f,
		   const struct addr *to);
/* Forgets the call; harmless when it does not wait. */
void backtrace_cancel(struct backtraces *b, struct backtrace_call *call);

/* An answer as it comes in. */
struct backtrace_text {
	char text[RECORD_TEXT_MAX];
	size_t len;
};
/* One more piece. True: it was the last, and *ok says whether there is a trace in *r. */
bool backtrace_take(struct backtrace_text *t, const struct msg_traced *m, struct record *r,
		    bool *ok);

#endif
