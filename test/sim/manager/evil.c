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

/* For replay. What others have signed has places of its own. */
static void keep(struct sim *s, uint32_t from, const uint8_t *p, size_t len)
{
	bool is_signed = p[0] == MSG_VIEWCHANGE || p[0] == MSG_NEWVIEW;
	struct event *e = &s->kept[s->kept_n++ % (KEPT_MAX / 2) + (is_signed ? KEPT_MAX / 2 : 0)];

	free(e->bytes);
	*e = (struct event){ .from = from, .len = len, .bytes = malloc(len + 1) };
	memcpy(e->bytes, p, len);
}

/* A number and a session out of the air, an OUT of "AAA" by who never asked for it. */
static void put_forged(struct buf *b)
{
	static uint8_t body[REQUEST_HEAD_BYTES + 1 + 1 + 1 + 3 + 1 + 4];
	struct request q = { .body = body, .body_len = sizeof body };

	memset(body, 7, sizeof body);
	put_u64(body + SESSION_BYTES, 1);
	body[REQUEST_HEAD_BYTES] = OP_OUT;
	body[REQUEST_HEAD_BYTES + 1] = 1;
	body[REQUEST_HEAD_BYTES + 2] = FIELD_STR;
	body[REQUEST_HEAD_BYTES + 3] = 0;
	body[REQUEST_HEAD_BYTES + 4] = 1;
	key_fp(NODES_MAX, &q.client); /* user 0's */
	request_put_entry(b, &q);
}

/* Another batch for the same slot: another time, or a request that nobody made. */
static size_t bend_batch(struct sim *s, size_t len, uint32_t to)
{
	uint8_t *time = bent + MSG_HEAD_BYTES + DIGEST_BYTES;
	struct buf b;
	int64_t ts;

	buf_over(&b, time, 8);
	ts = (int64_t)buf_get_u64(&b);
	if (chance(&s->lie, 600)) {
		put_u64(time, (uint64_t)(ts + 1 + to));
		return len;
	}
	buf_init(&b, bent + len, 1024);
	put_forged(&b);
	time[9]++; /* the count's low byte */
	return len + b.len;
}

/* A batch for the open slot that the liar alone has, and gives to who asks for it. */
static void forge(struct sim *s, struct node *x, const struct replica *r, uint8_t *d)
{
	struct buf b;

	buf_init(&b, x->forged, sizeof x->forged);
	buf_put_bytes(&b, r->state.digest, DIGEST_BYTES);
	buf_put_u64(&b, (uint64_t)r->state.time_us + 1);
	buf_put_u16(&b, 1);
	put_forged(&b);
	MUST(buf_ok(&b));
	x->forged_len = b.len;
	x->forged_slot = r->state.slot + 1;
	batch_digest(s->oracle->cluster_id, r->config, x->forged_slot, b.mem, b.len, d);
}

static void give_forged(struct sim *s, const struct event *e)
{
	const struct node *x = &s->node[e->to];
	struct msg_head h;
	struct buf b;

	buf_over(&b, e->bytes, e->len);
	if (!msg_head_get(&b, &h) || h.slot != x->forged_slot)
		return;
	buf_init(&b, bent, sizeof bent);
	msg_head_put(&b, MSG_BODY, h.config, h.view, h.slot);
	buf_put_bytes(&b, x->forged, x->forged_len);
	packet(s, e->to, e->from, bent, b.len);
}

bool evil_hears(struct sim *s, const struct event *e)
{
	enum evil evil = s->node[e->to].evil;
	bool from_node = e->from < NODES_MAX;

	if (from_node && evil && e->bytes[0] == MSG_FETCH)
		give_forged(s, e);
	if (from_node && e->bytes[0] == MSG_VIEWCHANGE)
		keep(s, e->to, e->bytes, e->len);
	return evil == EVIL_CENSOR &&
	       (from_node ? e->bytes[0] == MSG_FORWARD : e->from == NODES_MAX);
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

/* A checkpoint out of the air, under which the liar has signed 2f+1 times, alone or in a
 * VIEW-CHANGE. */
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
	msg_head_put(&b, h->type, h->config, h->view, h->slot);
	cert_put(&b, &forged);
	if (h->type == MSG_STABLE)
		return b.len;
	buf_put_u16(&b, 0);
	sign_again(s, from, b.len, "machete viewchange1");
	return b.len + PUB_BYTES + 2 + 32;
}

enum { VC_CERT, VC_HIDE, VC_INVENT, VC_LATER, VC_EARLIER, VC_OTHER, VC_TRICKS };

