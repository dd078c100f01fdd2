/* tuple/intake.c - what clients ask: admission, timers, and what goes into the next batch
 *
 * A request is known at first hand from its client's channel, or signed. When half its time is
 * over the client is asked to sign it; signed requests are forwarded to the leader, and only they
 * bring suspicion on him: else a client that talks to all but the leader could depose him at will.
 * One that is not next in its session is a stray: nobody can order it, so nobody is to blame. Its
 * session may only be late here; then its time begins when its turn has come. Else it goes soon,
 * and at once when another needs its place. */
#include <string.h>

#include "core/check.h"
#include "tuple/pbft.h"

enum {
	CHECK_BURST = 64,   /* signatures at once, of a key with all its sessions, */
	CHECK_MS = 40,	    /* and then one a time: 2 % of a core */
	DISTRUST_MS = 4000, /* doubles up to the next with each time that comes soon */
	DISTRUST_MS_MAX = 60000,
};

static void stored(const struct replica *r, const struct pending *p, struct request *q)
{
	size_t len;
	uint8_t *mem = arena_get(&r->asked, p->block, &len);
	struct buf b;

	buf_over(&b, mem, len);
	MUST(request_get_entry(&b, q));
}

static void unlink_pending(struct replica *r, struct pending *p)
{
	if (p->prev == NONE16)
		r->pending_first = p->next;
	else
		r->pend[p->prev].next = p->next;
	if (p->next == NONE16)
		r->pending_last = p->prev;
	else
		r->pend[p->next].prev = p->prev;
#ifndef BUG_PENDING_LEAK
	arena_del(&r->asked, p->block);
#endif
	p->used = false;
	r->pending--;
}

static void link_pending(struct replica *r, uint16_t i)
{
	struct pending *p = &r->pend[i];

	p->prev = (uint16_t)r->pending_last;
	p->next = NONE16;
	if (p->prev == NONE16)
		r->pending_first = i;
	else
		r->pend[p->prev].next = i;
	r->pending_last = i;
	r->pending++;
}

static struct pending *find_session(struct replica *r, const struct request *q)
{
	for (uint32_t i = r->pending_first; i != NONE16; i = r->pend[i].next)
		if (!memcmp(r->pend[i].session, q->session, SESSION_BYTES) &&
		    fp_eq(&r->pend[i].client, &q->client))
			return &r->pend[i];
	return NULL;
}

/* The very bytes, signature and all, of a request whose signature was checked on its way in. */
bool intake_has_signed(struct replica *r, const struct request *q)
{
	struct pending *p = find_session(r, q);
	struct request have;

	if (!p || !p->is_signed)
		return false;
	stored(r, p, &have);
	return have.body_len == q->body_len && !memcmp(have.body, q->body, q->body_len) &&
	       have.sig_len == q->sig_len && !memcmp(have.sig, q->sig, q->sig_len);
}

struct pending *intake_find(struct replica *r, const struct request *q)
{
	struct pending *p = find_session(r, q);
	struct request have;

	if (!p || p->no != q->no)
		return NULL;
	stored(r, p, &have);
	if (have.op_len != q->op_len || memcmp(have.op, q->op, q->op_len))
		return NULL;
	return p;
}

static uint32_t count_key(const struct replica *r, const struct fp *client)
{
	uint32_t n = 0;

	for (uint32_t i = r->pending_first; i != NONE16; i = r->pend[i].next)
		n += fp_eq(&r->pend[i].client, client);
	return n;
}

/* Nothing stands between it and a batch? (Without a session it is answered that there is none.) */
static bool in_order(const struct replica *r, const struct pending *p)
{
	return state_next(&r->state, state_session(&r->state, &p->client, p->session), p->no,
			  p->withdraws);
}

/* One that is in order takes the places of strays; of the same client's, when that has too many. */
static bool make_room(struct replica *r, const struct pending *new, size_t len)
{
	uint32_t own = count_key(r, &new->client), next;

	for (uint32_t i = r->pending_first; own >= PENDING_PER_KEY || r->pending == PENDING_MAX ||
					    !arena_fits(&r->asked, len); i = next) {
		bool is_own;

		if (new->stray || i == NONE16)
			return false;
		next = r->pend[i].next;
		is_own = fp_eq(&r->pend[i].client, &new->client);
		if (!r->pend[i].stray || (!is_own && own >= PENDING_PER_KEY))
			continue;
		unlink_pending(r, &r->pend[i]);
		own -= is_own;
	}
	return true;
}

static enum replica_verdict add(struct replica *r, const struct request *q, uint64_t chan)
{
	size_t len = request_entry_bytes(q);
	struct pending *p, new = { .used = true, .is_signed = q->is_signed, .chan = chan,
				   .client = q->client, .no = q->no, .since = r->now,
				   .withdraws = request_withdraws(q) };
	struct buf b;
	uint16_t i = 0;

