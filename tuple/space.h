/* tuple/space.h - the bag of tuples: found, removed and expired in the order of their insertion
 *
 * Pure mechanism: who may do what is tuple/rules.h, and the order of operations tuple/state.h.
 * Every tuple has an insertion id that is never used again; where several match, the lowest id
 * wins, so that all replicas take the same. Time is agreed time, in microseconds. Pure. */
#ifndef TUPLE_SPACE_H
#define TUPLE_SPACE_H

#include "tuple/arena.h"
#include "tuple/tuple.h"

enum {
	SPACE_TUPLES_MAX = 16384,	   /* 10,000 of clients, and members, nodes, devices */
	SPACE_BYTES_MAX = 4 * 1024 * 1024, /* of encoded tuples; bounds a snapshot too */
	/* The dead are swept when the list is full. */
	SPACE_ENTRIES_MAX = SPACE_TUPLES_MAX + SPACE_TUPLES_MAX / 4,
	SPACE_CHAINS = 4096, /* four tuples each in a full space */
};

static const uint32_t SPACE_NONE = UINT32_MAX;
static const int64_t SPACE_FOREVER = INT64_MAX;

struct space_entry {
	uint64_t id;
	int64_t expires_us;
	uint32_t block; /* ARENA_NONE: removed */
	uint32_t hash[2]; /* of the first two fields, to pass quickly what cannot match */
	uint16_t owner; /* the caller's number for a key */
	uint8_t arity;
	uint16_t next; /* live one with the same hash[1] % SPACE_CHAINS; 0: none */
};

struct space {
	uint64_t next_id;
	int64_t next_expiry_us; /* nothing expires before */
	uint32_t entries, live, first; /* entries before `first` are dead */
	/* Entry + 1 of those with a second field, by its hash: mostly a name or a key. */
	uint16_t chain[SPACE_CHAINS], chain_end[SPACE_CHAINS];
	struct arena arena;
	struct space_entry entry[SPACE_ENTRIES_MAX]; /* by id */
	uint32_t table[SPACE_TUPLES_MAX];
	_Alignas(8) uint8_t mem[SPACE_BYTES_MAX];
};

void space_init(struct space *s);
/* Inserts a copy of t; its id, or 0 when the space is full. Entry numbers held before are void. */
uint64_t space_insert(struct space *s, const struct tuple *t, uint16_t owner, int64_t expires_us);
/* The same under a given id, above all present: for restoring. */
bool space_restore(struct space *s, uint64_t id, const struct tuple *t, uint16_t owner,
		   int64_t expires_us);

/* The first entry at or after number `from` that matches and has not expired, or SPACE_NONE.
 * templ NULL matches everything. */
uint32_t space_find(const struct space *s, const struct tuple *templ, uint32_t from,
		    int64_t now_us);
/* The first entry with an id above this. */
uint32_t space_after(const struct space *s, uint64_t id);
/* The tuple of an entry; lends until the next insert. */
void space_tuple(const struct space *s, uint32_t i, struct tuple *t);
size_t space_tuple_bytes(const struct space *s, uint32_t i);
void space_remove(struct space *s, uint32_t i);
void space_renew(struct space *s, uint32_t i, int64_t expires_us);
/* The first entry whose lease is over, or SPACE_NONE: then there is none until next_expiry_us. */
uint32_t space_expired(struct space *s, int64_t now_us);

#endif
