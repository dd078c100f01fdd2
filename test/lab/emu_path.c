/* test/lab/emu_path.c - a packet's way: up pipe, path, routers, down pipe
 *
 * A queue is only a time until which its pipe is busy, so a packet costs one or two turns of the
 * wheel whatever it passes. The down pipe is entered when the packet gets there, not when it is
 * sent: several paths with different delays share it. */
#include <string.h>
#include <unistd.h>

#include "test/lab/emu.h"

enum {
	QUEUE_BYTES_MIN = 65536,
	REORDER_NS = 5000000,		/* how much later a reordered packet comes: 5 ms */
};

/* xorshift64*, upper half. The seed stands in the topology file: a run can be repeated. */
static uint32_t random32(struct emu *e)
{
	e->random ^= e->random >> 12;
	e->random ^= e->random << 25;
	e->random ^= e->random >> 27;
	return (uint32_t)(e->random * 0x2545f4914f6cdd1dULL >> 32);
}

static int64_t queue_ns(const struct pipe *q)
{
	uint64_t bytes = q->queue_bytes;

	if (!bytes)
		bytes = q->rate_bps / 80;
	if (!q->queue_bytes && bytes < QUEUE_BYTES_MIN)
		bytes = QUEUE_BYTES_MIN;
	return (int64_t)(bytes * 8e9 / (double)q->rate_bps);
}

/* When a packet that comes at `t` has left the pipe, its delay not counted; -1 when it is lost. */
static int64_t pipe_pass(struct emu *e, struct pipe *q, size_t len, int64_t t)
{
	if (q->cut) {
		q->lost_cut++;
		return -1;
	}
	if (q->loss && random32(e) < q->loss) {
		q->lost_random++;
		return -1;
	}
	if (q->rate_bps) {
		int64_t start = q->busy_until > t ? q->busy_until : t;

		if (start - t > queue_ns(q)) {
			q->lost_queue++;
			return -1;
		}
		t = start + (int64_t)((double)len * 8e9 / (double)q->rate_bps);
		q->busy_until = t;
	}
	q->packets++;
	q->bytes += len;
	return t;
}

static void wait_until(struct emu *e, struct packet *p, enum packet_kind kind, int64_t due)
{
	p->kind = kind;
	if (!wheel_add(&e->wheel, p, due)) {
		e->too_late++;
		pool_put(e, p);
	}
}

/* Nanoseconds from the start of the path to place `at` of it (see tap_at). */
static int64_t way(const struct path *path, unsigned at)
{
	if (at == 0)
		return 0;
	if (at > path->hop_count)
		return path->pipe.delay_ns;
	return (int64_t)(path->hop[at - 1].at * (double)path->pipe.delay_ns);
}

/* Copies for the taps that the packet passes on its way to place `end`. It leaves the start at
 * `t`; an answer of the router at `end` (`back`) leaves there at that time and travels the other
 * way. */
static void tap_copies(struct emu *e, const struct path *path, const struct packet *p, unsigned end,
		       int64_t t, bool back)
{
	for (uint32_t left = path->taps; left; left &= left - 1) {
		unsigned tap = (unsigned)__builtin_ctz(left), at = path->tap_at[tap];
		struct packet *copy = at <= end ? pool_get(e) : NULL;

		if (!copy)
			continue;
		memcpy(copy->data, p->data, p->len);
		copy->len = p->len;
		copy->tap = (uint8_t)tap;
		if (!back && at > 1)
			ip_ttl_lower(copy, at - 1);
		wait_until(e, copy, PACKET_TAP, back ? t + way(path, end) - way(path, at)
						     : t + way(path, at));
	}
}

/* The packet reaches hop number `at` (from 1) with a TTL of 1; `t` is when it left the start. */
static void expire(struct emu *e, struct packet *p, struct path *path, unsigned at, int64_t t)
{
	const struct hop *hop = &path->hop[at - 1];
	struct packet *answer = NULL;

	e->expired++;
	tap_copies(e, path, p, at, t, false);
	ip_ttl_lower(p, at - 1);
	if (!hop->silent)
		answer = pool_get(e);
	if (answer && ip_time_exceeded(answer, p, hop, at - 1)) {
		answer->path = NULL;
		answer->port = path->from;
		t += way(path, at);
		tap_copies(e, path, answer, at, t, true);
		wait_until(e, answer, PACKET_ARRIVE, t + way(path, at));
	} else if (answer) {
		pool_put(e, answer);
	}
	pool_put(e, p);
}

static struct path *find_path(struct emu *e, const struct packet *p, unsigned from)
{
	struct topo *t = &e->topo;
	bool v4 = p->data[0] >> 4 == 4;

	for (unsigned i = 0; i < t->port_count; i++) {
		const struct port *port = &t->port[i];

		if (v4 ? !memcmp(p->data + 16, &port->a4, 4) : !memcmp(p->data + 24, &port->a6, 16))
			return t->path[from][i].exists ? &t->path[from][i] : NULL;
	}
	return NULL;
}

void path_enter(struct emu *e, struct packet *p, unsigned from, int64_t now)
{
	struct pipe *up = &e->topo.port[from].up;
	struct path *path = ip_valid(p) ? find_path(e, p, from) : NULL;
	unsigned ttl = path ? ip_ttl(p) : 0;
	int64_t t;

	if (!ttl) {
		e->unrouted++;
		pool_put(e, p);
		return;
	}
	t = pipe_pass(e, up, p->len, now);
	if (t >= 0)
		t = pipe_pass(e, &path->pipe, p->len, t + up->delay_ns);
	if (t < 0) {
		pool_put(e, p);
		return;
	}
	if (ttl <= path->hop_count) {
		expire(e, p, path, ttl, t);
		return;
	}
	tap_copies(e, path, p, path->hop_count + 1u, t, false);
	ip_ttl_lower(p, path->hop_count);
	p->path = path;
	p->port = path->to;
	t += path->pipe.delay_ns;
	if (path->pipe.reorder && random32(e) < path->pipe.reorder)
		t += REORDER_NS;
	wait_until(e, p, PACKET_ARRIVE, t);
}

static void deliver(struct emu *e, struct packet *p)
{
	if (write(e->topo.port[p->port].fd, p->data, p->len) != p->len)
		e->write_failed++;
	pool_put(e, p);
}

/* At the far end of its path, before the other side's access link. */
static void arrive(struct emu *e, struct packet *p, int64_t now)
{
	struct pipe *down = &e->topo.port[p->port].down;
	int64_t t = -1;

	if (p->path && p->path->pipe.cut)
		p->path->pipe.lost_cut++;	/* cut while it was under way */
	else
		t = pipe_pass(e, down, p->len, now);
	if (t < 0)
		pool_put(e, p);
	else if (t + down->delay_ns <= now)
		deliver(e, p);
	else
		wait_until(e, p, PACKET_DELIVER, t + down->delay_ns);
}

void path_due(struct emu *e, struct packet *p, int64_t now)
{
	switch ((enum packet_kind)p->kind) {
	case PACKET_ARRIVE:
		arrive(e, p, now);
		break;
	case PACKET_DELIVER:
		deliver(e, p);
		break;
	case PACKET_TAP:
		tap_write(e, p, now);
		pool_put(e, p);
		break;
	}
}
