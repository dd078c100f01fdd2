/* cmd/pathset_flow.c - what a flow calls: records out, records and messages in */
#include <string.h>

#include "cmd/pathset.h"
#include "cmd/pathset_nat.h"
#include "core/check.h"
#include "core/secret.h"

void (*path_stranger_message)(struct path *p, const struct flowmsg *m);
void (*path_stranger_closed)(struct path *p, const char *why);

static struct path *path_of(struct flow *f)
{
	return container_of(f, struct path, flow);
}

/* --- data out --------------------------------------------------------------------------------- */

static void new_epoch(struct pathset *ps)
{
	uint8_t random[PATHS_MAX][32];
	struct msg_share share[PATHS_MAX];

	secret_bytes(random, ps->session.n * sizeof random[0]);
	tx_epoch_draw(&ps->session.tx, (const uint8_t(*)[32])random, share);
	for (uint32_t i = 0; ps->live && i < ps->session.n; i++) {
		struct flowmsg m = { .type = FLOWMSG_SHARE, .share = share[i] };

		path_send(ps->path[i], &m);
		wipe(&m, sizeof m);
	}
	wipe(random, sizeof random);
	wipe(share, sizeof share);
}

/* Seals one more record, if there is room and something to say. */
static bool fill_one(struct pathset *ps)
{
	struct tx *t = &ps->session.tx;
	uint8_t *p = tx_slot(t);
	size_t len = p ? ps->ops->fill(ps, p) : 0;

	if (!len)
		return false;
	tx_commit(t, len, loop_now(ps->loop));
	if (tx_epoch_due(t))
		new_epoch(ps);
	return ps->live;
}

/* No record leaves on any flow before every flow has its JOIN on the wire. */
static bool may_go(struct pathset *ps)
{
	if (ps->go || !ps->complete)
		return ps->go;
	for (uint32_t i = 0; i < ps->session.n; i++)
		if (!flow_quiet(&ps->path[i]->flow))
			return false;
	ps->go = true;
	pathset_kick(ps);
	return true;
}

static bool take(struct flow *f, const uint8_t **rec, size_t *len, uint64_t *number)
{
	struct path *p = path_of(f);
	struct pathset *ps = p->set;
	bool filled = false;

	if (!ps || !may_go(ps))
		return false;
	while (!tx_has(&ps->session.tx, p->i) && fill_one(ps))
		filled = true;
	if (filled)
		pathset_kick(ps);
	return ps->live && tx_take(&ps->session.tx, p->i, rec, len, number);
}

static void written(struct flow *f, uint64_t number)
{
	tx_written(&path_of(f)->set->session.tx, number);
}

/* --- data in ---------------------------------------------------------------------------------- */

static void send_ack(struct pathset *ps)
{
	struct flowmsg m = { .type = FLOWMSG_ACK };
	struct path *p = ps->path[ps->ack_path];

	if (!p->flow.live)
		return;
	rx_ack(&ps->session.rx, &m.ack);
	ps->ack_due = !flow_send(&p->flow, &m);
	if (ps->ack_due)
		loop_arm(ps->loop, &ps->ack_timer, mono_add_ms(mono_now(), ACK_DELAY_MS));
	else
		loop_disarm(ps->loop, &ps->ack_timer);
}

/* An acknowledgement wakes every relay on its way and the sender: not more often than it must. */
static bool ack_is_worth_it(const struct rx *x)
{
	uint32_t part = x->slots / 16;

	return !x->held && x->since_ack >= (part > ACK_RECORDS_MIN ? part : ACK_RECORDS_MIN);
}

void pathset_hold(struct pathset *ps)
{
	ps->session.rx.held = true;
}

void pathset_release(struct pathset *ps)
{
	const uint8_t *plain;
	size_t len;

	if (!ps->live || !ps->session.rx.held)
		return;
	ps->session.rx.held = false;
	while (rx_next(&ps->session.rx, &plain, &len))
		if (!ps->ops->data(ps, plain, len))
			return;
	send_ack(ps);
}

void path_ack_late(struct timer *t, mono_t now)
{
	(void)now;
	send_ack(container_of(t, struct pathset, ack_timer));
}

static void record(struct flow *f, uint8_t *rec, size_t rec_len)
{
	struct path *p = path_of(f);
	struct pathset *ps = p->set;
	const uint8_t *plain;
	enum rx_verdict v;
	size_t len;

	if (!ps || !ps->session.rx_on) {
		if (ps)
			path_broken(p, "a record before the JOIN");
		else
			path_stranger_closed(p, "a record before the JOIN");
		return;
	}
	v = rx_on_record(&ps->session.rx, rec, rec_len, &plain, &len);
	if (v > RX_DUPLICATE) {
		path_broken(p, rx_verdict_str[v]);
		return;
	}
	if (v != RX_DUPLICATE) /* whose seal nobody looked at */
		p->heard = loop_now(ps->loop);
	ps->ack_path = p->i;
	if (v == RX_NOW)
		do
			if (!ps->ops->data(ps, plain, len))
				return;
		while (rx_next(&ps->session.rx, &plain, &len));
	if (!ps->live)
		return;
	if (ack_is_worth_it(&ps->session.rx))
		send_ack(ps);
	else if (!ps->ack_timer.armed)
		loop_arm(ps->loop, &ps->ack_timer, mono_add_ms(loop_now(ps->loop), ACK_DELAY_MS));
}

