/* core/buf.h - a bounded cursor over bytes: the only code that touches raw offsets
 *
 * Writers and readers are sticky: after the first put that does not fit, or the first get past the
 * end, the buf is bad, puts do nothing and gets give 0 or NULL. Check once, at the end:
 * buf_ok(b) for a writer, buf_done(b) for a reader (all well and nothing left over).
 * Integers are big-endian. The memory is borrowed for the life of the buf. */
#ifndef CORE_BUF_H
#define CORE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	uint8_t *mem;
	size_t cap; /* bytes of mem */
	size_t len; /* bytes written; for a reader the end of input */
	size_t pos; /* bytes read */
	bool bad;
};

/* An empty writer over cap bytes at mem. */
void buf_init(struct buf *b, void *mem, size_t cap);

/* A reader over len bytes at mem, which it never changes. */
void buf_over(struct buf *b, const void *mem, size_t len);

void buf_put_u8(struct buf *b, uint8_t v);
void buf_put_u16(struct buf *b, uint16_t v);
void buf_put_u32(struct buf *b, uint32_t v);
void buf_put_u64(struct buf *b, uint64_t v);
void buf_put_bytes(struct buf *b, const void *p, size_t n);
/* u16 length, then the bytes; longer than 65,535 makes the buf bad. */
void buf_put_lv(struct buf *b, const void *p, size_t n);

uint8_t buf_get_u8(struct buf *b);
uint16_t buf_get_u16(struct buf *b);
uint32_t buf_get_u32(struct buf *b);
uint64_t buf_get_u64(struct buf *b);
/* Lends n bytes of the input, or NULL after its end. */
const uint8_t *buf_get_bytes(struct buf *b, size_t n);
/* Copies n bytes out; zeroes dst when they are not there. */
void buf_get_copy(struct buf *b, void *dst, size_t n);
/* Lends a u16-length-prefixed string of bytes of at most max, *n long; NULL and *n 0 when it is
 * longer or not all there. */
const uint8_t *buf_get_lv(struct buf *b, size_t max, size_t *n);

/* Unread bytes. */
static inline size_t buf_left(const struct buf *b)
{
	return b->len - b->pos;
}

/* Bytes that can still be written. */
static inline size_t buf_room(const struct buf *b)
{
	return b->cap - b->len;
}

static inline bool buf_ok(const struct buf *b)
{
	return !b->bad;
}

/* A reader that read everything and nothing past the end. */
static inline bool buf_done(const struct buf *b)
{
	return !b->bad && b->pos == b->len;
}

#endif
