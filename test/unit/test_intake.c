/* test/unit/test_intake.c - what becomes of requests that nobody can order, and of those that come
 * too often: real signatures, one client's number at a time */
#include "test/unit/requests.h"

static void nobody_was_suspected(void)
{
	for (uint32_t i = 0; i < N; i++) {
		if (!rep[i])
			continue;
		CHECK_EQ(notes[i][NOTE_SUSPECT], 0);
		CHECK_EQ(status(i).pending, 0);
	}
}

static void who_skips_numbers_deposes_nobody(void)
{
	setup(1);
	ask(EVERYONE, (struct asked){ .no = 1 });
	pass(100);
	CHECK_EQ(told[MSG_REPLY], N);
	ask(EVERYONE, (struct asked){ .no = 3, .is_signed = true });
	pass(100);
	CHECK_EQ(status(0).pending, 1);
	pass(10000);
	nobody_was_suspected();
	CHECK_EQ(sent[MSG_FORWARD], 0);
	ask(EVERYONE, (struct asked){ .no = 2 });
	pass(100);
	CHECK_EQ(told[MSG_REPLY], 2 * N);
}

/* Any number is in order where there is no session: the answer says that there is none. */
static void who_lost_his_session_is_answered(void)
{
	setup(1);
	ask(1 << 3, (struct asked){ .no = 5, .is_signed = true });
	pass(1500);
	CHECK_EQ(told[MSG_REPLY], 1);
	nobody_was_suspected();
}

/* Nobody signs: the leader keeps it no longer than the others, and wakes for it once. */
static void what_is_not_signed_goes_too(uint32_t faults)
{
	setup(faults);
	ask(EVERYONE, (struct asked){ .no = 1 });
	pass(100);
	ask(EVERYONE, (struct asked){ .no = 3 });
	fired = 0;
	pass(10000);
	nobody_was_suspected();
	CHECK(fired < 200);
}

static void the_leader_forgets_it(void)
{
	what_is_not_signed_goes_too(1);
}

static void a_cluster_of_one_forgets_it(void)
{
	what_is_not_signed_goes_too(0);
}

static void nor_who_asks_while_he_waits(void)
{
	setup(1);
	ask(EVERYONE, (struct asked){ .no = 1, .type = OP_IN, .wait_ms = 20000 });
	pass(100);
	ask(EVERYONE, (struct asked){ .no = 2, .is_signed = true, .type = OP_CLOSE });
	pass(15000);
	nobody_was_suspected();
	CHECK_EQ(told[MSG_REPLY], 0);
	pass(10000);
	CHECK_EQ(told[MSG_REPLY], N);
	ask(EVERYONE, (struct asked){ .no = 2, .is_signed = true, .type = OP_CLOSE });
	pass(100);
	CHECK_EQ(told[MSG_REPLY], 2 * N);
}

/* The wait ends before the stray's time: it has all its time from then on, and is forwarded. */
static void its_time_begins_with_its_turn(void)
{
	setup(1);
	ask(EVERYONE, (struct asked){ .no = 1, .type = OP_IN, .wait_ms = 1500 });
	pass(100);
	ask(1 << 3, (struct asked){ .no = 2, .is_signed = true });
	pass(2400);
	CHECK_EQ(status(3).pending, 1);
	pass(2000);
	CHECK_EQ(sent[MSG_FORWARD], 1);
	nobody_was_suspected();
	CHECK_EQ(told[MSG_REPLY], 2 * N - 1); /* the leader does not know his channel */
}

/* Every place is taken by requests that skip numbers; who asks in order is served. */
static void strays_make_room(void)
{
	struct asked a = { .no = 1 };

	setup(0);
	for (a.u = 0; a.u < USERS; a.u++)
		for (a.s = 0; a.s < 64; a.s++)
			ask(1, a);
	pass(1000);
	CHECK_EQ(told[MSG_REPLY], USERS * 64);
	a.no = 3;
	for (a.u = 0; a.u < USERS; a.u++)
		for (a.s = 0; a.s < 64; a.s++)
			ask(1, a);
	CHECK_EQ(status(0).pending, USERS * 64);
	CHECK_EQ(ask(1, (struct asked){ .u = USERS, .no = 1 }), REPLICA_OK);
	pass(100);
	CHECK_EQ(status(0).pending, USERS * 64 - 1);
	CHECK_EQ(told[MSG_REPLY], USERS * 64 + 1);
	CHECK_EQ(told[MSG_BUSY], 0);
}

static void a_bad_signature_is_named(void)
{
	setup(1);
	CHECK_EQ(ask(1, (struct asked){ .no = 1, .is_signed = true, .spoilt = true }),
		 REPLICA_BAD_SIG);
	CHECK_EQ(ask(1, (struct asked){ .no = 1, .is_signed = true }), REPLICA_OK);
}

/* The leader checks no more of user 0's signatures. Others are served as before, and so is what a
 * backup vouches for, else user 0 could have the leader suspected. */
static void who_signs_too_much_must_wait(void)
{
	struct asked a = { .no = 1, .is_signed = true };
	uint32_t refused = 0;

	setup(1);
	ask(EVERYONE, a);
	pass(100);
	for (a.no = 3; a.no < 103; a.no++)
		refused += ask(1, a) == REPLICA_BUSY;
	CHECK(refused > 30 && refused < 40);
	CHECK_EQ(told[MSG_BUSY], refused);
	CHECK_EQ(ask(1, (struct asked){ .u = 1, .no = 1, .is_signed = true }), REPLICA_OK);
	a.no = 2;
	a.s = 1;
	ask(1 << 3, (struct asked){ .s = 1, .no = 1, .is_signed = true });
	pass(1900);
	CHECK_EQ(sent[MSG_FORWARD], 1);
	CHECK_EQ(told[MSG_REPLY], N + 2); /* each from who was asked */
	CHECK_EQ(ask(1, a), REPLICA_OK);
	pass(2000);
	nobody_was_suspected();
}

TEST_MAIN_BEGIN
	new_keys();
	RUN(who_skips_numbers_deposes_nobody);
	RUN(who_lost_his_session_is_answered);
	RUN(the_leader_forgets_it);
	RUN(a_cluster_of_one_forgets_it);
	RUN(nor_who_asks_while_he_waits);
	RUN(its_time_begins_with_its_turn);
	RUN(strays_make_room);
	RUN(a_bad_signature_is_named);
	RUN(who_signs_too_much_must_wait);
TEST_MAIN_END
