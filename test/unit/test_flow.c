/* test/unit/test_flow.c - flows over loopback: TLS beside sealed records, and who ends them
 *
 * `near` connects to a listener whose connection becomes `far`, or is left to the test as a bare
 * socket. Records are not sealed here: a flow only carries them. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/check.h"
#include "net/flow.h"
#include "test/unit/made.h"
#include "test/unit/test.h"

enum { GUARD_MS = 8000 };

struct side {
	struct flow flow;
	uint8_t in[FLOW_IN_BYTES];
	uint32_t give, given;  /* records to send, and taken for that */
	uint64_t written, got; /* the next number that is expected */
	uint32_t opens, closes, messages;
	uint64_t token; /* the last PING's */
	int err;
	char why[100];
	int answer_bytes, answer_seen; /* what answer() says when it has seen that many */
	void (*on_open)(struct side *s), (*on_message)(struct side *s);
	void (*on_record)(struct side *s);
	const uint8_t *stands[RECORDS]; /* where record i came, */
	uint64_t reclaimed;		/* from this one on not to be overwritten */
	bool wrong; /* a record came changed or out of turn */
};

static struct side near, far;
static struct ident near_id, far_id;
static struct tls_cert near_cert, far_cert;
static struct loop loop;
static struct watch listener;
static struct addr at;
static struct timer guard;
static bool hung;
static int bare; /* the accepted socket, when no far flow is wanted */
static bool want_bare;

static struct side *side_of(struct flow *f)
{
	return container_of(f, struct side, flow);
}

static void opened(struct flow *f)
{
	struct side *s = side_of(f);

	s->opens++;
	CHECK(fp_eq(tls_peer(&f->tls), s == &near ? &far_id.fp : &near_id.fp));
	if (s->on_open)
		s->on_open(s);
}

static int answer(struct flow *f, const uint8_t *p, size_t len)
{
	struct side *s = side_of(f);

	CHECK(len && p[0] == 'a');
	s->answer_seen = (int)len;
	return s->answer_bytes < 0 || (int)len >= s->answer_bytes ? s->answer_bytes : 0;
}

static void message(struct flow *f, const struct flowmsg *m)
{
	struct side *s = side_of(f);

	CHECK_EQ(m->type, FLOWMSG_PING);
	s->messages++;
	s->token = m->token;
	if (s->on_message)
		s->on_message(s);
}

static void record(struct flow *f, uint8_t *rec, size_t len)
{
	struct side *s = side_of(f);

	if (s->got >= RECORDS || len != record_len(s->got) || memcmp(rec, made[s->got], len))
		s->wrong = true;
	else
		s->stands[s->got] = rec;
	s->got++;
	if (s->on_record)
		s->on_record(s);
}

/* What came since the last time is whole still. */
static void reclaim(struct flow *f)
{
	struct side *s = side_of(f);

	for (; s->reclaimed < s->got; s->reclaimed++)
		s->wrong |= memcmp(s->stands[s->reclaimed], made[s->reclaimed],
				   record_len(s->reclaimed)) != 0;
}

static bool take(struct flow *f, const uint8_t **rec, size_t *len, uint64_t *number)
{
	struct side *s = side_of(f);

	if (s->given == s->give)
		return false;
	*rec = made[s->given];
	*len = record_len(s->given);
	*number = s->given++;
	return true;
}

static void written(struct flow *f, uint64_t number)
{
	CHECK_EQ(number, side_of(f)->written++);
}

static void closed(struct flow *f, const char *why, int err)
{
	struct side *s = side_of(f);

	CHECK(!f->live);
	s->closes++;
	s->err = err;
	snprintf(s->why, sizeof s->why, "%s", why);
	if (near.closes && (far.closes || want_bare))
		loop_stop(&loop);
}

static const struct flow_ops ops = { opened,  answer, message, record,
				     reclaim, take,   written, closed };

static void accepted(struct watch *w, uint32_t got)
{
	struct addr peer;
	int fd = sock_accept(w->fd, &peer);

	(void)got;
	if (fd >= 0 && want_bare)
		bare = fd;
	else if (fd >= 0)
		CHECK_EQ(flow_accept(&far.flow, &loop, &ops, far.in, fd, &far_cert), 0);
}

static void give_up(struct timer *t, mono_t now)
{
	(void)t;
	(void)now;
	hung = true;
	loop_stop(&loop);
}

static void run_ms(unsigned ms)
{
	hung = false;
	guard.fire = give_up;
	loop_arm(&loop, &guard, mono_add_ms(mono_now(), ms));
	loop.stop = false;
	CHECK_EQ(loop_run(&loop), 0);
	loop_disarm(&loop, &guard);
}

/* Until a test's own stop. */
static void run(void)
{
	run_ms(GUARD_MS);
	CHECK(!hung);
}

