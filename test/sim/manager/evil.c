/* test/sim/manager/evil.c - what Byzantine replicas do to their messages (MANAGER.md B.11)
 *
 * A liar runs the honest code and bends what it says, to each receiver differently: small changes
 * of real messages find more than noise does (ByzzFuzz). It can sign with its own key alone. */
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "test/sim/manager/sim.h"

static uint8_t bent[REPLICA_FRAME_MAX + 1024];

static void put_u64(uint8_t *p, uint64_t v)
{
	struct buf b;

	buf_init(&b, p, 8);
	buf_put_u64(&b, v);
}

static void keep(struct sim *s, uint32_t from, const uint8_t *p, size_t len)
{
	struct event *e = &s->kept[s->kept_n++ % KEPT_MAX];

	free(e->bytes);
	*e = (struct event){ .from = from, .len = len, .bytes = malloc(len + 1) };
	memcpy(e->bytes, p, len);
}

/* Another batch for the same slot: another time, or a request that nobody made. */
static size_t bend_batch(struct sim *s, size_t len, uint32_t to)
{
	uint8_t *time = bent + MSG_HEAD_BYTES + DIGEST_BYTES;
	struct request q = { 0 };
	uint8_t body[REQUEST_HEAD_BYTES + 1 + 1 + 1 + 3 + 1 + 4];
	struct buf b;
	int64_t ts;

	buf_over(&b, time, 8);
	ts = (int64_t)buf_get_u64(&b);
	if (chance(&s->lie, 600)) {
		put_u64(time, (uint64_t)(ts + 1 + to + (chance(&s->lie, 300) ? 3000000 : 0)));
		return len;
	}
	memset(body, 7, sizeof body); /* a number and a session out of the air, an OUT of "AAA" */
	put_u64(body + SESSION_BYTES, 1);
	body[REQUEST_HEAD_BYTES] = OP_OUT;
	body[REQUEST_HEAD_BYTES + 1] = 1;
	body[REQUEST_HEAD_BYTES + 2] = FIELD_STR;
	body[REQUEST_HEAD_BYTES + 3] = 0;
	body[REQUEST_HEAD_BYTES + 4] = 1;
	key_fp(s->user[0].key, &q.client);
	q.body = body;
	q.body_len = sizeof body;
	buf_init(&b, bent + len, 1024);
	request_put_entry(&b, &q);
	time[9]++; /* the count's low byte */
	return len + b.len;
}

static void sign_again(struct sim *s, uint32_t from, size_t body, const char *domain)
{
	struct node *x = &s->node[from];
	struct replica *r = x->r[0] ? x->r[0] : x->r[1];
	struct buf b;

	if (!r)
		return;
	buf_init(&b, bent, sizeof bent);
	b.len = body;
	sign_end(r, domain, &b);
}

/* A VIEW-CHANGE with a checkpoint out of the air, under which the liar has signed 2f+1 times. */
static size_t bend_cert(struct sim *s, uint32_t from, const struct msg_head *h,
			const struct cert *c)
{
	static struct cert forged;
	struct signer signer;
	struct buf b;

	forged = (struct cert){ .c = c->c, .count = 2 * s->faults + 1 };
	forged.c.config = h->config;
	forged.c.slot += CHECKPOINT_SLOTS;
	forged.c.time_us = 1700001000000000;
	forged.c.digest[0] ^= 1;
	signer_fake(&signer, s->node[from].key);
	for (uint32_t i = 0; i < forged.count; i++) {
		checkpoint_sign(&forged.c, s->oracle->cluster_id, &signer, &forged.sig[i]);
		forged.sig[i].replica = (uint8_t)from;
	}
	buf_init(&b, bent, sizeof bent);
	msg_head_put(&b, MSG_VIEWCHANGE, h->config, h->view, h->slot);
	cert_put(&b, &forged);
	buf_put_u16(&b, 0);
	sign_again(s, from, b.len, "machete viewchange1");
	return b.len + PUB_BYTES + 2 + 32;
}

/* Entries invented, hidden, or with other views and digests. */
static size_t bend_vc(struct sim *s, uint32_t from, size_t len)
{
	struct msg_head h;
	struct cert c;
	struct buf b;
	struct pq e;
	uint8_t *count;
	size_t body;

	buf_over(&b, bent, len);
	if (!msg_head_get(&b, &h) || !cert_get(&b, &c))
		return len;
	if (chance(&s->lie, 150))
		return bend_cert(s, from, &h, &c);
	count = bent + b.pos;
	for (uint32_t n = buf_get_u16(&b); n; n--) {
		uint8_t *at = bent + b.pos;

		if (!entry_get(&b, &e))
			return len;
		if (chance(&s->lie, 300) && e.p)
			bent[b.pos - 1 - below(&s->lie, DIGEST_BYTES)] ^= 1; /* P's digest */
		if (chance(&s->lie, 300) && e.p && h.view)
			put_u64(bent + b.pos - DIGEST_BYTES - 8, below(&s->lie, (uint32_t)h.view));
		if (chance(&s->lie, 200) && e.q)
			at[9 + 8] ^= 1;
	}
	body = b.pos;
	if (chance(&s->lie, 250)) { /* nothing was ever prepared */
		count[0] = count[1] = 0;
		body = (size_t)(count - bent) + 2;
	} else if (chance(&s->lie, 300)) { /* a slot out of the air */
		memset(bent + body, (int)below(&s->lie, 256), 8 + 1 + 80);
		put_u64(bent + body, e.slot && count[1] ? e.slot + 1 : c.c.slot + 1);
		bent[body + 8] = 3;
		put_u64(bent + body + 9, h.view ? h.view - 1 : 0);
		put_u64(bent + body + 9 + 40, h.view ? h.view - 1 : 0);
		body += 8 + 1 + 80;
		count[1]++;
	}
	sign_again(s, from, body, "machete viewchange1");
	return body + PUB_BYTES + 2 + 32;
}

