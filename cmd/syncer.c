/* cmd/syncer.c - a child that waits for the disk, so that its parent need not */
#include "cmd/syncer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/check.h"
#include "core/log.h"

/* One message each way: a question with descriptors, an answer with err. */
struct sync_msg {
	uint64_t ticket;
	int32_t err;
	uint32_t what;
	const uint8_t *p; /* in shared memory */
	uint64_t n, offset;
};

enum { SYNC_FILES, SYNC_WHOLE, SYNC_WRITE };

union control {
	struct cmsghdr head; /* for its alignment */
	char room[CMSG_SPACE(SYNC_FDS_MAX * sizeof(int))];
};

static int write_out(int fd, const struct sync_msg *m)
{
	uint64_t early = m->offset - m->offset % SYNC_EARLY_BYTES;

	for (uint64_t at = 0; at < m->n;) {
		size_t n = SYNC_WRITE_BYTES - at % SYNC_WRITE_BYTES;
		ssize_t w = pwrite(fd, m->p + at, n, (off_t)(m->offset + at));

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -errno;
		at += (uint64_t)w;
	}
	if (m->offset + m->n >= early + SYNC_EARLY_BYTES)
		sync_file_range(fd, (off_t)early, SYNC_EARLY_BYTES, SYNC_FILE_RANGE_WRITE);
	return 0;
}

static int sync_one(int fd, const struct sync_msg *m)
{
	if (m->what == SYNC_WRITE)
		return write_out(fd, m);
	return (m->what == SYNC_WHOLE ? syncfs(fd) : fsync(fd)) ? -errno : 0;
}

static int sync_fds(const int *fd, size_t n, const struct sync_msg *m)
{
	int err = 0;

	for (size_t i = 0; i < n; i++) {
		int r = sync_one(fd[i], m);

		err = err ? err : r;
		close(fd[i]);
	}
	return err;
}

/* Descriptors of a message that was received; their number. */
static size_t take_fds(struct msghdr *mh, int fd[static SYNC_FDS_MAX])
{
	struct cmsghdr *c = CMSG_FIRSTHDR(mh);
	size_t bytes;

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return 0;
	bytes = c->cmsg_len - CMSG_LEN(0);
	memcpy(fd, CMSG_DATA(c), bytes);
	return bytes / sizeof *fd;
}

/* The next message, with its descriptors; their number. The end of the conversation is ours. */
static size_t hear(int sock, struct sync_msg *m, int fd[static SYNC_FDS_MAX])
{
	union control control;
	struct iovec iov = { m, sizeof *m };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.room };
	size_t fds;
	ssize_t n;

	do {
		mh.msg_controllen = sizeof control.room;
		n = recvmsg(sock, &mh, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n != sizeof *m)
		_exit(0);
	fds = take_fds(&mh, fd);
	m->err = !fds || mh.msg_flags & MSG_CTRUNC ? -ECHILD : 0; /* too many are open */
	return fds;
}

/* Gives the message a copy of each descriptor. */
static bool say(int sock, struct sync_msg *m, const int *fd, uint32_t n)
{
	union control control;
	struct iovec iov = { m, sizeof *m };
	struct msghdr mh = { .msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.room,
			     .msg_controllen = CMSG_SPACE(n * sizeof *fd) };
	struct cmsghdr *c;

	memset(&control, 0, sizeof control);
	c = CMSG_FIRSTHDR(&mh);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof *fd);
	memcpy(CMSG_DATA(c), fd, n * sizeof *fd);
	return sendmsg(sock, &mh, MSG_NOSIGNAL | MSG_DONTWAIT) == sizeof *m;
}

static _Noreturn void be_child(int sock)
{
	struct sync_msg hello = { 0 }; /* no question has this ticket */

	send(sock, &hello, sizeof hello, MSG_NOSIGNAL);
	for (;;) {
		struct sync_msg m;
		int fd[SYNC_FDS_MAX];
		size_t fds = hear(sock, &m, fd);
		int r = sync_fds(fd, fds, &m);

		m.err = r ? r : m.err;
		if (send(sock, &m, sizeof m, MSG_NOSIGNAL) != sizeof m)
			_exit(0);
	}
}

/* Forks a child for each conversation that it is given. Signals are the parent's: what it asked
 * for is done before the end, which is its end. */
static _Noreturn void be_nursery(int sock)
{
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		struct sync_msg m;
		int fd[SYNC_FDS_MAX];
		size_t fds = hear(sock, &m, fd);

		if (fds && !fork()) {
			close(sock);
			be_child(fd[0]);
		}
		for (size_t i = 0; i < fds; i++)
			close(fd[i]);
	}
}

