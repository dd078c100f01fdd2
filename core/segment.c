/* core/segment.c - from the hops of one trace to the elements of one directed segment */
#include "core/segment.h"

#include <string.h>

#include "core/check.h"

/* The trace with its ends as hops of their own, so that gaps always lie between two hops. */
struct row {
	struct hop hop[SEGMENT_HOPS_MAX + 2];
	uint32_t n;
};

static struct hop end_hop(uint32_t as)
{
	return (struct hop){ .state = as ? HOP_MAPPED : HOP_UNMAPPED, .as = { as }, .n = as != 0 };
}

/* The only origin of hop i, 0 when it has none or several. */
static uint32_t sole(const struct row *r, uint32_t i)
{
	return i < r->n && r->hop[i].state == HOP_MAPPED && r->hop[i].n == 1 ? r->hop[i].as[0] : 0;
}

/* Private hops before the first public one are the first network's own, and so is what is silent
 * before them (C.5, 1). Where that network is not known they say nothing that could be wrong: they
 * are dropped with it. */
static void settle_private(struct row *r)
{
	uint32_t from = sole(r, 0), own = 1;

	for (uint32_t i = 1; i < r->n && r->hop[i].state <= HOP_PRIVATE; i++)
		if (r->hop[i].state == HOP_PRIVATE)
			own = i + 1;
	if (from)
		for (uint32_t i = 1; i < own; i++)
			r->hop[i] = end_hop(from);
	else
		memmove(r->hop, r->hop + own, (r->n - own) * sizeof r->hop[0]);
	r->n -= from ? 0 : own;
}

/* The nearest hop with a sole origin before or after i. */
static uint32_t neighbour(const struct row *r, uint32_t i, int step)
{
	for (uint32_t k = i + (uint32_t)step; k < r->n; k += (uint32_t)step)
		if (r->hop[k].state == HOP_MAPPED)
			return sole(r, k);
	return 0;
}

static bool has_origin(const struct hop *h, uint32_t as)
{
	for (uint32_t i = 0; as && i < h->n; i++)
		if (h->as[i] == as)
			return true;
	return false;
}

/* Several origins: one that a neighbour has alone is the right one, else all stay (C.5, 2). */
static void settle_origins(struct row *r)
{
	for (uint32_t i = 0; i < r->n; i++) {
		struct hop *h = &r->hop[i];
		uint32_t before, after;
		bool is_before, is_after;

		if (h->state != HOP_MAPPED || h->n < 2)
			continue;
		before = neighbour(r, i, -1);
		after = neighbour(r, i, 1);
		is_before = has_origin(h, before);
		is_after = has_origin(h, after);
		if (is_before && (!is_after || before == after))
			*h = end_hop(before);
		else if (is_after && !is_before)
			*h = end_hop(after);
	}
}

/* Gaps between equal neighbours close (C.5, 4); what stays open is counted. */
static void settle_gaps(struct segment *s, struct row *r)
{
	for (uint32_t i = 0, end; i < r->n; i = end) {
		uint32_t x = i ? sole(r, i - 1) : 0;

		end = i + 1;
		if (r->hop[i].state == HOP_MAPPED)
			continue;
		while (end < r->n && r->hop[end].state != HOP_MAPPED)
			end++;
		if (x && x == sole(r, end)) {
			for (uint32_t k = i; k < end; k++)
				r->hop[k] = end_hop(x);
		} else {
			s->gap = true;
			s->unknown_hops += end - i;
		}
	}
}

static void collect(struct segment *s, const struct row *r)
{
	for (uint32_t i = 0; i < r->n; i++) {
		const struct hop *h = &r->hop[i];

		if (h->state != HOP_MAPPED)
			continue;
		s->gap = s->gap || h->n == HOP_ORIGINS_MAX; /* there may be more */
		for (uint32_t k = 0; k < h->n; k++)
			seen_add(&s->seen, element_as(h->as[k]), SEEN_SURE);
		if (!s->as_n || s->as_path[s->as_n - 1] != h->as[0])
			s->as_path[s->as_n++] = h->as[0];
	}
}

/* Whether the trace came all the way: the end answered, or the last hop is in its AS (NAT). */
static bool complete(const struct row *r, const struct segment_input *in)
{
	for (uint32_t i = r->n; in->traced && i--;)
		if (r->hop[i].state == HOP_MAPPED)
			return in->reached || (in->to_as && sole(r, i) == in->to_as);
	return in->traced && in->reached;
}

void segment_build(struct segment *s, const struct segment_input *in)
{
	struct row r = { .n = 0 };
	bool whole;

	MUST(in->hops <= SEGMENT_HOPS_MAX);
	*s = (struct segment){ .hops = in->hops };
	r.hop[r.n++] = end_hop(in->from_as);
	for (uint32_t i = 0; i < in->hops; i++)
		r.hop[r.n++] = in->hop[i];
	settle_private(&r);
	whole = complete(&r, in);
	if (whole || in->to_as)
		r.hop[r.n++] = end_hop(in->to_as);
	settle_origins(&r);
	settle_gaps(s, &r);
	collect(s, &r);
	s->unknown = !whole || s->unknown_hops * 100 > SEGMENT_UNKNOWN_PCT * r.n;
	if (s->unknown || s->gap)
		seen_add(&s->seen, element_unknown(), s->unknown ? SEEN_SURE : SEGMENT_GAP_PCT);
}
