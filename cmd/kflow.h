/* cmd/kflow.h - transport mptcp: a session whose one flow is an MPTCP connection over cmd/kpaths
 *
 * The handshake is what makes the kernel open the other subflows; nothing of the contents moves
 * before all of them stand. Which subflow carries what is the kernel's choice from then on. */
#ifndef CMD_KFLOW_H
#define CMD_KFLOW_H

#include "cmd/kpaths.h"

struct kflow {
	struct kpaths k;
	struct pathset *ps; /* the session; NULL: another transport */
	const struct session_setup *setup;
	struct path one; /* its path */
	struct timer look;
	mono_t until;
	bool whole; /* every path has its subflow */
	struct mptcp_conn conn;
	uint32_t order[PATHS_MAX];
	char scheduler[MPTCP_NAMES_MAX];
};

/* Before the paths are chosen; scheduler is one of the kernel's, or NULL. 0, or the exit code of
 * the error that was reported. */
int kflow_open(struct kflow *f, const struct common *c, const struct party *party, struct loop *l,
	       const char *scheduler);
/* In place of pathset_connect; `in` is for the flow. Errors come through ps->ops->over. */
void kflow_begin(struct kflow *f, struct pathset *ps, const struct session_setup *setup,
		 uint8_t *in, const struct path *path, uint32_t n, const struct device_entry *dev);
/* Whether contents may move; true with another transport. pathset_kick when it becomes so. */
bool kflow_may_send(const struct kflow *f);
/* What each path has carried by now is in conn and order. */
void kflow_count(struct kflow *f);
/* After the session: true when paths are taken back, and the loop is stopped after that. */
bool kflow_end(struct kflow *f, int code, const char *why);
void kflow_close(struct kflow *f);

#endif
