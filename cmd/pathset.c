/* cmd/pathset.c - the flows of one session driving core/session, for client and device alike */
#include "cmd/pathset.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cmd/pathset_nat.h"
#include "cmd/sessions.h"
#include "core/check.h"
#include "core/log.h"
#include "core/secret.h"

#define EXPORT_LABEL "EXPORTER-machete-flow-1"

enum {
	PING_EVERY_MS = 1000,
	DEAD_MS = 3000,     /* a PING is out, and nothing heard for max(this, 8 RTT): it is dead */
	DEAD_MAX_MS = 7500, /* at most, and when bytes move: `send` must end within 10 s */
	/* A node that lies keeps a path alive by letting something through every DEAD_MAX_MS, as a
	 * slow one would. Not for longer than this: a PING comes in order, 2 MB at 64 kbit/s. */
	ANSWER_MAX_MS = 240000,
	WOKE_MS = 5000, /* for so long standing still is a reason that a path is dead */
};

static const char *path_name(const struct path *p)
{
	return p->node.name[0] ? p->node.name : "direct path";
}

/* A device that gave up must not reset a client that is sending: its STOP would be lost. */
static void part(const struct pathset *ps, struct flow *f)
{
	if (ps->failing && !ps->session.client && f->open)
		flow_leave(f);
	else
		flow_close(f);
}

void pathset_over(struct pathset *ps, int code, const char *why)
{
	if (!ps->live)
		return;
	ps->live = false;
	for (uint32_t i = 0; i < ps->session.n; i++)
		if (ps->path[i])
			part(ps, &ps->path[i]->flow);
	loop_disarm(ps->loop, &ps->ack_timer);
	loop_disarm(ps->loop, &ps->ping_timer);
	loop_disarm(ps->loop, &ps->end_timer);
	session_wipe(&ps->session);
	ps->code = code;
	snprintf(ps->why, sizeof ps->why, "%s", why);
	if (!pathset_nat_close(ps))
		pathset_gone(ps);
}

void pathset_gone(struct pathset *ps)
{
	if (ps->gone)
		return;
	ps->gone = true;
	ps->ops->over(ps, ps->code, ps->why);
}

void pathset_fail(struct pathset *ps, int code, const char *fmt, ...)
{
	struct flowmsg m = { .type = FLOWMSG_STOP };
	char why[WHY_MAX];
	va_list ap;

	if (ps->failing) /* a flow that breaks while the others are told */
		return;
	ps->failing = true;
	va_start(ap, fmt);
	vsnprintf(why, sizeof why, fmt, ap);
	va_end(ap);
	m.stop.code = (uint8_t)code;
	snprintf(m.stop.text, sizeof m.stop.text, "%.*s", STOP_TEXT_MAX, why);
	for (uint32_t i = 0; ps->live && i < ps->session.n; i++)
		if (ps->path[i] && ps->path[i]->flow.open) {
			flow_send(&ps->path[i]->flow, &m);
			ps->path[i]->flow.flush.run(&ps->path[i]->flow.flush);
		}
	pathset_over(ps, code, why);
}

/* Since when p owes us a word. */
static mono_t silent_since(const struct path *p)
{
	return mono_before(p->ping_at, p->heard) ? p->heard : p->ping_at;
}

/* For how long p has proved nothing, milliseconds. A PING waits behind all the data of a slow path,
 * and that the data is had is as good as its answer. 0: it is not asked, or we do not listen. */
static int64_t silent_ms(const struct path *p, mono_t now)
{
	return !p->ping_at.us || p->flow.paused ? 0 : mono_diff_us(now, silent_since(p)) / 1000;
}

/* How long it may do so. */
static int64_t allowed_ms(const struct path *p)
{
	int64_t ms = (int64_t)p->rtt_us * 8 / 1000;

	return ms < DEAD_MS ? DEAD_MS : ms > DEAD_MAX_MS ? DEAD_MAX_MS : ms;
}

