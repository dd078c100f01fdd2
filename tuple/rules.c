/* tuple/rules.c - who may read, insert, remove and renew which tuples (ARCHITECTURE section 4) */
#include "tuple/rules.h"

#include <string.h>

#include "core/check.h"

enum {
	ROLE_ANY = ROLE_NODE | ROLE_DEVICE | ROLE_CLIENT | ROLE_ADMIN,
	TTL_ANY = UINT32_MAX,
	LEASE_MIN_MS = 1000,	   /* below the precision of agreed time a lease means nothing */
	LEASE_MAX_MS = 600 * 1000, /* MANAGER.md B.1 */
	/* What one key may hold of tuples that are not reserved: the 10,000 of B.0. */
	FREE_TUPLES_MAX = 10240,
	FREE_BYTES_MAX = 2 * 1024 * 1024,
	/* Room kept for reserved tuples, so that clients cannot keep nodes from registering. */
	KEPT_TUPLES = SPACE_TUPLES_MAX / 4,
	KEPT_BYTES = SPACE_BYTES_MAX / 4,
};

static const char free_tag[] = ""; /* every tuple that is not reserved */

enum { OWN_KEY = 1, OWNER = 2, MEMBER = 4 };

struct rule {
	uint8_t actions, roles;
	const char *tag;	/* first field; NULL: any */
	uint8_t needs;		/* OWN_KEY: field fp_at is the caller's key; OWNER: of the tuple;
				 * MEMBER: a member tuple of that role, name (field 1) and key */
	uint8_t fp_at;
	uint32_t ttl_min_ms, ttl_max_ms;
	uint32_t quota;		/* of the caller's tuples of this tag; 0: none */
	bool (*valid)(const struct tuple *t);
	/* Something that must not exist beside it. */
	bool (*taken)(const struct state *st, const struct tuple *t, uint32_t skip);
};

static bool valid_member(const struct tuple *t)
{
	struct member_tuple m;

	return member_decode(&m, t);
}

static bool valid_node(const struct tuple *t)
{
	struct node_tuple n;

	return node_decode(&n, t);
}

static bool valid_device(const struct tuple *t)
{
	struct device_tuple d;

	return device_decode(&d, t);
}

static bool match_beside(const struct state *st, const struct tuple *templ, uint32_t skip)
{
	uint32_t i = space_find(&st->space, templ, 0, st->time_us);

	if (i != SPACE_NONE && i == skip)
		i = space_find(&st->space, templ, i + 1, st->time_us);
	return i != SPACE_NONE;
}

/* <tag, name, ...> of the same name. */
static bool name_taken(const struct state *st, const struct tuple *t, uint32_t skip)
{
	struct tuple templ = *t;

	for (uint32_t i = 2; i < templ.n; i++)
		templ.f[i] = (struct field){ .type = FIELD_ANY };
	return match_beside(st, &templ, skip);
}

/* The name belongs to another key, or this key has this role under it already. */
static bool member_taken(const struct state *st, const struct tuple *t, uint32_t skip)
{
	struct tuple templ, found;

	schema_all(&templ, "member");
	templ.f[2] = t->f[2];
	for (uint32_t i = space_find(&st->space, &templ, 0, st->time_us); i != SPACE_NONE;
	     i = space_find(&st->space, &templ, i + 1, st->time_us)) {
		space_tuple(&st->space, i, &found);
		if (i != skip && (!field_eq(&found.f[3], &t->f[3]) ||
				  field_eq(&found.f[1], &t->f[1])))
			return true;
	}
	return false;
}

static const struct rule rules[] = {
	{ ACT_READ, ROLE_ANY, NULL, 0, 0, 0, TTL_ANY, 0, NULL, NULL },

	{ ACT_INSERT, ROLE_ADMIN, "member", 0, 0, 0, 0, 0, valid_member, member_taken },
	{ ACT_REMOVE, ROLE_ADMIN, "member", 0, 0, 0, TTL_ANY, 0, NULL, NULL },

	{ ACT_INSERT, ROLE_NODE, "node", OWN_KEY | MEMBER, 2, LEASE_MIN_MS, LEASE_MAX_MS, 4,
	  valid_node, name_taken },
	{ ACT_REMOVE, ROLE_ANY, "node", OWNER, 0, 0, TTL_ANY, 0, NULL, NULL },
	{ ACT_RENEW, ROLE_NODE, "node", OWNER, 0, LEASE_MIN_MS, LEASE_MAX_MS, 0, NULL, NULL },

	{ ACT_INSERT, ROLE_DEVICE, "device", OWN_KEY | MEMBER, 2, LEASE_MIN_MS, LEASE_MAX_MS, 4,
	  valid_device, name_taken },
	{ ACT_REMOVE, ROLE_ANY, "device", OWNER, 0, 0, TTL_ANY, 0, NULL, NULL },
	{ ACT_RENEW, ROLE_DEVICE, "device", OWNER, 0, LEASE_MIN_MS, LEASE_MAX_MS, 0, NULL, NULL },

	{ ACT_INSERT, ROLE_NODE | ROLE_DEVICE, "trace", OWN_KEY, 1, LEASE_MIN_MS, LEASE_MAX_MS,
	  256, NULL, NULL },
	{ ACT_REMOVE, ROLE_ANY, "trace", OWNER, 0, 0, TTL_ANY, 0, NULL, NULL },
	{ ACT_RENEW, ROLE_ANY, "trace", OWNER, 0, LEASE_MIN_MS, LEASE_MAX_MS, 0, NULL, NULL },

	{ ACT_INSERT, ROLE_ANY, free_tag, 0, 0, 0, TTL_ANY, FREE_TUPLES_MAX, NULL, NULL },
	{ ACT_REMOVE, ROLE_ANY, free_tag, 0, 0, 0, TTL_ANY, 0, NULL, NULL },
	{ ACT_RENEW, ROLE_ANY, free_tag, OWNER, 0, 0, TTL_ANY, 0, NULL, NULL },
};

