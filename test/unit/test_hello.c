/* test/unit/test_hello.c - what a replica says about itself comes back as it was said */
#include "test/unit/test.h"
#include "tuple/hello.h"

static struct hello sample(void)
{
	struct hello h = { .index = 3, .roles = ROLE_NODE | ROLE_CLIENT };

	memset(h.cluster, 0xc1, sizeof h.cluster);
	CHECK(addr_parse(&h.seen, "192.0.2.7:50123", 0));
	return h;
}

static void reads_the_hello_it_wrote(void)
{
	struct hello h = sample(), got;
	uint8_t frame[HELLO_BYTES];

	CHECK_EQ(hello_put(frame, &h), HELLO_BYTES);
	CHECK(hello_get(&got, frame, sizeof frame));
	CHECK(!memcmp(got.cluster, h.cluster, sizeof h.cluster));
	CHECK_EQ(got.index, 3);
	CHECK_EQ(got.roles, ROLE_NODE | ROLE_CLIENT);
	CHECK(addr_eq(&got.seen, &h.seen));
}

static void refuses_other_lengths_types_and_versions(void)
{
	struct hello h = sample(), got;
	uint8_t frame[HELLO_BYTES + 1] = { 0 };

	hello_put(frame, &h);
	for (size_t n = 0; n < HELLO_BYTES; n++)
		CHECK(!hello_get(&got, frame, n));
	CHECK(!hello_get(&got, frame, HELLO_BYTES + 1));
	frame[1]++;
	CHECK(!hello_get(&got, frame, HELLO_BYTES));
	frame[1]--;
	frame[0] = HELLO_STATUS;
	CHECK(!hello_get(&got, frame, HELLO_BYTES));
	frame[0] = HELLO_TYPE;
	frame[34] = REPLICAS_MAX;
	CHECK(!hello_get(&got, frame, HELLO_BYTES));
}

static void reads_the_status_it_wrote(void)
{
	struct replica_status s = { .config = 1, .self = 2, .leader = 1, .view = 5, .active = true,
				    .slot = 1ull << 40, .stable = 1024, .time_us = 1700000000000000,
				    .tuples = 7, .sessions = 8, .waiters = 9, .pending = 10,
				    .peer_slot = { 11, 12, 13, 14 } };
	struct replica_status got;
	uint8_t frame[HELLO_STATUS_MAX];
	size_t len = hello_status_put(frame, &s, 4);

	CHECK(hello_status_get(&got, 4, frame, len));
	CHECK(!memcmp(&got, &s, sizeof s));
	for (size_t n = 0; n < len; n++)
		CHECK(!hello_status_get(&got, 4, frame, n));
	CHECK(!hello_status_get(&got, 7, frame, len));
}

static void refuses_numbers_of_replicas_that_there_are_not(void)
{
	struct replica_status s = { .self = 4, .leader = 0 }, got;
	uint8_t frame[HELLO_STATUS_MAX];

	CHECK(!hello_status_get(&got, 4, frame, hello_status_put(frame, &s, 4)));
	s = (struct replica_status){ .self = 0, .leader = 4 };
	CHECK(!hello_status_get(&got, 4, frame, hello_status_put(frame, &s, 4)));
}

static void reads_the_lines_it_wrote(void)
{
	struct hello_lines l = { .config = 3, .n = 4 }, got;
	uint8_t frame[HELLO_LINES_MAX];
	size_t len;

	for (uint32_t i = 0; i < l.n; i++) {
		l.replica[i].addr.port = (uint16_t)(7100 + i);
		l.replica[i].addr.ip[15] = (uint8_t)i;
		l.replica[i].fp.b[0] = (uint8_t)(i + 1);
	}
	len = hello_lines_put(frame, &l);
	CHECK(hello_lines_get(&got, frame, len));
	CHECK_EQ(got.config, 3);
	CHECK_EQ(got.replica[3].addr.port, 7103);
	CHECK(fp_eq(&got.replica[2].fp, &l.replica[2].fp));
	for (size_t n = 0; n < len; n++)
		CHECK(!hello_lines_get(&got, frame, n));
	frame[5] = REPLICAS_MAX + 1;
	CHECK(!hello_lines_get(&got, frame, len));
}

TEST_MAIN_BEGIN
RUN(reads_the_hello_it_wrote);
RUN(refuses_other_lengths_types_and_versions);
RUN(reads_the_status_it_wrote);
RUN(refuses_numbers_of_replicas_that_there_are_not);
RUN(reads_the_lines_it_wrote);
TEST_MAIN_END
