/* net/sock.c - non-blocking TCP sockets, and names resolved at start */
#include "net/sock.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/check.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

static int set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof value) ? -errno : 0;
}

static int fresh(const struct addr *a, int protocol)
{
	int fd = socket(addr_is_v4(a) ? AF_INET : AF_INET6,
			SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);

	if (fd < 0)
		return -errno;
	set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	return fd;
}

static bool no_ip(const struct addr *a)
{
	static const uint8_t zero[16];

	return !memcmp(a->ip, zero, sizeof zero);
}

struct addr sock_any(uint16_t port)
{
	return (struct addr){ .port = port };
}

static int listen_at(int fd, const struct addr *at)
{
	struct sockaddr_storage ss;
	unsigned len = addr_to_sockaddr(at, &ss);
	int r = set(fd, SOL_SOCKET, SO_REUSEADDR, 1);

	/* The default of net.ipv6.bindv6only differs between machines. */
	if (!r && !addr_is_v4(at))
		r = set(fd, IPPROTO_IPV6, IPV6_V6ONLY, !no_ip(at));
	if (!r && bind(fd, (struct sockaddr *)&ss, len))
		r = -errno;
	if (!r && listen(fd, SOCK_BACKLOG))
		r = -errno;
	return r;
}

static int listen_by(const struct addr *at, int protocol)
{
	struct addr v4;
	int fd = fresh(at, protocol);
	int r = fd < 0 ? fd : listen_at(fd, at);

	if (!r)
		return fd;
	if (fd >= 0)
		close(fd);
	if (!no_ip(at) || (r != -EAFNOSUPPORT && r != -EADDRNOTAVAIL))
		return r;
	MUST(addr_parse(&v4, "0.0.0.0", at->port));
	return listen_by(&v4, protocol);
}

int sock_listen(const struct addr *at)
{
	return listen_by(at, IPPROTO_TCP);
}

int sock_listen_mptcp(const struct addr *at)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP);

	if (fd < 0)
		return sock_listen(at);
	close(fd);
	return listen_by(at, IPPROTO_MPTCP);
}

/* accept(2): errors already pending on the new connection are passed on; go to the next one. */
static bool only_that_one(int err)
{
	switch (err) {
	case EINTR:
	case ECONNABORTED:
	case EPROTO:
	case ENETDOWN:
	case EHOSTDOWN:
	case ENONET:
	case EHOSTUNREACH:
	case ENETUNREACH:
		return true;
	}
	return false;
}

int sock_accept(int fd, struct addr *peer)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof ss;
	int got;

	do {
		len = sizeof ss;
		got = accept4(fd, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	} while (got < 0 && only_that_one(errno));
	if (got < 0)
		return -errno;
	set(got, IPPROTO_TCP, TCP_NODELAY, 1);
	if (!addr_from_sockaddr(peer, (struct sockaddr *)&ss))
		*peer = (struct addr){ 0 };
	return got;
}

static int bind_from(int fd, const struct addr *from)
{
	struct sockaddr_storage ss;
	unsigned len = addr_to_sockaddr(from, &ss);

	set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	return bind(fd, (struct sockaddr *)&ss, len) ? -errno : 0;
}

/* To the device, which needs no privilege since Linux 5.7, then to the address. */
static int bind_way(int fd, const struct sock_from *from)
{
	size_t len = strnlen(from->device, sizeof from->device);

	if (len && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, from->device, (socklen_t)len))
		return -errno;
	return addr_scope(&from->addr) == ADDR_UNSPECIFIED ? 0 : bind_from(fd, &from->addr);
}

int sock_connect(const struct addr *to, const struct addr *from)
{
	struct sock_from way = { .device = "" };

	if (from)
		way.addr = *from;
	return sock_connect_from(to, &way);
}

int sock_connect_from(const struct addr *to, const struct sock_from *from)
{
	struct sockaddr_storage ss;
	unsigned len = addr_to_sockaddr(to, &ss);
	int fd, r;

	if (addr_scope(&from->addr) != ADDR_UNSPECIFIED &&
	    addr_is_v4(&from->addr) != addr_is_v4(to))
		return -EAFNOSUPPORT;
	fd = fresh(to, from->mptcp ? IPPROTO_MPTCP : IPPROTO_TCP);
	if (fd < 0)
		return fd;
	r = bind_way(fd, from);
	if (!r && connect(fd, (struct sockaddr *)&ss, len) && errno != EINPROGRESS &&
	    errno != EINTR)
		r = -errno;
	if (!r)
		return fd;
	close(fd);
	return r;
}

