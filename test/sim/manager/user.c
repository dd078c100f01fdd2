/* test/sim/manager/user.c - clients: honest ones with mixed work, and one that plays tricks */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "test/sim/manager/sim.h"

enum {
	OPS = 40,
	PATIENCE_US = 3000000,
	SOON_US = 1500000,
	LATE_US = 3000000,
	WATCH_US = 600000,
};

static void send_to(struct sim *s, uint32_t u, uint32_t to, const uint8_t *p, size_t len)
{
	for (uint32_t k = 0; k < s->oracle->cluster.n; k++) {
		uint32_t node = node_of(s, &s->oracle->cluster.replica[k].fp);

		if ((to & 1u << k) && node < NODES_MAX)
			packet(s, NODES_MAX + u, node, p, len);
	}
}

static void run(struct sim *s, uint32_t u, const struct client_effects *fx);

static void new_session(struct sim *s, uint32_t u)
{
	struct user *x = &s->user[u];
	struct client_effects none;
	uint8_t session[SESSION_BYTES];
	struct signer signer;

	for (int i = 0; i < SESSION_BYTES; i++)
		session[i] = (uint8_t)rnd(&s->load);
	signer_fake(&signer, x->key);
	client_init(&x->c, &s->cluster, &signer, session);
	client_link(&x->c, mono_us(s->now_us), x->up, &none);
	x->sessions++;
}

static void pause_then(struct sim *s, uint32_t u, uint32_t us)
{
	post(s, (struct event){ .type = EV_USER, .to = u }, 1 + below(&s->load, us));
}

/* 2f+1 channels soon, the one to the first leader among them. */
static void arrive(struct sim *s, uint32_t u)
{
	uint32_t first = below(&s->load, s->n - 1);

	for (uint32_t k = 0; k < s->n; k++) {
		bool late = k && (first + k) % (s->n - 1) < s->faults;

		post(s, (struct event){ .type = EV_USER_LINK, .to = u, .tag = k },
		     below(&s->load, SOON_US) + (late ? below(&s->load, LATE_US) : 0));
	}
}

void user_start(struct sim *s, uint32_t u)
{
	struct user *x = &s->user[u];

	x->left = x->evil ? 4 * OPS : OPS;
	if ((s->scene == SCENE_CENSOR && u) || s->scene == SCENE_LAG)
		x->left = 5 * OPS; /* there is progress all the time */
	if (s->scene == SCENE_DRIP && s->drip == DRIP_CLOCK)
		x->left = OPS / 4;
	x->up = s->scene == SCENE_ARRIVE ? 0 : (1u << s->n) - 1;
	if (s->scene == SCENE_ARRIVE)
		arrive(s, u);
	new_session(s, u);
	pause_then(s, u, 300000);
}

/* A request told differently to each, to some only, skipped numbers, bad signatures, junk. */
static void play_tricks(struct sim *s, uint32_t u)
{
	struct user *x = &s->user[u];
	uint32_t trick = below(&s->lie, 6), all = (1u << s->n) - 1;
	struct client_effects out;
	uint8_t junk[200];

	if (!x->c.busy && trick < 5) {
		choose_op(s, x);
		client_call(&x->c, mono_us(s->now_us), &x->op, &out);
	}
	if (trick == 0)
		send_to(s, u, 1u << below(&s->lie, s->n), x->c.frame, x->c.frame_len);
	if (trick == 1)
		send_to(s, u, all & ~(1u << below(&s->lie, s->n)), x->c.frame, x->c.frame_len);
	for (uint32_t k = 0; trick == 2 && k < s->n; k++) {
		x->c.frame[x->c.frame_len - 1] = (uint8_t)k;
		send_to(s, u, 1u << k, x->c.frame, x->c.frame_len);
	}
	if (trick == 3) {
		x->c.no += below(&s->lie, 3);
		send_to(s, u, all, x->c.frame, x->c.frame_len);
	}
	if (trick == 4)
		new_session(s, u);
	for (uint32_t k = 0; trick == 5 && k < sizeof junk; k++)
		junk[k] = (uint8_t)rnd(&s->lie) & (k ? 0xff : 3);
	if (trick == 5)
		send_to(s, u, all, junk, 1 + below(&s->lie, sizeof junk));
	x->c.busy = chance(&s->lie, 500) && x->c.busy;
	if (x->left--)
		pause_then(s, u, 200000);
}

/* Signed requests: some are next in their session or come while one waits; others skip numbers, and
 * are left alone. */
static void play_stray(struct sim *s, uint32_t u)
{
	struct user *x = &s->user[u];
	uint32_t skip = x->c.no && chance(&s->lie, 700) ? below(&s->lie, 3) : 0;
	struct client_effects out;
	uint8_t mem[64];
	struct buf b;

	choose_op(s, x);
	x->c.no += skip;
	x->c.time_us = s->now_us + 1700000000000000;
	MUST(client_call(&x->c, mono_us(s->now_us), &x->op, &out));
	buf_init(&b, mem, sizeof mem);
	notice_put(&b, MSG_SIGN, x->c.session, x->c.no, 0);
	for (uint32_t k = 0; k <= s->faults; k++)
		client_message(&x->c, mono_us(s->now_us), k, b.mem, b.len, &out);
	send_to(s, u, (1u << s->n) - 1, x->c.frame, x->c.frame_len);
	x->c.busy = false;
	if (skip)
		new_session(s, u);
	if (x->left--)
		pause_then(s, u, 200000);
}

