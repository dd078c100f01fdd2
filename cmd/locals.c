/* cmd/locals.c - the local addresses that paths may begin at, each with its network device */
#include "cmd/locals.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "net/sock.h"

static bool usable(const struct ifaddrs *i, struct addr *a)
{
	enum addr_scope scope;

	if (!i->ifa_addr || !(i->ifa_flags & IFF_UP) || (i->ifa_flags & IFF_LOOPBACK))
		return false;
	if (!addr_from_sockaddr(a, i->ifa_addr) || strlen(i->ifa_name) >= ICMP_DEVICE_MAX)
		return false;
	a->port = 0;
	scope = addr_scope(a);
	return scope != ADDR_LINK_LOCAL && scope != ADDR_LOOPBACK && scope != ADDR_UNSPECIFIED;
}

int locals_list(struct locals *l, const struct addr *only)
{
	static const struct addr nobody;
	bool all = addr_same_ip(only, &nobody);
	struct ifaddrs *list;

	l->n = 0;
	if (getifaddrs(&list))
		return -errno;
	for (const struct ifaddrs *i = list; i && l->n < LOCALS_MAX; i = i->ifa_next) {
		struct local *v = &l->v[l->n];

		if (!usable(i, &v->addr) || (!all && !addr_same_ip(&v->addr, only)))
			continue;
		snprintf(v->device, sizeof v->device, "%s", i->ifa_name);
		l->n++;
	}
	freeifaddrs(list);
	return 0;
}

static bool device_taken(const struct locals *l, const uint32_t *out, uint32_t n,
			 const char *device)
{
	for (uint32_t k = 0; k < n; k++)
		if (!strcmp(l->v[out[k]].device, device))
			return true;
	return false;
}

uint32_t locals_toward(const struct locals *l, const struct addr *to, uint32_t *out)
{
	uint32_t n = 0;

	if (sock_is_own(to))
		return 0;
	for (uint32_t i = 0; i < l->n; i++) {
		const struct local *v = &l->v[i];

		if (addr_is_v4(&v->addr) != addr_is_v4(to) || device_taken(l, out, n, v->device))
			continue;
		if (!icmp_route(&v->addr, to, v->device))
			out[n++] = i;
	}
	return n;
}
