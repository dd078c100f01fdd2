/* tuple/wal.h - the records of a replica's log (MANAGER.md B.5)
 *
 * A log is records one after the other, each padded to WAL_PAD so that a torn write of one cannot
 * damage another:  {u32 magic, u32 length, u32 crc32c, u32 crc32c of the record before, u32 back,
 * u8 type, u32 config, u64 view, u64 slot, u64 executed and its digest, payload}. After the last
 * one the file is zero, or ends. Records written between two syncs are a group; `back` is how far
 * its first record lies before this one. A damaged record of the last group was being written when
 * the machine stopped: nothing sent rests on it, it is cut, and what follows in its group too. Any
 * other damage, or a record that does not continue the one before, is corruption: the log is in
 * doubt. (Rot in the very last record looks like the first; no log can tell.) Pure. */
#ifndef TUPLE_WAL_H
#define TUPLE_WAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	WAL_PAD = 4096,
	WAL_HEAD_BYTES = 81,
	WAL_PAYLOAD_MAX = 256 * 1024,
	WAL_RECORD_MAX = WAL_PAYLOAD_MAX + WAL_PAD,
	/* A log never grows beyond this: 2,048 slots of two records, their batches, and slack for
	 * view changes; a switch is asked for before. */
	WAL_BYTES_MAX = 32 * 1024 * 1024,
};

enum wal_type {
	WAL_START = 1, /* first record of a log; `slot` names the snapshot that it continues */
	WAL_ACCEPT,    /* Q entry and batch: before PRE-PREPARE or PREPARE */
	WAL_PREPARED,  /* P entries of a run of slots: before COMMIT */
	WAL_VIEW,      /* view change begun: before VIEW-CHANGE */
	WAL_NEWVIEW,   /* view entered, with what it chose: before the first message in it */
	WAL_BATCH,     /* a batch alone: executed without a vote, or from the old log */
	WAL_ENTRIES,   /* P and Q entries carried over from the old log */
	WAL_TYPES,
};

struct wal_record {
	enum wal_type type;
	uint32_t config;
	uint64_t view, slot;
	uint64_t executed;  /* last slot executed when it was written, and its digest */
	uint8_t digest[32];
	const uint8_t *payload;
	size_t len;
};

/* Where a log stands: all zero at its start. The writer sets `back` to 0 after every sync. */
struct wal_chain {
	uint32_t crc;  /* of the last record */
	uint32_t back; /* bytes since the last sync */
};

/* Writes a whole record to out (room bytes) and moves the chain; returns its padded length, a
 * multiple of WAL_PAD, or 0 when it does not fit. */
size_t wal_put(uint8_t *out, size_t room, const struct wal_record *rec, struct wal_chain *chain);

enum wal_verdict {
	WAL_RECORD = 0,
	WAL_END,     /* *pos is where the next record goes */
	WAL_TORN,    /* the same, once everything from there on is overwritten with zeros */
	WAL_CORRUPT, /* in doubt */
};

/* The record at *pos of a log of len bytes; *pos and the chain move past it. rec lends. */
enum wal_verdict wal_next(const uint8_t *log, size_t len, size_t *pos, struct wal_chain *chain,
			  struct wal_record *rec);

uint32_t crc32c(uint32_t crc, const void *p, size_t len);

#endif
