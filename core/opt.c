/* core/opt.c - option rows: one table is the parser and the help text at once */
#include "core/opt.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	HELP_LEFT = 33,	   /* before what an option means */
	HELP_COLUMNS = 80, /* of a terminal */
};

struct parse {
	const struct opt_table *tables;
	size_t n_tables;
	char *err;
	size_t err_bytes;
};

static bool row_end(const struct opt *o)
{
	return !o->letter && !o->name;
}

static const struct opt *find(const struct parse *p, char letter, const char *name, size_t len,
			      void **into)
{
	for (size_t t = 0; t < p->n_tables; t++)
		for (const struct opt *o = p->tables[t].rows; o && !row_end(o); o++) {
			bool hit = letter ? o->letter == letter
					  : o->name && strlen(o->name) == len &&
						    !strncmp(o->name, name, len);

			*into = (char *)p->tables[t].into + o->off;
			if (hit)
				return o;
		}
	return NULL;
}

static bool takes_value(const struct opt *o)
{
	return o->type != OPT_FLAG && o->type != OPT_COUNT;
}

static bool fail(const struct parse *p, const struct opt *o, const char *why, const char *val)
{
	char name[40];

	if (o->name)
		snprintf(name, sizeof name, "--%s", o->name);
	else
		snprintf(name, sizeof name, "-%c", o->letter);
	snprintf(p->err, p->err_bytes, "option %s %s%s%s", name, why, val ? ": " : "",
		 val ? val : "");
	return false;
}

static bool list_add(struct opt_list *l, const char *v)
{
	if (l->n >= OPT_LIST_MAX)
		return false;
	l->v[l->n++] = v;
	return true;
}

static bool set_u32(const struct parse *p, const struct opt *o, uint32_t *into, const char *val)
{
	char why[80];
	char *end;
	unsigned long v = strtoul(val, &end, 10);

	if (*val < '0' || *val > '9' || *end || v < o->min || v > o->max) {
		snprintf(why, sizeof why, "takes a whole number from %u to %u, not", o->min,
			 o->max);
		return fail(p, o, why, val);
	}
	*into = (uint32_t)v;
	return true;
}

static bool set_choice(const struct parse *p, const struct opt *o, uint32_t *into, const char *val)
{
	char why[120];
	uint32_t i = 1;

	for (const char *w = o->arg; w; w = strchr(w, '|'), w = w ? w + 1 : NULL, i++) {
		size_t len = strcspn(w, "|");

		if (strlen(val) == len && !strncmp(w, val, len)) {
			*into = i;
			return true;
		}
	}
	snprintf(why, sizeof why, "takes %s, not", o->arg);
	return fail(p, o, why, val);
}

static bool set_commas(const struct parse *p, const struct opt *o, struct opt_list *l, char *val)
{
	for (char *next; val; val = next) {
		next = strchr(val, ',');
		if (next)
			*next++ = 0;
		if (*val && !list_add(l, val))
			return fail(p, o, "has too many values", NULL);
	}
	return true;
}

static bool set(const struct parse *p, const struct opt *o, void *into, char *val)
{
	switch (o->type) {
	case OPT_FLAG:
		*(bool *)into = true;
		return true;
	case OPT_COUNT:
		++*(uint32_t *)into;
		return true;
	case OPT_STR:
		*(const char **)into = val;
		return true;
	case OPT_U32:
		return set_u32(p, o, into, val);
	case OPT_LIST:
		return list_add(into, val) || fail(p, o, "is given too often", NULL);
	case OPT_COMMAS:
		return set_commas(p, o, into, val);
	case OPT_CHOICE:
		return set_choice(p, o, into, val);
	}
	return false;
}

