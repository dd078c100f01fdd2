/* core/addr.c - an IP address and port, IPv4 kept as v4-mapped IPv6 */
#include "core/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/check.h"

const char *const addr_scope_str[ADDR_SCOPES] = {
	[ADDR_GLOBAL] = "global",
	[ADDR_PRIVATE] = "private",
	[ADDR_LOOPBACK] = "loopback",
	[ADDR_LINK_LOCAL] = "link-local",
	[ADDR_MULTICAST] = "multicast",
	[ADDR_UNSPECIFIED] = "unspecified",
	[ADDR_EMBEDDED] = "embedded IPv4",
	[ADDR_METADATA] = "cloud metadata",
	[ADDR_RESERVED] = "reserved",
};
static_assert(ARRAY_LEN(addr_scope_str) == ADDR_SCOPES, "a name for every scope");

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

/* Prefixes with a meaning, most specific first. IPv4 ones are written in mapped form, so their
 * lengths are 96 more than usual. Sources: the IANA special-purpose registries (RFC 6890) and the
 * metadata addresses of AWS, Alibaba and Oracle. */
static const struct {
	uint8_t ip[16];
	uint8_t bits;
	enum addr_scope scope;
} special[] = {
#define V4(a, b, c, d) { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d }
	{ V4(100, 100, 100, 200), 128, ADDR_METADATA },
	{ V4(192, 0, 0, 192), 128, ADDR_METADATA },
	{ V4(168, 63, 129, 16), 128, ADDR_METADATA },
	{ V4(255, 255, 255, 255), 128, ADDR_MULTICAST },
	{ V4(192, 0, 2, 0), 120, ADDR_RESERVED },
	{ V4(198, 51, 100, 0), 120, ADDR_RESERVED },
	{ V4(203, 0, 113, 0), 120, ADDR_RESERVED },
	{ V4(192, 0, 0, 0), 120, ADDR_RESERVED },
	{ V4(169, 254, 0, 0), 112, ADDR_LINK_LOCAL },
	{ V4(192, 168, 0, 0), 112, ADDR_PRIVATE },
	{ V4(198, 18, 0, 0), 111, ADDR_RESERVED },
	{ V4(172, 16, 0, 0), 108, ADDR_PRIVATE },
	{ V4(100, 64, 0, 0), 106, ADDR_PRIVATE },
	{ V4(10, 0, 0, 0), 104, ADDR_PRIVATE },
	{ V4(127, 0, 0, 0), 104, ADDR_LOOPBACK },
	{ V4(0, 0, 0, 0), 104, ADDR_UNSPECIFIED },
	{ V4(224, 0, 0, 0), 100, ADDR_MULTICAST },
	{ V4(240, 0, 0, 0), 100, ADDR_RESERVED },
	{ V4(0, 0, 0, 0), 96, ADDR_GLOBAL },
#undef V4
	{ { [15] = 1 }, 128, ADDR_LOOPBACK },
	{ { 0 }, 128, ADDR_UNSPECIFIED },
	{ { 0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54 }, 128, ADDR_METADATA },
	{ { 0, 0x64, 0xff, 0x9b }, 96, ADDR_EMBEDDED },
	{ { [8] = 0xff, [9] = 0xff }, 96, ADDR_EMBEDDED },
	{ { 0 }, 96, ADDR_EMBEDDED },
	{ { 0x01, 0x00 }, 64, ADDR_RESERVED },
	{ { 0, 0x64, 0xff, 0x9b, 0, 1 }, 48, ADDR_EMBEDDED },
	{ { 0x20, 0x01, 0x0d, 0xb8 }, 32, ADDR_RESERVED },
	{ { 0x20, 0x01, 0x00, 0x00 }, 32, ADDR_EMBEDDED },
	{ { 0x3f, 0xff }, 20, ADDR_RESERVED }, /* RFC 9637 */
	{ { 0x20, 0x02 }, 16, ADDR_EMBEDDED },
	{ { 0xfe, 0x80 }, 10, ADDR_LINK_LOCAL },
	{ { 0xfe, 0xc0 }, 10, ADDR_PRIVATE },
	{ { 0xff }, 8, ADDR_MULTICAST },
	{ { 0xfc }, 7, ADDR_PRIVATE },
};

static bool in_prefix(const uint8_t ip[16], const uint8_t net[16], unsigned bits)
{
	unsigned whole = bits / 8;
	unsigned rest = bits % 8;

	if (memcmp(ip, net, whole))
		return false;
	return !rest || (ip[whole] ^ net[whole]) >> (8 - rest) == 0;
}

