/* cmd/quorum.c - speak to the manager: calls in line, each with f+1 equal answers */
#include "cmd/quorum.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/quorum_inner.h"
#include "cmd/report.h"
#include "core/check.h"
#include "core/secret.h"

/* Now, as the sessions see it from when the operation was asked for. */
static mono_t session_now(const struct quorum *q)
{
	return mono_add_us(loop_now(q->loop), session_slept_us() - q->slept_us);
}

static void begin_session(struct quorum *q, bool fresh)
{
	uint8_t session[SESSION_BYTES];
	struct client_effects none;
	uint64_t no = 0;

	if (fresh || q->user == QUORUM_ROLE)
		secret_bytes(session, sizeof session);
	else
		session_take(&q->file, q->p, session, &no);
	client_init(&q->client, &q->p->cluster, &q->signer, session);
	q->client.no = no;
	client_link(&q->client, loop_now(q->loop), quorum_channels_up(q), &none);
}

static void run_effects(struct quorum *q, const struct client_effects *out);

/* Takes the call under way out of the line and tells its owner. */
static void end_call(struct quorum *q, int code, const struct result *r)
{
	struct quorum_call *call = q->first;

	q->first = call->next;
	if (!q->first)
		q->last = NULL;
	call->queued = false;
	q->begun = false;
	loop_disarm(q->loop, &q->call_timer);
	q->in_done = true;
	call->done(call, code, r);
	q->in_done = false;
}

/* Asks, for a slice of the wait when that is long. A slice that ended without a match changed
 * nothing, and the next one first takes what has come in between. */
static void ask(struct quorum *q)
{
	struct client_effects out = { 0 };
	mono_t now = loop_now(q->loop);
	int64_t left_ms = (mono_diff_us(q->wait_end, now) + 999) / 1000;
	struct op op = q->first->op;

	op.wait_ms = left_ms < 0 ? 0 : (uint32_t)left_ms;
	if (op.wait_ms > QUORUM_SLICE_MS)
		op.wait_ms = QUORUM_SLICE_MS;
	q->call_end = mono_add_ms(now, op.wait_ms + QUORUM_CALL_MS);
	q->partial_end = mono_add_ms(now, QUORUM_PARTIAL_MS);
	q->slept_us = session_slept_us();
	loop_arm(q->loop, &q->call_timer, mono_add_ms(now, QUORUM_GRACE_MS));
	session_note(&q->file, q->client.session, q->client.no + 1, true);
	MUST(client_call(&q->client, now, &op, &out));
	run_effects(q, &out);
}

static void begin_call(struct quorum *q)
{
	q->begun = true;
	q->sliced = q->full = false;
	q->wait_end = mono_add_ms(loop_now(q->loop), q->first->op.wait_ms);
	ask(q);
}

/* Begins the first in line unless it is under way; where nobody knows us it ends at once. */
static void next_call(struct quorum *q)
{
	while (q->first && !q->begun && !q->in_done) {
		if (q->standing == QUORUM_DENIED)
			end_call(q, EXIT_DENIED, NULL);
		else
			begin_call(q);
	}
}

/* Gives up the call under way, and with it the session. */
static void fail_call(struct quorum *q, int code)
{
	enum op_type op = q->first->op.type;

	for (uint32_t i = 0; i < quorum_n(q); i++)
		q->ch[i].word = client_word(&q->client, i);
	q->doubtful = !q->client.held && op != OP_RDP && op != OP_RD && op != OP_RDALL;
	begin_session(q, true);
	loop_disarm(q->loop, &q->client_timer);
	end_call(q, code, NULL);
	next_call(q);
}

/* What waits for a tuple does so while there is a quorum. */
static bool hopeless(struct quorum *q, mono_t now)
{
	uint32_t up = bits(quorum_channels_up(q));

	if (up >= quorum_n(q) - q->p->cluster.faults)
		q->partial_end = mono_add_ms(now, QUORUM_PARTIAL_MS);
	return up < quorum_enough(q) || !mono_before(now, q->call_end) ||
	       !mono_before(now, q->partial_end);
}

static void call_late(struct timer *t, mono_t now)
{
	struct quorum *q = container_of(t, struct quorum, call_timer);

	if (q->full) {
		q->full = false;
		ask(q);
	} else if (hopeless(q, now))
		fail_call(q, EXIT_QUORUM);
	else
		loop_arm(q->loop, t, mono_add_ms(now, QUORUM_GRACE_MS));
}

static void no_session(struct quorum *q)
{
	if (!client_may_repeat(&q->client, session_now(q))) {
		fail_call(q, EXIT_QUORUM);
		return;
	}
	begin_session(q, true);
	ask(q);
}

/* Another slice of a wait that is not over. When its place went to another wait of this key between
 * two slices, it gets the next that is free. */
static bool waits_on(struct quorum *q, const struct result *r)
{
	mono_t now = loop_now(q->loop);

	if (!mono_before(now, q->wait_end))
		return false;
	if (r->code == RESULT_NONE) {
		q->sliced = true;
		ask(q);
		return true;
	}
	q->full = r->code == RESULT_QUOTA && q->sliced;
	if (q->full)
		loop_arm(q->loop, &q->call_timer, mono_add_ms(now, QUORUM_FULL_MS));
	return q->full;
}

