/* cmd/child.h - command lines of machete run in children: fork, no exec */
#ifndef CMD_CHILD_H
#define CMD_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { CHILD_WORDS_MAX = 32, CHILD_LINE_MAX = 512 };

struct child {
	pid_t pid;
	int out; /* its stdout, or -1 */
};

/* Runs the words (ended by NULL, argv[0] among them) in a child whose stdout we read and whose
 * command line shows them. It gets SIGTERM when we die. 0 or -errno. */
int child_start(struct child *c, char *const words[]);

/* Reads one line of its stdout, without the newline, within ms milliseconds. False: it ended, or
 * said nothing in time. */
bool child_line(const struct child *c, char line[static CHILD_LINE_MAX], int ms);

/* Waits for its end; its exit code, or 128 + the signal that killed it. */
int child_wait(struct child *c);

#endif