/* Its node had connected p to the device, which for long said nothing yet, or nothing any more. */
static bool waits_for_device(const struct path *p, mono_t now)
{
	const struct flow *f = &p->flow;

	if (p->set->complete)
		return silent_ms(p, now) > allowed_ms(p) - PING_EVERY_MS;
	return f->life && !f->open && !f->connecting && !f->want_answer && !p->refused &&
	       mono_diff_us(f->deadline.at, now) < FLOW_OPEN_MS / 2 * 1000LL;
}

/* One silent path may be its node's fault; that every node swallows its path is less likely. */
static bool device_hangs(const struct pathset *ps, int err)
{
	mono_t now = mono_now();
	bool all = ps->session.client && err == -ETIMEDOUT &&
		   ps->session.n > (ps->complete ? 1 : 0);

	for (uint32_t i = 0; all && i < ps->session.n; i++)
		all = waits_for_device(ps->path[i], now);
	return all;
}

void path_dead(struct path *p, const char *why, int err)
{
	static const char no_answer[] = "the device does not answer on any path",
			  hangs[] = "nothing comes over any path any more: the device hangs, or "
				    "we are cut off";
	struct pathset *ps = p->set;
	int code = p->refused ? p->refused : EXIT_UNREACHABLE;

	if (ps->finished) {
		for (uint32_t i = 0; i < ps->session.n; i++)
			if (ps->path[i] && ps->path[i]->flow.live)
				return;
		pathset_over(ps, EXIT_OK, "ended");
		return;
	}
	if (!ps->failing) {
		ps->culprit = p;
		ps->hung = device_hangs(ps, err);
	}
	if (ps->hung)
		pathset_fail(ps, code, "%s", ps->complete ? hangs : no_answer);
	else
		pathset_fail(ps, code, "path through %s: %s%s%s", path_name(p),
			     p->why[0] ? p->why : why, err ? ": " : "", err ? strerror(-err) : "");
}

void path_broken(struct path *p, const char *what)
{
	pathset_fail(p->set, EXIT_INTEGRITY, "path through %s: %s", path_name(p), what);
}

/* --- set-up ----------------------------------------------------------------------------------- */

static void pings(struct timer *t, mono_t now);
static void ping_all(struct pathset *ps, mono_t now);
static void end_late(struct timer *t, mono_t now);

void pathset_init(struct pathset *ps, struct loop *l, const struct pathset_ops *ops,
		  const struct ident *self, const struct tls_cert *cert)
{
	memset(ps, 0, sizeof *ps);
	ps->ops = ops;
	ps->loop = l;
	ps->self = self;
	ps->cert = cert;
	ps->ack_timer.fire = path_ack_late;
	ps->ping_timer.fire = pings;
	ps->end_timer.fire = end_late;
	ps->setup_from = mono_now();
	ps->live = true;
}

void pathset_connect(struct pathset *ps, const struct session_setup *setup, struct path *path,
		     uint32_t n, const struct device_entry *device)
{
	uint8_t random[SID_BYTES + PATHS_MAX * SHARE_BYTES];
	struct path_id id[PATHS_MAX] = { 0 };
	uint8_t aead = device->has_aes && seal_has_aes() ? SEAL_AES256_GCM : SEAL_CHACHA20_POLY1305;

	ps->device = *device;
	for (uint32_t i = 0; i < n; i++) {
		id[i].number = i + 1;
		id[i].node = path[i].node.fp;
		path[i].set = ps;
		path[i].i = i;
		ps->path[i] = &path[i];
	}
	secret_bytes(random, sizeof random);
	session_client(&ps->session, setup, id, n, aead, &ps->self->fp, &device->fp, random);
	wipe(random, sizeof random);
	for (uint32_t i = 0; i < n && ps->live; i++)
		path_connect(&path[i]);
}

