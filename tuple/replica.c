/* tuple/replica.c - one replica: events in, effects out, and what time brings */
#include "tuple/replica.h"

#include <string.h>

#include "core/check.h"
#include "tuple/pbft.h"

const char *const replica_note_str[] = {
	[NOTE_VIEW] = "entered a view",
	[NOTE_SUSPECT] = "the leader is slow",
	[NOTE_STABLE] = "checkpoint is stable",
	[NOTE_BEHIND] = "behind, fetching",
	[NOTE_CLOCK] = "the local clock is off",
	[NOTE_AHEAD] = "nothing is decided before the local clock has caught up",
	[NOTE_OBSERVER] = "the log was lost: observing, not voting, until `cluster replace`",
	[NOTE_VOTER] = "votes from now on",
	[NOTE_REMOVED] = "not in the configuration any more",
	[NOTE_DIVERGED] = "contradicts a certified checkpoint: stopped voting",
};
static_assert(ARRAY_LEN(replica_note_str) == NOTES, "a text for every note");

const char *const replica_verdict_str[] = {
	[REPLICA_OK] = "ok",
	[REPLICA_MALFORMED] = "malformed",
	[REPLICA_OTHER_CONFIG] = "other configuration",
	[REPLICA_OLD] = "old",
	[REPLICA_EARLY] = "early",
	[REPLICA_NOT_LEADER] = "not the leader",
	[REPLICA_CONFLICT] = "conflict",
	[REPLICA_BAD_DIGEST] = "bad digest",
	[REPLICA_BAD_TIME] = "bad time",
	[REPLICA_BAD_BATCH] = "bad batch",
	[REPLICA_UNHEARD] = "unheard request",
	[REPLICA_BAD_SIG] = "bad signature",
	[REPLICA_BAD_PROOF] = "bad proof",
	[REPLICA_BUSY] = "busy",
	[REPLICA_DUPLICATE] = "duplicate",
};
static_assert(ARRAY_LEN(replica_verdict_str) == REPLICA_VERDICTS, "a text for every verdict");

size_t replica_bytes(void)
{
	return sizeof(struct replica);
}

struct replica *replica_init(void *mem, const struct replica_setup *setup)
{
	struct replica *r = mem;
	struct fp fp;

	r->setup = *setup;
	r->members = setup->cluster;
	cluster_id(&setup->cluster, r->cluster_id);
	r->n = r->members.n;
	r->f = r->members.faults;
	r->observer = setup->observer;
	r->fresh = setup->fresh;
	MUST(setup->signer.fp_of(setup->signer.ctx, setup->signer.pub, &fp));
	MUST(cluster_find(&r->members, &fp) >= 0);
	r->self = (uint32_t)cluster_find(&r->members, &fp);
	r->active = true;
	r->timeout_ms = REQUEST_MS;
	r->base = &r->image[0];
	r->ckpt = &r->image[1];
	r->nv = &r->newview[0];
	r->nv_next = &r->newview[1];
	r->pending_first = r->pending_last = NONE16;
	arena_init(&r->bodies, r->body_mem, sizeof r->body_mem, r->body_table, BODIES_MAX);
	arena_init(&r->asked, r->asked_mem, sizeof r->asked_mem, r->asked_table, PENDING_MAX);
	for (uint32_t i = 0; i < BODIES_MAX; i++)
		r->body[i].block = ARENA_NONE;
	for (uint32_t i = 0; i < WINDOW; i++)
		r->slot[i].bodies = NONE16;
	state_init(&r->state, &setup->cluster);
	r->replaying = true;
	return r;
}

uint32_t everyone(const struct replica *r)
{
	return ((1u << r->n) - 1) & ~(1u << r->self);
}

bool elapsed(const struct replica *r, mono_t since, uint64_t ms)
{
	return !mono_before(r->now, mono_add_ms(since, (int64_t)ms));
}

struct buf out_buf(struct replica *r, size_t n)
{
	struct buf b;

	MUST(n <= OUT_BYTES - r->out_len);
	buf_init(&b, r->outbox + r->out_len, n);
	return b;
}

struct buf out_msg(struct replica *r, enum msg_type type, uint64_t slot, size_t n)
{
	struct buf b = out_buf(r, MSG_HEAD_BYTES + n);

	msg_head_put(&b, type, r->config, r->view, slot);
	return b;
}

struct replica_effect *out_push(struct replica *r, enum replica_effect_type type)
{
	struct replica_effect *e;

	MUST(r->out->n < REPLICA_EFFECTS_MAX);
	if (type != REPLICA_PERSIST)
		r->chain.back = 0; /* the driver syncs before it runs this */
	e = &r->out->e[r->out->n++];
	*e = (struct replica_effect){ .type = type };
	return e;
}

static void fill(struct replica *r, struct replica_effect *e, struct buf *b)
{
	MUST(buf_ok(b));
	e->bytes = b->mem;
	e->len = b->len;
	r->out_len += b->len;
}

