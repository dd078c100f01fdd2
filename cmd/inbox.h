/* cmd/inbox.h - a directory that receives files, and nothing outside of it
 *
 * A file is written under a temporary name of ours, synced, and only then renamed, never over
 * something that exists. The name a peer asks for is made harmless, not trusted: every character
 * that could leave the directory, hide the file, look like an option or steer a terminal becomes
 * '_' (scp CVE-2019-6111, croc CVE-2023-43616 and -43620). Small files are synced in batches. */
#ifndef CMD_INBOX_H
#define CMD_INBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/syncer.h"
#include "core/content.h"
#include "core/seal.h"

enum {
	INBOX_BATCH = 128,          /* finished files that wait for one sync; as many descriptors */
	INBOX_TEMP_MAX = 31,        /* ".machete-" 16 hex digits ".part" NUL */
	INBOX_GATHER = 256 * 1024,  /* written at once: cheaper to copy than a call a record */
	INBOX_BUFFERS = 4,          /* one is filled while the child writes the others */
	INBOX_END_BYTES = 256 * 1024, /* at a file's end: INBOX_BATCH of them leave 32 MiB undone */
	INBOX_AHEAD_BYTES = 32 << 20, /* of one file, synced while more comes: 0.05 s of a disk */
	INBOX_SUFFIX_MAX = 9999,    /* name, name.1, name.2, ... */
	INBOX_FDS_MAX = 4,          /* more files than this are cheaper with one syncfs */
};

struct inbox_file {
	int fd;
	uint32_t index;
	char temp[INBOX_TEMP_MAX];
	char name[CONTENT_NAME_MAX + 1]; /* made harmless; final after inbox_rename */
	bool renamed;                    /* the final name is not the one that was asked for */
	uint64_t written, flushed, ahead; /* so many bytes; a sync ahead was tried for the last */
};

/* What the child writes out of one buffer. */
struct inbox_part {
	struct sync_call call;
	struct inbox *of;
	uint32_t file; /* of the batch */
	uint64_t offset;
};

struct inbox {
	int dirfd;
	bool discard; /* bench builds: take everything, keep nothing */
	/* The owner's: INBOX_BUFFERS buffers, shared with the syncer's child; both syncers; what a
	 * write or a sync ahead came to, 0 or -errno. */
	uint8_t *gather;
	struct syncer *syncer;
	void (*wrote)(struct inbox *ib, int err);
	struct inbox_part part[INBOX_BUFFERS];
	struct sync_call ahead;
	bool ends;       /* no more of those */
	uint32_t at;     /* the buffer that is filled */
	size_t gathered; /* in it, of the newest file, not written yet */
	bool late;       /* a write of ours may have come after the child's sync */
	uint32_t n;
	struct inbox_file file[INBOX_BATCH];
};

/* Opens the directory, made when missing (its parent must exist), and removes what a crash left.
 * 0 or -errno; -EWOULDBLOCK: another process receives there. */
int inbox_open(struct inbox *ib, const char *path);
/* The directory again for a session of its own; ib->gather, syncer and wrote are set. */
void inbox_share(struct inbox *ib, const struct inbox *from);

/* The harmless form of a name, always of 1..CONTENT_NAME_MAX bytes; out is that and NUL. */
void inbox_name(const char *name, char out[static CONTENT_NAME_MAX + 1]);

/* A new file, to which inbox_write writes. `size` is checked against the free space
 * (CONTENT_UNKNOWN is not). 0, -ENOSPC, or -errno. The batch must not be full. */
int inbox_begin(struct inbox *ib, const struct content_file *f, uint32_t index);
/* n more bytes of the newest file. 0 or -errno, perhaps of bytes that were given before. */
int inbox_write(struct inbox *ib, const uint8_t *p, size_t n);
static inline bool inbox_full(const struct inbox *ib)
{
	return ib->n == INBOX_BATCH;
}
/* The child is behind: one record more (RECORD_PLAIN_MAX bytes), and we would write ourselves. */
bool inbox_stuck(const struct inbox *ib);
/* The child has yet to write: not the time for inbox_sync, nor for inbox_rename. */
bool inbox_busy(const struct inbox *ib);
/* Syncs nothing ahead any more until the next file; whether such a sync is still under way: what
 * the sync at the end says would not be all. `wrote` comes when it is done. */
static inline bool inbox_end_ahead(struct inbox *ib)
{
	ib->ends = true;
	return ib->ahead.waiting;
}
/* Writes out what is gathered. The descriptors that a sync of the batch is about, lent until
 * inbox_rename or inbox_drop: their number, or -errno. *whole: one stands for its file system,
 * since there are many files. */
int inbox_settle(struct inbox *ib, int fd[static INBOX_FDS_MAX], bool *whole);
/* Writes out what is gathered and waits until the batch is on the disk. 0 or -errno. */
int inbox_sync(struct inbox *ib);
/* Renames the batch, which is synced; the names are safe once the directory is synced too. 0 or
 * -errno, then what was not renamed stays under its temporary name until inbox_drop. */
int inbox_rename(struct inbox *ib);
/* A descriptor of the directory, to be synced and closed; without the lock on it. Or -errno. */
int inbox_directory(const struct inbox *ib);
/* Calls `done` for each file of the batch that has its name. When all have, the batch is over. */
void inbox_finish(struct inbox *ib, void (*done)(void *owner, const struct inbox_file *f),
		  void *owner);
/* Remove what was not finished. */
void inbox_drop(struct inbox *ib);

#endif