static void connect_near(const struct fp *peer, const char *preamble, bool bare_peer)
{
	memset(&near, 0, sizeof near);
	memset(&far, 0, sizeof far);
	want_bare = bare_peer;
	bare = -1;
	CHECK_EQ(flow_connect(&near.flow, &loop, &ops, near.in, &at, &(struct sock_from){ 0 },
			      &near_cert, peer, (const uint8_t *)preamble,
			      preamble ? strlen(preamble) : 0, preamble != NULL), 0);
}

static void finish(void)
{
	flow_close(&near.flow);
	flow_close(&far.flow);
	if (bare >= 0)
		close(bare);
	reclaim(&near.flow);
	reclaim(&far.flow);
	CHECK(!near.wrong && !far.wrong);
}

static void stop_when_both_have_all(struct side *s)
{
	(void)s;
	if (near.got == far.give && far.got == near.give)
		loop_stop(&loop);
}

static void stop(struct side *s)
{
	(void)s;
	loop_stop(&loop);
}

static void ping(struct side *s, uint64_t token)
{
	struct flowmsg m = { .type = FLOWMSG_PING, .token = token };

	CHECK(flow_send(&s->flow, &m));
}

static void ping_and_kick(struct side *s)
{
	ping(s, 7);
	flow_kick(&s->flow);
}

static void ping_again(struct side *s)
{
	if (s->got % 5 == 0)
		ping(s, s->got);
	stop_when_both_have_all(s);
}

static void records_and_messages_cross_each_other_whole_and_in_order(void)
{
	connect_near(&far_id.fp, NULL, false);
	near.give = far.give = RECORDS;
	near.on_open = far.on_open = ping_and_kick;
	near.on_record = far.on_record = ping_again;
	run();
	CHECK_EQ(near.got, RECORDS);
	CHECK_EQ(far.got, RECORDS);
	CHECK_EQ(near.written, RECORDS);
	CHECK(far.reclaimed);
	run_ms(200); /* the last messages */
	CHECK_EQ(near.messages, 1 + RECORDS / 5);
	CHECK_EQ(far.messages, 1 + RECORDS / 5);
	CHECK_EQ(near.token, RECORDS);
	CHECK(near.flow.sent_bytes == far.flow.got_bytes && near.flow.sent_bytes > 300000);
	finish();
}

static void say_and_end(struct side *s)
{
	ping(s, 9);
	flow_end(&s->flow);
}

static void what_was_queued_arrives_before_the_goodbye(void)
{
	connect_near(&far_id.fp, NULL, false);
	near.give = 20;
	near.on_open = say_and_end;
	run();
	CHECK_EQ(far.got, 20);
	CHECK_EQ(far.token, 9);
	CHECK_STR(far.why, "closed by peer");
	CHECK_EQ(far.err, 0);
	CHECK_EQ(near.err, 0);
	finish();
}

static void end_far(struct side *s)
{
	(void)s;
	flow_close(&far.flow);
	far.closes = 1;
}

static void an_end_without_goodbye_is_called_so(void)
{
	connect_near(&far_id.fp, NULL, false);
	near.on_open = ping_and_kick;
	far.on_message = end_far; /* closed in the midst of its own callback */
	run();
	CHECK_EQ(far.messages, 1);
	CHECK_STR(near.why, "connection ended without goodbye");
	finish();
}

static void another_key_than_expected_is_no_peer(void)
{
	connect_near(&near_id.fp, NULL, false);
	run();
	CHECK_EQ(near.opens, 0);
	CHECK_EQ(far.opens, 0);
	CHECK_EQ(near.closes, 1);
	finish();
}

static void stop_later(struct side *s)
{
	(void)s;
	flow_pause(&far.flow, true);
	loop_stop(&loop);
}

static void a_paused_flow_delivers_nothing_until_it_goes_on(void)
{
	uint64_t before;

	connect_near(&far_id.fp, NULL, false);
	near.give = RECORDS;
	far.on_record = stop_later;
	run();
	before = far.got;
	run_ms(200);
	CHECK(before < RECORDS);
	CHECK_EQ(far.got, before);
	far.on_record = stop_when_both_have_all;
	flow_pause(&far.flow, false);
	run();
	CHECK_EQ(far.got, RECORDS);
	finish();
}

static void a_peer_that_leaves_too_much_unread_is_noticed(void)
{
	struct flowmsg m = { .type = FLOWMSG_PING };
	int queued = 0;

	connect_near(&far_id.fp, NULL, false);
	near.on_open = stop;
	run();
	while (queued < 100000 && flow_send(&near.flow, &m))
		queued++;
	CHECK_EQ(queued, FLOW_MSG_BYTES / 11);
	CHECK(!flow_quiet(&near.flow));
	finish();
}

/* The bare peer has these bytes from near; returns how many there were. */
static ssize_t bare_reads(uint8_t *p, size_t n)
{
	ssize_t r;

	run_ms(100);
	CHECK(bare >= 0);
	r = sock_read(bare, p, n);
	return r;
}

static void bare_says(const void *p, size_t n)
{
	CHECK_EQ(sock_write(bare, p, n), n);
	run_ms(100);
}