static void call(struct sim *s, uint32_t u)
{
	struct user *x = &s->user[u];
	struct client_effects out;

	x->invoked_slot = s->answered_slot;
	x->invoked_us = s->now_us;
	x->running = true;
	MUST(client_call(&x->c, mono_us(s->now_us), &x->op, &out));
	check_issue(s, x);
	run(s, u, &out);
}

/* Names an operation of a user. */
static uint64_t call_tag(const struct user *x)
{
	return (uint64_t)x->sessions << 32 | x->c.no;
}

/* An admin who is done still admits others, who may be waiting for that. */
static void keep_order(struct sim *s, uint32_t u)
{
	struct user *x = &s->user[u];

	if (!(x->roles & ROLE_ADMIN) || x->evil || users_done(s))
		return;
	if (choose_admission(s, x))
		call(s, u);
	else
		pause_then(s, u, WATCH_US);
}

void user_next(struct sim *s, uint32_t u)
{
	struct user *x = &s->user[u];

	if (x->running)
		return;
	if (!x->left) {
		keep_order(s, u);
		return;
	}
	if (x->evil) {
		(s->scene == SCENE_STRAY ? play_stray : play_tricks)(s, u);
		return;
	}
	x->left--;
	if (s->rounds) {
		x->op = (struct op){ .type = OP_RDP };
		schema_all(&x->op.templ, "node");
	} else if (!u && s->swap_stage && !x->swapped) {
		x->swapped = true;
		x->op = (struct op){ .type = OP_SWAP, .index = s->swap_stage - 1 };
		key_fp(s->node[NODES_MAX - 1].key, &x->op.fp);
	} else if (!choose_admission(s, x) || chance(&s->load, 500)) {
		if ((x->roles & ROLE_ADMIN) && chance(&s->load, 60))
			choose_member(s, x);
		else
			choose_op(s, x);
	}
	call(s, u);
	if (s->scene < SCENE_ARRIVE && !s->rounds && chance(&s->load, 30))
		post(s, (struct event){ .type = EV_USER_FORGETS, .to = u, .tag = call_tag(x) },
		     below(&s->load, 5000));
	if (x->running && x->op.wait_ms % 10 > 6)
		post(s, (struct event){ .type = EV_USER_WITHDRAWS, .to = u, .tag = call_tag(x) },
		     x->op.wait_ms * 700);
}

void user_withdraws(struct sim *s, uint32_t u, uint64_t tag)
{
	struct user *x = &s->user[u];
	struct client_effects out;

	if (!x->running || call_tag(x) != tag || x->c.held || !x->op.wait_ms)
		return;
	client_withdraw(&x->c, mono_us(s->now_us), &out);
	check_issue(s, x);
	run(s, u, &out);
}

void user_forgets(struct sim *s, uint32_t u, uint64_t tag)
{
	struct event again = { .type = EV_USER_FORGETS, .to = u, .tag = tag };
	struct user *x = &s->user[u];
	uint64_t before = x->invoked_slot;

	if (!x->running || call_tag(x) != tag)
		return;
	if (s->now_us < x->invoked_us + PATIENCE_US) {
		x->c.busy = false;
		x->c.no--;
		choose_op(s, x);
		call(s, u);
		x->invoked_slot = before; /* it may be the same question */
		post(s, again, PATIENCE_US);
		return;
	}
	x->running = false; /* others took the old one: nothing will come */
	new_session(s, u);
	pause_then(s, u, 100000);
}

static uint32_t pause_us(const struct sim *s)
{
	if (s->scene == SCENE_DRIP && s->drip == DRIP_CLOCK && !s->rounds)
		return 20000000; /* all are silent for a while, and somebody waits */
	return s->calm ? 50000 : 400000;
}

static void run(struct sim *s, uint32_t u, const struct client_effects *fx)
{
	struct user *x = &s->user[u];

	for (uint32_t k = 0; k < fx->n; k++) {
		const struct client_effect *e = &fx->e[k];
		int64_t wait;
		bool out;

		switch (e->type) {
		case CLIENT_SEND:
			send_to(s, u, e->to, e->bytes, e->len);
			break;
		case CLIENT_ARM:
			wait = e->at.us - s->now_us;
			post(s, (struct event){ .type = EV_USER_TIMER, .to = u, .tag = ++x->timer },
			     wait > 0 ? wait : 0);
			break;
		case CLIENT_DONE:
			x->running = false;
			x->done++;
			check_answer(s, x, e->result);
			out = e->result->code == RESULT_DENIED && x->c.no == 1;
			x->left += out; /* not admitted so far, or not any more */
			if (out || e->result->code == RESULT_NO_SESSION || x->c.no > 30)
				new_session(s, u);
			pause_then(s, u, pause_us(s));
			return;
		}
	}
}

void user_packet(struct sim *s, const struct event *e)
{
	uint32_t u = e->to - NODES_MAX;
	struct user *x = &s->user[u];
	struct client_effects out;
	struct fp fp;
	int from;

	key_fp(s->node[e->from].key, &fp);
	from = cluster_find(&s->oracle->cluster, &fp);
	if (x->evil || from < 0)
		return;
	client_message(&x->c, mono_us(s->now_us), (uint32_t)from, e->bytes, e->len, &out);
	run(s, u, &out);
}

void user_timer(struct sim *s, uint32_t u)
{
	struct client_effects out;

	if (s->user[u].evil)
		return;
	client_timer(&s->user[u].c, mono_us(s->now_us), &out);
	run(s, u, &out);
}

void user_link(struct sim *s, uint32_t u, uint32_t k)
{
	struct user *x = &s->user[u];
	struct client_effects out;

	x->up |= 1u << k;
	client_link(&x->c, mono_us(s->now_us), x->up, &out);
	run(s, u, &out);
}
