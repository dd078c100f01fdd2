/* net/icmp.h - probes with a TTL, and the ICMP errors that they provoke
 *
 * Two ways. With CAP_NET_RAW: a raw TCP socket sends what the caller built, a raw ICMP socket hears
 * the errors. Without privilege: connect(2) with IP_TTL and IP_RECVERR, the error's sender read
 * from MSG_ERRQUEUE. Both families. Descriptors are the caller's to close; results are 0 or
 * -errno. */
#ifndef NET_ICMP_H
#define NET_ICMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/addr.h"

enum {
	ICMP_PACKET_MAX = 1500, /* what is longer is cut: a quote stands in the first bytes */
	ICMP_DEVICE_MAX = 16,	/* IFNAMSIZ */
};

/* The local address (with port 0) that the kernel would use toward `to`; device may be NULL. */
int icmp_source(const struct addr *to, const char *device, struct addr *src);

/* The descriptors of one raw flow. */
struct icmp_raw {
	int tcp;     /* to and from dst alone */
	int icmp;    /* errors only */
	int reserve; /* holds src's port, so that no connection of this host uses it meanwhile */
};

/* Opens them for src (port 0: chosen by the kernel, written back) to dst. -EPERM without
 * CAP_NET_RAW. `device` may be NULL. */
int icmp_raw_open(struct icmp_raw *r, struct addr *src, const struct addr *dst, const char *device);
void icmp_raw_close(struct icmp_raw *r);
/* Sends one TCP segment; its checksum is the caller's. */
int icmp_raw_send(const struct icmp_raw *r, const struct addr *dst, uint8_t ttl, const void *seg,
		  size_t len);
/* The next packet of either descriptor: IPv4 with its header, IPv6 without and with *hop_limit set.
 * Bytes, or -errno; -EAGAIN: none. */
ssize_t icmp_raw_recv(int fd, void *pkt, size_t room, struct addr *from, uint8_t *hop_limit);

/* Begins a TCP connection whose SYN has this TTL: a descriptor, or -errno (-EADDRINUSE: another
 * port). from may have port 0; its port is bound for this connection alone. */
int icmp_connect(const struct addr *from, const struct addr *to, uint8_t ttl, const char *device);

struct icmp_error {
	struct addr from; /* who sent the ICMP error; port 0 */
	uint8_t type, code;
};

/* What became of it, once the descriptor is ready: 0 connected, -ECONNREFUSED reset,
 * -EHOSTUNREACH and the like with *e filled when an ICMP error did it (e->from is else all zero),
 * -EINPROGRESS not yet. */
int icmp_connect_result(int fd, struct icmp_error *e);
/* Closes with a reset, so that neither end keeps anything (no TIME_WAIT). */
void icmp_connect_close(int fd);

#endif