static void take_answer(struct quorum *q, const struct result *r)
{
	bool nothing = r->code == RESULT_NONE ||
		       (r->code == RESULT_NO_SESSION &&
			client_may_repeat(&q->client, session_now(q)));
	bool withdrawn = q->client.withdrawn && nothing;

	if (r->code == RESULT_NO_SESSION && !withdrawn) {
		no_session(q);
		return;
	}
	session_note(&q->file, q->client.session, q->client.no, false);
	if (!q->client.withdrawn && waits_on(q, r))
		return;
	end_call(q, withdrawn ? EXIT_INTERRUPTED : 0, r);
	next_call(q);
}

/* CLIENT_DONE comes last: it may begin the next operation. */
static void run_effects(struct quorum *q, const struct client_effects *out)
{
	const struct result *r = NULL;

	for (uint32_t i = 0; i < out->n; i++) {
		const struct client_effect *e = &out->e[i];

		if (e->type == CLIENT_SEND)
			quorum_send_to(q, e->to, e->bytes, e->len);
		else if (e->type == CLIENT_ARM)
			loop_arm(q->loop, &q->client_timer, e->at);
		else
			r = e->result;
	}
	if (r)
		take_answer(q, r);
}

static void client_due(struct timer *t, mono_t now)
{
	struct quorum *q = container_of(t, struct quorum, client_timer);
	struct client_effects out = { 0 };

	client_timer(&q->client, now, &out);
	run_effects(q, &out);
}

void quorum_stands(struct quorum *q, enum quorum_standing s)
{
	if (s == q->standing)
		return;
	q->standing = s;
	if (s == QUORUM_DENIED && q->begun)
		fail_call(q, EXIT_DENIED);
	if (q->on_standing)
		q->on_standing(q->owner);
	next_call(q);
}

void quorum_linked(struct quorum *q)
{
	struct client_effects out = { 0 };

	client_link(&q->client, session_now(q), quorum_channels_up(q), &out);
	run_effects(q, &out);
}

void quorum_heard(struct quorum *q, uint32_t index, const uint8_t *p, size_t len)
{
	struct client_effects out = { 0 };

	client_message(&q->client, loop_now(q->loop), index, p, len, &out);
	run_effects(q, &out);
}

struct quorum *quorum_open(struct party *p, struct loop *l, enum quorum_user user)
{
	struct quorum *q = calloc(1, sizeof *q);

	if (!q) {
		report_error(p->common, EXIT_FAILED, "free some memory", "manager",
			     "out of memory");
		return NULL;
	}
	q->p = p;
	q->user = user;
	q->file.fd = -1;
	q->loop = l;
	q->client_timer.fire = client_due;
	q->call_timer.fire = call_late;
	signer_ident(&q->signer, &p->id);
	begin_session(q, false);
	l->now = mono_now();
	for (uint32_t i = 0; i < p->cluster.n; i++)
		quorum_open_channel(q, i);
	return q;
}

void quorum_close(struct quorum *q)
{
	for (uint32_t i = 0; i < quorum_n(q); i++) {
		conn_close(&q->ch[i].conn);
		loop_disarm(q->loop, &q->ch[i].retry);
	}
	loop_disarm(q->loop, &q->client_timer);
	loop_disarm(q->loop, &q->call_timer);
	session_leave(&q->file);
	wipe(q, sizeof *q);
	free(q);
}

void quorum_call(struct quorum *q, struct quorum_call *call)
{
	MUST(!call->queued);
	call->queued = true;
	call->next = NULL;
	*(q->last ? &q->last->next : &q->first) = call;
	q->last = call;
	next_call(q);
}

void quorum_cancel(struct quorum *q, struct quorum_call *call)
{
	struct quorum_call **at = &q->first;
	struct quorum_call *before = NULL;

	if (!call->queued)
		return;
	if (q->first == call && q->begun) {
		begin_session(q, true);
		loop_disarm(q->loop, &q->client_timer);
		loop_disarm(q->loop, &q->call_timer);
		q->begun = false;
	}
	for (; *at != call; at = &(*at)->next)
		before = *at;
	*at = call->next;
	if (q->last == call)
		q->last = before;
	call->queued = false;
	next_call(q);
}

void quorum_withdraw(struct quorum *q)
{
	struct client_effects out;
	mono_t now = loop_now(q->loop);

	if (!q->begun)
		return;
	if (q->full) { /* nothing is under way */
		end_call(q, EXIT_INTERRUPTED, NULL);
		next_call(q);
		return;
	}
	if (q->client.held || q->client.withdrawn) {
		fail_call(q, q->client.held ? EXIT_INTERRUPTED : EXIT_QUORUM);
		return;
	}
	client_withdraw(&q->client, now, &out);
	run_effects(q, &out);
	q->call_end = mono_add_ms(now, QUORUM_WITHDRAW_MS);
	loop_arm(q->loop, &q->call_timer, q->call_end);
}

enum quorum_standing quorum_standing(const struct quorum *q)
{
	return q->standing;
}

void quorum_on_standing(struct quorum *q, void (*fn)(void *owner), void *owner)
{
	q->on_standing = fn;
	q->owner = owner;
}

void quorum_on_directory(struct quorum *q, void (*fn)(void *owner), void *owner)
{
	q->on_directory = fn;
	q->directory_owner = owner;
}

struct party *quorum_party(const struct quorum *q)
{
	return q->p;
}

struct loop *quorum_loop(const struct quorum *q)
{
	return q->loop;
}
