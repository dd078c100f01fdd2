/* test/sim/pipe.h - one direction of a flow in the simulator: bytes in order, late, in any pieces
 *
 * What is put together arrives together, at a time that never goes back; it is fetched in pieces
 * of any size. Nothing is lost: TCP sees to that, and the simulator's node does the lying. */
#ifndef TEST_SIM_PIPE_H
#define TEST_SIM_PIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { PIPE_BYTES = 128 * 1024, PIPE_PUTS = 64 };

struct pipe {
	uint8_t mem[PIPE_BYTES]; /* a ring */
	uint64_t put, got;	 /* bytes since the beginning */
	struct {
		uint64_t end;
		int64_t at;
	} piece[PIPE_PUTS]; /* a ring: up to `end`, bytes arrive at `at` */
	uint64_t pieces_put, pieces_got;
};

static inline bool pipe_empty(const struct pipe *p)
{
	return p->put == p->got;
}

/* Bytes that `puts` calls of pipe_put may bring together. */
static inline size_t pipe_room(const struct pipe *p, uint64_t puts)
{
	bool full = p->pieces_put - p->pieces_got + puts > PIPE_PUTS;

	return full ? 0 : PIPE_BYTES - (p->put - p->got);
}

/* n <= pipe_room bytes that arrive at `at`, or when those before have. */
static inline void pipe_put(struct pipe *p, const uint8_t *bytes, size_t n, int64_t at)
{
	uint64_t last = p->pieces_put - 1;

	if (p->pieces_put != p->pieces_got && p->piece[last % PIPE_PUTS].at > at)
		at = p->piece[last % PIPE_PUTS].at;
	for (size_t i = 0; i < n; i++)
		p->mem[(p->put + i) % PIPE_BYTES] = bytes[i];
	p->put += n;
	p->piece[p->pieces_put % PIPE_PUTS].end = p->put;
	p->piece[p->pieces_put++ % PIPE_PUTS].at = at;
}

/* At most n bytes of those that have arrived; how many. */
static inline size_t pipe_get(struct pipe *p, uint8_t *out, size_t n, int64_t now)
{
	size_t done = 0;

	while (done < n && p->pieces_got != p->pieces_put &&
	       p->piece[p->pieces_got % PIPE_PUTS].at <= now) {
		uint64_t end = p->piece[p->pieces_got % PIPE_PUTS].end;

		while (done < n && p->got < end)
			out[done++] = p->mem[p->got++ % PIPE_BYTES];
		p->pieces_got += p->got == end;
	}
	return done;
}

#endif