void pathset_accept(struct pathset *ps, const struct session_setup *setup, const struct msg_join *m,
		    const struct fp *client)
{
	uint8_t random[PATHS_MAX * SHARE_BYTES];

	secret_bytes(random, sizeof random);
	session_device(&ps->session, setup, m, client, &ps->self->fp, random);
	wipe(random, sizeof random);
}

static bool take_secret(struct path *p)
{
	struct session *s = &p->set->session;
	uint8_t ctx[KDF_EXPORT_BYTES], f[32];

	session_export_ctx(s, p->i, ctx);
	if (!tls_export(&p->flow.tls, EXPORT_LABEL, ctx, sizeof ctx, f)) {
		snprintf(p->why, sizeof p->why, "no key from the handshake");
		return false;
	}
	tls_forget(&p->flow.tls);
	session_secret(s, p->i, f, mono_now());
	wipe(f, sizeof f);
	return true;
}

void path_send(struct path *p, const struct flowmsg *m)
{
	if (p->flow.live && !flow_send(&p->flow, m))
		path_dead(p, "the peer does not read", 0);
}

static void send_join(struct path *p)
{
	struct flowmsg m = { .type = FLOWMSG_JOIN };

	session_join(&p->set->session, p->i, &m.join);
	path_send(p, &m);
	wipe(&m, sizeof m);
}

void path_share_ack(struct path *p, const struct msg_share_ack *ack)
{
	struct flowmsg m = { .type = FLOWMSG_SHARE_ACK, .share_ack = *ack };

	path_send(p, &m);
}

static void stand(struct pathset *ps)
{
	ps->complete = true;
	ps->setup_done = mono_now();
	session_joins_sent(&ps->session);
	ps->slept_us = session_slept_us();
	ping_all(ps, ps->setup_done);
	if (ps->live)
		ps->ops->ready(ps);
	if (ps->live)
		pathset_kick(ps);
}

void path_opened(struct path *p)
{
	struct pathset *ps = p->set;

	if (!ps || !ps->session.client) /* a device waits for the JOIN */
		return;
	p->rtt_us = p->flow.rtt_us; /* the device answers no PING before all paths stand */
	if (take_secret(p))
		send_join(p);
	else
		path_broken(p, p->why);
	ps->opened |= 1u << p->i;
	if (ps->live && ps->session.tx_on && !ps->complete)
		stand(ps);
}

/* Device: all have joined. Our JOINs go out, records that waited are read. */
static void device_complete(struct path *p, const struct msg_share_ack *ack)
{
	struct pathset *ps = p->set;

	for (uint32_t i = 0; ps->live && i < ps->session.n; i++)
		send_join(ps->path[i]);
	if (ps->live)
		path_share_ack(p, ack);
	if (ps->live)
		stand(ps);
	for (uint32_t i = 0; ps->live && i < ps->session.n; i++)
		flow_pause(&ps->path[i]->flow, false);
}

bool pathset_adopt(struct pathset *ps, struct path *p, const struct msg_join *m)
{
	int i = session_index(&ps->session, m->j);
	enum session_verdict v = SESSION_BAD_PATH;
	struct msg_share_ack ack;

	if (i >= 0 && !ps->path[i]) {
		p->set = ps;
		p->i = (uint32_t)i;
		if (!take_secret(p)) {
			p->set = NULL;
			return false;
		}
		v = session_on_join(&ps->session, p->i, m, mono_now(), &ack);
	}
	if (v != SESSION_OK && v != SESSION_COMPLETE) {
		p->set = NULL;
		snprintf(p->why, sizeof p->why, "%s", session_verdict_str[v]);
		return false;
	}
	ps->path[i] = p;
	if (v == SESSION_COMPLETE)
		device_complete(p, &ack);
	else
		flow_pause(&p->flow, true);
	return true;
}

