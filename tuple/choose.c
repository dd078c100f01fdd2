/* tuple/choose.c - what a NEW-VIEW must carry over from the views before (MANAGER.md B.3)
 *
 * For each slot above H, the highest certified checkpoint, one digest d of a P entry (v, d) with
 *	A1  2f+1 VIEW-CHANGEs have no P entry of a higher view, nor of v with another digest
 *	A2  f+1 have a Q entry (v'', d) with v'' >= v: one correct replica has the batch
 * or, when 2f+1 have no P entry at all (B), the slot and all later ones are free. Otherwise more
 * VIEW-CHANGEs must come. Every backup computes the same from the same VIEW-CHANGEs. (A3, that the
 * leader has the batch, is the leader's own business: tuple/view.c.) */
#include <string.h>

#include "core/check.h"
#include "tuple/pbft.h"

enum { Q_MAX = OLD_MAX + 1 };

/* One VIEW-CHANGE, read slot by slot. */
struct witness {
	struct buf b;
	uint32_t left; /* entries not read */
	bool ahead;    /* `next` was read and is of a later slot */
	struct pq next;
	bool p; /* of the slot in question */
	uint64_t p_view;
	uint8_t p_d[DIGEST_BYTES];
	uint32_t qs;
	uint64_t q_view[Q_MAX];
	uint8_t q_d[Q_MAX][DIGEST_BYTES];
};

struct court {
	const struct replica *r;
	uint32_t n;
	struct witness w[REPLICAS_MAX];
};

static uint64_t open_witness(struct witness *w, const struct vc *vc)
{
	struct msg_head h;
	struct cert c;

	memset(w, 0, sizeof *w);
	buf_over(&w->b, vc->bytes, vc->len);
	MUST(msg_head_get(&w->b, &h));
	MUST(cert_get(&w->b, &c));
	w->left = buf_get_u16(&w->b);
	return c.c.slot;
}

/* Read up to slot s; p and q are then what it says about s. */
static void hear(struct witness *w, uint64_t s)
{
	w->p = false;
	w->qs = 0;
	while (w->ahead || w->left) {
		if (!w->ahead) {
			MUST(entry_get(&w->b, &w->next));
			w->left--;
		}
		w->ahead = w->next.slot > s;
		if (w->ahead)
			return;
		if (w->next.slot < s)
			continue;
		if (w->next.p) {
			w->p = true;
			w->p_view = w->next.p_view;
			memcpy(w->p_d, w->next.p_d, DIGEST_BYTES);
		}
		if (w->next.q && w->qs < Q_MAX) {
			w->q_view[w->qs] = w->next.q_view;
			memcpy(w->q_d[w->qs++], w->next.q_d, DIGEST_BYTES);
		}
	}
}

static bool a1(const struct court *c, uint64_t view, const uint8_t *d)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < c->n; i++) {
		const struct witness *w = &c->w[i];

		count += !w->p || w->p_view < view ||
			 (w->p_view == view && !memcmp(w->p_d, d, DIGEST_BYTES));
	}
	return count >= quorum(c->r);
}

static bool a2(const struct court *c, uint64_t view, const uint8_t *d)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < c->n; i++) {
		const struct witness *w = &c->w[i];
		bool supports = false;

		for (uint32_t k = 0; k < w->qs; k++)
			supports |= w->q_view[k] >= view && !memcmp(w->q_d[k], d, DIGEST_BYTES);
		count += supports;
	}
#ifdef BUG_NO_A2
	return true;
#else
	return count >= c->r->f + 1;
#endif
}

static bool all_silent(const struct court *c)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < c->n; i++)
		count += !c->w[i].p;
	return count >= quorum(c->r);
}

/* Is w's P entry to be tried before best's? The order must be the same everywhere. */
static bool is_before(const struct witness *w, const struct witness *best)
{
	if (w->p_view != best->p_view)
#ifdef BUG_LOWEST_P
		return w->p_view < best->p_view;
#else
		return w->p_view > best->p_view;
#endif
	return memcmp(w->p_d, best->p_d, DIGEST_BYTES) < 0;
}

static const uint8_t *pick(const struct court *c)
{
	const struct witness *best = NULL;

	for (uint32_t i = 0; i < c->n; i++) {
		const struct witness *w = &c->w[i];

		if (!w->p || (best && !is_before(w, best)))
			continue;
		if (a1(c, w->p_view, w->p_d) && a2(c, w->p_view, w->p_d))
			best = w;
#ifdef BUG_LOWEST_P
		best = w;
#endif
	}
	return best ? best->p_d : NULL;
}

enum choice choose(const struct replica *r, const struct vc *vc, uint32_t mask, struct chosen *out)
{
	struct court c = { .r = r };

	out->base = 0;
	out->count = 0;
	for (uint32_t i = 0; i < r->n; i++) {
		uint64_t h;

		if (!(mask & 1u << i))
			continue;
		h = open_witness(&c.w[c.n++], &vc[i]);
#ifdef BUG_H_IGNORED
		out->base = c.n == 1 || h < out->base ? h : out->base;
#else
		out->base = h > out->base ? h : out->base;
#endif
	}
	while (out->count < WINDOW) {
		const uint8_t *d;

		for (uint32_t i = 0; i < c.n; i++)
			hear(&c.w[i], out->base + out->count + 1);
		d = pick(&c);
		if (!d)
			return all_silent(&c) ? CHOICE_MADE : CHOICE_WAIT;
		memcpy(out->d[out->count++], d, DIGEST_BYTES);
	}
	return CHOICE_MADE;
}

void choice_digest(const struct chosen *c, uint8_t out[static DIGEST_BYTES])
{
	uint8_t mem[8 + DIGEST_BYTES], all[DIGEST_BYTES];
	struct buf b;

	ident_sha256(c->d, (size_t)c->count * DIGEST_BYTES, all);
	buf_init(&b, mem, sizeof mem);
	buf_put_u64(&b, c->base);
	buf_put_bytes(&b, all, sizeof all);
	MUST(buf_ok(&b));
	ident_sha256(mem, b.len, out);
}
