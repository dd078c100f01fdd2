/* test/unit/test_splice.c - relays in the kernel: all bytes, half-close, back-pressure, no spinning
 *
 * A relay between two TCP connections of loopback; the test is both outer ends, and runs the loop
 * itself for as long as something shall happen. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/sock.h"
#include "net/splice.h"
#include "test/unit/test.h"

enum { A_WHILE_MS = 200, CHUNK = 65536, MUCH = 64 << 20 };

static struct loop loop;
static struct splice relay;
static int outer[2]; /* client's and device's end */
static int overs, over_err;
static unsigned turns;

static void on_over(struct splice *s, int err)
{
	(void)s;
	overs++;
	over_err = err;
}

static void stop(struct timer *t, mono_t now)
{
	(void)t;
	(void)now;
	loop_stop(&loop);
}

/* Counts the turns in which a watch of the relay was called. */
static void (*real_ready)(struct watch *w, uint32_t got);
static void counting_ready(struct watch *w, uint32_t got)
{
	turns++;
	real_ready(w, got);
}

static void run_ms(int ms)
{
	struct timer t = { .fire = stop };

	loop.stop = false;
	loop_arm(&loop, &t, mono_add_ms(mono_now(), ms));
	CHECK_EQ(loop_run(&loop), 0);
}

/* A connected pair of TCP sockets, both non-blocking. */
static void tcp_pair(int *one, int *two)
{
	struct addr at, peer;
	int l;

	addr_parse(&at, "127.0.0.1:0", 0);
	l = sock_listen(&at);
	sock_name(l, &at);
	*one = sock_connect(&at, NULL);
	for (*two = -EAGAIN; *two == -EAGAIN;)
		*two = sock_accept(l, &peer);
	close(l);
}

static void set_up(void)
{
	int inner[2];

	overs = over_err = 0;
	turns = 0;
	CHECK_EQ(loop_init(&loop), 0);
	for (int i = 0; i < 2; i++)
		tcp_pair(&outer[i], &inner[i]);
	CHECK_EQ(splice_begin(&relay, &loop, inner[0], inner[1], on_over), 0);
	real_ready = relay.end[0].watch.ready;
	for (int i = 0; i < 2; i++)
		relay.end[i].watch.ready = counting_ready;
}

static void tear_down(void)
{
	splice_close(&relay);
	for (int i = 0; i < 2; i++)
		close(outer[i]);
	loop_fini(&loop);
}

/* Writes until the relay takes no more; bytes. The byte at offset n of the stream is n * 7 + n /
 * 251. */
static uint8_t pattern(size_t n)
{
	return (uint8_t)(n * 7 + n / 251);
}

static size_t fill(int fd, size_t from, size_t most)
{
	static uint8_t b[CHUNK];
	size_t n = 0;

	while (n < most) {
		size_t len = most - n < CHUNK ? most - n : CHUNK;
		ssize_t r;

		for (size_t i = 0; i < len; i++)
			b[i] = pattern(from + n + i);
		r = sock_write(fd, b, len);
		if (r < 0)
			break;
		n += (size_t)r;
	}
	return n;
}

/* Reads what is there; false where a byte is not the one that was written. */
static bool drain(int fd, size_t *at)
{
	static uint8_t b[CHUNK];
	ssize_t r;

	while ((r = sock_read(fd, b, sizeof b)) > 0)
		for (ssize_t i = 0; i < r; i++)
			if (b[i] != pattern((*at)++))
				return false;
	return true;
}

static void carries_all_bytes_both_ways(void)
{
	size_t sent[2] = { 0 }, got[2] = { 0 };
	bool right = true;

	set_up();
	for (int round = 0; round < 4000 && got[0] + got[1] < 2 * (size_t)MUCH; round++) {
		for (int i = 0; i < 2; i++)
			sent[i] += fill(outer[i], sent[i], MUCH - sent[i]);
		run_ms(1);
		for (int i = 0; i < 2; i++)
			right &= drain(outer[!i], &got[i]);
	}
	CHECK(right);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(got[i], MUCH);
		CHECK_EQ(relay.way[i].bytes, MUCH);
	}
	tear_down();
}

