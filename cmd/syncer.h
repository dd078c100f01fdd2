/* cmd/syncer.h - a child that waits for the disk, so that its parent need not
 *
 * fsync(2) of a large file on a slow disk takes longer than a path may be silent. A device is one
 * thread, so a child of it, forked before there is a key or a connection, gets the descriptors and
 * says when they are safe. It ends with its parent. */
#ifndef CMD_SYNCER_H
#define CMD_SYNCER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/loop.h"

enum { SYNC_FDS_MAX = 4 }; /* of one question */

struct sync_call {
	/* err: 0, or -errno of the first that failed; -ECHILD: the child could not do it. */
	void (*done)(struct sync_call *call, int err);
	/* The syncer's. */
	uint64_t ticket;
	struct sync_call *next;
	bool waiting;
};

struct syncer {
	struct loop *loop;
	struct watch watch;
	uint64_t tickets;
	struct sync_call *first;
};

/* Forks the child; its end of the conversation closes with our process. 0 or -errno. */
int syncer_fork(struct syncer *s);
/* Answers come on this loop from now on. */
int syncer_start(struct syncer *s, struct loop *l);

/* Sync the n descriptors (1..SYNC_FDS_MAX), or with `whole` the file system of the one. They may be
 * closed at once. False: it cannot be asked now, and `done` will not come. */
bool syncer_ask(struct syncer *s, struct sync_call *call, const int *fd, uint32_t n, bool whole);
/* `done` will not come any more. Harmless when nothing was asked. */
void syncer_cancel(struct syncer *s, struct sync_call *call);

#endif
