/* cmd/pathset_nat.c - a path that its node forwards in the kernel: OPEN before the flow, RENEW
 * while it lasts, CLOSE at the end, each an errand on a connection of its own */
#include "cmd/pathset_nat.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/check.h"
#include "core/log.h"
#include "core/secret.h"
#include "net/sock.h"

enum {
	LEASE_S = 120,
	RENEWALS = 3,	  /* in a lease, so that two may fail */
	ERRAND_MIN_MS = 1000,
	ERRAND_MS = 3000, /* a SYN may be lost once, and be sent again after a second */
	CLOSE_MS = 1000,  /* no session ends later than this for its forwards' sake */
	RETRY_MS = 5000,
	TRIES_MAX = 2, /* a node's boot changes every 10 minutes: twice stale is a broken node */
	ASK_MS = 1000,	/* again: a node hears of newcomers when it reads the directory, */
	ASKS_MAX = 8,	/* and this is more than two rounds of DIRECTORY_POLL_MS */
};

static struct path *path_of(struct errand *e)
{
	return container_of(e, struct path, errand);
}

static void stop(struct path *p)
{
	struct errand *e = &p->errand;

	if (!e->op)
		return;
	loop_del(p->set->loop, &e->watch);
	loop_disarm(p->set->loop, &e->timer);
	if (e->watch.fd >= 0)
		close(e->watch.fd);
	e->op = 0;
}

/* Connects; what is to be said follows in ask(). 0 or -errno. */
static int begin(struct path *p, enum open_op op)
{
	struct errand *e = &p->errand;
	int64_t ms = op == OPEN_CLOSE ? CLOSE_MS : ERRAND_MS;
	int fd = sock_connect_from(&p->to, &p->from);
	int r;

	if (fd < 0)
		return fd;
	e->tries++;
	e->len = 0;
	e->watch.fd = fd;
	e->watch.want = EPOLLOUT;
	r = loop_add(p->set->loop, &e->watch);
	if (r) {
		close(fd);
		return r;
	}
	e->op = (uint8_t)op;
	loop_arm(p->set->loop, &e->timer, mono_add_ms(mono_now(), ms));
	return 0;
}

/* --- what follows from an errand -------------------------------------------------------------- */

static void look_again(struct path *p, int64_t ms)
{
	ms = ms < ERRAND_MIN_MS ? ERRAND_MIN_MS : ms; /* whatever lease a node grants */
	loop_arm(p->set->loop, &p->tend, mono_add_ms(mono_now(), ms));
}

/* The forward is ours until its lease ends; the flow goes through it. */
static void granted(struct path *p, const struct open_answer *a)
{
	struct addr at = p->to;
	int r;

	p->nat_forward = a->forward;
	p->lost = false;
	p->lease_s = a->lease_s;
	if (p->set->ops->granted) {
		look_again(p, ERRAND_MS);
		p->set->ops->granted(p, a->port);
		return;
	}
	at.port = a->port;
	r = flow_connect(&p->flow, p->set->loop, &path_ops, p->flow.in, &at, &p->from,
			 p->set->cert, &p->set->device.fp, NULL, 0, false);
	if (r < 0)
		path_dead(p, "cannot connect", r);
	else
		look_again(p, ERRAND_MS);
}

static void relay_instead(struct path *p, const char *why, int err)
{
	log_line(LOG_INFO, err, "node %s relays instead: %s", p->node.name, why);
	p->no_nat = true;
	path_connect(p);
}

static void ask_again(struct path *p)
{
	p->waits = true;
	look_again(p, ASK_MS);
}

static void open_answered(struct path *p, const struct open_answer *a)
{
	bool other_way = a->verdict == OPEN_BAD_KIND || a->verdict == OPEN_FULL ||
			 a->verdict == OPEN_QUOTA;
	bool newcomer = a->verdict == OPEN_NOT_ADMITTED || a->verdict == OPEN_NO_DEVICE ||
			a->verdict == OPEN_NO_PORT;

	if (a->verdict == OPEN_OK && a->port)
		granted(p, a);
	else if (p->lost)
		look_again(p, RETRY_MS);
	else if (newcomer && p->set->ops->granted && p->attempts < ASKS_MAX)
		ask_again(p);
	else if (other_way && p->node.relay)
		relay_instead(p, open_verdict_str[a->verdict], 0);
	else
		path_refused(p, a);
}

static void closed_one(struct pathset *ps)
{
	for (uint32_t i = 0; i < PATHS_MAX; i++)
		if (ps->path[i] && ps->path[i]->errand.op)
			return;
	if (!ps->live)
		pathset_gone(ps);
}

/* A node that was started anew knows of no forward; whoever has no flow in it asks for another. */
static void not_renewed(struct path *p, const struct open_answer *a)
{
	log_warn("node %s does not renew its forward: %s", p->node.name,
		 a ? open_verdict_str[a->verdict] : "no answer");
	p->lost = a && p->set->ops->granted;
	look_again(p, RETRY_MS);
}

