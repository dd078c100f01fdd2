/* tuple/space.c - the bag of tuples: found, removed and expired in the order of their insertion */
#include "tuple/space.h"

#include <string.h>

#include "core/check.h"

void space_init(struct space *s)
{
	s->next_id = 1;
	s->next_expiry_us = SPACE_FOREVER;
	s->entries = s->live = s->first = 0;
	memset(s->chain, 0, sizeof s->chain);
	arena_init(&s->arena, s->mem, sizeof s->mem, s->table, SPACE_TUPLES_MAX);
}

/* FNV-1a over the field's type and value: a filter, no more. */
static uint32_t field_hash(const struct field *f)
{
	uint32_t h = 2166136261u ^ (uint32_t)f->type;

	if (f->type == FIELD_INT)
		return (h ^ (uint32_t)f->num ^ (uint32_t)((uint64_t)f->num >> 32)) * 16777619u;
	for (size_t i = 0; i < f->len; i++)
		h = (h ^ f->bytes[i]) * 16777619u;
	return h;
}

/* Puts entry i at the end of its chain, which is in the order of entries. */
static void chain(struct space *s, uint32_t i)
{
	struct space_entry *e = &s->entry[i];
	uint32_t k = e->hash[1] % SPACE_CHAINS;

	e->next = 0;
	if (e->arity < 2)
		return;
	*(s->chain[k] ? &s->entry[s->chain_end[k] - 1].next : &s->chain[k]) = (uint16_t)(i + 1);
	s->chain_end[k] = (uint16_t)(i + 1);
}

static void unchain(struct space *s, uint32_t i)
{
	uint32_t k = s->entry[i].hash[1] % SPACE_CHAINS;
	uint16_t *link = &s->chain[k], before = 0;

	if (s->entry[i].arity < 2)
		return;
	for (; *link != i + 1; link = &s->entry[before - 1].next)
		before = *link;
	*link = s->entry[i].next;
	if (s->chain_end[k] == i + 1)
		s->chain_end[k] = before;
}

/* Slide the live entries together; their order, which is that of ids, stays. */
static void sweep(struct space *s)
{
	uint32_t to = 0;

	memset(s->chain, 0, sizeof s->chain);
	for (uint32_t i = s->first; i < s->entries; i++) {
		if (s->entry[i].block == ARENA_NONE)
			continue;
		s->entry[to] = s->entry[i];
		chain(s, to++);
	}
	s->entries = s->live = to;
	s->first = 0;
}

static bool add(struct space *s, uint64_t id, const struct tuple *t, uint16_t owner,
		int64_t expires_us)
{
	uint8_t mem[TUPLE_BYTES_MAX];
	struct space_entry *e;
	struct buf b;
	uint32_t block;

	buf_init(&b, mem, sizeof mem);
	tuple_put(&b, t);
	if (!buf_ok(&b) || s->live == SPACE_TUPLES_MAX)
		return false;
	block = arena_add(&s->arena, mem, b.len);
	if (block == ARENA_NONE)
		return false;
	if (s->entries == SPACE_ENTRIES_MAX)
		sweep(s);
	e = &s->entry[s->entries++];
	*e = (struct space_entry){ .id = id, .expires_us = expires_us, .block = block,
				   .owner = owner, .arity = (uint8_t)t->n };
	for (uint32_t i = 0; i < 2 && i < t->n; i++)
		e->hash[i] = field_hash(&t->f[i]);
	chain(s, s->entries - 1);
	s->live++;
	if (expires_us < s->next_expiry_us)
		s->next_expiry_us = expires_us;
	return true;
}

uint64_t space_insert(struct space *s, const struct tuple *t, uint16_t owner, int64_t expires_us)
{
	if (!add(s, s->next_id, t, owner, expires_us))
		return 0;
	return s->next_id++;
}

bool space_restore(struct space *s, uint64_t id, const struct tuple *t, uint16_t owner,
		   int64_t expires_us)
{
	if (id < s->next_id || id == UINT64_MAX || !add(s, id, t, owner, expires_us))
		return false;
	s->next_id = id + 1;
	return true;
}

void space_tuple(const struct space *s, uint32_t i, struct tuple *t)
{
	struct buf b;
	size_t len;
	uint8_t *p = arena_get(&s->arena, s->entry[i].block, &len);

	buf_over(&b, p, len);
	MUST(tuple_get(&b, t));
}

size_t space_tuple_bytes(const struct space *s, uint32_t i)
{
	size_t len;

	arena_get(&s->arena, s->entry[i].block, &len);
	return len;
}

/* Where to look first, from entry `from` on; by the second field's hash when it is given. */
static uint32_t begin(const struct space *s, bool given, uint32_t hash, uint32_t from)
{
	const struct space_entry *before =
	    from && from <= s->entries ? &s->entry[from - 1] : NULL;
	uint32_t i = s->chain[hash % SPACE_CHAINS];

	if (!given)
		return from > s->first ? from : s->first;
	if (before && before->block != ARENA_NONE && before->arity > 1 && before->hash[1] == hash)
		return before->next - 1u; /* the search goes on */
	while (i && i <= from)
		i = s->entry[i - 1].next;
	return i - 1u;
}

uint32_t space_find(const struct space *s, const struct tuple *templ, uint32_t from,
		    int64_t now_us)
{
	uint32_t want[2] = { 0, 0 };
	bool given[2] = { false, false };
	struct tuple t;

	for (uint32_t i = 0; templ && i < 2 && i < templ->n; i++) {
		given[i] = templ->f[i].type != FIELD_ANY;
		want[i] = given[i] ? field_hash(&templ->f[i]) : 0;
	}
	for (uint32_t i = begin(s, given[1], want[1], from); i < s->entries;
	     i = given[1] ? s->entry[i].next - 1u : i + 1) {
		const struct space_entry *e = &s->entry[i];

		if (e->block == ARENA_NONE || e->expires_us <= now_us)
			continue;
		if (!templ)
			return i;
		if (e->arity != templ->n || (given[0] && e->hash[0] != want[0]) ||
		    (given[1] && e->hash[1] != want[1]))
			continue;
		space_tuple(s, i, &t);
		if (tuple_match(templ, &t))
			return i;
	}
	return SPACE_NONE;
}

uint32_t space_after(const struct space *s, uint64_t id)
{
	uint32_t lo = s->first, hi = s->entries;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (s->entry[mid].id <= id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

void space_remove(struct space *s, uint32_t i)
{
	MUST(i < s->entries);
	unchain(s, i);
	arena_del(&s->arena, s->entry[i].block);
	s->entry[i].block = ARENA_NONE;
	s->live--;
	while (s->first < s->entries && s->entry[s->first].block == ARENA_NONE)
		s->first++;
	if (s->first == s->entries)
		s->first = s->entries = 0;
}

void space_renew(struct space *s, uint32_t i, int64_t expires_us)
{
	s->entry[i].expires_us = expires_us;
	if (expires_us < s->next_expiry_us)
		s->next_expiry_us = expires_us;
}

uint32_t space_expired(struct space *s, int64_t now_us)
{
	int64_t next = SPACE_FOREVER;

	if (now_us < s->next_expiry_us)
		return SPACE_NONE;
	for (uint32_t i = s->first; i < s->entries; i++) {
		const struct space_entry *e = &s->entry[i];

		if (e->block == ARENA_NONE)
			continue;
		if (e->expires_us <= now_us)
			return i;
		if (e->expires_us < next)
			next = e->expires_us;
	}
	s->next_expiry_us = next;
	return SPACE_NONE;
}