	memcpy(new.session, q->session, SESSION_BYTES);
	new.stray = !in_order(r, &new);
	if (!make_room(r, &new, len))
		return REPLICA_BUSY;
	while (r->pend[i].used)
		i++;
	p = &r->pend[i];
	*p = new;
	buf_init(&b, r->scratch, sizeof r->scratch);
	request_put_entry(&b, q);
	MUST(buf_ok(&b));
	p->block = arena_add(&r->asked, b.mem, b.len);
	link_pending(r, i);
	return REPLICA_OK;
}

static void notice(struct replica *r, enum client_msg type, const struct request *q, uint64_t chan)
{
	struct buf b = out_buf(r, 64);

	notice_put(&b, type, q->session, q->no, r->state.time_us);
	out_reply(r, chan, &b);
}

/* Executed already? Its answer goes out again. */
static bool answered(struct replica *r, const struct request *q, uint64_t chan)
{
	uint16_t session = state_session(&r->state, &q->client, q->session);
	struct reply reply;
	struct buf b;

	if (session == SESSION_NONE || q->no > r->state.session[session].last ||
	    state_next(&r->state, session, q->no, request_withdraws(q)))
		return false;
	if (q->no < r->state.session[session].last)
		return true;
	r->chan[session] = chan;
	if (!state_reply(&r->state, session, &reply))
		return true;
	b = out_buf(r, REPLY_FRAME_MAX);
	reply_put(&b, &reply);
	out_reply(r, chan, &b);
	return true;
}

/* A request of a session that has one pending already: true when nothing is left to do. */
static bool replaces(struct replica *r, const struct request *q, uint64_t chan)
{
	struct pending *p = find_session(r, q);
	bool word = request_withdraws(q);

	if (!p)
		return false;
	if (q->no < p->no)
		return true;
	if (q->no == p->no) {
		p->chan = chan ? chan : p->chan;
		if (word == p->withdraws ? p->is_signed || !q->is_signed : word)
			return true; /* a withdrawal waits until its wait was executed */
	}
	return false;
}

/* A client may have its signatures checked, but not as many as keep a replica busy. */
static bool may_check(struct replica *r, const struct fp *client)
{
	struct checks *c = NULL;

	for (uint32_t i = 0; i < CHECKS_MAX; i++) {
		struct checks *k = &r->checks[i];
		bool own = fp_eq(&k->client, client);

		if (own || (!c && !mono_before(r->now, k->full)))
			c = k;
		if (own)
			break;
	}
	if (!c || mono_diff_us(c->full, r->now) > (CHECK_BURST - 1) * CHECK_MS * 1000)
		return false;
	c->full = mono_add_ms(mono_before(c->full, r->now) ? r->now : c->full, CHECK_MS);
	c->client = *client;
	return true;
}

static enum replica_verdict take(struct replica *r, const struct request *q, uint64_t chan)
{
	mono_t since = r->now;
	struct pending *p;
	enum replica_verdict v;

	if (replaces(r, q, chan))
		return REPLICA_DUPLICATE;
	/* What another replica forwards was counted there: else a client that keeps the leader busy
	 * with one request could have it suspected for another. */
	if (q->is_signed && chan && !may_check(r, &q->client))
		return REPLICA_BUSY;
	if (q->is_signed && !request_verify(q, r->cluster_id, &r->setup.signer))
		return REPLICA_BAD_SIG;
	p = find_session(r, q);
	if (p) {
		since = p->no == q->no ? p->since : since;
		unlink_pending(r, p);
	}
	v = add(r, q, chan);
	if (v == REPLICA_OK)
		r->pend[r->pending_last].since = since;
	return v;
}

enum replica_verdict intake_request(struct replica *r, const struct replica_event *ev)
{
	enum replica_verdict v;
	struct request q;

	if (!request_get(&q, &ev->client, ev->bytes, ev->len))
		return REPLICA_MALFORMED;
	if (answered(r, &q, ev->chan))
		return REPLICA_DUPLICATE;
	if (!q.is_signed && intake_distrusted(r, &q.client)) {
		notice(r, MSG_SIGN, &q, ev->chan);
		return REPLICA_UNHEARD;
	}
	v = take(r, &q, ev->chan);
	if (v == REPLICA_BUSY)
		notice(r, MSG_BUSY, &q, ev->chan);
	if (v == REPLICA_OK)
		normal_advance(r, r->state.slot + 1); /* the open batch may have waited for it */
	return v;
}

enum replica_verdict intake_forward(struct replica *r, uint32_t from, struct buf *b)
{
	enum replica_verdict v;
	struct request q;

	(void)from;
	if (!request_get_entry(b, &q) || !buf_done(b) || !q.is_signed)
		return REPLICA_MALFORMED;
	if (answered(r, &q, 0))
		return REPLICA_DUPLICATE;
	v = take(r, &q, 0);
	if (v == REPLICA_OK)
		normal_advance(r, r->state.slot + 1);
	return v;
}

