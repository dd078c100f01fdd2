/* core/gate.c - which requests a node lets through: boots, admitted clients, quotas, nonces */
#include "core/gate.h"

#include <stddef.h>
#include <string.h>

#include "core/check.h"
#include "core/secret.h"

void gate_init(struct gate *g, const struct ident *self, struct gate_limits limits, uint64_t salt)
{
	for (int i = 0; i < GATE_BOOTS; i++)
		if (g->boot[i].nonces)
			memset(&g->boot[i], 0, sizeof g->boot[i]);
		else
			memset(&g->boot[i], 0, offsetof(struct gate_boot, seen));
	g->current = g->clients = 0;
	g->share_used = false;
	memset(g->client, 0, sizeof g->client);
	memset(g->forwards, 0, sizeof g->forwards);
	memset(g->count, 0, sizeof g->count);
	g->self = self;
	g->limits = limits;
	g->salt = salt;
}

void gate_fini(struct gate *g)
{
	wipe(g->client, sizeof g->client);
}

bool gate_boot_due(const struct gate *g, mono_t now)
{
	const struct gate_boot *b = &g->boot[g->current];
	int64_t age_us = mono_diff_us(now, b->since);

	return age_us >= BOOT_MS * 1000LL || b->nonces >= NONCES_MAX ||
	       (g->share_used && age_us >= BOOT_MS_MIN * 1000LL);
}

void gate_boot_draw(struct gate *g, const uint8_t id[static BOOT_BYTES], mono_t now)
{
	struct gate_boot *b;

	g->current = (g->current + 1) % GATE_BOOTS;
	b = &g->boot[g->current];
	memcpy(b->id, id, BOOT_BYTES);
	b->since = now;
	if (b->nonces)
		memset(b->seen, 0, sizeof b->seen);
	b->nonces = 0;
	g->share_used = false;
	for (uint32_t i = 0; i < g->clients; i++)
		g->client[i].nonces[g->current] = 0;
}

const uint8_t *gate_boot(const struct gate *g)
{
	return g->boot[g->current].id;
}

mono_t gate_boot_end(const struct gate *g)
{
	return mono_add_ms(g->boot[g->current].since, BOOT_MS);
}

int gate_find(const struct gate *g, const struct fp *fp)
{
	for (uint32_t i = 0; i < g->clients; i++)
		if (!fp_cmp(&g->client[i].fp, fp))
			return (int)i;
	return -1;
}

static bool has_forwards(const struct gate_client *c)
{
	return c->forwards[OPEN_RELAY] || c->forwards[OPEN_NAT];
}

/* A row for a new client: one that nobody needs, else a new one. */
static struct gate_client *take_row(struct gate *g)
{
	for (uint32_t i = 0; i < g->clients; i++)
		if (!g->client[i].admitted && !has_forwards(&g->client[i]))
			return &g->client[i];
	return g->clients < GATE_CLIENTS_MAX ? &g->client[g->clients++] : NULL;
}

static bool admit_one(struct gate *g, const struct fp *fp)
{
	int row = gate_find(g, fp);
	struct gate_client *c;

	if (row >= 0) {
		g->client[row].admitted = true;
		return true;
	}
	c = take_row(g);
	if (!c)
		return false;
	wipe(c, sizeof *c);
	c->fp = *fp;
	c->admitted = true;
	return true;
}

bool gate_admit(struct gate *g, const struct fp *list, uint32_t n)
{
	bool room = true;

	for (uint32_t i = 0; i < g->clients; i++)
		g->client[i].admitted = false;
	/* First those that have a row, so that it is not given away. */
	for (uint32_t i = 0; i < n; i++)
		if (gate_find(g, &list[i]) >= 0)
			admit_one(g, &list[i]);
	for (uint32_t i = 0; i < n; i++)
		room &= admit_one(g, &list[i]);
	return room;
}

bool gate_admitted(const struct gate *g, uint32_t row)
{
	return g->client[row].admitted;
}

/* The number of the boot that the request was sealed for, or -1. A boot that was never drawn is all
 * zeros and has no time. */
static int find_boot(const struct gate *g, const uint8_t *id)
{
	for (int i = 0; i < GATE_BOOTS; i++)
		if (g->boot[i].since.us && ct_eq(g->boot[i].id, id, BOOT_BYTES))
			return i;
	return -1;
}