static void reclaim(struct flow *f)
{
	struct path *p = path_of(f);

	if (p->set && p->set->session.rx_on)
		rx_settle(&p->set->session.rx, f->in, FLOW_IN_BYTES);
}

static void on_ack(struct path *p, const struct msg_ack *m)
{
	struct pathset *ps = p->set;
	enum tx_verdict v = tx_on_ack(&ps->session.tx, m);

	if (v == TX_STRIPPED) /* it is not the messenger's fault */
		p = ps->path[ps->session.tx.stripped];
	if (v != TX_OK) {
		path_broken(p, tx_verdict_str[v]);
		return;
	}
	for (uint32_t i = 0; i < ps->session.n; i++)
		if (ps->session.tx.had_flows >> i & 1)
			ps->path[i]->heard = loop_now(ps->loop);
	ps->session.tx.had_flows = 0;
	if (tx_idle(&ps->session.tx) && ps->ops->had)
		ps->ops->had(ps);
	if (ps->live)
		pathset_kick(ps);
}

static void on_share(struct path *p, const struct msg_share *m)
{
	struct msg_share_ack ack;
	enum rx_verdict v = rx_on_share(&p->set->session.rx, p->i, m, &ack);

	if (v == RX_CONFIRM)
		path_share_ack(p, &ack);
	else if (v != RX_OK)
		path_broken(p, rx_verdict_str[v]);
}

static void on_share_ack(struct path *p, const struct msg_share_ack *m)
{
	struct tx *t = &p->set->session.tx;
	enum tx_verdict v = tx_on_share_ack(t, m, mono_now());

	if (v > TX_STALE)
		path_broken(p, tx_verdict_str[v]);
	else if (tx_epoch_due(t))
		new_epoch(p->set);
}

static void on_ping(struct path *p, const struct flowmsg *m)
{
	struct flowmsg pong = { .type = FLOWMSG_PONG, .token = m->token };

	flow_send(&p->flow, &pong); /* no room: the peer does not read, and gets no answer */
}

static void on_pong(struct path *p, const struct flowmsg *m)
{
	uint32_t rtt;

	if (!p->ping_at.us || m->token != p->ping_token)
		return;
	rtt = (uint32_t)mono_diff_us(mono_now(), p->ping_at);
	if (!p->rtt_us || rtt < p->rtt_us)
		p->rtt_us = rtt ? rtt : 1;
	p->ping_at = mono_us(0);
}

/* A peer may choose among our exit codes, and not success. */
static int stop_code(const struct flowmsg *m)
{
	return m->stop.code && m->stop.code <= EXIT_QUORUM ? m->stop.code : EXIT_FAILED;
}

static void opened(struct flow *f)
{
	path_opened(path_of(f));
}

static void message(struct flow *f, const struct flowmsg *m)
{
	struct path *p = path_of(f);
	bool started;

	if (!p->set) {
		path_stranger_message(p, m);
		return;
	}
	p->heard = loop_now(p->set->loop);
	started = p->set->session.rx_on;
	if (m->type == FLOWMSG_JOIN && p->set->session.client && !started)
		path_client_join(p, &m->join);
	else if (m->type == FLOWMSG_STOP)
		pathset_over(p->set, stop_code(m), m->stop.text);
	else if (m->type == FLOWMSG_PING)
		on_ping(p, m);
	else if (m->type == FLOWMSG_PONG)
		on_pong(p, m);
	else if (m->type == FLOWMSG_SHARE && started)
		on_share(p, &m->share);
	else if (m->type == FLOWMSG_SHARE_ACK && p->set->session.tx_on)
		on_share_ack(p, &m->share_ack);
	else if (m->type == FLOWMSG_ACK && p->set->session.tx_on)
		on_ack(p, &m->ack);
	else
		path_broken(p, "a message out of place");
}

static void closed(struct flow *f, const char *why, int err)
{
	struct path *p = path_of(f);

	if (!p->set)
		path_stranger_closed(p, why);
	else if (path_nat_failed(p, why, err))
		return;
	else if (p->again)
		path_connect(p);
	else
		path_dead(p, why, err);
}

const struct flow_ops path_ops = {
	.opened = opened,
	.answer = path_answer,
	.message = message,
	.record = record,
	.reclaim = reclaim,
	.take = take,
	.written = written,
	.closed = closed,
};
