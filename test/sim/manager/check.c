/* test/sim/manager/check.c - the invariants of MANAGER.md B.10, after every event
 *
 * The oracle is one more copy of the state that executes every batch when the first honest replica
 * does; all others must then agree with it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "test/sim/manager/sim.h"

enum {
	VC_KIND = 200,
	DURABLE = 100,
	TAKEN_MAX = 1 << 14,
};

struct memo {
	uint64_t key, value;
};

static struct memo memos[VOTES_SEEN];
static uint8_t snapshot[SNAP_BYTES_MAX];
static uint8_t taken[TAKEN_MAX / 8];

void check_reset(struct sim *s)
{
	memset(memos, 0, sizeof memos);
	memset(taken, 0, sizeof taken);
	memset(s->slot, 0, SLOTS_SEEN * sizeof *s->slot);
	s->top = 0;
}

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15u;
	return h ^ (h >> 29);
}

/* Remembers value under key; false when another was there. */
static struct memo *memo_at(struct sim *s, uint64_t key)
{
	uint32_t i = (uint32_t)(key % VOTES_SEEN), k = 0;

	key |= 1;
	while (memos[i].key && memos[i].key != key) {
		i = (i + 1) % VOTES_SEEN;
		if (++k == VOTES_SEEN)
			fail(s, "the table of votes is full");
	}
	return &memos[i];
}

static bool remember(struct sim *s, uint64_t key, uint64_t value)
{
	struct memo *m = memo_at(s, key);

	value |= 1;
	if (m->key)
		return m->value == value;
	m->key = key | 1;
	m->value = value;
	return true;
}

static uint64_t prefix(const uint8_t *d)
{
	uint64_t v;

	memcpy(&v, d, sizeof v);
	return v;
}

static uint64_t vote_key(uint32_t i, uint32_t kind, uint32_t config, uint64_t view, uint64_t slot)
{
	return mix(mix(mix(mix(mix(7, i), kind), config), view), slot);
}

/* What is durable: P and Q entries, views. */
static void durable(struct sim *s, uint32_t i, uint32_t kind, uint32_t config, uint64_t view,
		    uint64_t slot, const uint8_t *d)
{
	remember(s, mix(vote_key(i, DURABLE + kind, config, view, slot), prefix(d)), 1);
}

static bool is_durable(struct sim *s, uint32_t i, uint32_t kind, uint32_t config, uint64_t view,
		       uint64_t slot, const uint8_t *d)
{
	return memo_at(s, mix(vote_key(i, DURABLE + kind, config, view, slot), prefix(d)))->key;
}

static void record_run(struct sim *s, uint32_t i, uint32_t kind, const struct wal_record *rec,
		       uint64_t first, struct buf *b)
{
	uint32_t n = buf_get_u16(b);

	for (uint32_t k = 0; k < n; k++) {
		const uint8_t *d = buf_get_bytes(b, DIGEST_BYTES);

		if (d)
			durable(s, i, kind, rec->config, rec->view, first + k, d);
	}
}

/* Could it be read back behind those that stand in the log? */
static void check_place(struct sim *s, uint32_t i, const struct wal_record *rec, uint32_t before)
{
	struct sim_disk *d = &s->node[i].disk;
	bool body = rec->type == WAL_ACCEPT || rec->type == WAL_BATCH;

	if (rec->type == WAL_START) {
		d->start = rec->slot;
		d->config = rec->config;
	} else if (before != d->crc || rec->config != d->config ||
		   rec->executed > d->start + WINDOW || (body && rec->slot > d->start + WINDOW)) {
		fail(s, "I17: node %u: record %d of slot %llu, config %u to a log of %llu, %u",
		     i, rec->type, (unsigned long long)rec->slot, rec->config,
		     (unsigned long long)d->start, d->config);
	}
}

