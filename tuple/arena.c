/* tuple/arena.c - blocks of any length in fixed memory, found by handles that stay valid */
#include "tuple/arena.h"

#include <string.h>

#include "core/check.h"

enum { SLACK_BYTES = 64 * 1024 }; /* dead bytes beside as many as live: pages not touched in vain */

struct head {
	uint32_t len;
	uint32_t handle; /* ARENA_NONE: dead */
};
static_assert(sizeof(struct head) == ARENA_HEAD_BYTES, "blocks begin 8-aligned");

void arena_init(struct arena *a, uint8_t *mem, uint32_t cap, uint32_t *table, uint32_t handles)
{
	*a = (struct arena){ .mem = mem, .cap = cap, .at = table, .handles = handles };
	a->free = ARENA_NONE;
}

static uint32_t span(size_t len)
{
	return (uint32_t)(sizeof(struct head) + ((len + 7) & ~(size_t)7));
}

static struct head *head_at(const struct arena *a, uint32_t at)
{
	return (struct head *)(void *)(a->mem + at);
}

bool arena_fits(const struct arena *a, size_t len)
{
	return len < a->cap && span(len) <= a->cap - a->live &&
	       (a->free != ARENA_NONE || a->fresh < a->handles);
}

static void compact(struct arena *a)
{
	uint32_t to = 0, step;

	for (uint32_t from = 0; from < a->end; from += step) {
		struct head h = *head_at(a, from);

		step = span(h.len);
		if (h.handle == ARENA_NONE)
			continue;
		if (to != from)
			memmove(a->mem + to, a->mem + from, step);
		a->at[h.handle] = to;
		to += step;
	}
	a->end = to;
	MUST(a->end == a->live);
}

static uint32_t take_handle(struct arena *a)
{
	uint32_t handle = a->free;

	if (handle == ARENA_NONE)
		return a->fresh++;
	a->free = a->at[handle];
	return handle;
}

uint32_t arena_add(struct arena *a, const void *p, size_t len)
{
	uint32_t handle;

	if (!arena_fits(a, len))
		return ARENA_NONE;
	if (span(len) > a->cap - a->end || a->end - a->live > a->live + SLACK_BYTES)
		compact(a);
	handle = take_handle(a);
	*head_at(a, a->end) = (struct head){ (uint32_t)len, handle };
	if (p && len)
		memcpy(a->mem + a->end + sizeof(struct head), p, len);
	a->at[handle] = a->end;
	a->end += span(len);
	a->live += span(len);
	return handle;
}

uint8_t *arena_get(const struct arena *a, uint32_t handle, size_t *len)
{
	struct head *h;

	MUST(handle < a->fresh);
	h = head_at(a, a->at[handle]);
	MUST(h->handle == handle);
	*len = h->len;
	return (uint8_t *)h + sizeof *h;
}

void arena_del(struct arena *a, uint32_t handle)
{
	struct head *h;

	MUST(handle < a->fresh);
	h = head_at(a, a->at[handle]);
	MUST(h->handle == handle);
	h->handle = ARENA_NONE;
	a->live -= span(h->len);
	if (a->at[handle] + span(h->len) == a->end)
		a->end = a->at[handle];
	a->at[handle] = a->free;
	a->free = handle;
	if (!a->live)
		a->end = 0;
}