enum addr_scope addr_scope(const struct addr *a)
{
	for (size_t i = 0; i < ARRAY_LEN(special); i++)
		if (in_prefix(a->ip, special[i].ip, special[i].bits))
			return special[i].scope;
	return ADDR_GLOBAL;
}

bool addr_parse_port(uint16_t *port, const char *s)
{
	unsigned long v;
	char *end;

	if (*s < '0' || *s > '9')
		return false;
	v = strtoul(s, &end, 10);
	if (*end || end - s > 5 || v > UINT16_MAX)
		return false;
	*port = (uint16_t)v;
	return true;
}

static bool parse_ip(struct addr *a, const char *s)
{
	memcpy(a->ip, mapped, sizeof mapped);
	if (inet_pton(AF_INET, s, a->ip + 12) == 1)
		return true;
	return inet_pton(AF_INET6, s, a->ip) == 1;
}

bool addr_parse(struct addr *a, const char *s, uint16_t default_port)
{
	char host[INET6_ADDRSTRLEN];
	const char *from = *s == '[' ? s + 1 : s;
	const char *end = *s == '[' ? strchr(s, ']') : strchr(s, ':');
	const char *port;

	*a = (struct addr){ .port = default_port };
	if (*s != '[' && end && strchr(end + 1, ':'))
		return parse_ip(a, s);
	if (*s == '[' && !end)
		return false;
	if (!end)
		end = s + strlen(s);
	if ((size_t)(end - from) >= sizeof host)
		return false;
	memcpy(host, from, (size_t)(end - from));
	host[end - from] = 0;
	port = *end == ']' ? end + 1 : end;
	if (*port && (*port != ':' || !addr_parse_port(&a->port, port + 1)))
		return false;
	return parse_ip(a, host) && (*s != '[' || strchr(host, ':'));
}

const char *addr_format_ip(const struct addr *a, char out[static ADDR_STR_MAX])
{
	bool v4 = addr_is_v4(a);

	if (!inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? a->ip + 12 : a->ip, out, ADDR_STR_MAX))
		out[0] = 0;
	return out;
}

const char *addr_format(const struct addr *a, char out[static ADDR_STR_MAX])
{
	char ip[ADDR_STR_MAX];

	addr_format_ip(a, ip);
	if (!a->port)
		snprintf(out, ADDR_STR_MAX, "%s", ip);
	else
		snprintf(out, ADDR_STR_MAX, addr_is_v4(a) ? "%.45s:%u" : "[%.45s]:%u", ip, a->port);
	return out;
}

bool addr_is_v4(const struct addr *a)
{
	return !memcmp(a->ip, mapped, sizeof mapped);
}

bool addr_same_ip(const struct addr *a, const struct addr *b)
{
	return !memcmp(a->ip, b->ip, sizeof a->ip);
}

bool addr_eq(const struct addr *a, const struct addr *b)
{
	return addr_same_ip(a, b) && a->port == b->port;
}

int addr_cmp(const struct addr *a, const struct addr *b)
{
	int d = memcmp(a->ip, b->ip, sizeof a->ip);

	return d ? d : (a->port > b->port) - (a->port < b->port);
}

unsigned addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *ss)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(a->port) };
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(a->port) };

	memset(ss, 0, sizeof *ss);
	memcpy(&v4.sin_addr, a->ip + 12, 4);
	memcpy(&v6.sin6_addr, a->ip, 16);
	if (addr_is_v4(a))
		memcpy(ss, &v4, sizeof v4);
	else
		memcpy(ss, &v6, sizeof v6);
	return addr_is_v4(a) ? sizeof v4 : sizeof v6;
}

bool addr_from_sockaddr(struct addr *a, const struct sockaddr *sa)
{
	struct sockaddr_in6 v6;
	struct sockaddr_in v4;

	*a = (struct addr){ 0 };
	if (sa->sa_family == AF_INET) {
		memcpy(&v4, sa, sizeof v4);
		memcpy(a->ip, mapped, sizeof mapped);
		memcpy(a->ip + 12, &v4.sin_addr, 4);
		a->port = ntohs(v4.sin_port);
		return true;
	}
	if (sa->sa_family != AF_INET6)
		return false;
	memcpy(&v6, sa, sizeof v6);
	memcpy(a->ip, &v6.sin6_addr, 16);
	a->port = ntohs(v6.sin6_port);
	return true;
}