/* One word that begins with "--". Returns words used, or -1. */
static int parse_long(const struct parse *p, int left, char **argv)
{
	char *eq = strchr(argv[0], '=');
	size_t len = eq ? (size_t)(eq - argv[0] - 2) : strlen(argv[0]) - 2;
	const struct opt *o;
	void *into;

	o = find(p, 0, argv[0] + 2, len, &into);
	if (!o) {
		snprintf(p->err, p->err_bytes, "unknown option %s", argv[0]);
		return -1;
	}
	if (!takes_value(o) && eq)
		return fail(p, o, "takes no value", NULL) - 1;
	if (!takes_value(o))
		return set(p, o, into, NULL) ? 1 : -1;
	if (!eq && left < 2)
		return fail(p, o, "needs a value", NULL) - 1;
	return !set(p, o, into, eq ? eq + 1 : argv[1]) ? -1 : eq ? 1 : 2;
}

/* One word of letters: -vq, -n4, -n 4. Returns words used, or -1. */
static int parse_short(const struct parse *p, int left, char **argv)
{
	for (char *c = argv[0] + 1; *c; c++) {
		void *into;
		const struct opt *o = find(p, *c, NULL, 0, &into);

		if (!o) {
			snprintf(p->err, p->err_bytes, "unknown option -%c", *c);
			return -1;
		}
		if (!takes_value(o)) {
			if (!set(p, o, into, NULL))
				return -1;
			continue;
		}
		if (!c[1] && left < 2)
			return fail(p, o, "needs a value", NULL) - 1;
		return !set(p, o, into, c[1] ? c + 1 : argv[1]) ? -1 : c[1] ? 1 : 2;
	}
	return 1;
}

int opt_parse(const struct opt_table *tables, size_t n_tables, struct opt_mode mode, int argc,
	      char **argv, struct opt_args *args, char *err, size_t err_bytes)
{
	struct parse p = { tables, n_tables, err, err_bytes };
	int i = 0;

	while (i < argc) {
		char *w = argv[i];
		int used;

		if (w[0] != '-' || !w[1]) { /* "-" alone is a word: stdin */
			if (mode.stop_early)
				return i;
			args->v[args->n++] = w;
			i++;
			continue;
		}
		if (!strcmp(w, "--"))
			break;
		used = w[1] == '-' ? parse_long(&p, argc - i, argv + i)
				   : parse_short(&p, argc - i, argv + i);
		if (used < 0)
			return -1;
		i += used;
	}
	if (i < argc && mode.stop_early)
		return i;
	if (i < argc) {
		args->given = true;
		i += !mode.keep_dashes;
	}
	while (i < argc)
		args->v[args->n++] = argv[i++];
	return i;
}

static size_t add(char *out, size_t bytes, size_t at, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static size_t add(char *out, size_t bytes, size_t at, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(at < bytes ? out + at : NULL, at < bytes ? bytes - at : 0, fmt, ap);
	va_end(ap);
	return at + (n > 0 ? (size_t)n : 0);
}

/* How much of text goes on a line: whole words, one at least. */
static int line_of(const char *text)
{
	size_t n = strlen(text), end = HELP_COLUMNS - HELP_LEFT;

	if (n <= end)
		return (int)n;
	while (end && text[end] != ' ')
		end--;
	return (int)(end ? end : strcspn(text, " "));
}

int opt_help(const struct opt *rows, char *out, size_t bytes)
{
	size_t at = 0;

	for (const struct opt *o = rows; o && !row_end(o); o++) {
		char left[64];
		char letter[4] = { '-', o->letter, o->name ? ',' : 0, 0 };
		const char *text = o->help;

		snprintf(left, sizeof left, "%s%s%s%s%s", o->letter ? letter : "   ",
			 o->name ? " --" : "", o->name ? o->name : "", takes_value(o) ? " " : "",
			 takes_value(o) ? o->arg : "");
		at = add(out, bytes, at, "  %-*s", HELP_LEFT - 2, left);
		if (strlen(left) > HELP_LEFT - 3)
			at = add(out, bytes, at, "\n%*s", HELP_LEFT, "");
		for (int n; (n = line_of(text)) < (int)strlen(text); text += n + 1)
			at = add(out, bytes, at, "%.*s\n%*s", n, text, HELP_LEFT, "");
		at = add(out, bytes, at, "%s\n", text);
	}
	return (int)at;
}
