/* cmd/source.h - files, or stdin, as one padded stream of records (core/content) */
#ifndef CMD_SOURCE_H
#define CMD_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/content.h"

enum {
	SOURCE_WHY_MAX = 400,
	SOURCE_AHEAD = 256 * 1024, /* read at once: a call a record costs more than copying it */
};

struct source {
	char **path; /* borrowed from argv */
	uint32_t files;
	const char *called; /* the one file, or stdin: its name at the device; else NULL */
	bool from_stdin;
	uint64_t total;   /* bytes of all files, CONTENT_UNKNOWN for stdin */
	uint32_t next;    /* file to open next */
	int fd;           /* of the file being read, or -1 */
	uint64_t left;    /* of it, to be given */
	uint8_t ahead[SOURCE_AHEAD]; /* of a file: read, not given yet */
	size_t ahead_at, ahead_len;
	bool in_file, chunked, ended, closed;
	bool starved; /* stdin has nothing now: fill again when it is readable */
	uint8_t head[CONTENT_FILE_MAX + CONTENT_HEAD_BYTES]; /* a header that does not fit yet */
	size_t head_len, head_at;
	uint64_t sent; /* bytes of DATA records so far, padding and all */
	uint64_t goal; /* what they come to, once closed */
	uint64_t records, payload, file_bytes;
	bool end_sent;
	uint64_t *sizes;     /* of each file, of what was given; borrowed, before the first fill */
	const char *grew;    /* a file that had more than was announced, or NULL */
	char why[SOURCE_WHY_MAX]; /* of an error, and what to do */
	const char *todo;
};

/* Looks at all files: they must be there, readable and regular; stdin (which must be `called`
 * something) need not. False: see s->why. *s is zero but for s->called, or was open before: then
 * s->sizes stays too. */
bool source_open(struct source *s, char **path, uint32_t files, bool from_stdin);
void source_close(struct source *s);

/* The next record's plaintext, at most `room` (>= CONTENT_NOTE_MAX) bytes at p: its length; 0 when
 * stdin has nothing now, or all was given, the END too; -1 on an error, see s->why. Lengths tell
 * nothing but padded lengths: a record that is not full is padded by itself, and all of them
 * together once more. */
int source_fill(struct source *s, uint8_t *p, size_t room);

/* What file i shall be called: s->called, or the part of its path after the last slash. */
const char *source_called(const struct source *s, uint32_t i);

#endif
