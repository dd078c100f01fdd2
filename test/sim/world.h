/* test/sim/world.h - what the simulated session consists of, and how it stops when a rule breaks */
#ifndef TEST_SIM_WORLD_H
#define TEST_SIM_WORLD_H

#include <stdio.h>
#include <stdlib.h>

#include "test/ends.h"
#include "test/sim/node.h"

enum {
	TLS_TYPE = 23,
	TLS_HEAD = FRAME_HEAD + 8, /* and a count, which stands for TLS's own checks */
	QUEUE = 8,		   /* messages that wait to be written */
	EPOCHS_SEEN = 4096,
	SILENT_ROUNDS = 100, /* without progress: nothing more will come */
};

/* One side of one flow. */
struct half {
	bool up, said; /* handshake done; JOIN queued */
	uint8_t queue[QUEUE][TLS_HEAD + FLOWMSG_BYTES_MAX];
	uint32_t queued;
	uint8_t out[FRAME_MAX], in[FRAME_MAX];
	size_t out_len, out_at, in_len;
	bool out_record;
	uint64_t number, tls_out, tls_in;
	struct pipe *to, *from;
};

struct side {
	struct end *e;
	struct half half[PATHS_MAX];
	uint64_t sent, got;		/* bytes of the stream */
	uint16_t len[END_SLOTS];	/* of record `number`, at number % END_SLOTS */
	uint32_t shared[EPOCHS_SEEN];	/* bit i: path i carried a share of that epoch */
	bool acked[EPOCHS_SEEN], begun; /* begun: a session (a device begins with a JOIN) */
};

struct world {
	uint64_t seed;
	uint32_t n, event, turn, slots;
	struct rng rng;
	mono_t now;
	int64_t delay_us[PATHS_MAX];
	struct side side[2];
	struct pipe pipe[2][PATHS_MAX];
	struct node node;
	int liar;	   /* index of the lying node's flow, or -1 */
	const char *named; /* why its flow was named, or NULL */
	bool quiet, progress;
};

static struct world w;
static struct end ends[2];

/* How often each verdict was seen; printed at the end. */
static struct {
	unsigned tx[TX_VERDICTS], rx[RX_VERDICTS], other, done, named;
} seen;

static inline void holds(bool ok, int line, const char *what)
{
	if (ok)
		return;
	printf("# seed %llu event %u: line %d: %s does not hold\n",
	       (unsigned long long)w.seed, w.event, line, what);
	printf("not ok sim session: seed %llu\n", (unsigned long long)w.seed);
	exit(1);
}
#define HOLDS(x) holds(x, __LINE__, #x)

static inline uint32_t below(uint32_t n)
{
	return rng_below(&w.rng, n);
}

/* Only the liar's flow may be named. */
static inline void name_flow(uint32_t i, const char *why)
{
	if ((int)i != w.liar)
		printf("# flow %u is named, not %d: %s\n", i, w.liar, why);
	HOLDS((int)i == w.liar);
	w.named = why;
}

/* --- what an application would do ------------------------------------------------------------- */

/* Byte `at` of the stream that side s sends. */
static inline uint8_t stream(int s, uint64_t at)
{
	return (uint8_t)(rng_mix(w.seed * 2 + (uint64_t)s + (at >> 3) * 977) >> 8 * (at & 7));
}

static inline void seal(int s)
{
	struct side *me = &w.side[s];
	struct tx *t = &me->e->s.tx;
	uint8_t *at = me->e->s.tx_on ? tx_slot(t) : NULL;
	size_t len = below(40) ? below(300) : below(RECORD_PLAIN_MAX + 1);

	if (!at)
		return;
	for (size_t i = 0; i < len; i++)
		at[i] = stream(s, me->sent + i);
	me->sent += len;
	me->len[t->next % END_SLOTS] = (uint16_t)len;
	tx_commit(t, len, w.now);
}

static inline void delivered(int s, const uint8_t *plain, size_t len)
{
	struct side *me = &w.side[s], *peer = &w.side[!s];

	HOLDS(len == peer->len[(me->e->s.rx.base - 1) % END_SLOTS]);
	HOLDS(me->got + len <= peer->sent);
	for (size_t i = 0; i < len; i++)
		HOLDS(plain[i] == stream(!s, me->got + i));
	me->got += len;
	w.progress = true;
}

static inline void fetch(int s, uint32_t most)
{
	const uint8_t *plain;
	size_t len;

	while (w.side[s].e->s.rx_on && most-- && rx_next(&w.side[s].e->s.rx, &plain, &len))
		delivered(s, plain, len);
}

#endif
