/* cmd/forwards.c - a node's forwards in the kernel (net/nft): which there are, and when they end */
#include "cmd/forwards.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>

#include "core/check.h"
#include "core/log.h"
#include "core/secret.h"
#include "net/ct.h"
#include "net/rtnl.h"
#include "net/sock.h"
#include "net/sysctl.h"

enum {
	FORGETS = 64,	  /* at a time: 1.3 ms, so that nobody waits for long, */
	FORGET_MS = 10,   /* and how often: 6,400 a second */
	LAST_BITS = 47,   /* a client that knew this node before a restart has no id of now */
};

static_assert(NAT_FORWARDS_MAX <= 1 << NAT_ID_BITS, "an id names any place");

/* --- the table -------------------------------------------------------------------------------- */

/* SplitMix64's finalizer, as in core/knock. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

static uint16_t *bucket_of(struct forwards *w, const struct forward *f)
{
	uint64_t part[4], h = w->salt ^ f->port;

	memcpy(part, f->client, 16);
	memcpy(part + 2, f->node, 16);
	for (int i = 0; i < 4; i++)
		h = mix(h ^ part[i]);
	return &w->bucket[h % NAT_BUCKETS];
}

/* The forward with the same client, node and port, or NULL. */
static struct forward *same_key(struct forwards *w, const struct forward *key)
{
	for (uint16_t i = *bucket_of(w, key); i; i = w->v[i - 1].next) {
		struct forward *f = &w->v[i - 1];

		if (f->port == key->port && !memcmp(f->client, key->client, 16) &&
		    !memcmp(f->node, key->node, 16))
			return f;
	}
	return NULL;
}

static uint16_t place(const struct forwards *w, const struct forward *f)
{
	return (uint16_t)(f - w->v + 1);
}

static struct forward *take_place(struct forwards *w)
{
	struct forward *f;

	if (w->free) {
		f = &w->v[w->free - 1];
		w->free = f->next;
		return f;
	}
	return w->used < NAT_FORWARDS_MAX ? &w->v[w->used++] : NULL;
}

static void give_place(struct forwards *w, struct forward *f)
{
	f->state = FORWARD_FREE;
	f->next = w->free;
	w->free = place(w, f);
}

static void enter(struct forwards *w, struct forward *f)
{
	uint16_t *b = bucket_of(w, f);

	f->next = *b;
	*b = place(w, f);
}

static void leave(struct forwards *w, struct forward *f)
{
	uint16_t *at = bucket_of(w, f);

	while (*at != place(w, f))
		at = &w->v[*at - 1].next;
	*at = f->next;
	give_place(w, f);
}

/* Where q leads to: an entry that has forwards, or a free one; -1: full. */
static int find_dest(struct forwards *w, const struct forward_ask *q)
{
	uint32_t free = w->dests;

	for (uint32_t i = 0; i < w->dests; i++) {
		struct dest *d = &w->dest[i];

		if (d->forwards && addr_eq(&d->at, &q->dest) && !fp_cmp(&d->device, &q->device))
			return (int)i;
		if (!d->forwards)
			free = i;
	}
	if (free == NAT_DESTS_MAX)
		return -1;
	w->dests += free == w->dests;
	w->dest[free] = (struct dest){ .device = q->device, .at = q->dest };
	return (int)free;
}

static void nft_form(const struct forwards *w, const struct forward *f, struct nft_forward *out)
{
	memcpy(out->client.ip, f->client, 16);
	memcpy(out->node.ip, f->node, 16);
	out->client.port = 0;
	out->node.port = f->port;
	out->device = w->dest[f->dest].at;
}

static uint32_t now_s(const struct forwards *w)
{
	return (uint32_t)(loop_now(w->loop).us / 1000000);
}

/* --- a forward begins ------------------------------------------------------------------------- */

/* The next port that is neither this client's already nor the host's. */
static bool take_port(struct forwards *w, struct forward *f)
{
	for (uint32_t tries = w->hi - w->lo + 1u; tries; tries--) {
		struct addr at;

		w->port = w->port < w->lo || w->port >= w->hi ? w->lo : (uint16_t)(w->port + 1);
		f->port = at.port = w->port;
		memcpy(at.ip, f->node, 16);
		if (!same_key(w, f) && sock_port_free(&at))
			return true;
	}
	return false;
}

/* What comes in from where packets to `to` leave may be forwarded. */
static const char *open_way(struct forwards *w, const struct addr *to, const struct addr *from)
{
	char iface[IF_NAMESIZE];
	uint32_t ifindex;
	int r = rtnl_way(&w->route, to, from, &ifindex);

	if (r)
		return r == -EADDRNOTAVAIL ? "an end is on this host" : "no route";
	if (!if_indextoname(ifindex, iface))
		return "the interface is gone";
	r = sysctl_forwarding(addr_is_v4(to), addr_is_v4(to) ? iface : "all");
	if (r > 0)
		return NULL;
	if (r < 0)
		return "the kernel does not tell whether it forwards";
	if (!addr_is_v4(to))
		return "IPv6 forwarding is off, and not ours to switch on";
	r = nft_guard(&w->nft, ifindex);
	r = r ? r : undo_switch_on(&w->undo, ifindex, iface);
	if (r)
		log_line(LOG_WARN, r, "cannot switch IPv4 forwarding on for %s", iface);
	return r ? "IPv4 forwarding is off" : NULL;
}

