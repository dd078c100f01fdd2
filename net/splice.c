/* net/splice.c - two sockets tied together in the kernel: splice(2) through a pipe each way */
#include "net/splice.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/check.h"
#include "net/sock.h"

static int close_all(struct splice *s, int r)
{
	for (int i = 0; i < 2; i++) {
		loop_del(s->loop, &s->end[i].watch);
		close(s->end[i].watch.fd);
		for (int k = 0; k < 2; k++)
			if (s->way[i].pipe[k] >= 0)
				close(s->way[i].pipe[k]);
	}
	s->live = false;
	return r;
}

void splice_close(struct splice *s)
{
	if (s->live)
		close_all(s, 0);
}

/* One splice: bytes, 0 for the end of input, -EAGAIN or another -errno. */
static ssize_t move(int from, int to, size_t n)
{
	ssize_t r;

	do
		r = splice(from, NULL, to, NULL, n, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

/* Moves what can be moved one way. 0 or -errno of a broken side. -EAGAIN from a filling pipe may
 * mean that the source is empty or the pipe full; either way draining it is the next thing to do.
 */
static int pump(struct splice *s, int i)
{
	struct splice_way *w = &s->way[i];
	int from = s->end[i].watch.fd, to = s->end[!i].watch.fd;

	for (int turn = 0; turn < SPLICE_TURNS; turn++) {
		ssize_t got = -EAGAIN, put = -EAGAIN;

		if (!w->ended && !w->in_pipe)
			got = move(from, w->pipe[1], SPLICE_PIPE_BYTES);
		if (got < 0 && got != -EAGAIN)
			return (int)got;
		w->ended |= got == 0;
		w->in_pipe += got > 0 ? (uint32_t)got : 0;
		if (w->in_pipe)
			put = move(w->pipe[0], to, w->in_pipe);
		if (put < 0 && put != -EAGAIN)
			return (int)put;
		w->in_pipe -= put > 0 ? (uint32_t)put : 0;
		w->bytes += put > 0 ? (uint64_t)put : 0;
		if (got <= 0 && put <= 0)
			break;
	}
	if (w->ended && !w->in_pipe && !w->shut) {
		w->shut = true;
		if (shutdown(to, SHUT_WR) && errno != ENOTCONN)
			return -errno;
	}
	return 0;
}

/* A pipe that holds something waits for its target alone, and an end that is over in both
 * directions is not watched (its EPOLLHUP never goes away), so nothing ever spins. */
static void set_wants(struct splice *s)
{
	for (int i = 0; i < 2; i++) {
		const struct splice_way *out = &s->way[i], *in = &s->way[!i];
		uint32_t want = 0;

		if (out->ended && in->shut)
			loop_del(s->loop, &s->end[i].watch);
		if (!s->end[i].watch.added)
			continue;
		if (!out->ended && !out->in_pipe)
			want |= EPOLLIN;
		if (in->in_pipe)
			want |= EPOLLOUT;
		loop_want(s->loop, &s->end[i].watch, want);
	}
}

/* A broken side must not look like the end of its data to the other: closing then resets. */
static void close_with_reset(struct splice *s)
{
	const struct linger at_once = { .l_onoff = 1 };

	for (int i = 0; i < 2; i++)
		setsockopt(s->end[i].watch.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

static void ready(struct watch *w, uint32_t got)
{
	struct splice *s = container_of(w, struct splice_end, watch)->of;
	int i = w == &s->end[1].watch;
	int err = 0;

	if (got & EPOLLERR) {
		err = pump(s, i); /* what it said before it broke may be the reason */
		err = err ? err : sock_error(w->fd);
		err = err ? err : -ECONNRESET;
	}
	if (!err && got & (EPOLLIN | EPOLLHUP))
		err = pump(s, i);
	if (!err && got & (EPOLLOUT | EPOLLHUP))
		err = pump(s, !i);
	if (err || (s->way[0].shut && s->way[1].shut)) {
		if (err)
			close_with_reset(s);
		close_all(s, 0);
		s->over(s, err);
		return;
	}
	set_wants(s);
}

/* The largest pipe that this user may have now: without privilege all of them share
 * pipe-user-pages-soft (pipe(7)), so the last forwards make do with what is left. */
static int open_pipe(int fd[2])
{
	if (pipe2(fd, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	for (int size = SPLICE_PIPE_BYTES; size >= SPLICE_PIPE_MIN; size /= 2)
		if (fcntl(fd[0], F_SETPIPE_SZ, size) >= 0)
			break;
	return 0;
}

int splice_begin(struct splice *s, struct loop *l, int fd0, int fd1,
		 void (*over)(struct splice *s, int err))
{
	const int fd[2] = { fd0, fd1 };
	int r = 0;

	memset(s, 0, sizeof *s);
	s->loop = l;
	s->over = over;
	for (int i = 0; i < 2; i++) {
		s->way[i].pipe[0] = s->way[i].pipe[1] = -1;
		s->end[i].of = s;
		s->end[i].watch = (struct watch){ .fd = fd[i], .want = EPOLLIN, .ready = ready };
	}
	for (int i = 0; i < 2 && !r; i++) {
		sock_timeout(fd[i], SPLICE_SILENCE_MS); /* a help: a lease ends it too */
		sock_unsent_max(fd[i]);
		r = open_pipe(s->way[i].pipe);
	}
	for (int i = 0; i < 2 && !r; i++)
		r = loop_add(l, &s->end[i].watch);
	s->live = !r;
	return r ? close_all(s, r) : 0;
}
