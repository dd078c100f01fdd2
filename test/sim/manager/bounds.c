/* test/sim/manager/bounds.c - I15: queues, log and memory within bounds, and accounted for
 *
 * What is in use is counted anew from what refers to it: a block that nobody refers to is lost for
 * good, and a counter that is off lets somebody in or keeps somebody out. */
#include "core/check.h"
#include "test/sim/manager/sim.h"

static void demand(struct sim *s, uint32_t i, bool ok, const char *what, uint64_t have,
		   uint64_t want)
{
	if (!ok)
		fail(s, "I15: node %u: %s: %llu, not %llu", i, what, (unsigned long long)have,
		     (unsigned long long)want);
}

static void equal(struct sim *s, uint32_t i, const char *what, uint64_t have, uint64_t want)
{
	demand(s, i, have == want, what, have, want);
}

static void at_most(struct sim *s, uint32_t i, const char *what, uint64_t have, uint64_t max)
{
	demand(s, i, have <= max, what, have, max);
}

/* What a block takes in its arena. */
static uint32_t span(const struct arena *a, uint32_t block)
{
	size_t len;

	if (block == ARENA_NONE)
		return 0;
	arena_get(a, block, &len);
	return (uint32_t)(ARENA_HEAD_BYTES + ((len + 7) & ~(size_t)7));
}

static void check_pending(struct sim *s, uint32_t i, const struct replica *r)
{
	uint32_t n = 0, bytes = 0;

	for (uint32_t k = r->pending_first; k != NONE16 && n <= PENDING_MAX; k = r->pend[k].next) {
		bytes += span(&r->asked, r->pend[k].block);
		n++;
	}
	equal(s, i, "pending requests", r->pending, n);
	equal(s, i, "bytes of pending requests", r->asked.live, bytes);
	at_most(s, i, "bytes of pending requests", bytes, PENDING_BYTES);
}

/* Of an executed slot one batch stays, of others those that somebody may still ask for. */
static void check_bodies(struct sim *s, uint32_t i, struct replica *r)
{
	uint32_t n = 0, bytes = 0, used = 0;

	for (uint64_t k = r->h + 1; k <= r->h + WINDOW; k++) {
		const struct slot *x = slot_at(r, k);
		uint32_t here = 0;

		for (uint16_t b = x->bodies; b != NONE16; b = r->body[b].next, here++)
			bytes += span(&r->bodies, r->body[b].block);
		if (x->executed)
			equal(s, i, "batches of an executed slot", here, 1);
		n += here;
	}
	for (uint32_t k = 0; k < BODIES_MAX; k++)
		used += r->body[k].block != ARENA_NONE;
	equal(s, i, "batches", used, n);
	equal(s, i, "bytes of batches", r->bodies.live, bytes);
}

static void check_sessions(struct sim *s, uint32_t i, const struct state *st)
{
	uint32_t n = 0, bytes = 0, waits = 0;

	for (uint32_t k = 0; k < SESSIONS_MAX; k++) {
		if (!st->session[k].used)
			continue;
		n++;
		waits += st->session[k].waiting;
		bytes += span(&st->answers, st->session[k].answer);
	}
	for (uint32_t k = 0; k < st->waiters; k++)
		bytes += span(&st->answers, st->waiter[k].templ);
	equal(s, i, "sessions", st->sessions, n);
	equal(s, i, "waiters", st->waiters, waits);
	equal(s, i, "bytes of answers", st->answers.live, bytes);
	at_most(s, i, "bytes of answers", bytes, ANSWER_BYTES_MAX);
}

/* What each key holds. */
static void check_accounts(struct sim *s, uint32_t i, const struct state *st)
{
	static struct account sum[ACCOUNTS_MAX];

	for (uint32_t k = 0; k < ACCOUNTS_MAX; k++)
		sum[k] = (struct account){ .used = false };
	for (uint32_t k = 0; k < SESSIONS_MAX; k++) {
		const struct session *x = &st->session[k];

		if (!x->used)
			continue;
		sum[x->account].held++;
		sum[x->account].sessions += !x->closed;
		sum[x->account].waiters += x->waiting;
	}
	for (uint32_t k = st->space.first; k < st->space.entries; k++) {
		const struct space_entry *e = &st->space.entry[k];

		if (e->block == ARENA_NONE)
			continue;
		sum[e->owner].held++;
		sum[e->owner].tuples++;
		sum[e->owner].bytes += (uint32_t)space_tuple_bytes(&st->space, k);
	}
	for (uint32_t k = 0; k < ACCOUNTS_MAX; k++) {
		const struct account *a = &st->account[k];

		equal(s, i, "an account's use", a->used, sum[k].held > 0);
		if (!a->used)
			continue;
		equal(s, i, "what a key holds", a->held, sum[k].held);
		equal(s, i, "a key's sessions", a->sessions, sum[k].sessions);
		equal(s, i, "a key's waiters", a->waiters, sum[k].waiters);
		equal(s, i, "a key's tuples", a->tuples, sum[k].tuples);
		equal(s, i, "a key's bytes", a->bytes, sum[k].bytes);
		at_most(s, i, "a key's sessions", a->sessions, SESSIONS_PER_KEY);
		at_most(s, i, "a key's waiters", a->waiters, WAITERS_PER_KEY);
	}
}

static void check_space(struct sim *s, uint32_t i, const struct space *sp)
{
	uint32_t n = 0, bytes = 0;

	for (uint32_t k = sp->first; k < sp->entries; k++) {
		n += sp->entry[k].block != ARENA_NONE;
		bytes += span(&sp->arena, sp->entry[k].block);
	}
	equal(s, i, "tuples", sp->live, n);
	equal(s, i, "bytes of tuples", sp->arena.live, bytes);
}

/* After every event; `moved`: and when something was executed, all is counted. `cut`: a crash came
 * before all that it had to write was written. */
void check_bounds(struct sim *s, uint32_t i, struct replica *r, bool moved, bool cut)
{
	const struct sim_disk *d = &s->node[i].disk;
	uint64_t log = d->dumped > LOG_SWITCH_BYTES ? d->dumped : LOG_SWITCH_BYTES;

	if (!cut)
		equal(s, i, "bytes of log", r->log_bytes, d->len);
	at_most(s, i, "bytes of log", d->len, log);
	at_most(s, i, "pending requests", r->pending, PENDING_MAX);
	at_most(s, i, "proposals kept", r->stash.count, STASH_MAX);
	at_most(s, i, "slots above the checkpoint", r->state.slot - r->h, WINDOW);
	if (!moved)
		return;
	check_pending(s, i, r);
	check_bodies(s, i, r);
	check_sessions(s, i, &r->state);
	check_accounts(s, i, &r->state);
	check_space(s, i, &r->state.space);
}