static uint32_t clamp_lease(const struct forwards *w, uint32_t s)
{
	return s < NAT_LEASE_MIN_S ? NAT_LEASE_MIN_S : s > w->lease_s_max ? w->lease_s_max : s;
}

/* Into the kernel: 0 or -errno. */
static int install(struct forwards *w, struct forward *f, uint32_t lease_s)
{
	struct nft_forward n = { .lease_ms = lease_s * 1000 };
	int r;

	nft_form(w, f, &n);
	r = nft_add(&w->nft, &n);
	f->end_s = now_s(w) + lease_s + 1; /* not before the kernel */
	return r;
}

static enum open_verdict begin(struct forwards *w, struct forward *f, const struct forward_ask *q,
			       const char **why)
{
	int dest = find_dest(w, q);
	int r;

	memcpy(f->client, q->client.ip, 16);
	memcpy(f->node, q->node.ip, 16);
	f->row = q->row;
	f->dest = (uint16_t)dest;
	if (dest < 0 || !take_port(w, f)) {
		*why = dest < 0 ? "too many destinations" : "no port is free";
		return OPEN_FULL;
	}
	r = install(w, f, clamp_lease(w, q->lease_s));
	if (r) {
		log_line(LOG_WARN, r, "nftables takes no forward");
		return r == -ENFILE ? OPEN_FULL : OPEN_BAD_KIND;
	}
	return OPEN_OK;
}

enum open_verdict forwards_add(struct forwards *w, const struct forward_ask *q, uint64_t *id,
			       uint16_t *port, uint32_t *lease_s, const char **why)
{
	struct forward *f;
	enum open_verdict v;

	*why = addr_is_v4(&q->client) == addr_is_v4(&q->dest) ? NULL : "not of one family";
	*why = *why ? *why : open_way(w, &q->client, &q->node);
	*why = *why ? *why : open_way(w, &q->dest, NULL);
	if (*why)
		return OPEN_BAD_KIND;
	f = take_place(w);
	if (!f)
		return OPEN_FULL;
	v = begin(w, f, q, why);
	if (v != OPEN_OK) {
		give_place(w, f);
		return v;
	}
	f->state = FORWARD_LIVE;
	f->since_s = now_s(w);
	f->id = ++w->last << NAT_ID_BITS | (place(w, f) - 1u);
	w->dest[f->dest].forwards++;
	enter(w, f);
	gate_forward_begin(w->gate, f->row, OPEN_NAT);
	*id = f->id;
	*port = f->port;
	*lease_s = clamp_lease(w, q->lease_s);
	return OPEN_OK;
}

struct forward *forwards_find(struct forwards *w, uint64_t id, uint32_t row)
{
	struct forward *f = &w->v[id % NAT_FORWARDS_MAX];

	return f->state == FORWARD_LIVE && f->id == id && f->row == row ? f : NULL;
}

bool forwards_told(const struct forwards *w, uint32_t place, struct forward_told *out)
{
	const struct forward *f = &w->v[place];
	uint32_t now = now_s(w);

	if (f->state != FORWARD_LIVE)
		return false;
	*out = (struct forward_told){ .id = f->id,
				      .row = f->row,
				      .seconds = now - f->since_s,
				      .left_s = f->end_s > now ? f->end_s - now : 0,
				      .device = w->dest[f->dest].device };
	return true;
}

uint32_t forwards_renew(struct forwards *w, struct forward *f, uint32_t lease_s)
{
	uint32_t granted = clamp_lease(w, lease_s);
	struct nft_forward n = { .lease_ms = granted * 1000 };
	int r;

	nft_form(w, f, &n);
	r = nft_renew(&w->nft, &n);
	if (r) {
		log_line(LOG_WARN, r, "cannot renew forward %llu", (unsigned long long)f->id);
		return 0;
	}
	f->end_s = now_s(w) + granted + 1;
	return granted;
}

/* --- and ends --------------------------------------------------------------------------------- */

/* The kernel does not translate for it any more. */
static void ended(struct forwards *w, struct forward *f)
{
	f->state = FORWARD_ENDED;
	w->ended++;
	gate_forward_end(w->gate, f->row, OPEN_NAT);
}

void forwards_end(struct forwards *w, struct forward *f)
{
	struct nft_forward n = { .lease_ms = 0 };
	int r;

	nft_form(w, f, &n);
	r = nft_remove(&w->nft, &n);
	if (r && r != -ENOENT) /* it goes with its lease */
		log_line(LOG_WARN, r, "cannot remove forward %llu", (unsigned long long)f->id);
	ended(w, f);
}

