/* probe/run.c - runs trace and ping over real sockets on a loop */
#include "probe/run.h"

#include <errno.h>
#include <string.h>

#include "core/check.h"
#include "core/secret.h"

enum {
	PING_TTL = 64,
	PORT_LOW = 33000, /* within Linux's ephemeral range, where firewalls expect clients */
	PORT_SPAN = 26000,
	PORT_TRIES = 16, /* all taken, one time in 65,000, when half of the ports are */
};

const char *const probe_way_str[PROBE_WAYS] = {
	[PROBE_AUTO] = "auto",
	[PROBE_RAW] = "one flow",
	[PROBE_PORTS] = "ports vary",
	[PROBE_EXACT] = "exact",
};
static_assert(ARRAY_LEN(probe_way_str) == PROBE_WAYS, "a name for every way");

/* Hands on what proves to answer a probe; the rest is counted. */
static void raw_packet(struct probe_io *io, struct watch *w, const uint8_t *pkt, size_t len,
		       const struct addr *from, uint8_t hop_limit)
{
	const uint8_t *msg = pkt;
	struct trace_answer a;
	bool ours;

	if (addr_is_v4(&io->flow.dst))
		msg = wire_strip_ip4(pkt, &len, &hop_limit);
	if (!msg)
		return;
	if (w == &io->icmp)
		ours = wire_icmp(&io->flow, msg, len, &a);
	else
		ours = addr_same_ip(from, &io->flow.dst) && wire_tcp(&io->flow, msg, len, &a);
	if (!ours) {
		io->ignored++;
		return;
	}
	a.from = *from;
	a.reply_ttl = hop_limit;
	io->answer(io, &a, mono_now());
}

/* Until there is nothing more, or the owner stopped the run in between. */
static void raw_ready(struct probe_io *io, struct watch *w)
{
	while (w->added) {
		uint8_t pkt[ICMP_PACKET_MAX], hop_limit;
		struct addr from;
		ssize_t n = icmp_raw_recv(w->fd, pkt, sizeof pkt, &from, &hop_limit);

		if (n < 0)
			return;
		raw_packet(io, w, pkt, (size_t)n, &from, hop_limit);
	}
}

static void tcp_ready(struct watch *w, uint32_t got)
{
	(void)got;
	raw_ready(container_of(w, struct probe_io, tcp), w);
}

static void icmp_ready(struct watch *w, uint32_t got)
{
	(void)got;
	raw_ready(container_of(w, struct probe_io, icmp), w);
}

static void slot_close(struct probe_slot *s)
{
	if (!s->open)
		return;
	loop_del(s->io->loop, &s->watch);
	icmp_connect_close(s->watch.fd);
	s->open = false;
}

static bool is_exceeded(const struct addr *dst, const struct icmp_error *e)
{
	return e->type == (addr_is_v4(dst) ? 11 : 3) && !e->code; /* RFC 792, RFC 4443 */
}

/* A connection attempt ended: by the target, by an ICMP error, or by something local, which is
 * no answer. The kernel has checked the error's quote against the connection. */
static void slot_ready(struct watch *w, uint32_t got)
{
	struct probe_slot *s = container_of(w, struct probe_slot, watch);
	struct probe_io *io = s->io;
	struct trace_answer a = { .id = s->id, .from = io->flow.dst };
	static const struct addr nobody;
	struct icmp_error e;
	int r = icmp_connect_result(w->fd, &e);

	(void)got;
	if (r == -EINPROGRESS)
		return;
	a.from.port = 0;
	if (!addr_same_ip(&e.from, &nobody)) {
		a.kind = is_exceeded(&io->flow.dst, &e) ? TRACE_HOP : TRACE_UNREACH;
		a.from = e.from;
		a.icmp_type = e.type;
		a.icmp_code = e.code;
	} else if (!r || r == -ECONNREFUSED) {
		a.kind = r ? TRACE_CLOSED : TRACE_OPEN;
	}
	slot_close(s);
	if (a.kind != TRACE_NONE)
		io->answer(io, &a, mono_now());
}

