/* cmd/locals.c - the local addresses that paths may begin at, each with its network device */
#include "cmd/locals.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "core/log.h"
#include "core/loop.h"
#include "net/route.h"
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

/* Two addresses of one net are one way out; IPv6 hosts often have a second that changes daily. */
static struct addr net_of(const struct addr *a, const struct sockaddr *mask)
{
	struct addr net = *a, m;
	bool v4 = addr_is_v4(a);

	if (!mask || !addr_from_sockaddr(&m, mask))
		return net;
	for (int i = v4 ? 12 : 0; i < 16; i++)
		net.ip[i] &= !v4 && i >= 8 ? 0 : m.ip[i];
	return net;
}

static void take_age(const struct addr *a, unsigned ifindex, mono_t since, void *arg)
{
	struct locals *l = arg;
	int64_t us = mono_diff_us(mono_now(), since);

	for (uint32_t i = 0; us >= 0 && i < l->n; i++)
		if (addr_same_ip(&l->v[i].addr, a) && if_nametoindex(l->v[i].device) == ifindex)
			l->v[i].age_s = us / 1000000;
}

int64_t locals_age_s(const struct locals *l, const struct addr *a, const char *device)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (addr_same_ip(&l->v[i].addr, a) && !strcmp(l->v[i].device, device))
			return l->v[i].age_s;
	return INT64_MAX;
}

int locals_list(struct locals *l, const struct addr *only)
{
	static const struct addr nobody;
	bool all = addr_same_ip(only, &nobody);
	struct ifaddrs *list;
	int r;

	l->n = 0;
	if (getifaddrs(&list))
		return -errno;
	for (const struct ifaddrs *i = list; i && l->n < LOCALS_MAX; i = i->ifa_next) {
		struct local *v = &l->v[l->n];

		if (!usable(i, &v->addr) || (!all && !addr_same_ip(&v->addr, only)))
			continue;
		snprintf(v->device, sizeof v->device, "%s", i->ifa_name);
		v->net = net_of(&v->addr, i->ifa_netmask);
		v->asked = v->routed = false;
		v->age_s = INT64_MAX;
		l->n++;
	}
	freeifaddrs(list);
	r = route_addresses(take_age, l);
	if (r)
		log_line(LOG_INFO, r, "the age of local addresses");
	return 0;
}

static bool net_taken(const struct locals *l, const uint32_t *out, uint32_t n,
		      const struct local *v)
{
	for (uint32_t k = 0; k < n; k++) {
		const struct local *o = &l->v[out[k]];

		if (!strcmp(o->device, v->device) && addr_same_ip(&o->net, &v->net))
			return true;
	}
	return false;
}

uint32_t locals_toward(struct locals *l, const struct addr *to, uint32_t *out)
{
	uint32_t n = 0;

	if (sock_is_own(to))
		return 0;
	for (uint32_t i = 0; i < l->n; i++) {
		struct local *v = &l->v[i];

		if (addr_is_v4(&v->addr) != addr_is_v4(to) || net_taken(l, out, n, v))
			continue;
		v->asked = true;
		if (route_through(&v->addr, v->device, to))
			continue;
		v->routed = true;
		out[n++] = i;
	}
	return n;
}

/* The metric keeps it out of everybody's way: only what is bound to the device takes it. */
const char *locals_route_line(const struct local *v, char out[static LOCALS_ROUTE_MAX])
{
	char text[ADDR_STR_MAX];

	snprintf(out, LOCALS_ROUTE_MAX,
		 "ip %sroute add default via GATEWAY dev %s src %s metric 9999",
		 addr_is_v4(&v->addr) ? "" : "-6 ", v->device, addr_format_ip(&v->addr, text));
	return out;
}
