/* tuple/state.h - what all replicas must agree on: the space, sessions, waiters, configuration
 *
 * Batches are executed one after the other; the same batches give the same state, bit for bit, and
 * the same snapshot. Nothing here knows of views, votes or which replica this is. Pure. */
#ifndef TUPLE_STATE_H
#define TUPLE_STATE_H

#include "core/cluster.h"
#include "tuple/effect.h"
#include "tuple/request.h"
#include "tuple/schema.h"
#include "tuple/space.h"

/* The simulator makes these small, so that a short run meets many checkpoints. */
#ifdef SIM
enum { CHECKPOINT_SLOTS = 16, ACCOUNTS_MAX = 64, SESSIONS_MAX = 128, ROTATE_SLOTS = 200 };
#else
enum {
	CHECKPOINT_SLOTS = 1024, /* MANAGER.md B.3: K */
	ACCOUNTS_MAX = 4096,	 /* keys with a session or a tuple */
	SESSIONS_MAX = 4096,	 /* at 64 a key; ended ones stay for two minutes */
	ROTATE_SLOTS = 10000,	 /* MANAGER.md B.4: no leader stays for ever */
};
#endif

enum {
	SESSIONS_PER_KEY = 64,
	WAITERS_MAX = 256,
	WAITERS_PER_KEY = 4,
	ANSWER_BYTES_MAX = 4 * 1024 * 1024, /* last answers of sessions, templates of waiters */
	OUTCOMES_MAX = BATCH_REQUESTS_MAX + 2 * WAITERS_MAX,
	RECLAIM_MAX = 64,     /* expired tuples reclaimed a batch */
	CHECKPOINT_BYTES = 2 * 1024 * 1024, /* of batches; bounds what must be kept for laggards */
	SESSION_NONE = 0xffff,
};

static const int64_t SECOND_US = 1000000;

/* A key: its roles follow from the member tuples, the counts from what it holds. */
struct account {
	struct fp fp;
	bool used;
	uint8_t roles;
	uint16_t sessions; /* open ones */
	uint16_t waiters;
	uint32_t held;	   /* sessions of any kind and tuples: 0 frees the account */
	uint32_t tuples;
	uint32_t bytes;
};

struct session {
	bool used;
	bool closed;  /* stays, so that a late copy of a request cannot open it again */
	bool waiting; /* the last operation waits for a tuple */
	uint8_t id[SESSION_BYTES];
	uint16_t account, next; /* next in its bucket */
	uint64_t last;		/* number of the last operation */
	int64_t used_us;
	uint8_t request[DIGEST_BYTES];
	uint64_t slot;	 /* of the answer */
	int64_t time_us;
	uint32_t answer; /* block of the encoded result; ARENA_NONE: there is none yet */
};

struct waiter {
	uint16_t session;
	uint8_t op; /* OP_RD or OP_IN */
	int64_t deadline_us;
	uint32_t templ; /* block */
};

/* An answer that the last batch gave: of a session, or a bare code for who has none. */
struct outcome {
	uint16_t session; /* SESSION_NONE: bare */
	bool opened;	  /* the session is new */
	bool blocked;	  /* no answer yet: a waiter was registered */
	struct fp client;
	uint8_t id[SESSION_BYTES];
	uint64_t no;
	uint8_t request[DIGEST_BYTES];
	uint8_t code;
};

struct state {
	uint8_t cluster_id[32];
	struct cluster cluster;
	uint32_t config;
	uint32_t swapped;  /* replica that the last swap changed, and its key before */
	struct fp swapped_fp;
	uint64_t slot; /* last executed */
	uint8_t digest[DIGEST_BYTES]; /* chain digest of it */
	int64_t time_us;
	int64_t sweep_us;   /* when sessions are looked through next */
	uint64_t checkpoint; /* last slot that made one */
	uint32_t bytes;	    /* of batches since */
	bool swapping;	      /* the last batch made a configuration: no other follows in it */
	bool members_changed; /* by the last batch */
	bool directory_changed; /* by the last batch: member, node or device tuples */
	uint32_t outcomes;
	struct outcome outcome[OUTCOMES_MAX];
	uint32_t waiters;
	struct waiter waiter[WAITERS_MAX]; /* in order of registration */
	struct account account[ACCOUNTS_MAX];
	struct session session[SESSIONS_MAX];
	uint16_t bucket[SESSIONS_MAX]; /* by hash of the session's id */
	uint32_t sessions;
	struct arena answers;
	uint32_t table[SESSIONS_MAX + WAITERS_MAX];
	_Alignas(8) uint8_t mem[ANSWER_BYTES_MAX];
	struct space space;
};

void state_init(struct state *st, const struct cluster *cluster);
/* Executes a batch of the next slot whose digest is d. True: this slot makes a checkpoint. What
 * became of the requests stands in `outcome` until the next batch. */
bool state_execute(struct state *st, const struct batch *x, size_t len,
		   const uint8_t d[static DIGEST_BYTES]);
/* Would executing a batch of len bytes next make a checkpoint? (A swap always does, too.) */
bool state_due(const struct state *st, size_t len);
/* Leases or waiters exist, so time must go on. */
bool state_needs_time(const struct state *st);

uint16_t state_session(const struct state *st, const struct fp *client,
		       const uint8_t id[static SESSION_BYTES]);
/* Is that the next request of this session, or of none (SESSION_NONE)? Of one that waits that is
 * the withdrawal under the same number, and of others never. */
bool state_next(const struct state *st, uint16_t session, uint64_t no, bool withdraws);
/* The last answer of a session as a REPLY. False: it has none yet. */
bool state_reply(const struct state *st, uint16_t session, struct reply *r);
uint32_t state_roles(const struct state *st, const struct fp *fp);

/* An outcome whose session is still there; an eviction later in the batch may have ended it. */
bool outcome_lives(const struct state *st, const struct outcome *o);

/* Parts used between the files of the state. */
uint16_t account_open(struct state *st, const struct fp *fp); /* ACCOUNTS_MAX: full */
void account_release(struct state *st, uint16_t account);
uint16_t session_open(struct state *st, const struct fp *fp,
		      const uint8_t id[static SESSION_BYTES]); /* SESSION_NONE: no room */
uint16_t session_open_at(struct state *st, uint16_t at, const struct fp *fp,
			 const uint8_t id[static SESSION_BYTES]);
void session_remove(struct state *st, uint16_t session);
void session_answer(struct state *st, uint16_t session, const struct result *r);
/* A waiter got its answer. */
struct outcome *outcome_note(struct state *st, uint16_t session);
void waiter_remove(struct state *st, uint32_t i);
void tuple_remove(struct state *st, uint32_t entry);
/* t was inserted, or is about to go: does it change who is a member, or the directory? */
void note_change(struct state *st, const struct tuple *t);
/* After member tuples changed: roles anew, and what the evicted held goes. */
void members_apply(struct state *st);
/* One request, its operation decoded and its session open. */
void state_operate(struct state *st, uint16_t session, const struct op *op, struct outcome *o);
/* Answers to waiters that the tuple with this id serves. */
void state_serve(struct state *st, uint64_t id);

#endif
