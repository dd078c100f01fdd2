/* probe/record.c - a finished trace as one line of text, and as the ASes that it shows */
#include "probe/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"

static const struct addr nobody;

void record_make(struct record *r, const struct trace *t, const struct addr *from,
		 const char *device, int64_t at_s)
{
	uint8_t last = trace_last(t);

	*r = (struct record){ .at_s = at_s, .from = *from, .to = t->target };
	r->from.port = 0;
	r->reached = trace_reached(t);
	snprintf(r->device, sizeof r->device, "%s", device);
	if (r->reached)
		r->rtt_us = (uint32_t)t->ttl[last].rtt_us;
	for (uint8_t i = 1; i <= last && !(i == last && r->reached); i++)
		if (t->ttl[i].a.kind != TRACE_NONE)
			r->hop[r->hops++] = t->ttl[i].a.from;
		else
			r->hop[r->hops++] = nobody;
}

static bool silent(const struct addr *a)
{
	return addr_same_ip(a, &nobody);
}

bool record_blank(const struct record *r)
{
	return !r->reached && !r->hops && !r->others;
}

/* The target's answer first, then the number of routers that answered. */
static uint32_t fullness(const struct record *r)
{
	uint32_t n = r->reached ? TRACE_TTL_MAX + 1 : 0;

	for (uint32_t i = 0; i < r->hops; i++)
		n += !silent(&r->hop[i]);
	return n;
}

static bool met(const struct record *r, const struct addr *a)
{
	for (uint32_t i = 0; i < r->hops; i++)
		if (addr_same_ip(&r->hop[i], a))
			return true;
	for (uint32_t i = 0; i < r->others; i++)
		if (addr_same_ip(&r->other[i], a))
			return true;
	return false;
}

static void add_other(struct record *r, const struct addr *a)
{
	if (silent(a) || met(r, a))
		return;
	if (r->others < RECORD_OTHERS_MAX)
		r->other[r->others++] = *a;
	else
		r->crowded = true;
}

void record_unite(struct record *r, const struct record *flow)
{
	struct record less = *flow;

	if (fullness(flow) > fullness(r)) {
		less = *r;
		*r = *flow;
	}
	for (uint32_t i = 0; i < less.hops; i++)
		add_other(r, &less.hop[i]);
	for (uint32_t i = 0; i < less.others; i++)
		add_other(r, &less.other[i]);
	r->crowded = r->crowded || less.crowded;
	if (less.rtt_us && (!r->rtt_us || less.rtt_us < r->rtt_us))
		r->rtt_us = less.rtt_us;
}

size_t record_format(const struct record *r, char out[static RECORD_TEXT_MAX])
{
	char from[ADDR_STR_MAX], to[ADDR_STR_MAX];
	int n = snprintf(out, RECORD_TEXT_MAX, "1 %lld %s %s %s %d %u", (long long)r->at_s,
			 addr_format_ip(&r->from, from), *r->device ? r->device : "-",
			 addr_format(&r->to, to), r->reached, r->rtt_us);

	for (uint32_t i = 0; i < r->hops; i++)
		n += snprintf(out + n, RECORD_TEXT_MAX - (size_t)n, " %s",
			      silent(&r->hop[i]) ? "-" : addr_format_ip(&r->hop[i], from));
	for (uint32_t i = 0; i < r->others; i++)
		n += snprintf(out + n, RECORD_TEXT_MAX - (size_t)n, " +%s",
			      addr_format_ip(&r->other[i], from));
	if (r->crowded)
		n += snprintf(out + n, RECORD_TEXT_MAX - (size_t)n, " +");
	if (!silent(&r->seen))
		n += snprintf(out + n, RECORD_TEXT_MAX - (size_t)n, " @%s",
			      addr_format_ip(&r->seen, from));
	return (size_t)n;
}

/* The next word of the line, NUL-terminated in out; false: none, or too long. */
static bool word(const char **at, const char *end, char out[static ADDR_STR_MAX])
{
	const char *blank = *at < end ? memchr(*at, ' ', (size_t)(end - *at)) : NULL;
	size_t n = (size_t)((blank ? blank : end) - *at);

	if (*at >= end || !n || n >= ADDR_STR_MAX)
		return false;
	memcpy(out, *at, n);
	out[n] = 0;
	*at += n + (blank ? 1 : 0);
	return strlen(out) == n;
}

static bool number(const char **at, const char *end, uint64_t max, uint64_t *v)
{
	char text[ADDR_STR_MAX], *stop;

	if (!word(at, end, text) || text[0] < '0' || text[0] > '9' || strlen(text) > 19)
		return false;
	*v = strtoull(text, &stop, 10);
	return !*stop && *v <= max;
}

static bool address(const char **at, const char *end, bool with_port, struct addr *a)
{
	char text[ADDR_STR_MAX];

	return word(at, end, text) && addr_parse(a, text, 0) && (a->port != 0) == with_port;
}

static bool plain_address(struct addr *a, const char *text)
{
	return addr_parse(a, text, 0) && !a->port && !silent(a);
}

static bool hop(struct record *r, const char *text)
{
	struct addr *h;

	if (r->hops == TRACE_TTL_MAX)
		return false;
	h = &r->hop[r->hops++];
	return !strcmp(text, "-") || plain_address(h, text);
}

static bool other(struct record *r, const char *text)
{
	if (!*text) {
		r->crowded = true;
		return true;
	}
	return r->others < RECORD_OTHERS_MAX && plain_address(&r->other[r->others++], text);
}

