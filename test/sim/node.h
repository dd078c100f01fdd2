/* test/sim/node.h - the node on one flow: forwards whole frames, or lies about sealed records
 *
 * What is inside TLS passes as it is: TLS notices what is done to it. Sealed records are what the
 * node may drop, repeat, swap, send back, or change without TLS seeing it. */
#ifndef TEST_SIM_NODE_H
#define TEST_SIM_NODE_H

#include "core/seal.h"
#include "test/sim/pipe.h"
#include "test/sim/rng.h"

enum { FRAME_HEAD = 5, FRAME_MAX = RECORD_BYTES_MAX };

enum lie { LIE_NONE = 0, LIE_DROP, LIE_REPEAT, LIE_SWAP, LIE_REFLECT, LIE_FLIP, LIES };
static const char *const lie_str[LIES + 1] = { "none", "drops", "repeats",     "swaps",
					       "reflects", "flips", "everything" };

struct node {
	enum lie lie; /* LIES: one of them each time */
	uint32_t one_in;
	uint32_t told[LIES];
	struct rng *rng;
	struct pipe *to[2]; /* where each direction goes on */
	struct {
		uint8_t in[FRAME_MAX], kept[FRAME_MAX];
		size_t in_len, kept_len; /* kept: to repeat or to swap */
	} way[2];
};

static inline size_t frame_length(const uint8_t *p)
{
	return FRAME_HEAD + ((size_t)p[3] << 8 | p[4]);
}

static inline void node_emit(struct node *nd, int way, const uint8_t *f, size_t len, int64_t at)
{
	if (len && len <= pipe_room(nd->to[way], 1))
		pipe_put(nd->to[way], f, len, at);
}

/* Tells the lie about one record; the lie was told when it counts it. */
static inline void node_lie(struct node *nd, enum lie lie, int way, int64_t at)
{
	uint8_t *f = nd->way[way].in;
	size_t len = nd->way[way].in_len;

	nd->told[lie]++;
	switch (lie) {
	case LIE_DROP:
		return;
	case LIE_REPEAT:
		node_emit(nd, way, f, len, at);
		node_emit(nd, way, nd->way[way].kept, nd->way[way].kept_len, at);
		break;
	case LIE_SWAP:
		node_emit(nd, way, f, len, at);
		node_emit(nd, way, nd->way[way].kept, nd->way[way].kept_len, at);
		nd->way[way].kept_len = 0;
		return;
	case LIE_REFLECT:
		node_emit(nd, !way, f, len, at);
		break;
	default:
		f[rng_below(nd->rng, (uint32_t)len)] ^= (uint8_t)(1u << rng_below(nd->rng, 8));
	}
	node_emit(nd, way, f, len, at);
}

static inline void node_frame(struct node *nd, int way, int64_t at)
{
	enum lie lie = nd->lie == LIES ? 1 + rng_below(nd->rng, LIES - 1) : nd->lie;
	uint8_t *f = nd->way[way].in;
	size_t len = nd->way[way].in_len;
	bool now = f[0] == RECORD_TYPE && lie && !rng_below(nd->rng, nd->one_in);

	if (lie == LIE_SWAP && f[0] == RECORD_TYPE)
		now = nd->way[way].kept_len != 0;
	if (now)
		node_lie(nd, lie, way, at);
	else if (lie != LIE_SWAP || f[0] != RECORD_TYPE || rng_below(nd->rng, nd->one_in))
		node_emit(nd, way, f, len, at);
	else if ((nd->way[way].kept_len = len)) /* the next one goes first */
		memcpy(nd->way[way].kept, f, len);
	if (lie == LIE_REPEAT && f[0] == RECORD_TYPE && !rng_below(nd->rng, 3)) {
		memcpy(nd->way[way].kept, f, len);
		nd->way[way].kept_len = len;
	}
}

/* Bytes from the sender; at most three frames go on for each that comes. */
static inline void node_put(struct node *nd, int way, const uint8_t *p, size_t n, int64_t at)
{
	while (n--) {
		uint8_t *in = nd->way[way].in;

		in[nd->way[way].in_len++] = *p++;
		if (nd->way[way].in_len < FRAME_HEAD || nd->way[way].in_len < frame_length(in))
			continue;
		node_frame(nd, way, at);
		nd->way[way].in_len = 0;
	}
}

#endif
