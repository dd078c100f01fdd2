/* core/loop.c - one thread, one epoll: watches, timers, signals, and a flush step */
#include "core/loop.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "core/check.h"

mono_t mono_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return mono_us((int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000);
}

int loop_init(struct loop *l)
{
	memset(l, 0, sizeof *l);
	l->signals.fd = -1;
	l->now = mono_now();
	l->epfd = epoll_create1(EPOLL_CLOEXEC);
	return l->epfd < 0 ? -errno : 0;
}

void loop_fini(struct loop *l)
{
	loop_del(l, &l->signals);
	if (l->signals.fd >= 0)
		close(l->signals.fd);
	if (l->epfd >= 0)
		close(l->epfd);
	l->signals.fd = l->epfd = -1;
}

static void signals_ready(struct watch *w, uint32_t got)
{
	struct loop *l = container_of(w, struct loop, signals);
	struct signalfd_siginfo si;

	(void)got;
	while (read(w->fd, &si, sizeof si) == sizeof si)
		l->on_signal(l, (int)si.ssi_signo);
}

int loop_signals(struct loop *l, void (*on_signal)(struct loop *l, int signo), void *owner)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	l->signals = (struct watch){ .want = EPOLLIN, .ready = signals_ready };
	l->signals.fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (l->signals.fd < 0)
		return -errno;
	l->on_signal = on_signal;
	l->owner = owner;
	return loop_add(l, &l->signals);
}

int loop_add(struct loop *l, struct watch *w)
{
	struct epoll_event ev = { .events = w->want, .data.ptr = w };

	MUST(!w->added);
	if (epoll_ctl(l->epfd, EPOLL_CTL_ADD, w->fd, &ev))
		return -errno;
	w->added = true;
	return 0;
}

void loop_want(struct loop *l, struct watch *w, uint32_t want)
{
	struct epoll_event ev = { .events = want, .data.ptr = w };

	MUST(w->added);
	if (w->want == want)
		return;
	w->want = want;
	MUST(epoll_ctl(l->epfd, EPOLL_CTL_MOD, w->fd, &ev) == 0);
}

void loop_del(struct loop *l, struct watch *w)
{
	if (!w->added)
		return;
	epoll_ctl(l->epfd, EPOLL_CTL_DEL, w->fd, NULL);
	w->added = false;
	for (int i = 0; i < l->batch_n; i++)
		if (l->batch[i].data.ptr == w)
			l->batch[i].data.ptr = NULL;
}

/* The list is sorted; a new deadline is mostly the latest, so look from the end. */
void loop_arm(struct loop *l, struct timer *t, mono_t at)
{
	struct timer *after;

	loop_disarm(l, t);
	t->at = at;
	t->armed = true;
	for (after = l->last; after && mono_before(at, after->at);)
		after = after->prev;
	t->prev = after;
	t->next = after ? after->next : l->first;
	*(after ? &after->next : &l->first) = t;
	*(t->next ? &t->next->prev : &l->last) = t;
}

void loop_disarm(struct loop *l, struct timer *t)
{
	if (!t->armed)
		return;
	*(t->prev ? &t->prev->next : &l->first) = t->next;
	*(t->next ? &t->next->prev : &l->last) = t->prev;
	t->prev = t->next = NULL;
	t->armed = false;
}

void loop_flush(struct loop *l, struct flush *f)
{
	if (f->queued)
		return;
	f->queued = true;
	f->next = NULL;
	*(l->flush_last ? &l->flush_last->next : &l->flush_first) = f;
	l->flush_last = f;
}

void loop_unflush(struct loop *l, struct flush *f)
{
	struct flush **at = &l->flush_first;
	struct flush *prev = NULL;

	if (!f->queued)
		return;
	for (; *at != f; at = &(*at)->next)
		prev = *at;
	*at = f->next;
	if (l->flush_last == f)
		l->flush_last = prev;
	f->queued = false;
}

/* The first that did not run in this turn yet. */
static struct flush *next_flush(const struct loop *l)
{
	struct flush *f = l->flush_first;

	while (f && f->turn == l->turn)
		f = f->next;
	return f;
}

static void run_flushes(struct loop *l)
{
	struct flush *f;

	while ((f = next_flush(l))) {
		f->turn = l->turn;
		loop_unflush(l, f);
		f->run(f);
	}
}

static void fire_due(struct loop *l)
{
	struct timer *t;

	while ((t = l->first) && !mono_before(l->now, t->at)) {
		loop_disarm(l, t);
		t->fire(t, l->now);
	}
}

bool loop_heavy(struct loop *l)
{
	bool may = !l->heavy;

	l->heavy = true;
	return may;
}

/* Sleeps less than epoll_wait can. */
static void nap(const struct loop *l, int64_t us)
{
	struct pollfd p = { .fd = l->epfd, .events = POLLIN };
	struct timespec ts = { .tv_nsec = us * 1000 };

	ppoll(&p, 1, &ts, NULL);
}

/* Milliseconds to sleep, rounded up so that a timer is never found early; -1: for ever. */
static int sleep_ms(const struct loop *l)
{
	int64_t us;

	if (l->stop || l->flush_first)
		return 0;
	if (!l->first)
		return -1;
	us = mono_diff_us(l->first->at, mono_now());
	if (us >= 1000)
		return us > 60000000 ? 60000 : (int)((us + 999) / 1000);
	if (us > 0)
		nap(l, us);
	return 0;
}

int loop_run(struct loop *l)
{
	struct epoll_event batch[LOOP_BATCH];
	int err = 0;

	l->batch = batch;
	while (!l->stop) {
		int n = epoll_wait(l->epfd, batch, LOOP_BATCH, sleep_ms(l));

		if (n < 0 && errno != EINTR) {
			err = -errno;
			break;
		}
		l->now = mono_now();
		l->turn++;
		l->heavy = false;
		l->batch_n = n > 0 ? n : 0;
		fire_due(l);
		for (int i = 0; i < l->batch_n && !l->stop; i++) {
			struct watch *w = batch[i].data.ptr;

			if (w)
				w->ready(w, batch[i].events);
		}
		l->batch_n = 0;
		run_flushes(l);
	}
	l->batch = NULL;
	l->stop = false; /* this run's, and not the next one's */
	return err;
}

void loop_stop(struct loop *l)
{
	l->stop = true;
}