/* a is NULL when there was none; then err is why. */
static void done(struct path *p, const struct open_answer *a, int err)
{
	uint8_t op = p->errand.op;

	stop(p);
	if (a && a->verdict == OPEN_STALE_BOOT && p->errand.tries < TRIES_MAX) {
		memcpy(p->node.boot, a->boot, sizeof p->node.boot);
		err = begin(p, op);
		if (!err)
			return;
		a = NULL;
	}
	if (op == OPEN_CLOSE)
		closed_one(p->set);
	else if (op == OPEN_OPEN && a)
		open_answered(p, a);
	else if (op == OPEN_OPEN && !p->nat_forward)
		path_dead(p, "its node does not answer", err);
	else if (a && a->verdict == OPEN_OK)
		look_again(p, a->lease_s * 1000LL / RENEWALS);
	else
		not_renewed(p, a);
}

/* --- the errand itself ------------------------------------------------------------------------ */

static void ask(struct path *p)
{
	struct errand *e = &p->errand;
	struct open_terms t = { .kind = OPEN_NAT,
				.device = p->set->device.fp,
				.dest = p->dest,
				.forward = e->forward,
				.lease_s = e->op == OPEN_CLOSE ? 0 : LEASE_S };
	uint8_t frame[OPEN_FRAME_MAX];
	size_t len;

	e->ask.op = e->op;
	memcpy(e->ask.boot, p->node.boot, sizeof e->ask.boot);
	secret_bytes(e->ask.nonce, sizeof e->ask.nonce);
	len = open_make(frame, &p->pair, p->set->self->pub, &e->ask, &t);
	if (sock_write(e->watch.fd, frame, len) != (ssize_t)len)
		done(p, NULL, -EPIPE); /* a new connection has room for it */
	else
		loop_want(p->set->loop, &e->watch, EPOLLIN);
}

static void hear(struct path *p)
{
	struct errand *e = &p->errand;
	ssize_t n = sock_read(e->watch.fd, e->in + e->len, sizeof e->in - e->len);
	struct open_answer a;
	int need;

	if (n == -EAGAIN)
		return;
	if (n <= 0) {
		done(p, NULL, n ? (int)n : -ECONNRESET);
		return;
	}
	e->len += (size_t)n;
	need = open_frame_len(e->in, e->len);
	if (need == 0 || (need > 0 && (size_t)need > e->len))
		return;
	if (need < 0 || !open_answer_parse(&a, &p->pair, &e->ask, e->in, (size_t)need))
		done(p, NULL, -EBADMSG);
	else
		done(p, &a, 0);
}

static void ready(struct watch *w, uint32_t got)
{
	struct errand *e = container_of(w, struct errand, watch);
	int err;

	if (got & EPOLLOUT) {
		err = sock_error(w->fd);
		if (err)
			done(path_of(e), NULL, err);
		else
			ask(path_of(e));
		return;
	}
	hear(path_of(e));
}

static void too_late(struct timer *t, mono_t now)
{
	(void)now;
	done(path_of(container_of(t, struct errand, timer)), NULL, -ETIMEDOUT);
}

/* --- the life of a forward -------------------------------------------------------------------- */

/* Nobody waits for the answer but the end of the session. */
static void give_up_forward(struct path *p)
{
	loop_disarm(p->set->loop, &p->tend);
	if (p->errand.op == OPEN_CLOSE)
		return;
	stop(p);
	if (!p->nat_forward)
		return;
	p->errand.tries = 0;
	p->errand.forward = p->nat_forward;
	p->nat_forward = 0;
	begin(p, OPEN_CLOSE); /* where that fails, the lease ends it */
}

bool path_nat_failed(struct path *p, const char *why, int err)
{
	if (!p->nat_forward || p->no_nat || !p->flow.connecting || !p->node.relay)
		return false;
	give_up_forward(p);
	p->nat_closed = true;
	relay_instead(p, why, err);
	return true;
}

static void tend(struct timer *t, mono_t now)
{
	struct path *p = container_of(t, struct path, tend);

	(void)now;
	if (p->waits) {
		p->waits = false;
		path_connect(p);
		return;
	}
	if (p->flow.live && p->flow.connecting) {
		flow_close(&p->flow);
		if (!path_nat_failed(p, "its port does not answer", 0))
			path_dead(p, "its port does not answer", -ETIMEDOUT);
		return;
	}
	if (p->lease_s) { /* all is well; from now on it is renewed */
		look_again(p, p->lease_s * 1000LL / RENEWALS - ERRAND_MS);
		p->lease_s = 0;
		return;
	}
	p->errand.tries = 0;
	p->errand.forward = p->nat_forward;
	if (begin(p, p->lost ? OPEN_OPEN : OPEN_RENEW))
		look_again(p, RETRY_MS);
}

int path_nat_open(struct path *p)
{
	p->kind = "nat";
	p->errand.watch.ready = ready;
	p->errand.timer.fire = too_late;
	p->tend.fire = tend;
	p->errand.tries = 0;
	return begin(p, OPEN_OPEN);
}

bool pathset_nat_close(struct pathset *ps)
{
	bool any = false;

	for (uint32_t i = 0; i < PATHS_MAX; i++)
		if (ps->path[i]) {
			give_up_forward(ps->path[i]);
			any |= ps->path[i]->errand.op != 0;
		}
	return any;
}

void pathset_forwards(struct pathset *ps, struct path *path, uint32_t n,
		      const struct device_entry *device)
{
	ps->device = *device;
	ps->session.n = n;
	for (uint32_t i = 0; i < n; i++) {
		path[i].set = ps;
		path[i].i = i;
		path[i].node.relay = false;
		ps->path[i] = &path[i];
	}
	for (uint32_t i = 0; i < n && ps->live; i++)
		path_connect(&path[i]);
}