static void a_half_close_is_carried_over_and_the_other_way_lives(void)
{
	size_t got = 0;
	char c;

	set_up();
	CHECK_EQ(fill(outer[0], 0, 1000), 1000);
	shutdown(outer[0], SHUT_WR);
	run_ms(A_WHILE_MS);
	CHECK(drain(outer[1], &got));
	CHECK_EQ(got, 1000);
	CHECK_EQ(sock_read(outer[1], &c, 1), 0);
	CHECK_EQ(overs, 0);
	got = 0;
	CHECK_EQ(fill(outer[1], 0, 5000), 5000);
	run_ms(A_WHILE_MS);
	CHECK(drain(outer[0], &got));
	CHECK_EQ(got, 5000);
	shutdown(outer[1], SHUT_WR);
	run_ms(A_WHILE_MS);
	CHECK_EQ(sock_read(outer[0], &c, 1), 0);
	CHECK_EQ(overs, 1);
	CHECK_EQ(over_err, 0);
	tear_down();
}

static void a_full_target_stops_the_source_and_costs_no_turns(void)
{
	size_t sent = 0, got = 0, more;

	set_up();
	do {
		more = fill(outer[0], sent, MUCH);
		sent += more;
		run_ms(20);
	} while (more && sent < MUCH);
	CHECK(sent < MUCH);
	turns = 0;
	run_ms(A_WHILE_MS);
	CHECK_EQ(turns, 0);
	for (int i = 0; i < 200 && got < sent; i++) {
		CHECK(drain(outer[1], &got));
		run_ms(5);
	}
	CHECK_EQ(got, sent);
	tear_down();
}

static void an_idle_or_half_closed_relay_costs_no_turns(void)
{
	set_up();
	run_ms(A_WHILE_MS);
	CHECK_EQ(turns, 0);
	shutdown(outer[0], SHUT_WR);
	run_ms(A_WHILE_MS);
	turns = 0;
	run_ms(A_WHILE_MS);
	CHECK_EQ(turns, 0);
	tear_down();
}

static void reset(int fd)
{
	struct linger now = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	close(fd);
}

static void a_reset_ends_both_and_is_no_clean_end(void)
{
	char c;

	set_up();
	reset(outer[0]);
	outer[0] = -1;
	run_ms(A_WHILE_MS);
	CHECK_EQ(overs, 1);
	CHECK(over_err < 0);
	CHECK_EQ(sock_read(outer[1], &c, 1), -ECONNRESET);
	tear_down();
}

static void what_was_said_before_a_reset_arrives(void)
{
	char c = 0;

	set_up();
	CHECK_EQ(fill(outer[1], 7, 1), 1);
	reset(outer[1]);
	outer[1] = -1;
	run_ms(A_WHILE_MS);
	CHECK_EQ(overs, 1);
	CHECK_EQ(sock_read(outer[0], &c, 1), 1);
	CHECK_EQ((uint8_t)c, pattern(7));
	tear_down();
}

static void small_pieces_arrive_at_once(void)
{
	size_t sent = 0, got = 0;

	set_up();
	for (int i = 0; i < 500; i++) {
		sent += fill(outer[0], sent, 1);
		if (i % 50 == 49)
			run_ms(2);
	}
	run_ms(A_WHILE_MS);
	CHECK(drain(outer[1], &got));
	CHECK_EQ(got, sent);
	CHECK_EQ(sent, 500);
	tear_down();
}

static void neither_side_is_waited_for_for_ever(void)
{
	set_up();
	for (int i = 0; i < 2; i++) {
		int fd = relay.end[i].watch.fd, v = 0;
		socklen_t len = sizeof v;

		CHECK(!getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &v, &len) && v);
		CHECK(!getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &v, &len));
		CHECK_EQ(v, SPLICE_SILENCE_MS);
		v = fcntl(relay.way[i].pipe[0], F_GETPIPE_SZ);
		CHECK(v == SPLICE_PIPE_BYTES || geteuid()); /* as large as the kernel allows */
	}
	tear_down();
}

TEST_MAIN_BEGIN
RUN(carries_all_bytes_both_ways);
RUN(a_half_close_is_carried_over_and_the_other_way_lives);
RUN(a_full_target_stops_the_source_and_costs_no_turns);
RUN(an_idle_or_half_closed_relay_costs_no_turns);
RUN(a_reset_ends_both_and_is_no_clean_end);
RUN(what_was_said_before_a_reset_arrives);
RUN(small_pieces_arrive_at_once);
RUN(neither_side_is_waited_for_for_ever);
TEST_MAIN_END
