/* tuple/replica.h - one replica of the manager: events in, effects out (MANAGER.md B.3 to B.8)
 *
 * The driver (role `manager`, or the simulator) owns sockets, clock and disk. It starts a replica:
 *
 *	r = replica_init(mem, &setup);               mem: replica_bytes() of zeroed memory
 *	replica_load(r, snapshot, len);              the one that WAL_START names, if not 0
 *	while (wal_next(...) == WAL_RECORD)          tuple/wal.h, in the order of the log
 *		replica_replay(r, &record);
 *	replica_start(r, now, wall, &out);           run these effects, then events as they come
 *
 * and afterwards calls replica_step for every event and runs the effects: tuple/effect.h.
 *
 * Replica-to-replica channels are mutually authenticated and keep their order; a client channel's
 * fingerprint is that of its handshake. Pure: no descriptor, clock, malloc, log, random. */
#ifndef TUPLE_REPLICA_H
#define TUPLE_REPLICA_H

#include "core/cluster.h"
#include "core/mono.h"
#include "tuple/effect.h"
#include "tuple/schema.h"
#include "tuple/signer.h"
#include "tuple/wal.h"

struct replica_setup {
	struct cluster cluster; /* as in HOME/cluster */
	struct signer signer;	/* the key of this replica */
	/* Only observe, never vote: the log is lost or in doubt, so that this key may have voted
	 * and nobody knows what (MANAGER.md B.5). */
	bool observer;
	/* This key has never voted: a newcomer votes once it holds a state that names it. */
	bool fresh;
};

struct replica;

size_t replica_bytes(void);
struct replica *replica_init(void *mem, const struct replica_setup *setup);
/* Take a snapshot from the local disk; false when it is damaged or of another cluster. */
bool replica_load(struct replica *r, const uint8_t *p, size_t len);
/* Take one record of the log; false when it does not fit those before: the log is in doubt, and the
 * caller must start over (new replica_init, replica_load) as an observer. */
bool replica_replay(struct replica *r, const struct wal_record *rec);
void replica_start(struct replica *r, mono_t now, int64_t wall_us, struct replica_effects *out);
enum replica_verdict replica_step(struct replica *r, const struct replica_event *ev,
				  struct replica_effects *out);
/* The records of a new log, one a call, *cursor 0 at first; NULL after the last. */
const uint8_t *replica_dump(struct replica *r, uint64_t *cursor, size_t *len);

struct replica_status {
	uint32_t config, self, leader;
	uint64_t view;
	bool active;   /* false: a view change is under way */
	bool observer;
	uint64_t slot; /* last executed */
	uint64_t stable;
	int64_t time_us; /* agreed time of that slot */
	uint32_t tuples, sessions, waiters, pending;
	uint64_t peer_slot[REPLICAS_MAX]; /* as they last told; 0 unknown */
	uint64_t verdicts[REPLICA_VERDICTS];
};

void replica_status(const struct replica *r, struct replica_status *s);
/* Roles of a key now, bits of enum role, admins of the cluster file included: 0 is a stranger. */
uint32_t replica_roles(const struct replica *r, const struct fp *fp);
/* Of the configuration in force (not the next one while it ends), and its number. */
const struct cluster *replica_members(const struct replica *r, uint32_t *config);

#endif
