/* tuple/normal.c - the normal case: propose, accept, prepare, decide
 *
 * One slot is open at a time. Slots that a NEW-VIEW carried over go the same way, many at once. */
#include <string.h>

#include "core/check.h"
#include "tuple/pbft.h"

/* No slot that would make a second unstable checkpoint, none while a configuration ends or a
 * checkpoint waits for the one before. */
bool normal_blocked(const struct replica *r, size_t len)
{
	return r->state.config != r->config || r->ckpt_owed ||
	       (r->state.checkpoint > r->h && state_due(&r->state, len));
}

void send_run(struct replica *r, enum msg_type type, uint32_t to, uint64_t first, uint32_t count,
	      const uint8_t *(*digest)(struct replica *r, uint64_t s))
{
	while (count) {
		uint32_t n = count < MSG_RUN_MAX ? count : MSG_RUN_MAX;
		struct buf b = out_msg(r, type, first, 2 + (size_t)n * DIGEST_BYTES);

		buf_put_u16(&b, (uint16_t)n);
		for (uint32_t i = 0; i < n; i++)
			buf_put_bytes(&b, digest(r, first + i), DIGEST_BYTES);
		out_send(r, to, &b);
		first += n;
		count -= n;
	}
}

static const uint8_t *digest_of(struct replica *r, uint64_t s)
{
	return slot_at(r, s)->d;
}

/* Accepting a batch: is every request at hand, in order, signed, or vouched for? */
static bool is_heard(struct replica *r, const struct request *q)
{
	if (!q->is_signed)
		return intake_find(r, q);
	return intake_has_signed(r, q) || request_verify(q, r->cluster_id, &r->setup.signer);
}

static bool is_vouched(const struct replica *r, const struct slot *x, uint32_t k)
{
#ifdef BUG_F_VOUCHERS
	uint32_t need = r->f;
#else
	uint32_t need = r->f + 1;
#endif
	return 1 + heard_by(r, x, k, true) >= need;
}

static bool is_timely(const struct replica *r, const struct slot *x, int64_t ts)
{
#ifdef BUG_TIME_UNCHECKED
	(void)x;
	return ts > r->state.time_us;
#else
	return ts > r->state.time_us && ts >= x->wall_us - MSGDELAY_US - PRECISION_US &&
	       ts <= r->wall_us + PRECISION_US;
#endif
}

static enum replica_verdict judge(struct replica *r, struct slot *x, const struct batch *batch)
{
	struct buf b = batch->requests;
	struct request q;

	if (!is_timely(r, x, batch->time_us))
		return REPLICA_BAD_TIME;
	for (uint32_t i = 0; i < batch->count; i++) {
		uint16_t k;

		MUST(request_get_entry(&b, &q));
		k = state_session(&r->state, &q.client, q.session);
		if (!state_next(&r->state, k, q.no, request_withdraws(&q)))
			return REPLICA_BAD_BATCH;
		if (!is_vouched(r, x, i) && !is_heard(r, &q))
			return REPLICA_UNHEARD;
	}
	return REPLICA_OK;
}

static bool try_accept(struct replica *r, uint64_t s)
{
	struct slot *x = slot_at(r, s);
	struct body *body = x->proposed ? body_find(r, x, x->d) : NULL;
	struct batch batch;
	const uint8_t *p;
	size_t len;

	if (!body || x->accepted || r->observer)
		return false;
#ifndef BUG_VOTE_AFTER_VIEWCHANGE
	if (!r->active)
		return false;
#endif
	p = body_bytes(r, body, &len);
	if (!x->vouched) {
		if (s != r->state.slot + 1 || normal_blocked(r, len))
			return false;
		MUST(batch_get(&batch, p, len));
		if (leader_of(r, r->view) != r->self && judge(r, x, &batch) != REPLICA_OK)
			return false;
	}
	slot_promise(r, s, x->d, r->view);
	if (!x->vouched || !body->logged)
		log_put(r, WAL_ACCEPT, r->view, s, p, len);
	body->logged = true;
	x->accepted = true;
	if (leader_of(r, r->view) != r->self)
		x->prepares |= (uint16_t)(1u << r->self);
	return true;
}