static void the_preamble_goes_first_and_the_handshake_does_not_wait(void)
{
	uint8_t p[400];

	connect_near(&far_id.fp, "open sesame", true);
	near.answer_bytes = 3;
	CHECK(bare_reads(p, sizeof p) > 11 + 5);
	CHECK(!memcmp(p, "open sesame", 11));
	CHECK_EQ(p[11], 0x16); /* ClientHello */
	bare_says("a", 1);
	CHECK_EQ(near.answer_seen, 1);
	CHECK(near.flow.want_answer);
	bare_says("bc", 2);
	CHECK_EQ(near.answer_seen, 3);
	CHECK(!near.flow.want_answer);
	CHECK(near.flow.live);
	finish();
}

static void a_refusal_ends_the_flow(void)
{
	connect_near(&far_id.fp, "open sesame", true);
	near.answer_bytes = -1;
	run_ms(100);
	bare_says("a", 1);
	CHECK_EQ(near.closes, 1);
	CHECK_STR(near.why, "refused by the node");
	finish();
}

/* near's end after the bare peer said these bytes instead of a handshake. */
static void ends_with(const void *p, size_t n, const char *why)
{
	connect_near(&far_id.fp, NULL, true);
	run_ms(100);
	bare_says(p, n);
	CHECK_EQ(near.closes, 1);
	CHECK_EQ(near.opens, 0);
	CHECK_STR(near.why, why);
	finish();
}

static void bytes_of_no_kind_end_it(void)
{
	ends_with("HTTP/1.1 400\r\n", 14, "neither TLS nor a sealed record");
	ends_with("\x18\x03\x03\x00\x01\x01", 6, "neither TLS nor a sealed record");
	ends_with("\x40\x03\x03\x00\x20", 5, "record too long or too early");
	ends_with("\x16\x03\x03\xff\xff", 5, "record too long or too early");
}

static void say_a_long_record(struct side *s)
{
	static const uint8_t head[] = { RECORD_TYPE, 3, 3, (RECORD_BYTES_MAX - 4) >> 8,
					(RECORD_BYTES_MAX - 4) & 255 };

	CHECK_EQ(sock_write(s->flow.watch.fd, head, sizeof head), sizeof head);
}

static void a_record_over_its_length_ends_it(void)
{
	connect_near(&far_id.fp, NULL, false);
	far.on_open = say_a_long_record;
	run();
	CHECK_STR(near.why, "record too long or too early");
	finish();
}

static void a_reset_is_a_lost_connection(void)
{
	const struct linger at_once = { .l_onoff = 1 };

	connect_near(&far_id.fp, NULL, true);
	run_ms(100);
	setsockopt(bare, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	close(bare);
	bare = -1;
	run_ms(100);
	CHECK_EQ(near.closes, 1);
	CHECK_STR(near.why, "connection lost");
	CHECK_EQ(near.err, -ECONNRESET);
	finish();
}

static void nobody_listens(void)
{
	struct addr there = at;

	at.port = 1;
	connect_near(&far_id.fp, NULL, true);
	at = there;
	run();
	CHECK_STR(near.why, "cannot connect");
	CHECK_EQ(near.err, -ECONNREFUSED);
	finish();
}

static void a_handshake_must_end_in_time(void)
{
	connect_near(&far_id.fp, NULL, true);
	run_ms(100);
	CHECK(near.flow.deadline.armed);
	near.flow.deadline.fire(&near.flow.deadline, mono_now()); /* ten seconds later */
	CHECK_EQ(near.closes, 1);
	CHECK_STR(near.why, "the handshake does not end");
	CHECK_EQ(near.err, -ETIMEDOUT);
	finish();
}

static void set_up(void)
{
	struct addr any;

	for (uint64_t i = 0; i < RECORDS; i++)
		make_record(i);
	ident_new(&near_id);
	ident_new(&far_id);
	tls_cert_make(&near_cert, &near_id);
	tls_cert_make(&far_cert, &far_id);
	MUST(!loop_init(&loop) && addr_parse(&any, "127.0.0.1", 0));
	listener = (struct watch){ .fd = sock_listen(&any), .want = EPOLLIN, .ready = accepted };
	MUST(!sock_name(listener.fd, &at));
	MUST(!loop_add(&loop, &listener));
}

TEST_MAIN_BEGIN
	set_up();
	RUN(records_and_messages_cross_each_other_whole_and_in_order);
	RUN(what_was_queued_arrives_before_the_goodbye);
	RUN(an_end_without_goodbye_is_called_so);
	RUN(another_key_than_expected_is_no_peer);
	RUN(a_paused_flow_delivers_nothing_until_it_goes_on);
	RUN(a_peer_that_leaves_too_much_unread_is_noticed);
	RUN(the_preamble_goes_first_and_the_handshake_does_not_wait);
	RUN(a_refusal_ends_the_flow);
	RUN(bytes_of_no_kind_end_it);
	RUN(a_record_over_its_length_ends_it);
	RUN(a_reset_is_a_lost_connection);
	RUN(nobody_listens);
	RUN(a_handshake_must_end_in_time);
	close(listener.fd);
	loop_fini(&loop);
TEST_MAIN_END
