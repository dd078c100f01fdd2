/* cmd/bend.h - what a client changes in its kernel so that MPTCP goes over nodes, and back again
 *
 * Virtual addresses 198.18.B.1 to .N-1 on lo (their life is BEND_LIFE_S, and renewed), an MPTCP
 * endpoint for each, limits that let every connection have N-1 more subflows and none to addresses
 * that the device announces, and the table of net/nft_paths. What was before stands in HOME/mptcp
 * before anything is changed: whoever opens the file next, after a crash, takes it all back. Only
 * one process at a time has the file, and so one set-up a host. */
#ifndef CMD_BEND_H
#define CMD_BEND_H

#include <stdbool.h>
#include <sys/types.h>

#include "cmd/cmd.h"
#include "core/session.h"
#include "net/mptcp.h"
#include "net/mptcp_pm.h"

enum {
	BEND_LIFE_S = 180, /* after a crash the addresses last no longer */
	BEND_HOST_MAX = 64,
};

struct bend {
	bool opened; /* all zero is closed */
	int fd;
	char where[80];
	struct nl nft, route;
	struct mptcp_pm pm;
	bool on; /* the rest says what was changed */
	struct mptcp_limits limits; /* that were before */
	char scheduler[MPTCP_NAMES_MAX]; /* that was before; "-": it was not changed */
	char host[BEND_HOST_MAX];
	uint32_t block, n; /* of 198.18.block.0; virtual addresses */
	struct addr local[PATHS_MAX]; /* [0] is not used: the host's own */
};

/* Opens the file and takes back what a process before us left, except that what it closed stays
 * closed until bend_begin or bend_undo. 0 or -errno: -EBUSY, another has paths up; -ENOPROTOOPT, no
 * MPTCP here; -ENOENT, no path manager; -EPERM. All is closed then. */
int bend_open(struct bend *b, const char *path);
/* What such an error means, and what to do. */
const char *bend_why(int err);
const char *bend_advice(int err);

/* For n paths to host: everything but the endpoints, without which nothing uses it yet. What goes
 * to the addresses and ports `closed` (NFT_PATHS_CLOSED_MAX at most) goes over nodes, or not at
 * all, from then on. `scheduler` may be NULL. 0, -ENOSPC when the kernel has not enough room for
 * endpoints, or -errno; what was done by then is taken back by bend_undo. */
struct bend_want {
	const char *host, *scheduler;
	uint32_t n;
	const struct addr *closed;
	uint32_t closed_n;
};
int bend_begin(struct bend *b, const struct bend_want *w);
/* From now on every MPTCP connection opens n subflows. 0 or -errno. */
int bend_go(struct bend *b);
/* Limits that others have set meanwhile are put back at the end, and ours hold on. 0 or -errno. */
int bend_keep(struct bend *b);
/* Gives the virtual addresses their life anew. 0 or -errno. */
int bend_renew(struct bend *b);
/* A device, in place of all that: connections may have as many subflows as the kernel takes, not
 * just the three of its default, where it is `wanted` and allowed. Opens b then. */
void bend_accept(struct bend *b, const struct common *c, bool wanted);
/* Everything as it was. 0, or -errno of what failed first; that stays in the file. */
int bend_undo(struct bend *b);
/* Closes the file; what is changed stays so. And both, the latter harmless on what is closed. */
void bend_close(struct bend *b);
void bend_end(struct bend *b);

/* Who has paths up by this file: the process and the host; 0 when nobody has, -errno. */
pid_t bend_holder(const char *path, char host[static BEND_HOST_MAX]);

#endif
