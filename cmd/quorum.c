/* cmd/quorum.c - speak to the manager: a channel to every replica, and f+1 equal answers */
#include "cmd/quorum.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/quorum_inner.h"
#include "cmd/report.h"
#include "core/check.h"
#include "core/log.h"
#include "core/secret.h"

enum {
	HANDSHAKE_MS = 5000,
	SILENCE_MS = 20000,
	RETRY_MS = 100, /* doubles up to the next */
	RETRY_MS_MAX = 5000,
};

static uint32_t quorum_n(const struct quorum *q)
{
	return q->p->cluster.n;
}

/* Enough that one of them is correct. */
static uint32_t enough(const struct quorum *q)
{
	return q->p->cluster.faults + 1;
}

static uint32_t channels_up(const struct quorum *q)
{
	uint32_t mask = 0;

	for (uint32_t i = 0; i < quorum_n(q); i++)
		mask |= (uint32_t)(conn_state(&q->ch[i].conn) == CONN_OPEN) << i;
	return mask;
}

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
	client_link(&q->client, loop_now(q->loop), channels_up(q), &none);
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
	uint32_t up = bits(channels_up(q));

	if (up >= quorum_n(q) - q->p->cluster.faults)
		q->partial_end = mono_add_ms(now, QUORUM_PARTIAL_MS);
	return up < enough(q) || !mono_before(now, q->call_end) ||
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

static void send_to(struct quorum *q, uint32_t to, const uint8_t *p, size_t len)
{
	for (uint32_t i = 0; i < quorum_n(q); i++)
		if (to & 1u << i && conn_state(&q->ch[i].conn) == CONN_OPEN)
			conn_send(&q->ch[i].conn, p, len);
}

