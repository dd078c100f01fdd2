/* tuple/arena.h - blocks of any length in fixed memory, found by handles that stay valid
 *
 * Blocks lie in the order they were added; when the end is reached, the live ones are moved
 * together. Whether a block fits depends on the bytes that are live alone, so replicas that hold
 * the same blocks agree on it, whatever became of their layouts. Pure. */
#ifndef TUPLE_ARENA_H
#define TUPLE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ARENA_HEAD_BYTES = 8 }; /* {length, handle} before every block */

static const uint32_t ARENA_NONE = UINT32_MAX;

struct arena {
	uint8_t *mem;
	uint32_t cap, end, live; /* bytes */
	uint32_t *at;		 /* by handle: where the block is, or the next free handle */
	uint32_t handles, fresh; /* handles from `fresh` on were never used */
	uint32_t free;		 /* first free handle, or ARENA_NONE */
};

/* Borrows mem, 8-aligned, and a table of `handles` entries. */
void arena_init(struct arena *a, uint8_t *mem, uint32_t cap, uint32_t *table, uint32_t handles);
/* Would a block of len bytes fit? */
bool arena_fits(const struct arena *a, size_t len);
/* A handle, or ARENA_NONE. p is copied; NULL leaves the bytes undefined. */
uint32_t arena_add(struct arena *a, const void *p, size_t len);
/* Lends the block until the next arena_add. */
uint8_t *arena_get(const struct arena *a, uint32_t handle, size_t *len);
void arena_del(struct arena *a, uint32_t handle);

#endif
