/* test/unit/test_addr.c - addresses: texts taken and refused, and what kind of place each is */
#include <sys/socket.h>

#include "core/addr.h"
#include "test/unit/test.h"

static void texts_come_back_in_one_form(void)
{
	static const struct {
		const char *text, *out;
	} good[] = {
		{ "192.0.2.1", "192.0.2.1:7200" },
		{ "192.0.2.1:80", "192.0.2.1:80" },
		{ "192.0.2.1:65535", "192.0.2.1:65535" },
		{ "192.0.2.1:00080", "192.0.2.1:80" },
		{ "192.0.2.1:0", "192.0.2.1" },
		{ "2001:db8::1", "[2001:db8::1]:7200" },
		{ "[2001:db8::1]", "[2001:db8::1]:7200" },
		{ "[2001:DB8:0:0:0:0:0:1]:443", "[2001:db8::1]:443" },
		{ "[2001:db8::1]:0", "2001:db8::1" },
		{ "::", "[::]:7200" },
		{ "::1", "[::1]:7200" },
		{ "::ffff:127.0.0.1", "127.0.0.1:7200" },
		{ "[::ffff:7f00:1]:9", "127.0.0.1:9" },
		{ "0:0:0:0:0:ffff:127.0.0.1", "127.0.0.1:7200" },
		{ "1:2:3:4:5:6:7:8", "[1:2:3:4:5:6:7:8]:7200" },
	};

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		char out[ADDR_STR_MAX];
		struct addr a, b;

		CHECK(addr_parse(&a, good[i].text, 7200));
		CHECK_STR(addr_format(&a, out), good[i].out);
		CHECK(addr_parse(&b, out, 0));
		CHECK(addr_eq(&a, &b));
	}
}

static void hostile_texts_are_refused(void)
{
	static const char *const bad[] = {
		"", ":", "::::", "[", "]", "[]", "[]:80", "[::1", "::1]", "[::1]80", "[::1]:",
		"[::1]:80x", "[::1]x:80", "[127.0.0.1]:80", "127.0.0.1:", "127.0.0.1:80 ",
		" 127.0.0.1", "127.0.0.1 ", "127.0.0.1:-1", "127.0.0.1:+80", "127.0.0.1: 80",
		"127.0.0.1:65536", "127.0.0.1:000080", "127.0.0.1:99999999999999999999",
		"127.0.0.1:0x50", "127.1", "127", "2130706433", "0x7f000001", "0x7f.0.0.1",
		"0177.0.0.1", "127.0.0.01", "127.0.0.256", "127.0.0.1.", "127.0.0.1.2", "1.2.3",
		"localhost", "localhost:80", "fe80::1%lo", "fe80::1%1", "[fe80::1%1]:80",
		"1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::", "::g", "::1:80:x",
		"::ffff:127.0.0.1:80", "[::ffff:127.0.0.256]",
		"[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:80",
		"1111111111111111111111111111111111111111111111111111111111111111",
		"127.0.0.1\n", "\xff\xff\xff\xff", "１２７.0.0.1",
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct addr a;

		if (addr_parse(&a, bad[i], 7200))
			printf("# taken: \"%s\"\n", bad[i]);
		CHECK(!addr_parse(&a, bad[i], 7200));
	}
}

