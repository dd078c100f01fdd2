/* cmd/send.c - cut files over several paths, and know that they are safe before saying done */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/memory.h"
#include "cmd/report.h"
#include "cmd/send_try.h"
#include "core/check.h"
#include "net/sock.h"

static const struct opt rows[] = {
	SURVEY_ROWS(send_opts, choose),
	{ OPT_FLAG, 0, "dry-run", NULL, "plan the paths, show the plan, send nothing",
	  offsetof(struct send_opts, dry_run), 0, 0 },
	{ OPT_CHOICE, 0, "transport", "flows|mptcp", "TCP, or the kernel's MPTCP (flows)",
	  offsetof(struct send_opts, transport), 0, 0 },
	{ OPT_STR, 0, "scheduler", "fast|strict|NAME",
	  "who carries the next record: whoever has room, or each in turn (fast); mptcp: the "
	  "kernel's scheduler NAME",
	  offsetof(struct send_opts, scheduler), 0, 0 },
	{ OPT_U32, 0, "turn", "K", "strict: records a turn (1)",
	  offsetof(struct send_opts, turn), 1, 1024 },
	{ OPT_U32, 0, "max-share", "PCT", "fast: the most of all bytes that one path carries",
	  offsetof(struct send_opts, max_share), 1, 100 },
	{ 0 },
};

static struct send *send_of(struct pathset *ps)
{
	return container_of(ps, struct send, ps);
}

/* --- the session ------------------------------------------------------------------------------ */

static void ready(struct pathset *ps)
{
	struct send *s = send_of(ps);

	s->data_from = mono_now();
	progress_begin(&s->progress, s->c, ps, &s->source);
	send_confirm(s);
}

static size_t fill(struct pathset *ps, uint8_t *p)
{
	struct send *s = send_of(ps);
	bool may = s->cleared && kflow_may_send(&s->kernel);
	int n = may ? source_fill(&s->source, p, RECORD_PLAIN_MAX) : 0;

	if (n < 0) {
		pathset_fail(ps, EXIT_FAILED, "%s", s->source.why);
		return 0;
	}
	if (!n && s->source.starved && s->in.added)
		loop_want(&s->one.loop, &s->in, EPOLLIN);
	return (size_t)n;
}

static void stdin_ready(struct watch *w, uint32_t got)
{
	struct send *s = container_of(w, struct send, in);

	(void)got;
	loop_want(&s->one.loop, w, 0);
	pathset_kick(&s->ps);
}

static void note_name(struct send *s, const struct content_note *n)
{
	if (n->index < s->source.files && !s->final_name[n->index])
		s->final_name[n->index] = strdup(n->text);
}

/* What the receipt needs of the paths, before they close. */
static void remember_paths(struct send *s)
{
	s->receipt.n = s->n;
	memcpy(s->receipt.sid, s->ps.session.sid, sizeof s->receipt.sid);
	if (s->kernel.ps) {
		receipt_kernel(&s->receipt, &s->kernel);
		return;
	}
	for (uint32_t i = 0; i < s->n; i++) {
		s->receipt.path[i].path = &s->path[i];
		s->receipt.path[i].bytes = pathset_sent(&s->ps, i);
		sock_name(s->path[i].flow.watch.fd, &s->receipt.path[i].local);
	}
}

static bool result(struct send *s, const struct content_note *n)
{
	s->data_done = mono_now();
	if (n->code) {
		pathset_fail(&s->ps, n->code <= EXIT_QUORUM ? n->code : EXIT_FAILED,
			     "the device says: %s", n->text);
		return false;
	}
	if (!s->source.end_sent || n->files != s->source.files ||
	    n->bytes != s->source.file_bytes) {
		pathset_fail(&s->ps, EXIT_INTEGRITY, "the device stored something else");
		return false;
	}
	if (n->text[0])
		report_warning(s->c, "device", "%s", n->text);
	s->stored = true;
	remember_paths(s);
	pathset_end(&s->ps);
	return true;
}

