/* test/sim/manager/world.c - events in order of time, the network and its faults */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "test/sim/manager/sim.h"

enum { CHAOS_US = 12000000, CALM_US = 400000000, EVENTS_MAX = 3000000 };

struct replica_effects sim_fx;

uint64_t rnd(struct rng *g)
{
	uint64_t z = g->s += 0x9e3779b97f4a7c15u; /* splitmix64 */

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

uint32_t below(struct rng *g, uint32_t n)
{
	return (uint32_t)(rnd(g) % n);
}

bool chance(struct rng *g, uint32_t per_mille)
{
	return below(g, 1000) < per_mille;
}

/* Where everybody stands, for who reads a failed seed. */
static void tell(const struct sim *s)
{
	for (uint32_t i = 0; i < NODES_MAX; i++) {
		const struct node *x = &s->node[i];
		const struct replica *r = x->r[0];

		if (x->exists)
			printf("# node %u: up %d evil %d spoiled %d core %d", i, x->up, x->evil,
			       x->spoiled, s->core >> i & 1);
		if (r)
			printf(" config %u view %llu active %d slot %llu stable %llu pending %u "
			       "observer %d suspecting %d", r->config, (unsigned long long)r->view,
			       r->active, (unsigned long long)r->state.slot,
			       (unsigned long long)r->h, r->pending, r->observer, r->suspecting);
		if (x->exists)
			printf("\n");
	}
	for (uint32_t u = 0; u < s->users; u++)
		printf("# user %u: evil %d running %d left %u op %d no %llu signed %d\n", u,
		       s->user[u].evil, s->user[u].running, s->user[u].left, s->user[u].op.type,
		       (unsigned long long)s->user[u].c.no, s->user[u].c.signed_now);
}

void fail(struct sim *s, const char *fmt, ...)
{
	va_list ap;

	printf("# seed %llu faults %u at %.6f s, event %llu: ", (unsigned long long)s->seed,
	       s->faults, (double)s->now_us / 1e6, (unsigned long long)s->events);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	tell(s);
	fflush(stdout);
	exit(3);
}

/* Keys: a secret per number; the tag is a digest of secret and message. */
static void key_pub(uint32_t key, uint8_t pub[static PUB_BYTES])
{
	memset(pub, 0, PUB_BYTES);
	pub[0] = 4;
	pub[1] = (uint8_t)key;
	pub[64] = (uint8_t)~key;
}

static size_t fake_tag(uint32_t key, const void *msg, size_t len, uint8_t *sig)
{
	uint8_t mem[40];

	memset(mem, 0x5a, sizeof mem);
	mem[0] = (uint8_t)key;
	ident_sha256(msg, len, mem + 8);
	ident_sha256(mem, sizeof mem, sig);
	return 32;
}

static size_t fake_sign(void *ctx, const void *msg, size_t len, uint8_t sig[static SIG_BYTES_MAX])
{
	return fake_tag((uint32_t)(uintptr_t)ctx, msg, len, sig);
}

static bool fake_verify(void *ctx, const uint8_t pub[static PUB_BYTES], const void *msg, size_t len,
			const uint8_t *sig, size_t sig_len)
{
	uint8_t want[32];

	(void)ctx;
	fake_tag(pub[1], msg, len, want);
	return sig_len == 32 && !memcmp(want, sig, 32);
}

static bool fake_fp(void *ctx, const uint8_t pub[static PUB_BYTES], struct fp *fp)
{
	(void)ctx;
	if (pub[0] != 4 || (pub[64] ^ pub[1]) != 0xff)
		return false;
	ident_sha256(pub, PUB_BYTES, fp->b);
	return true;
}

void signer_fake(struct signer *x, uint32_t key)
{
	*x = (struct signer){ .ctx = (void *)(uintptr_t)key, .sign = fake_sign,
			      .verify = fake_verify, .fp_of = fake_fp };
	key_pub(key, x->pub);
}

/* Kept: half of a run's time would go into these digests. */
void key_fp(uint32_t key, struct fp *fp)
{
	static struct fp known[KEYS];
	static bool have[KEYS];
	uint8_t pub[PUB_BYTES];

	MUST(key < KEYS);
	if (!have[key]) {
		key_pub(key, pub);
		have[key] = fake_fp(NULL, pub, &known[key]);
	}
	*fp = known[key];
}

uint32_t node_of(const struct sim *s, const struct fp *fp)
{
	struct fp have;

	for (uint32_t i = 0; i < NODES_MAX; i++) {
		key_fp(s->node[i].key, &have);
		if (s->node[i].exists && fp_eq(&have, fp))
			return i;
	}
	return NODES_MAX;
}

/* The heap, by time and then by order of posting. */
static bool sooner(const struct event *a, const struct event *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

void post(struct sim *s, struct event e, int64_t delay_us)
{
	size_t i = s->heap_n++;

	if (s->heap_n > s->heap_cap) {
		s->heap_cap = s->heap_cap * 2 + 1024;
		s->heap = realloc(s->heap, s->heap_cap * sizeof *s->heap);
	}
	e.at_us = s->now_us + delay_us;
	e.order = ++s->order;
	for (; i && sooner(&e, &s->heap[(i - 1) / 2]); i = (i - 1) / 2)
		s->heap[i] = s->heap[(i - 1) / 2];
	s->heap[i] = e;
}

static struct event pop(struct sim *s)
{
	struct event top = s->heap[0], last = s->heap[--s->heap_n];
	size_t i = 0, k;

	while ((k = 2 * i + 1) < s->heap_n) {
		if (k + 1 < s->heap_n && sooner(&s->heap[k + 1], &s->heap[k]))
			k++;
		if (!sooner(&s->heap[k], &last))
			break;
		s->heap[i] = s->heap[k];
		i = k;
	}
	s->heap[i] = last;
	return top;
}

static int64_t delay(struct sim *s)
{
	int64_t us = 50 + below(&s->net, 400);

	if (chance(&s->net, s->slow))
		us += below(&s->net, 1000) * (int64_t)(1 + below(&s->net, 1500));
	return us;
}

bool is_inside(const struct sim *s, uint32_t end)
{
	return end >= NODES_MAX || (s->core & 1u << end);
}

void packet(struct sim *s, uint32_t from, uint32_t to, const uint8_t *p, size_t len)
{
	packet_late(s, from, to, p, len, 0);
}

void packet_late(struct sim *s, uint32_t from, uint32_t to, const uint8_t *p, size_t len,
		 int64_t late_us)
{
	bool good = s->calm && is_inside(s, from) && is_inside(s, to);
	int copies = 1;

	if (s->cut[from][to] || (!good && chance(&s->net, s->loss)))
		return;
	if (!good && chance(&s->net, s->dup))
		copies = 2;
	while (copies--) {
		struct event e = { .type = EV_PACKET, .from = from, .to = to, .len = len };

		e.bytes = malloc(len + 1);
		memcpy(e.bytes, p, len);
		post(s, e, late_us + (good ? 50 + below(&s->net, 400) : delay(s)));
	}
}

static void handle(struct sim *s, const struct event *e)
{
	struct replica_event ev = { .type = REPLICA_TIMER };
	struct node *x = e->to < NODES_MAX ? &s->node[e->to] : NULL;

	switch (e->type) {
	case EV_PACKET:
		if (e->to >= NODES_MAX)
			user_packet(s, e);
		else
			node_packet(s, e);
		break;
	case EV_TIMER:
		if (x->up && x->timer[e->from] == e->tag && !evil_idles(s, e->to))
			node_event(s, e->to, (int)e->from, &ev);
		break;
	case EV_BOOT:
		if (!x->up)
			node_boot(s, e->to);
		break;
	case EV_CRASH:
		if (x->up && x->life == e->tag)
			node_crash(s, e->to);
		break;
	case EV_SAVED:
		node_saved(s, e);
		break;
	case EV_USER:
		user_next(s, e->to);
		break;
	case EV_USER_FORGETS:
		user_forgets(s, e->to, e->tag);
		break;
	case EV_USER_WITHDRAWS:
		user_withdraws(s, e->to, e->tag);
		break;
	case EV_USER_TIMER:
		if (s->user[e->to].timer == e->tag)
			user_timer(s, e->to);
		break;
	case EV_USER_LINK:
		user_link(s, e->to, (uint32_t)e->tag);
		break;
	case EV_FAULTS:
		if (!s->calm)
			faults_change(s);
		break;
	}
}

bool users_done(const struct sim *s)
{
	for (uint32_t u = 0; u < s->users; u++)
		if (!s->user[u].evil && (s->user[u].left || s->user[u].running))
			return false;
	return true;
}

static void set_up(struct sim *s)
{
	s->n = 3 * s->faults + 1;
	s->users = 3 + below(&s->load, USERS_MAX - 3);
	s->cluster = (struct cluster){ .faults = s->faults, .n = s->n };
	for (uint32_t i = 0; i < NODES_MAX; i++)
		s->node[i].key = i;
	for (uint32_t i = 0; i < s->n; i++)
		key_fp(i, &s->cluster.replica[i].fp);
	faults_begin(s);
	work_roles(s);
	state_init(s->oracle, &s->cluster);
	model_reset(s);
	for (uint32_t i = 0; i < s->n; i++) {
		struct node *x = &s->node[i];

		x->exists = x->disk.fresh = true;
		x->file = s->cluster;
		x->clock_us = (int64_t)below(&s->fault, 300000) - 150000;
		if (x->evil == EVIL_CLOCK)
			x->clock_us *= 40;
		node_boot(s, i);
	}
	for (uint32_t u = 0; u < s->users; u++)
		user_start(s, u);
}

static void seed_streams(struct sim *s)
{
	struct rng g = { s->seed };

	s->net.s = rnd(&g);
	s->fault.s = rnd(&g);
	s->disk.s = rnd(&g);
	s->load.s = rnd(&g);
	s->lie.s = rnd(&g);
}

static void sweep_up(struct sim *s)
{
	while (s->heap_n)
		free(s->heap[--s->heap_n].bytes);
	for (uint32_t i = 0; i < KEPT_MAX; i++)
		free(s->kept[i].bytes);
	node_forget(s);
}

bool world_run(struct sim *s, uint64_t seed, uint32_t faults, bool verbose)
{
	struct event *heap = s->heap;
	size_t cap = s->heap_cap;
	struct state *oracle = s->oracle;
	struct seen_slot *slot = s->slot;

	memset(s, 0, sizeof *s);
	s->heap = heap;
	s->heap_cap = cap;
	s->oracle = oracle;
	s->slot = slot;
	s->seed = seed;
	s->faults = faults;
	s->verbose = verbose;
	s->now_us = 1000000000;
	check_reset(s);
	seed_streams(s);
	set_up(s);
	while (s->heap_n) {
		struct event e = pop(s);

		s->now_us = e.at_us;
		s->events++;
		s->trace = (s->trace ^ (uint64_t)e.at_us ^ e.type << 8 ^ e.to ^ e.len) *
			   1099511628211u;
		if (!s->calm && s->now_us > 1000000000 + CHAOS_US)
			faults_heal(s);
		handle(s, &e);
		free(e.bytes);
		if (s->scene != SCENE_CHAOS)
			check_scene(s);
		if (s->calm && users_done(s) && live_settled(s))
			break;
		if (!s->rounds && s->now_us > 1000000000 + CHAOS_US + CALM_US)
			fail(s, "L1: an operation is not done %d s after all was healed",
			     CALM_US / 1000000);
		if (s->events > EVENTS_MAX)
			fail(s, "too many events: somebody is chattering");
	}
	sweep_up(s);
	return true;
}
