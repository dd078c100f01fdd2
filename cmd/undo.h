/* cmd/undo.h - forwarding that was switched on for an interface is switched off again: when we
 * stop, or, after a crash, when we start
 *
 * What will be changed stands in the file HOME/undo before it is changed: one line that names the
 * kernel's run and the network namespace, in which alone it means something, then a line for each
 * interface, "INDEX NAME". What was left in another namespace stays there, below ours, for the next
 * start in that one. Only one process at a time works with a file. IPv4 only: to switch IPv6
 * forwarding on makes a host forget the routes that it was advertised. */
#ifndef CMD_UNDO_H
#define CMD_UNDO_H

#include <net/if.h>
#include <stdint.h>

enum {
	UNDO_MAX = 32,		/* interfaces that forwards go by: a host has a handful */
	UNDO_OTHERS_MAX = 2048, /* a namespace with two interfaces takes 80; the oldest go first */
};

struct undo {
	int fd;		/* -1: the file cannot be written, and nothing is switched on */
	char where[80]; /* the first line, undo_where */
	struct undo_entry {
		uint32_t ifindex;
		char iface[IF_NAMESIZE];
	} entry[UNDO_MAX];
	uint32_t n;
	char others[UNDO_OTHERS_MAX]; /* lines of other namespaces */
	uint32_t others_len;
};

/* The first line: the kernel's run and our network namespace. 0 or -errno. */
enum { UNDO_WHERE_MAX = 80 };
int undo_where(char out[static UNDO_WHERE_MAX]);

/* Opens the file, makes it where it is missing, and undoes what a process before us left. 0, or
 * -errno: -EBUSY when another process has it, -EPERM when something could not be undone. */
int undo_open(struct undo *u, const char *path);
/* Forwarding of IPv4 that comes in by this interface, from off to on. 0 or -errno. */
int undo_switch_on(struct undo *u, uint32_t ifindex, const char *iface);
/* Everything off again. 0, or -errno of what failed; that stays in the file. */
int undo_all(struct undo *u);
void undo_close(struct undo *u);

#endif
