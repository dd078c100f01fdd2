/* test/lab/emu_wheel.c - a timing wheel with one slot list a tick, and the packet pool
 *
 * One level is enough: 65,536 slots of 65.5 us reach 4.3 s ahead, more than any delay plus queue
 * of a lab. Two bit maps find the next used slot. Packets of one slot leave in the order they
 * came, so a path with a constant delay never reorders. */
#include <stdlib.h>

#include "test/lab/emu.h"

/* The first used slot at or after `from`, going round; -1 when the wheel is empty. */
static int next_used(const struct wheel *w, unsigned from)
{
	unsigned word = from / 64;
	uint64_t bits = w->used[word] & (~0ULL << (from % 64));

	if (bits)
		return (int)(word * 64) + __builtin_ctzll(bits);
	for (unsigned i = 0; i <= SLOTS / 64 / 64; i++) {
		unsigned first = word + 1, sum = (first / 64 + i) % (SLOTS / 64 / 64);

		bits = w->summary[sum];
		if (i == 0)
			bits &= ~0ULL << (first % 64);
		if (!bits)
			continue;
		word = sum * 64 + (unsigned)__builtin_ctzll(bits);
		return (int)(word * 64) + __builtin_ctzll(w->used[word]);
	}
	return -1;
}

/* The tick of the next used slot; INT64_MAX when there is none. */
static int64_t next_tick(const struct wheel *w)
{
	int slot = next_used(w, (unsigned)(w->tick % SLOTS));

	if (slot < 0)
		return INT64_MAX;
	return w->tick + (((int64_t)slot - w->tick) & (SLOTS - 1));
}

bool wheel_add(struct wheel *w, struct packet *p, int64_t due)
{
	int64_t tick = (due + (1 << SLOT_SHIFT) / 2) >> SLOT_SHIFT;
	unsigned slot;

	if (tick < w->tick)
		tick = w->tick;
	if (tick - w->tick >= SLOTS)
		return false;
	slot = (unsigned)(tick % SLOTS);
	p->next = NULL;
	if (w->head[slot])
		w->tail[slot]->next = p;
	else
		w->head[slot] = p;
	w->tail[slot] = p;
	w->used[slot / 64] |= 1ULL << (slot % 64);
	w->summary[slot / 64 / 64] |= 1ULL << (slot / 64 % 64);
	return true;
}

struct packet *wheel_take(struct wheel *w, int64_t now)
{
	int64_t tick = next_tick(w), current = now >> SLOT_SHIFT;
	unsigned slot = (unsigned)(tick % SLOTS);
	struct packet *p;

	if (tick > current) {
		w->tick = current;
		return NULL;
	}
	w->tick = tick;
	p = w->head[slot];
	w->head[slot] = p->next;
	if (!p->next) {
		w->used[slot / 64] &= ~(1ULL << (slot % 64));
		if (!w->used[slot / 64])
			w->summary[slot / 64 / 64] &= ~(1ULL << (slot / 64 % 64));
	}
	return p;
}

int64_t wheel_next(const struct wheel *w)
{
	int64_t tick = next_tick(w);

	return tick == INT64_MAX ? tick : tick << SLOT_SHIFT;
}

void pool_init(struct emu *e)
{
	e->pool = calloc(POOL_PACKETS, sizeof(*e->pool));
	if (!e->pool) {
		perror("emu: packet pool");
		exit(1);
	}
	for (unsigned i = POOL_PACKETS; i-- > 0;)
		pool_put(e, &e->pool[i]);
}

/* Last in, first out: the memory touched is what the lab needs at its busiest. */
struct packet *pool_get(struct emu *e)
{
	struct packet *p = e->free;

	if (p)
		e->free = p->next;
	else
		e->pool_empty++;
	return p;
}

void pool_put(struct emu *e, struct packet *p)
{
	p->next = e->free;
	e->free = p;
}
