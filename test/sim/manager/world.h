/* test/sim/manager/world.h - what the world is made of: machines, users, events */
#ifndef TEST_SIM_MANAGER_WORLD_H
#define TEST_SIM_MANAGER_WORLD_H

#include "tuple/client.h"
#include "tuple/pbft.h"

enum {
	NODES_MAX = 8, /* 3f+1 = 7, and a newcomer */
	USERS_MAX = 6,
	KEYS = NODES_MAX + USERS_MAX + 2,
	LOG_CAP = 8 * 1024 * 1024,
	KEPT_MAX = 64,	    /* messages a liar keeps for replay */
	SLOTS_SEEN = 4096,  /* a run executes fewer */
	VOTES_SEEN = 1 << 17,
};

enum evil { HONEST = 0, EVIL_MIX, EVIL_TWIN, EVIL_SILENT, EVIL_EQUIVOCATE, EVIL_VIEW, EVIL_CENSOR,
	    EVIL_SUSPECT, EVIL_CLOCK, EVIL_MUTE /* to clients only */, EVIL_DRIP,
	    EVIL_FORK };

/* CENSOR: the leader is deaf to user 0. SUSPECT: somebody suspects every leader, for no reason.
 * ARRIVE: all replicas are honest; every user's last f channels come up late. STRAY: all replicas
 * are honest, a user signs requests that are not next in their session. LAG: one of them is cut off
 * in phase 1. DRIP: the leader is as slow as it dares to be. */
enum scene { SCENE_CHAOS = 0, SCENE_CENSOR, SCENE_SUSPECT, SCENE_ARRIVE, SCENE_STRAY, SCENE_LAG,
	     SCENE_DRIP };

/* Proposals come late; and with one request each; or only when somebody asks. */
enum drip { DRIP_LATE, DRIP_ONE, DRIP_CLOCK, DRIPS };

struct rng {
	uint64_t s;
};
uint64_t rnd(struct rng *g);
uint32_t below(struct rng *g, uint32_t n); /* 0..n-1 */
bool chance(struct rng *g, uint32_t per_mille);

struct event {
	int64_t at_us;
	uint64_t order;
	enum { EV_PACKET, EV_TIMER, EV_BOOT, EV_CRASH, EV_SAVED, EV_USER, EV_USER_FORGETS,
	       EV_USER_WITHDRAWS, EV_USER_TIMER, EV_USER_LINK, EV_FAULTS } type;
	uint32_t from, to; /* nodes, or NODES_MAX + user */
	uint64_t tag;	   /* life of a node, serial of a timer, slot */
	size_t len;
	uint8_t *bytes;
};

struct sim_disk {
	uint8_t *log, *snap[2];
	size_t len, synced, dumped; /* of the log; when it was renewed last */
	size_t snap_len[2];
	uint64_t snap_slot[2]; /* [0] is what the log continues, [1] the newer one */
	uint64_t start;	      /* of the log: the slot that it continues, */
	uint32_t config, crc; /* its configuration, and the crc of its last record */
	bool fresh, used;
	const uint8_t *saving; /* what the replica must leave alone until SAVED; NULL: nothing */
};

struct node {
	uint32_t key;
	bool exists, up, spoiled; /* spoiled: its disk was damaged; counts among the faulty */
	enum evil evil;
	uint64_t life;
	void *mem[2];
	struct replica *r[2]; /* [1]: the twin */
	struct sim_disk disk;
	struct cluster file;  /* its cluster file */
	int64_t clock_us;     /* offset of its wall clock */
	uint64_t timer[2];
	uint64_t slot;	      /* last seen executed, and stable, and view */
	uint64_t decided;     /* the open slot, when it was decided and could not be executed */
	uint64_t stable, view;
	uint32_t config;
	uint64_t view_slot;   /* where it stood when it came to its view */
	int64_t lags_us;      /* since when it is far behind, 0: it is not */
	bool active, proof; /* proof: it holds the NEW-VIEW of its view */
	uint8_t forged[300]; /* a liar's batch, see evil.c */
	size_t forged_len;
	uint64_t forged_slot;
};

struct user {
	uint32_t key;
	uint8_t roles; /* that it has, or ought to have */
	char name[8];
	bool evil, running, swapped;
	struct client c;
	uint64_t timer;
	uint32_t up;	     /* channels, a bit each */
	uint32_t left, done; /* operations */
	struct op op;
	uint64_t invoked_slot; /* highest slot answered to anybody when it was called */
	int64_t invoked_us;
	uint32_t sessions;
};

#endif
