/* core/content.h - what the plaintext of a direction means: record kinds, and files as one stream
 *
 * The first byte of a record's plaintext is its kind. DATA {bytes u16, the bytes, zeros} records
 * carry one stream, and are as long as the sender pleases:
 *
 *	head:  'm' 'f' version=1 mode=1, files u32, bytes u64 (all ones: not known)
 *	file:  'F', name lv, size u64 (all ones: in chunks), mode u16, then the content
 *	       in chunks: length u32 and as many bytes, until a length of 0
 *	end:   'Z'
 *
 * The other kinds: END {records u64, bytes u64} closes a direction; NAMED {index u32, name lv}
 *tells the client a file's final name where it differs; RESULT {code u8, files u32, bytes u64, text
 *lv} says that all is safe, or why not. They are padded with zeros as records of a conversation
 * (SECRECY.md sections 3 and 5). Pure. */
#ifndef CORE_CONTENT_H
#define CORE_CONTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"

enum {
	CONTENT_NAME_MAX = 255, /* NAME_MAX of Linux */
	CONTENT_DATA_HEAD = 3, /* before a DATA record's bytes */
	CONTENT_HEAD_BYTES = 16,
	CONTENT_FILE_MAX = 1 + 2 + CONTENT_NAME_MAX + 8 + 2,
	CONTENT_FILES_MAX = 1000000,
	CONTENT_TEXT_MAX = 300,
	CONTENT_NOTE_MAX = 1024, /* a padded END, NAMED or RESULT */
};

#define CONTENT_UNKNOWN UINT64_MAX

enum content_kind { KIND_DATA = 0, KIND_END, KIND_NAMED, KIND_RESULT };

struct content_head {
	uint32_t files;
	uint64_t bytes; /* CONTENT_UNKNOWN: stdin */
};

struct content_file {
	char name[CONTENT_NAME_MAX + 1]; /* as sent: trust it nowhere */
	uint64_t size;                   /* CONTENT_UNKNOWN: in chunks */
	uint16_t mode;                   /* permission bits, 0777 at most */
};

struct content_note {
	enum content_kind kind;
	uint64_t records, bytes;         /* END; bytes also RESULT */
	uint32_t index, files;           /* NAMED; RESULT */
	uint8_t code;                    /* RESULT: an exit code */
	char text[CONTENT_TEXT_MAX + 1]; /* NAMED: the name; RESULT: for people */
};

/* Writers; the buf must have room. */
void content_put_head(struct buf *b, const struct content_head *h);
void content_put_file(struct buf *b, const struct content_file *f);
/* The head of a DATA record whose n bytes of stream stand behind it. */
void content_put_data(uint8_t out[static CONTENT_DATA_HEAD], size_t n);
/* From a DATA record's plaintext to its bytes of stream. False: it is none, or malformed. */
bool content_get_data(const uint8_t **p, size_t *len);
/* Kind byte, body and padding; returns the plaintext's length. */
size_t content_put_note(uint8_t out[static CONTENT_NOTE_MAX], const struct content_note *n);
/* The whole plaintext of a record that is not DATA. False: malformed. */
bool content_get_note(struct content_note *n, const uint8_t *p, size_t len);

/* Reads the stream piece by piece. */
enum content_event {
	CONTENT_MORE = 0, /* everything given is used */
	CONTENT_HEAD,     /* r->head */
	CONTENT_FILE,     /* r->file begins, number r->index */
	CONTENT_BYTES,    /* r->span, r->span_len: the file's next bytes, lent from the input */
	CONTENT_CLOSE,    /* the file is complete */
	CONTENT_END,      /* the stream is complete; what follows means nothing */
	CONTENT_BAD,      /* malformed; for ever */
};

struct content_reader {
	int state;
	uint8_t part[CONTENT_FILE_MAX]; /* a header that came in pieces */
	size_t part_len;
	uint64_t left; /* of the content or the chunk */
	struct content_head head;
	struct content_file file;
	uint32_t index; /* files begun */
	const uint8_t *span;
	size_t span_len;
};

void content_reader_init(struct content_reader *r);
/* Uses bytes from *p on (moving *p, *len) up to the next event. Call until CONTENT_MORE or
 * CONTENT_BAD. */
enum content_event content_read(struct content_reader *r, const uint8_t **p, size_t *len);
/* CONTENT_END has been reached: everything that was promised is there. */
bool content_complete(const struct content_reader *r);

#endif
