/* tuple/state.c - accounts, sessions and waiters, and the execution of batches
 *
 * Everything that decides is part of the state: agreed time is the batch's, room is counted in live
 * bytes, and numbers of accounts never show. */
#include "tuple/state.h"

#include <string.h>

#include "core/check.h"

enum {
	IDLE_SECONDS = 600,   /* MANAGER.md B.3: sessions unused so long go, none sooner */
	CLOSED_SECONDS = 120, /* longer than a copy of a request can be under way or valid */
	STALE_SECONDS = 60,   /* a signed request is void so long after the time it names */
	SWEEP_SECONDS = 10,
};

void state_init(struct state *st, const struct cluster *cluster)
{
	memset(st, 0, offsetof(struct state, answers)); /* not the big memory behind */
	cluster_id(cluster, st->cluster_id);
	st->cluster = *cluster;
	arena_init(&st->answers, st->mem, sizeof st->mem, st->table, ARRAY_LEN(st->table));
	for (uint32_t i = 0; i < SESSIONS_MAX; i++)
		st->bucket[i] = SESSION_NONE;
	space_init(&st->space);
}

uint32_t state_roles(const struct state *st, const struct fp *fp)
{
	uint32_t roles = cluster_is_admin(&st->cluster, fp) ? ROLE_ADMIN : 0;
	struct tuple templ, t;

	schema_key(&templ, fp);
	for (uint32_t i = space_find(&st->space, &templ, 0, st->time_us); i != SPACE_NONE;
	     i = space_find(&st->space, &templ, i + 1, st->time_us)) {
		space_tuple(&st->space, i, &t);
		roles |= role_parse(t.f[1].bytes, t.f[1].len);
	}
	return roles;
}

uint16_t account_open(struct state *st, const struct fp *fp)
{
	uint16_t unused = ACCOUNTS_MAX;

	for (uint16_t i = 0; i < ACCOUNTS_MAX; i++) {
		if (!st->account[i].used) {
			unused = unused == ACCOUNTS_MAX ? i : unused;
			continue;
		}
		if (fp_eq(&st->account[i].fp, fp))
			return i;
	}
	if (unused < ACCOUNTS_MAX)
		st->account[unused] = (struct account){ .fp = *fp, .used = true,
							.roles = (uint8_t)state_roles(st, fp) };
	return unused;
}

void account_release(struct state *st, uint16_t account)
{
	if (!st->account[account].held)
		st->account[account].used = false;
}

static uint16_t bucket_of(const uint8_t id[static SESSION_BYTES])
{
	return (uint16_t)((id[0] << 8 | id[1]) % SESSIONS_MAX);
}

uint16_t state_session(const struct state *st, const struct fp *client,
		       const uint8_t id[static SESSION_BYTES])
{
	uint16_t i = st->bucket[bucket_of(id)];

	for (; i != SESSION_NONE; i = st->session[i].next)
		if (!memcmp(st->session[i].id, id, SESSION_BYTES) &&
		    fp_eq(&st->account[st->session[i].account].fp, client))
			return i;
	return SESSION_NONE;
}

uint16_t session_open(struct state *st, const struct fp *fp,
		      const uint8_t id[static SESSION_BYTES])
{
	uint16_t at = 0, account;

	if (st->sessions == SESSIONS_MAX)
		return SESSION_NONE;
	account = account_open(st, fp);
	if (account == ACCOUNTS_MAX || st->account[account].sessions >= SESSIONS_PER_KEY)
		return SESSION_NONE; /* a key with sessions has an account that stays */
	while (st->session[at].used)
		at++;
	return session_open_at(st, at, fp, id);
}

uint16_t session_open_at(struct state *st, uint16_t at, const struct fp *fp,
			 const uint8_t id[static SESSION_BYTES])
{
	uint16_t account = account_open(st, fp);

	if (account == ACCOUNTS_MAX)
		return SESSION_NONE;
	st->session[at] = (struct session){ .used = true, .account = account,
					   .answer = ARENA_NONE, .used_us = st->time_us,
					   .next = st->bucket[bucket_of(id)] };
	memcpy(st->session[at].id, id, SESSION_BYTES);
	st->bucket[bucket_of(id)] = at;
	st->account[account].sessions++;
	st->account[account].held++;
	st->sessions++;
	return at;
}

static void drop_answer(struct state *st, struct session *s)
{
	if (s->answer != ARENA_NONE)
		arena_del(&st->answers, s->answer);
	s->answer = ARENA_NONE;
}

void session_remove(struct state *st, uint16_t session)
{
	struct session *s = &st->session[session];
	uint16_t *link = &st->bucket[bucket_of(s->id)];

	for (uint32_t i = st->waiters; i-- > 0;)
		if (st->waiter[i].session == session)
			waiter_remove(st, i);
	while (*link != session)
		link = &st->session[*link].next;
	*link = s->next;
	drop_answer(st, s);
	if (!s->closed)
		st->account[s->account].sessions--;
	st->account[s->account].held--;
	account_release(st, s->account);
	s->used = false;
	st->sessions--;
}

