/* test/fuzz/fuzz_flow.c - any bytes on the connection of a flow: an answer, TLS and sealed records
 *
 * The first byte says whether an answer comes first, and whether records are allowed, as they are
 * after a handshake, which the fuzzer cannot make. The connection is a pair of sockets. */
#include <sys/socket.h>
#include <unistd.h>

#include "core/check.h"
#include "net/flow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ident id;
static struct tls_cert cert;
static struct loop loop;
static struct flow flow;
static uint8_t in[FLOW_IN_BYTES];
static size_t seen; /* bytes of answers and records */
static bool ended;

static int answer(struct flow *f, const uint8_t *p, size_t len)
{
	(void)f;
	if (p[0] == 0xff)
		return -1;
	if (len < p[0])
		return 0;
	seen += p[0];
	return p[0];
}

static void opened(struct flow *f)
{
	(void)f;
	must_fail(__FILE__, __LINE__, "a handshake without a key");
}

static void message(struct flow *f, const struct flowmsg *m)
{
	(void)m;
	opened(f);
}

static void record(struct flow *f, uint8_t *rec, size_t len)
{
	MUST(rec >= f->in && rec + len <= f->in + FLOW_IN_BYTES);
	MUST(len <= RECORD_BYTES_MAX && rec[0] == RECORD_TYPE);
	seen += len;
	if (len > 5 && rec[5] == 'c') {
		flow_close(f);
		ended = true;
		loop_stop(f->loop);
	}
}

static void closed(struct flow *f, const char *why, int err)
{
	(void)err;
	MUST(why && !f->live);
	ended = true;
	loop_stop(f->loop);
}

static const struct flow_ops ops = { .opened = opened,
				     .answer = answer,
				     .message = message,
				     .record = record,
				     .closed = closed };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int sv[2];

	if (!cert.len) {
		ident_new(&id);
		tls_cert_make(&cert, &id);
		MUST(!loop_init(&loop));
	}
	if (!size || size > 100000 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sv))
		return 0;
	seen = 0;
	ended = false;
	MUST(!flow_accept(&flow, &loop, &ops, in, sv[0], &cert));
	flow.want_answer = data[0] & 1;
	flow.open = data[0] & 2;
	MUST(send(sv[1], data + 1, size - 1, 0) == (ssize_t)size - 1);
	shutdown(sv[1], SHUT_WR);
	loop.stop = false;
	MUST(!loop_run(&loop)); /* the end of the input ends the flow */
	MUST(ended && seen < size);
	close(sv[1]);
	return 0;
}