static bool try_prepare(struct replica *r, uint64_t s)
{
	struct slot *x = slot_at(r, s);

	if (!x->accepted || x->prepared ||
	    bits(x->prepares & ~(1u << leader_of(r, r->view))) < 2 * r->f)
		return false;
	x->prepared = x->has_p = true;
	x->p_view = r->view;
	memcpy(x->p_d, x->d, DIGEST_BYTES);
	x->commits |= (uint16_t)(1u << r->self);
	return true;
}

static void log_prepared(struct replica *r, uint64_t first, uint32_t count)
{
	struct buf b;

	buf_init(&b, r->scratch, sizeof r->scratch);
	buf_put_u16(&b, (uint16_t)count);
	for (uint32_t i = 0; i < count; i++)
		buf_put_bytes(&b, digest_of(r, first + i), DIGEST_BYTES);
	MUST(buf_ok(&b));
#ifndef BUG_FORGET_P
	log_put(r, WAL_PREPARED, r->view, first, b.mem, b.len);
#endif
}

static void tell_run(struct replica *r, enum msg_type type, uint64_t first, uint32_t count)
{
	if (!count)
		return;
	if (type == MSG_COMMIT)
		log_prepared(r, first, count);
	if (type == MSG_COMMIT || leader_of(r, r->view) != r->self)
		send_run(r, type, everyone(r), first, count, digest_of);
}

/* Apply `try` to slots first..last and tell everyone of each run that went forward. */
static void advance_runs(struct replica *r, uint64_t first, uint64_t last,
			 bool (*try)(struct replica *r, uint64_t s), enum msg_type type)
{
	uint64_t from = first;
	uint32_t count = 0;

	for (uint64_t s = first; s <= last; s++) {
		bool moved = try(r, s);

		if (moved && !count)
			from = s;
		count += moved;
		if (moved && count < MSG_RUN_MAX)
			continue;
		tell_run(r, type, from, count);
		count = 0;
	}
	tell_run(r, type, from, count);
}

static void decide(struct replica *r, uint64_t s)
{
	struct slot *x = slot_at(r, s);
#ifdef BUG_COMMITS_F1
	uint32_t need = r->f + 1;
#else
	uint32_t need = quorum(r);
#endif

	if (!x->proposed || x->decided || bits(x->commits) < need)
		return;
	x->decided = true;
	note_known(r, s);
	memcpy(x->decided_d, x->d, DIGEST_BYTES);
}

static void advance(struct replica *r, uint64_t first, uint64_t last)
{
	if (first <= r->h)
		first = r->h + 1;
	if (last > r->h + WINDOW)
		last = r->h + WINDOW;
	if (first > last || r->switch_due)
		return;
	advance_runs(r, first, last, try_accept, MSG_PREPARE);
	advance_runs(r, first, last, try_prepare, MSG_COMMIT);
	for (uint64_t s = first; s <= last; s++)
		decide(r, s);
}

void normal_advance(struct replica *r, uint64_t s)
{
	advance(r, s, s);
}

void normal_advance_all(struct replica *r)
{
	uint64_t top = slots_top(r);

	advance(r, r->h + 1, r->chosen_top > top ? r->chosen_top : top);
}

enum replica_verdict normal_vote(struct replica *r, uint32_t from, const struct msg_head *h,
				 struct buf *b)
{
	const uint8_t *d;
	uint32_t count;