void check_record(struct sim *s, uint32_t i, const uint8_t *p, size_t len)
{
	static const uint8_t none[DIGEST_BYTES];
	struct wal_chain chain;
	struct wal_record rec;
	uint8_t d[DIGEST_BYTES];
	uint32_t before;
	size_t pos = 0;
	struct buf b;
	struct pq e;

	buf_over(&b, p + 12, 4);
	chain.crc = buf_get_u32(&b);
	before = chain.crc;
	MUST(wal_next(p, len, &pos, &chain, &rec) == WAL_RECORD);
	check_place(s, i, &rec, before);
	s->node[i].disk.crc = chain.crc;
	buf_over(&b, rec.payload, rec.len);
	switch (rec.type) {
	case WAL_ACCEPT:
		batch_digest(s->oracle->cluster_id, rec.config, rec.slot, rec.payload, rec.len, d);
		durable(s, i, MSG_PREPARE, rec.config, rec.view, rec.slot, d);
		break;
	case WAL_PREPARED:
		record_run(s, i, MSG_COMMIT, &rec, rec.slot, &b);
		break;
	case WAL_NEWVIEW: {
		uint64_t base = buf_get_u64(&b);

		record_run(s, i, MSG_PREPARE, &rec, base + 1, &b);
		durable(s, i, MSG_NEWVIEW, rec.config, rec.view, 0, none);
		break;
	}
	case WAL_VIEW:
		durable(s, i, MSG_VIEWCHANGE, rec.config, rec.view, 0, none);
		break;
	case WAL_ENTRIES:
		for (uint32_t n = buf_get_u16(&b); n && entry_get(&b, &e); n--) {
			if (e.q)
				durable(s, i, MSG_PREPARE, rec.config, e.q_view, e.slot, e.q_d);
			if (e.p)
				durable(s, i, MSG_COMMIT, rec.config, e.p_view, e.slot, e.p_d);
		}
		break;
	default:
		break;
	}
}

static void check_vote(struct sim *s, uint32_t i, enum msg_type type, const struct msg_head *h,
		       uint64_t slot, const uint8_t *d)
{
	static const uint8_t none[DIGEST_BYTES];
	enum msg_type kind = type == MSG_COMMIT ? MSG_COMMIT : MSG_PREPARE;
	struct memo *vc = memo_at(s, vote_key(i, VC_KIND, h->config, 0, 0));

	if (!remember(s, vote_key(i, kind, h->config, h->view, slot), prefix(d)))
		fail(s, "I7: node %u votes twice in view %llu for slot %llu", i,
		     (unsigned long long)h->view, (unsigned long long)slot);
	if (!is_durable(s, i, kind, h->config, h->view, slot, d))
		fail(s, "I8: node %u says %d for slot %llu in view %llu and has not written it", i,
		     type, (unsigned long long)slot, (unsigned long long)h->view);
	if (h->view && !is_durable(s, i, MSG_NEWVIEW, h->config, h->view, 0, none))
		fail(s, "I8: node %u votes in view %llu and has not written that it is there", i,
		     (unsigned long long)h->view);
	if (vc->key && vc->value > h->view + 1)
		fail(s, "I7: node %u votes in view %llu after it left", i,
		     (unsigned long long)h->view);
}

static void check_vc(struct sim *s, uint32_t i, const struct replica *r, const struct msg_head *h,
		     const uint8_t *p, size_t len)
{
	static const uint8_t none[DIGEST_BYTES];
	struct memo *vc;
	uint8_t d[DIGEST_BYTES];

	ident_sha256(p, len, d);
	if (memcmp(d, r->vc[r->self].digest, DIGEST_BYTES))
		return; /* relays another's */
	if (!remember(s, vote_key(i, MSG_VIEWCHANGE, h->config, h->view, 0), prefix(d)))
		fail(s, "I7: node %u sends two VIEW-CHANGEs for view %llu", i,
		     (unsigned long long)h->view);
	if (!is_durable(s, i, MSG_VIEWCHANGE, h->config, h->view, 0, none))
		fail(s, "I8: node %u has not written its VIEW-CHANGE", i);
	vc = memo_at(s, vote_key(i, VC_KIND, h->config, 0, 0));
	vc->key = vote_key(i, VC_KIND, h->config, 0, 0) | 1;
	if (vc->value < h->view + 1)
		vc->value = h->view + 1;
}

