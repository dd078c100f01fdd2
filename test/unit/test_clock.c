/* test/unit/test_clock.c - whose clock is off is told so, and nobody else, whoever leads */
#include "test/unit/requests.h"

enum { HOUR_S = 3600 };

static void set_clocks(int64_t a, int64_t b, int64_t c, int64_t d)
{
	skew_us[0] = a * 1000;
	skew_us[1] = b * 1000;
	skew_us[2] = c * 1000;
	skew_us[3] = d * 1000;
}

/* Only `who` (N: nobody) was told, once, that it is `ms` ahead, but for what a message takes. */
static void told_is(uint32_t who, int64_t ms)
{
	for (uint32_t i = 0; i < N; i++)
		CHECK_EQ(notes[i][NOTE_CLOCK], i == who);
	if (who < N)
		CHECK(value[who][NOTE_CLOCK] >= ms * 1000 &&
		      value[who][NOTE_CLOCK] < ms * 1000 + 10000);
}

static void a_leader_that_is_late_is_told(void)
{
	set_clocks(-2000, 0, 100, -100);
	setup(1);
	ask(EVERYONE, (struct asked){ .no = 1 });
	pass(60000);
	CHECK_EQ(told[MSG_REPLY], N);
	CHECK_EQ(status(3).view, 0);
	told_is(0, -2000);
}

static void a_backup_that_is_ahead_is_told(void)
{
	set_clocks(0, 0, 700, 0);
	setup(1);
	pass(60000);
	told_is(2, 700);
}

static void half_a_second_is_nobodys_fault(void)
{
	set_clocks(-240, 240, 0, 0);
	setup(1);
	pass(60000);
	told_is(N, 0);
}

/* No quiet moment in which STATUS would be sent anyway, and one replica is down. */
static void under_load_it_is_told_too(void)
{
	set_clocks(0, 3000, 0, 0);
	setup(1);
	rep[3] = NULL;
	for (uint64_t no = 1; no <= 100; no++) {
		ask(EVERYONE, (struct asked){ .no = no });
		pass(100);
	}
	CHECK_EQ(told[MSG_REPLY], 100 * (N - 1));
	CHECK_EQ(notes[1][NOTE_CLOCK], 1);
	CHECK_EQ(notes[0][NOTE_CLOCK] + notes[2][NOTE_CLOCK], 0);
}

static void it_is_told_again_when_it_was_right_meanwhile(void)
{
	set_clocks(0, 1000, 0, 0);
	setup(1);
	pass(20000);
	set_clocks(0, 0, 0, 0);
	pass(20000);
	CHECK_EQ(notes[1][NOTE_CLOCK], 1);
	set_clocks(0, -1000, 0, 0);
	pass(20000);
	CHECK_EQ(notes[1][NOTE_CLOCK], 2);
}

/* They agree with each other, and not with what was agreed before. */
static void all_clocks_go_back(void)
{
	set_clocks(0, 0, 0, 0);
	setup(1);
	ask(EVERYONE, (struct asked){ .no = 1 });
	pass(1000);
	CHECK_EQ(told[MSG_REPLY], N);
	set_clocks(-HOUR_S * 1000, -HOUR_S * 1000, -HOUR_S * 1000, -HOUR_S * 1000);
	ask(EVERYONE, (struct asked){ .no = 2, .is_signed = true });
	pass(60000);
	CHECK_EQ(told[MSG_REPLY], N);
	told_is(N, 0);
	for (uint32_t i = 0; i < N; i++) {
		CHECK_EQ(notes[i][NOTE_AHEAD], 1);
		CHECK(value[i][NOTE_AHEAD] > (HOUR_S - 70) * INT64_C(1000000));
	}
}

/* The others go on: its clock is off, and nothing waits for it. */
static void one_clock_goes_back(void)
{
	set_clocks(0, 0, 0, 0);
	setup(1);
	ask(EVERYONE, (struct asked){ .no = 1 });
	pass(1000);
	set_clocks(0, 0, -HOUR_S * 1000, 0);
	for (uint64_t no = 2; no <= 20; no++) {
		ask(EVERYONE, (struct asked){ .no = no });
		pass(1000);
	}
	CHECK_EQ(told[MSG_REPLY], 20 * N);
	told_is(2, -HOUR_S * 1000);
	CHECK_EQ(notes[2][NOTE_AHEAD], 0);
}

TEST_MAIN_BEGIN
	new_keys();
	RUN(a_leader_that_is_late_is_told);
	RUN(a_backup_that_is_ahead_is_told);
	RUN(half_a_second_is_nobodys_fault);
	RUN(under_load_it_is_told_too);
	RUN(it_is_told_again_when_it_was_right_meanwhile);
	RUN(all_clocks_go_back);
	RUN(one_clock_goes_back);
TEST_MAIN_END
