/* cmd/syncer.c - a child that waits for the disk, so that its parent need not */
#include "cmd/syncer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
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
		ssize_t w = pwrite(fd, m->p + at, m->n - at, (off_t)(m->offset + at));

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

/* Signals are the parent's: what it asked for is done before the end, which is its end. */
static _Noreturn void be_child(int sock)
{
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	for (;;) {
		union control control;
		struct sync_msg m;
		struct iovec iov = { &m, sizeof m };
		struct msghdr mh = { .msg_iov = &iov,
				     .msg_iovlen = 1,
				     .msg_control = control.room,
				     .msg_controllen = sizeof control.room };
		int fd[SYNC_FDS_MAX];
		size_t fds;
		ssize_t n = recvmsg(sock, &mh, MSG_CMSG_CLOEXEC);

		if (n < 0 && errno == EINTR)
			continue;
		if (n != sizeof m)
			_exit(0);
		fds = take_fds(&mh, fd);
		m.err = sync_fds(fd, fds, &m);
		if (!m.err && (!fds || mh.msg_flags & MSG_CTRUNC)) /* too many are open */
			m.err = -ECHILD;
		if (send(sock, &m, sizeof m, MSG_NOSIGNAL) != sizeof m)
			_exit(0);
	}
}

int syncer_fork(struct syncer *s)
{
	int sock[2];
	pid_t pid;

	*s = (struct syncer){ .watch = { .fd = -1 } };
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock))
		return -errno;
	pid = fork();
	if (!pid) {
		close(sock[0]);
		be_child(sock[1]);
	}
	close(sock[1]);
	if (pid < 0) {
		close(sock[0]);
		return -EAGAIN;
	}
	s->watch.fd = sock[0];
	s->child = pid;
	return 0;
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
	int err = s->first && s->first->syncs ? -EIO : -ECHILD;

	log_warn("the child that writes and syncs has ended: doing it myself from now on, and all "
		 "sessions wait for the disk; start the device again");
	waitpid(s->child, NULL, WNOHANG);
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
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n != sizeof m) {
		fail_all(s);
		return;
	}
	call = take_call(s, m.ticket);
	if (call)
		call->done(call, m.err);
}

int syncer_start(struct syncer *s, struct loop *l)
{
	s->loop = l;
	s->watch.want = EPOLLIN;
	s->watch.ready = answered;
	return loop_add(l, &s->watch);
}

static bool ask(struct syncer *s, struct sync_call *call, struct sync_msg *m, const int *fd,
		uint32_t n)
{
	struct sync_call **last = &s->first;
	union control control;
	struct iovec iov = { m, sizeof *m };
	struct msghdr mh = { .msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.room,
			     .msg_controllen = CMSG_SPACE(n * sizeof *fd) };
	struct cmsghdr *c;

	MUST(n && n <= SYNC_FDS_MAX);
	MUST(!call->waiting);
	m->ticket = ++s->tickets;
	memset(&control, 0, sizeof control);
	c = CMSG_FIRSTHDR(&mh);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof *fd);
	memcpy(CMSG_DATA(c), fd, n * sizeof *fd);
	if (s->watch.fd < 0 ||
	    sendmsg(s->watch.fd, &mh, MSG_NOSIGNAL | MSG_DONTWAIT) != sizeof *m)
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
		log_warn("the disk of the inbox has not answered for %d s: sessions wait for it",
			 SYNC_SLOW_MS / 1000);
	if (!slow && s->slow)
		log_info("the disk of the inbox answers again");
	s->slow = slow;
}

void syncer_cancel(struct syncer *s, struct sync_call *call)
{
	if (call->waiting)
		take_call(s, call->ticket);
}
