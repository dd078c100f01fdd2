/* test/unit/test_conn_ends.c - conns over loopback: bad peers, and ends at awkward moments */
#include <poll.h>

#include "test/unit/conn_pair.h"

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
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	CHECK(fd >= 0);
	CHECK_EQ(poll(&p, 1, 5000), 1);
	CHECK_EQ(sock_write(fd, text, len), (ssize_t)len);
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

static void send_three(struct end *e)
{
	for (int i = 0; i < 3; i++)
		CHECK_EQ(conn_send(&e->conn, "hello", 5), 0);
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
	near.on_open = send_three;
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
	RUN(a_server_with_another_key_is_refused);
	RUN(nobody_listening_is_said_so);
	RUN(a_peer_that_stalls_is_dropped);
	RUN(garbage_is_dropped);
	RUN(a_peer_that_leaves_in_the_handshake_is_explained);
	RUN(closing_inside_on_frame_is_safe);
	RUN(closing_inside_on_open_is_safe);
	RUN(a_conn_can_begin_again_inside_on_close);
	RUN(a_broken_connection_is_noticed);
TEST_MAIN_END
