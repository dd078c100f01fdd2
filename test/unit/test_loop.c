/* test/unit/test_loop.c - the event loop: deletion in a batch, order of timers, flushes, signals */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/check.h"
#include "core/loop.h"
#include "test/unit/test.h"

enum { PAIRS = 8, NOTES = 64 };

static struct loop l;
static char notes[NOTES]; /* what happened, a letter each */

static void note(char c)
{
	size_t n = strlen(notes);

	if (n + 1 < sizeof notes)
		notes[n] = c;
}

static void begin(void)
{
	memset(notes, 0, sizeof notes);
	CHECK_EQ(loop_init(&l), 0);
}

/* --- watches ---------------------------------------------------------------------------------- */

static struct end {
	struct watch w;
	int other;
} end[PAIRS];

static void open_end(struct end *e, uint32_t want, void (*ready)(struct watch *, uint32_t))
{
	int fd[2];

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	e->w = (struct watch){ .fd = fd[0], .want = want, .ready = ready };
	e->other = fd[1];
	CHECK_EQ(loop_add(&l, &e->w), 0);
}

static void close_end(struct end *e)
{
	loop_del(&l, &e->w);
	close(e->w.fd);
	close(e->other);
}

static void poke(struct end *e)
{
	CHECK_EQ(write(e->other, "x", 1), 1);
}

static void take_byte(struct watch *w, uint32_t got)
{
	char c;

	CHECK(got & EPOLLIN);
	CHECK_EQ(read(w->fd, &c, 1), 1);
	note('r');
	loop_stop(&l);
}

static void a_ready_descriptor_is_called_and_one_that_is_not_wanted_is_not(void)
{
	begin();
	open_end(&end[0], EPOLLIN, take_byte);
	open_end(&end[1], 0, take_byte);
	poke(&end[0]);
	poke(&end[1]);
	CHECK_EQ(loop_run(&l), 0);
	CHECK_STR(notes, "r");
	loop_want(&l, &end[1].w, EPOLLIN);
	CHECK_EQ(loop_run(&l), 0);
	CHECK_STR(notes, "rr");
	close_end(&end[0]);
	close_end(&end[1]);
	loop_fini(&l);
}

/* Whoever of the batch comes first deletes, closes and replaces all others. */
static void kill_the_others(struct watch *w, uint32_t got)
{
	(void)got;
	note('k');
	for (int i = 0; i < PAIRS; i++)
		if (&end[i].w != w) {
			close_end(&end[i]);
			open_end(&end[i], EPOLLIN, kill_the_others); /* the same number, often */
		}
	if (strlen(notes) == 3) /* it stays ready, so it is called on */
		loop_stop(&l);
}

static void a_watch_deleted_in_its_batch_is_never_called(void)
{
	begin();
	for (int i = 0; i < PAIRS; i++)
		open_end(&end[i], EPOLLIN, kill_the_others);
	for (int i = 0; i < PAIRS; i++)
		poke(&end[i]);
	CHECK_EQ(loop_run(&l), 0);
	CHECK_STR(notes, "kkk");
	for (int i = 0; i < PAIRS; i++) {
		char c;

		if (read(end[i].w.fd, &c, 1) == 1)
			note('u'); /* the one that did it still has its byte; the new ones none */
	}
	CHECK(strchr(notes, 'u') && !strchr(notes, 'u')[1]);
	for (int i = 0; i < PAIRS; i++)
		close_end(&end[i]);
	loop_fini(&l);
}

static void deleting_what_was_not_added_is_harmless(void)
{
	struct watch w = { .fd = 0 };

	begin();
	loop_del(&l, &w);
	open_end(&end[0], EPOLLIN, take_byte);
	close_end(&end[0]);
	loop_del(&l, &end[0].w);
	w.fd = -1;
	CHECK_EQ(loop_add(&l, &w), -EBADF);
	CHECK(!w.added);
	loop_fini(&l);
}

/* --- timers ----------------------------------------------------------------------------------- */

static struct named {
	struct timer t;
	char name;
} named[6];

static void fired(struct timer *t, mono_t now)
{
	const struct named *n = container_of(t, struct named, t);

	CHECK(!mono_before(now, t->at));
	CHECK(!t->armed);
	note(n->name);
	if (n->name == 'z')
		loop_stop(&l);
}

static void arm(int i, char name, int64_t us)
{
	named[i].name = name;
	named[i].t.fire = fired;
	loop_arm(&l, &named[i].t, mono_add_us(loop_now(&l), us));
}

static void timers_fire_in_the_order_of_their_deadlines(void)
{
	begin();
	memset(named, 0, sizeof named);
	arm(0, 'z', 4000);
	arm(1, 'b', 2000);
	arm(2, 'a', -1);
	arm(3, 'c', 2000); /* equal: as they were armed */
	arm(4, 'd', 3000);
	arm(5, 'x', 1000);
	loop_disarm(&l, &named[5].t);
	loop_disarm(&l, &named[5].t);
	arm(4, 'd', 500); /* moved */
	CHECK_EQ(loop_run(&l), 0);
	CHECK_STR(notes, "adbcz");
	CHECK(!l.first && !l.last);
	loop_fini(&l);
}

static void disarm_next(struct timer *t, mono_t now)
{
	(void)now;
	note(container_of(t, struct named, t)->name);
	loop_disarm(&l, &named[1].t);
	if (strlen(notes) < 4)
		loop_arm(&l, &named[0].t, mono_add_us(now, 1));
	else
		loop_stop(&l);
}