/* Neighbouring ports, one a probe; or always the same. A port in use is left to the kernel. */
static int slot_connect(struct probe_io *io, uint16_t id, uint8_t ttl)
{
	struct addr from = io->flow.src;
	int fd;

	if (io->way == PROBE_PORTS)
		from.port = (uint16_t)(from.port + id);
	fd = icmp_connect(&from, &io->flow.dst, ttl, io->device);
	if (fd != -EADDRINUSE && fd != -EADDRNOTAVAIL)
		return fd;
	from.port = 0;
	return icmp_connect(&from, &io->flow.dst, ttl, io->device);
}

static int slot_send(struct probe_io *io, struct probe_slot *s, uint16_t id, uint8_t ttl)
{
	int fd;

	slot_close(s);
	fd = slot_connect(io, id, ttl);
	if (fd < 0)
		return fd;
	*s = (struct probe_slot){ .io = io, .id = id, .open = true };
	s->watch = (struct watch){ .fd = fd, .want = EPOLLOUT, .ready = slot_ready };
	return loop_add(io->loop, &s->watch);
}

/* A probe that cannot be sent is one without an answer; the reason is kept. */
static void io_send(struct probe_io *io, uint16_t id, uint8_t ttl)
{
	uint8_t seg[WIRE_SYN_BYTES];
	int r;

	if (io->way == PROBE_RAW) {
		wire_syn(seg, &io->flow, id);
		r = icmp_raw_send(&io->raw, &io->flow.dst, ttl, seg, sizeof seg);
	} else {
		r = slot_send(io, &io->slot[id % TRACE_TTL_MAX], id, ttl);
	}
	if (r)
		io->error = r;
}

static void io_close(struct probe_io *io)
{
	if (!io->loop)
		return;
	for (size_t i = 0; i < ARRAY_LEN(io->slot); i++)
		slot_close(&io->slot[i]);
	loop_del(io->loop, &io->tcp);
	loop_del(io->loop, &io->icmp);
	if (io->way == PROBE_RAW)
		icmp_raw_close(&io->raw);
	io->loop = NULL;
}

static int open_raw(struct probe_io *io)
{
	int r = icmp_raw_open(&io->raw, &io->flow.src, &io->flow.dst, io->device);

	if (r)
		return r;
	io->tcp = (struct watch){ .fd = io->raw.tcp, .want = EPOLLIN, .ready = tcp_ready };
	io->icmp = (struct watch){ .fd = io->raw.icmp, .want = EPOLLIN, .ready = icmp_ready };
	r = loop_add(io->loop, &io->tcp);
	if (!r)
		r = loop_add(io->loop, &io->icmp);
	return r;
}

static uint16_t draw_port(void)
{
	uint16_t port;

	secret_bytes(&port, sizeof port);
	return (uint16_t)(PORT_LOW + port % PORT_SPAN);
}

/* An address and a port of our own to send from. */
static int choose_source(struct probe_io *io, const struct probe_ends *e)
{
	static const struct addr nobody;
	int r = 0;

	io->flow.src = e->from;
	if (addr_same_ip(&e->from, &nobody))
		r = icmp_source(&e->to, e->device, &io->flow.src);
	secret_bytes(&io->flow.isn, sizeof io->flow.isn);
	io->flow.src.port = e->from.port ? e->from.port : draw_port();
	return r;
}

/* A port that was drawn may be somebody's: then another one. */
static int open_raw_somewhere(struct probe_io *io, const struct probe_ends *e)
{
	int r = open_raw(io);

	for (int i = 1; r == -EADDRINUSE && !e->from.port && i < PORT_TRIES; i++) {
		io->flow.src.port = draw_port();
		r = open_raw(io);
	}
	return r;
}

static int io_open(struct probe_io *io, struct loop *l, const struct probe_ends *e)
{
	int r;

	*io = (struct probe_io){ .loop = l, .way = e->way, .raw = { -1, -1, -1 } };
	io->flow.dst = e->to;
	memcpy(io->device, e->device, sizeof io->device);
	r = choose_source(io, e);
	if (!r && addr_is_v4(&io->flow.src) != addr_is_v4(&io->flow.dst))
		r = -EAFNOSUPPORT;
	if (e->way == PROBE_AUTO)
		io->way = PROBE_RAW;
	if (!r && io->way == PROBE_RAW)
		r = open_raw_somewhere(io, e);
	if ((r == -EPERM || r == -EACCES) && e->way == PROBE_AUTO) {
		io->way = PROBE_PORTS;
		r = 0;
	}
	if (r)
		io_close(io);
	return r;
}