/* Hops, then others, then what was seen: the mark of each says what it is, and none comes back. */
static bool rest(struct record *r, const char **at, const char *end)
{
	while (*at < end) {
		char text[ADDR_STR_MAX];
		bool ok;

		if (!word(at, end, text))
			return false;
		if (*text == '@')
			return *at >= end && plain_address(&r->seen, text + 1);
		if (*text == '+')
			ok = !r->crowded && other(r, text + 1);
		else
			ok = !r->others && !r->crowded && hop(r, text);
		if (!ok)
			return false;
	}
	return true;
}

bool record_parse(struct record *r, const char *line, size_t len)
{
	const char *end = line + len;
	char device[ADDR_STR_MAX];
	uint64_t version, at_s, reached, rtt_us;

	*r = (struct record){ .hops = 0 };
	if (len >= RECORD_TEXT_MAX || (len && end[-1] == ' '))
		return false;
	if (!number(&line, end, 1, &version) || version != 1)
		return false;
	if (!number(&line, end, INT64_MAX, &at_s) || !address(&line, end, false, &r->from))
		return false;
	if (!word(&line, end, device) || strlen(device) >= sizeof r->device)
		return false;
	if (!address(&line, end, true, &r->to) || !number(&line, end, 1, &reached))
		return false;
	if (!number(&line, end, UINT32_MAX, &rtt_us))
		return false;
	memcpy(r->device, device, strcmp(device, "-") ? strlen(device) + 1 : 0);
	r->at_s = (int64_t)at_s;
	r->reached = reached;
	r->rtt_us = (uint32_t)rtt_us;
	return rest(r, &line, end);
}

static struct asn_set origins(const struct asn_table *t, const struct addr *a)
{
	return t ? asn_find(t, a) : (struct asn_set){ 0 };
}

/* An entry of the table wins over the rule that private addresses belong to nobody (C.0). */
static struct hop hop_of(const struct asn_table *t, const struct addr *a)
{
	struct asn_set s = origins(t, a);
	struct hop h = { .state = HOP_MAPPED };

	if (addr_same_ip(a, &nobody))
		return (struct hop){ .state = HOP_SILENT };
	if (!s.n)
		return (struct hop){ .state = addr_scope(a) == ADDR_PRIVATE ? HOP_PRIVATE
									     : HOP_UNMAPPED };
	for (; h.n < s.n && h.n < HOP_ORIGINS_MAX; h.n++)
		h.as[h.n] = s.as[h.n];
	return h;
}

/* The AS of an end. One with several origins adds all of them, and counts as not known between its
 * neighbours. */
static uint32_t end_as(struct seen *more, const struct asn_table *t, const struct addr *a)
{
	struct asn_set s = origins(t, a);

	for (uint32_t i = 0; i < s.n; i++)
		seen_add(more, element_as(s.as[i]), SEEN_SURE);
	return s.n == 1 ? s.as[0] : 0;
}

static bool common_origin(struct asn_set a, struct asn_set b)
{
	for (uint32_t i = 0; i < a.n; i++)
		for (uint32_t k = 0; k < b.n; k++)
			if (a.as[i] == b.as[k])
				return true;
	return false;
}

/* Where the record went to: a private address has no origin, the NAT's public one has. */
static const struct addr *far_end(const struct record *r, const struct addr *to)
{
	return r && !silent(&r->seen) ? &r->seen : to;
}

bool record_credible(const struct record *r, const struct asn_table *t)
{
	struct asn_set from = origins(t, &r->from), to = origins(t, far_end(r, &r->to));

	if (!r->reached || !from.n || !to.n || common_origin(from, to))
		return true;
	for (uint32_t i = 0; i < r->hops; i++) {
		struct asn_set s = origins(t, &r->hop[i]);

		if (!s.n || common_origin(s, from) || common_origin(s, to))
			return true; /* a router that is not known may be theirs */
	}
	return false;
}

/* Routers that other flows met: their ASes are on the way as well. A private one is some network's
 * own, and says as little as it would on the way itself. */
static void add_others(struct segment *s, const struct record *r, const struct asn_table *t)
{
	s->gap = s->gap || r->crowded;
	for (uint32_t i = 0; i < r->others; i++) {
		struct hop h = hop_of(t, &r->other[i]);

		for (uint32_t k = 0; k < h.n; k++)
			seen_add(&s->seen, element_as(h.as[k]), SEEN_SURE);
		s->gap = s->gap || h.state == HOP_UNMAPPED || h.n == HOP_ORIGINS_MAX;
	}
	if (s->gap)
		seen_add(&s->seen, element_unknown(), SEGMENT_GAP_PCT);
}

void record_segment(struct segment *s, const struct record *r, const struct asn_table *t,
		    const struct addr *from, const struct addr *to)
{
	struct hop hop[TRACE_TTL_MAX];
	struct seen ends = { .n = 0 };
	struct segment_input in = { .hop = hop, .traced = r != NULL };

	in.from_as = end_as(&ends, t, from);
	in.to_as = end_as(&ends, t, far_end(r, to));
	if (r) {
		in.reached = r->reached;
		in.hops = r->hops;
		for (uint32_t i = 0; i < r->hops; i++)
			hop[i] = hop_of(t, &r->hop[i]);
	}
	segment_build(s, &in);
	if (r)
		add_others(s, r, t);
	seen_union(&s->seen, &ends);
}