bool sock_is_own(const struct addr *a)
{
	struct sockaddr_storage ss;
	struct addr any_port = *a;
	int fd = socket(addr_is_v4(a) ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	unsigned len;
	bool own;

	any_port.port = 0;
	len = addr_to_sockaddr(&any_port, &ss);
	own = fd >= 0 && addr_scope(a) != ADDR_UNSPECIFIED && addr_scope(a) != ADDR_MULTICAST &&
	      !bind(fd, (struct sockaddr *)&ss, len);
	if (fd >= 0)
		close(fd);
	return own;
}

int sock_udp(const struct addr *to)
{
	struct sockaddr_storage ss;
	unsigned len = addr_to_sockaddr(to, &ss);
	int fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	if (!connect(fd, (struct sockaddr *)&ss, len))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

bool sock_port_free(const struct addr *at)
{
	struct sockaddr_storage ss;
	unsigned len = addr_to_sockaddr(at, &ss);
	int fd = fresh(at, IPPROTO_TCP);
	bool taken = fd >= 0 && bind(fd, (struct sockaddr *)&ss, len) && errno == EADDRINUSE;

	if (fd >= 0)
		close(fd);
	return !taken;
}

int sock_error(int fd)
{
	int err = 0;
	socklen_t len = sizeof err;

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) ? -errno : -err;
}

static int end_of(int fd, struct addr *a, int (*get)(int, struct sockaddr *, socklen_t *))
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof ss;

	memset(&ss, 0, sizeof ss);
	*a = (struct addr){ 0 };
	if (get(fd, (struct sockaddr *)&ss, &len))
		return -errno;
	return addr_from_sockaddr(a, (struct sockaddr *)&ss) ? 0 : -EAFNOSUPPORT;
}

int sock_name(int fd, struct addr *a)
{
	return end_of(fd, a, getsockname);
}

int sock_peer(int fd, struct addr *a)
{
	return end_of(fd, a, getpeername);
}

/* Three probes, the first after a third of the time. */
int sock_timeout(int fd, unsigned ms)
{
	int third_s = ms < 3000 ? 1 : (int)(ms / 3000);
	int r = set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);

	if (!r)
		r = set(fd, IPPROTO_TCP, TCP_KEEPIDLE, third_s);
	if (!r)
		r = set(fd, IPPROTO_TCP, TCP_KEEPINTVL, third_s);
	if (!r)
		r = set(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
	if (!r)
		r = set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)ms);
	return r;
}

void sock_unsent_max(int fd)
{
	set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, SOCK_UNSENT_BYTES);
}

ssize_t sock_read(int fd, void *p, size_t n)
{
	ssize_t got;

	do {
		got = recv(fd, p, n, 0);
	} while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}

ssize_t sock_write(int fd, const void *p, size_t n)
{
	ssize_t put;

	do {
		put = send(fd, p, n, MSG_NOSIGNAL);
	} while (put < 0 && errno == EINTR);
	return put < 0 ? -errno : put;
}

/* NAME or NAME:PORT; addresses were tried before. */
static bool split_name(const char *s, char name[SOCK_HOST_BYTES_MAX], uint16_t *port)
{
	const char *colon = strchr(s, ':');
	size_t len = colon ? (size_t)(colon - s) : strlen(s);
	struct addr digits;
	char with_port[32];

	if (!len || len >= SOCK_HOST_BYTES_MAX)
		return false;
	memcpy(name, s, len);
	name[len] = 0;
	if (!colon)
		return true;
	if (snprintf(with_port, sizeof with_port, "192.0.2.1%s", colon) >= (int)sizeof with_port)
		return false;
	if (!addr_parse(&digits, with_port, 0))
		return false;
	*port = digits.port;
	return true;
}

static int resolve_errno(int eai)
{
	switch (eai) {
	case EAI_MEMORY:
		return -ENOMEM;
	case EAI_SYSTEM:
		return errno ? -errno : -EIO;
	case EAI_AGAIN:
		return -EAGAIN;
	}
	return -ENOENT;
}

int sock_resolve(const char *host, uint16_t default_port, struct addr *out, size_t max)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	char name[SOCK_HOST_BYTES_MAX];
	uint16_t port = default_port;
	struct addrinfo *list;
	size_t n = 0;
	int eai;

	if (max && addr_parse(&out[0], host, default_port))
		return 1;
	if (!split_name(host, name, &port))
		return -EINVAL;
	eai = getaddrinfo(name, NULL, &hints, &list);
	if (eai)
		return resolve_errno(eai);
	for (struct addrinfo *i = list; i && n < max; i = i->ai_next)
		if (addr_from_sockaddr(&out[n], i->ai_addr))
			out[n++].port = port;
	freeaddrinfo(list);
	return n ? (int)n : -ENOENT;
}

static const struct {
	int err;
	const char *text;
} advice[] = {
	{ EADDRINUSE, "stop the program that holds this port, or choose another port" },
	{ EACCES, "choose a port above 1023, or allow it to this user" },
	{ EPERM, "look at the firewall of this machine" },
	{ EADDRNOTAVAIL, "choose an address that this machine has (see `ip address`)" },
	{ EAFNOSUPPORT, "use addresses of one family, IPv4 or IPv6, that this machine has" },
	{ ECONNREFUSED, "start the program there, or check address and port" },
	{ EHOSTUNREACH, "check the address and the route to it" },
	{ ENETUNREACH, "check this machine's network and routes" },
	{ ETIMEDOUT, "check the address, and the firewalls on the way" },
	{ EMFILE, "raise the limit of open files (ulimit -n)" },
	{ ENOENT, "check the spelling of the name" },
	{ EAGAIN, "check the name service in /etc/resolv.conf, or write the address" },
	{ EINVAL, "write HOST:PORT, an IPv6 address in brackets" },
};

const char *sock_advice(int err)
{
	for (size_t i = 0; i < ARRAY_LEN(advice); i++)
		if (advice[i].err == (err < 0 ? -err : err))
			return advice[i].text;
	return "look at the messages of the kernel (dmesg)";
}
