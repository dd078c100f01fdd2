/* cmd/cmd.h - what a command is, and what every command shares */
#ifndef CMD_CMD_H
#define CMD_CMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/opt.h"

/* ARCHITECTURE section 3. */
enum exit_code {
	EXIT_OK = 0,
	EXIT_FAILED = 1,      /* file, disk, other; or "no match" */
	EXIT_USAGE = 2,       /* usage or configuration */
	EXIT_UNREACHABLE = 3, /* peer unreachable or too few paths */
	EXIT_DENIED = 4,      /* not authenticated or not allowed */
	EXIT_EXPOSURE = 5,
	EXIT_INTEGRITY = 6,
	EXIT_INTERRUPTED = 7, /* can be resumed */
	EXIT_QUOTA = 8,
	EXIT_QUORUM = 9,
};

/* Options of every command. */
struct common {
	const char *home; /* -C as given; NULL: see home_dir() */
	uint32_t verbose;
	bool quiet;
	bool json;
	bool help;
	bool mute; /* errors go to the log: something else is tried after them */
};

enum { CMD_OPTS_MAX = 4096 }; /* room for the largest options struct */

struct cmd {
	const char *name;
	/* argv holds the words after the options; opts is the struct that `rows` fill. Returns the
	 * exit code. */
	int (*main)(const struct common *c, const void *opts, int argc, char **argv);
	const char *args;    /* the usage line after the name */
	const char *summary; /* one line */
	const struct opt *rows;
	size_t opts_bytes;
	int words_min, words_max; /* -1: any number */
	bool keep_dashes;         /* "--" is a word of its own */
	const char *more;         /* further help text, or NULL */
};

/* Runs a whole command line, argv[0] being the program's name, and returns its exit code. main is
 * nothing else; `dev` runs the lines of its children with it. */
int cmd_line(int argc, char **argv);

/* One per command, each in its own file; the table is in main.c. */
extern const struct cmd cmd_admit;
extern const struct cmd cmd_asn;
extern const struct cmd cmd_key;
extern const struct cmd cmd_cluster;
extern const struct cmd cmd_dev;
extern const struct cmd cmd_down;
extern const struct cmd cmd_evict;
extern const struct cmd cmd_manager;
extern const struct cmd cmd_members;
extern const struct cmd cmd_status;
extern const struct cmd cmd_paths;
extern const struct cmd cmd_node;
extern const struct cmd cmd_ping;
extern const struct cmd cmd_send;
extern const struct cmd cmd_server;
extern const struct cmd cmd_trace;
extern const struct cmd cmd_tuple;
extern const struct cmd cmd_up;

#endif
