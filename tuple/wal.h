/* tuple/wal.h - the records of a replica's log (MANAGER.md B.5)
 *
 * A log is records one after the other, each padded to WAL_PAD so that a torn write of one cannot
 * damage another:  {u32 magic, u32 length, u32 crc32c, u32 crc32c of the record before, u8 type,
 * u32 config, u64 view, u64 slot, u64 executed, payload}. After the last one the file is zero, or
 * ends. A damaged record with nothing sound behind it was being written when the machine stopped:
 * nothing sent can rest on it, it is cut. A damaged record with sound ones behind it, or one that
 * does not continue the one before, is corruption: the log is in doubt. Pure. */
#ifndef TUPLE_WAL_H
#define TUPLE_WAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	WAL_PAD = 4096,
	WAL_HEAD_BYTES = 45,
	WAL_PAYLOAD_MAX = 256 * 1024,
	WAL_RECORD_MAX = WAL_PAYLOAD_MAX + WAL_PAD,
	/* A log never grows beyond this: 2,048 slots of two records, their batches, and slack for
	 * view changes; a switch is asked for before. */
	WAL_BYTES_MAX = 32 * 1024 * 1024,
};

enum wal_type {
	WAL_START = 1, /* first record of a log: cluster, snapshot it continues */
	WAL_ACCEPT,    /* Q entry and batch: before PRE-PREPARE or PREPARE */
	WAL_PREPARED,  /* P entries of a run of slots: before COMMIT */
	WAL_VIEW,      /* view change begun: before VIEW-CHANGE */
	WAL_NEWVIEW,   /* view entered, with what it chose: before the first message in it */
	WAL_BATCH,     /* body of a slot that was executed without a vote */
	WAL_TYPES,
};

struct wal_record {
	enum wal_type type;
	uint32_t config;
	uint64_t view, slot;
	uint64_t executed; /* last slot executed when it was written */
	const uint8_t *payload;
	size_t len;
};

/* Writes a whole record to out (room bytes); returns its padded length, a multiple of WAL_PAD, or 0
 * when it does not fit. *chain is the crc of the record before (0 at the start of a log), and
 * becomes this one's. */
size_t wal_put(uint8_t *out, size_t room, const struct wal_record *rec, uint32_t *chain);

enum wal_verdict {
	WAL_RECORD = 0,
	WAL_END,     /* *pos is where the next record goes */
	WAL_TORN,    /* the same; what stands there must be overwritten with zeros first */
	WAL_CORRUPT, /* in doubt */
};

/* The record at *pos of a log of len bytes; *pos moves past it. *chain as above. rec lends. */
enum wal_verdict wal_next(const uint8_t *log, size_t len, size_t *pos, uint32_t *chain,
			  struct wal_record *rec);

uint32_t crc32c(uint32_t crc, const void *p, size_t len);

#endif