/* Eight bytes of nonce and client, mixed by a bijection (splitmix64's) under our secret salt. */
static uint64_t nonce_hash(const struct gate *g, const struct gate_client *c, const uint8_t *nonce)
{
	uint64_t x, y;

	memcpy(&x, nonce, sizeof x);
	memcpy(&y, c->fp.b, sizeof y);
	x ^= y ^ g->salt;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

/* True when the nonce is new; remembers it. Half of the slots are empty, so the probe ends. */
static bool nonce_take(struct gate_boot *b, uint64_t hash)
{
	uint32_t at = (uint32_t)(hash % NONCE_SLOTS);
	uint32_t mark = (uint32_t)(hash >> 32);

	mark += !mark;
	for (; b->seen[at]; at = (at + 1) % NONCE_SLOTS)
		if (b->seen[at] == mark)
			return false;
	b->seen[at] = mark;
	b->nonces++;
	return true;
}

/* Whether there may be one more forward of this kind. */
static enum open_verdict check_kind(const struct gate *g, const struct gate_client *c, uint8_t kind)
{
	uint32_t vacant;

	if ((kind != OPEN_RELAY && kind != OPEN_NAT) || !g->limits.kind[kind].forwards)
		return OPEN_BAD_KIND;
	if (c->forwards[kind] >= g->limits.kind[kind].client_forwards)
		return OPEN_QUOTA;
	vacant = g->limits.kind[kind].forwards - g->forwards[kind];
	if (!vacant)
		return OPEN_FULL;
	return c->forwards[kind] < vacant ? OPEN_OK : OPEN_QUOTA;
}

/* The kind is sealed; this much is known before: nothing is left of one, and not even of the
 * other. */
static enum open_verdict check_quota(const struct gate *g, const struct gate_client *c, int boot,
				     enum open_op op)
{
	bool spent = c->nonces[boot] >= NONCES_CLIENT_MAX || g->boot[boot].nonces >= NONCES_MAX;
	enum open_verdict relay = check_kind(g, c, OPEN_RELAY), nat = check_kind(g, c, OPEN_NAT);

	if (spent)
		return boot == (int)g->current ? OPEN_QUOTA : OPEN_STALE_BOOT;
	if (op != OPEN_OPEN || !relay || !nat)
		return OPEN_OK;
	return relay == OPEN_BAD_KIND ? nat : relay;
}

static bool pair_up(struct gate *g, struct gate_client *c, const uint8_t *pub)
{
	if (!c->paired)
		c->paired = open_pair_init(&c->pair, OPEN_NODE, g->self, pub, &c->fp);
	return c->paired;
}

static enum open_verdict judge(struct gate *g, const struct open_request *r,
			       struct open_terms *t, uint32_t *row)
{
	int boot = find_boot(g, r->boot);
	struct gate_client *c;
	enum open_verdict v;
	struct fp fp;
	int found;

	if (boot < 0)
		return OPEN_STALE_BOOT;
	ident_sha256(r->pub, PUB_BYTES, fp.b);
	found = gate_find(g, &fp);
	if (found < 0 || !g->client[found].admitted)
		return OPEN_NOT_ADMITTED;
	*row = (uint32_t)found;
	c = &g->client[found];
	v = check_quota(g, c, boot, r->op);
	if (v)
		return v;
	if (!pair_up(g, c, r->pub) || !open_unseal(t, &c->pair, r))
		return OPEN_BAD_SEAL;
	if (!nonce_take(&g->boot[boot], nonce_hash(g, c, r->nonce)))
		return OPEN_REPLAY;
	g->share_used |= ++c->nonces[boot] >= NONCES_CLIENT_MAX;
	return r->op == OPEN_OPEN ? check_kind(g, c, t->kind) : OPEN_OK;
}

enum open_verdict gate_judge(struct gate *g, const uint8_t *frame, size_t len,
			     struct open_ask *ask, struct open_terms *t, uint32_t *row)
{
	struct open_request r;
	enum open_verdict v = OPEN_BAD_FORM;

	memset(ask, 0, sizeof *ask);
	memset(t, 0, sizeof *t);
	*row = 0;
	if (open_split(&r, frame, len)) {
		open_ask_of(ask, &r);
		v = judge(g, &r, t, row);
	}
	if (v)
		gate_count(g, v);
	return v;
}

void gate_count(struct gate *g, enum open_verdict v)
{
	g->count[v]++;
}

size_t gate_answer(const struct gate *g, uint32_t row, const struct open_ask *ask,
		   struct open_answer *a, uint8_t out[static OPEN_ANSWER_MAX])
{
	memcpy(a->boot, gate_boot(g), BOOT_BYTES);
	return open_answer_make(out, &g->client[row].pair, ask, a);
}

void gate_forward_begin(struct gate *g, uint32_t row, enum open_kind kind)
{
	g->client[row].forwards[kind]++;
	g->forwards[kind]++;
}

void gate_forward_end(struct gate *g, uint32_t row, enum open_kind kind)
{
	MUST(g->client[row].forwards[kind] > 0);
	MUST(g->forwards[kind] > 0);
	g->client[row].forwards[kind]--;
	g->forwards[kind]--;
}
