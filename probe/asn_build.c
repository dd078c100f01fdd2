/* probe/asn_build.c - from lines to the flat table of probe/asn.h, in the caller's memory */
#include "probe/asn_build.h"

#include <string.h>

#include "core/check.h"
#include "core/sort.h"

enum { NOBODY = UINT32_MAX }; /* the owner of a slot that no range covers */

/* Sets of AS numbers need room for each number, which takes two bytes of text, and one count a
 * line; twice that, because equal ranges may unite every set once more. */
static size_t pool_room(size_t bytes, size_t lines)
{
	return 2 * (bytes / 2 + 2 * lines + 2);
}

static size_t hash_room(size_t ranges)
{
	size_t n = 1024;

	while (n < 2 * ranges)
		n *= 2;
	return n;
}

size_t asn_build_bytes(size_t bytes, size_t lines)
{
	size_t ranges = lines + 1;

	if (lines >= ASN_ENTRIES_MAX || bytes >= UINT32_MAX / 4)
		return 0;
	return ranges * sizeof(struct asn_range) + 2 * ranges * (sizeof(struct asn_ip) + 16) +
	       4 * (hash_room(ranges) + pool_room(bytes, lines));
}

void asn_build_init(struct asn_build *b, void *mem, size_t bytes, size_t lines, bool keep_bogons)
{
	size_t cap = lines + 1;

	*b = (struct asn_build){ .keep_bogons = keep_bogons, .cap = (uint32_t)cap };
	b->source = UINT64_C(0xcbf29ce484222325); /* FNV-1a, 64 bits */
	b->hash_n = (uint32_t)hash_room(cap);
	b->pool_cap = (uint32_t)pool_room(bytes, lines);
	b->range = mem;
	b->point = (struct asn_ip *)(void *)(b->range + cap);
	b->order = (uint32_t *)(void *)(b->point + 2 * cap);
	b->tmp = b->order + 2 * cap;
	b->owner = b->tmp + 2 * cap;
	b->next = b->owner + 2 * cap;
	b->hash = b->next + 2 * cap;
	b->pool = b->hash + b->hash_n;
	memset(b->hash, 0, b->hash_n * sizeof *b->hash);
}

static uint32_t set_hash(const uint32_t *as, uint32_t n)
{
	uint32_t h = 2166136261u;

	for (uint32_t i = 0; i < n; i++)
		h = (h ^ as[i]) * 16777619u ^ h >> 15;
	return h;
}

/* The offset of this set in the pool, where it is kept once. */
static bool set_intern(struct asn_build *b, const uint32_t *as, uint32_t n, uint32_t *at)
{
	uint32_t slot = set_hash(as, n) & (b->hash_n - 1);
	uint32_t i;

	for (i = 0; i < b->hash_n && b->hash[slot]; i++) {
		const uint32_t *have = b->pool + b->hash[slot] - 1;

		*at = b->hash[slot] - 1;
		if (have[0] == n && !memcmp(have + 1, as, n * sizeof *as))
			return true;
		slot = (slot + 1) & (b->hash_n - 1);
	}
	if (i == b->hash_n || n + 1 > b->pool_cap - b->pool_n)
		return false;
	*at = b->pool_n;
	b->hash[slot] = *at + 1;
	b->pool[*at] = n;
	memcpy(b->pool + *at + 1, as, n * sizeof *as);
	b->pool_n += n + 1;
	return true;
}

static bool add_entry(struct asn_build *b, const struct asn_entry *e)
{
	bool v4_inside = !asn_ip_is_v4(e->first) && !e->first.hi;

	if (!e->n) {
		b->counts.unrouted++;
		return true;
	}
	/* What begins in ::/64 could cover the mapped IPv4 space: never, whatever was asked for. */
	if (v4_inside || (!b->keep_bogons && asn_entry_is_bogon(e))) {
		b->counts.bogons++;
		return true;
	}
	if (!b->keep_bogons && asn_entry_is_long(e)) {
		b->counts.too_long++;
		return true;
	}
	if (b->n == b->cap || !set_intern(b, e->as, e->n, &b->range[b->n].set))
		return false;
	b->range[b->n].first = e->first;
	b->range[b->n].last = e->last;
	b->n++;
	b->counts.entries++;
	return true;
}

