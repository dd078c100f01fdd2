/* cmd/oneshot.h - what a command needs to ask the manager: party, loop and quorum in one */
#ifndef CMD_ONESHOT_H
#define CMD_ONESHOT_H

#include "cmd/quorum_ask.h"

struct oneshot {
	struct party party;
	struct loop loop;
	struct quorum *q;
};

/* Loads key and cluster file and begins to connect: 0, or the exit code of the error reported. It
 * must not move. Harmless to close when open failed. */
int oneshot_open(struct oneshot *o, const struct common *c);
void oneshot_close(struct oneshot *o);

/* SIGHUP is ignored, as under nohup: loops hear of it nevertheless (loop.h), and should go on. */
bool oneshot_deaf(void);

#endif
