/* cmd/survey_legs.c - what is known of one path: its four segments, and who stands at its node
 *
 * The first leg is what this host has seen itself. The other three are what others tell: it can
 * only add to what is known, and counts as unknown where it contradicts it (PATHS.md C.0). */
#include <stdlib.h>
#include <string.h>

#include "cmd/report.h"
#include "cmd/survey.h"

enum { ROUNDED_S = 2 }; /* a trace's time and an address's age are whole seconds */

/* NULL for one that is of before the path's local address. */
static const struct record *of_here(const struct survey *s, const struct survey_path *p,
				    const struct record *r)
{
	int64_t age_s = locals_age_s(&s->locals, &p->from, p->device);

	return r && s->now_s - r->at_s - ROUNDED_S > age_s ? NULL : r;
}

const struct record *survey_near(const struct survey *s, const struct survey_path *p)
{
	const struct record *r =
		tracecache_find(&s->traces, &p->from, p->device, &p->entry, s->now_s);

	/* What was not reached may have been healed, and what cannot be has soon left. */
	return r && (s->o->fresh || !r->reached) && r->at_s < s->now_s ? NULL : of_here(s, p, r);
}

struct addr survey_back_to(const struct survey_path *p)
{
	struct addr to = p->from;

	to.port = p->entry.port;
	return to;
}

const struct record *survey_back(const struct survey *s, const struct survey_path *p)
{
	struct addr to = survey_back_to(p);

	return of_here(s, p,
		       tracecache_find(&s->traces, &p->entry, p->device, &to, s->now_s));
}

enum { ADDRS_MAX = 3 + 4 * (TRACE_TTL_MAX + RECORD_OTHERS_MAX + 1) }; /* of one path */

static uint32_t add_hops(struct addr *v, const struct record *r)
{
	if (!r)
		return 0;
	memcpy(v, r->hop, r->hops * sizeof *v);
	memcpy(v + r->hops, r->other, r->others * sizeof *v);
	v[r->hops + r->others] = r->seen;
	return r->hops + r->others + 1;
}

static uint32_t addresses_of(const struct survey *s, const struct survey_path *p, struct addr *v)
{
	uint32_t n = 0;

	v[n++] = p->from;
	v[n++] = p->entry;
	v[n++] = p->dest;
	n += add_hops(v + n, survey_near(s, p));
	n += add_hops(v + n, tracecache_find(&s->traces, &p->entry, "", &p->dest, s->now_s));
	n += add_hops(v + n, tracecache_find(&s->traces, &p->dest, "", &p->entry, s->now_s));
	return n + add_hops(v + n, survey_back(s, p));
}

int survey_learn(struct survey *s)
{
	struct addr *v = NULL;
	uint32_t n = 0;
	int r;

	if (!s->o->online.online)
		return 0;
	v = calloc((size_t)s->n * ADDRS_MAX + 1, sizeof *v);
	if (!v)
		return report_error(s->c, EXIT_FAILED, "free some memory", "--online",
				    "out of memory");
	for (uint32_t i = 0; i < s->n; i++)
		n += addresses_of(s, &s->path[i], v + n);
	r = online_learn(s->c, &s->o->online, &s->as, v, n);
	free(v);
	return r;
}

static void add_leg(struct survey *s, uint32_t i, struct segment *seg, const struct record *r,
		    const struct addr *from, const struct addr *to)
{
	struct survey_path *p = &s->path[i];

	record_segment(seg, r, astable_table(&s->as), from, to);
	seen_union(&s->cand[i].seen, &seg->seen);
	p->gap = p->gap || seg->gap;
	p->untraced = p->untraced || seg->unknown;
}

static bool says_something(const struct survey *s, const struct record *r)
{
	return r && !record_blank(r) && record_credible(r, astable_table(&s->as));
}

/* A node sees where we come from. Behind a NAT that is another address than ours, and then it must
 * be in the network that our own trace begins in. */
static bool seen_rightly(const struct survey *s, const struct survey_path *p,
			 const struct record *back)
{
	static const struct addr itself;
	struct asn_set origin;

	if (addr_same_ip(&back->seen, &itself))
		return true;
	if (addr_scope(&p->from) != ADDR_PRIVATE || !p->leg.as_n)
		return false;
	origin = astable_find(&s->as, &back->seen);
	for (uint32_t i = 0; i < origin.n; i++)
		if (origin.as[i] == p->leg.as_path[0])
			return true;
	return false;
}

static const struct record *credible_back(const struct survey *s, const struct survey_path *p)
{
	const struct record *r = survey_back(s, p);

	return says_something(s, r) && seen_rightly(s, p, r) ? r : NULL;
}

/* The three legs that others trace. */
static void add_told(struct survey *s, uint32_t i)
{
	struct survey_path *p = &s->path[i];
	struct segment seg;

	p->far = tracecache_find(&s->traces, &p->entry, "", &p->dest, s->now_s);
	p->far_back = tracecache_find(&s->traces, &p->dest, "", &p->entry, s->now_s);
	p->back = credible_back(s, p);
	p->far = says_something(s, p->far) ? p->far : NULL;
	p->far_back = says_something(s, p->far_back) ? p->far_back : NULL;
	add_leg(s, i, &seg, p->far, &p->entry, &p->dest);
	add_leg(s, i, &seg, p->far_back, &p->dest, &p->entry);
	add_leg(s, i, &seg, p->back, &p->entry, &p->from);
}

static void add_node(struct survey *s, uint32_t i)
{
	struct candidate *c = &s->cand[i];
	const struct node_entry *node = s->path[i].node;
	struct asn_set cloud = astable_find(&s->as, &s->path[i].entry);

	c->operator_id = element_named(ELEMENT_OPERATOR, node->operator_name[0]
							  ? node->operator_name : node->name);
	seen_add(&c->seen, c->operator_id, SEEN_SURE);
	c->cloud_id = cloud.n ? cloud.as[0] : 0;
}

void survey_describe(struct survey *s, uint32_t i)
{
	struct survey_path *p = &s->path[i];
	struct candidate *c = &s->cand[i];
	struct segment seg;

	p->near = survey_near(s, p);
	add_leg(s, i, &p->leg, p->near, &p->from, &p->entry);
	c->rtt_us = p->near ? p->near->rtt_us : 0;
	c->unreached = p->near && !p->near->reached;
	if (!p->node) {
		p->back = credible_back(s, p);
		add_leg(s, i, &seg, p->back, &p->entry, &p->from);
		return;
	}
	add_told(s, i);
	add_node(s, i);
	if (p->far && c->rtt_us)
		c->rtt_us += p->far->rtt_us;
}
