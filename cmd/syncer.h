/* cmd/syncer.h - a child that waits for the disk, so that its parent need not
 *
 * fsync(2) of a large file on a slow disk, and write(2) once too much waits for it, take longer
 * than a path may be silent. A device is one thread, so a child gets the descriptors, writes and
 * syncs them one after the other, and says when each is done. It knows no key and no connection:
 * it is forked by a nursery, which was forked before there were any, as is the next one if it dies.
 * All end with the device.
 *
 * A second child, begun for the first large file, syncs what the first has written while that
 * writes on: a disk's own cache is slow to empty, and would all be left for the end. */
#ifndef CMD_SYNCER_H
#define CMD_SYNCER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/loop.h"

enum {
	SYNC_FDS_MAX = 4,            /* of one question */
	SYNC_SLOW_MS = 10000,        /* for one answer */
	/* Written at once. Page cache for more comes in larger pieces, and in a guest those are the
	 * ones that the host has taken back (free page reporting): each byte costs four times. */
	SYNC_WRITE_BYTES = 32 * 1024,
	SYNC_EARLY_BYTES = 8 << 20,  /* written back early, so that the sync at the end is short */
};

enum { SYNCER_WRITES, SYNCER_AHEAD, SYNCERS };

struct sync_call {
	/* err: 0, or -errno of the first that failed; -ECHILD: the child could not do it, and has
	 * not begun a sync. In the order of the questions. */
	void (*done)(struct sync_call *call, int err);
	/* The syncer's. */
	uint64_t ticket;
	mono_t asked;
	struct sync_call *next;
	bool waiting, syncs;
};

struct syncer {
	struct loop *loop;
	struct watch watch; /* fd -1: no child now */
	int nursery;
	uint64_t tickets;
	bool slow;  /* that was said */
	bool lives; /* the child has said hello: before that it has begun nothing */
	struct sync_call *first;
};

/* Forks the nursery of both; it ends with our process. 0 or -errno. */
int syncer_fork(struct syncer s[static SYNCERS]);
/* Has a child forked, the first or the one after (watch.fd is -1); answers come on this loop. 0, or
 * -errno. Whether it lives is known when it answers, or at its end. */
int syncer_start(struct syncer *s, struct loop *l);

/* Sync the n descriptors (1..SYNC_FDS_MAX), or with `whole` the file system of the one. They may be
 * closed at once. False: it cannot be asked now, and `done` will not come. */
bool syncer_ask(struct syncer *s, struct sync_call *call, const int *fd, uint32_t n, bool whole);
/* Write n bytes (a multiple of SYNC_WRITE_BYTES) from p to fd at `offset`, before what is asked
 * later. The memory was shared with the child before syncer_fork, and stays as it is until `done`.
 * Otherwise as syncer_ask. */
bool syncer_write(struct syncer *s, struct sync_call *call, int fd, const uint8_t *p, size_t n,
		  uint64_t offset);
/* From time to time: says once when an answer is long in coming, and once that it came. */
void syncer_look(struct syncer *s, mono_t now);
/* `done` will not come any more. Harmless when nothing was asked. */
void syncer_cancel(struct syncer *s, struct sync_call *call);

#endif
