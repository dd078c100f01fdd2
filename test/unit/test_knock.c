/* test/unit/test_knock.c - strangers' handshakes are limited by source, and nobody else's */
#include "core/knock.h"
#include "test/unit/test.h"

static struct knock k;
static const mono_t t0 = { 1000000000 };

static struct addr at(const char *s)
{
	struct addr a = { .port = 0 };

	CHECK(addr_parse(&a, s, 1));
	return a;
}

static int burst(const struct addr *a, mono_t now)
{
	int n = 0;

	while (n < 2 * KNOCK_BURST && knock_take(&k, a, now))
		n++;
	return n;
}

static void allows_a_burst_and_then_a_rate(void)
{
	struct addr a = at("192.0.2.1");

	knock_init(&k, 1);
	CHECK_EQ(burst(&a, t0), KNOCK_BURST);
	CHECK_EQ(burst(&a, mono_add_ms(t0, KNOCK_MS - 1)), 0);
	CHECK_EQ(burst(&a, mono_add_ms(t0, 3 * KNOCK_MS)), 3);
	CHECK_EQ(burst(&a, mono_add_ms(t0, 1000 * KNOCK_MS)), KNOCK_BURST);
}

static void leaves_other_sources_alone(void)
{
	struct addr a = at("192.0.2.1"), b = at("192.0.2.2");

	knock_init(&k, 2);
	burst(&a, t0);
	CHECK_EQ(burst(&b, t0), KNOCK_BURST);
}

static void takes_an_ipv6_network_as_one_source(void)
{
	struct addr a = at("2001:db8::1"), b = at("2001:db8::ffff:2"), c = at("2001:db8:0:1::1");

	knock_init(&k, 3);
	burst(&a, t0);
	CHECK_EQ(burst(&b, t0), 0);
	CHECK_EQ(burst(&c, t0), KNOCK_BURST);
}

static void gives_back_to_whom_we_know(void)
{
	struct addr a = at("192.0.2.1");

	knock_init(&k, 4);
	for (int i = 0; i < 10 * KNOCK_BURST; i++) {
		CHECK(knock_take(&k, &a, t0));
		knock_give_back(&k, &a);
	}
}

TEST_MAIN_BEGIN
RUN(allows_a_burst_and_then_a_rate);
RUN(leaves_other_sources_alone);
RUN(takes_an_ipv6_network_as_one_source);
RUN(gives_back_to_whom_we_know);
TEST_MAIN_END
