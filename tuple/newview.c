/* tuple/newview.c - NEW-VIEW: made by the leader, recomputed by everyone
 *
 * It names 2f+1 VIEW-CHANGEs by their digests; they travel beside it. Being signed, all of it can
 * be relayed by any replica that is in the view. */
#include <string.h>

#include "core/check.h"
#include "tuple/pbft.h"

static const char domain[] = "machete newview 1";

struct nv_names {
	uint32_t mask;
	uint8_t vc[REPLICAS_MAX][DIGEST_BYTES];
	uint8_t choice[DIGEST_BYTES];
};

static bool names_get(struct buf *b, uint32_t n, struct nv_names *x)
{
	uint32_t count = buf_get_u8(b);
	int last = -1;

	x->mask = 0;
	while (count--) {
		uint32_t i = buf_get_u8(b);

		if (!buf_ok(b) || i >= n || (int)i <= last)
			return false;
		buf_get_copy(b, x->vc[i], DIGEST_BYTES);
		x->mask |= 1u << i;
		last = (int)i;
	}
	buf_get_copy(b, x->choice, DIGEST_BYTES);
	return buf_ok(b);
}

static void names_of(const struct newview *nv, struct nv_names *x)
{
	struct msg_head h;
	struct buf b;

	buf_over(&b, nv->bytes, nv->len);
	MUST(msg_head_get(&b, &h));
	MUST(names_get(&b, REPLICAS_MAX, x));
}

bool nv_names(const struct newview *nv, uint32_t who, const uint8_t *digest)
{
	struct nv_names x;

	names_of(nv, &x);
	return (x.mask & 1u << who) && !memcmp(x.vc[who], digest, DIGEST_BYTES);
}

void view_send_bundle(struct replica *r, uint32_t to)
{
	out_copy(r, to, r->nv->bytes, r->nv->len);
	for (uint32_t i = 0; i < r->n; i++)
		if (r->nv->vc[i].view == r->nv->view)
			out_copy(r, to, r->nv->vc[i].bytes, r->nv->vc[i].len);
}

/* The certificate of H, so that who lags can fetch what the view builds on. */
static void learn_base(struct replica *r, uint64_t base)
{
	for (uint32_t i = 0; i < r->n; i++) {
		struct msg_head h;
		struct cert c;
		struct buf b;

		if (r->nv->vc[i].view != r->nv->view)
			continue;
		buf_over(&b, r->nv->vc[i].bytes, r->nv->vc[i].len);
		MUST(msg_head_get(&b, &h));
		MUST(cert_get(&b, &c));
		if (c.c.slot == base && base > r->h) {
			ckpt_certificate(r, &c);
			return;
		}
	}
}

static void enter(struct replica *r, uint64_t view, const struct chosen *c)
{
	struct newview *nv = r->nv_next;

	r->nv_next = r->nv;
	r->nv_next->view = 0;
	r->nv = nv;
	r->view = view;
	r->active = true;
	log_newview(r, view, c);
	view_enter(r, view, c);
}

/* A chosen slot was decided here with another batch: in this very view, which its leader began with
 * others in another way (or more than f lie). They may bring the true NEW-VIEW. */
static bool contradicts(struct replica *r, const struct chosen *c)
{
	for (uint32_t i = 0; i < c->count; i++) {
		const struct slot *x = slot_at(r, c->base + 1 + i);

		if (x && x->decided && memcmp(x->decided_d, c->d[i], DIGEST_BYTES))
			return true;
	}
	return false;
}

