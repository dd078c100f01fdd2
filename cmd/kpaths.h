/* cmd/kpaths.h - paths for the kernel's MPTCP: forwards at nodes, and a kernel that uses them
 *
 * For the device's own port and some of its exposed ones, every node is asked for a forward, all at
 * once; when all have agreed, the kernel is bent (cmd/bend) so that MPTCP connections to the device
 * have one subflow through each node: the first from the host's own address, the others from
 * virtual ones. Then connections are watched, and forwards and addresses renewed, until the end.
 * Everything that the kernel sends to those ports goes over the nodes, or is dropped. */
#ifndef CMD_KPATHS_H
#define CMD_KPATHS_H

#include "cmd/bend.h"
#include "cmd/pathset.h"

enum {
	KPATHS_SETS_MAX = 1 + DIR_PORTS_MAX,
	KPATHS_CONNS_MAX = 256, /* that are watched at a time */
};

struct kpaths;

struct kpaths_ops {
	/* All stands: connect with MPTCP, to kpaths_at. */
	void (*stand)(struct kpaths *k);
	/* All is taken back, the nodes were told. code 0: it was wanted. */
	void (*over)(struct kpaths *k, int code, const char *why);
};

struct kpaths {
	const struct kpaths_ops *ops;
	const struct common *c;
	struct bend bend;
	const struct party *party;
	struct loop *loop;
	const char *scheduler; /* NULL: as it is */
	struct device_entry device;
	uint32_t n; /* paths */
	struct kpaths_set { /* one port of the device; the first is its own */
		struct kpaths *k;
		struct pathset ps;
		struct path path[PATHS_MAX];
		uint16_t at[PATHS_MAX]; /* port of the forward at the node; 0: not granted yet */
	} set[KPATHS_SETS_MAX];
	uint32_t sets;
	bool live, stands, ending;
	bool watching; /* set by the owner: tell of connections with fewer paths */
	int code;
	char why[WHY_MAX];
	const char *advice; /* what to do; NULL: nothing in particular */
	mono_t from, stood; /* set-up */
	struct timer tick;
	uint32_t ticks;
	struct kpaths_told { /* packets, and when */
		uint64_t n;
		uint32_t tick;
	} reset, dropped;
	struct watch heard;
	struct nl events;
	struct kpaths_conn {
		uint32_t token, paths; /* bit j: path j has a subflow */
		uint16_t port; /* the device's */
		struct addr local; /* of its first subflow */
		mono_t since;  /* it may have further subflows from then on */
		bool used, told; /* of having fewer paths, unless it had all */
	} conn[KPATHS_CONNS_MAX];
};

/* Takes HOME/mptcp, or reports why that fails and returns the exit code. `scheduler` is one of the
 * kernel's, or NULL. The rest is borrowed. */
int kpaths_open(struct kpaths *k, const struct kpaths_ops *ops, const struct common *c,
		const struct party *party, struct loop *l, const char *scheduler);
/* n paths (node, to, from and dest filled in) to the device's own port and `ports` others. Errors
 * come through over, also from inside this call. */
void kpaths_begin(struct kpaths *k, const struct path *path, uint32_t n,
		  const struct device_entry *device, const uint16_t *port, uint32_t ports);
/* Takes everything back; over follows, perhaps from inside. */
void kpaths_end(struct kpaths *k, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void kpaths_close(struct kpaths *k);

/* Why a connection failed: `why`, or that it was reset here as it was no MPTCP. */
const char *kpaths_why(struct kpaths *k, const char *why);

/* The device's own address and port, or with another port. */
struct addr kpaths_at(const struct kpaths *k, uint16_t port);
/* What this connection is made of, as mptcp_info: 0 when it has a subflow on every path, -EAGAIN
 * when not yet, -ENOPROTOOPT when it never will. order[i] is the subflow of path i. */
int kpaths_look(const struct kpaths *k, int fd, struct mptcp_conn *c,
		uint32_t order[static PATHS_MAX]);

#endif