static void trace_pump(struct timer *timer, mono_t now)
{
	struct trace_run *r = container_of(timer, struct trace_run, timer);
	struct trace_probe p;

	(void)now;
	while (trace_next(&r->trace, mono_now(), &p))
		io_send(&r->io, p.id, p.ttl);
	if (!r->trace.stop) {
		loop_arm(r->io.loop, &r->timer, trace_wake(&r->trace));
		return;
	}
	trace_run_stop(r);
	r->done(r);
}

static void trace_answered(struct probe_io *io, const struct trace_answer *a, mono_t now)
{
	struct trace_run *r = container_of(io, struct trace_run, io);

	if (trace_take(&r->trace, a, now) != TRACE_TAKEN)
		io->ignored++;
	loop_arm(io->loop, &r->timer, now);
}

int trace_run_start(struct trace_run *r, struct loop *l, const struct probe_ends *e,
		    const struct trace_conf *conf, void (*done)(struct trace_run *r))
{
	int ret;

	*r = (struct trace_run){ .done = done, .timer.fire = trace_pump };
	ret = io_open(&r->io, l, e);
	if (ret)
		return ret;
	r->io.answer = trace_answered;
	if (!conf)
		conf = r->io.way == PROBE_EXACT ? &trace_conf_serial : &trace_conf_all;
	trace_init(&r->trace, conf, &e->to);
	if (r->io.way == PROBE_EXACT)
		r->trace.conf.in_flight = 1;
	if (r->io.way != PROBE_RAW)
		r->trace.conf.retry_us = 0; /* a TTL has one connection at a time */
	loop_arm(l, &r->timer, mono_now());
	return 0;
}

void trace_run_stop(struct trace_run *r)
{
	if (r->io.loop)
		loop_disarm(r->io.loop, &r->timer);
	io_close(&r->io);
}

static void ping_pump(struct timer *timer, mono_t now)
{
	struct ping_run *r = container_of(timer, struct ping_run, timer);
	uint16_t id;

	(void)now;
	if (ping_next(&r->ping, mono_now(), &id))
		io_send(&r->io, id, PING_TTL);
	if (!r->ping.over) {
		loop_arm(r->io.loop, &r->timer, ping_wake(&r->ping));
		return;
	}
	ping_run_stop(r);
	r->done(r);
}

/* Only the target's own answers are round trips. */
static void ping_answered(struct probe_io *io, const struct trace_answer *a, mono_t now)
{
	struct ping_run *r = container_of(io, struct ping_run, io);

	if (a->kind == TRACE_HOP || a->kind == TRACE_UNREACH || !ping_take(&r->ping, a->id, now)) {
		io->ignored++;
		return;
	}
	r->closed = r->closed || a->kind == TRACE_CLOSED;
	loop_arm(io->loop, &r->timer, ping_wake(&r->ping));
}

int ping_run_start(struct ping_run *r, struct loop *l, const struct probe_ends *e,
		   const struct ping_conf *conf, void (*done)(struct ping_run *r))
{
	int ret;

	*r = (struct ping_run){ .done = done, .timer.fire = ping_pump };
	ret = io_open(&r->io, l, e);
	if (ret)
		return ret;
	if (r->io.way == PROBE_PORTS)
		r->io.way = PROBE_EXACT; /* one at a time anyway: keep to one flow */
	r->io.answer = ping_answered;
	ping_init(&r->ping, conf ? conf : &ping_conf_default);
	loop_arm(l, &r->timer, mono_now());
	return 0;
}

void ping_run_stop(struct ping_run *r)
{
	if (r->io.loop)
		loop_disarm(r->io.loop, &r->timer);
	io_close(&r->io);
}
