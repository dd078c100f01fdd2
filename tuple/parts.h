/* tuple/parts.h - what a replica is made of, beside the state; for tuple/pbft.h alone */
#ifndef TUPLE_PARTS_H
#define TUPLE_PARTS_H

#include "core/mono.h"
#include "tuple/msg.h"
#include "tuple/snap.h"
#include "tuple/wal.h"

enum {
	WINDOW = 2 * CHECKPOINT_SLOTS, /* slots above h: one checkpoint may be unstable */
	OLD_MAX = 63, /* digests of the open slot kept in Q beside the newest; each holds a batch */
	BODIES_MAX = WINDOW + 4 * OLD_MAX,
	BODY_BYTES = 2 * CHECKPOINT_BYTES + (OLD_MAX + 8) * (BATCH_BYTES_MAX + 16) + WINDOW * 16,
	PENDING_MAX = 512,	    /* 8 keys with 64 sessions each, or 64 with 8 */
	PENDING_PER_KEY = 64,
	PENDING_BYTES = 1024 * 1024,
	DISTRUST_MAX = 64,	    /* keys told to sign */
	CHECKS_MAX = PENDING_MAX,   /* keys whose signatures are counted */
	HEARD_BYTES = BATCH_REQUESTS_MAX / 8,
	EARLY_MAX = 16,		    /* votes per replica that came before their proposal */
	STASH_MAX = EARLY_MAX - 2,  /* proposals that came too early */
	CLAIM_MAX = 64,		    /* slots a laggard asks for at once */
	REPLY_ROOM = OUTCOMES_MAX * REPLY_FRAME_MAX,
	OUT_BYTES = REPLY_ROOM + 12 * REPLICA_FRAME_MAX,
#ifdef SIM
	LOG_SWITCH_BYTES = 256 * 1024, /* so that a short run comes to it */
#else
	LOG_SWITCH_BYTES = WAL_BYTES_MAX / 2,
#endif
	NONE16 = 0xffff,

	REQUEST_MS = 2000,	    /* MANAGER.md B.3 */
	REQUEST_MS_MAX = 60000,
	STATUS_MS = 500,
	STATUS_GAP_MS = 20,	    /* between two answers to one peer */
	ASK_GAP_MS = 25,	    /* between two questions: longer, or they stay unanswered */
	HEARTBEAT_MS = 1000,
	HEARD_MS = 50, /* of a batch that waits for requests; its view ends at REQUEST_MS / 4 */
	PRECISION_US = 500000,	    /* MANAGER.md B.6 */
	MSGDELAY_US = 5000000,
	CLOCK_MS = 1000,	    /* between two STATUS, which carries the clock */
	FETCH_MS = 200,		    /* before another replica is asked */
};

struct body {
	uint8_t d[DIGEST_BYTES];
	uint32_t block; /* ARENA_NONE: this entry is free */
	uint16_t next;
	bool logged;
};

/* One slot above h. `d` is what the current view proposes; q and p are promises, in the log. */
struct slot {
	bool proposed, accepted; /* in the current view; accepted: our vote is out */
	bool prepared, vouched;	 /* prepared: our COMMIT is out; vouched: chosen by a NEW-VIEW */
	bool decided, executed;
	bool has_q, has_p;
	uint64_t q_view, p_view;
	uint8_t d[DIGEST_BYTES], q_d[DIGEST_BYTES], p_d[DIGEST_BYTES], decided_d[DIGEST_BYTES];
	uint16_t prepares, commits; /* replicas that voted for d in the current view */
	uint16_t bodies;
	mono_t since;	 /* when the proposal came */
	int64_t wall_us; /* the same by the clock of the wall */
};

/* A Q entry of a slot beside its newest. */
struct old_q {
	uint64_t slot, view; /* slot 0: free */
	uint8_t d[DIGEST_BYTES];
};

struct early {
	uint64_t view, slot; /* slot 0: free */
	bool prepare, commit;
	uint8_t d[DIGEST_BYTES];
};

struct peer {
	uint64_t view, slot, stable; /* as it last told */
	bool active;
	uint64_t suspects; /* view + 1 */
	bool clocked;	  /* it told its time in this round; */
	int64_t clock_us; /* so far it is ahead of ours */
	mono_t answered;
	struct early early[EARLY_MAX];
	uint32_t early_next;
	uint64_t heard_view, heard_slot; /* of the batch of which it heard these */
	uint8_t heard_d[DIGEST_BYTES], heard[HEARD_BYTES];
	struct checkpoint ck[2]; /* the last two it signed */
	struct cert_sig ck_sig[2];
	uint64_t claim_first;
	uint32_t claims;
	uint8_t claim[CLAIM_MAX][DIGEST_BYTES];
};

struct pending {
	bool used, is_signed, stray; /* stray: not next in its session */
	bool asked;		     /* to be signed; or it was forwarded */
	uint64_t chan;
	struct fp client;
	uint8_t session[SESSION_BYTES];
	uint64_t no;
	bool withdraws; /* the wait of this number */
	uint32_t block; /* the request as in a batch */
	mono_t since;	/* its timer */
	uint16_t prev, next;
};

/* A signed VIEW-CHANGE as it came. */
struct vc {
	uint64_t view; /* 0: none (no VIEW-CHANGE is for view 0) */
	uint8_t digest[DIGEST_BYTES];
	bool checked; /* signature and certificate are sound */
	size_t len;
	uint8_t bytes[REPLICA_FRAME_MAX];
};

struct chosen {
	uint64_t base;	/* H */
	uint32_t count;	/* slots above it */
	uint8_t d[WINDOW][DIGEST_BYTES];
};

/* A NEW-VIEW as it came, and the VIEW-CHANGEs that it names. */
struct newview {
	uint64_t view; /* 0: none */
	size_t len;
	uint8_t bytes[MSG_HEAD_BYTES + 1 + REPLICAS_MAX * (1 + DIGEST_BYTES) + DIGEST_BYTES +
		      PUB_BYTES + 2 + SIG_BYTES_MAX];
	struct vc vc[REPLICAS_MAX];
};

/* A snapshot in memory: the state at a checkpoint. */
struct image {
	struct checkpoint c; /* slot 0: none */
	bool saved, waiting; /* waiting: SAVE is out */
	size_t len, manifest_len;
	uint8_t manifest[MANIFEST_BYTES_MAX];
	uint8_t bytes[SNAP_BYTES_MAX];
};

/* PRE-PREPAREs of `view` for slots `first` and after, one behind the other. */
struct stash {
	uint64_t view, first;
	uint32_t count;
	size_t used, len[STASH_MAX];
	uint8_t bytes[BATCH_BYTES_MAX];
};

struct transfer {
	bool active, have_manifest;
	struct cert cert; /* what is being fetched */
	struct cert got;  /* what was fetched and is being saved */
	uint32_t chunk, chunks, asked; /* next chunk, number of them, replica asked last */
	mono_t since;
};

#endif
