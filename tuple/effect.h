/* tuple/effect.h - what goes into a replica, and what it wants done
 *
 * Effects are run in array order, after the step returned and before the next one: they point into
 * the replica's memory.
 *
 *	REPLICA_PERSIST	append bytes (a whole record, padded) to the log. Before running any
 *			effect of another type, and at the end of the effects, fdatasync the log; on
 *			any error stop the process.
 *	REPLICA_SEND	bytes to every replica whose bit is set in `to` (never the own); drop them
 *			where there is no channel or its queue is full
 *	REPLICA_REPLY	bytes to client channel `chan`; drop them where it is gone
 *	REPLICA_SAVE	write bytes as the snapshot of `slot`: temporary file, sync, rename, sync
 *			the directory; then, or later, step REPLICA_SAVED with the slot. The bytes
 *			stay valid until that step. The snapshot before survives until SWITCH.
 *	REPLICA_SWITCH	the log may be cut: write every record that replica_dump gives to a new log,
 *			sync, rename it over the old one, sync the directory; then snapshots older
 *			than `slot` may go. At once: the records are valid until the next step.
 *	REPLICA_ARM	step REPLICA_TIMER at `at`; replaces the deadline before
 *	REPLICA_CONFIG	replica_members() changed: write the cluster file, reopen channels
 *	REPLICA_MEMBERS	member tuples changed: close channels whose replica_roles are 0
 *	REPLICA_DIRECTORY	member, node or device tuples changed: tell all clients
 *	REPLICA_NOTE	tell the operator: `note`, `value`
 *
 * Pure: types only. */
#ifndef TUPLE_EFFECT_H
#define TUPLE_EFFECT_H

#include "core/ident.h"
#include "core/mono.h"

/* How many replicas a mask has, bit i for replica i. */
static inline uint32_t bits(uint32_t mask)
{
	uint32_t n = 0;

	for (; mask; mask &= mask - 1)
		n++;
	return n;
}

enum {
	BATCH_REQUESTS_MAX = 256,	 /* MANAGER.md B.3 */
	BATCH_BYTES_MAX = 128 * 1024,
	REPLICA_FRAME_MAX = 256 * 1024,	 /* between replicas: a batch, a VIEW-CHANGE */
	CLIENT_FRAME_MAX = 6 * 1024,	 /* from and to clients: two tuples, a key, a signature */
	REPLICA_EFFECTS_MAX = 1536,	 /* replies of a batch, served waiters, and the rest */
};

enum replica_event_type {
	REPLICA_REQUEST, /* bytes from a client: chan, client */
	REPLICA_MESSAGE, /* bytes from replica `from` */
	REPLICA_LINK,	 /* a channel with replica `from` has come up */
	REPLICA_TIMER,	 /* the armed time has come */
	REPLICA_SAVED,	 /* the snapshot of `slot` is durable */
};

struct replica_event {
	enum replica_event_type type;
	mono_t now;
	int64_t wall_us; /* microseconds since 1970 by the local clock */
	uint32_t from;
	uint64_t chan;	  /* names a client channel; never used again for another */
	struct fp client; /* key of that channel */
	const uint8_t *bytes;
	size_t len;
	uint64_t slot;
};

enum replica_effect_type {
	REPLICA_PERSIST = 1,
	REPLICA_SEND,
	REPLICA_REPLY,
	REPLICA_SAVE,
	REPLICA_SWITCH,
	REPLICA_ARM,
	REPLICA_CONFIG,
	REPLICA_MEMBERS,
	REPLICA_DIRECTORY,
	REPLICA_NOTE,
};

enum replica_note {
	NOTE_VIEW = 0, /* value: the view entered */
	NOTE_SUSPECT,  /* value: the view whose leader is slow */
	NOTE_STABLE,   /* value: slot of the new stable checkpoint */
	NOTE_BEHIND,   /* value: slots to fetch */
	NOTE_CLOCK,    /* value: microseconds that the own clock is ahead of the others' */
	NOTE_AHEAD,    /* value: microseconds that agreed time is ahead of the own clock */
	NOTE_OBSERVER, /* log lost: this replica does not vote until `cluster replace` */
	NOTE_VOTER,    /* a newcomer begins to vote */
	NOTE_REMOVED,  /* the configuration does not name this key any more */
	NOTE_DIVERGED, /* more than f replicas lie, or this one is broken: it stops voting */
	NOTES,
};

extern const char *const replica_note_str[NOTES];

struct replica_effect {
	enum replica_effect_type type;
	uint32_t to; /* bit i: replica i */
	uint64_t chan;
	const uint8_t *bytes;
	size_t len;
	uint64_t slot;
	mono_t at;
	enum replica_note note;
	int64_t value;
};

struct replica_effects {
	uint32_t n;
	struct replica_effect e[REPLICA_EFFECTS_MAX];
};

/* What became of an input; every refusal is counted under its name. */
enum replica_verdict {
	REPLICA_OK = 0,
	REPLICA_MALFORMED,    /* does not decode */
	REPLICA_OTHER_CONFIG, /* other cluster or configuration */
	REPLICA_OLD,	      /* view or slot is past */
	REPLICA_EARLY,	      /* view or slot is still to come; will be asked for again */
	REPLICA_NOT_LEADER,   /* only the leader may say this */
	REPLICA_CONFLICT,     /* contradicts what the same replica said before */
	REPLICA_BAD_DIGEST,   /* digest or chain does not fit */
	REPLICA_BAD_TIME,     /* outside the window of MANAGER.md B.6 */
	REPLICA_BAD_BATCH,    /* requests out of order, twice, or too many */
	REPLICA_UNHEARD,      /* holds a request nobody vouches for yet */
	REPLICA_BAD_SIG,      /* drop the channel that brought it */
	REPLICA_BAD_PROOF,    /* a certificate or NEW-VIEW that does not prove what it claims */
	REPLICA_BUSY,	      /* over the admission limit */
	REPLICA_DUPLICATE,    /* known already */
	REPLICA_VERDICTS,
};

extern const char *const replica_verdict_str[REPLICA_VERDICTS];

#endif
