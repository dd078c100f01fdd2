/* net/conn.c - one TLS connection on a loop that carries frames
 *
 * Input is read when the socket is readable, output written in the loop's flush step. Functions
 * that may call back return false when the connection ended meanwhile: the owner may have closed
 * it, and begun another one with the same conn, which `life` tells. */
#include "net/conn.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/check.h"
#include "net/sock.h"

enum {
	/* So that one peer cannot starve the others, a turn does no more than this: */
	READS_MAX = 32,
	WRITES_MAX = 32,
	WHY_BYTES_MAX = 160,
};

static void drop(struct conn *c)
{
	loop_del(c->cfg.loop, &c->watch);
	loop_disarm(c->cfg.loop, &c->deadline);
	loop_unflush(c->cfg.loop, &c->flush);
	if (c->watch.fd >= 0)
		close(c->watch.fd);
	tls_fini(&c->tls);
	c->watch.fd = -1;
	c->state = CONN_IDLE;
	c->life++;
}

/* Always false, for its callers to return. The text is ours before the engine is wiped. */
static bool end(struct conn *c, int err, const char *why)
{
	char text[WHY_BYTES_MAX];

	snprintf(text, sizeof text, "%s", why);
	drop(c);
	c->cfg.ops->on_close(c, err, text);
	return false;
}

static bool end_errno(struct conn *c, int err)
{
	return end(c, err, strerror(-err));
}

static bool end_of_input(struct conn *c)
{
	if (c->state == CONN_FINISHING)
		return end(c, 0, "closed");
	if (c->state == CONN_OPEN)
		return end(c, -ECONNRESET, "the peer broke the connection off");
	return end(c, -ECONNRESET,
		   "the peer broke the handshake off: it may not know our key");
}

static bool deaf(const struct conn *c)
{
	return c->held && c->state == CONN_OPEN;
}

/* May frames be sent? */
static bool shaken(const struct conn *c)
{
	return c->state == CONN_OPEN || c->state == CONN_FINISHING;
}

/* What the loop is to watch for. A peer that waits for our output is not read: TLS has no room. */
static void want(struct conn *c)
{
	uint32_t events = 0;
	size_t n;

	if (c->state == CONN_CONNECTING || tls_out(&c->tls, &n) || (shaken(c) && c->out_len))
		events |= EPOLLOUT;
	if (c->state != CONN_CONNECTING && !deaf(c) && tls_in(&c->tls, &n))
		events |= EPOLLIN;
	loop_want(c->cfg.loop, &c->watch, events);
}

static uint32_t frame_bytes(const struct conn *c)
{
	return (uint32_t)c->head[0] << 24 | (uint32_t)c->head[1] << 16 | (uint32_t)c->head[2] << 8 |
	       c->head[3];
}

/* Takes plaintext up to the end of the frame that is coming in; returns how much. */
static size_t gather(struct conn *c, const uint8_t *p, size_t n)
{
	size_t want_bytes;
	uint8_t *to;

	if (c->in_have < CONN_HEAD_BYTES) {
		want_bytes = CONN_HEAD_BYTES - c->in_have;
		to = c->head + c->in_have;
	} else {
		want_bytes = CONN_HEAD_BYTES + frame_bytes(c) - c->in_have;
		to = c->cfg.in + c->in_have - CONN_HEAD_BYTES;
	}
	n = n < want_bytes ? n : want_bytes;
	memcpy(to, p, n);
	c->in_have += n;
	return n;
}

/* Delivers a frame that is complete. */
static bool deliver(struct conn *c)
{
	uint64_t life = c->life;
	uint32_t len;

	if (c->in_have < CONN_HEAD_BYTES)
		return true;
	len = frame_bytes(c);
	if (len > c->cfg.frame_bytes_max)
		return end(c, -EPROTO, "the peer sent a frame that is too long");
	if (c->in_have < CONN_HEAD_BYTES + (size_t)len)
		return true;
	c->in_have = 0;
	c->cfg.ops->on_frame(c, c->cfg.in, len);
	return c->life == life;
}