void path_client_join(struct path *p, const struct msg_join *m)
{
	struct pathset *ps = p->set;
	struct msg_share_ack ack;
	enum session_verdict v = session_on_join(&ps->session, p->i, m, mono_now(), &ack);

	/* Records may come on this path before the JOINs of slower ones: they wait. */
	if (v == SESSION_OK)
		flow_pause(&p->flow, true);
	else if (v != SESSION_COMPLETE)
		path_broken(p, session_verdict_str[v]);
	else
		path_share_ack(p, &ack);
	for (uint32_t i = 0; v == SESSION_COMPLETE && ps->live && i < ps->session.n; i++)
		flow_pause(&ps->path[i]->flow, false);
}

void pathset_kick(struct pathset *ps)
{
	for (uint32_t i = 0; ps->live && i < ps->session.n; i++)
		flow_kick(&ps->path[i]->flow);
}

/* --- liveness and the end --------------------------------------------------------------------- */

static bool is_dead(const struct path *p, mono_t now)
{
	int64_t silent = silent_ms(p, now);
	/* TCP's own word is the next host's, which may be a node that stores or lies. */
	bool moved = flow_moved(&p->flow) != p->ping_moved;

	return silent > (moved ? DEAD_MAX_MS : allowed_ms(p)) ||
	       (silent && mono_diff_us(now, p->ping_at) > ANSWER_MAX_MS * 1000LL);
}

/* We run late_us later than we asked for. The kernel may have kept for us what the paths said
 * meanwhile: that time counts for none of them. */
static void stood_still(struct pathset *ps, int64_t late_us, mono_t now)
{
	int64_t slept_us = session_slept_us();
	int64_t stood_us = late_us + slept_us - ps->slept_us;

	ps->slept_us = slept_us;
	for (uint32_t i = 0; i < ps->session.n; i++) {
		struct path *p = ps->path[i];
		mono_t since = mono_add_us(silent_since(p), late_us);

		p->heard = mono_before(since, now) ? since : now;
	}
	if (stood_us < (DEAD_MAX_MS - PING_EVERY_MS) * 1000LL)
		return;
	ps->woke = now;
	ps->stood_us = stood_us;
}

uint32_t pathset_stood(const struct pathset *ps)
{
	bool lately = ps->stood_us && mono_diff_us(mono_now(), ps->woke) < WOKE_MS * 1000LL;

	return lately ? (uint32_t)(ps->stood_us / 1000000) : 0;
}

static void ping_all(struct pathset *ps, mono_t now)
{
	struct flowmsg m = { .type = FLOWMSG_PING };

	for (uint32_t i = 0; ps->live && i < ps->session.n; i++) {
		struct path *p = ps->path[i];

		if (is_dead(p, now)) {
			path_dead(p, "no answer any more", -ETIMEDOUT);
			continue;
		}
		if (p->ping_at.us || !p->flow.live)
			continue;
		p->ping_at = now;
		p->ping_moved = flow_moved(&p->flow);
		m.token = ++p->ping_token;
		path_send(p, &m);
	}
	if (ps->live)
		loop_arm(ps->loop, &ps->ping_timer, mono_add_ms(now, PING_EVERY_MS));
}

static void pings(struct timer *t, mono_t now)
{
	struct pathset *ps = container_of(t, struct pathset, ping_timer);

	stood_still(ps, mono_diff_us(now, t->at), now);
	ping_all(ps, now);
}

void pathset_finished(struct pathset *ps)
{
	ps->finished = true;
}

static void end_late(struct timer *t, mono_t now)
{
	(void)now;
	pathset_over(container_of(t, struct pathset, end_timer), EXIT_OK, "ended");
}

void pathset_end(struct pathset *ps)
{
	ps->finished = true;
	loop_disarm(ps->loop, &ps->ping_timer);
	loop_arm(ps->loop, &ps->end_timer, mono_add_ms(mono_now(), DEAD_MS));
	path_ack_late(&ps->ack_timer, mono_now()); /* the peer's last word was had */
	for (uint32_t i = 0; ps->live && i < ps->session.n; i++)
		flow_end(&ps->path[i]->flow);
}

uint64_t pathset_sent(const struct pathset *ps, uint32_t i)
{
	return ps->session.tx.flow_bytes[i];
}
