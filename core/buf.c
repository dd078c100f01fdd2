/* core/buf.c - a bounded cursor over bytes: the only code that touches raw offsets */
#include "core/buf.h"

#include <string.h>

void buf_init(struct buf *b, void *mem, size_t cap)
{
	*b = (struct buf){ .mem = mem, .cap = cap };
}

void buf_over(struct buf *b, const void *mem, size_t len)
{
	/* A reader has no room (cap 0 beyond len), so nothing is ever written through this. */
	*b = (struct buf){ .mem = (uint8_t *)(uintptr_t)mem, .cap = len, .len = len };
}

void buf_put_bytes(struct buf *b, const void *p, size_t n)
{
	if (b->bad || n > buf_room(b)) {
		b->bad = true;
		return;
	}
	if (n)
		memcpy(b->mem + b->len, p, n);
	b->len += n;
}

static void put_be(struct buf *b, uint64_t v, size_t n)
{
	uint8_t x[8];

	for (size_t i = 0; i < n; i++)
		x[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
	buf_put_bytes(b, x, n);
}

void buf_put_u8(struct buf *b, uint8_t v)
{
	put_be(b, v, 1);
}

void buf_put_u16(struct buf *b, uint16_t v)
{
	put_be(b, v, 2);
}

void buf_put_u32(struct buf *b, uint32_t v)
{
	put_be(b, v, 4);
}

void buf_put_u64(struct buf *b, uint64_t v)
{
	put_be(b, v, 8);
}

void buf_put_lv(struct buf *b, const void *p, size_t n)
{
	if (n > UINT16_MAX) {
		b->bad = true;
		return;
	}
	buf_put_u16(b, (uint16_t)n);
	buf_put_bytes(b, p, n);
}

const uint8_t *buf_get_bytes(struct buf *b, size_t n)
{
	const uint8_t *p;

	if (b->bad || n > buf_left(b)) {
		b->bad = true;
		return NULL;
	}
	p = b->mem + b->pos;
	b->pos += n;
	return p;
}

static uint64_t get_be(struct buf *b, size_t n)
{
	const uint8_t *p = buf_get_bytes(b, n);
	uint64_t v = 0;

	for (size_t i = 0; p && i < n; i++)
		v = v << 8 | p[i];
	return v;
}

uint8_t buf_get_u8(struct buf *b)
{
	return (uint8_t)get_be(b, 1);
}

uint16_t buf_get_u16(struct buf *b)
{
	return (uint16_t)get_be(b, 2);
}

uint32_t buf_get_u32(struct buf *b)
{
	return (uint32_t)get_be(b, 4);
}

uint64_t buf_get_u64(struct buf *b)
{
	return get_be(b, 8);
}

void buf_get_copy(struct buf *b, void *dst, size_t n)
{
	const uint8_t *p = buf_get_bytes(b, n);

	if (p)
		memcpy(dst, p, n);
	else
		memset(dst, 0, n);
}

const uint8_t *buf_get_lv(struct buf *b, size_t max, size_t *n)
{
	const uint8_t *p;
	size_t len = buf_get_u16(b);

	*n = 0;
	if (len > max)
		b->bad = true;
	p = buf_get_bytes(b, len);
	if (p)
		*n = len;
	return p;
}