static bool opened(struct conn *c)
{
	uint64_t life = c->life;

	c->state = CONN_OPEN;
	loop_disarm(c->cfg.loop, &c->deadline);
	if (c->cfg.ops->on_open)
		c->cfg.ops->on_open(c);
	return c->life == life;
}

/* What the engine has come to: open, plaintext, closed. */
static bool advance(struct conn *c)
{
	const uint8_t *p;
	size_t n;

	if (c->state == CONN_SHAKING && tls_state(&c->tls) == TLS_OPEN && !opened(c))
		return false;
	while (c->state == CONN_OPEN && !c->held && (p = tls_read(&c->tls, &n))) {
		tls_read_done(&c->tls, gather(c, p, n));
		if (!deliver(c))
			return false;
	}
	while (c->state == CONN_FINISHING && tls_read(&c->tls, &n))
		tls_read_done(&c->tls, n);
	if (tls_state(&c->tls) != TLS_CLOSED)
		return true;
	if (!tls_error(&c->tls) && !shaken(c))
		return end_of_input(c);
	return end(c, tls_error(&c->tls), tls_error_str(&c->tls));
}

/* What was read goes into the engine, as far as it takes it: head and body of a record apart, and
 * nothing while it has plaintext that nobody wants. */
static bool feed(struct conn *c)
{
	size_t room;
	uint8_t *to;

	while (c->ahead_len && !deaf(c) && (to = tls_in(&c->tls, &room))) {
		room = room < c->ahead_len ? room : c->ahead_len;
		memcpy(to, c->ahead + c->ahead_at, room);
		c->ahead_at += room;
		c->ahead_len -= room;
		tls_in_done(&c->tls, room);
		if (!advance(c))
			return false;
	}
	return true;
}

/* Once a read is short there is no more: the loop says when there is. */
static bool read_some(struct conn *c)
{
	for (int i = 0; i < READS_MAX && !deaf(c); i++) {
		ssize_t n;

		if (!feed(c))
			return false;
		if (c->ahead_len)
			return true;
		n = sock_read(c->watch.fd, c->ahead, sizeof c->ahead);
		if (n == -EAGAIN)
			return true;
		if (n < 0)
			return end_errno(c, (int)n);
		if (!n)
			return end_of_input(c);
		c->ahead_at = 0;
		c->ahead_len = (size_t)n;
		if (!feed(c))
			return false;
		if ((size_t)n < sizeof c->ahead)
			return true;
	}
	return true;
}

/* Queued bytes into the engine, one record at most; false when there is nothing to be done. */
static bool fill(struct conn *c)
{
	size_t straight = c->cfg.out_bytes - c->out_at, n;

	if (!shaken(c) || !c->out_len)
		return false;
	straight = straight < c->out_len ? straight : c->out_len;
	n = tls_write(&c->tls, c->cfg.out + c->out_at, straight);
	c->out_at = (c->out_at + n) % c->cfg.out_bytes;
	c->out_len -= n;
	if (!c->out_len)
		tls_flush(&c->tls);
	return n > 0;
}

/* Records to the socket until it is full, nothing is left, or others are to have their turn. */
static bool write_out(struct conn *c)
{
	const uint8_t *p;
	size_t len;
	int writes = 0;

	do {
		while ((p = tls_out(&c->tls, &len))) {
			ssize_t n = sock_write(c->watch.fd, p, len);

			if (n == -EAGAIN)
				return true;
			if (n < 0)
				return end_errno(c, (int)n);
			tls_out_done(&c->tls, (size_t)n);
		}
	} while (++writes < WRITES_MAX && fill(c));
	return true;
}

