/* tuple/execute.c - run decided batches in order, and answer who waits for them */
#include <string.h>

#include "core/check.h"
#include "tuple/pbft.h"

enum {
	HOLD_US = 1000, /* at most, for those who ask again */
	CROWD_MAX = 16, /* with so many a slot costs little beside what each client sends */
};

static void reply_to(struct replica *r, const struct outcome *o, uint64_t chan)
{
	uint8_t mem[16];
	struct result bare = { .code = o->code };
	struct reply reply = { .no = o->no, .slot = r->state.slot, .time_us = r->state.time_us };
	struct buf result, b = out_buf(r, REPLY_FRAME_MAX);

	if (o->session != SESSION_NONE) {
		if (!state_reply(&r->state, o->session, &reply))
			return;
	} else {
		buf_init(&result, mem, sizeof mem);
		result_put(&result, &bare);
		memcpy(reply.session, o->id, SESSION_BYTES);
		memcpy(reply.request, o->request, DIGEST_BYTES);
		reply.result = mem;
		reply.result_len = result.len;
	}
	reply_put(&b, &reply);
	out_reply(r, chan, &b);
}

/* Which channels wait for what this batch did. */
static void settle_requests(struct replica *r, const struct batch *batch)
{
	struct buf b = batch->requests;
	struct request q;

	for (uint32_t i = 0; i < batch->count; i++) {
		struct pending *p;
		uint16_t session;

		MUST(request_get_entry(&b, &q));
		p = intake_find(r, &q);
		session = state_session(&r->state, &q.client, q.session);
		if (p && session != SESSION_NONE && r->state.session[session].last == q.no)
			r->chan[session] = p->chan;
		for (uint32_t k = 0; p && k < r->state.outcomes; k++) {
			const struct outcome *o = &r->state.outcome[k];

			if (o->session == SESSION_NONE && o->no == q.no &&
			    !memcmp(o->id, q.session, SESSION_BYTES) &&
			    fp_eq(&o->client, &q.client))
				reply_to(r, o, p->chan);
		}
		intake_executed(r, &q);
	}
}

static void settle(struct replica *r, const struct batch *batch)
{
	const struct state *st = &r->state;

	for (uint32_t i = 0; i < st->outcomes; i++)
		if (st->outcome[i].opened && st->outcome[i].session != SESSION_NONE)
			r->chan[st->outcome[i].session] = 0;
	settle_requests(r, batch);
	for (uint32_t i = 0; i < st->outcomes; i++)
		if (outcome_lives(st, &st->outcome[i]))
			reply_to(r, &st->outcome[i], r->chan[st->outcome[i].session]);
	intake_review(r);
	if (st->members_changed && !r->replaying)
		out_push(r, REPLICA_MEMBERS);
	if (st->directory_changed && !r->replaying)
		out_push(r, REPLICA_DIRECTORY);
}

/* An executed slot keeps its digest alone, and the promises that were for it. */
static void slim(struct replica *r, uint64_t s, struct slot *x)
{
	body_keep_only(r, x, x->decided_d);
	for (uint32_t i = 0; i < OLD_MAX; i++) {
		struct old_q *o = &r->old[i];

		if (o->slot != s)
			continue;
		if (!memcmp(o->d, x->decided_d, DIGEST_BYTES)) {
			x->has_q = true;
			x->q_view = o->view;
			memcpy(x->q_d, o->d, DIGEST_BYTES);
		}
		o->slot = 0;
	}
	x->has_q = x->has_q && !memcmp(x->q_d, x->decided_d, DIGEST_BYTES);
	x->has_p = x->has_p && !memcmp(x->p_d, x->decided_d, DIGEST_BYTES);
#ifdef BUG_PQ_DROPPED
	x->has_p = x->has_q = false;
#endif
}

/* Answers, and who asks again, need about as long as the slot; twice that is time enough. */
static void expect(struct replica *r, const struct slot *x, uint32_t count)
{
	int64_t us = 2 * mono_diff_us(r->now, x->since);

	r->crowd = count + r->pending;
	if (r->crowd > CROWD_MAX)
		r->crowd = CROWD_MAX;
	r->hold = mono_add_us(r->now, us < HOLD_US ? us : HOLD_US);
}

static void execute_one(struct replica *r, uint64_t s, struct slot *x, struct body *body)
{
	struct batch batch;
	size_t len;
	const uint8_t *p = body_bytes(r, body, &len);
	bool due;

	if (!body->logged)
		log_put(r, WAL_BATCH, r->view, s, p, len);
	body->logged = true;
	MUST(batch_get(&batch, p, len));
#ifdef BUG_LOCAL_EXPIRY
	batch.time_us = r->wall_us;
#endif
	due = state_execute(&r->state, &batch, len, x->decided_d);
	x->executed = true;
	slim(r, s, x);
	settle(r, &batch);
	expect(r, x, batch.count);
	r->beat = r->now;
	replica_progress(r);
#ifdef BUG_TIMER_ANY_PROGRESS
	intake_restart(r);
#endif
	if (due)
		ckpt_begin(r);
#ifdef BUG_CONFIG_EARLY
	if (r->state.config != r->config)
		config_enter(r);
#endif
#ifndef BUG_NO_ROTATION
	if (r->n > 1 && s % ROTATE_SLOTS == 0 && !x->vouched && !r->replaying) {
		r->rotates = true;
		view_suspect(r);
	}
#endif
#ifndef BUG_TIMEOUT_STAYS
	if (r->timeout_ms > REQUEST_MS && s >= r->timeout_slot + CHECKPOINT_SLOTS)
		r->timeout_ms = REQUEST_MS;
#endif
}

void normal_execute(struct replica *r)
{
	for (;;) {
		uint64_t s = r->state.slot + 1;
		struct slot *x = slot_at(r, s);
		struct body *body = x && x->decided ? body_find(r, x, x->decided_d) : NULL;
		struct batch batch;
		const uint8_t *p;
		size_t len;

		if (!body || r->switch_due)
			break;
		p = body_bytes(r, body, &len);
		if (normal_blocked(r, len))
			break;
		if (!out_has_room(r)) {
			r->again = true;
			return;
		}
		if (!batch_get(&batch, p, len) ||
		    memcmp(batch.before, r->state.digest, DIGEST_BYTES)) {
			if (!r->observer)
				replica_cease(r, NOTE_DIVERGED);
			return;
		}
		execute_one(r, s, x, body);
		normal_unstash(r);
		sync_catch_up(r);
	}
}
