/* test/space.c - many clients of the manager in one process, to measure and to hold to account
 *
 *	space HOME speed CLIENTS COUNT	COUNT times out, rdp, inp: rate, median, 99th percentile
 *	space HOME fill COUNT		COUNT tuples, which stay
 *	space HOME hold CLIENTS		write, read and take until SIGTERM; then everything that
 *					was acknowledged must be there once, or gone when taken
 *
 * Prints the first broken promises, `hold` a last line that counts, and ends with 1 or 0. An
 * operation without an answer may have taken effect or not; both are right, twice is not. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/quorum_ask.h"
#include "cmd/report.h"
#include "core/check.h"
#include "core/log.h"

enum {
	CLIENTS_MAX = 64,
	COUNT_MAX = 20000,
	WARM_OPS = 20,	  /* a client, before the clock starts */
	KEYS_MAX = 4096,  /* of one client in `hold` */
	STAY_EACH = 8,	  /* of so many tuples one stays */
	PAUSE_MS = 10,	  /* between two operations in `hold`: they must never cease, not be many */
	KEY_MAX = 24,
	TOLD_MAX = 10, /* broken promises that are told one by one */
};

/* What must be found of a key in the end: exactly once, never, or at most once. */
enum fate { FATE_NONE = 0, FATE_THERE, FATE_GONE, FATE_DOUBT, FATES };

struct worker {
	struct quorum_call call;
	struct quorum *q;
	struct timer pause;
	uint32_t index;
	mono_t begun;
	uint32_t left;		     /* speed: operations of this phase, the warm ones first */
	uint32_t key;		     /* hold */
	enum op_type next;	     /* hold */
	uint8_t fate[KEYS_MAX], seen[KEYS_MAX];
	char name[KEY_MAX];
};

static struct {
	struct common common;
	struct party party;
	struct loop loop;
	struct worker *worker;
	uint32_t workers, running;
	enum op_type type; /* speed: the phase */
	mono_t start;
	uint32_t samples, sample_us[COUNT_MAX];
	bool stopping;
	uint32_t answered, doubts, broken;
	int64_t longest_us;
} bench;