	if (!msg_run_get(b, &count, &d))
		return REPLICA_MALFORMED;
	if (h->view < r->view)
		return REPLICA_OLD;
	if (h->view > r->view || !r->active) {
		r->behind = true;
		return REPLICA_EARLY;
	}
	for (uint32_t i = 0; i < count; i++, d += DIGEST_BYTES) {
		struct slot *x = slot_at(r, h->slot + i);

		if (!x)
			continue;
		if (!x->proposed) {
			vote_store(r, from, h, h->slot + i, d);
		} else if (!memcmp(x->d, d, DIGEST_BYTES)) {
			if (h->type == MSG_PREPARE)
				x->prepares |= (uint16_t)(1u << from);
			else
				x->commits |= (uint16_t)(1u << from);
		}
	}
	advance(r, h->slot, h->slot + count - 1);
	return REPLICA_OK;
}

/* PRE-PREPAREs for the slots after the open one are kept: the leader's channel may be read before
 * the channels whose votes decide the open slot, and what is dropped must be fetched. */
static enum replica_verdict stash(struct replica *r, const struct msg_head *h, struct buf *b)
{
	struct stash *k = &r->stash;
	size_t len = buf_left(b);
	uint64_t next;

	if (k->view != h->view)
		k->count = k->used = 0;
	next = k->count ? k->first + k->count : r->state.slot + 2;
	if (h->slot < next)
		return REPLICA_EARLY;
	if (h->slot > next || k->count == STASH_MAX || len > sizeof k->bytes - k->used) {
		r->behind = true;
		return REPLICA_EARLY;
	}
	if (!k->count)
		k->first = next;
	k->view = h->view;
	k->len[k->count++] = len;
	memcpy(k->bytes + k->used, buf_get_bytes(b, len), len);
	k->used += len;
	return REPLICA_EARLY;
}

static void stash_pop(struct stash *k)
{
	size_t len = k->len[0];

	k->first++;
	k->count--;
	k->used -= len;
	memmove(k->len, k->len + 1, k->count * sizeof *k->len);
	memmove(k->bytes, k->bytes + len, k->used);
}

static enum replica_verdict take_proposal(struct replica *r, uint64_t s, const uint8_t *p,
					  size_t len)
{
	struct slot *x = slot_at(r, s);
	uint8_t d[DIGEST_BYTES];
	struct batch batch;

	if (!x || normal_blocked(r, len))
		return REPLICA_EARLY;
	if (!batch_get(&batch, p, len))
		return REPLICA_MALFORMED;
	batch_digest(r->cluster_id, r->config, s, p, len, d);
#ifndef BUG_SECOND_PREPREPARE
	if (x->proposed) {
		if (!memcmp(x->d, d, DIGEST_BYTES))
			return REPLICA_DUPLICATE;
		view_suspect(r);
		return REPLICA_CONFLICT;
	}
#endif
	if (memcmp(batch.before, r->state.digest, DIGEST_BYTES))
		return REPLICA_BAD_DIGEST;
	if (!body_add(r, x, d, p, len))
		return REPLICA_BUSY;
	slot_propose(r, s, d);
	r->told = r->now;
	normal_advance(r, s);
	return x->accepted || r->observer ? REPLICA_OK : judge(r, x, &batch);
}

enum replica_verdict normal_preprepare(struct replica *r, uint32_t from, const struct msg_head *h,
				       struct buf *b)
{
	size_t len = buf_left(b);

	if (h->view > r->view || (h->view == r->view && !r->active)) {
#ifdef BUG_VOTE_AFTER_VIEWCHANGE
		if (h->view > r->view)
#endif
		{
			r->behind = true;
			return REPLICA_EARLY;
		}
	}
	if (h->view < r->view || h->slot <= r->state.slot)
		return REPLICA_OLD;
	if (leader_of(r, h->view) != from)
		return REPLICA_NOT_LEADER;
	if (h->slot <= r->chosen_top)
		return REPLICA_CONFLICT;
	if (h->slot != r->state.slot + 1)
		return stash(r, h, b);
	return take_proposal(r, h->slot, buf_get_bytes(b, len), len);
}

