/* cmd/station.h - what a node and a device have in common: they listen, and stand in the directory
 *
 * A station has a key, a loop, a listener behind the limit on strangers (core/knock), a fresh view
 * of the directory, its own tuple there, and traces to its peers. SIGHUP reads the cluster file
 * again, SIGTERM and SIGINT withdraw and stop; a second one stops at once. */
#ifndef CMD_STATION_H
#define CMD_STATION_H

#include "cmd/directory.h"
#include "cmd/door.h"
#include "cmd/register.h"
#include "cmd/tracer.h"
#include "core/knock.h"

struct station;

/* The role's half; called from the loop. */
struct station_ops {
	enum role role;
	uint16_t port; /* where it listens unless told otherwise */
	bool mptcp; /* connections may be of MPTCP, where the kernel has it */
	/* A connection that was let in; fd is taken. */
	void (*arrival)(struct station *st, int fd, const struct addr *peer);
	/* The directory was read and something changed, or we were evicted. */
	void (*members_changed)(struct station *st);
	/* register_node or register_device. 0, or the exit code of the error that was reported. */
	int (*publish)(struct station *st);
	/* Registered, and the directory was read, for the first time: others can be served.
	 * `at` is the first address. */
	void (*ready)(struct station *st, const char *at);
	/* Before the withdrawal; may be NULL. */
	void (*stopping)(struct station *st);
};

/* Embedded by the role. */
struct station {
	const struct station_ops *ops;
	const struct common *c;
	const char *name;
	struct opt_list advertise;
	struct party party;
	struct loop loop;
	struct quorum *q;
	struct directory *d;
	struct registration *reg;
	struct tracer *tracer; /* NULL: no memory, and nobody hears of our traces */
	struct door door;
	struct addr at; /* where it listens */
	struct knock knock;
	int cluster_fd; /* kept for SIGHUP, when HOME may not be read any more */
	char seen_at[ADDR_STR_MAX]; /* the first address that is registered */
	bool listed, informed, ready, stopped;
	bool evicted; /* the replicas do not know our key any more: nobody is served */
};

/* Loads key and cluster file; the rest is borrowed. Like the others: 0, or the exit code of the
 * error that was reported. */
int station_init(struct station *st, const struct station_ops *ops, const struct common *c,
		 const char *name, const struct opt_list *advertise);
/* The loop, its signals and the listener; `listen` is ADDR:PORT or NULL. */
int station_listen(struct station *st, const char *listen);
/* Begins to read the directory and to register. Then loop_run. */
int station_join(struct station *st);
/* Leaves the directory alone, and wipes the key. */
void station_fini(struct station *st);

#endif
