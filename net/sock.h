/* net/sock.h - non-blocking TCP sockets, and names resolved at start
 *
 * Every socket is non-blocking, close-on-exec and sends at once (TCP_NODELAY). The caller owns what
 * is returned and closes it. Functions give a descriptor, a count or 0, else -errno. */
#ifndef NET_SOCK_H
#define NET_SOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/addr.h"

enum {
	SOCK_UNSENT_BYTES = 128 * 1024,
	SOCK_BACKLOG = 1024,	/* a burst of clients; the kernel cuts it to its own limit */
	SOCK_HOST_BYTES_MAX = 256, /* RFC 1035: names have at most 253 characters */
};

/* Every address of the machine, both families, on this port (0: the kernel chooses). */
struct addr sock_any(uint16_t port);

/* Listen at `at`. The address :: takes IPv4 as well, and falls back to 0.0.0.0 where the kernel has
 * no IPv6. */
int sock_listen(const struct addr *at);
/* The same for connections of MPTCP, and of TCP as before, where the kernel has MPTCP. */
int sock_listen_mptcp(const struct addr *at);

/* The next connection, its other end in *peer. -EAGAIN: none is waiting; -EMFILE, -ENFILE, -ENOBUFS
 * and -ENOMEM: later. Connections that broke while waiting are passed over. */
int sock_accept(int fd, struct addr *peer);

/* Begin to connect; when the socket becomes writable sock_error() says how it went. `from` is the
 * local address to use, or NULL; its port may be 0, and is then chosen so late that one local
 * address can carry more connections than it has ports. */
int sock_connect(const struct addr *to, const struct addr *from);

/* A local address with its network device, for hosts with several ways out: the kernel chooses the
 * way by destination, so the address alone would send all of them through one (PATHS.md C.0). */
enum { SOCK_DEVICE_MAX = 16 }; /* IFNAMSIZ */
struct sock_from {
	struct addr addr;	      /* unspecified: the kernel's choice */
	char device[SOCK_DEVICE_MAX]; /* "": any */
	bool mptcp;		      /* or an errno where the kernel has none */
};
int sock_connect_from(const struct addr *to, const struct sock_from *from);

/* Whether `a` is an address of this host: its packets go through lo, whatever device has it. */
bool sock_is_own(const struct addr *a);

/* A datagram socket between `to` and a port of the kernel's choice. */
int sock_udp(const struct addr *to);

/* Whether nobody on this host has this address and port. */
bool sock_port_free(const struct addr *at);

/* The socket's pending error: 0 or -errno. */
int sock_error(int fd);

/* Local and remote end; 0 or -errno. */
int sock_name(int fd, struct addr *a);
int sock_peer(int fd, struct addr *a);

/* A peer that is silent, or does not acknowledge, for `ms` milliseconds breaks the connection
 * (keepalive and TCP_USER_TIMEOUT). 0 or -errno. */
int sock_timeout(int fd, unsigned ms);

/* No more than SOCK_UNSENT_BYTES wait here to be sent for the first time (TCP_NOTSENT_LOWAT): on a
 * slow line what is said later would wait behind megabytes. A help: there is no error. */
void sock_unsent_max(int fd);

/* read and write without signals and interruptions: bytes, 0 for the end of input, or -errno. */
ssize_t sock_read(int fd, void *p, size_t n);
ssize_t sock_write(int fd, const void *p, size_t n);

/* The addresses of HOST, HOST:PORT or [IPV6]:PORT, in the order of getaddrinfo(3), at most `max`.
 * Blocks: for the time before the loop only. Their number, or -EINVAL (no HOST or bad port),
 * -ENOENT (no such name) or -EAGAIN (the name service does not answer). */
int sock_resolve(const char *host, uint16_t default_port, struct addr *out, size_t max);

/* What to do about an error of listen, connect or resolve, for the third part of an error line. */
const char *sock_advice(int err);

#endif
