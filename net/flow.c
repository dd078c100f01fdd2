/* net/flow.c - the one TCP connection of a path: TLS and sealed records side by side */
#include "net/flow.h"

#include <errno.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/check.h"
#include "core/secret.h"
#include "net/sock.h"

enum {
	TLS_TYPE_MIN = 20, /* change_cipher_spec .. application_data (RFC 5246, 6.2.1) */
	TLS_TYPE_MAX = 23,
	HEAD_BYTES = 5,
	WRITES_A_TURN = 4, /* 1 MiB of records, then the other flows have their turn */
};

void flow_end_with(struct flow *f, const char *why, int err)
{
	if (!f->live)
		return;
	flow_close(f);
	f->ops->closed(f, why, err);
}

static void handle_plain(struct flow *f);

/* After anything moved in the engine: has the handshake ended, is there plaintext, did it close? */
void flow_engine_moved(struct flow *f)
{
	if (tls_state(&f->tls) == TLS_OPEN && !f->open) {
		f->open = true;
		loop_disarm(f->loop, &f->deadline);
		f->ops->opened(f);
	}
	if (f->live)
		handle_plain(f);
	if (f->live && tls_state(&f->tls) == TLS_CLOSED)
		flow_end_with(f, tls_error(&f->tls) ? tls_error_str(&f->tls) : "closed by peer", 0);
}

/* Whole messages at the front of f->plain. */
static void parse_messages(struct flow *f)
{
	uint32_t life = f->life;
	size_t at = 0;

	for (;;) {
		size_t len = flowmsg_length(f->plain + at, f->plain_len - at);
		struct flowmsg m;

		if (!len || (len <= sizeof f->plain && len > f->plain_len - at))
			break;
		if (len > sizeof f->plain || !flowmsg_decode(&m, f->plain + at, len)) {
			flow_end_with(f, "malformed message", 0);
			return;
		}
		f->ops->message(f, &m);
		wipe(&m, sizeof m);
		if (!f->live || f->life != life)
			return;
		at += len;
	}
	f->plain_len -= at;
	memmove(f->plain, f->plain + at, f->plain_len);
	wipe(f->plain + f->plain_len, at);
}

static void handle_plain(struct flow *f)
{
	size_t n, room;
	const uint8_t *p;

	while (f->live && f->open && (p = tls_read(&f->tls, &n)) && n) {
		room = sizeof f->plain - f->plain_len;
		if (n > room)
			n = room;
		memcpy(f->plain + f->plain_len, p, n);
		f->plain_len += n;
		tls_read_done(&f->tls, n);
		parse_messages(f);
	}
}

/* One whole TLS record into the engine. */
static void feed_engine(struct flow *f, const uint8_t *p, size_t n)
{
	uint32_t life = f->life;

	while (n && f->live && f->life == life) {
		size_t room;
		uint8_t *to = tls_in(&f->tls, &room);

		if (!to || !room) {
			flow_end_with(f, "TLS engine takes no more", 0);
			return;
		}
		if (room > n)
			room = n;
		memcpy(to, p, room);
		tls_in_done(&f->tls, room);
		p += room;
		n -= room;
		flow_engine_moved(f);
	}
}

static void went_round(struct flow *f)
{
	mono_t now = mono_now();

	f->rtt_us = (uint32_t)mono_diff_us(now, f->asked);
	f->asked = now;
}

/* One unit at the front of the input: an answer, a TLS record or a sealed record. Returns false
 * when more bytes are needed. */
static bool parse_one(struct flow *f)
{
	uint8_t *p = f->in + f->in_pos;
	size_t have = f->in_len - f->in_pos;
	size_t len;
	int used;

	if (f->want_answer) {
		used = have ? f->ops->answer(f, p, have) : 0;
		if (used < 0) {
			flow_end_with(f, "refused by the node", 0);
			return false;
		}
		if (!used)
			return false;
		f->want_answer = false;
		f->in_pos += (size_t)used;
		went_round(f);
		return true;
	}
	if (have < HEAD_BYTES)
		return false;
	len = HEAD_BYTES + ((size_t)p[3] << 8 | p[4]);
	if (p[0] != RECORD_TYPE && (p[0] < TLS_TYPE_MIN || p[0] > TLS_TYPE_MAX)) {
		flow_end_with(f, "neither TLS nor a sealed record", 0);
		return false;
	}
	if (len > (p[0] == RECORD_TYPE ? (size_t)RECORD_BYTES_MAX : (size_t)TLS_IN_BYTES) ||
	    (p[0] == RECORD_TYPE && !f->open)) {
		flow_end_with(f, "record too long or too early", 0);
		return false;
	}
	if (have < len)
		return false;
	f->in_pos += len;
	if (p[0] != RECORD_TYPE)
		feed_engine(f, p, len);
	else if (f->ops->record)
		f->ops->record(f, p, len);
	else
		flow_end_with(f, "a record where messages belong", 0);
	return true;
}

