/* test/sim/manager/fork.c - a leader that begins its view in two ways
 *
 * Its own VIEW-CHANGE it may sign twice: once as it is, once with the claim that a batch which one
 * of the others accepted was prepared. With that both "the slot is free" and "the slot has this
 * batch" can be proved, each to somebody else. */
#include <string.h>

#include "core/check.h"
#include "test/sim/manager/sim.h"

static struct vc proof[REPLICAS_MAX];

/* The first slot that the view leaves free, and a batch that somebody accepted for it. */
static bool find_batch(const struct replica *r, uint64_t slot, struct pq *found)
{
	for (uint32_t i = 0; i < r->n; i++) {
		const struct vc *vc = &r->nv->vc[i];
		struct msg_head h;
		struct cert c;
		struct buf b;
		struct pq e;

		if (i == r->self || vc->view != r->nv->view)
			continue;
		buf_over(&b, vc->bytes, vc->len);
		MUST(msg_head_get(&b, &h) && cert_get(&b, &c));
		for (uint32_t n = buf_get_u16(&b); n && entry_get(&b, &e); n--) {
			if (e.slot != slot || !e.q)
				continue;
			*found = e;
			return true;
		}
	}
	return false;
}

/* Its own VIEW-CHANGE again, with the claim in place of what it says of that slot and later. */
static void sign_other(struct replica *r, const struct pq *q)
{
	struct pq e, claim = { .slot = q->slot, .q = true, .p = true, .q_view = q->q_view,
			       .p_view = q->q_view };
	const struct vc *own = &r->nv->vc[r->self];
	struct vc *vc = &proof[r->self];
	struct msg_head h;
	struct cert c;
	struct buf b, out;
	uint16_t kept = 1;
	uint8_t *count;

	memcpy(claim.q_d, q->q_d, DIGEST_BYTES);
	memcpy(claim.p_d, q->q_d, DIGEST_BYTES);
	buf_over(&b, own->bytes, own->len);
	MUST(msg_head_get(&b, &h) && cert_get(&b, &c));
	buf_init(&out, vc->bytes, sizeof vc->bytes);
	buf_put_bytes(&out, own->bytes, b.pos);
	count = out.mem + out.len;
	buf_put_u16(&out, 0);
	for (uint32_t n = buf_get_u16(&b); n && entry_get(&b, &e) && e.slot < q->slot; n--, kept++)
		entry_put(&out, &e);
	entry_put(&out, &claim);
	count[0] = (uint8_t)(kept >> 8);
	count[1] = (uint8_t)kept;
	sign_end(r, "machete viewchange1", &out);
	vc->view = own->view;
	vc->len = out.len;
	vc->checked = true;
	ident_sha256(vc->bytes, vc->len, vc->digest);
}

/* One of the others gets another NEW-VIEW than the rest, and what proves it; in some views only
 * when the slot was executed, and none before. False: the true one. */
bool fork_send(struct sim *s, uint32_t from, uint32_t to)
{
	static uint8_t mem[REPLICA_FRAME_MAX];
	static struct chosen chosen;
	struct replica *r = s->node[from].r[0];
	uint8_t digest[DIGEST_BYTES];
	uint32_t mask = 0;
	struct buf b;
	struct pq q;

	if (!r || !r->active || r->nv->view != r->view || leader_of(r, r->view) != r->self ||
	    r->nv->vc[r->self].view != r->view || to != (from + 1) % s->n ||
	    !find_batch(r, r->chosen.base + r->chosen.count + 1, &q))
		return false;
	if (r->view / s->n % 2 && r->state.slot < q.slot)
		return true;
	for (uint32_t i = 0; i < r->n; i++) {
		proof[i] = r->nv->vc[i];
		mask |= (uint32_t)(r->nv->vc[i].view == r->view) << i;
	}
	sign_other(r, &q);
	if (choose(r, proof, mask, &chosen) != CHOICE_MADE || chosen.count <= r->chosen.count)
		return false;
	buf_init(&b, mem, sizeof mem);
	msg_head_put(&b, MSG_NEWVIEW, r->config, r->view, chosen.base);
	buf_put_u8(&b, (uint8_t)bits(mask));
	for (uint32_t i = 0; i < r->n; i++) {
		if (!(mask & 1u << i))
			continue;
		buf_put_u8(&b, (uint8_t)i);
		buf_put_bytes(&b, proof[i].digest, DIGEST_BYTES);
	}
	choice_digest(&chosen, digest);
	buf_put_bytes(&b, digest, sizeof digest);
	sign_end(r, "machete newview 1", &b);
	packet(s, from, to, b.mem, b.len);
	packet(s, from, to, proof[r->self].bytes, proof[r->self].len);
	return true;
}
