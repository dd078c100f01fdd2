/* tuple/pbft.h - the inside of a replica, shared by the files that make it up
 *
 *	replica.c  events in, effects out, timers      normal.c  propose, vote, decide
 *	intake.c   what clients ask                    execute.c run batches, answer
 *	newview.c  NEW-VIEW: make and check            ckpt.c    checkpoints
 *	slots.c    batches and votes by slot           sync.c    ask for and give what is missing
 *	log.c      the log: write, replay, renew       fetch.c   snapshots from others
 *	view.c     suspicion and VIEW-CHANGE           choose.c  what a NEW-VIEW must carry over
 *	heard.c    who heard which requests      clock.c   compare clocks
 *
 * Nothing else includes this. */
#ifndef TUPLE_PBFT_H
#define TUPLE_PBFT_H

#include "tuple/parts.h"
#include "tuple/replica.h"

/* How many signatures of a key were checked lately (GCRA, as in core/knock.h). */
struct checks {
	struct fp client;
	mono_t full; /* when all of its burst is there again */
};

struct distrust {
	struct fp client;
	mono_t until; /* 0: free */
	int64_t ms;
};

/* A P and a Q entry as they travel. */
struct pq {
	uint64_t slot;
	bool q, p;
	uint64_t q_view, p_view;
	uint8_t q_d[DIGEST_BYTES], p_d[DIGEST_BYTES];
};

struct replica {
	struct replica_setup setup;
	struct cluster members; /* of the configuration in force; state.cluster may be the next */
	uint8_t cluster_id[32];
	uint32_t config, self, n, f;
	bool observer, fresh, removed;
	mono_t now;
	int64_t wall_us;
	struct replica_effects *out;
	size_t out_len;

	uint64_t view;
	bool active;   /* false: VIEW-CHANGE for `view` is out, NEW-VIEW not in yet */
	bool suspecting; /* SUSPECT{view} is out */
	bool rotates;	 /* and it was this leader's time to go: nobody is to blame */
	uint64_t chosen_top; /* slots up to here come from the NEW-VIEW */
	uint64_t timeout_ms, timeout_slot; /* and from which slot on it shrinks */
	uint64_t view_slot; /* executed when the view was entered or begun */
	mono_t view_since; /* 2f+1 VIEW-CHANGEs seen, or the view entered */
	bool view_timed;

	uint64_t h; /* stable checkpoint */
	struct cert stable;
	bool ckpt_owed; /* the state is due to become `ckpt`, which is still being saved */
	struct image *ckpt, *base; /* newest checkpoint (may be unstable) and the stable one */
	struct slot slot[WINDOW];
	struct body body[BODIES_MAX];
	struct old_q old[OLD_MAX];
	struct arena bodies;
	uint32_t body_table[BODIES_MAX];

	uint32_t pending, pending_first, pending_last, distrust_next;
	struct pending pend[PENDING_MAX];
	struct arena asked;
	uint32_t asked_table[PENDING_MAX];
	struct distrust distrust[DISTRUST_MAX];
	struct checks checks[CHECKS_MAX];
	uint64_t chan[SESSIONS_MAX]; /* where a session was last heard */

	struct peer peer[REPLICAS_MAX];
	bool behind, again;
	mono_t progress; /* last time something went forward, or STATUS was sent */
	mono_t asked_at; /* STATUS was sent to all */
	mono_t beat;	 /* last batch executed */
	uint32_t crowd;	 /* requests that were there when it was: so many are expected again */
	mono_t told;	 /* when the open slot was proposed, or HEARD was last sent for it */
	mono_t hold;	 /* until when the next batch waits for them */
	mono_t armed;
	uint32_t fetch_from, fetch_missed; /* questions in a row that nobody answered */
	mono_t fetch_since;
	uint64_t fetch_last; /* slot, the highest that was asked for then */
	uint64_t known_top; /* no slot above it is decided or vouched for */
	mono_t clock_since; /* the clocks of the others are gathered since then */
	bool clock_told, ahead_told; /* the operator knows */
	struct transfer transfer;

	struct wal_chain chain;
	size_t log_bytes;
	bool replaying;
	bool switch_due; /* nothing more goes to this log */
	bool resumes;	 /* it was cut: go on with what had to wait for that */
	uint64_t verdicts[REPLICA_VERDICTS];

	struct vc vc[REPLICAS_MAX];
	/* The proof of the view that was entered, for who lags; and one that may be of the next:
	 * a liar can send that of any view which it leads. */
	struct newview *nv, *nv_next, newview[2];
	struct chosen chosen, scratch_chosen;
	struct image image[2];
	struct state state;
	struct stash stash;
	uint8_t scratch[WAL_RECORD_MAX];
	uint8_t outbox[OUT_BYTES];
	_Alignas(8) uint8_t asked_mem[PENDING_BYTES];
	_Alignas(8) uint8_t body_mem[BODY_BYTES];
};

static inline uint32_t quorum(const struct replica *r)
{
#ifdef BUG_QUORUM_2F
	return r->f ? 2 * r->f : 1;
#else
	return 2 * r->f + 1;
#endif
}

static inline void note_known(struct replica *r, uint64_t s)
{
	if (s > r->known_top)
		r->known_top = s;
}

static inline uint32_t leader_of(const struct replica *r, uint64_t view)
{
	return (uint32_t)(view % r->n);
}

static inline bool is_leader(const struct replica *r)
{
	return leader_of(r, r->view) == r->self && r->active && !r->observer;
}

#include "tuple/steps.h"

#endif