void check_send(struct sim *s, uint32_t i, const struct replica *r, const uint8_t *p, size_t len)
{
	uint8_t d[DIGEST_BYTES];
	struct msg_head h;
	uint32_t count;
	const uint8_t *run;
	struct buf b;

	buf_over(&b, p, len);
	MUST(msg_head_get(&b, &h));
	MUST(len <= REPLICA_FRAME_MAX);
	if (h.type == MSG_PREPREPARE) {
		batch_digest(s->oracle->cluster_id, h.config, h.slot, p + b.pos, buf_left(&b), d);
		check_vote(s, i, h.type, &h, h.slot, d);
	} else if (h.type == MSG_PREPARE || h.type == MSG_COMMIT) {
		MUST(msg_run_get(&b, &count, &run));
		for (uint32_t k = 0; k < count; k++)
			check_vote(s, i, h.type, &h, h.slot + k, run + (size_t)k * DIGEST_BYTES);
	} else if (h.type == MSG_VIEWCHANGE) {
		check_vc(s, i, r, &h, p, len);
	}
}

/* Every request in a decided batch that bears an honest client's name is one of his. */
static void check_requests(struct sim *s, const struct batch *batch)
{
	struct buf b = batch->requests;
	struct request q;
	uint8_t d[DIGEST_BYTES];

	for (uint32_t k = 0; k < batch->count; k++) {
		MUST(request_get_entry(&b, &q));
		for (uint32_t u = 0; u < s->users; u++) {
			struct fp fp;

			key_fp(s->user[u].key, &fp);
			if (s->user[u].evil || !fp_eq(&fp, &q.client))
				continue;
			request_digest(&q, d);
			if (!memo_at(s, mix(99, prefix(d)))->key)
				fail(s, "I4: a request of user %u that he never made", u);
		}
	}
}

void check_issue(struct sim *s, const struct user *u)
{
	uint8_t d[DIGEST_BYTES];
	struct request q;

	remember(s, mix(99, prefix(u->c.request_digest)), 1);
	if (!u->c.withdrawn)
		return;
	MUST(request_get(&q, &u->c.fp, u->c.word, u->c.word_len));
	request_digest(&q, d);
	remember(s, mix(99, prefix(d)), 1);
}

static void oracle_execute(struct sim *s, uint32_t i, struct replica *r, uint64_t slot)
{
	struct slot *x = slot_at(r, slot);
	struct body *body = x ? body_find(r, x, x->decided_d) : NULL;
	struct seen_slot *seen = &s->slot[slot];
	struct batch batch;
	const uint8_t *p;
	size_t len;

	if (!body || slot != s->top + 1 || slot + 1 >= SLOTS_SEEN)
		fail(s, "I2: node %u executed slot %llu, the others only %llu", i,
		     (unsigned long long)slot, (unsigned long long)s->top);
	p = body_bytes(r, body, &len);
	MUST(batch_get(&batch, p, len));
	check_requests(s, &batch);
	seen->known = true;
	seen->view = r->view;
	seen->config = s->oracle->config;
	seen->by_commits = x->proposed && bits(x->commits) >= 2 * r->f + 1;
	seen->ts = batch.time_us;
	memcpy(seen->digest, x->decided_d, DIGEST_BYTES);
	if (batch.time_us <= s->oracle->time_us)
		fail(s, "I13: time does not go forward in slot %llu", (unsigned long long)slot);
	if (batch.time_us > s->now_us + 1700000000000000 + PRECISION_US + 200000)
		fail(s, "I13: slot %llu has a time in the future", (unsigned long long)slot);
	state_execute(s->oracle, &batch, len, x->decided_d);
	model_execute(&batch);
	ident_sha256(snapshot, snap_write(s->oracle, snapshot), seen->state);
	seen->after = s->oracle->config;
	s->top = slot;
}

/* I6: the open slot was decided by 2f+1 COMMITs, or f+1 claim to have executed it. What was decided
 * in an earlier step may have lost its witnesses since. */