static bool is_free(const struct tuple *t)
{
	return !tuple_is_str(t, 0, "member") && !tuple_is_str(t, 0, "node") &&
	       !tuple_is_str(t, 0, "device") && !tuple_is_str(t, 0, "trace");
}

static bool tag_fits(const struct rule *r, const struct tuple *t)
{
	if (!r->tag)
		return true;
	return r->tag == free_tag ? is_free(t) : tuple_is_str(t, 0, r->tag);
}

static bool is_own_key(const struct tuple *t, uint32_t at, const struct fp *fp)
{
	const struct field *f = &t->f[at];

	return at < t->n && f->type == FIELD_BYTES && f->len == FP_BYTES &&
	       !memcmp(f->bytes, fp->b, FP_BYTES);
}

static bool is_member(const struct state *st, const struct rule *r, const struct act *a,
		      const struct fp *fp)
{
	struct tuple templ;

	if (a->t->n < 2 || a->t->f[1].type != FIELD_STR)
		return false;
	schema_key(&templ, fp);
	templ.f[1] = (struct field){ FIELD_STR, 0, (const uint8_t *)r->tag, strlen(r->tag) };
	templ.f[2] = a->t->f[1];
	return space_find(&st->space, &templ, 0, st->time_us) != SPACE_NONE;
}

static bool rule_matches(const struct state *st, const struct rule *r, const struct act *a)
{
	const struct account *who = &st->account[a->account];

	if (!(r->actions & a->action) || !(r->roles & who->roles) || !tag_fits(r, a->t))
		return false;
	if ((r->needs & OWN_KEY) && !is_own_key(a->t, r->fp_at, &who->fp))
		return false;
#ifndef BUG_NO_OWNER
	if ((r->needs & OWNER) && a->owner != a->account)
		return false;
#endif
	if ((r->needs & MEMBER) && !is_member(st, r, a, &who->fp))
		return false;
	return !r->valid || r->valid(a->t);
}

/* The caller's tuples of one reserved tag. */
static uint32_t count_own(const struct state *st, const struct act *a, const char *tag)
{
	const struct space *s = &st->space;
	uint32_t n = 0;
	struct tuple t;

	for (uint32_t i = space_find(s, NULL, 0, st->time_us); i != SPACE_NONE;
	     i = space_find(s, NULL, i + 1, st->time_us)) {
		if (s->entry[i].owner != a->account || i == a->skip)
			continue;
		space_tuple(s, i, &t);
		n += tuple_is_str(&t, 0, tag);
	}
	return n;
}

static enum result_code check_quota(const struct state *st, const struct rule *r,
				    const struct act *a)
{
	const struct account *who = &st->account[a->account];
	size_t bytes = tuple_bytes(a->t);
	bool admin = who->roles & ROLE_ADMIN;

	if (r->tag != free_tag)
		return count_own(st, a, r->tag) < r->quota ? RESULT_OK : RESULT_QUOTA;
	if (st->space.live >= SPACE_TUPLES_MAX - KEPT_TUPLES ||
	    st->space.arena.live + bytes > SPACE_BYTES_MAX - KEPT_BYTES)
		return RESULT_FULL;
	if (!admin && (who->tuples >= r->quota || who->bytes + bytes > FREE_BYTES_MAX))
		return RESULT_QUOTA;
	return RESULT_OK;
}

enum result_code rules_check(const struct state *st, const struct act *a)
{
	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		const struct rule *r = &rules[i];
		uint32_t ttl = a->ttl_ms ? a->ttl_ms : TTL_ANY;

		if (!rule_matches(st, r, a))
			continue;
		if (!(a->action & (ACT_INSERT | ACT_RENEW)))
			return RESULT_OK;
		if (r->ttl_max_ms ? ttl < r->ttl_min_ms || ttl > r->ttl_max_ms : a->ttl_ms != 0)
			return RESULT_TTL;
		if (r->taken && r->taken(st, a->t, a->skip))
			return RESULT_FOUND;
		return r->quota ? check_quota(st, r, a) : RESULT_OK;
	}
	return RESULT_DENIED;
}
