/* cmd/tuple.c - the tuple space from a shell */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/oneshot.h"
#include "cmd/report.h"
#include "core/check.h"

enum { FIELD_TEXT_MAX = 4200 }; /* tuple/tuple.h: this always suffices */

struct opts {
	uint32_t ttl_s, wait_s;
};

static const struct opt rows[] = {
	{ OPT_U32, 0, "ttl", "S", "lease of what is inserted, in seconds (default: for ever)",
	  offsetof(struct opts, ttl_s), 1, UINT32_MAX / 1000 },
	{ OPT_U32, 0, "wait", "S", "rd, in: how long to wait for a match (default: an hour)",
	  offsetof(struct opts, wait_s), 1, WAIT_MS_MAX / 1000 },
	{ 0 },
};

static const struct verb {
	const char *name;
	enum op_type type;
	bool templ, tuple; /* which parts it takes */
} verbs[] = {
	{ "out", OP_OUT, false, true },	    { "rdp", OP_RDP, true, false },
	{ "inp", OP_INP, true, false },	    { "rd", OP_RD, true, false },
	{ "in", OP_IN, true, false },	    { "rdall", OP_RDALL, true, false },
	{ "replace", OP_REPLACE, true, true }, { "cas", OP_CAS, true, true },
};

/* One run of the command. */
struct run {
	const struct common *c;
	const struct verb *verb;
	struct op op;
	uint8_t hex[2 * TUPLE_BYTES_MAX];
	size_t hex_len;
};

static int bad_field(const struct run *r, const char *text)
{
	return report_error(r->c, EXIT_USAGE, "a field is TEXT, str:TEXT, int:5, hex:00ff or *",
			    text, "this is no field");
}

static int parse_fields(struct run *r, struct tuple *t, int n, char **words)
{
	size_t used;

	tuple_init(t);
	for (int i = 0; i < n; i++) {
		if (!field_parse(t, words[i], r->hex + r->hex_len, sizeof r->hex - r->hex_len,
				 &used))
			return bad_field(r, words[i]);
		r->hex_len += used;
	}
	if (tuple_ok(t))
		return 0;
	return report_error(r->c, EXIT_USAGE, "see `machete help tuple`", "tuple",
			    "1 to %d fields, %d bytes at most", TUPLE_FIELDS_MAX, TUPLE_BYTES_MAX);
}

/* What is inserted has a value in every field. */
static int parse_tuple(struct run *r, int n, char **words)
{
	int e = parse_fields(r, &r->op.tuple, n, words);

	if (e || !tuple_is_template(&r->op.tuple))
		return e;
	return report_error(r->c, EXIT_USAGE, "write str:* for a star", "tuple",
			    "a wildcard cannot be inserted");
}

/* `replace FIELD...` means the tuple of that length with the same first field. */
static void template_of_key(struct tuple *templ, const struct tuple *t)
{
	*templ = *t;
	for (uint32_t i = 1; i < templ->n; i++)
		templ->f[i] = (struct field){ .type = FIELD_ANY };
}

static int parse_words(struct run *r, int n, char **words)
{
	int cut = 0, e;

	while (cut < n && strcmp(words[cut], "--"))
		cut++;
	if (r->verb->templ && r->verb->tuple && cut < n) {
		e = parse_fields(r, &r->op.templ, cut, words);
		return e ? e : parse_tuple(r, n - cut - 1, words + cut + 1);
	}
	if (r->verb->type == OP_CAS)
		return report_error(r->c, EXIT_USAGE, "write: cas TEMPLATE... -- FIELD...", "tuple",
				    "there is no \"--\"");
	if (cut < n) {
		for (int i = cut; i + 1 < n; i++)
			words[i] = words[i + 1];
		n--;
	}
	e = r->verb->tuple ? parse_tuple(r, n, words) : parse_fields(r, &r->op.templ, n, words);
	if (!e && r->verb->type == OP_REPLACE)
		template_of_key(&r->op.templ, &r->op.tuple);
	return e;
}

static int parse(struct run *r, const struct opts *o, int argc, char **argv)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (!strcmp(verbs[i].name, argv[0]))
			r->verb = &verbs[i];
	if (!r->verb)
		return report_error(r->c, EXIT_USAGE, "see `machete help tuple`", "tuple",
				    "no such operation: %s", argv[0]);
	r->op.type = r->verb->type;
	r->op.ttl_ms = o->ttl_s * 1000;
	if (r->op.type == OP_RD || r->op.type == OP_IN)
		r->op.wait_ms = o->wait_s ? o->wait_s * 1000 : WAIT_MS_MAX;
	return parse_words(r, argc - 1, argv + 1);
}

