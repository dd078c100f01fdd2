/* core/addr.h - an IP address and port, IPv4 kept as v4-mapped IPv6
 *
 * One form for both families, so that ::ffff:127.0.0.1 and 127.0.0.1 cannot be two things
 * (coturn CVE-2026-27624). */
#ifndef CORE_ADDR_H
#define CORE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sockaddr;
struct sockaddr_storage;

enum { ADDR_STR_MAX = 54 }; /* "[" 39 hex digits and colons or 45 mapped "]:65535" and NUL */

struct addr {
	uint8_t ip[16]; /* network order; IPv4 as ::ffff:a.b.c.d */
	uint16_t port;	/* host order; 0 is none */
};

/* What kind of place an address is; the order has no meaning. */
enum addr_scope {
	ADDR_GLOBAL = 0,
	ADDR_PRIVATE,	  /* RFC 1918, RFC 4193, RFC 6598 */
	ADDR_LOOPBACK,	  /* 127.0.0.0/8, ::1 */
	ADDR_LINK_LOCAL,  /* 169.254.0.0/16 (cloud metadata too), fe80::/10 */
	ADDR_MULTICAST,	  /* 224.0.0.0/4, ff00::/8, broadcast */
	ADDR_UNSPECIFIED, /* 0.0.0.0/8, :: */
	ADDR_EMBEDDED,	  /* IPv6 that carries IPv4: 6to4, Teredo, NAT64, v4-compatible */
	ADDR_METADATA,	  /* cloud metadata elsewhere: fd00:ec2::254, 100.100.100.200, ... */
	ADDR_RESERVED,	  /* 240.0.0.0/4, documentation and benchmark nets, 0100::/64 */
	ADDR_SCOPES,
};

extern const char *const addr_scope_str[ADDR_SCOPES];

/* "192.0.2.1", "192.0.2.1:7100", "2001:db8::1", "[2001:db8::1]:7100". No names, no zones.
 * The port is default_port where none is written. False: not an address. */
bool addr_parse(struct addr *a, const char *s, uint16_t default_port);

/* Decimal, 0 to 65535, and nothing behind it. False: something else. */
bool addr_parse_port(uint16_t *port, const char *s);

/* The reverse of addr_parse, always with a port unless it is 0; returns out. */
const char *addr_format(const struct addr *a, char out[static ADDR_STR_MAX]);
/* Address alone, without brackets or port. */
const char *addr_format_ip(const struct addr *a, char out[static ADDR_STR_MAX]);

bool addr_is_v4(const struct addr *a);
enum addr_scope addr_scope(const struct addr *a);
/* Same address and port; addr_same_ip ignores the port. */
bool addr_eq(const struct addr *a, const struct addr *b);
bool addr_same_ip(const struct addr *a, const struct addr *b);
/* Total order on (ip, port), like memcmp. */
int addr_cmp(const struct addr *a, const struct addr *b);

/* To and from the kernel's form. to: returns the length to pass to bind or connect; the family is
 * AF_INET where addr_is_v4. from: false for other families. */
unsigned addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *ss);
bool addr_from_sockaddr(struct addr *a, const struct sockaddr *sa);

#endif