static bool data(struct pathset *ps, const uint8_t *p, size_t len)
{
	struct send *s = send_of(ps);
	struct content_note n;

	if (!content_get_note(&n, p, len) || (n.kind != KIND_NAMED && n.kind != KIND_RESULT)) {
		pathset_fail(ps, EXIT_INTEGRITY, "the device sent a record without meaning");
		return false;
	}
	if (n.kind == KIND_RESULT)
		return result(s, &n);
	note_name(s, &n);
	return true;
}

static void over(struct pathset *ps, int code, const char *why)
{
	struct send *s = send_of(ps);
	uint32_t stood;

	s->code = s->stored ? EXIT_OK : code ? code : EXIT_UNREACHABLE;
	stood = s->code == EXIT_UNREACHABLE ? pathset_stood(ps) : 0;
	why = kpaths_why(&s->kernel.k, why);
	if (stood)
		snprintf(s->why, sizeof s->why, "%s; before, this process stood still for %u s",
			 why, stood);
	else
		snprintf(s->why, sizeof s->why, "%s", why);
	progress_end(&s->progress);
	if (!kflow_end(&s->kernel, s->code, s->why))
		loop_stop(&s->one.loop);
}

const struct pathset_ops send_ops = {
	.ready = ready, .fill = fill, .data = data, .over = over
};

static void on_signal(struct loop *l, int signo)
{
	struct send *s = l->owner;

	if (signo == SIGHUP && (s->deaf || s->interrupted)) /* a terminal may hang up twice */
		return;
	s->interrupted = true;
	if (s->ps.live) /* over() stops the loop, once the nodes were told */
		pathset_fail(&s->ps, EXIT_INTERRUPTED, "interrupted by the user");
	else if (s->ps.ops && !s->ps.gone) /* the nodes need not be told: leases end */
		pathset_gone(&s->ps);
	else
		loop_stop(l);
}

/* --- set-up ----------------------------------------------------------------------------------- */

static bool is_strict(const struct send_opts *o)
{
	return o->scheduler && !strcmp(o->scheduler, "strict");
}

static int allocate(struct send *s)
{
	struct tx_setup *t = &s->setup.tx;
	uint8_t *in = malloc((size_t)PATHS_MAX * FLOW_IN_BYTES);

	t->mem = memory_window((size_t)TX_SLOTS_BULK * RECORD_BYTES_MAX);
	t->slot = calloc(TX_SLOTS_BULK, sizeof *t->slot);
	t->slots = TX_SLOTS_BULK;
	t->sched = is_strict(s->o) ? SCHED_STRICT : SCHED_FAST;
	t->turn = s->o->turn ? s->o->turn : 1;
	t->max_share_pct = s->o->max_share;
	s->setup.rx_slots = SLOTS_SMALL;
	s->setup.rx_mem = malloc((size_t)SLOTS_SMALL * RECORD_PLAIN_MAX);
	s->setup.rx_slot = calloc(SLOTS_SMALL, sizeof *s->setup.rx_slot);
	s->source.sizes = calloc(s->source.files, sizeof *s->source.sizes);
	s->final_name = calloc(s->source.files, sizeof *s->final_name);
	if (!in || !t->mem || !t->slot || !s->setup.rx_mem || !s->setup.rx_slot ||
	    !s->source.sizes || !s->final_name)
		return report_error(s->c, EXIT_FAILED, "free some memory", "send", "out of memory");
	for (uint32_t i = 0; i < PATHS_MAX; i++)
		s->path[i].flow.in = in + (size_t)i * FLOW_IN_BYTES;
	return 0;
}

/* HOST, or HOST:NAME for stdin and for one file that shall be called NAME. */
static int parse_target(struct send *s, int argc, char **argv, char **host)
{
	char *colon = strchr(argv[argc - 1], ':');
	bool from_stdin = argc == 2 && !strcmp(argv[0], "-");
	const char *name = colon ? colon + 1 : NULL;

	*host = strndup(argv[argc - 1], strcspn(argv[argc - 1], ":")); /* ps(1) shows argv */
	if (!*host)
		return report_error(s->c, EXIT_FAILED, "free some memory", "send", "out of memory");
	if (name ? !*name || argc > 2 : from_stdin)
		return report_error(s->c, EXIT_USAGE, "say `machete send FILE HOST:NAME`",
				    "HOST:NAME", !name	   ? "stdin needs a NAME"
						 : argc > 2 ? "several files have one NAME"
							    : "there is no NAME");
	s->source.called = name;
	if (!source_open(&s->source, argv, (uint32_t)argc - 1, from_stdin))
		return report_error(s->c, EXIT_FAILED, s->source.todo, "cannot send", "%s",
				    s->source.why);
	return 0;
}