/* One entry of a VIEW-CHANGE for `view`, which begins at `at` and ends before `end`. */
static void bend_entry(struct sim *s, uint32_t trick, uint64_t view, const struct pq *e,
		       uint8_t *at, uint8_t *end)
{
	uint8_t *p_d = end - DIGEST_BYTES, *p_view = p_d - 8;

	if (e->p && trick == VC_LATER) { /* something else was prepared, and later */
		p_d[0] ^= 1;
		put_u64(p_view, view - 1);
	}
	if (e->p && trick == VC_EARLIER && chance(&s->lie, 500))
		put_u64(p_view, below(&s->lie, (uint32_t)view));
	if (e->p && trick == VC_OTHER && chance(&s->lie, 500))
		p_d[below(&s->lie, DIGEST_BYTES)] ^= 1;
	if (e->q && trick == VC_OTHER && chance(&s->lie, 200))
		at[9 + 8] ^= 1;
}

/* The entries of slots before the open one, and one for a forged batch in it. */
static size_t invent(struct sim *s, uint32_t from, uint64_t view, uint8_t *count)
{
	struct node *x = &s->node[from];
	uint32_t kept = 0;
	uint8_t d[DIGEST_BYTES];
	struct buf b;
	struct pq e;
	size_t body;

	forge(s, x, x->r[0], d);
	buf_over(&b, count, sizeof bent - (size_t)(count - bent));
	for (uint32_t n = buf_get_u16(&b); n; n--, kept++) {
		body = b.pos;
		if (!entry_get(&b, &e) || e.slot >= x->forged_slot) {
			b.pos = body;
			break;
		}
	}
	body = (size_t)(count - bent) + b.pos;
	buf_init(&b, bent + body, sizeof bent - body);
	buf_put_u64(&b, x->forged_slot);
	buf_put_u8(&b, 3);
	for (int k = 0; k < 2; k++) {
		buf_put_u64(&b, view - 1);
		buf_put_bytes(&b, d, DIGEST_BYTES);
	}
	MUST(buf_ok(&b));
	count[0] = (uint8_t)((kept + 1) >> 8);
	count[1] = (uint8_t)(kept + 1);
	return body + b.len;
}

/* Entries invented, hidden, or with other views and digests. */
static size_t bend_vc(struct sim *s, uint32_t from, size_t len)
{
	uint32_t trick = below(&s->lie, VC_TRICKS);
	struct msg_head h;
	struct cert c;
	struct buf b;
	struct pq e;
	uint8_t *count;
	size_t body;

	buf_over(&b, bent, len);
	if (!msg_head_get(&b, &h) || !cert_get(&b, &c) || !h.view || !s->node[from].r[0])
		return len;
	if (trick == VC_CERT)
		return bend_cert(s, from, &h, &c);
	count = bent + b.pos;
	for (uint32_t n = buf_get_u16(&b); n; n--) {
		uint8_t *at = bent + b.pos;

		if (!entry_get(&b, &e))
			return len;
		bend_entry(s, trick, h.view, &e, at, bent + b.pos);
	}
	body = b.pos;
	if (trick == VC_HIDE) {
		count[0] = count[1] = 0;
		body = (size_t)(count - bent) + 2;
	} else if (trick == VC_INVENT) {
		body = invent(s, from, h.view, count);
	}
	sign_again(s, from, body, "machete viewchange1");
	return body + PUB_BYTES + 2 + 32;
}

/* Another choice, or built on fewer VIEW-CHANGEs than it takes, or of a later view of its own. */
static size_t bend_nv(struct sim *s, uint32_t from, size_t len)
{
	size_t body = len - PUB_BYTES - 2 - 32;
	uint8_t *count = bent + MSG_HEAD_BYTES, keep = 1 + (uint8_t)below(&s->lie, 2 * s->faults);

	if (chance(&s->lie, 300)) {
		struct msg_head h;
		struct buf b;

		buf_over(&b, bent, len);
		MUST(msg_head_get(&b, &h));
		put_u64(bent + 5, h.view + s->n);
	} else if (chance(&s->lie, 500)) {
		bent[body - 1 - below(&s->lie, DIGEST_BYTES)] ^= 1;
	} else if (*count > keep) {
		size_t cut = (size_t)(*count - keep) * (1 + DIGEST_BYTES);

		memmove(bent + body - cut - DIGEST_BYTES, bent + body - DIGEST_BYTES, DIGEST_BYTES);
		*count = keep;
		body -= cut;
	}
	sign_again(s, from, body, "machete newview 1");
	return body + PUB_BYTES + 2 + 32;
}