static size_t bend(struct sim *s, uint32_t from, uint32_t to, size_t len)
{
	struct msg_head h;
	struct buf b;
	uint32_t how = below(&s->lie, 10);

	buf_over(&b, bent, len);
	if (!msg_head_get(&b, &h))
		return len;
	if (h.type == MSG_PREPREPARE && how < 8)
		return bend_batch(s, len, to);
	if (h.type == MSG_VIEWCHANGE && how < 9)
		return bend_vc(s, from, len);
	if (h.type == MSG_NEWVIEW && how < 8) { /* another choice, or a VIEW-CHANGE short */
		size_t body = len - PUB_BYTES - 2 - 32;

		bent[body - 1 - below(&s->lie, DIGEST_BYTES)] ^= chance(&s->lie, 500);
		sign_again(s, from, body, "machete newview 1");
		return len;
	}
	if (how < 2)
		put_u64(bent + 5, h.view + below(&s->lie, 3) - (h.view ? 1 : 0));
	else if (how < 4)
		put_u64(bent + 13, h.slot + below(&s->lie, 3) - (h.slot ? 1 : 0));
	else if (how < 8 && len > MSG_HEAD_BYTES)
		bent[MSG_HEAD_BYTES + below(&s->lie, (uint32_t)(len - MSG_HEAD_BYTES))] ^= 1;
	else if (how == 8)
		bent[0] = (uint8_t)(MSG_PREPREPARE + below(&s->lie, MSG_TYPES - MSG_PREPREPARE));
	return len;
}

static uint32_t rate(enum evil evil, enum msg_type type)
{
	switch (evil) {
	case EVIL_MIX:
		return 250;
	case EVIL_EQUIVOCATE:
		if (type == MSG_PREPREPARE)
			return 700;
		return type == MSG_PREPARE || type == MSG_COMMIT ? 200 : 20;
	case EVIL_VIEW:
		return type == MSG_VIEWCHANGE || type == MSG_NEWVIEW ? 800 : 30;
	default:
		return 0;
	}
}

/* Votes for whatever digest the receiver might be voting for. */
static void say_yes(struct sim *s, uint32_t from, uint32_t to)
{
	struct replica *r = s->node[to].up ? s->node[to].r[0] : NULL;
	struct slot *x = r ? slot_at(r, r->state.slot + 1) : NULL;
	struct buf b;

	if (!x || !x->proposed)
		return;
	for (enum msg_type type = MSG_PREPARE; type <= MSG_COMMIT; type++) {
		buf_init(&b, bent, sizeof bent);
		msg_head_put(&b, type, r->config, r->view, r->state.slot + 1);
		buf_put_u16(&b, 1);
		buf_put_bytes(&b, x->d, DIGEST_BYTES);
		packet(s, from, to, bent, b.len);
	}
	if (chance(&s->lie, 50)) {
		buf_init(&b, bent, sizeof bent);
		msg_head_put(&b, MSG_SUSPECT, r->config, r->view, r->state.slot);
		packet(s, from, to, bent, b.len);
	}
}

void evil_send(struct sim *s, uint32_t from, uint32_t to, const uint8_t *p, size_t len)
{
	enum evil evil = s->node[from].evil;
	const struct event *old;

	if (!evil || len > REPLICA_FRAME_MAX) {
		packet(s, from, to, p, len);
		return;
	}
	if (evil == EVIL_SILENT && (to % 2 || chance(&s->lie, 300)))
		return;
	if (chance(&s->lie, 30))
		keep(s, from, p, len);
	old = &s->kept[below(&s->lie, KEPT_MAX)];
	if (old->bytes && old->from == from && chance(&s->lie, 30))
		packet(s, from, to, old->bytes, old->len);
	if (evil != EVIL_SILENT && evil != EVIL_TWIN && chance(&s->lie, 100))
		say_yes(s, from, to);
	memcpy(bent, p, len);
	if (chance(&s->lie, rate(evil, p[0])))
		len = bend(s, from, to, len);
	packet(s, from, to, bent, len);
}

void evil_reply(struct sim *s, uint32_t from, uint32_t user, const uint8_t *p, size_t len)
{
	enum evil evil = s->node[from].evil;

	memcpy(bent, p, len);
	if (evil == EVIL_SILENT)
		return;
	if (evil && evil != EVIL_TWIN && chance(&s->lie, 500))
		bent[below(&s->lie, (uint32_t)len)] ^= 1 + (uint8_t)below(&s->lie, 3);
	packet(s, from, NODES_MAX + user, bent, len);
}
