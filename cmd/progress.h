/* cmd/progress.h - how far a transfer is: a bar and a line a path on a terminal, events with --json
 */
#ifndef CMD_PROGRESS_H
#define CMD_PROGRESS_H

#include "cmd/pathset.h"
#include "cmd/source.h"

enum { PROGRESS_TTY_MS = 200, PROGRESS_LINE_MS = 10000, PROGRESS_JSON_MS = 1000 };

struct progress {
	const struct common *c;
	struct pathset *ps;
	const struct source *source;
	struct timer timer;
	int64_t every_ms; /* 0: nothing is shown */
	bool tty, drawn;
	int columns; /* of the terminal now */
	mono_t from;
};

/* From now on, while the loop runs. All is borrowed. */
void progress_begin(struct progress *p, const struct common *c, struct pathset *ps,
		    const struct source *source);
/* Wipes the bar; harmless when it never began. */
void progress_end(struct progress *p);

#endif