/* CLIENT_DONE comes last: it may begin the next operation. */
static void run_effects(struct quorum *q, const struct client_effects *out)
{
	const struct result *r = NULL;

	for (uint32_t i = 0; i < out->n; i++) {
		const struct client_effect *e = &out->e[i];

		if (e->type == CLIENT_SEND)
			send_to(q, e->to, e->bytes, e->len);
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

/* Counts what the replicas said; unchanged while too few say anything. */
static void judge_standing(struct quorum *q)
{
	uint32_t admitted = 0, denied = 0;
	enum quorum_standing s = q->standing;

	for (uint32_t i = 0; i < quorum_n(q); i++) {
		admitted += q->ch[i].has_hello && q->ch[i].hello.roles;
		denied += q->ch[i].has_hello && !q->ch[i].hello.roles;
	}
	if (admitted >= enough(q))
		s = QUORUM_ADMITTED;
	else if (denied >= enough(q))
		s = QUORUM_DENIED;
	if (s == q->standing)
		return;
	q->standing = s;
	if (s == QUORUM_DENIED && q->begun)
		fail_call(q, EXIT_DENIED);
	if (q->on_standing)
		q->on_standing(q->owner);
	next_call(q);
}

static void take_hello(struct replica_channel *ch, const uint8_t *p, size_t len)
{
	struct quorum *q = ch->q;

	ch->has_hello = hello_get(&ch->hello, p, len) && ch->hello.index == ch->index;
	if (!ch->has_hello)
		return;
	if (memcmp(ch->hello.cluster, q->p->cluster_id, 32))
		log_warn("replica %u serves another cluster file than ours", ch->index);
	ch->retry_ms = ch->hello.roles ? RETRY_MS : RETRY_MS_MAX;
	judge_standing(q);
}

/* A channel came up, or went. */
static void tell_client(struct quorum *q)
{
	struct client_effects out = { 0 };

	client_link(&q->client, session_now(q), channels_up(q), &out);
	run_effects(q, &out);
}

static void on_open(struct conn *c)
{
	struct replica_channel *ch = container_of(c, struct replica_channel, conn);

	tell_client(ch->q);
	if (ch->q->asking)
		quorum_ask_one(ch);
}

static void take_status(struct replica_channel *ch, const uint8_t *p, size_t len)
{
	struct quorum *q = ch->q;
	uint32_t told = 0;

	ch->has_status = hello_status_get(&ch->status, quorum_n(q), p, len);
	for (uint32_t i = 0; i < quorum_n(q); i++)
		told += q->ch[i].has_status;
	if (!q->asking || told < quorum_n(q))
		return;
	q->asking = false;
	loop_stop(q->loop);
}

static void on_frame(struct conn *c, const uint8_t *p, size_t len)
{
	struct replica_channel *ch = container_of(c, struct replica_channel, conn);
	struct client_effects out = { 0 };

	if (len && p[0] == HELLO_TYPE) {
		take_hello(ch, p, len);
	} else if (len && p[0] == HELLO_STATUS) {
		take_status(ch, p, len);
	} else if (len && p[0] == HELLO_LINES) {
		quorum_take_lines(ch, p, len);
	} else if (len && p[0] == HELLO_CHANGED) {
		if (ch->q->on_directory)
			ch->q->on_directory(ch->q->directory_owner);
	} else {
		client_message(&ch->q->client, loop_now(ch->q->loop), ch->index, p, len, &out);
		run_effects(ch->q, &out);
	}
}

static void retry_later(struct replica_channel *ch)
{
	uint8_t jitter;

	secret_bytes(&jitter, sizeof jitter);
	loop_arm(ch->q->loop, &ch->retry,
		 mono_add_ms(loop_now(ch->q->loop), ch->retry_ms + ch->retry_ms * jitter / 512));
	ch->retry_ms = ch->retry_ms * 2 < RETRY_MS_MAX ? ch->retry_ms * 2 : RETRY_MS_MAX;
}

static void on_close(struct conn *c, int err, const char *why)
{
	struct replica_channel *ch = container_of(c, struct replica_channel, conn);

	(void)err;
	snprintf(ch->why, sizeof ch->why, "%s",
		 ch->has_hello && !ch->hello.roles ? "this key is not admitted" : why);
	log_debug("replica %u: %s", ch->index, ch->why);
	tell_client(ch->q);
	retry_later(ch);
}

static const struct conn_ops ops = {
	.on_open = on_open,
	.on_frame = on_frame,
	.on_close = on_close,
};

static void connect_to(struct replica_channel *ch)
{
	int err = conn_connect(&ch->conn, &ch->line.addr, NULL, &ch->line.fp);

	if (!err)
		return;
	snprintf(ch->why, sizeof ch->why, "%s", strerror(-err));
	retry_later(ch);
}

void quorum_reconnect(struct replica_channel *ch)
{
	conn_close(&ch->conn);
	tell_client(ch->q);
	ch->has_hello = ch->has_status = false;
	ch->lines.n = 0;
	ch->retry_ms = RETRY_MS;
	loop_arm(ch->q->loop, &ch->retry, loop_now(ch->q->loop)); /* we may be called by it */
}

static void retry(struct timer *t, mono_t now)
{
	(void)now;
	connect_to(container_of(t, struct replica_channel, retry));
}

static void open_channel(struct quorum *q, uint32_t i)
{
	struct replica_channel *ch = &q->ch[i];

	ch->q = q;
	ch->index = i;
	ch->line = q->p->cluster.replica[i];
	ch->retry.fire = retry;
	ch->retry_ms = RETRY_MS;
	conn_init(&ch->conn, &(struct conn_config){
		.loop = q->loop,
		.cert = &q->p->cert,
		.ops = &ops,
		.in = ch->in,
		.frame_bytes_max = sizeof ch->in,
		.out = ch->out,
		.out_bytes = sizeof ch->out,
		.handshake_ms = HANDSHAKE_MS,
		.silence_ms = SILENCE_MS,
	});
	connect_to(ch);
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
		open_channel(q, i);
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
