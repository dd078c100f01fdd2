/* cmd/register.h - a node or device in the directory: writes its tuple, renews the lease, withdraws
 *
 * Runs on the role's loop and quorum, whose standing it listens to. Who is not admitted is told the
 * exact command that an admin has to run, and tries again every 5 s (ARCHITECTURE section 4). */
#ifndef CMD_REGISTER_H
#define CMD_REGISTER_H

#include "cmd/quorum.h"
#include "core/opt.h"
#include "tuple/schema.h"

enum {
	REGISTER_TTL_MS = 30000,   /* how long a party that died stays listed */
	REGISTER_RENEW_MS = REGISTER_TTL_MS / 3,
	REGISTER_RETRY_MS = 5000,
	REGISTER_WITHDRAW_MS = 2000, /* a stop does not wait longer for the manager */
};

struct register_config {
	enum role role; /* ROLE_NODE or ROLE_DEVICE */
	const char *name;
	/* Of A[:P], words of argv. None: where we listen, if that is one address that others can
	 * reach, else where f+1 replicas see us. */
	struct opt_list advertise;
	struct addr at; /* where we listen; its port is for what is advertised without one */
	/* Registered for the first time: addresses as they were published. */
	void (*ready)(void *owner, const struct addr *addr, uint32_t addrs);
	void *owner;
	bool told; /* that it is ready, by a registration before this one */
};

struct registration;

/* Checks name and addresses; allocates. `p` and `q` are borrowed. Nothing is written before
 * register_node or register_device. 0, or the exit code of the error that was reported. */
int register_open(struct registration **r, const struct party *p, struct quorum *q,
		  const struct register_config *cfg);

/* What to publish, now and whenever it changes. Name, fp, pub, addresses and version are filled in
 * here. */
void register_node(struct registration *r, const struct node_tuple *n);
void register_device(struct registration *r, const struct device_tuple *d);

/* Remove the tuple, then call `done` from the loop, within REGISTER_WITHDRAW_MS in any case. */
void register_withdraw(struct registration *r, void (*done)(void *owner));
void register_close(struct registration *r);

#endif
