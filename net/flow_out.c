/* net/flow_out.c - what leaves on a flow, and in which order: messages in TLS between whole records
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "core/secret.h"
#include "net/flow.h"

/* Messages wait until the engine has taken the one before and sent its record. */
static void pump_messages(struct flow *f)
{
	size_t n;

	if (!f->open || !f->msg_len)
		return;
	n = tls_write(&f->tls, f->msg, f->msg_len);
	if (!n)
		return;
	f->msg_len -= n;
	memmove(f->msg, f->msg + n, f->msg_len);
	wipe(f->msg + f->msg_len, n);
	tls_flush(&f->tls);
}

static void take_records(struct flow *f)
{
	while (
	    f->open && f->out_n < FLOW_BATCH && f->ops->take &&
	    f->ops->take(f, &f->out[f->out_n].rec, &f->out[f->out_n].len, &f->out[f->out_n].number))
		f->out_n++;
}

static void add_iov(struct iovec *iov, int *n, const uint8_t *p, size_t len)
{
	if (len)
		iov[(*n)++] = (struct iovec){ (void *)(uintptr_t)p, len };
}

/* Which bytes leave next, in order: the preamble, the rest of a record that has begun, TLS, whole
 * records. A TLS record is never put inside a sealed one. */
static int gather(struct flow *f, struct iovec *iov, size_t *tls_len)
{
	const uint8_t *tls;
	uint32_t i = 0;
	int n = 0;

	add_iov(iov, &n, f->preamble, f->preamble_len);
	if (f->out_off) {
		add_iov(iov, &n, f->out[0].rec + f->out_off, f->out[0].len - f->out_off);
		i = 1;
	}
	tls = tls_out(&f->tls, tls_len);
	add_iov(iov, &n, tls, tls ? *tls_len : 0);
	for (; i < f->out_n; i++)
		add_iov(iov, &n, f->out[i].rec, f->out[i].len);
	return n;
}

static size_t spend(size_t *left, size_t want_bytes)
{
	size_t n = *left < want_bytes ? *left : want_bytes;

	*left -= n;
	return n;
}

static void record_written(struct flow *f)
{
	uint64_t number = f->out[0].number;

	f->out_n--;
	f->out_off = 0;
	memmove(&f->out[0], &f->out[1], f->out_n * sizeof f->out[0]);
	f->ops->written(f, number);
}

/* `left` bytes of what gather() listed are with the kernel. */
static void account(struct flow *f, size_t left, size_t tls_len)
{
	size_t n = spend(&left, f->preamble_len);

	f->sent_bytes += n;
	f->preamble_len -= n;
	memmove(f->preamble, f->preamble + n, f->preamble_len);
	if (f->out_off) {
		f->out_off += spend(&left, f->out[0].len - f->out_off);
		if (f->out_off == f->out[0].len)
			record_written(f);
	}
	n = spend(&left, tls_len);
	if (n)
		tls_out_done(&f->tls, n);
	while (left) {
		f->out_off = spend(&left, f->out[0].len);
		if (f->out_off == f->out[0].len)
			record_written(f);
	}
}

int flow_write(struct flow *f)
{
	struct iovec iov[FLOW_BATCH + 3];
	struct msghdr mh = { .msg_iov = iov };
	size_t tls_len = 0, total = 0;
	ssize_t n;
	int n_iov;

	pump_messages(f);
	take_records(f);
	if (!f->live) /* the owner ended the session while it was asked for more */
		return -1;
	n_iov = gather(f, iov, &tls_len);
	if (!n_iov)
		return -1;
	mh.msg_iovlen = (unsigned)n_iov; /* size_t in glibc, int in musl */
	for (int i = 0; i < n_iov; i++)
		total += iov[i].iov_len;
	do
		n = sendmsg(f->watch.fd, &mh, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n < 0) {
		flow_end_with(f, "connection lost", -errno);
		return -1;
	}
	f->sent_bytes += (uint64_t)n;
	account(f, (size_t)n, tls_len);
	flow_engine_moved(f);
	return !f->live ? -1 : (size_t)n == total;
}