static void reclaim(struct flow *f)
{
	if (f->ops->reclaim)
		f->ops->reclaim(f);
}

static void parse(struct flow *f)
{
	while (f->live && !f->paused && parse_one(f))
		;
	if (!f->live)
		return;
	if (f->in_pos == f->in_len) {
		f->in_pos = f->in_len = 0;
	} else if (FLOW_IN_BYTES - f->in_len < RECORD_BYTES_MAX) {
		reclaim(f);
		memmove(f->in, f->in + f->in_pos, f->in_len - f->in_pos);
		f->in_len -= f->in_pos;
		f->in_pos = 0;
	}
}

static void want(struct flow *f, bool out)
{
	uint32_t w = (out ? EPOLLOUT : 0u) | (f->paused || f->connecting ? 0u : EPOLLIN);

	loop_want(f->loop, &f->watch, w);
}

static void read_in(struct flow *f)
{
	ssize_t n;

	if (f->in_len == FLOW_IN_BYTES) /* paused with a full buffer until now */
		return;
	if (!f->in_len)
		reclaim(f);
	n = sock_read(f->watch.fd, f->in + f->in_len, FLOW_IN_BYTES - f->in_len);
	if (n == -EAGAIN)
		return;
	if (n <= 0) {
		flow_end_with(f, n ? "connection lost" : "connection ended without goodbye",
			      (int)n);
		return;
	}
	if (f->leaving)
		return;
	f->in_len += (size_t)n;
	f->got_bytes += (uint64_t)n;
	parse(f);
}

static void goodbye(struct flow *f)
{
	if (!f->ending || f->msg_len || f->out_n || f->preamble_len)
		return;
	if (tls_state(&f->tls) == TLS_OPEN)
		tls_close(&f->tls);
}

static void run_flush(struct flush *fl)
{
	struct flow *f = container_of(fl, struct flow, flush);
	int more = 1;

	if (f->resumed) {
		f->resumed = false;
		parse(f);
	}
	if (!f->live || f->connecting)
		return;
	for (int i = 0; i < WRITES_A_TURN && more == 1; i++)
		more = flow_write(f);
	if (!f->live)
		return;
	if (more == -1 && f->ending) {
		goodbye(f);
		more = flow_write(f);
		if (f->live && more != 0 && tls_state(&f->tls) != TLS_OPEN) {
			if (!f->leaving)
				flow_end_with(f, "ended", 0);
			else
				shutdown(f->watch.fd, SHUT_WR);
		}
	}
	if (f->live)
		want(f, more != -1);
}

static void ready(struct watch *w, uint32_t got)
{
	struct flow *f = container_of(w, struct flow, watch);
	int err;

	if (f->connecting) {
		err = sock_error(w->fd);
		if (err) {
			flow_end_with(f, "cannot connect", err);
			return;
		}
		if (!(got & EPOLLOUT))
			return;
		f->connecting = false;
		went_round(f);
		want(f, true);
	}
	if (got & (EPOLLIN | EPOLLHUP | EPOLLERR) && !f->paused)
		read_in(f);
	else if (got & (EPOLLHUP | EPOLLERR))
		flow_end_with(f, "connection lost", sock_error(w->fd));
	if (f->live)
		loop_flush(f->loop, &f->flush);
}

static void too_late(struct timer *t, mono_t now)
{
	struct flow *f = container_of(t, struct flow, deadline);

	(void)now;
	flow_end_with(f,
		      f->leaving       ? "ended"
		      : f->connecting  ? "no answer"
		      : f->want_answer ? "the node does not answer"
				       : "the handshake does not end",
		      -ETIMEDOUT);
}

