/* test/unit/test_sock.c - listening, connecting and naming over loopback */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/check.h"
#include "net/sock.h"
#include "test/unit/test.h"

static int wait_for(int fd, short what)
{
	struct pollfd p = { .fd = fd, .events = what };

	return poll(&p, 1, 5000);
}

static int listener(const char *at, struct addr *bound)
{
	struct addr a;
	int fd;

	CHECK(addr_parse(&a, at, 0));
	fd = sock_listen(&a);
	if (fd >= 0)
		CHECK_EQ(sock_name(fd, bound), 0);
	return fd;
}

static void own_addresses_are_known(void)
{
	static const char *const own[] = { "127.0.0.1", "127.9.9.9", "[::1]" };
	static const char *const not[] = { "192.0.2.1", "0.0.0.0", "224.0.0.1", "[2001:db8::1]" };
	struct addr a;

	for (size_t i = 0; i < ARRAY_LEN(own); i++) {
		CHECK(addr_parse(&a, own[i], 80));
		CHECK(sock_is_own(&a));
	}
	for (size_t i = 0; i < ARRAY_LEN(not); i++) {
		CHECK(addr_parse(&a, not[i], 80));
		CHECK(!sock_is_own(&a));
	}
}

static void bytes_go_both_ways(void)
{
	struct addr at, peer, mine, far;
	int l = listener("127.0.0.1", &at), a, b;
	char x[4];

	CHECK(at.port != 0);
	CHECK_EQ(sock_accept(l, &peer), -EAGAIN);
	a = sock_connect(&at, NULL);
	CHECK(a >= 0);
	CHECK_EQ(wait_for(l, POLLIN), 1);
	b = sock_accept(l, &peer);
	CHECK(b >= 0);
	CHECK_EQ(wait_for(a, POLLOUT), 1);
	CHECK_EQ(sock_error(a), 0);
	CHECK_EQ(sock_name(a, &mine), 0);
	CHECK_EQ(sock_peer(a, &far), 0);
	CHECK(addr_eq(&mine, &peer));
	CHECK(addr_eq(&far, &at));
	CHECK_EQ(sock_timeout(a, 10000), 0);
	CHECK_EQ(sock_write(a, "ping", 4), 4);
	CHECK_EQ(wait_for(b, POLLIN), 1);
	CHECK_EQ(sock_read(b, x, sizeof x), 4);
	CHECK_EQ(sock_read(b, x, sizeof x), -EAGAIN);
	close(a);
	CHECK_EQ(wait_for(b, POLLIN), 1);
	CHECK_EQ(sock_read(b, x, sizeof x), 0);
	close(b);
	close(l);
}

static void one_socket_takes_both_families(void)
{
	struct addr any = sock_any(0), at, to, peer;
	int l = sock_listen(&any), a, b;

	CHECK(l >= 0);
	CHECK_EQ(sock_name(l, &at), 0);
	CHECK(addr_parse(&to, "127.0.0.1", at.port));
	a = sock_connect(&to, NULL);
	CHECK(a >= 0);
	CHECK_EQ(wait_for(l, POLLIN), 1);
	b = sock_accept(l, &peer);
	CHECK(b >= 0);
	CHECK(addr_is_v4(&peer));
	close(a);
	close(b);
	close(l);
}

static void a_local_address_is_used(void)
{
	struct addr at, from, peer;
	int l = listener("127.0.0.1", &at), a, b;

	CHECK(addr_parse(&from, "127.0.0.7", 0));
	a = sock_connect(&at, &from);
	CHECK(a >= 0);
	CHECK_EQ(wait_for(l, POLLIN), 1);
	b = sock_accept(l, &peer);
	CHECK(b >= 0);
	CHECK(addr_same_ip(&peer, &from));
	CHECK(peer.port != 0);
	close(a);
	close(b);
	close(l);
}

static void errors_say_what_to_do(void)
{
	struct addr at, other, v6;
	int l = listener("127.0.0.1", &at), a;

	CHECK_EQ(sock_listen(&at), -EADDRINUSE);
	CHECK(strstr(sock_advice(-EADDRINUSE), "another port"));
	CHECK(strstr(sock_advice(-EXDEV), "dmesg"));
	CHECK(addr_parse(&v6, "::1", 0));
	CHECK_EQ(sock_connect(&at, &v6), -EAFNOSUPPORT);
	CHECK(addr_parse(&other, "192.0.2.77", 0));
	CHECK_EQ(sock_connect(&at, &other), -EADDRNOTAVAIL);
	CHECK_EQ(sock_listen(&other), -EADDRNOTAVAIL);
	close(l);
	a = sock_connect(&at, NULL);
	if (a >= 0) {
		CHECK_EQ(wait_for(a, POLLOUT), 1);
		CHECK_EQ(sock_error(a), -ECONNREFUSED);
		close(a);
	} else {
		CHECK_EQ(a, -ECONNREFUSED);
	}
}

static void addresses_and_localhost_are_resolved(void)
{
	struct addr a[4], want;

	CHECK(addr_parse(&want, "192.0.2.1", 7100));
	CHECK_EQ(sock_resolve("192.0.2.1", 7100, a, 4), 1);
	CHECK(addr_eq(&a[0], &want));
	CHECK_EQ(sock_resolve("192.0.2.1:7101", 7100, a, 4), 1);
	CHECK_EQ(a[0].port, 7101);
	CHECK_EQ(sock_resolve("[2001:db8::1]:7102", 7100, a, 4), 1);
	CHECK_EQ(a[0].port, 7102);
	CHECK(sock_resolve("localhost:7103", 0, a, 4) >= 1);
	CHECK_EQ(a[0].port, 7103);
	CHECK_EQ(addr_scope(&a[0]), ADDR_LOOPBACK);
	CHECK_EQ(sock_resolve("", 1, a, 4), -EINVAL);
	CHECK_EQ(sock_resolve(":7100", 1, a, 4), -EINVAL);
	CHECK_EQ(sock_resolve("localhost:", 1, a, 4), -EINVAL);
	CHECK_EQ(sock_resolve("localhost:70000", 1, a, 4), -EINVAL);
	CHECK_EQ(sock_resolve("a:b:c", 1, a, 4), -EINVAL);
}

TEST_MAIN_BEGIN
	RUN(own_addresses_are_known);
	RUN(bytes_go_both_ways);
	RUN(one_socket_takes_both_families);
	RUN(a_local_address_is_used);
	RUN(errors_say_what_to_do);
	RUN(addresses_and_localhost_are_resolved);
TEST_MAIN_END
