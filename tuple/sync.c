/* tuple/sync.c - tell where one stands, and give what the other is missing
 *
 * Nothing here is trusted: a slot counts as executed when f+1 replicas claim it with one digest,
 * and a batch is what its digest says, whoever sends it. */
#include <string.h>

#include "core/check.h"
#include "tuple/pbft.h"

enum { FETCH_SLOTS = 16 }; /* batches asked for at once: 2 MiB */

void sync_status(struct replica *r, uint32_t to)
{
	const struct peer *own = &r->peer[r->self];
	struct msg_status s = { .stable = r->h, .time_us = r->wall_us };
	struct buf b;

	if (r->n == 1)
		return;
	s.saved = own->ck[0].slot > own->ck[1].slot ? own->ck[0].slot : own->ck[1].slot;
	s.flags = (r->active ? STATUS_ACTIVE : 0) | (r->observer ? STATUS_OBSERVER : 0) |
		  (r->suspecting ? STATUS_SUSPECT : 0);
	for (uint32_t i = 0; i < r->n; i++)
		if (r->vc[i].view == r->view && r->view)
			s.held |= 1u << i;
	b = out_msg(r, MSG_STATUS, r->state.slot, 40);
	msg_status_put(&b, &s);
	out_send(r, to, &b);
	if (to == everyone(r))
		r->asked_at = r->now;
}

static void send_stable(struct replica *r, uint32_t to)
{
	struct buf b = out_msg(r, MSG_STABLE, r->h, CERT_BYTES_MAX);

	cert_put(&b, &r->stable);
	out_send(r, to, &b);
}

static void send_own_vc(struct replica *r, uint32_t to)
{
	const struct vc *own = &r->vc[r->self];

	if (own->view == r->view && r->view && !r->observer)
		out_copy(r, to, own->bytes, own->len);
}

/* What a replica in the same or an older view needs to follow. */
static void send_view(struct replica *r, uint32_t from, const struct msg_head *h,
		      const struct msg_status *s)
{
	uint32_t to = 1u << from;
	bool waits = h->view == r->view && !(s->flags & STATUS_ACTIVE);

	if (r->suspecting && h->view <= r->view)
		out_body(r, to, MSG_SUSPECT, r->state.slot, NULL, 0);
	if (h->view > r->view || (h->view == r->view && !waits))
		return;
	if (r->active && r->view && r->nv->view == r->view)
		view_send_bundle(r, to);
	else if (h->view < r->view || !(s->held & 1u << r->self))
		send_own_vc(r, to);
}

static const uint8_t *executed_digest(struct replica *r, uint64_t s)
{
	return slot_at(r, s)->decided_d;
}

static void send_claims(struct replica *r, uint32_t to, uint64_t first)
{
	uint64_t n = r->state.slot - first + 1;

	if (first <= r->h || first > r->state.slot)
		return;
	send_run(r, MSG_CLAIM, to, first, n < CLAIM_MAX ? (uint32_t)n : CLAIM_MAX,
		 executed_digest);
}

static const uint8_t *proposed_digest(struct replica *r, uint64_t s)
{
	return slot_at(r, s)->d;
}

static bool said(const struct slot *x, enum msg_type type)
{
	return x->proposed && (type == MSG_PREPARE ? x->accepted : x->prepared);
}

/* Own votes of this view for slots first..top, in runs. */
static void send_votes(struct replica *r, uint32_t to, uint64_t first, enum msg_type type)
{
	uint64_t top = slots_top(r), from = 0;

	if (type == MSG_PREPARE && leader_of(r, r->view) == r->self)
		return;
	if (first <= r->h)
		first = r->h + 1;
	if (top > first + MSG_RUN_MAX)
		top = first + MSG_RUN_MAX;
	for (uint64_t s = first; s <= top + 1; s++) {
		bool have = s <= top && said(slot_at(r, s), type);

		if (have && !from)
			from = s;
		if (have || !from)
			continue;
		send_run(r, type, to, from, (uint32_t)(s - from), proposed_digest);
		from = 0;
	}
}

static void send_proposal(struct replica *r, uint32_t to, uint64_t s)
{
	struct slot *x = slot_at(r, s);
	struct body *body;
	const uint8_t *p;
	size_t len;

	if (!is_leader(r) || !x || !x->accepted || x->vouched)
		return;
	body = body_find(r, x, x->d);
	if (!body)
		return;
	p = body_bytes(r, body, &len);
	out_body(r, to, MSG_PREPREPARE, s, p, len);
}