static void a_timer_may_disarm_another_that_is_due_and_arm_itself(void)
{
	begin();
	memset(named, 0, sizeof named);
	arm(0, 'a', -3);
	named[0].t.fire = disarm_next;
	arm(1, 'b', -2);
	CHECK_EQ(loop_run(&l), 0);
	CHECK_STR(notes, "aaaa");
	loop_fini(&l);
}

/* --- flushes ---------------------------------------------------------------------------------- */

static struct named_flush {
	struct flush f;
	char name;
} nf[4];

static void flushed(struct flush *f)
{
	note(container_of(f, struct named_flush, f)->name);
	CHECK(!f->queued);
	if (f == &nf[0].f && strlen(notes) < 4)
		loop_flush(&l, &nf[3].f); /* asked for in a flush: still this turn */
}

static void ask(struct timer *t, mono_t now)
{
	(void)t;
	(void)now;
	note('t');
	for (int i = 0; i < 3; i++) {
		loop_flush(&l, &nf[i].f);
		loop_flush(&l, &nf[i].f);
	}
	loop_unflush(&l, &nf[1].f);
	loop_unflush(&l, &nf[1].f);
	loop_flush(&l, &nf[1].f); /* at the end now */
	loop_unflush(&l, &nf[1].f);
	loop_stop(&l);
}

static void flushes_run_once_at_the_end_of_the_turn(void)
{
	struct timer t = { .fire = ask };

	begin();
	for (int i = 0; i < 4; i++)
		nf[i] = (struct named_flush){ .f.run = flushed, .name = (char)('0' + i) };
	loop_arm(&l, &t, loop_now(&l));
	CHECK_EQ(loop_run(&l), 0);
	CHECK_STR(notes, "t023");
	CHECK(!l.flush_first && !l.flush_last);
	loop_fini(&l);
}

static void ask_again(struct flush *f)
{
	note('0');
	if (strlen(notes) < 6)
		loop_flush(&l, f);
	loop_flush(&l, &nf[2].f); /* behind the one that waits, and not made to */
}

static void a_flush_that_asks_again_waits_for_the_next_turn(void)
{
	begin();
	nf[0] = (struct named_flush){ .f.run = ask_again };
	for (int i = 1; i < 3; i++)
		nf[i] = (struct named_flush){ .f.run = flushed, .name = (char)('0' + i) };
	loop_flush(&l, &nf[0].f);
	loop_flush(&l, &nf[1].f);
	memset(named, 0, sizeof named);
	arm(0, 'z', 0);
	CHECK_EQ(loop_run(&l), 0);
	CHECK_STR(notes, "z012");
	arm(0, 'z', 0);
	CHECK_EQ(loop_run(&l), 0);
	CHECK_STR(notes, "z012z02");
	loop_fini(&l);
}

static void fire_and_stop(struct timer *t, mono_t now)
{
	(void)t;
	(void)now;
	note('f');
	loop_stop(&l);
}

/* --- signals ---------------------------------------------------------------------------------- */

static void on_signal(struct loop *loop, int signo)
{
	CHECK(loop->owner == notes);
	note(signo == SIGHUP ? 'h' : signo == SIGTERM ? 't' : '?');
	if (signo == SIGTERM)
		loop_stop(loop);
}

static void a_stop_ends_one_run_and_no_other(void)
{
	struct timer t = { .fire = fire_and_stop };

	begin();
	for (int i = 0; i < 2; i++) {
		loop_arm(&l, &t, mono_now());
		CHECK_EQ(loop_run(&l), 0);
	}
	CHECK_STR(notes, "ff");
	loop_stop(&l); /* before the run that it ends */
	loop_arm(&l, &t, mono_add_ms(mono_now(), 60000));
	CHECK_EQ(loop_run(&l), 0);
	CHECK_STR(notes, "ff");
	loop_disarm(&l, &t);
	loop_fini(&l);
}

static void signals_come_as_events(void)
{
	int fd;

	begin();
	signal(SIGHUP, SIG_IGN); /* as nohup leaves it */
	CHECK_EQ(loop_signals(&l, on_signal, notes), 0);
	CHECK_EQ(raise(SIGHUP), 0);
	CHECK_EQ(raise(SIGPIPE), 0);
	CHECK_EQ(raise(SIGTERM), 0);
	CHECK_EQ(loop_run(&l), 0);
	CHECK_STR(notes, "ht");
	fd = l.signals.fd;
	loop_fini(&l);
	CHECK_EQ(fcntl(fd, F_GETFD), -1); /* closed */
}

TEST_MAIN_BEGIN
	RUN(a_ready_descriptor_is_called_and_one_that_is_not_wanted_is_not);
	RUN(a_watch_deleted_in_its_batch_is_never_called);
	RUN(deleting_what_was_not_added_is_harmless);
	RUN(timers_fire_in_the_order_of_their_deadlines);
	RUN(a_timer_may_disarm_another_that_is_due_and_arm_itself);
	RUN(flushes_run_once_at_the_end_of_the_turn);
	RUN(a_flush_that_asks_again_waits_for_the_next_turn);
	RUN(a_stop_ends_one_run_and_no_other);
	RUN(signals_come_as_events);
TEST_MAIN_END
