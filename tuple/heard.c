/* tuple/heard.c - which requests of the open batch were heard, and by whom
 *
 * A backup cannot vote for a batch while it lacks one request at first hand. It then tells
 * everybody which ones it has: f+1 replicas that stand for a request, the leader among them, are
 * enough for it, whatever else is in the batch. And who told his request to so few that f+1 lack
 * it, signs. */
#include <string.h>

#include "tuple/pbft.h"

uint32_t heard_by(const struct replica *r, const struct slot *x, uint32_t k, bool heard)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->n; i++) {
		const struct peer *p = &r->peer[i];

		if (i == r->self || i == leader_of(r, r->view))
			continue;
		if (x->prepares & 1u << i)
			n += heard;
#ifndef BUG_BATCH_VOUCHED
		else if (p->heard_slot == r->state.slot + 1 && p->heard_view == r->view &&
			 !memcmp(p->heard_d, x->d, DIGEST_BYTES))
			n += (p->heard[k / 8] >> k % 8 & 1) == heard;
#endif
	}
	return n;
}

/* The open slot's batch, if it is known and may be stuck. */
static bool open_batch(struct replica *r, struct slot **x, struct batch *batch)
{
	struct body *body;
	const uint8_t *p;
	size_t len;

	*x = slot_at(r, r->state.slot + 1);
	body = *x && (*x)->proposed && !(*x)->decided && !(*x)->vouched ?
		       body_find(r, *x, (*x)->d) : NULL;
	if (!body)
		return false;
	p = body_bytes(r, body, &len);
	return batch_get(batch, p, len);
}

void heard_tell(struct replica *r)
{
	uint8_t heard[HEARD_BYTES] = { 0 };
	struct batch batch;
	struct request q;
	struct slot *x;
	struct buf b;

	r->told = r->now;
	if (!open_batch(r, &x, &batch))
		return;
	for (uint32_t k = 0; k < batch.count && request_get_entry(&batch.requests, &q); k++)
		if (q.is_signed ? intake_has_signed(r, &q) : intake_find(r, &q) != NULL)
			heard[k / 8] |= (uint8_t)(1u << k % 8);
	b = out_msg(r, MSG_HEARD, r->state.slot + 1, DIGEST_BYTES + HEARD_BYTES);
	buf_put_bytes(&b, x->d, DIGEST_BYTES);
	buf_put_bytes(&b, heard, HEARD_BYTES);
	out_send(r, everyone(r), &b);
}

enum replica_verdict heard_message(struct replica *r, uint32_t from, const struct msg_head *h,
				   struct buf *b)
{
	struct peer *p = &r->peer[from];

	if (buf_left(b) != DIGEST_BYTES + HEARD_BYTES)
		return REPLICA_MALFORMED;
	p->heard_view = h->view;
	p->heard_slot = h->slot;
	buf_get_copy(b, p->heard_d, DIGEST_BYTES);
	buf_get_copy(b, p->heard, HEARD_BYTES);
	normal_advance(r, r->state.slot + 1);
	return REPLICA_OK;
}

void heard_blame(struct replica *r)
{
	bool backup = leader_of(r, r->view) != r->self;
	struct batch batch;
	struct request q;
	struct slot *x;

	if (!open_batch(r, &x, &batch))
		return;
	for (uint32_t k = 0; k < batch.count && request_get_entry(&batch.requests, &q); k++) {
		bool have = backup && intake_find(r, &q);

		if (!q.is_signed && heard_by(r, x, k, false) + (backup && !have) > r->f &&
		    heard_by(r, x, k, true) + have < r->f)
			intake_distrust(r, &q.client);
	}
}
