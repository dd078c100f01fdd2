/* tuple/slots.c - batches, promises and early votes, by slot */
#include <string.h>

#include "core/check.h"
#include "tuple/pbft.h"

struct slot *slot_at(struct replica *r, uint64_t s)
{
	if (s <= r->h || s > r->h + WINDOW)
		return NULL;
	return &r->slot[s % WINDOW];
}

struct body *body_find(struct replica *r, const struct slot *x, const uint8_t *d)
{
	for (uint16_t i = x->bodies; i != NONE16; i = r->body[i].next)
		if (!memcmp(r->body[i].d, d, DIGEST_BYTES))
			return &r->body[i];
	return NULL;
}

const uint8_t *body_bytes(const struct replica *r, const struct body *b, size_t *len)
{
	return arena_get(&r->bodies, b->block, len);
}

bool body_add(struct replica *r, struct slot *x, const uint8_t *d, const uint8_t *p, size_t len)
{
	uint16_t i = 0;

	if (body_find(r, x, d))
		return true;
	while (i < BODIES_MAX && r->body[i].block != ARENA_NONE)
		i++;
	if (i == BODIES_MAX || !arena_fits(&r->bodies, len))
		return false;
	r->body[i].block = arena_add(&r->bodies, p, len);
	r->body[i].logged = false;
	r->body[i].next = x->bodies;
	memcpy(r->body[i].d, d, DIGEST_BYTES);
	x->bodies = i;
	return true;
}

void body_keep_only(struct replica *r, struct slot *x, const uint8_t *d)
{
	uint16_t *link = &x->bodies;

	while (*link != NONE16) {
		struct body *b = &r->body[*link];

		if (d && !memcmp(b->d, d, DIGEST_BYTES)) {
			link = &b->next;
			continue;
		}
		arena_del(&r->bodies, b->block);
		b->block = ARENA_NONE;
		*link = b->next;
	}
}

/* A body that no promise and no proposal needs any more. */
static void body_drop_unused(struct replica *r, uint64_t s, const uint8_t *d)
{
	struct slot *x = slot_at(r, s);

	for (uint16_t *link = &x->bodies; *link != NONE16; link = &r->body[*link].next) {
		struct body *b = &r->body[*link];

		if (memcmp(b->d, d, DIGEST_BYTES))
			continue;
		if (q_supports(r, s, d) || (x->proposed && !memcmp(x->d, d, DIGEST_BYTES)))
			return;
		arena_del(&r->bodies, b->block);
		b->block = ARENA_NONE;
		*link = b->next;
		return;
	}
}

bool q_supports(const struct replica *r, uint64_t s, const uint8_t *d)
{
	const struct slot *x = &r->slot[s % WINDOW];

	if (x->has_q && !memcmp(x->q_d, d, DIGEST_BYTES))
		return true;
	for (uint32_t i = 0; i < OLD_MAX; i++)
		if (r->old[i].slot == s && !memcmp(r->old[i].d, d, DIGEST_BYTES))
			return true;
	return false;
}

void slot_propose(struct replica *r, uint64_t s, const uint8_t *d)
{
	struct slot *x = slot_at(r, s);

	x->proposed = true;
	x->accepted = x->prepared = x->vouched = false;
	x->prepares = x->commits = 0;
	x->since = r->now;
	x->wall_us = r->wall_us;
	memcpy(x->d, d, DIGEST_BYTES);
	votes_early(r, s);
}

/* Remember the Q entry that a newer one of another digest displaces; the oldest view goes. */
void old_keep(struct replica *r, uint64_t s, uint64_t view, const uint8_t *d)
{
	struct old_q *oldest = &r->old[0], gone;

	for (uint32_t i = 0; i < OLD_MAX; i++) {
		struct old_q *o = &r->old[i];

		if (!o->slot || (o->slot == s && !memcmp(o->d, d, DIGEST_BYTES))) {
			oldest = o;
			break;
		}
		if (o->view < oldest->view)
			oldest = o;
	}
	gone = *oldest;
	oldest->slot = s;
	oldest->view = view;
	memcpy(oldest->d, d, DIGEST_BYTES);
	if (gone.slot && slot_at(r, gone.slot))
		body_drop_unused(r, gone.slot, gone.d);
}

void slot_promise(struct replica *r, uint64_t s, const uint8_t *d, uint64_t view)
{
	struct slot *x = slot_at(r, s);

	if (x->has_q && memcmp(x->q_d, d, DIGEST_BYTES))
		old_keep(r, s, x->q_view, x->q_d);
	for (uint32_t i = 0; i < OLD_MAX; i++)
		if (r->old[i].slot == s && !memcmp(r->old[i].d, d, DIGEST_BYTES))
			r->old[i].slot = 0;
	x->has_q = true;
	x->q_view = view;
	memcpy(x->q_d, d, DIGEST_BYTES);
}

void slots_forget(struct replica *r, uint64_t upto)
{
	for (uint64_t s = r->h + 1; s <= upto && s <= r->h + WINDOW; s++) {
		struct slot *x = &r->slot[s % WINDOW];

		body_keep_only(r, x, NULL);
		memset(x, 0, sizeof *x);
		x->bodies = NONE16;
	}
	for (uint32_t i = 0; i < OLD_MAX; i++)
		if (r->old[i].slot <= upto)
			r->old[i].slot = 0;
}

void slots_new_view(struct replica *r)
{
	for (uint32_t i = 0; i < WINDOW; i++) {
		struct slot *x = &r->slot[i];

		x->proposed = x->accepted = x->prepared = x->vouched = false;
		x->prepares = x->commits = 0;
	}
}

uint64_t slots_top(const struct replica *r)
{
	uint64_t s = r->h + WINDOW;

	while (s > r->h && !r->slot[s % WINDOW].has_q && !r->slot[s % WINDOW].has_p)
		s--;
	return s;
}

/* A vote whose proposal is still to come. One entry a slot, the oldest goes. */
void vote_store(struct replica *r, uint32_t from, const struct msg_head *h, uint64_t s,
		const uint8_t *d)
{
	struct peer *p = &r->peer[from];
	struct early *e = NULL;

	if (s <= r->state.slot || s > r->state.slot + EARLY_MAX)
		return;
	for (uint32_t k = 0; k < EARLY_MAX && !e; k++)
		if (p->early[k].slot == s && p->early[k].view == h->view &&
		    !memcmp(p->early[k].d, d, DIGEST_BYTES))
			e = &p->early[k];
	if (!e) {
		e = &p->early[p->early_next++ % EARLY_MAX];
		*e = (struct early){ .view = h->view, .slot = s };
		memcpy(e->d, d, DIGEST_BYTES);
	}
	if (h->type == MSG_PREPARE)
		e->prepare = true;
	else
		e->commit = true;
}

/* Votes for slot s that came before its proposal. */
void votes_early(struct replica *r, uint64_t s)
{
	struct slot *x = slot_at(r, s);

	for (uint32_t i = 0; i < r->n; i++) {
		for (uint32_t k = 0; k < EARLY_MAX; k++) {
			struct early *e = &r->peer[i].early[k];

			if (e->slot != s || e->view != r->view)
				continue;
			if (!memcmp(e->d, x->d, DIGEST_BYTES)) {
				x->prepares |= (uint16_t)(e->prepare << i);
				x->commits |= (uint16_t)(e->commit << i);
			}
			e->slot = 0;
		}
	}
}
