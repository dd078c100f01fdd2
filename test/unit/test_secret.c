/* test/unit/test_secret.c - random bytes never repeat, not after fork either; comparing, wiping */
#include <sys/wait.h>
#include <unistd.h>

#include "core/secret.h"
#include "test/unit/test.h"

static void no_two_answers_are_alike(void)
{
	static uint8_t seen[1000][16];

	for (int i = 0; i < 1000; i++) {
		secret_bytes(seen[i], 16);
		for (int k = 0; k < i; k++)
			CHECK(memcmp(seen[i], seen[k], 16));
	}
}

/* Over several requests of HMAC_DRBG and a reseed: every byte is written, and looks like chance. */
static void any_length_is_filled(void)
{
	enum { MANY = 2 * 1024 * 1024 + 3, GUARD = 8 };
	static uint8_t mem[MANY + GUARD];
	unsigned count[256] = { 0 };

	secret_bytes(mem, 0);
	CHECK_EQ(mem[0], 0);
	secret_bytes(mem, MANY);
	for (size_t i = 0; i < MANY; i++)
		count[mem[i]]++;
	for (int v = 0; v < 256; v++) /* 8192 each, standard deviation 90: six of them */
		CHECK(count[v] > 8192 - 540 && count[v] < 8192 + 540);
	CHECK_HEX(mem + MANY, GUARD, "0000000000000000");
	for (size_t at = 16; at < MANY - 16; at += 64 * 1024)
		CHECK(memcmp(mem, mem + at, 16));
}

static void a_child_draws_other_bytes_than_its_parent_and_its_siblings(void)
{
	uint8_t got[4][32];

	secret_bytes(got[0], 32); /* the generator is seeded before the forks */
	for (int i = 1; i < 4; i++) {
		int fd[2], status = -1;
		pid_t pid;

		CHECK_EQ(pipe(fd), 0);
		pid = fork();
		if (!pid) {
			secret_bytes(got[i], 32);
			_exit(write(fd[1], got[i], 32) != 32);
		}
		CHECK_EQ(read(fd[0], got[i], 32), 32);
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK_EQ(status, 0);
		close(fd[0]);
		close(fd[1]);
	}
	secret_bytes(got[0], 32);
	for (int i = 0; i < 4; i++)
		for (int k = 0; k < i; k++)
			CHECK(memcmp(got[i], got[k], 32));
}

static void comparing_sees_every_bit(void)
{
	uint8_t a[33], b[33];

	memset(a, 0x5a, sizeof a);
	memcpy(b, a, sizeof a);
	CHECK(ct_eq(a, b, sizeof a));
	for (size_t bit = 0; bit < 8 * sizeof a; bit++) {
		b[bit / 8] ^= (uint8_t)(1 << bit % 8);
		CHECK(!ct_eq(a, b, sizeof a));
		CHECK(ct_eq(a, b, bit / 8)); /* what lies behind does not count */
		b[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	CHECK(ct_eq(a, b, 0));
}

static void wiping_leaves_zeroes_and_no_more(void)
{
	uint8_t p[10];

	memset(p, 0xee, sizeof p);
	wipe(p + 1, 8);
	CHECK_HEX(p, 10, "ee0000000000000000ee");
	wipe(p, 0);
	CHECK_EQ(p[0], 0xee);
}

TEST_MAIN_BEGIN
	RUN(no_two_answers_are_alike);
	RUN(any_length_is_filled);
	RUN(a_child_draws_other_bytes_than_its_parent_and_its_siblings);
	RUN(comparing_sees_every_bit);
	RUN(wiping_leaves_zeroes_and_no_more);
TEST_MAIN_END