void forwards_check(struct forwards *w, bool (*stands)(void *owner, const struct dest *d),
		    void *owner)
{
	uint8_t gone[NAT_DESTS_MAX];

	for (uint32_t i = 0; i < w->dests; i++)
		gone[i] = w->dest[i].forwards && !stands(owner, &w->dest[i]);
	for (uint32_t i = 0; i < w->used; i++) {
		struct forward *f = &w->v[i];

		if (f->state != FORWARD_LIVE || (gate_admitted(w->gate, f->row) && !gone[f->dest]))
			continue;
		log_warn("forward %llu ends: client evicted or device gone",
			 (unsigned long long)f->id);
		forwards_end(w, f);
	}
}

static bool doomed(const struct addr *client, const struct addr *node, void *arg)
{
	struct forwards *w = arg;
	struct forward key = { .port = node->port };
	const struct forward *f;

	memcpy(key.client, client->ip, 16);
	memcpy(key.node, node->ip, 16);
	f = same_key(w, &key);
	return f && (w->closing || f->state != FORWARD_LIVE);
}

static int purge(struct forwards *w)
{
	int r = ct_purge(&w->walk, &w->nft.nl, doomed, w);

	if (r < 0)
		log_line(LOG_WARN, r, "cannot purge connections");
	return r;
}

static void forget_one(struct forwards *w, struct forward *f)
{
	struct nft_forward n = { .lease_ms = 0 };
	int r;

	nft_form(w, f, &n);
	r = nft_forget(&w->nft, &n);
	if (r)
		log_line(LOG_WARN, r, "cannot forget forward %llu", (unsigned long long)f->id);
	w->dest[f->dest].forwards--;
	w->purged--;
	leave(w, f);
}

static void forget(struct timer *t, mono_t now)
{
	struct forwards *w = container_of(t, struct forwards, forget);
	uint32_t left = FORGETS;

	for (uint32_t i = 0; i < w->used && w->purged && left; i++)
		if (w->v[i].state == FORWARD_PURGED) {
			forget_one(w, &w->v[i]);
			left--;
		}
	if (w->purged)
		loop_arm(w->loop, t, mono_add_ms(now, FORGET_MS));
}

void forwards_sweep(struct forwards *w)
{
	uint32_t now = now_s(w);

	for (uint32_t i = 0; i < w->used; i++)
		if (w->v[i].state == FORWARD_LIVE && w->v[i].end_s < now)
			ended(w, &w->v[i]);
	if (!w->ended || purge(w) < 0)
		return;
	for (uint32_t i = 0; i < w->used; i++)
		if (w->v[i].state == FORWARD_ENDED)
			w->v[i].state = FORWARD_PURGED;
	w->purged += w->ended;
	w->ended = 0;
	if (!w->forget.armed)
		loop_arm(w->loop, &w->forget, loop_now(w->loop));
}

/* --- all of it -------------------------------------------------------------------------------- */

/* Whether forwarding can be switched on where it is off: what is there already is written again. */
static bool may_switch(const struct forwards *w)
{
	int lo = sysctl_forwarding(true, "lo");

	return sysctl_forwarding(true, "all") > 0 ||
	       (w->undo.fd >= 0 && lo >= 0 && !sysctl_set_forwarding(true, "lo", lo));
}

static const char *nft_reason(int err)
{
	switch (err) {
	case -EPERM:
		return "CAP_NET_ADMIN is missing";
	case -EBUSY:
		return "another process forwards here already";
	default:
		log_line(LOG_INFO, err, "nf_tables");
		return "this kernel has no nf_tables with NAT";
	}
}

static const char *open_rest(struct forwards *w)
{
	int r = nl_open(&w->walk, NETLINK_NETFILTER);

	r = r ? r : nl_open(&w->route, NETLINK_ROUTE);
	if (r)
		return "no netlink socket";
	return may_switch(w) ? NULL : "IPv4 forwarding cannot be switched on";
}

const char *forwards_open(struct forwards *w, const char *undo_path)
{
	int r = undo_open(&w->undo, undo_path);
	const char *why;

	if (r) /* where forwarding is on already it is not needed */
		log_line(LOG_WARN, r, "%s", undo_path);
	w->walk.fd = w->route.fd = -1;
	w->forget.fire = forget;
	secret_bytes(&w->salt, sizeof w->salt);
	secret_bytes(&w->last, sizeof w->last);
	w->last >>= 64 - LAST_BITS;
	r = nft_open(&w->nft);
	why = r ? nft_reason(r) : open_rest(w);
	if (why && !r)
		nft_close(&w->nft);
	if (why) {
		undo_close(&w->undo);
		nl_close(&w->walk);
		nl_close(&w->route);
	}
	return why;
}

void forwards_close(struct forwards *w)
{
	w->closing = true;
	loop_disarm(w->loop, &w->forget);
	undo_all(&w->undo);
	nft_remove_all(&w->nft);
	purge(w);
	nft_close(&w->nft);
	undo_close(&w->undo);
	nl_close(&w->walk);
	nl_close(&w->route);
}
