/* test/unit/test_conn.c - conns over loopback on one loop: frames, back-pressure, bad peers, ends
 *
 * `near` connects to a listener whose connection becomes `far`. Each end notes what happens to it and
 * acts as the test's script says; a guard timer ends a test that hangs. */
#include <errno.h>
#include <stdlib.h>
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
	unsigned opens, frames, drains, closes;
	size_t bytes;
	bool in_order;
	int err;
	char why[200];
	void (*on_open)(struct end *e);
	void (*on_frame)(struct end *e, const uint8_t *p, size_t len);
	void (*on_drain)(struct end *e);
	void (*on_close)(struct end *e);
};

static struct ident near_id, far_id, other_id;
static struct tls_cert near_cert, far_cert;
static struct end near, far;
static struct loop loop;
static struct watch listener;
static struct timer guard;
static struct addr at;
static bool hung;

static void opened(struct conn *c)
{
	struct end *e = container_of(c, struct end, conn);

	e->opens++;
	CHECK(conn_peer(c) && fp_eq(conn_peer(c), e == &near ? &far_id.fp : &near_id.fp));
	CHECK(conn_peer_pub(c) != NULL);
	if (e->on_open)
		e->on_open(e);
}

/* Test frames begin with their number. */
static void framed(struct conn *c, const uint8_t *p, size_t len)
{
	struct end *e = container_of(c, struct end, conn);
	uint32_t number;

	if (len >= 4) {
		memcpy(&number, p, 4);
		e->in_order &= number == e->frames;
	}
	e->frames++;
	e->bytes += len;
	if (e->on_frame)
		e->on_frame(e, p, len);
}

static void drained(struct conn *c)
{
	struct end *e = container_of(c, struct end, conn);

	e->drains++;
	if (e->on_drain)
		e->on_drain(e);
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
	struct conn_config cfg = { .loop = &loop, .cert = cert, .ops = &ops, .in = e->in,
				   .frame_bytes_max = FRAME_MAX, .out = e->out,
				   .out_bytes = OUT_MAX, .handshake_ms = handshake_ms,
				   .silence_ms = 5000 };

	memset(e, 0, sizeof *e);
	e->in_order = true;
	conn_init(&e->conn, &cfg);
}