void out_send(struct replica *r, uint32_t to, struct buf *b)
{
	struct replica_effect *e;

	to &= everyone(r);
	if (r->replaying || !to)
		return;
	e = out_push(r, REPLICA_SEND);
	e->to = to;
	fill(r, e, b);
}

void out_copy(struct replica *r, uint32_t to, const uint8_t *p, size_t len)
{
	struct buf b = out_buf(r, len);

	buf_put_bytes(&b, p, len);
	out_send(r, to, &b);
}

void out_body(struct replica *r, uint32_t to, enum msg_type type, uint64_t slot, const uint8_t *p,
	      size_t len)
{
	struct buf b = out_msg(r, type, slot, len);

	buf_put_bytes(&b, p, len);
	out_send(r, to, &b);
}

void out_reply(struct replica *r, uint64_t chan, struct buf *b)
{
	struct replica_effect *e;

	if (r->replaying || !chan)
		return;
	e = out_push(r, REPLICA_REPLY);
	e->chan = chan;
	fill(r, e, b);
}

void out_note(struct replica *r, enum replica_note note, int64_t value)
{
	struct replica_effect *e;

	if (r->replaying)
		return;
	e = out_push(r, REPLICA_NOTE);
	e->note = note;
	e->value = value;
}

/* Room for one more executed slot with all its answers, and for what else a step may say. */
bool out_has_room(const struct replica *r)
{
	return r->replaying || (r->out->n + OUTCOMES_MAX + 128 <= REPLICA_EFFECTS_MAX &&
				r->out_len + REPLY_ROOM + 6 * REPLICA_FRAME_MAX <= OUT_BYTES);
}

void replica_progress(struct replica *r)
{
	r->progress = r->now;
}

void replica_cease(struct replica *r, enum replica_note why)
{
	if (why == NOTE_REMOVED)
		r->removed = true;
	r->observer = true;
	r->fresh = false;
	out_note(r, why, (int64_t)r->state.slot);
}

mono_t earlier(mono_t a, mono_t b)
{
	if (!a.us)
		return b;
	return b.us && mono_before(b, a) ? b : a;
}

static void arm(struct replica *r)
{
	mono_t at = mono_add_ms(r->progress, STATUS_MS);

	at = earlier(at, intake_deadline(r));
	at = earlier(at, normal_deadline(r));
	at = earlier(at, view_deadline(r));
	if (r->n > 1)
		at = earlier(at, mono_add_ms(r->asked_at, CLOCK_MS));
	if (r->behind)
		at = earlier(at, mono_add_ms(r->asked_at, ASK_GAP_MS));
	if (r->again)
		at = r->now;
	if (r->transfer.active)
		at = earlier(at, mono_add_ms(r->transfer.since, FETCH_MS));
	if (r->fetch_since.us)
		at = earlier(at, mono_add_ms(r->fetch_since, FETCH_MS));
	if (mono_before(at, mono_add_us(r->now, 1)) && !r->again)
		at = mono_add_ms(r->now, 1); /* what is overdue had its turn */
	if (at.us == r->armed.us)
		return;
	r->armed = at;
	out_push(r, REPLICA_ARM)->at = at;
}

static enum replica_verdict dispatch(struct replica *r, uint32_t from, const uint8_t *p, size_t len)
{
	struct msg_head h;
	struct buf b;

	buf_over(&b, p, len);
	if (from >= r->n || from == r->self || len > REPLICA_FRAME_MAX || !msg_head_get(&b, &h))
		return REPLICA_MALFORMED;
	if (h.type == MSG_STABLE) {
		struct cert c;

		return cert_get(&b, &c) && buf_done(&b) ? ckpt_certificate(r, &c) :
							   REPLICA_MALFORMED;
	}
	if (h.type == MSG_GET)
		return fetch_get(r, from, &h, &b);
	if (h.type == MSG_CHUNK)
		return fetch_chunk(r, from, &h, &b);
	if (h.type == MSG_STATUS)
		return sync_answer(r, from, &h, &b);
#ifndef BUG_OLD_CONFIG
	if (h.config != r->config)
		return REPLICA_OTHER_CONFIG;
#endif
	switch (h.type) {
	case MSG_PREPREPARE:
		return normal_preprepare(r, from, &h, &b);
	case MSG_PREPARE:
	case MSG_COMMIT:
		return normal_vote(r, from, &h, &b);
	case MSG_HEARD:
		return heard_message(r, from, &h, &b);
	case MSG_CLAIM:
		return sync_claim(r, from, &h, &b);
	case MSG_FORWARD:
		return intake_forward(r, from, &b);
	case MSG_FETCH:
		return sync_fetch(r, from, &h, &b);
	case MSG_BODY:
		return sync_body(r, from, &h, &b);
	case MSG_CHECKPOINT:
		return ckpt_message(r, from, &h, &b);
	case MSG_SUSPECT:
		return buf_done(&b) ? view_suspected(r, from, &h) : REPLICA_MALFORMED;
	case MSG_VIEWCHANGE:
		return view_change(r, from, p, len);
	case MSG_NEWVIEW:
		return view_new(r, from, p, len);
	default:
		return REPLICA_MALFORMED;
	}
}

