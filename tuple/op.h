/* tuple/op.h - operations on the tuple space and their results, as values and as bytes
 *
 * MANAGER.md B.1. What a client sends inside a REQUEST and finds inside a REPLY. Every result fits
 * RESULT_BYTES_MAX, so that all replicas answer in full; long lists come in pages. Pure. */
#ifndef TUPLE_OP_H
#define TUPLE_OP_H

#include "core/addr.h"
#include "core/ident.h"
#include "tuple/tuple.h"

enum {
	OP_BYTES_MAX = 2 * TUPLE_BYTES_MAX + 64,
	RESULT_BYTES_MAX = 4096, /* MANAGER.md B.3: up to 4 KiB in full from all */
	WAIT_MS_MAX = 3600 * 1000,
};

enum op_type {
	OP_OUT = 1, /* insert tuple under ttl */
	OP_RDP,	    /* first match of templ */
	OP_INP,	    /* the same, removed */
	OP_RD,	    /* as rdp; waits up to wait_ms for a match */
	OP_IN,	    /* as inp; waits likewise */
	OP_CAS,	    /* insert tuple unless something matches templ */
	OP_REPLACE, /* remove the first match of templ and insert tuple; nothing without a match */
	OP_RENEW,   /* new ttl for the first match of templ that the caller owns */
	OP_RDALL,   /* up to max matches with an id above cursor, as many as fit */
	OP_SWAP,    /* admin: `cluster replace`: replica `index` becomes fp at addr */
	OP_CLOSE,   /* end this session: a key may have 64 open ones */
	OP_TYPES,
	OP_WITHDRAW = 255, /* no operation: ends the wait that has the same number (B.3, Waits) */
};

struct op {
	enum op_type type;
	struct tuple templ, tuple;
	uint32_t ttl_ms;  /* 0: for ever, where the rules allow it */
	uint32_t wait_ms; /* at most WAIT_MS_MAX */
	uint64_t cursor;  /* 0 at first, then result.cursor */
	uint32_t max;	  /* 0: as many as fit */
	uint32_t index;
	struct fp fp;
	struct addr addr; /* port 0: the address stays */
};

enum result_code {
	RESULT_OK = 0,	    /* done; inserted; or the tuple that was asked for; a page of rdall */
	RESULT_NONE,	    /* nothing matches, or the wait is over */
	RESULT_FOUND,	    /* cas: something matches, here it is unless hidden from the caller */
	RESULT_DENIED,	    /* no rule allows it: exit 4 */
	RESULT_QUOTA,	    /* a limit of the caller's key: exit 8 */
	RESULT_FULL,	    /* the space itself is full */
	RESULT_TTL,	    /* the rule wants another lease */
	RESULT_BAD,	    /* the operation makes no sense */
	RESULT_NO_SESSION,  /* number above 1 in a session that does not exist: start anew */
	RESULT_STALE,	    /* a signed request that names a time long past */
	RESULT_AGAIN,	    /* swap: another one is not in force yet */
	RESULT_CODES,
};

extern const char *const result_code_str[RESULT_CODES];

struct result {
	enum result_code code;
	uint64_t id;	  /* of the tuple inserted, found or renewed */
	bool has_tuple;
	struct tuple tuple; /* borrows the bytes */
	uint64_t cursor;    /* rdall: for the next page; 0 was the last */
	struct buf list;    /* rdall: read on with result_next */
	uint32_t count;	    /* rdall: tuples in this page */
};

/* put is sticky in b. get reads exactly the bytes; false: not an op. Tuples borrow. */
void op_put(struct buf *b, const struct op *op);
bool op_get(struct op *op, const uint8_t *p, size_t len);

void result_put(struct buf *b, const struct result *r);
bool result_get(struct result *r, const uint8_t *p, size_t len);
/* The next tuple of a page of rdall into t (and its id); false after the last. */
bool result_next(struct result *r, struct tuple *t, uint64_t *id);

#endif