static void begin(unsigned handshake_ms)
{
	struct addr any;

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

static uint32_t sent;

static int send_number(struct end *e, size_t len)
{
	static uint8_t frame[FRAME_MAX];
	int r;

	memcpy(frame, &sent, 4);
	r = conn_send(&e->conn, frame, len);
	sent += !r;
	return r;
}

static void echo(struct end *e, const uint8_t *p, size_t len)
{
	CHECK_EQ(conn_send(&e->conn, p, len), 0);
}

static void stop_at_frame_8(struct end *e, const uint8_t *p, size_t len)
{
	(void)p;
	(void)len;
	if (e->frames == 8)
		loop_stop(&loop);
}

static void frames_of_all_sizes_come_back(void)
{
	static const size_t sizes[8] = { 4, 5, 4092, 4093, 10000, 60000, 100000, 8 };
	size_t total = 0;

	begin(2000);
	far.on_frame = echo;
	near.on_frame = stop_at_frame_8;
	sent = 0;
	CHECK_EQ(conn_send(&near.conn, "x", 1), -ENOTCONN);
	CHECK_EQ(conn_connect(&near.conn, &at, NULL, &far_id.fp), 0);
	for (int i = 0; i < 8; i++) {
		CHECK_EQ(send_number(&near, sizes[i]), 0); /* before the handshake: queued */
		total += sizes[i];
	}
	run(GUARD_MS);
	CHECK(!hung);
	CHECK_EQ(near.opens, 1);
	CHECK_EQ(far.opens, 1);
	CHECK_EQ(near.frames, 8);
	CHECK_EQ(near.bytes, total);
	CHECK(near.in_order);
	finish();
}

static void empty_frames_are_frames(void)
{
	begin(2000);
	far.on_frame = stop_at_frame_8;
	CHECK_EQ(conn_connect(&near.conn, &at, NULL, &far_id.fp), 0);
	for (int i = 0; i < 8; i++)
		CHECK_EQ(conn_send(&near.conn, NULL, 0), 0);
	run(GUARD_MS);
	CHECK_EQ(far.frames, 8);
	CHECK_EQ(far.bytes, 0);
	finish();
}

/* The slow reader: far holds, near sends until nothing fits, far lets go. */
enum { PIECE = 50000, PIECES = 400 };

static void fill_up(struct end *e)
{
	while (sent < PIECES && !send_number(e, PIECE))
		;
}

static void hold_at_once(struct end *e)
{
	conn_hold(&e->conn, true);
}

static void stop_at_last_piece(struct end *e, const uint8_t *p, size_t len)
{
	(void)p;
	(void)len;
	if (e->frames == PIECES)
		loop_stop(&loop);
}

static void a_slow_reader_slows_the_sender(void)
{
	uint32_t stuck_at;

	begin(2000);
	sent = 0;
	near.on_open = fill_up;
	near.on_drain = fill_up;
	far.on_open = hold_at_once;
	far.on_frame = stop_at_last_piece;
	CHECK_EQ(conn_connect(&near.conn, &at, NULL, &far_id.fp), 0);
	run(300);
	CHECK(hung); /* nothing moves any more */
	stuck_at = sent;
	CHECK(stuck_at > 0);
	CHECK(stuck_at < PIECES);
	CHECK_EQ(far.frames, 0);
	CHECK_EQ(send_number(&near, PIECE), -EAGAIN);
	hung = false;
	conn_hold(&far.conn, false);
	run(GUARD_MS);
	CHECK(!hung);
	CHECK_EQ(far.frames, PIECES);
	CHECK_EQ(far.bytes, (size_t)PIECES * PIECE);
	CHECK(far.in_order);
	CHECK(near.drains > 0);
	finish();
}

static void frames_too_long_are_refused(void)
{
	static uint8_t big[OUT_MAX];

	begin(2000);
	near.on_close = far.on_close = stop_at_both_ends;
	CHECK_EQ(conn_connect(&near.conn, &at, NULL, &far_id.fp), 0);
	CHECK_EQ(conn_send(&near.conn, big, OUT_MAX), -EMSGSIZE);
	CHECK_EQ(conn_send(&near.conn, big, OUT_MAX - CONN_HEAD_BYTES), 0);
	run(GUARD_MS);
	CHECK_EQ(far.frames, 0);
	CHECK_EQ(far.err, -EPROTO);
	CHECK_STR(far.why, "the peer sent a frame that is too long");
	CHECK_EQ(near.closes, 1);
	finish();
}

static void a_server_with_another_key_is_refused(void)
{
	begin(2000);
	near.on_close = far.on_close = stop_at_both_ends;
	CHECK_EQ(conn_connect(&near.conn, &at, NULL, &other_id.fp), 0);
	CHECK_EQ(conn_send(&near.conn, "secret", 6), 0);
	run(GUARD_MS);
	CHECK(!hung);
	CHECK(near.err > 0);
	CHECK_STR(near.why, "the peer has another key than the one expected");
	CHECK_EQ(far.err, -ECONNRESET);
	CHECK_EQ(near.opens + far.opens + far.frames, 0);
	CHECK(!conn_peer(&near.conn));
	finish();
}

static void nobody_listening_is_said_so(void)
{
	begin(2000);
	loop_del(&loop, &listener);
	close(listener.fd);
	near.on_close = stop;
	if (!conn_connect(&near.conn, &at, NULL, &far_id.fp))
		run(GUARD_MS);
	CHECK_EQ(near.err, -ECONNREFUSED);
	CHECK_STR(near.why, "Connection refused");
	conn_close(&near.conn);
	loop_fini(&loop);
}

/* A stranger: a plain socket that is connected to the listener and says `text`. */
static int stranger(const char *text, size_t len)
{
	int fd = sock_connect(&at, NULL);

	CHECK(fd >= 0);
	for (int i = 0; i < 100 && sock_write(fd, text, len) < 0; i++)
		usleep(1000);
	return fd;
}

static void a_peer_that_stalls_is_dropped(void)
{
	int fd;

	begin(150);
	far.on_close = stop;
	fd = stranger("\x16\x03\x01", 3);
	run(GUARD_MS);
	CHECK(!hung);
	CHECK_EQ(far.err, -ETIMEDOUT);
	CHECK_STR(far.why, "the peer does not finish the handshake");
	close(fd);
	finish();
}

static void garbage_is_dropped(void)
{
	int fd;

	begin(2000);
	far.on_close = stop;
	fd = stranger("GET / HTTP/1.1\r\n\r\n", 18);
	run(GUARD_MS);
	CHECK(!hung);
	CHECK(far.err > 0);
	CHECK_EQ(far.opens, 0);
	close(fd);
	finish();
}

static void a_peer_that_leaves_in_the_handshake_is_explained(void)
{
	int fd;

	begin(2000);
	far.on_close = stop;
	fd = stranger("\x16\x03\x01", 3);
	shutdown(fd, SHUT_RDWR);
	run(GUARD_MS);
	CHECK_EQ(far.err, -ECONNRESET);
	CHECK(strstr(far.why, "it may not know our key"));
	close(fd);
	finish();
}

static void send_8_and_finish(struct end *e)
{
	for (int i = 0; i < 8; i++)
		CHECK_EQ(send_number(e, 30000), 0);
	conn_finish(&e->conn);
	CHECK_EQ(conn_send(&e->conn, "x", 1), -ENOTCONN);
}

static void finishing_sends_what_is_queued(void)
{
	begin(2000);
	sent = 0;
	near.on_open = send_8_and_finish;
	near.on_close = far.on_close = stop_at_both_ends;
	CHECK_EQ(conn_connect(&near.conn, &at, NULL, &far_id.fp), 0);
	run(GUARD_MS);
	CHECK(!hung);
	CHECK_EQ(far.frames, 8);
	CHECK(far.in_order);
	CHECK_EQ(near.err, 0);
	CHECK_EQ(far.err, 0);
	CHECK_STR(far.why, "closed");
	finish();
}

static void finish_at_frame(struct end *e, const uint8_t *p, size_t len)
{
	(void)p;
	(void)len;
	conn_finish(&e->conn);
}

/* The one that finishes must go on reading to see the other's goodbye. */
static void finishing_drops_what_still_comes(void)
{
	begin(2000);
	sent = 0;
	near.on_open = fill_up;
	near.on_drain = fill_up;
	far.on_frame = finish_at_frame;
	near.on_close = far.on_close = stop_at_both_ends;
	CHECK_EQ(conn_connect(&near.conn, &at, NULL, &far_id.fp), 0);
	run(GUARD_MS);
	CHECK(!hung);
	CHECK_EQ(far.frames, 1);
	CHECK_EQ(far.closes, 1);
	CHECK_EQ(near.closes, 1);
	finish();
}

static void close_at_frame(struct end *e, const uint8_t *p, size_t len)
{
	(void)p;
	(void)len;
	conn_close(&e->conn);
	conn_close(&e->conn);
}

static void closing_inside_on_frame_is_safe(void)
{
	begin(2000);
	sent = 0;
	near.on_open = fill_up;
	near.on_close = stop;
	far.on_frame = close_at_frame;
	CHECK_EQ(conn_connect(&near.conn, &at, NULL, &far_id.fp), 0);
	run(GUARD_MS);
	CHECK(!hung);
	CHECK_EQ(far.frames, 1);
	CHECK_EQ(far.closes, 0);
	CHECK_EQ(near.closes, 1);
	finish();
}

static void close_now(struct end *e)
{
	conn_close(&e->conn);
}

static void closing_inside_on_open_is_safe(void)
{
	begin(2000);
	far.on_open = close_now;
	near.on_close = stop;
	CHECK_EQ(conn_connect(&near.conn, &at, NULL, &far_id.fp), 0);
	CHECK_EQ(conn_send(&near.conn, "hello", 5), 0);
	run(GUARD_MS);
	CHECK(!hung);
	CHECK_EQ(far.frames, 0);
	CHECK_EQ(far.opens, 1);
	finish();
}

static void reconnect(struct end *e)
{
	if (e->closes < 5)
		CHECK_EQ(conn_connect(&e->conn, &at, NULL, &far_id.fp), 0);
	else
		loop_stop(&loop);
}

static void a_conn_can_begin_again_inside_on_close(void)
{
	begin(2000);
	far.on_open = close_now;
	near.on_close = reconnect;
	CHECK_EQ(conn_connect(&near.conn, &at, NULL, &far_id.fp), 0);
	run(GUARD_MS);
	CHECK(!hung);
	CHECK_EQ(near.closes, 5);
	CHECK(far.opens >= 5);
	finish();
}

static void a_local_address_is_used(void)
{
	struct addr from, peer;

	begin(2000);
	near.on_open = stop;
	CHECK(addr_parse(&from, "127.0.0.9", 0));
	CHECK_EQ(conn_connect(&near.conn, &at, &from, &far_id.fp), 0);
	run(GUARD_MS);
	CHECK_EQ(sock_name(conn_fd(&near.conn), &peer), 0);
	CHECK(addr_same_ip(&peer, &from));
	finish();
}

static void a_broken_connection_is_noticed(void)
{
	struct linger now = { .l_onoff = 1 };

	begin(2000);
	near.on_open = stop;
	far.on_close = stop;
	CHECK_EQ(conn_connect(&near.conn, &at, NULL, &far_id.fp), 0);
	run(GUARD_MS);
	while (!far.opens)
		run(20);
	hung = false;
	setsockopt(conn_fd(&near.conn), SOL_SOCKET, SO_LINGER, &now, sizeof now);
	near.conn.state = CONN_SHAKING; /* so that no goodbye is sent */
	conn_close(&near.conn);
	run(GUARD_MS);
	CHECK(!hung);
	CHECK_EQ(far.err, -ECONNRESET);
	finish();
}

TEST_MAIN_BEGIN
	ident_new(&near_id);
	ident_new(&far_id);
	ident_new(&other_id);
	tls_cert_make(&near_cert, &near_id);
	tls_cert_make(&far_cert, &far_id);
	RUN(frames_of_all_sizes_come_back);
	RUN(empty_frames_are_frames);
	RUN(a_slow_reader_slows_the_sender);
	RUN(frames_too_long_are_refused);
	RUN(a_server_with_another_key_is_refused);
	RUN(nobody_listening_is_said_so);
	RUN(a_peer_that_stalls_is_dropped);
	RUN(garbage_is_dropped);
	RUN(a_peer_that_leaves_in_the_handshake_is_explained);
	RUN(finishing_sends_what_is_queued);
	RUN(finishing_drops_what_still_comes);
	RUN(closing_inside_on_frame_is_safe);
	RUN(closing_inside_on_open_is_safe);
	RUN(a_conn_can_begin_again_inside_on_close);
	RUN(a_local_address_is_used);
	RUN(a_broken_connection_is_noticed);
TEST_MAIN_END