static void tick(struct replica *r)
{
	intake_tick(r);
	normal_tick(r);
	view_tick(r);
	sync_tick(r);
	fetch_tick(r);
}

static void begin(struct replica *r, mono_t now, int64_t wall_us, struct replica_effects *out)
{
	r->now = now;
	r->wall_us = wall_us;
	r->out = out;
	r->out_len = 0;
	r->again = false;
	r->chain.back = 0; /* the driver synced when it was done with the last step */
	out->n = 0;
}

/* More requests may stand in other channels: the batch is closed by the timer, which the driver
 * fires when all were read that had come. */
static void propose_soon(struct replica *r)
{
	const struct slot *x = slot_at(r, r->state.slot + 1);

	if (is_leader(r) && r->pending && x && !x->proposed && !normal_holds(r))
		r->again = true;
}

/* The driver writes the new log as all stands when the step is over. So a step that cuts the log
 * ends with that: what comes next would first go to the old log, and may be out of its window or
 * configuration, and a crash in between would leave a log that nobody can read. */
static bool cut_log(struct replica *r)
{
	if (!r->switch_due)
		return false;
	log_switch(r);
	r->again = r->resumes = true;
	arm(r);
	return true;
}

static void resume(struct replica *r)
{
	if (!r->resumes)
		return;
	r->resumes = false;
	normal_advance_all(r);
}

static void finish(struct replica *r, bool more_to_come)
{
	if (cut_log(r))
		return;
	ckpt_resume(r);
	normal_execute(r);
	if (more_to_come)
		propose_soon(r);
	else
		normal_propose(r);
#ifndef BUG_LOG_GROWS
	if (r->log_bytes > LOG_SWITCH_BYTES)
		log_switch(r);
#endif
	arm(r);
}

void replica_start(struct replica *r, mono_t now, int64_t wall_us, struct replica_effects *out)
{
	begin(r, now, wall_us, out);
	r->replaying = false;
	r->progress = r->beat = r->view_since = now;
	r->switch_due = true; /* a whole log, whatever state the old one was left in */
	if (r->observer)
		out_note(r, NOTE_OBSERVER, 0);
	if (r->ckpt->c.slot > r->h && !r->ckpt->saved) {
		struct replica_effect *e = out_push(r, REPLICA_SAVE);

		r->ckpt->waiting = true;
		e->slot = r->ckpt->c.slot;
		e->bytes = r->ckpt->bytes;
		e->len = r->ckpt->len;
	}
	sync_status(r, everyone(r));
	finish(r, false);
}

enum replica_verdict replica_step(struct replica *r, const struct replica_event *ev,
				  struct replica_effects *out)
{
	enum replica_verdict v = REPLICA_OK;

	begin(r, ev->now, ev->wall_us, out);
	resume(r);
	switch (ev->type) {
	case REPLICA_REQUEST:
		v = intake_request(r, ev);
		break;
	case REPLICA_MESSAGE:
		v = dispatch(r, ev->from, ev->bytes, ev->len);
		break;
	case REPLICA_LINK:
		if (ev->from < r->n)
			sync_status(r, 1u << ev->from);
		break;
	case REPLICA_TIMER:
		r->armed = mono_us(0);
		tick(r);
		break;
	case REPLICA_SAVED:
		ckpt_saved(r, ev->slot);
		break;
	}
	r->verdicts[v]++;
	finish(r, ev->type != REPLICA_TIMER);
	return v;
}

void replica_status(const struct replica *r, struct replica_status *s)
{
	memset(s, 0, sizeof *s);
	s->config = r->config;
	s->self = r->self;
	s->leader = leader_of(r, r->view);
	s->view = r->view;
	s->active = r->active;
	s->observer = r->observer;
	s->slot = r->state.slot;
	s->stable = r->h;
	s->time_us = r->state.time_us;
	s->tuples = r->state.space.live;
	s->sessions = r->state.sessions;
	s->waiters = r->state.waiters;
	s->pending = r->pending;
	for (uint32_t i = 0; i < r->n; i++)
		s->peer_slot[i] = i == r->self ? r->state.slot : r->peer[i].slot;
	memcpy(s->verdicts, r->verdicts, sizeof s->verdicts);
}

uint32_t replica_roles(const struct replica *r, const struct fp *fp)
{
	return state_roles(&r->state, fp);
}

const struct cluster *replica_members(const struct replica *r, uint32_t *config)
{
	*config = r->config;
	return &r->members;
}

bool replica_load(struct replica *r, const uint8_t *p, size_t len)
{
	struct image *m = r->base;

	if (len > SNAP_BYTES_MAX || !snap_read(&r->state, &r->setup.cluster, p, len))
		return false;
	memcpy(m->bytes, p, len);
	m->len = len;
	m->manifest_len = snap_manifest(m->bytes, len, m->manifest);
	m->c = (struct checkpoint){ .slot = r->state.slot, .time_us = r->state.time_us };
	memcpy(m->c.digest, r->state.digest, DIGEST_BYTES);
	snap_root(m->manifest, m->manifest_len, m->c.root);
	m->saved = true;
	return true;
}
