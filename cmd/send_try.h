/* cmd/send_try.h - one `send`, for the files of cmd/send alone */
#ifndef CMD_SEND_TRY_H
#define CMD_SEND_TRY_H

#include "cmd/choose.h"
#include "cmd/kflow.h"
#include "cmd/oneshot.h"
#include "cmd/progress.h"
#include "cmd/receipt.h"

struct send_opts {
	struct survey_options choose;
	uint32_t transport, turn, max_share;
	const char *scheduler;
	bool dry_run;
};

struct send {
	const struct common *c;
	const struct send_opts *o;
	struct oneshot one;
	struct directory *d;
	struct source source;
	struct session_setup setup;
	struct path path[PATHS_MAX];
	uint32_t n;
	struct choice choice;
	bool again; /* paths that should work did not: look anew */
	struct shun shun;
	struct pathset ps;
	struct kflow kernel; /* --transport mptcp */
	struct watch in; /* stdin, when it has nothing now */
	struct progress progress;
	char **final_name;
	struct timer wait;
	bool interrupted, stored;
	bool deaf;	/* to SIGHUP: nohup */
	bool cached;	/* the directory is one of age_s seconds ago */
	int64_t age_s;
	int refresh;	/* how the last refresh of it ended: 0, or an exit code */
	bool confirmed; /* the directory is the manager's of now, as far as it can be had */
	bool cleared;	/* ... and the paths' nodes stand in it: data may go */
	bool unplanned; /* no paths were found */
	bool gone;	/* a node of the paths was evicted, or stopped, or we were */
	bool hung; /* the attempt before was: with other nodes that is the device's fault */
	int code; /* of the session */
	char why[WHY_MAX];
	mono_t data_from, data_done;
	struct receipt receipt;
};

/* Of the session that is to begin: who is told. */
extern const struct pathset_ops send_ops;

/* The session, from the best directory there is, and once more while that may help. 0, and s->code
 * and s->why say how it ended; or the exit code of an error that was reported. */
int send_try(struct send *s, const char *host);
/* The manager told of the directory, or could not, and all paths stand: data may go, unless a node
 * of ours was evicted, or we were, or he was silent and the directory is of another day. */
void send_confirm(struct send *s);

#endif
