/* test/sim/rng.h - the simulator's generator: splitmix64, so that a seed tells the whole run */
#ifndef TEST_SIM_RNG_H
#define TEST_SIM_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng {
	uint64_t state;
};

static inline uint64_t rng_mix(uint64_t z)
{
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* A number below n. */
static inline uint32_t rng_below(struct rng *r, uint32_t n)
{
	r->state += UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)((rng_mix(r->state) >> 32) * n >> 32);
}

static inline void rng_bytes(struct rng *r, uint8_t *p, size_t n)
{
	while (n--)
		*p++ = (uint8_t)rng_below(r, 256);
}

#endif