static size_t bend(struct sim *s, uint32_t from, uint32_t to, size_t len)
{
	struct msg_head h;
	struct cert c;
	struct buf b;
	uint32_t how = below(&s->lie, 10);

	buf_over(&b, bent, len);
	if (!msg_head_get(&b, &h))
		return len;
	if (h.type == MSG_PREPREPARE && how < 8)
		return bend_batch(s, len, to);
	if (h.type == MSG_VIEWCHANGE && how < 9)
		return bend_vc(s, from, len);
	if (h.type == MSG_NEWVIEW && how < 8)
		return bend_nv(s, from, len);
	if (h.type == MSG_STABLE && how < 5 && cert_get(&b, &c))
		return bend_cert(s, from, &h, &c);
	if (h.type == MSG_BODY || h.type == MSG_CHUNK)
		how = 4; /* their content is what matters */
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
		return type == MSG_BODY || type == MSG_CHUNK ? 800 : 250;
	case EVIL_EQUIVOCATE:
		if (type == MSG_PREPREPARE)
			return 700;
		return type == MSG_PREPARE || type == MSG_COMMIT ? 200 : 20;
	case EVIL_VIEW:
		if (type == MSG_VIEWCHANGE || type == MSG_NEWVIEW || type == MSG_STABLE)
			return 800;
		return 30;
	default:
		return 0;
	}
}

static void suspect(struct sim *s, uint32_t from, uint32_t to, const struct replica *r)
{
	struct buf b;

	buf_init(&b, bent, sizeof bent);
	msg_head_put(&b, MSG_SUSPECT, r->config, r->view, r->state.slot);
	packet(s, from, to, bent, b.len);
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
	if (chance(&s->lie, 50))
		suspect(s, from, to, r);
}

/* A VIEW-CHANGE that an honest replica signed for a view of this number in another configuration,
 * to who collects those of this one. */
static void replay_signed(struct sim *s, uint32_t from, uint32_t to)
{
	const struct replica *r = s->node[to].up ? s->node[to].r[0] : NULL;

	for (uint32_t i = KEPT_MAX / 2; r && i < KEPT_MAX; i++) {
		const struct event *old = &s->kept[i];
		struct msg_head h;
		struct buf b;

		buf_over(&b, old->bytes, old->len);
		if (old->bytes && old->from == from && msg_head_get(&b, &h) &&
		    h.config != r->config && h.view == r->view + r->active)
			packet(s, from, to, old->bytes, old->len);
	}
}

/* No heartbeats from this one. */
bool evil_idles(const struct sim *s, uint32_t i)
{
	const struct node *x = &s->node[i];

	return x->evil == EVIL_DRIP && s->drip == DRIP_CLOCK && !x->r[0]->pending;
}

static void drip(struct sim *s, uint32_t from, uint32_t to, const uint8_t *p, size_t len)
{
	struct batch batch;
	struct request q;

	memcpy(bent, p, len);
	if (p[0] != MSG_PREPREPARE ||
	    !batch_get(&batch, p + MSG_HEAD_BYTES, len - MSG_HEAD_BYTES)) {
		packet(s, from, to, p, len);
		return;
	}
	if (s->drip == DRIP_CLOCK && !batch.count)
		return;
	if (s->drip == DRIP_ONE && batch.count > 1) {
		MUST(request_get_entry(&batch.requests, &q));
		len = MSG_HEAD_BYTES + BATCH_HEAD_BYTES + request_entry_bytes(&q);
		bent[MSG_HEAD_BYTES + BATCH_HEAD_BYTES - 1] = 1;
	}
	packet_late(s, from, to, bent, len, s->drip == DRIP_CLOCK ? 0 : s->drip_us);
}

void evil_send(struct sim *s, uint32_t from, uint32_t to, const uint8_t *p, size_t len)
{
	enum evil evil = s->node[from].evil;
	const struct event *old;

	if (evil == EVIL_SUSPECT && s->node[to].up && chance(&s->lie, 100))
		suspect(s, from, to, s->node[to].r[0]);
	if (evil == EVIL_DRIP) {
		drip(s, from, to, p, len);
		return;
	}
	if (evil == EVIL_FORK && p[0] == MSG_NEWVIEW && chance(&s->lie, 700) &&
	    fork_send(s, from, to))
		return;
	if (!evil || evil >= EVIL_CENSOR || len > REPLICA_FRAME_MAX) {
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
	if (evil == EVIL_VIEW)
		replay_signed(s, from, to);
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
	if (evil == EVIL_SILENT || evil == EVIL_MUTE)
		return;
	if (evil && evil != EVIL_TWIN && evil < EVIL_CENSOR && chance(&s->lie, 500))
		bent[below(&s->lie, (uint32_t)len)] ^= 1 + (uint8_t)below(&s->lie, 3);
	packet(s, from, NODES_MAX + user, bent, len);
}