int syncer_fork(struct syncer s[static SYNCERS])
{
	int sock[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock))
		return -errno;
	pid = fork();
	if (!pid) {
		close(sock[0]);
		be_nursery(sock[1]);
	}
	close(sock[1]);
	for (int i = 0; i < SYNCERS; i++)
		s[i] = (struct syncer){ .watch = { .fd = -1 }, .nursery = sock[0] };
	return pid < 0 ? -EAGAIN : 0;
}

static struct sync_call *take_call(struct syncer *s, uint64_t ticket)
{
	for (struct sync_call **at = &s->first; *at; at = &(*at)->next) {
		struct sync_call *call = *at;

		if (call->ticket != ticket)
			continue;
		*at = call->next;
		call->waiting = false;
		return call;
	}
	return NULL;
}

/* The child is gone: whoever waits must do without. A sync that it had begun may have failed, and
 * the kernel tells of that only once: a second one would succeed. */
static void fail_all(struct syncer *s)
{
	int err = s->lives && s->first && s->first->syncs ? -EIO : -ECHILD;

	if (s->lives)
		log_warn("a child ended: until there is another I wait for the disk");
	loop_del(s->loop, &s->watch);
	close(s->watch.fd);
	s->watch.fd = -1;
	while (s->first) {
		struct sync_call *call = take_call(s, s->first->ticket);

		call->done(call, err);
		err = -ECHILD;
	}
}

static void answered(struct watch *w, uint32_t got)
{
	struct syncer *s = container_of(w, struct syncer, watch);
	struct sync_call *call;
	struct sync_msg m;
	ssize_t n = recv(w->fd, &m, sizeof m, MSG_DONTWAIT);

	(void)got;
	/* The child died with questions unread; answers to others may follow (unix(7)). */
	if (n < 0 && (errno == EAGAIN || errno == EINTR || errno == ECONNRESET))
		return;
	if (n != sizeof m) {
		fail_all(s);
		return;
	}
	s->lives = true;
	call = take_call(s, m.ticket);
	if (call)
		call->done(call, m.err);
}

int syncer_start(struct syncer *s, struct loop *l)
{
	struct sync_msg m = { 0 };
	int sock[2];
	int r;

	s->loop = l;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock))
		return -errno;
	s->watch = (struct watch){ .fd = sock[0], .want = EPOLLIN, .ready = answered };
	s->lives = false;
	r = say(s->nursery, &m, &sock[1], 1) ? loop_add(s->loop, &s->watch) : -EPIPE;
	close(sock[1]);
	if (r) {
		close(sock[0]);
		s->watch.fd = -1;
	}
	return r;
}

static bool ask(struct syncer *s, struct sync_call *call, struct sync_msg *m, const int *fd,
		uint32_t n)
{
	struct sync_call **last = &s->first;

	MUST(n && n <= SYNC_FDS_MAX);
	MUST(!call->waiting);
	m->ticket = ++s->tickets;
	if (s->watch.fd < 0 || !say(s->watch.fd, m, fd, n))
		return false;
	call->ticket = m->ticket;
	call->asked = loop_now(s->loop);
	call->waiting = true;
	call->syncs = m->what != SYNC_WRITE;
	call->next = NULL;
	while (*last)
		last = &(*last)->next;
	*last = call;
	return true;
}

bool syncer_ask(struct syncer *s, struct sync_call *call, const int *fd, uint32_t n, bool whole)
{
	struct sync_msg m = { .what = whole ? SYNC_WHOLE : SYNC_FILES };

	return ask(s, call, &m, fd, n);
}

bool syncer_write(struct syncer *s, struct sync_call *call, int fd, const uint8_t *p, size_t n,
		  uint64_t offset)
{
	struct sync_msg m = { .what = SYNC_WRITE, .p = p, .n = n, .offset = offset };

	return ask(s, call, &m, &fd, 1);
}

void syncer_look(struct syncer *s, mono_t now)
{
	bool slow = s->first && mono_diff_us(now, s->first->asked) > SYNC_SLOW_MS * 1000LL;

	if (slow && !s->slow)
		log_warn("the disk has not answered for %d s: sessions wait",
			 SYNC_SLOW_MS / 1000);
	if (!slow && s->slow)
		log_info("the disk answers again");
	s->slow = slow;
}

void syncer_cancel(struct syncer *s, struct sync_call *call)
{
	if (call->waiting)
		take_call(s, call->ticket);
}