static bool add_line(struct asn_build *b, const char *line, size_t len)
{
	struct asn_entry e;

	b->counts.lines++;
	switch (asn_line_parse(&e, line, len)) {
	case ASN_LINE_ENTRY:
		return add_entry(b, &e);
	case ASN_LINE_BAD:
		b->counts.bad++;
		if (!b->counts.first_bad)
			b->counts.first_bad = b->counts.lines;
		return true;
	default:
		return true;
	}
}

bool asn_build_text(struct asn_build *b, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		b->source = (b->source ^ (uint8_t)text[i]) * UINT64_C(0x100000001b3);
	while (len) {
		const char *end = memchr(text, '\n', len);
		size_t n = end ? (size_t)(end - text) : len;

		if (!add_line(b, text, n))
			return false;
		n += end ? 1 : 0;
		text += n;
		len -= n;
	}
	return true;
}

static bool same_ip(struct asn_ip a, struct asn_ip b)
{
	return a.hi == b.hi && a.lo == b.lo;
}

static struct asn_ip width(const struct asn_range *r)
{
	uint64_t lo = r->last.lo - r->first.lo;

	return (struct asn_ip){ r->last.hi - r->first.hi - (r->last.lo < r->first.lo), lo };
}

static bool narrower(const void *items, uint32_t a, uint32_t b)
{
	const struct asn_range *r = items;
	struct asn_ip wa = width(r + a), wb = width(r + b);

	return same_ip(wa, wb) ? asn_ip_less(r[a].first, r[b].first) : asn_ip_less(wa, wb);
}

static bool outer_first(const void *items, uint32_t a, uint32_t b)
{
	const struct asn_range *r = items;

	return same_ip(r[a].first, r[b].first) ? asn_ip_less(r[b].last, r[a].last)
					       : asn_ip_less(r[a].first, r[b].first);
}

static void sort_ranges(struct asn_build *b, sort_before before)
{
	for (uint32_t i = 0; i < b->n; i++)
		b->order[i] = i;
	sort_index(b->order, b->tmp, b->n, before, b->range);
}

/* Counts ranges that stick out of one that began before them: with the outer range first, those
 * still open lie on a stack, and a range that ends after the innermost open one crosses it. */
static void count_crossing(struct asn_build *b)
{
	uint32_t *stack = b->owner;
	uint32_t depth = 0;

	sort_ranges(b, outer_first);
	for (uint32_t i = 0; i < b->n; i++) {
		const struct asn_range *r = b->range + b->order[i];

		while (depth && asn_ip_less(b->range[stack[depth - 1]].last, r->first))
			depth--;
		if (depth && asn_ip_less(b->range[stack[depth - 1]].last, r->last))
			b->counts.crossing++;
		stack[depth++] = b->order[i];
	}
}

/* Where point k begins: k < n is the start of range k, else the address after the end of range
 * k - n. Nothing comes after the last address of all. */
static bool point_at(const struct asn_build *b, uint32_t k, struct asn_ip *p)
{
	*p = k < b->n ? b->range[k].first : b->range[k - b->n].last;
	if (k >= b->n && !++p->lo)
		p->hi++;
	return k < b->n || p->hi || p->lo;
}

static bool point_before(const void *items, uint32_t a, uint32_t b)
{
	struct asn_ip pa, pb;
	bool inside_a = point_at(items, a, &pa);
	bool inside_b = point_at(items, b, &pb);

	return inside_a != inside_b ? inside_a : inside_a && asn_ip_less(pa, pb);
}

static void make_points(struct asn_build *b)
{
	for (uint32_t i = 0; i < 2 * b->n; i++)
		b->order[i] = i;
	sort_index(b->order, b->tmp, 2 * (size_t)b->n, point_before, b);
	b->points_n = 0;
	for (uint32_t i = 0; i < 2 * b->n; i++) {
		struct asn_ip p;

		if (!point_at(b, b->order[i], &p))
			break;
		if (!b->points_n || !same_ip(b->point[b->points_n - 1], p))
			b->point[b->points_n++] = p;
	}
}