static void begin(struct flow *f, struct loop *l, const struct flow_ops *ops, uint8_t *in)
{
	f->life++;
	f->ops = ops;
	f->loop = l;
	f->in = in;
	f->in_pos = f->in_len = f->preamble_len = f->plain_len = f->msg_len = f->out_off = 0;
	f->out_n = f->rtt_us = 0;
	f->open = f->paused = f->want_answer = f->connecting = f->ending = f->leaving = false;
	f->resumed = false;
	f->sent_bytes = f->got_bytes = 0;
	f->watch = (struct watch){ .fd = -1, .ready = ready };
	f->flush = (struct flush){ .run = run_flush };
	f->deadline = (struct timer){ .fire = too_late };
}

static int start(struct flow *f, int fd)
{
	int r;

	sock_unsent_max(fd);
	f->watch.fd = fd;
	f->watch.want = f->connecting ? EPOLLOUT : EPOLLIN;
	r = loop_add(f->loop, &f->watch);
	if (r < 0) {
		close(fd);
		return r;
	}
	f->live = true;
	loop_arm(f->loop, &f->deadline, mono_add_ms(mono_now(), FLOW_OPEN_MS));
	return 0;
}

int flow_connect(struct flow *f, struct loop *l, const struct flow_ops *ops, uint8_t *in,
		 const struct addr *to, const struct sock_from *from, const struct tls_cert *cert,
		 const struct fp *peer, const uint8_t *preamble, size_t preamble_len, bool answer)
{
	int fd;

	MUST(preamble_len <= FLOW_PREAMBLE_MAX);
	begin(f, l, ops, in);
	f->asked = mono_now();
	fd = sock_connect_from(to, from);
	if (fd < 0)
		return fd;
	if (preamble_len)
		memcpy(f->preamble, preamble, preamble_len);
	f->preamble_len = preamble_len;
	f->want_answer = answer;
	f->connecting = true;
	tls_client(&f->tls, cert, peer);
	return start(f, fd);
}

int flow_accept(struct flow *f, struct loop *l, const struct flow_ops *ops, uint8_t *in, int fd,
		const struct tls_cert *cert)
{
	begin(f, l, ops, in);
	tls_server(&f->tls, cert);
	return start(f, fd);
}

bool flow_send(struct flow *f, const struct flowmsg *m)
{
	uint8_t enc[FLOWMSG_BYTES_MAX];
	size_t n = flowmsg_encode(m, enc);
	bool fits = n <= sizeof f->msg - f->msg_len;

	if (fits) {
		memcpy(f->msg + f->msg_len, enc, n);
		f->msg_len += n;
		flow_kick(f);
	}
	wipe(enc, sizeof enc);
	return fits;
}

void flow_kick(struct flow *f)
{
	if (f->live)
		loop_flush(f->loop, &f->flush);
}

bool flow_quiet(struct flow *f)
{
	size_t n;

	return !f->msg_len && !(tls_out(&f->tls, &n) && n);
}

void flow_pause(struct flow *f, bool on)
{
	if (!f->live || f->paused == on)
		return;
	f->paused = on;
	want(f, f->watch.want & EPOLLOUT);
	f->resumed = !on; /* not here: the caller may stand in a callback of this very flow */
	loop_flush(f->loop, &f->flush);
}

uint64_t flow_moved(const struct flow *f)
{
	int waiting = 0;

	ioctl(f->watch.fd, SIOCOUTQ, &waiting); /* what is not acknowledged (tcp(7)) */
	return f->got_bytes + f->sent_bytes - (uint64_t)waiting;
}

void flow_end(struct flow *f)
{
	if (!f->live)
		return;
	f->ending = true;
	loop_flush(f->loop, &f->flush);
}

void flow_leave(struct flow *f)
{
	if (!f->live)
		return;
	if (f->out_off) {
		flow_close(f);
		return;
	}
	f->leaving = true;
	f->in_pos = f->in_len = f->out_n = 0;
	flow_pause(f, false);
	flow_end(f);
	loop_arm(f->loop, &f->deadline, mono_add_ms(mono_now(), FLOW_LEAVE_MS));
}

void flow_close(struct flow *f)
{
	if (!f->live)
		return;
	f->live = false;
	loop_del(f->loop, &f->watch);
	loop_disarm(f->loop, &f->deadline);
	loop_unflush(f->loop, &f->flush);
	close(f->watch.fd);
	f->watch.fd = -1;
	tls_fini(&f->tls);
	wipe(f->msg, sizeof f->msg);
	wipe(f->plain, sizeof f->plain);
}
