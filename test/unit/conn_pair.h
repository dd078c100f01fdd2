/* test/unit/conn_pair.h - two conns over loopback on one loop, for tests
 *
 * `near` connects to a listener whose connection becomes `far`. Each end notes what happens to it
 * and acts as the test's script says; a guard timer ends a test that hangs. */
#ifndef TEST_UNIT_CONN_PAIR_H
#define TEST_UNIT_CONN_PAIR_H

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/check.h"
#include "net/conn.h"
#include "net/sock.h"
#include "test/unit/test.h"

enum { FRAME_MAX = 200000, OUT_MAX = 300000, GUARD_MS = 8000 };

struct end {
	struct conn conn;
	uint8_t in[FRAME_MAX], out[OUT_MAX];
	unsigned opens, frames, closes;
	size_t bytes;
	int err;
	char why[200];
	void (*on_open)(struct end *e), (*on_drain)(struct end *e), (*on_close)(struct end *e);
	void (*on_frame)(struct end *e, const uint8_t *p, size_t len);
};

static struct ident near_id, far_id, other_id;
static struct tls_cert near_cert, far_cert;
static struct end near, far;
static struct loop loop;
static struct watch listener;
static struct addr at;
static struct timer guard;
static bool hung; /* the guard fired */

static void opened(struct conn *c)
{
	struct end *e = container_of(c, struct end, conn);

	e->opens++;
	CHECK(conn_peer(c) && fp_eq(conn_peer(c), e == &near ? &far_id.fp : &near_id.fp));
	CHECK(conn_peer_pub(c) != NULL);
	if (e->on_open)
		e->on_open(e);
}

static void framed(struct conn *c, const uint8_t *p, size_t len)
{
	struct end *e = container_of(c, struct end, conn);

	e->frames++;
	e->bytes += len;
	if (e->on_frame)
		e->on_frame(e, p, len);
}

static void drained(struct conn *c)
{
	CHECK(near.on_drain);
	near.on_drain(container_of(c, struct end, conn));
}

static void closed(struct conn *c, int err, const char *why)
{
	struct end *e = container_of(c, struct end, conn);

	CHECK_EQ(conn_state(c), CONN_IDLE);
	CHECK_EQ(conn_fd(c), -1);
	e->closes++;
	e->err = err;
	snprintf(e->why, sizeof e->why, "%s", why);
	if (e->on_close)
		e->on_close(e);
}

static const struct conn_ops ops = { opened, framed, drained, closed };

static void accepted(struct watch *w, uint32_t got)
{
	struct addr peer;
	int fd = sock_accept(w->fd, &peer);

	(void)got;
	if (fd >= 0)
		CHECK_EQ(conn_accept(&far.conn, fd), 0);
}

static void give_up(struct timer *t, mono_t now)
{
	(void)t;
	(void)now;
	hung = true;
	loop_stop(&loop);
}

static void end_init(struct end *e, const struct tls_cert *cert, unsigned handshake_ms)
{
	struct conn_config cfg = { &loop, cert, &ops, e->in, FRAME_MAX, e->out, OUT_MAX,
				   handshake_ms, 5000 };

	memset(e, 0, sizeof *e);
	conn_init(&e->conn, &cfg);
}

static void begin(unsigned handshake_ms)
{
	struct addr any;

	if (!near_cert.len) {
		ident_new(&near_id);
		ident_new(&far_id);
		ident_new(&other_id);
		tls_cert_make(&near_cert, &near_id);
		tls_cert_make(&far_cert, &far_id);
	}
	CHECK_EQ(loop_init(&loop), 0);
	end_init(&near, &near_cert, handshake_ms);
	end_init(&far, &far_cert, handshake_ms);
	CHECK(addr_parse(&any, "127.0.0.1", 0));
	listener = (struct watch){ .fd = sock_listen(&any), .want = EPOLLIN, .ready = accepted };
	CHECK_EQ(sock_name(listener.fd, &at), 0);
	CHECK_EQ(loop_add(&loop, &listener), 0);
	guard = (struct timer){ .fire = give_up };
	hung = false;
}

static void run(unsigned guard_ms)
{
	loop_arm(&loop, &guard, mono_add_ms(mono_now(), guard_ms));
	loop.stop = false;
	CHECK_EQ(loop_run(&loop), 0);
	loop_disarm(&loop, &guard);
}

static void finish(void)
{
	conn_close(&near.conn);
	conn_close(&far.conn);
	loop_del(&loop, &listener);
	close(listener.fd);
	loop_fini(&loop);
}

static void stop(struct end *e)
{
	(void)e;
	loop_stop(&loop);
}

static void stop_at_both_ends(struct end *e)
{
	(void)e;
	if (near.closes && far.closes)
		loop_stop(&loop);
}

#endif
