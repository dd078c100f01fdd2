/* core/loop.h - one thread, one epoll: watches, timers, signals, and a flush step
 *
 * Watches, timers and flushes are embedded in their owner; the loop allocates nothing. A turn:
 * read the clock once, fire due timers, call ready descriptors, run the flushes that were asked
 * for, sleep until the next deadline. Handlers enqueue; the flush step writes. A watch that is
 * deleted in the middle of a batch is never called afterwards. */
#ifndef CORE_LOOP_H
#define CORE_LOOP_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "core/mono.h"

enum { LOOP_BATCH = 64 }; /* events taken from the kernel at once */

struct watch {
	int fd;
	uint32_t want; /* EPOLLIN, EPOLLOUT; errors and hang-ups always come */
	void (*ready)(struct watch *w, uint32_t got);
	bool added; /* the loop's */
};

struct timer {
	mono_t at;
	void (*fire)(struct timer *t, mono_t now);
	struct timer *prev, *next; /* the loop's; NULL both and not head: not armed */
	bool armed;
};

struct flush {
	void (*run)(struct flush *f);
	struct flush *next; /* the loop's */
	uint32_t turn;	    /* the last that it ran in */
	bool queued;
};

struct loop {
	int epfd;
	bool stop;
	bool heavy; /* the turn's heavy piece of work was given away */
	mono_t now;
	struct timer *first; /* by deadline */
	struct timer *last;
	struct flush *flush_first;
	struct flush *flush_last;
	uint32_t turn; /* counts them */
	struct epoll_event *batch; /* the events being dispatched, for deletions in their midst */
	int batch_n;
	struct watch signals;
	void (*on_signal)(struct loop *l, int signo);
	void *owner; /* for on_signal */
};

/* 0 or -errno. loop_fini closes what init and loop_signals opened, not the watched descriptors. */
int loop_init(struct loop *l);
void loop_fini(struct loop *l);

/* Blocks SIGTERM, SIGINT and SIGHUP and hands them to on_signal, also where nohup had SIGHUP
 * ignored: what is blocked is queued all the same. SIGPIPE is ignored. 0 or -errno. */
int loop_signals(struct loop *l, void (*on_signal)(struct loop *l, int signo), void *owner);

/* Begin to watch w->fd for w->want; 0 or -errno. The watch must outlive loop_del. */
int loop_add(struct loop *l, struct watch *w);
/* Change what is wanted; no system call when nothing changes. */
void loop_want(struct loop *l, struct watch *w, uint32_t want);
/* Stop watching; harmless on a watch that was not added. The caller closes the descriptor after. */
void loop_del(struct loop *l, struct watch *w);

/* (Re)arm for an absolute time; disarm is harmless on a timer that is not armed. */
void loop_arm(struct loop *l, struct timer *t, mono_t at);
void loop_disarm(struct loop *l, struct timer *t);

/* Run f once at the end of this turn; asking again before that changes nothing, and asking again
 * when it has run is for the next turn: one that always has more to do starves nobody. */
void loop_flush(struct loop *l, struct flush *f);
/* Forget a flush whose owner goes away. */
void loop_unflush(struct loop *l, struct flush *f);

/* The clock as read at the start of this turn. */
static inline mono_t loop_now(const struct loop *l)
{
	return l->now;
}

/* The clock itself. */
mono_t mono_now(void);

/* May a piece of work that takes a millisecond be done in this turn? One may, so that everything
 * else waits for no more than that; who may not is called again when its descriptor is ready. */
bool loop_heavy(struct loop *l);

/* Runs until loop_stop; 0 or -errno of epoll_wait. A stop ends the run that is under way, or else
 * the next one, and no other. */
int loop_run(struct loop *l);
void loop_stop(struct loop *l);

#endif
