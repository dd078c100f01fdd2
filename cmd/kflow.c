/* cmd/kflow.c - transport mptcp: a session whose one flow is an MPTCP connection over cmd/kpaths */
#include "cmd/kflow.h"

#include <errno.h>
#include <string.h>

#include "core/check.h"

enum { LOOK_MS = 10, WHOLE_MS = 6000 }; /* a SYN may be lost twice */

static struct kflow *kflow_of(struct kpaths *k)
{
	return container_of(k, struct kflow, k);
}

static void look(struct timer *t, mono_t now)
{
	struct kflow *f = container_of(t, struct kflow, look);
	int r = f->one.flow.open ? kpaths_look(&f->k, f->one.flow.watch.fd, &f->conn, f->order) :
				   -EAGAIN;

	if (!f->ps->live)
		return;
	if (r == -EAGAIN && mono_before(now, f->until)) {
		loop_arm(f->k.loop, t, mono_add_ms(now, LOOK_MS));
		return;
	}
	f->whole = !r;
	f->ps->setup_done = now;
	if (!r)
		pathset_kick(f->ps);
	else if (r == -EAGAIN)
		pathset_fail(f->ps, EXIT_UNREACHABLE, "MPTCP has %u of %u paths", f->conn.n,
			     f->k.n);
	else
		pathset_fail(f->ps, EXIT_UNREACHABLE, "MPTCP fell back to one path");
}

static void stand(struct kpaths *k)
{
	struct kflow *f = kflow_of(k);

	f->one.to = f->one.dest = kpaths_at(k, 0);
	f->one.from.mptcp = true;
	f->until = mono_add_ms(mono_now(), WHOLE_MS);
	loop_arm(k->loop, &f->look, mono_add_ms(mono_now(), LOOK_MS));
	pathset_connect(f->ps, f->setup, &f->one, 1, &k->device);
}

static void over(struct kpaths *k, int code, const char *why)
{
	struct kflow *f = kflow_of(k);

	if (f->ps->live)
		pathset_over(f->ps, code ? code : EXIT_FAILED, why);
	else
		loop_stop(k->loop);
}

static const struct kpaths_ops ops = { .stand = stand, .over = over };

int kflow_open(struct kflow *f, const struct common *c, const struct party *party, struct loop *l,
	       const char *scheduler)
{
	kflow_close(f);
	memset(f, 0, sizeof *f);
	f->look.fire = look;
	return kpaths_open(&f->k, &ops, c, party, l, scheduler);
}

void kflow_begin(struct kflow *f, struct pathset *ps, const struct session_setup *setup,
		 uint8_t *in, const struct path *path, uint32_t n, const struct device_entry *dev)
{
	f->ps = ps;
	f->setup = setup;
	f->one.flow.in = in;
	kpaths_begin(&f->k, path, n, dev, NULL, 0);
}

bool kflow_may_send(const struct kflow *f)
{
	return !f->ps || f->whole;
}

void kflow_count(struct kflow *f)
{
	mptcp_scheduler(f->scheduler);
	kpaths_look(&f->k, f->one.flow.watch.fd, &f->conn, f->order);
}

bool kflow_end(struct kflow *f, int code, const char *why)
{
	if (!f->ps || !f->k.live)
		return false;
	loop_disarm(f->k.loop, &f->look);
	kpaths_end(&f->k, code, "%s", why);
	return true;
}

void kflow_close(struct kflow *f)
{
	kpaths_close(&f->k);
	f->ps = NULL;
}