static const char *what_to_do(const struct send *s)
{
	static const char *const todo[EXIT_QUORUM + 1] = {
		[EXIT_FAILED] = "send again, or ask whoever runs the device",
		[EXIT_DENIED] = "ask the admin to admit this key: `machete key show`",
		[EXIT_INTEGRITY] = "leave that node out with --via, and tell its operator",
		[EXIT_INTERRUPTED] = "send again",
		[EXIT_QUOTA] = "try later, or over other nodes with --via",
	};

	if (s->source.todo)
		return s->source.todo;
	if (s->code != EXIT_UNREACHABLE)
		return todo[s->code];
	return s->source.files > 1 || s->source.end_sent
		   ? "look into the inbox and send again: some files may be stored"
		   : "send again; nothing was stored under its final name";
}

static int conclude(struct send *s)
{
	struct receipt *r = &s->receipt;

	if (s->o->dry_run && !s->code)
		return EXIT_OK;
	if (s->code)
		return report_error(s->c, (enum exit_code)s->code, what_to_do(s), "send", "%s",
				    s->why);
	r->source = &s->source;
	r->choice = &s->choice;
	r->final_name = s->final_name;
	r->scheduler = is_strict(s->o) ? "strict" : "fast";
	if (r->kernel)
		r->scheduler = s->kernel.scheduler;
	r->bytes = s->source.file_bytes;
	r->seconds = (double)mono_diff_us(s->data_done, s->data_from) / 1e6;
	r->setup_ms = (double)mono_diff_us(s->ps.setup_done, s->ps.setup_from) / 1e3;
	r->teardown_ms = (double)mono_diff_us(mono_now(), s->data_done) / 1e3;
	if (s->source.grew)
		report_warning(s->c, s->source.grew, "became longer while it was sent: only what "
			       "it had at first was");
	receipt_print(s->c, r);
	return EXIT_OK;
}

static int start(struct send *s)
{
	int r = oneshot_open(&s->one, s->c);

	if (r)
		return r;
	if (loop_signals(&s->one.loop, on_signal, s))
		return report_error(s->c, EXIT_FAILED, NULL, "send", "%s", strerror(errno));
	s->in = (struct watch){ .fd = STDIN_FILENO, .ready = stdin_ready };
	if (s->source.from_stdin)
		loop_add(&s->one.loop, &s->in); /* EPERM for a regular file, which never starves */
	s->d = directory_open(&s->one.party);
	return s->d ? 0 : EXIT_FAILED;
}

static int send_main(const struct common *c, const void *opts, int argc, char **argv)
{
	static struct send s;
	char *host;
	int r;

	s.c = c;
	s.o = opts;
	s.deaf = oneshot_deaf();
	r = s.o->transport != 2 && s.o->scheduler && strcmp(s.o->scheduler, "fast");
	if (r && !is_strict(s.o))
		return report_error(c, EXIT_USAGE, "say fast or strict", "--scheduler", "no such");
	r = parse_target(&s, argc, argv, &host);
	r = r ? r : allocate(&s);
	r = r ? r : start(&s);
	if (r)
		return r;
	r = send_try(&s, host);
	kflow_close(&s.kernel);
	r = r ? r : conclude(&s);
	free(host);
	source_close(&s.source);
	directory_close(s.d);
	oneshot_close(&s.one);
	return r;
}

const struct cmd cmd_send = {
	.name = "send",
	.main = send_main,
	.args = "FILE... HOST[:NAME]",
	.summary = "send files to a device over several paths at once",
	.rows = rows,
	.opts_bytes = sizeof(struct send_opts),
	.words_min = 2,
	.words_max = -1,
	.more =
	    "NAME is what the device shall call the one FILE. `-` is stdin: each write that\n"
	    "leaves by itself is padded to 256 bytes at least.\n"
	    "Whoever misses one path's share learns nothing but the padded length. What all paths\n"
	    "have in common, such as the only provider of an end, sees everything.\n",
};
