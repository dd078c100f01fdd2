/* tuple/clock.c - is the own clock right? It is compared with those of the others
 *
 * STATUS carries them. (Agreed time tells nothing: it is the leader's clock, which may be the one
 * that is off.) A message under way only makes its sender look late, so of a round the highest lead
 * of each counts. Told is who differs in one direction from all but f others: of these 2f no more
 * than f lie, and a right clock differs from f at most. */
#include "tuple/pbft.h"

enum { CLOCK_ROUND_MS = 4000 };

/* How far the own clock is ahead of 2f others at least (behind: negative), 0 when that is little;
 * false: not enough is known. */
static bool compare(const struct replica *r, int64_t *off)
{
	int64_t late = 0, early = 0;
	uint32_t known = 0;

	for (uint32_t i = 0; i < r->n; i++) {
		const struct peer *p = &r->peer[i];
		uint32_t above = 0, below = 0;

		for (uint32_t k = 0; p->clocked && k < r->n; k++) {
			above += r->peer[k].clocked && r->peer[k].clock_us >= p->clock_us;
			below += r->peer[k].clocked && r->peer[k].clock_us <= p->clock_us;
		}
		known += p->clocked;
		if (above >= 2 * r->f && p->clock_us > late)
			late = p->clock_us;
		if (below >= 2 * r->f && p->clock_us < early)
			early = p->clock_us;
	}
	*off = late > PRECISION_US ? -late : early < -PRECISION_US ? -early : 0;
	return known >= 2 * r->f;
}

static bool agreed_is_ahead(const struct replica *r)
{
	return r->state.time_us > r->wall_us + PRECISION_US;
}

static void end_round(struct replica *r)
{
	int64_t off;

	if (compare(r, &off)) {
		if (off && !r->clock_told)
			out_note(r, NOTE_CLOCK, off);
		r->clock_told = off;
	}
	r->ahead_told &= agreed_is_ahead(r);
	for (uint32_t i = 0; i < r->n; i++)
		r->peer[i].clocked = false;
	r->clock_since = r->now;
}

void clock_heard(struct replica *r, uint32_t from, int64_t time_us)
{
	struct peer *p = &r->peer[from];
	int64_t lead = time_us - r->wall_us;

	if (elapsed(r, r->clock_since, CLOCK_ROUND_MS))
		end_round(r);
	if (!p->clocked || lead > p->clock_us)
		p->clock_us = lead;
	p->clocked = true;
}

void clock_blocks(struct replica *r)
{
	const struct slot *x = slot_at(r, r->state.slot + 1);

	if (r->ahead_told || !x || !x->proposed || !agreed_is_ahead(r))
		return;
	r->ahead_told = true;
	out_note(r, NOTE_AHEAD, r->state.time_us - r->wall_us);
}