/* Every VIEW-CHANGE that the NEW-VIEW names is here: does it choose what they imply? */
void view_complete(struct replica *r)
{
	struct newview *nv = r->nv_next;
	uint8_t digest[DIGEST_BYTES];
	struct nv_names x;

	if (!nv->view)
		return; /* we were its leader, and have entered meanwhile */
	names_of(nv, &x);
	for (uint32_t i = 0; i < r->n; i++)
		if ((x.mask & 1u << i) && nv->vc[i].view != nv->view)
			return;
	if (nv->view < r->view || (nv->view == r->view && r->active))
		return;
#ifdef BUG_NEWVIEW_UNCHECKED
	choose(r, nv->vc, x.mask, &r->scratch_chosen);
	memcpy(digest, x.choice, sizeof digest);
	{
#else
	if (choose(r, nv->vc, x.mask, &r->scratch_chosen) == CHOICE_MADE) {
		choice_digest(&r->scratch_chosen, digest);
#endif
		if (!memcmp(digest, x.choice, DIGEST_BYTES) &&
		    !contradicts(r, &r->scratch_chosen)) {
			enter(r, nv->view, &r->scratch_chosen);
			learn_base(r, r->chosen.base);
			normal_advance_all(r);
			sync_catch_up(r);
			sync_status(r, everyone(r)); /* votes may have come too early */
			return;
		}
	}
	if (r->view == nv->view)
		view_suspect(r); /* its leader lies: on at once */
	nv->view = 0;
}

static void drop_vcs(struct newview *nv)
{
	for (uint32_t i = 0; i < REPLICAS_MAX; i++)
		nv->vc[i].view = 0;
}

/* What we have of the VIEW-CHANGEs it names. */
static void gather(struct replica *r)
{
	struct newview *nv = r->nv_next;

	for (uint32_t i = 0; i < r->n; i++) {
		const struct vc *vc = &r->vc[i];

		if (vc->view != nv->view || !nv_names(nv, i, vc->digest))
			continue;
		nv->vc[i].view = vc->view;
		nv->vc[i].len = vc->len;
		nv->vc[i].checked = true;
		memcpy(nv->vc[i].digest, vc->digest, DIGEST_BYTES);
		memcpy(nv->vc[i].bytes, vc->bytes, vc->len);
	}
}

enum replica_verdict view_new(struct replica *r, uint32_t from, const uint8_t *p, size_t len)
{
	struct newview *nv = r->nv_next;
	struct cert_sig sig;
	struct nv_names x;
	struct msg_head h;
	struct buf b;
	size_t body;

	(void)from;
	buf_over(&b, p, len);
	if (!msg_head_get(&b, &h) || len > sizeof nv->bytes || !names_get(&b, r->n, &x))
		return REPLICA_MALFORMED;
	body = b.pos;
	sig_get(&b, &sig);
	if (!buf_done(&b) || !h.view)
		return REPLICA_MALFORMED;
	if (h.view < r->view || (h.view == r->view && r->active))
		return REPLICA_OLD;
	if (nv->view == h.view && nv->len == len && !memcmp(nv->bytes, p, len))
		return REPLICA_DUPLICATE;
#ifndef BUG_NEWVIEW_UNCHECKED
	if (bits(x.mask) < quorum(r))
		return REPLICA_BAD_PROOF;
#endif
	if (signed_by(r, domain, p, body, &sig) != (int)leader_of(r, h.view))
		return REPLICA_BAD_PROOF;
	drop_vcs(nv);
	nv->view = h.view;
	nv->len = len;
	memcpy(nv->bytes, p, len);
	gather(r);
	view_complete(r);
	return REPLICA_OK;
}

/* A3: the batches of what is chosen must be here before it is announced. */
static bool have_batches(struct replica *r, const struct chosen *c)
{
	bool all = true;

	for (uint64_t s = c->base + 1; s <= c->base + c->count; s++) {
		struct slot *x = slot_at(r, s);

		if (x && !x->executed && !body_find(r, x, c->d[s - c->base - 1]))
			all = false;
	}
	return all;
}

void view_try_new(struct replica *r)
{
	struct newview *nv = r->nv_next;
	uint8_t digest[DIGEST_BYTES];
	uint32_t mask = 0;
	struct buf b;

	if (r->active || r->observer || leader_of(r, r->view) != r->self || !r->view)
		return;
	for (uint32_t i = 0; i < r->n; i++)
		if (r->vc[i].view == r->view && r->vc[i].checked)
			mask |= 1u << i;
	if (bits(mask) < quorum(r) ||
	    choose(r, r->vc, mask, &r->scratch_chosen) != CHOICE_MADE)
		return;
	if (!have_batches(r, &r->scratch_chosen)) {
		sync_catch_up(r);
		return;
	}
	buf_init(&b, nv->bytes, sizeof nv->bytes);
	msg_head_put(&b, MSG_NEWVIEW, r->config, r->view, r->scratch_chosen.base);
	buf_put_u8(&b, (uint8_t)bits(mask));
	for (uint32_t i = 0; i < r->n; i++) {
		if (!(mask & 1u << i))
			continue;
		buf_put_u8(&b, (uint8_t)i);
		buf_put_bytes(&b, r->vc[i].digest, DIGEST_BYTES);
	}
	choice_digest(&r->scratch_chosen, digest);
	buf_put_bytes(&b, digest, sizeof digest);
	sign_end(r, domain, &b);
	drop_vcs(nv);
	nv->view = r->view;
	nv->len = b.len;
	gather(r);
	enter(r, r->view, &r->scratch_chosen);
	view_send_bundle(r, everyone(r));
	learn_base(r, r->chosen.base);
	normal_advance_all(r);
	sync_catch_up(r);
}