static void restart(struct replica *r, struct pending *p)
{
	p->since = r->now;
	p->asked = false;
}

void intake_executed(struct replica *r, const struct request *q)
{
	struct pending *p = find_session(r, q);

	if (p && p->no <= q->no)
		unlink_pending(r, p);
}

void intake_review(struct replica *r)
{
	for (uint32_t i = r->pending_first; i != NONE16; i = r->pend[i].next) {
		struct pending *p = &r->pend[i];
		bool stray = !in_order(r, p);

		if (p->stray != stray)
			restart(r, p);
		p->stray = stray;
	}
}

uint32_t intake_take(struct replica *r, struct buf *b)
{
	uint32_t n = 0;

	for (uint32_t i = r->pending_first; i != NONE16; i = r->pend[i].next) {
		struct pending *p = &r->pend[i];
		size_t len;
		uint8_t *mem = arena_get(&r->asked, p->block, &len);

		if (n == BATCH_REQUESTS_MAX || len > buf_room(b))
			break;
		if (p->stray || (!p->is_signed && intake_distrusted(r, &p->client)))
			continue;
		buf_put_bytes(b, mem, len);
		n++;
	}
	return n;
}

bool intake_distrusted(struct replica *r, const struct fp *client)
{
	for (uint32_t i = 0; i < DISTRUST_MAX; i++)
		if (r->distrust[i].until.us && fp_eq(&r->distrust[i].client, client))
			return mono_before(r->now, r->distrust[i].until);
	return false;
}

void intake_distrust(struct replica *r, const struct fp *client)
{
	struct distrust *d;
	uint32_t i = 0;

	while (i < DISTRUST_MAX && !(r->distrust[i].until.us &&
				     fp_eq(&r->distrust[i].client, client)))
		i++;
	if (i == DISTRUST_MAX)
		i = r->distrust_next++ % DISTRUST_MAX;
	d = &r->distrust[i];
	if (!fp_eq(&d->client, client) ||
	    !mono_before(r->now, mono_add_ms(d->until, DISTRUST_MS_MAX)))
		d->ms = DISTRUST_MS / 2;
	d->ms = d->ms < DISTRUST_MS_MAX / 2 ? 2 * d->ms : DISTRUST_MS_MAX;
	d->client = *client;
	d->until = mono_add_ms(r->now, d->ms);
}

void intake_restart(struct replica *r)
{
	for (uint32_t i = r->pending_first; i != NONE16; i = r->pend[i].next)
		restart(r, &r->pend[i]);
}

static void forward(struct replica *r, const struct pending *p)
{
	size_t len;
	uint8_t *mem = arena_get(&r->asked, p->block, &len);

	out_body(r, 1u << leader_of(r, r->view), MSG_FORWARD, r->state.slot, mem, len);
}

static bool goes_soon(const struct pending *p)
{
#ifdef BUG_STRAY_TIMED
	(void)p;
	return false;
#else
	return p->stray;
#endif
}

/* One whose time is over: false when it must go. */
static bool overdue(struct replica *r, struct pending *p)
{
	struct request q;

	stored(r, p, &q);
	if (answered(r, &q, p->chan) || goes_soon(p))
		return false;
	if (!p->asked) {
		p->asked = true;
		if (p->is_signed)
			forward(r, p);
		else
			notice(r, MSG_SIGN, &q, p->chan);
		return true;
	}
	if (!p->is_signed && (!is_leader(r) || intake_distrusted(r, &p->client)))
		return false; /* nobody vouches for it: it comes again if it is wanted */
	restart(r, p);
	if (p->is_signed && r->active)
		view_suspect(r);
	return true;
}

/* The next time that something becomes of it; 0: none. A cluster of one has nobody to suspect. */
static mono_t due(const struct replica *r, const struct pending *p)
{
	bool stray = goes_soon(p);
	uint64_t ms = stray ? REQUEST_MS : p->asked ? r->timeout_ms : r->timeout_ms / 2;

	return r->n == 1 && !stray ? mono_us(0) : mono_add_ms(p->since, (int64_t)ms);
}

void intake_tick(struct replica *r)
{
	uint32_t next;

	for (uint32_t i = r->pending_first; i != NONE16; i = next) {
		struct pending *p = &r->pend[i];
		mono_t at;

		next = p->next;
		if (r->transfer.active || r->fetch_since.us)
			p->since = r->now; /* timers stand still while catching up */
		if (r->out->n + 256 > REPLICA_EFFECTS_MAX)
			return; /* the rest has its turn at the next tick */
		at = due(r, p);
		if (at.us && !mono_before(r->now, at) && !overdue(r, p))
			unlink_pending(r, p);
	}
}

mono_t intake_deadline(const struct replica *r)
{
	mono_t at = mono_us(0);

	for (uint32_t i = r->pending_first; i != NONE16; i = r->pend[i].next)
		at = earlier(at, due(r, &r->pend[i]));
	return at;
}