/* The slot that begins at ip, which is one of the points. */
static uint32_t slot_at(const struct asn_build *b, struct asn_ip ip)
{
	uint32_t lo = 0, hi = b->points_n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (asn_ip_less(b->point[mid], ip))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The first free slot at or after i; paths are halved on the way. */
static uint32_t next_free(struct asn_build *b, uint32_t i)
{
	while (i < b->points_n && b->next[i] != i) {
		uint32_t hop = b->next[i];

		if (hop < b->points_n)
			b->next[i] = b->next[hop];
		i = hop;
	}
	return i;
}

/* Gives every slot to the narrowest range over it. Needs order by narrower(). */
static void paint(struct asn_build *b)
{
	for (uint32_t i = 0; i < b->points_n; i++) {
		b->owner[i] = NOBODY;
		b->next[i] = i;
	}
	for (uint32_t k = 0; k < b->n; k++) {
		const struct asn_range *r = b->range + b->order[k];
		uint32_t i = next_free(b, slot_at(b, r->first));

		for (; i < b->points_n && !asn_ip_less(r->last, b->point[i]); i = next_free(b, i)) {
			b->owner[i] = r->set;
			b->next[i] = i + 1;
		}
	}
}

static bool same_range(const struct asn_range *a, const struct asn_range *b)
{
	return same_ip(a->first, b->first) && same_ip(a->last, b->last);
}

/* Adds the set at `at` to e's origins, as far as they fit. */
static void add_origins(const struct asn_build *b, struct asn_entry *e, uint32_t at)
{
	for (uint32_t i = 0; i < b->pool[at]; i++) {
		uint32_t as = b->pool[at + 1 + i], j = 0;

		while (j < e->n && e->as[j] != as)
			j++;
		if (j == e->n && e->n < ASN_SET_MAX)
			e->as[e->n++] = as;
	}
}

/* Equal ranges stand side by side in the order by width: the first of them gets all origins. */
static void unite_equal(struct asn_build *b)
{
	for (uint32_t k = 0, end; k < b->n; k = end) {
		struct asn_range *head = b->range + b->order[k];
		struct asn_entry e;
		uint32_t at;

		for (end = k + 1; end < b->n; end++)
			if (!same_range(head, b->range + b->order[end]))
				break;
		if (end == k + 1)
			continue;
		e.n = 0;
		for (uint32_t i = k; i < end; i++)
			add_origins(b, &e, b->range[b->order[i]].set);
		MUST(set_intern(b, e.as, e.n, &at)); /* pool_room counted every origin twice */
		head->set = at;
	}
}

/* The next run of slots with one owner, from *i on; false after the last. */
static bool next_run(const struct asn_build *b, uint32_t *i, struct asn_range *run)
{
	while (*i < b->points_n && b->owner[*i] == NOBODY)
		++*i;
	if (*i == b->points_n)
		return false;
	run->set = b->owner[*i];
	run->first = b->point[*i];
	while (*i < b->points_n && b->owner[*i] == run->set)
		++*i;
	run->last = (struct asn_ip){ UINT64_MAX, UINT64_MAX };
	if (*i < b->points_n) {
		run->last = b->point[*i];
		run->last.hi -= !run->last.lo;
		run->last.lo--;
	}
	return true;
}

/* How many runs of each family there are. */
static void count_runs(const struct asn_build *b, struct asn_head *h)
{
	struct asn_range run;

	for (uint32_t i = 0; next_run(b, &i, &run);)
		++*(asn_ip_is_v4(run.first) ? &h->n4 : &h->n6);
	h->pool = b->pool_n;
}

size_t asn_build_finish(struct asn_build *b)
{
	struct asn_head h = { .n4 = 0 };

	count_crossing(b);
	make_points(b);
	sort_ranges(b, narrower);
	unite_equal(b);
	paint(b);
	count_runs(b, &h);
	return asn_bytes(h.n4, h.n6, h.pool);
}

void asn_build_write(const struct asn_build *b, void *out, uint64_t now)
{
	struct asn_head *h = out;
	struct asn_ip *v6 = (struct asn_ip *)(void *)(h + 1);
	struct asn_range run;
	uint32_t *v4, *sets;
	uint32_t n4 = 0, n6 = 0;

	asn_head_init(h);
	count_runs(b, h);
	h->built = now;
	h->source = b->source;
	v4 = (uint32_t *)(void *)(v6 + 2 * (size_t)h->n6);
	sets = v4 + 2 * (size_t)h->n4;
	for (uint32_t i = 0; next_run(b, &i, &run);) {
		if (asn_ip_is_v4(run.first)) {
			v4[n4] = (uint32_t)run.first.lo;
			v4[h->n4 + n4] = (uint32_t)run.last.lo;
			sets[h->n6 + n4++] = run.set;
		} else {
			v6[n6] = run.first;
			v6[h->n6 + n6] = run.last;
			sets[n6++] = run.set;
		}
	}
	memcpy(sets + h->n6 + h->n4, b->pool, b->pool_n * sizeof *b->pool);
}
