/* cmd/node_control.c - a node's TLS control channel: tells admitted parties how it is, and
 * clients how they look from here */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/node.h"
#include "cmd/telling.h"
#include "core/check.h"
#include "core/log.h"

static struct control *control_of(struct flow *f)
{
	return container_of(f, struct control, flow);
}

static const char *name_of(const struct node *n, const struct fp *fp)
{
	const char *name = directory_name(n->st.d, fp);

	return name ? name : "?";
}

static void tell_counts(const struct node *n, struct telling *t)
{
	telling_count(t, "forwards", n->gate->forwards[OPEN_RELAY] + n->gate->forwards[OPEN_NAT]);
	telling_count(t, "forwards by nat", n->gate->forwards[OPEN_NAT]);
	telling_count(t, "connections", n->links);
	telling_count(t, "bytes of ended forwards", n->relayed_bytes);
	telling_count(t, "probes", n->probes);
	telling_count(t, "silent", n->silent);
	for (int i = 0; i < OPEN_VERDICTS; i++) {
		char what[TOLD_TEXT_MAX + 1];

		snprintf(what, sizeof what, "OPEN: %s", open_verdict_str[i]);
		if (n->gate->count[i])
			telling_count(t, what, n->gate->count[i]);
	}
}

static void tell_forward(const struct link *k, struct telling *t)
{
	const struct node *n = k->node;
	const struct gate_client *client = &n->gate->client[k->row];
	struct msg_told m = { .kind = TOLD_FORWARD, .paths = 1 };

	snprintf(m.id, sizeof m.id, "%" PRIu64, k->id);
	snprintf(m.client, sizeof m.client, "%s", name_of(n, &client->fp));
	snprintf(m.device, sizeof m.device, "%s", name_of(n, &k->terms.device));
	m.seconds = (uint32_t)(mono_diff_us(loop_now(&n->st.loop), k->since) / 1000000);
	m.value = k->splice.way[0].bytes + k->splice.way[1].bytes;
	telling_line(t, &m);
}

static void tell_nat(const struct node *n, const struct forward_told *f, struct telling *t)
{
	struct msg_told m = { .kind = TOLD_NAT, .paths = 1 };

	snprintf(m.id, sizeof m.id, "%" PRIu64, f->id);
	snprintf(m.client, sizeof m.client, "%s", name_of(n, &n->gate->client[f->row].fp));
	snprintf(m.device, sizeof m.device, "%s", name_of(n, &f->device));
	m.seconds = f->seconds;
	m.value = f->left_s;
	telling_line(t, &m);
}

/* All, or those of the client in this row of the gate. */
static void tell_forwards(const struct node *n, bool all, int row, struct telling *t)
{
	struct forward_told f;

	for (uint32_t i = 0; i < LINKS_MAX; i++) {
		const struct link *l = &n->link[i];

		if (l->state == LINK_RELAYING && (all || (int)l->row == row))
			tell_forward(l, t);
	}
	for (uint32_t i = 0; n->nat && i < n->nat->used; i++)
		if (forwards_told(n->nat, i, &f) && (all || (int)f.row == row))
			tell_nat(n, &f, t);
}

static void tell(struct control *k)
{
	const struct node *n = k->node;
	const struct fp *fp = tls_peer(&k->flow.tls);
	bool admin = directory_roles(n->st.d, fp) & ROLE_ADMIN;
	int row = gate_find(n->gate, fp);
	struct telling t;

	telling_begin(&t, &k->flow);
	if (admin)
		tell_counts(n, &t);
	tell_forwards(n, admin, row, &t);
	telling_end(&t);
}

static void close_control(struct control *k)
{
	if (k->node->back)
		backtrace_cancel(k->node->back, &k->back);
	flow_close(&k->flow);
}

/* Toward where this very connection comes from, and nowhere else. */
static void trace_back(struct control *k)
{
	const struct node *n = k->node;
	uint32_t roles = directory_roles(n->st.d, tls_peer(&k->flow.tls));
	bool client = roles & (ROLE_CLIENT | ROLE_ADMIN);

	backtrace_ask(client ? n->back : NULL, &k->back, &k->flow, &k->peer);
}

static void opened(struct flow *f)
{
	struct control *k = control_of(f);

	if (directory_roles(k->node->st.d, tls_peer(&f->tls))) {
		knock_give_back(&k->node->st.knock, &k->peer);
		return;
	}
	log_info("control channel refused: unknown key");
	flow_close(f);
}

static void message(struct flow *f, const struct flowmsg *m)
{
	if (f->ending)
		return;
	if (m->type == FLOWMSG_ASK)
		tell(control_of(f));
	else if (m->type == FLOWMSG_TRACE && !control_of(f)->back.waiting)
		trace_back(control_of(f));
	else
		close_control(control_of(f));
}

static void closed(struct flow *f, const char *why, int err)
{
	close_control(control_of(f));
	if (err)
		log_line(LOG_INFO, err, "control channel: %s", why);
}

static const struct flow_ops control_ops = {
	.opened = opened,
	.message = message,
	.closed = closed,
};

void control_begin(struct node *n, int fd, const struct addr *peer)
{
	for (uint32_t i = 0; i < CONTROLS_MAX; i++) {
		struct control *k = &n->control[i];

		if (k->flow.live)
			continue;
		k->node = n;
		k->peer = *peer;
		k->since = loop_now(&n->st.loop);
		flow_accept(&k->flow, &n->st.loop, &control_ops, k->in, fd, &n->st.party.cert);
		return;
	}
	close(fd);
}

void controls_expire(struct node *n, mono_t now)
{
	for (uint32_t i = 0; i < CONTROLS_MAX; i++) {
		struct control *k = &n->control[i];

		if (k->flow.live && mono_diff_us(now, k->since) > CONTROL_MS * 1000LL)
			close_control(k);
	}
}