static void check_decision(struct sim *s, uint32_t i, struct replica *r, uint64_t slot)
{
	const struct slot *x = slot_at(r, slot);
	uint32_t claims = 0;

	if (!x || !x->proposed || s->node[i].decided == slot ||
	    (bits(x->commits) >= 2 * s->faults + 1 && !memcmp(x->d, x->decided_d, DIGEST_BYTES)))
		return;
	for (uint32_t k = 0; k < r->n; k++) {
		const struct peer *p = &r->peer[k];
		uint64_t at = slot - p->claim_first;

		claims += at < p->claims && !memcmp(p->claim[at], x->decided_d, DIGEST_BYTES);
	}
	if (claims <= s->faults)
		fail(s, "I6: node %u executed slot %llu with %u COMMITs", i,
		     (unsigned long long)slot, bits(x->commits));
}

static void check_slots(struct sim *s, uint32_t i, struct replica *r)
{
	struct node *x = &s->node[i];
	uint8_t hash[DIGEST_BYTES];
	uint64_t top = r->state.slot;

	if (top > x->slot)
		check_decision(s, i, r, x->slot + 1);
	for (uint64_t k = x->slot + 1; k <= top; k++) {
		struct slot *slot = slot_at(r, k);
		const uint8_t *d = slot ? slot->decided_d : k == top ? r->state.digest : NULL;

		if (k == s->top + 1)
			oracle_execute(s, i, r, k);
		if (d && memcmp(d, s->slot[k].digest, DIGEST_BYTES))
			fail(s, "I1: node %u executed another batch in slot %llu", i,
			     (unsigned long long)k);
	}
	if (top > s->top)
		fail(s, "I2: node %u is at slot %llu, ahead of all", i, (unsigned long long)top);
	if (top != x->slot && top) {
		ident_sha256(snapshot, snap_write(&r->state, snapshot), hash);
		if (memcmp(hash, s->slot[top].state, DIGEST_BYTES))
			fail(s, "I3: node %u has another state after slot %llu", i,
			     (unsigned long long)top);
	}
	if (top < x->slot)
		fail(s, "I2: node %u went back from slot %llu to %llu", i,
		     (unsigned long long)x->slot, (unsigned long long)top);
	x->slot = top;
	x->decided = slot_at(r, top + 1) && slot_at(r, top + 1)->decided ? top + 1 : 0;
}

/* I9: what was decided in an earlier view is in the choice that this one began with. */
static void check_choice(struct sim *s, uint32_t i, const struct replica *r)
{
	const struct chosen *c = &r->chosen;

	for (uint64_t k = c->base + 1; k <= s->top; k++) {
		const struct seen_slot *seen = &s->slot[k];

		if (!seen->by_commits || seen->config != r->config || seen->view >= r->view)
			continue;
		if (k > c->base + c->count ||
		    memcmp(c->d[k - c->base - 1], seen->digest, DIGEST_BYTES))
			fail(s, "I9: node %u enters view %llu without slot %llu", i,
			     (unsigned long long)r->view, (unsigned long long)k);
	}
}

/* I10: what is taken for certified was executed. */
static void check_certified(struct sim *s, uint32_t i, const struct checkpoint *c)
{
	if (c->slot > s->top)
		fail(s, "I10: node %u believes in checkpoint %llu, nobody executed so far", i,
		     (unsigned long long)c->slot);
	if (c->slot && memcmp(c->digest, s->slot[c->slot].digest, DIGEST_BYTES))
		fail(s, "I10: node %u believes in another checkpoint %llu", i,
		     (unsigned long long)c->slot);
}

/* I16: a configuration begins after the stable checkpoint that ends the one before. */
static void check_config(struct sim *s, uint32_t i, const struct replica *r)
{
	uint32_t want = r->h ? s->slot[r->h].after : 0;

	if (r->config != want)
		fail(s, "I16: node %u has configuration %u, checkpoint %llu ends with %u", i,
		     r->config, (unsigned long long)r->h, want);
}