/* The steps of conn_finish, each when the one before is done: queue, goodbye, shutdown. */
static bool finish_on(struct conn *c)
{
	size_t n;

	if (c->state != CONN_FINISHING || c->out_len || tls_out(&c->tls, &n))
		return true;
	if (!c->said) {
		c->said = true;
		tls_close(&c->tls);
		if (!write_out(c))
			return false;
	}
	if (!c->shut && !tls_out(&c->tls, &n)) {
		c->shut = true;
		shutdown(c->watch.fd, SHUT_WR);
	}
	return true;
}

static bool drained(struct conn *c)
{
	uint64_t life = c->life;

	if (c->starved && c->starved <= conn_room(c)) {
		c->starved = 0;
		if (c->cfg.ops->on_drain)
			c->cfg.ops->on_drain(c);
	}
	return c->life == life;
}

static void run_flush(struct flush *f)
{
	struct conn *c = container_of(f, struct conn, flush);

	c->flushing = true;
	if (c->state != CONN_CONNECTING &&
	    (!write_out(c) || !finish_on(c) || !advance(c) || !feed(c) || !drained(c)))
		return;
	c->flushing = false;
	want(c);
}

static void ready(struct watch *w, uint32_t got)
{
	struct conn *c = container_of(w, struct conn, watch);
	bool ask = got & (EPOLLERR | EPOLLHUP) || c->state == CONN_CONNECTING;
	int err = ask ? sock_error(w->fd) : 0;

	/* A handshake is public-key work: when many begin at once, those that stand go on. */
	if (!err && c->state == CONN_SHAKING && !loop_heavy(c->cfg.loop))
		return;
	/* A connection that is up and then fails still holds what came before: that is read first,
	 * unless nobody wants it. */
	if (err && (c->state == CONN_CONNECTING || deaf(c))) {
		end_errno(c, err);
		return;
	}
	if (c->state == CONN_CONNECTING)
		c->state = CONN_SHAKING;
	if (got & EPOLLHUP && deaf(c)) {
		end_of_input(c);
		return;
	}
	if (got & (EPOLLIN | EPOLLHUP | EPOLLERR) && !read_some(c))
		return;
	if (err) {
		end_errno(c, err);
		return;
	}
	loop_flush(c->cfg.loop, &c->flush);
}

static void late(struct timer *t, mono_t now)
{
	struct conn *c = container_of(t, struct conn, deadline);

	(void)now;
	if (c->state == CONN_FINISHING)
		end(c, -ETIMEDOUT, "the peer does not close its side");
	else if (c->state == CONN_CONNECTING)
		end(c, -ETIMEDOUT, "the peer does not answer");
	else
		end(c, -ETIMEDOUT, "the peer does not finish the handshake");
}

void conn_init(struct conn *c, const struct conn_config *cfg)
{
	MUST(cfg->out_bytes > CONN_HEAD_BYTES);
	memset(c, 0, sizeof *c);
	c->cfg = *cfg;
	c->watch.fd = -1;
	c->watch.ready = ready;
	c->deadline.fire = late;
	c->flush.run = run_flush;
}

void conn_buffers(struct conn *c, uint8_t *in, size_t frame_bytes_max, uint8_t *out,
		  size_t out_bytes)
{
	MUST(!c->in_have);
	MUST(!c->out_len);
	c->cfg.in = in;
	c->cfg.frame_bytes_max = frame_bytes_max;
	c->cfg.out = out;
	c->cfg.out_bytes = out_bytes;
}

/* Takes fd. */
static int begin(struct conn *c, int fd, enum conn_state state)
{
	int r;

	c->watch.fd = fd;
	c->watch.want = state == CONN_CONNECTING ? EPOLLOUT : EPOLLIN;
	c->state = state;
	c->held = c->said = c->shut = c->flushing = false;
	c->in_have = c->out_at = c->out_len = c->starved = c->ahead_len = 0;
	c->life++;
	r = c->cfg.silence_ms ? sock_timeout(fd, c->cfg.silence_ms) : 0;
	if (!r)
		r = loop_add(c->cfg.loop, &c->watch);
	if (r) {
		drop(c);
		return r;
	}
	loop_arm(c->cfg.loop, &c->deadline,
		 mono_add_ms(loop_now(c->cfg.loop), c->cfg.handshake_ms));
	return 0;
}