/* Both ends of every range, and its neighbours on the outside. */
static const struct {
	const char *text;
	enum addr_scope scope;
} place[] = {
	{ "1.1.1.1", ADDR_GLOBAL }, { "2606:4700::1", ADDR_GLOBAL },
	{ "0.0.0.0", ADDR_UNSPECIFIED }, { "0.255.255.255", ADDR_UNSPECIFIED },
	{ "1.0.0.0", ADDR_GLOBAL }, { "9.255.255.255", ADDR_GLOBAL },
	{ "10.0.0.0", ADDR_PRIVATE }, { "10.255.255.255", ADDR_PRIVATE },
	{ "11.0.0.0", ADDR_GLOBAL }, { "100.63.255.255", ADDR_GLOBAL },
	{ "100.64.0.0", ADDR_PRIVATE }, { "100.127.255.255", ADDR_PRIVATE },
	{ "100.128.0.0", ADDR_GLOBAL }, { "100.100.100.200", ADDR_METADATA },
	{ "100.100.100.201", ADDR_PRIVATE }, { "126.255.255.255", ADDR_GLOBAL },
	{ "127.0.0.0", ADDR_LOOPBACK }, { "127.255.255.255", ADDR_LOOPBACK },
	{ "128.0.0.0", ADDR_GLOBAL }, { "168.63.129.16", ADDR_METADATA },
	{ "168.63.129.17", ADDR_GLOBAL }, { "169.253.255.255", ADDR_GLOBAL },
	{ "169.254.169.254", ADDR_LINK_LOCAL }, { "169.254.255.255", ADDR_LINK_LOCAL },
	{ "169.255.0.0", ADDR_GLOBAL }, { "172.15.255.255", ADDR_GLOBAL },
	{ "172.16.0.0", ADDR_PRIVATE }, { "172.31.255.255", ADDR_PRIVATE },
	{ "172.32.0.0", ADDR_GLOBAL }, { "192.0.0.0", ADDR_RESERVED },
	{ "192.0.0.192", ADDR_METADATA }, { "192.0.1.0", ADDR_GLOBAL },
	{ "192.0.2.255", ADDR_RESERVED }, { "192.0.3.0", ADDR_GLOBAL },
	{ "192.168.0.0", ADDR_PRIVATE }, { "192.168.255.255", ADDR_PRIVATE },
	{ "192.169.0.0", ADDR_GLOBAL }, { "198.17.255.255", ADDR_GLOBAL },
	{ "198.18.0.0", ADDR_RESERVED }, { "198.19.255.255", ADDR_RESERVED },
	{ "198.20.0.0", ADDR_GLOBAL }, { "198.51.100.7", ADDR_RESERVED },
	{ "203.0.113.7", ADDR_RESERVED }, { "223.255.255.255", ADDR_GLOBAL },
	{ "224.0.0.0", ADDR_MULTICAST }, { "239.255.255.255", ADDR_MULTICAST },
	{ "240.0.0.0", ADDR_RESERVED }, { "255.255.255.254", ADDR_RESERVED },
	{ "255.255.255.255", ADDR_MULTICAST },
	{ "::", ADDR_UNSPECIFIED }, { "::1", ADDR_LOOPBACK }, { "::2", ADDR_EMBEDDED },
	{ "::127.0.0.1", ADDR_EMBEDDED }, { "::1:0:0", ADDR_GLOBAL },
	{ "::ffff:0:127.0.0.1", ADDR_EMBEDDED }, { "64:ff9b::7f00:1", ADDR_EMBEDDED },
	{ "64:ff9b::1:0:0", ADDR_GLOBAL }, { "64:ff9b:1::1", ADDR_EMBEDDED },
	{ "64:ff9b:1:ffff::1", ADDR_EMBEDDED }, { "64:ff9b:2::1", ADDR_GLOBAL },
	{ "100::1", ADDR_RESERVED }, { "100:0:0:1::1", ADDR_GLOBAL },
	{ "2001::1", ADDR_EMBEDDED }, { "2001:1::1", ADDR_GLOBAL },
	{ "2001:db7:ffff::1", ADDR_GLOBAL }, { "2001:db8::1", ADDR_RESERVED },
	{ "2001:db9::1", ADDR_GLOBAL }, { "2002:7f00:1::1", ADDR_EMBEDDED },
	{ "2003::1", ADDR_GLOBAL }, { "3ffe:ffff::1", ADDR_GLOBAL },
	{ "3fff::1", ADDR_RESERVED }, { "3fff:fff:ffff::1", ADDR_RESERVED },
	{ "3fff:1000::1", ADDR_GLOBAL }, { "fbff:ffff::1", ADDR_GLOBAL },
	{ "fc00::1", ADDR_PRIVATE }, { "fdff:ffff::1", ADDR_PRIVATE },
	{ "fd00:ec2::254", ADDR_METADATA }, { "fd00:ec2::255", ADDR_PRIVATE },
	{ "fe00::1", ADDR_GLOBAL }, { "fe80::1", ADDR_LINK_LOCAL },
	{ "febf:ffff::1", ADDR_LINK_LOCAL }, { "fec0::1", ADDR_PRIVATE },
	{ "feff::1", ADDR_PRIVATE }, { "ff00::1", ADDR_MULTICAST },
	{ "ffff:ffff::1", ADDR_MULTICAST },
};

static void every_address_has_its_scope(void)
{
	for (size_t i = 0; i < sizeof place / sizeof *place; i++) {
		struct addr a = { .port = 0 };
		char text[ADDR_STR_MAX];

		CHECK(addr_parse(&a, place[i].text, 1));
		if (addr_scope(&a) != place[i].scope)
			printf("# %s is %s\n", place[i].text, addr_scope_str[addr_scope(&a)]);
		CHECK_EQ(addr_scope(&a), place[i].scope);
		if (!addr_is_v4(&a))
			continue;
		snprintf(text, sizeof text, "::ffff:%s", place[i].text); /* the other spelling */
		CHECK(addr_parse(&a, text, 1));
		CHECK_EQ(addr_scope(&a), place[i].scope);
	}
}

static void the_order_is_total_and_the_port_comes_last(void)
{
	static const char *const text[] = { "::1", "10.0.0.1:1", "10.0.0.1:2", "10.0.0.2:1",
					    "[2001:db8::1]:1" };

	for (int i = 0; i < 5; i++)
		for (int k = 0; k < 5; k++) {
			struct addr a, b;
			int d;

			CHECK(addr_parse(&a, text[i], 5));
			CHECK(addr_parse(&b, text[k], 5));
			d = addr_cmp(&a, &b);
			CHECK((d > 0) - (d < 0) == (i > k) - (i < k));
			CHECK(addr_eq(&a, &b) == (i == k));
			CHECK(addr_same_ip(&a, &b) == (i == k || i * k == 2));
		}
}

static void the_kernel_gets_the_family_that_it_knows(void)
{
	struct sockaddr other = { .sa_family = AF_UNIX };
	struct sockaddr_storage ss;
	struct addr a, b;

	CHECK(addr_parse(&a, "::ffff:192.0.2.9", 99));
	CHECK_EQ(addr_to_sockaddr(&a, &ss), 16);
	CHECK_EQ(ss.ss_family, AF_INET);
	CHECK(addr_from_sockaddr(&b, (struct sockaddr *)&ss));
	CHECK(addr_eq(&a, &b));
	CHECK(addr_parse(&a, "2001:db8::9", 99));
	CHECK_EQ(addr_to_sockaddr(&a, &ss), 28);
	CHECK_EQ(ss.ss_family, AF_INET6);
	CHECK(addr_from_sockaddr(&b, (struct sockaddr *)&ss));
	CHECK(addr_eq(&a, &b));
	CHECK(!addr_from_sockaddr(&b, &other));
}

TEST_MAIN_BEGIN
	RUN(texts_come_back_in_one_form);
	RUN(hostile_texts_are_refused);
	RUN(every_address_has_its_scope);
	RUN(the_order_is_total_and_the_port_comes_last);
	RUN(the_kernel_gets_the_family_that_it_knows);
TEST_MAIN_END