void normal_unstash(struct replica *r)
{
	struct stash *k = &r->stash;

	while (k->count && k->first <= r->state.slot)
		stash_pop(k);
	if (!k->count || k->first != r->state.slot + 1 || k->view != r->view || !r->active)
		return;
	if (take_proposal(r, k->first, k->bytes, k->len[0]) == REPLICA_EARLY)
		r->behind = true;
	if (k->count) /* a change of view forgets it all */
		stash_pop(k);
}

/* Clients that got their answers together ask again together: with those who asked meanwhile they
 * make one batch, where else two would take turns, each at the full price of a slot. */
bool normal_holds(const struct replica *r)
{
	return r->pending && r->pending < r->crowd && mono_before(r->now, r->hold);
}

void normal_propose(struct replica *r)
{
	uint64_t s = r->state.slot + 1;
	struct slot *x = slot_at(r, s);
	uint8_t *p = r->scratch, d[DIGEST_BYTES];
	int64_t ts = r->wall_us > r->state.time_us ? r->wall_us : r->state.time_us + 1;
	struct buf b, head;
	uint32_t n;

	if (!is_leader(r) || !x || x->proposed || s <= r->chosen_top || !out_has_room(r) ||
	    normal_holds(r))
		return;
	buf_init(&b, p + BATCH_HEAD_BYTES, BATCH_BYTES_MAX - BATCH_HEAD_BYTES);
	n = intake_take(r, &b);
	if (!n && !(state_needs_time(&r->state) && elapsed(r, r->beat, HEARTBEAT_MS)))
		return;
	if (normal_blocked(r, BATCH_HEAD_BYTES + b.len))
		return;
	buf_init(&head, p, BATCH_HEAD_BYTES);
	buf_put_bytes(&head, r->state.digest, DIGEST_BYTES);
	buf_put_u64(&head, (uint64_t)ts);
	buf_put_u16(&head, (uint16_t)n);
	batch_digest(r->cluster_id, r->config, s, p, head.len + b.len, d);
	if (!body_add(r, x, d, p, head.len + b.len))
		return;
	slot_propose(r, s, d);
	if (!try_accept(r, s))
		return;
	out_body(r, everyone(r), MSG_PREPREPARE, s, p, head.len + b.len);
	normal_advance(r, s);
	normal_execute(r);
}

void normal_tick(struct replica *r)
{
	struct slot *x = slot_at(r, r->state.slot + 1);

	if (r->observer || r->n == 1 || !r->active)
		return;
	if (x && x->proposed && !x->accepted && !r->transfer.active) {
		normal_advance(r, r->state.slot + 1); /* its time may have come */
		if (!x->accepted && elapsed(r, r->told, HEARD_MS))
			heard_tell(r);
		if (!x->accepted && elapsed(r, x->since, r->timeout_ms / 4))
			view_suspect(r);
	}
#ifndef BUG_NO_HEARTBEAT
	if (state_needs_time(&r->state) && !r->transfer.active && !r->fetch_since.us &&
	    elapsed(r, r->beat, HEARTBEAT_MS + r->timeout_ms))
		view_suspect(r);
#endif
}

mono_t normal_deadline(const struct replica *r)
{
	const struct slot *x = &r->slot[(r->state.slot + 1) % WINDOW];
	mono_t at = mono_us(0);

	if (state_needs_time(&r->state))
		at = mono_add_ms(r->beat, is_leader(r) ? HEARTBEAT_MS :
							 HEARTBEAT_MS + (int64_t)r->timeout_ms);
	if (is_leader(r) && normal_holds(r))
		at = !at.us || mono_before(r->hold, at) ? r->hold : at;
	if (r->active && x->proposed && !x->accepted && !r->observer &&
	    r->state.slot + 1 <= r->h + WINDOW) {
		mono_t due = mono_add_ms(r->told, HEARD_MS);

		if (!at.us || mono_before(due, at))
			at = due;
	}
	return at;
}