int conn_connect(struct conn *c, const struct addr *to, const struct addr *from,
		 const struct fp *peer)
{
	int fd;

	MUST(c->state == CONN_IDLE);
	fd = sock_connect(to, from);
	if (fd < 0)
		return fd;
	tls_client(&c->tls, c->cfg.cert, peer);
	return begin(c, fd, CONN_CONNECTING);
}

int conn_accept(struct conn *c, int fd)
{
	MUST(c->state == CONN_IDLE);
	tls_server(&c->tls, c->cfg.cert);
	return begin(c, fd, CONN_SHAKING);
}

size_t conn_room(const struct conn *c)
{
	return c->cfg.out_bytes - c->out_len;
}

static void queue(struct conn *c, const uint8_t *p, size_t n)
{
	size_t at = (c->out_at + c->out_len) % c->cfg.out_bytes;
	size_t straight = c->cfg.out_bytes - at;

	straight = straight < n ? straight : n;
	memcpy(c->cfg.out + at, p, straight);
	memcpy(c->cfg.out, p + straight, n - straight);
	c->out_len += n;
}

int conn_send(struct conn *c, const void *data, size_t len)
{
	uint8_t head[CONN_HEAD_BYTES] = { (uint8_t)(len >> 24), (uint8_t)(len >> 16),
					  (uint8_t)(len >> 8), (uint8_t)len };

	if (c->state == CONN_IDLE || c->state == CONN_FINISHING)
		return -ENOTCONN;
	if (len > c->cfg.out_bytes - CONN_HEAD_BYTES || len > UINT32_MAX)
		return -EMSGSIZE;
	if (len + CONN_HEAD_BYTES > conn_room(c)) {
		c->starved = len + CONN_HEAD_BYTES;
		return -EAGAIN;
	}
	queue(c, head, sizeof head);
	if (len)
		queue(c, data, len);
	/* What is sent in the flush step waits for the next turn: a fast peer would keep us. */
	if (!c->flushing)
		loop_flush(c->cfg.loop, &c->flush);
	return 0;
}

void conn_hold(struct conn *c, bool hold)
{
	if (c->state == CONN_IDLE || c->held == hold)
		return;
	c->held = hold;
	loop_flush(c->cfg.loop, &c->flush);
}

void conn_finish(struct conn *c)
{
	if (c->state == CONN_IDLE || c->state == CONN_FINISHING)
		return;
	if (c->state != CONN_OPEN) {
		end(c, 0, "closed");
		return;
	}
	c->state = CONN_FINISHING;
	c->held = false;
	loop_arm(c->cfg.loop, &c->deadline,
		 mono_add_ms(loop_now(c->cfg.loop), c->cfg.handshake_ms));
	loop_flush(c->cfg.loop, &c->flush);
}

void conn_close(struct conn *c)
{
	size_t len;
	const uint8_t *p;

	if (c->state == CONN_IDLE)
		return;
	if (c->state == CONN_OPEN) {
		tls_close(&c->tls);
		p = tls_out(&c->tls, &len);
		if (p)
			sock_write(c->watch.fd, p, len);
	}
	drop(c);
}

int conn_fd(const struct conn *c)
{
	return c->watch.fd;
}

const struct fp *conn_peer(const struct conn *c)
{
	return c->state == CONN_IDLE ? NULL : tls_peer(&c->tls);
}

const uint8_t *conn_peer_pub(const struct conn *c)
{
	return c->state == CONN_IDLE ? NULL : tls_peer_pub(&c->tls);
}
