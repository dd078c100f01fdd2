/* test/unit/test_dest.c - where a node forwards to: a table of every class, in every spelling
 *
 * Each address of the table is registered by the device with port 7300, so that nothing but its
 * kind decides. The metadata addresses are those of AWS, Alibaba, Oracle and Azure. */
#include "core/check.h"
#include "core/dest.h"
#include "test/unit/test.h"

static const struct {
	const char *text;
	enum dest_verdict want;
} table[] = {
	{ "1.2.3.4", DEST_OK },
	{ "2a00:1450::1", DEST_OK },
	{ "10.1.2.3", DEST_OK },
	{ "172.16.0.1", DEST_OK },
	{ "192.168.1.1", DEST_OK },
	{ "100.64.0.1", DEST_OK },
	{ "fd12:3456::1", DEST_OK },
	{ "192.0.2.1", DEST_OK },
	{ "2001:db8::1", DEST_OK },
	{ "::ffff:10.1.2.3", DEST_OK },
	{ "127.0.0.1", DEST_LOOPBACK },
	{ "127.255.255.254", DEST_LOOPBACK },
	{ "::1", DEST_LOOPBACK },
	{ "0:0:0:0:0:0:0:1", DEST_LOOPBACK },
	{ "::ffff:127.0.0.1", DEST_LOOPBACK },
	{ "::ffff:7f00:1", DEST_LOOPBACK },
	{ "0:0:0:0:0:FFFF:7F00:0001", DEST_LOOPBACK },
	{ "169.254.0.1", DEST_LINK_LOCAL },
	{ "169.254.169.254", DEST_LINK_LOCAL },
	{ "::ffff:169.254.169.254", DEST_LINK_LOCAL },
	{ "::ffff:a9fe:a9fe", DEST_LINK_LOCAL },
	{ "fe80::1", DEST_LINK_LOCAL },
	{ "febf:ffff::1", DEST_LINK_LOCAL },
	{ "224.0.0.1", DEST_MULTICAST },
	{ "239.255.255.255", DEST_MULTICAST },
	{ "255.255.255.255", DEST_MULTICAST },
	{ "::ffff:224.0.0.1", DEST_MULTICAST },
	{ "ff02::1", DEST_MULTICAST },
	{ "0.0.0.0", DEST_UNSPECIFIED },
	{ "0.1.2.3", DEST_UNSPECIFIED },
	{ "::", DEST_UNSPECIFIED },
	{ "::ffff:0.0.0.0", DEST_UNSPECIFIED },
	{ "::127.0.0.1", DEST_EMBEDDED },
	{ "::ffff:0:127.0.0.1", DEST_EMBEDDED },
	{ "64:ff9b::127.0.0.1", DEST_EMBEDDED },
	{ "64:ff9b::a9fe:a9fe", DEST_EMBEDDED },
	{ "64:ff9b:1::1.2.3.4", DEST_EMBEDDED },
	{ "2002:7f00:1::1", DEST_EMBEDDED },
	{ "2001:0:102:304::1", DEST_EMBEDDED },
	{ "fd00:ec2::254", DEST_METADATA },
	{ "FD00:0EC2:0:0:0:0:0:0254", DEST_METADATA },
	{ "100.100.100.200", DEST_METADATA },
	{ "::ffff:100.100.100.200", DEST_METADATA },
	{ "192.0.0.192", DEST_METADATA },
	{ "168.63.129.16", DEST_METADATA },
};

/* The verdict on `text` for a device that registered it, with port 7300. */
static enum dest_verdict judge(const char *text, bool loopback_node)
{
	struct addr a = { .port = 1 };
	struct dest_listed listed = { &a, 1, NULL, 0 };

	CHECK(addr_parse(&a, text, 7300));
	return dest_judge(&a, &listed, loopback_node);
}

static void judges_every_class_in_every_spelling(void)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		enum dest_verdict v = judge(table[i].text, false);

		if (v != table[i].want)
			printf("# %s\n", table[i].text);
		CHECK_STR(dest_verdict_str[v], dest_verdict_str[table[i].want]);
	}
}

static void a_node_on_loopback_may_go_to_loopback_and_nothing_else_changes(void)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		enum dest_verdict want = table[i].want == DEST_LOOPBACK ? DEST_OK : table[i].want;

		CHECK_EQ(judge(table[i].text, true), want);
	}
}

static void the_table_provokes_every_verdict_on_an_address(void)
{
	for (int v = DEST_LOOPBACK; v < DEST_VERDICTS; v++) {
		bool seen = false;

		for (size_t i = 0; i < ARRAY_LEN(table); i++)
			seen |= table[i].want == (enum dest_verdict)v;
		CHECK(seen);
	}
}

/* Two addresses with a port each, and two exposed ports. */
static enum dest_verdict judge_listed(const char *text)
{
	static const uint16_t port[] = { 22, 443 };
	struct addr a, own[2];
	struct dest_listed listed = { own, 2, port, 2 };

	CHECK(addr_parse(&own[0], "10.0.0.1:7300", 0));
	CHECK(addr_parse(&own[1], "[2001:db8::7]:7400", 0));
	CHECK(addr_parse(&a, text, 0));
	return dest_judge(&a, &listed, false);
}

static void only_registered_addresses_and_ports_pass(void)
{
	CHECK_EQ(judge_listed("10.0.0.1:7300"), DEST_OK);
	CHECK_EQ(judge_listed("[::ffff:10.0.0.1]:7300"), DEST_OK);
	CHECK_EQ(judge_listed("[2001:db8::7]:7400"), DEST_OK);
	CHECK_EQ(judge_listed("10.0.0.1:22"), DEST_OK);
	CHECK_EQ(judge_listed("[2001:db8::7]:443"), DEST_OK);
	CHECK_EQ(judge_listed("10.0.0.1:7400"), DEST_NO_PORT);
	CHECK_EQ(judge_listed("10.0.0.1:23"), DEST_NO_PORT);
	CHECK_EQ(judge_listed("10.0.0.1:0"), DEST_NO_PORT);
	CHECK_EQ(judge_listed("10.0.0.2:7300"), DEST_NOT_LISTED);
	CHECK_EQ(judge_listed("10.0.0.2:22"), DEST_NOT_LISTED);
	CHECK_EQ(judge_listed("[2001:db8::8]:7400"), DEST_NOT_LISTED);
}

static void a_device_that_registered_nothing_is_not_reached(void)
{
	struct dest_listed none = { NULL, 0, NULL, 0 };
	struct addr a;

	CHECK(addr_parse(&a, "10.0.0.1:7300", 0));
	CHECK_EQ(dest_judge(&a, &none, false), DEST_NOT_LISTED);
}

TEST_MAIN_BEGIN
RUN(judges_every_class_in_every_spelling);
RUN(a_node_on_loopback_may_go_to_loopback_and_nothing_else_changes);
RUN(the_table_provokes_every_verdict_on_an_address);
RUN(only_registered_addresses_and_ports_pass);
RUN(a_device_that_registered_nothing_is_not_reached);
TEST_MAIN_END