static void send_slots(struct replica *r, uint32_t from, uint64_t executed)
{
	uint32_t to = 1u << from;

	send_claims(r, to, executed + 1);
	if (!r->active || r->observer || r->peer[from].view != r->view || !r->peer[from].active)
		return;
	send_proposal(r, to, executed + 1);
	send_votes(r, to, executed + 1, MSG_PREPARE);
	send_votes(r, to, executed + 1, MSG_COMMIT);
}

enum replica_verdict sync_answer(struct replica *r, uint32_t from, const struct msg_head *h,
				 struct buf *b)
{
	struct peer *p = &r->peer[from];
	struct msg_status s;

	if (!msg_status_get(b, &s))
		return REPLICA_MALFORMED;
	clock_heard(r, from, s.time_us);
	if (h->config > r->config)
		return REPLICA_OTHER_CONFIG; /* it tells us when we ask */
	p->view = h->view;
	p->slot = h->slot;
	p->stable = s.stable;
	p->active = s.flags & STATUS_ACTIVE;
	if (h->config == r->config)
		view_left(r, from, h->view);
	if (p->answered.us && !elapsed(r, p->answered, STATUS_GAP_MS))
		return REPLICA_BUSY;
	p->answered = r->now;
	if (s.stable < r->h)
		send_stable(r, 1u << from);
	if (h->config < r->config)
		return REPLICA_OTHER_CONFIG;
	send_view(r, from, h, &s);
	send_slots(r, from, h->slot);
	if (!r->observer)
		ckpt_send(r, 1u << from);
	return REPLICA_OK;
}

static bool is_claimed(const struct replica *r, uint32_t i, uint64_t s, const uint8_t *d)
{
	const struct peer *p = &r->peer[i];

	return s >= p->claim_first && s < p->claim_first + p->claims &&
	       !memcmp(p->claim[s - p->claim_first], d, DIGEST_BYTES);
}

/* f+1 replicas, one of them correct, executed slot s with one digest. */
static bool settled(struct replica *r, uint64_t s, struct slot *x)
{
	for (uint32_t i = 0; i < r->n; i++) {
		const struct peer *p = &r->peer[i];
		uint32_t count = 0;
		const uint8_t *d;

		if (s < p->claim_first || s >= p->claim_first + p->claims)
			continue;
		d = p->claim[s - p->claim_first];
		for (uint32_t k = 0; k < r->n; k++)
			count += is_claimed(r, k, s, d);
		if (count < r->f + 1)
			continue;
		x->decided = true;
		note_known(r, s);
		memcpy(x->decided_d, d, DIGEST_BYTES);
		return true;
	}
	return false;
}

enum replica_verdict sync_claim(struct replica *r, uint32_t from, const struct msg_head *h,
				struct buf *b)
{
	struct peer *p = &r->peer[from];
	const uint8_t *d;
	uint32_t count;

	if (!msg_run_get(b, &count, &d))
		return REPLICA_MALFORMED;
	if (count > CLAIM_MAX)
		count = CLAIM_MAX;
	p->claim_first = h->slot;
	p->claims = count;
	memcpy(p->claim, d, (size_t)count * DIGEST_BYTES);
	sync_catch_up(r);
	return REPLICA_OK;
}

/* The next replica to ask for a batch of slot s: those that say they executed it, in turn; once all
 * had theirs and none answered, anybody: they may lie, or be cut off. */
static uint32_t whom(struct replica *r, uint64_t s)
{
	uint32_t any = r->fetch_missed > r->n ? r->fetch_missed % r->n : r->self;

	if (any != r->self)
		return any;
	for (uint32_t k = 0; k < 2 * r->n; k++) {
		uint32_t i = r->fetch_from++ % r->n;

		if (i != r->self && (k >= r->n || r->peer[i].slot >= s))
			return i;
	}
	return r->self ? 0 : 1;
}

/* The digest under which slot s is wanted, and its batch is not here; NULL: nothing is missing. */
static const uint8_t *missing(struct replica *r, uint64_t s)
{
	const struct chosen *c = &r->scratch_chosen;
	struct slot *x = slot_at(r, s);

	if (!x)
		return NULL;
	if (x->decided)
		return body_find(r, x, x->decided_d) ? NULL : x->decided_d;
	if (x->vouched)
		return body_find(r, x, x->d) ? NULL : x->d;
	if (!r->active && leader_of(r, r->view) == r->self && s > c->base &&
	    s <= c->base + c->count)
		return body_find(r, x, c->d[s - c->base - 1]) ? NULL : c->d[s - c->base - 1];
	return NULL;
}