static void print_tuple(const struct common *c, const struct tuple *t, uint64_t id)
{
	struct json *j = c->json ? report_begin("tuple") : NULL;
	char text[FIELD_TEXT_MAX];

	if (j) {
		json_u64(j, "id", id);
		json_open(j, "fields", '[');
	}
	for (uint32_t i = 0; i < t->n; i++) {
		field_format(&t->f[i], text, sizeof text); /* there is always room */
		if (j)
			json_str(j, NULL, text);
		else
			printf("%s%s", i ? "\t" : "", text);
	}
	if (!j) {
		putchar('\n');
		return;
	}
	json_close(j, ']');
	report_end(j);
}

static void print_done(const struct common *c, uint64_t id)
{
	struct json *j;

	if (!c->json)
		return;
	j = report_begin("done");
	json_u64(j, "id", id);
	report_end(j);
}

/* All pages; EXIT_FAILED when there is nothing at all. */
static int read_all(struct run *run, struct oneshot *o)
{
	int code = EXIT_FAILED;

	do {
		const struct result *r;
		struct result page;
		struct tuple t;
		uint64_t id;
		int e = quorum_ask(o->q, "tuple", &run->op, &r);

		e = e || r->code == RESULT_NONE ? e : quorum_judge(&o->party, "tuple", r);
		if (e)
			return e;
		for (page = *r; result_next(&page, &t, &id); code = EXIT_OK)
			print_tuple(run->c, &t, id);
		run->op.cursor = r->cursor;
	} while (run->op.cursor);
	return code;
}

/* Who is told to end while it waits says so to the manager: a tuple that comes later is for others.
 * That the terminal is gone is no reason under nohup. */
static void on_signal(struct loop *l, int signo)
{
	if (signo != SIGHUP || !oneshot_deaf())
		quorum_withdraw(l->owner);
}

static int run_op(struct run *run, struct oneshot *o)
{
	const struct result *r;
	int e;

	if (run->verb->type == OP_RDALL)
		return read_all(run, o);
	if (run->op.wait_ms)
		loop_signals(&o->loop, on_signal, o->q);
	e = quorum_ask(o->q, "tuple", &run->op, &r);
	e = e ? e : quorum_judge(&o->party, "tuple", r);
	if (e)
		return e;
	if (r->has_tuple)
		print_tuple(run->c, &r->tuple, r->id);
	else if (r->code == RESULT_OK)
		print_done(run->c, r->id);
	return r->code == RESULT_FOUND ? EXIT_FAILED : EXIT_OK;
}

static int tuple_main(const struct common *c, const void *opts, int argc, char **argv)
{
	static struct run run;
	static struct oneshot o;
	int r;

	run.c = c;
	r = parse(&run, opts, argc, argv);
	if (r)
		return r;
	r = oneshot_open(&o, c);
	if (!r)
		r = run_op(&run, &o);
	oneshot_close(&o);
	return r;
}

const struct cmd cmd_tuple = {
	.name = "tuple",
	.main = tuple_main,
	.args = "out|rdp|inp|rd|in|rdall|replace FIELD... | cas TEMPLATE... -- FIELD...",
	.summary = "the tuple space from a shell",
	.rows = rows,
	.opts_bytes = sizeof(struct opts),
	.words_min = 2,
	.words_max = -1,
	.keep_dashes = true,
	.more =
	    "A field is a string, int:5, hex:00ff for bytes, * for any value, str:* for a star.\n"
	    "  out      insert                     rdp, rdall   read the first match, all matches\n"
	    "  inp      read and remove            rd, in       the same, waiting for a match\n"
	    "  cas      insert FIELDs unless TEMPLATE matches; else print the match and exit 1\n"
	    "  replace  remove the tuple with the same first field (or: TEMPLATE... -- FIELD...)\n"
	    "           and insert FIELDs; nothing without a match\n"
	    "Fields are printed with tabs between them. Exit 1: nothing matches; 7: interrupted\n"
	    "while it waited, and nothing was taken.\n",
};