void session_answer(struct state *st, uint16_t session, const struct result *r)
{
	struct session *s = &st->session[session];
	struct result bare = { .code = RESULT_FULL };
	uint8_t mem[RESULT_BYTES_MAX];
	struct buf b;

	buf_init(&b, mem, sizeof mem);
	result_put(&b, r);
	MUST(buf_ok(&b));
	drop_answer(st, s);
	s->answer = arena_add(&st->answers, mem, b.len);
	if (s->answer == ARENA_NONE) {
		buf_init(&b, mem, sizeof mem);
		result_put(&b, &bare);
		s->answer = arena_add(&st->answers, mem, b.len);
	}
	s->waiting = false;
	s->slot = st->slot;
	s->time_us = s->used_us = st->time_us; /* a waiter's session was in use until now */
}

bool state_reply(const struct state *st, uint16_t session, struct reply *r)
{
	static const uint8_t full[] = { RESULT_FULL, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
	const struct session *s = &st->session[session];

	if (s->waiting || !s->last)
		return false;
	memcpy(r->session, s->id, SESSION_BYTES);
	memcpy(r->request, s->request, DIGEST_BYTES);
	r->no = s->last;
	r->slot = s->slot;
	r->time_us = s->time_us;
	r->result = full; /* not even the bare code found room */
	r->result_len = sizeof full;
	if (s->answer != ARENA_NONE)
		r->result = arena_get(&st->answers, s->answer, &r->result_len);
	return true;
}

struct outcome *outcome_note(struct state *st, uint16_t session)
{
	const struct session *s = &st->session[session];
	struct outcome *o = &st->outcome[st->outcomes++];

	MUST(st->outcomes <= OUTCOMES_MAX);
	*o = (struct outcome){ .session = session, .no = s->last };
	o->client = st->account[s->account].fp;
	memcpy(o->id, s->id, SESSION_BYTES);
	return o;
}

bool outcome_lives(const struct state *st, const struct outcome *o)
{
	return o->session != SESSION_NONE &&
	       state_session(st, &o->client, o->id) == o->session;
}

void waiter_remove(struct state *st, uint32_t i)
{
	struct waiter *w = &st->waiter[i];

	st->account[st->session[w->session].account].waiters--;
#ifndef BUG_WAITER_LEAK
	arena_del(&st->answers, w->templ);
#endif
	memmove(w, w + 1, (--st->waiters - i) * sizeof *w);
}

void note_change(struct state *st, const struct tuple *t)
{
	bool member = tuple_is_str(t, 0, "member");

	st->members_changed |= member;
	st->directory_changed |= member || tuple_is_str(t, 0, "node") ||
				 tuple_is_str(t, 0, "device");
}

void tuple_remove(struct state *st, uint32_t entry)
{
	uint16_t owner = st->space.entry[entry].owner;
	struct account *a = &st->account[owner];
	struct tuple t;

	space_tuple(&st->space, entry, &t);
	note_change(st, &t);
	a->tuples--;
	a->bytes -= (uint32_t)space_tuple_bytes(&st->space, entry);
	a->held--;
	space_remove(&st->space, entry);
	account_release(st, owner);
}

static void end_wait(struct state *st, uint32_t i)
{
	struct result none = { .code = RESULT_NONE };
	uint16_t session = st->waiter[i].session;

	waiter_remove(st, i);
	session_answer(st, session, &none);
	outcome_note(st, session);
}

/* Waiters whose time is over get "nothing". */
static void time_out(struct state *st)
{
	for (uint32_t i = 0; i < st->waiters;) {
		if (st->waiter[i].deadline_us > st->time_us)
			i++;
		else
			end_wait(st, i);
	}
}

static void withdraw(struct state *st, uint16_t session)
{
	uint32_t i = 0;

	while (st->waiter[i].session != session)
		i++;
	end_wait(st, i);
}

static void sweep_sessions(struct state *st)
{
	if (st->time_us < st->sweep_us)
		return;
	st->sweep_us = st->time_us + SWEEP_SECONDS * SECOND_US;
	for (uint16_t i = 0; i < SESSIONS_MAX; i++) {
		const struct session *s = &st->session[i];
		int64_t keep = s->closed ? CLOSED_SECONDS : IDLE_SECONDS;

		if (s->used && !s->waiting && st->time_us - s->used_us > keep * SECOND_US)
			session_remove(st, i);
	}
}

static void reclaim(struct state *st)
{
	for (int n = 0; n < RECLAIM_MAX; n++) {
		uint32_t i = space_expired(&st->space, st->time_us);

		if (i == SPACE_NONE)
			return;
		tuple_remove(st, i);
	}
}

static void purge_reserved(struct state *st)
{
	struct space *s = &st->space;
	struct tuple t, m;

	for (uint32_t i = space_find(s, NULL, 0, st->time_us); i != SPACE_NONE;
	     i = space_find(s, NULL, i + 1, st->time_us)) {
		space_tuple(s, i, &t);
		if (!tuple_is_str(&t, 0, "node") && !tuple_is_str(&t, 0, "device"))
			continue;
		schema_all(&m, "member");
		m.f[1] = t.f[0];
		m.f[2] = t.f[1];
		m.f[3] = t.f[2];
		if (space_find(s, &m, 0, st->time_us) == SPACE_NONE)
			tuple_remove(st, i);
	}
}

void members_apply(struct state *st)
{
	for (uint32_t i = 0; i < ACCOUNTS_MAX; i++)
		if (st->account[i].used)
			st->account[i].roles = (uint8_t)state_roles(st, &st->account[i].fp);
	for (uint16_t i = 0; i < SESSIONS_MAX; i++)
		if (st->session[i].used && !st->account[st->session[i].account].roles)
			session_remove(st, i);
#ifndef BUG_EVICTED_STAY
	purge_reserved(st);
#endif
}

static void answer_bare(struct outcome *o, enum result_code code)
{
	o->session = SESSION_NONE;
	o->code = (uint8_t)code;
}

static bool is_stale(const struct state *st, const struct request *q)
{
	int64_t late = st->time_us - STALE_SECONDS * SECOND_US;

	int64_t early = st->time_us + STALE_SECONDS * SECOND_US;

	return q->is_signed && (q->time_us < late || q->time_us > early);
}

bool state_next(const struct state *st, uint16_t session, uint64_t no, bool withdraws)
{
	const struct session *s;

	if (session == SESSION_NONE)
		return !withdraws;
	s = &st->session[session];
	return withdraws == s->waiting && no == s->last + !withdraws;
}

/* The session that the request is next in; SESSION_NONE: o says why there is none. */
static uint16_t enter_session(struct state *st, const struct request *q, struct outcome *o)
{
	uint16_t session = state_session(st, &q->client, q->session);

	if (session != SESSION_NONE) {
		struct session *s = &st->session[session];

		if (!s->closed && !s->waiting && q->no == s->last + 1)
			return session;
		answer_bare(o, s->closed ? RESULT_NO_SESSION : RESULT_BAD);
		return SESSION_NONE;
	}
	o->opened = true;
	if (q->no == 1 && state_roles(st, &q->client)) {
		session = session_open(st, &q->client, q->session);
		if (session == SESSION_NONE)
			answer_bare(o, RESULT_QUOTA);
		return session;
	}
	answer_bare(o, q->no == 1 ? RESULT_DENIED : RESULT_NO_SESSION);
	return SESSION_NONE;
}

static void run_request(struct state *st, const struct request *q)
{
	uint16_t session = state_session(st, &q->client, q->session);
	struct outcome *o;
	struct op op;

	if (session != SESSION_NONE && q->no <= st->session[session].last) {
		if (state_next(st, session, q->no, request_withdraws(q)))
			withdraw(st, session);
		return; /* once is enough: its answer is on record */
	}
	MUST(st->outcomes < OUTCOMES_MAX);
	o = &st->outcome[st->outcomes++];
	*o = (struct outcome){ .client = q->client, .no = q->no };
	memcpy(o->id, q->session, SESSION_BYTES);
	request_digest(q, o->request);
	if (is_stale(st, q)) {
		answer_bare(o, RESULT_STALE);
		return;
	}
	session = enter_session(st, q, o);
	if (session == SESSION_NONE)
		return;
	o->session = session;
	st->session[session].last = q->no;
	st->session[session].used_us = st->time_us;
	memcpy(st->session[session].request, o->request, DIGEST_BYTES);
	if (op_get(&op, q->op, q->op_len))
		state_operate(st, session, &op, o);
	else
		session_answer(st, session, &(struct result){ .code = RESULT_BAD });
	if (st->members_changed)
		members_apply(st);
}

bool state_due(const struct state *st, size_t len)
{
	return st->slot + 1 >= st->checkpoint + CHECKPOINT_SLOTS ||
	       st->bytes + len >= CHECKPOINT_BYTES;
}

bool state_execute(struct state *st, const struct batch *x, size_t len,
		   const uint8_t d[static DIGEST_BYTES])
{
	bool due = state_due(st, len), members = false;
	struct buf b = x->requests;
	struct request q;

	st->slot++;
	st->time_us = x->time_us;
	memcpy(st->digest, d, DIGEST_BYTES);
	st->bytes += (uint32_t)len;
	st->outcomes = 0;
	st->swapping = st->members_changed = st->directory_changed = false;
	time_out(st);
	reclaim(st);
	sweep_sessions(st);
	for (uint32_t i = 0; i < x->count; i++) {
		MUST(request_get_entry(&b, &q));
		run_request(st, &q);
		members |= st->members_changed;
		st->members_changed = false;
	}
	st->members_changed = members;
	if (!due && !st->swapping)
		return false;
	st->checkpoint = st->slot;
	st->bytes = 0;
	return true;
}

bool state_needs_time(const struct state *st)
{
	return st->waiters || st->space.next_expiry_us != SPACE_FOREVER;
}