static const char payload[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static int64_t since_us(mono_t t)
{
	return mono_diff_us(mono_now(), t);
}

static void ask(struct worker *w, enum op_type type, const char *prefix, uint32_t key)
{
	struct op *op = &w->call.op;

	snprintf(w->name, sizeof w->name, "%s%u-%u", prefix, w->index, key);
	*op = (struct op){ .type = type };
	tuple_init(&op->tuple);
	tuple_add_str(&op->tuple, "bench");
	tuple_add_str(&op->tuple, w->name);
	tuple_add_str(&op->tuple, payload);
	op->templ = op->tuple;
	op->templ.f[2] = (struct field){ .type = FIELD_ANY };
	w->begun = mono_now();
	quorum_call(w->q, &w->call);
}

static void broken(const struct worker *w, const char *what)
{
	if (bench.broken++ < TOLD_MAX)
		printf("# %s: %s\n", w->name, what);
}

/* --- speed ------------------------------------------------------------------------------------ */

static uint32_t share(uint32_t count, uint32_t index)
{
	return count / bench.workers + (index < count % bench.workers);
}

static void speed_done(struct quorum_call *call, int code, const struct result *r)
{
	struct worker *w = container_of(call, struct worker, call);

	if (code || r->code != RESULT_OK)
		broken(w, code ? "no answer" : result_code_str[r->code]);
	else if (bench.start.us)
		bench.sample_us[bench.samples++] = (uint32_t)since_us(w->begun);
	if (--w->left)
		ask(w, bench.type, "s", w->left);
	else if (!--bench.running)
		loop_stop(&bench.loop);
}

/* Every worker does its share of `count` operations of one type. */
static void phase(enum op_type type, uint32_t count)
{
	bench.type = type;
	bench.samples = 0;
	bench.running = bench.workers;
	bench.loop.stop = false;
	bench.loop.now = mono_now();
	for (uint32_t i = 0; i < bench.workers; i++) {
		struct worker *w = &bench.worker[i];

		w->call.done = speed_done;
		w->left = share(count, i);
		ask(w, type, "s", w->left);
	}
	loop_run(&bench.loop);
}

static int ascending(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void measure(const char *name, enum op_type type, uint32_t count)
{
	double s;

	bench.start = mono_now();
	phase(type, count);
	s = (double)since_us(bench.start) / 1e6;
	bench.start = mono_us(0);
	qsort(bench.sample_us, bench.samples, sizeof *bench.sample_us, ascending);
	printf("%s %u %.0f %.3f %.3f\n", name, bench.workers, bench.samples / s,
	       bench.sample_us[bench.samples / 2] / 1e3,
	       bench.sample_us[bench.samples * 99 / 100] / 1e3);
}

static int speed(uint32_t count)
{
	phase(OP_OUT, WARM_OPS * bench.workers);
	phase(OP_INP, WARM_OPS * bench.workers);
	measure("out", OP_OUT, count);
	measure("rdp", OP_RDP, count);
	measure("inp", OP_INP, count);
	return bench.broken != 0;
}

/* --- hold ------------------------------------------------------------------------------------- */

static void pause_over(struct timer *t, mono_t now)
{
	struct worker *w = container_of(t, struct worker, pause);

	(void)now;
	ask(w, w->next, "h", w->key);
}

/* Each key is put in, read, and mostly taken and missed. */
static void go_on(struct worker *w, enum op_type before, bool answered)
{
	bool stays = w->key % STAY_EACH == 0;

	if (before == OP_OUT && answered)
		w->next = OP_RDP;
	else if (before == OP_RDP && w->fate[w->key] == FATE_THERE && !stays)
		w->next = OP_INP;
	else if (before == OP_INP && answered)
		w->next = OP_RDP;
	else {
		w->key++;
		w->next = OP_OUT;
	}
	if (bench.stopping || w->key == KEYS_MAX) {
		if (!--bench.running)
			loop_stop(&bench.loop);
		return;
	}
	loop_arm(&bench.loop, &w->pause, mono_add_ms(mono_now(), PAUSE_MS));
}

/* An answer, held against what must be so. */
static void judge(struct worker *w, const struct result *r)
{
	uint8_t *fate = &w->fate[w->key];
	bool found = r->code == RESULT_OK;

	if (!found && r->code != RESULT_NONE)
		broken(w, result_code_str[r->code]);
	if (w->call.op.type == OP_RDP && found && *fate == FATE_GONE)
		broken(w, "was taken, and is still there");
	if (w->call.op.type != OP_OUT && !found && *fate == FATE_THERE)
		broken(w, "was acknowledged, and is not there");
	if (w->call.op.type == OP_OUT && found)
		*fate = FATE_THERE;
	if (w->call.op.type == OP_INP)
		*fate = FATE_GONE;
}

static void hold_done(struct quorum_call *call, int code, const struct result *r)
{
	struct worker *w = container_of(call, struct worker, call);
	int64_t us = since_us(w->begun);

	if (us > bench.longest_us)
		bench.longest_us = us;
	bench.answered += !code;
	bench.doubts += code != 0;
	if (!code)
		judge(w, r);
	else if (call->op.type != OP_RDP)
		w->fate[w->key] = FATE_DOUBT;
	go_on(w, call->op.type, !code);
}

/* A tuple that is there in the end. */
static void count_tuple(const struct tuple *t)
{
	char name[KEY_MAX] = "";
	unsigned index, key;

	if (t->n != 3 || t->f[1].type != FIELD_STR || t->f[1].len >= KEY_MAX)
		return;
	memcpy(name, t->f[1].bytes, t->f[1].len);
	if (sscanf(name, "h%u-%u", &index, &key) == 2 && index < bench.workers && key < KEYS_MAX)
		bench.worker[index].seen[key]++;
}

static int read_all(void)
{
	struct op op = { .type = OP_RDALL };

	tuple_init(&op.templ);
	tuple_add_str(&op.templ, "bench");
	tuple_add_any(&op.templ);
	tuple_add_any(&op.templ);
	do {
		const struct result *r;
		struct result page;
		struct tuple t;
		uint64_t id;

		if (quorum_ask(bench.worker[0].q, "space", &op, &r))
			return 1;
		for (page = *r; result_next(&page, &t, &id);)
			count_tuple(&t);
		op.cursor = r->code == RESULT_OK ? r->cursor : 0;
	} while (op.cursor);
	return 0;
}

static void judge_end(struct worker *w, uint32_t fates[static FATES])
{
	for (uint32_t k = 0; k < KEYS_MAX; k++) {
		snprintf(w->name, sizeof w->name, "h%u-%u", w->index, k);
		fates[w->fate[k]]++;
		if (w->seen[k] > 1)
			broken(w, "is there twice");
		if (w->fate[k] == FATE_THERE && !w->seen[k])
			broken(w, "was acknowledged, and is lost");
		if (w->fate[k] == FATE_GONE && w->seen[k])
			broken(w, "was taken, and is back");
	}
}

static void on_signal(struct loop *l, int signo)
{
	(void)l;
	(void)signo;
	bench.stopping = true;
}

static int hold(void)
{
	uint32_t fates[FATES] = { 0 };

	bench.running = bench.workers;
	for (uint32_t i = 0; i < bench.workers; i++) {
		struct worker *w = &bench.worker[i];

		w->call.done = hold_done;
		w->pause.fire = pause_over;
		ask(w, OP_OUT, "h", 0);
	}
	loop_run(&bench.loop);
	if (read_all())
		return 1;
	for (uint32_t i = 0; i < bench.workers; i++)
		judge_end(&bench.worker[i], fates);
	printf("%u answers, %u without; %u stay, %u taken, %u in doubt, %u broken; "
	       "longest %.1f s\n", bench.answered, bench.doubts, fates[FATE_THERE],
	       fates[FATE_GONE], fates[FATE_DOUBT], bench.broken, (double)bench.longest_us / 1e6);
	return bench.broken || !bench.answered;
}

/* --- all -------------------------------------------------------------------------------------- */

/* The sessions of this key are needed by who comes next. */
static void leave(void)
{
	struct op op = { .type = OP_CLOSE };
	const struct result *r;

	for (uint32_t i = 0; i < bench.workers; i++) {
		quorum_ask(bench.worker[i].q, "space", &op, &r);
		quorum_close(bench.worker[i].q);
	}
	party_fini(&bench.party);
}

static int begin(const char *home, uint32_t clients)
{
	int r;

	bench.common.home = home;
	log_setup("space", LOG_WARN);
	r = party_load(&bench.party, &bench.common);
	if (r || loop_init(&bench.loop) || loop_signals(&bench.loop, on_signal, NULL))
		return r ? r : EXIT_FAILED;
	bench.workers = clients;
	bench.worker = calloc(clients, sizeof *bench.worker);
	for (uint32_t i = 0; bench.worker && i < clients; i++) {
		bench.worker[i].index = i;
		bench.worker[i].q = quorum_open(&bench.party, &bench.loop, QUORUM_ROLE);
		if (!bench.worker[i].q)
			return EXIT_FAILED;
	}
	return bench.worker ? EXIT_OK : EXIT_FAILED;
}

int main(int argc, char **argv)
{
	uint32_t n = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 0;
	uint32_t count = argc > 4 ? (uint32_t)strtoul(argv[4], NULL, 10) : 0;
	bool fill = argc == 4 && !strcmp(argv[2], "fill");
	bool timed = argc == 5 && !strcmp(argv[2], "speed") && count && count <= COUNT_MAX;
	int r;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!n || (!fill && n > CLIENTS_MAX) ||
	    (!fill && !timed && (argc != 4 || strcmp(argv[2], "hold")))) {
		fprintf(stderr, "usage: space HOME speed CLIENTS COUNT|fill COUNT|hold CLIENTS\n");
		return EXIT_USAGE;
	}
	r = begin(argv[1], fill ? 1 : n);
	if (r)
		return r;
	if (fill)
		phase(OP_OUT, n);
	r = fill ? bench.broken != 0 : timed ? speed(count) : hold();
	leave();
	return r;
}