/* Nothing is missing above it: a walk of the whole window after every slot costs as much as the
 * slot. */
static uint64_t last_known(const struct replica *r)
{
	const struct chosen *c = &r->scratch_chosen;
	uint64_t top = r->known_top, end = r->h + WINDOW;

	if (!r->active && top < c->base + c->count)
		top = c->base + c->count;
	return top < end ? top : end;
}

/* Of what was asked for last. */
static bool missing_any(struct replica *r)
{
	for (uint64_t s = r->state.slot + 1; s <= r->fetch_last; s++)
		if (missing(r, s))
			return true;
	return false;
}

/* Take what is claimed for decided, and ask for batches that are missing; for more once these are
 * here, or after FETCH_MS. */
void sync_catch_up(struct replica *r)
{
	uint64_t first = r->state.slot + 1, last = r->h + WINDOW;
	uint32_t asked = 0, to;

	if (r->replaying)
		return;
	for (uint64_t s = first; s < first + CLAIM_MAX && s <= last; s++)
		if (!slot_at(r, s)->decided && !settled(r, s, slot_at(r, s)))
			break;
	if (r->fetch_since.us && !elapsed(r, r->fetch_since, FETCH_MS))
		return;
	r->fetch_missed = r->fetch_since.us ? r->fetch_missed + 1 : 0;
	to = whom(r, first);
	r->fetch_since = mono_us(0);
	last = last_known(r);
	for (uint64_t s = first; s <= last && asked < FETCH_SLOTS; s++) {
		const uint8_t *d = missing(r, s);

		if (!d)
			continue;
		out_body(r, 1u << to, MSG_FETCH, s, d, DIGEST_BYTES);
		r->fetch_since = r->now;
		r->fetch_last = s;
		asked++;
	}
}

enum replica_verdict sync_fetch(struct replica *r, uint32_t from, const struct msg_head *h,
				struct buf *b)
{
	struct slot *x = slot_at(r, h->slot);
	const uint8_t *d = buf_get_bytes(b, DIGEST_BYTES), *p;
	struct body *body;
	size_t len;

	if (!buf_done(b))
		return REPLICA_MALFORMED;
	body = x ? body_find(r, x, d) : NULL;
	if (!body)
		return REPLICA_OLD;
	p = body_bytes(r, body, &len);
	out_body(r, 1u << from, MSG_BODY, h->slot, p, len);
	return REPLICA_OK;
}

enum replica_verdict sync_body(struct replica *r, uint32_t from, const struct msg_head *h,
			       struct buf *b)
{
	const uint8_t *want = missing(r, h->slot), *p;
	size_t len = buf_left(b);
	uint8_t d[DIGEST_BYTES];
	struct batch batch;

	(void)from;
	if (!want)
		return REPLICA_DUPLICATE;
	p = buf_get_bytes(b, len);
	if (!batch_get(&batch, p, len))
		return REPLICA_MALFORMED;
	batch_digest(r->cluster_id, r->config, h->slot, p, len, d);
#ifndef BUG_FETCH_UNVERIFIED
	if (memcmp(d, want, DIGEST_BYTES))
		return REPLICA_BAD_DIGEST;
#endif
	if (!body_add(r, slot_at(r, h->slot), want, p, len))
		return REPLICA_BUSY;
	r->fetch_missed = 0;
	normal_advance(r, h->slot);
	if (!r->active)
		view_try_new(r);
	normal_execute(r);
	if (r->fetch_since.us && !missing_any(r)) {
		r->fetch_since = mono_us(0);
		sync_catch_up(r);
		if (!r->fetch_since.us)
			r->behind = true; /* who is ahead tells what comes next */
	}
	return REPLICA_OK;
}

void sync_tick(struct replica *r)
{
	if (r->fetch_since.us && elapsed(r, r->fetch_since, FETCH_MS))
		sync_catch_up(r);
	if (r->behind && elapsed(r, r->asked_at, ASK_GAP_MS)) {
		r->behind = false;
		sync_status(r, everyone(r));
	}
	if (elapsed(r, r->asked_at, CLOCK_MS))
		sync_status(r, everyone(r));
	if (!elapsed(r, r->progress, STATUS_MS))
		return;
	r->progress = r->now;
	sync_status(r, everyone(r));
	fetch_stuck(r);
}