/* A new leader has the whole time of every request before him. */
static void check_timers(struct sim *s, uint32_t i, const struct replica *r)
{
	for (uint32_t k = r->pending_first; k != NONE16; k = r->pend[k].next)
		if (r->pend[k].since.us < s->now_us)
			fail(s, "L2: node %u enters view %llu with timers of the one before", i,
			     (unsigned long long)r->view);
}

void check_node(struct sim *s, uint32_t i, bool cut)
{
	struct node *x = &s->node[i];
	struct replica *r = x->r[0];
	uint64_t before = x->slot;
	bool proof;

	if (x->evil || !x->up)
		return;
	if (r->observer && !r->fresh && !r->removed && !x->spoiled)
		fail(s, "I1: node %u gave up its vote", i);
	check_slots(s, i, r);
	check_bounds(s, i, r, r->state.slot != before, cut);
	live_node(s, i);
	if (r->h < x->stable)
		fail(s, "I10: node %u went back to checkpoint %llu", i, (unsigned long long)r->h);
	if (r->config == x->config && r->view < x->view)
		fail(s, "I7: node %u went back to view %llu", i, (unsigned long long)r->view);
	check_certified(s, i, &r->stable.c);
	check_certified(s, i, &r->transfer.cert.c);
	check_config(s, i, r);
	if (r->active && r->view && (!x->active || r->view != x->view)) {
		check_choice(s, i, r);
		check_timers(s, i, r);
	}
	if (r->h && r->stable.count < 2 * r->f + 1 && r->stable.c.config == r->config)
		fail(s, "I10: node %u has %u signatures under its checkpoint", i, r->stable.count);
	proof = r->active && r->view && r->nv->view == r->view;
	if (x->proof && !proof && r->active && r->view == x->view && r->config == x->config)
		fail(s, "I9: node %u lost the proof of its view", i);
	x->proof = proof;
	x->stable = r->h;
	x->view = r->view;
	x->active = r->active;
	x->config = r->config;
}

static void check_taken(struct sim *s, const struct user *u, const struct result *r)
{
	if (u->op.type != OP_INP && u->op.type != OP_IN)
		return;
	if (r->code != RESULT_OK || r->id >= TAKEN_MAX)
		return;
	if (taken[r->id / 8] & 1u << r->id % 8)
		fail(s, "I5: tuple %llu was taken twice", (unsigned long long)r->id);
	taken[r->id / 8] |= (uint8_t)(1u << r->id % 8);
}

void check_answer(struct sim *s, struct user *u, const struct result *r)
{
	uint16_t k = state_session(s->oracle, &u->c.fp, u->c.session);
	struct reply want;
	size_t len;
	const uint8_t *p;
	bool waits;

	if (u->c.slot > s->top)
		fail(s, "I12: an answer of slot %llu that nobody executed",
		     (unsigned long long)u->c.slot);
	if (u->c.slot <= u->invoked_slot)
		fail(s, "I11: answered in slot %llu, but slot %llu was answered before it asked",
		     (unsigned long long)u->c.slot, (unsigned long long)u->invoked_slot);
	if (u->c.slot > s->answered_slot)
		s->answered_slot = u->c.slot;
	s->answers++;
	check_taken(s, u, r);
	if (k == SESSION_NONE || s->oracle->session[k].last != u->c.no)
		return;
	waits = !state_reply(s->oracle, k, &want);
	if (u->c.no == 1 && !(u->roles & ROLE_ADMIN) && (waits || want.slot > u->c.slot))
		return; /* he was no member, or not any more, and is one when a late copy comes */
	if (waits)
		fail(s, "I12: an answer to who still waits");
	p = want.result;
	len = want.result_len;
	if (memcmp(want.request, u->c.request_digest, DIGEST_BYTES))
		fail(s, "I11: the answer in slot %llu is to another request",
		     (unsigned long long)u->c.slot);
	if (want.slot != u->c.slot || memcmp(p, u->c.answer, len))
		fail(s, "I11: another answer than the log gives, slot %llu",
		     (unsigned long long)u->c.slot);
}
