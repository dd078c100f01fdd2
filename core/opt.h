/* core/opt.h - option rows: one table is the parser and the help text at once */
#ifndef CORE_OPT_H
#define CORE_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OPT_LIST_MAX = 64 }; /* a repeatable option's values; more is a usage error */

struct opt_list {
	const char *v[OPT_LIST_MAX];
	uint32_t n;
};

enum opt_type {
	OPT_FLAG,   /* bool: set */
	OPT_COUNT,  /* uint32_t: one more each time */
	OPT_STR,    /* const char *: borrowed from argv */
	OPT_U32,    /* uint32_t within min..max */
	OPT_LIST,   /* struct opt_list: may be repeated */
	OPT_COMMAS, /* struct opt_list: one argument, cut in place at commas; may be repeated */
	OPT_CHOICE, /* uint32_t: 1 + the index of the word in `arg`, words split by '|' */
};

struct opt {
	enum opt_type type;
	char letter;	  /* 0: none */
	const char *name; /* without the dashes; NULL: none */
	const char *arg;  /* what the argument is called in help; for OPT_CHOICE its words */
	const char *help; /* one line, with the default */
	size_t off;	  /* of the field in the options struct */
	uint32_t min, max; /* OPT_U32 */
};

/* Where the parser puts what is no option, in order. */
struct opt_args {
	char **v; /* room for argc pointers */
	int n;
	bool given; /* whether "--" was met */
};

/* Parses argv[0..argc) against rows (ended by a row without letter and name): several tables, each
 * with the struct its offsets point into. Stops at the first word that is no option when
 * `stop_early`; else words are collected in args and "--" makes the rest words. With `keep_dashes`
 * the first "--" is itself kept as a word. Returns the number of argv entries used, or -1 with one
 * line in err. Values point into argv. */
struct opt_table {
	const struct opt *rows;
	void *into;
};
struct opt_mode {
	bool stop_early;
	bool keep_dashes;
};
int opt_parse(const struct opt_table *tables, size_t n_tables, struct opt_mode mode, int argc,
	      char **argv, struct opt_args *args, char *err, size_t err_bytes);

/* Writes one help line a row to out; returns the bytes that it would take, like snprintf. */
int opt_help(const struct opt *rows, char *out, size_t bytes);

#endif
