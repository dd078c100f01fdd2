/* core/secret.c - randomness for keys and shares, constant-time comparison, wiping */
#include "core/secret.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <bearssl.h>

#include "core/check.h"

enum {
	SEED_BYTES = 48,		/* 256 bits of entropy and a nonce of 128 */
	RESEED_BYTES = 1024 * 1024,	/* at most this much from one seed */
	REQUEST_BYTES_MAX = 64 * 1024,	/* SP 800-90A table 2: 2^19 bits a request */
};

static struct {
	br_hmac_drbg_context drbg;
	uint64_t given; /* bytes since the last seed */
	time_t seeded_at;
	pid_t pid;
} gen;

static void seed_from_kernel(uint8_t seed[SEED_BYTES])
{
	size_t got = 0;

	while (got < SEED_BYTES) {
		ssize_t n = getrandom(seed + got, SEED_BYTES - got, 0);

		MUST(n > 0 || errno == EINTR);
		got += n > 0 ? (size_t)n : 0;
	}
}

static void reseed(time_t now)
{
	uint8_t seed[SEED_BYTES];

	seed_from_kernel(seed);
	if (!gen.pid)
		br_hmac_drbg_init(&gen.drbg, &br_sha256_vtable, seed, sizeof seed);
	else
		br_hmac_drbg_update(&gen.drbg, seed, sizeof seed);
	wipe(seed, sizeof seed);
	gen.given = 0;
	gen.seeded_at = now;
	gen.pid = getpid();
}

void secret_bytes(void *p, size_t n)
{
	uint8_t *out = p;
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	if (gen.pid != getpid() || gen.seeded_at != ts.tv_sec)
		reseed(ts.tv_sec);
	while (n) {
		size_t now = n < REQUEST_BYTES_MAX ? n : REQUEST_BYTES_MAX;

		if (gen.given + now > RESEED_BYTES)
			reseed(ts.tv_sec);
		br_hmac_drbg_generate(&gen.drbg, out, now);
		gen.given += now;
		out += now;
		n -= now;
	}
}

void wipe(void *p, size_t n)
{
	memset(p, 0, n);
	__asm__ volatile("" : : "r"(p) : "memory");
}

bool ct_eq(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a;
	const uint8_t *y = b;
	uint8_t d = 0;

	for (size_t i = 0; i < n; i++)
		d |= x[i] ^ y[i];
	return !d;
}
