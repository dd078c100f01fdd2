/* tuple/roster.c - who is a member, and where nodes and devices are */
#include "tuple/roster.h"

#include <string.h>

#include "core/buf.h"
#include "core/check.h"
#include "core/secret.h"
#include "core/sort.h"

static const char magic[] = "machete directory 1\n"; /* without its NUL */

static uint8_t *tuples(struct roster *r)
{
	return r->cache + ROSTER_HEAD_BYTES;
}

void roster_clear(struct roster *r)
{
	r->members = r->nodes = r->devices = r->refused = 0;
	r->bytes = 0;
}

static bool signed_by_admin(const struct member_tuple *m, const struct roster_trust *trust)
{
	uint8_t msg[MEMBER_SIGNED_MAX];
	size_t len = member_signed(m, trust->cluster_id, msg);
	struct fp admin;

	return fp_of_pub(&admin, m->pub, sizeof m->pub) &&
	       cluster_is_admin(trust->cluster, &admin) &&
	       ident_verify(m->pub, msg, len, m->sig, m->sig_len);
}

/* Lists keep their order, so the same tuple stands near the same place as before. */
static bool known(const struct roster *old, uint32_t hint, const uint8_t digest[static 32])
{
	for (uint32_t i = 0; old && i < old->members; i++) {
		uint32_t at = (hint + i) % old->members;

		if (!memcmp(old->member[at].digest, digest, 32))
			return true;
	}
	return false;
}

static bool add_member(struct roster *r, const struct tuple *t, const uint8_t digest[static 32],
		       const struct roster_trust *trust, const struct roster *old)
{
	struct member_entry *e = &r->member[r->members];
	struct member_tuple m;

	if (r->members == DIR_MEMBERS_MAX || !member_decode(&m, t))
		return false;
	if (trust && !known(old, r->members, digest) && !signed_by_admin(&m, trust))
		return false;
	*e = (struct member_entry){ .role = m.role, .fp = m.fp };
	memcpy(e->name, m.name, sizeof e->name);
	memcpy(e->operator_name, m.operator_name, sizeof e->operator_name);
	memcpy(e->digest, digest, sizeof e->digest);
	r->members++;
	return true;
}

static bool add_node(struct roster *r, const struct tuple *t)
{
	struct node_entry *e = &r->node[r->nodes];
	struct node_tuple n;

	if (r->nodes == DIR_NODES_MAX || !node_decode(&n, t))
		return false;
	*e = (struct node_entry){ .fp = n.fp, .addrs = n.addrs, .nat = n.nat, .relay = n.relay };
	memcpy(e->name, n.name, sizeof e->name);
	memcpy(e->pub, n.pub, sizeof e->pub);
	memcpy(e->addr, n.addr, sizeof e->addr);
	memcpy(e->boot, n.boot[0], sizeof e->boot);
	r->nodes++;
	return true;
}

static bool add_device(struct roster *r, const struct tuple *t)
{
	struct device_entry *e = &r->device[r->devices];
	struct device_tuple d;

	if (r->devices == DIR_DEVICES_MAX || !device_decode(&d, t))
		return false;
	*e = (struct device_entry){
		.fp = d.fp, .addrs = d.addrs, .ports = d.ports, .has_aes = d.has_aes
	};
	memcpy(e->name, d.name, sizeof e->name);
	memcpy(e->addr, d.addr, sizeof e->addr);
	memcpy(e->port, d.port, sizeof e->port);
	r->devices++;
	return true;
}

static bool add_any(struct roster *r, const struct tuple *t, const uint8_t digest[static 32],
		    const struct roster_trust *trust, const struct roster *old)
{
	if (tuple_is_str(t, 0, "member"))
		return add_member(r, t, digest, trust, old);
	if (tuple_is_str(t, 0, "node"))
		return add_node(r, t);
	return tuple_is_str(t, 0, "device") && add_device(r, t);
}

/* `p` is the tuple's encoding at the end of those that r has. */
static bool take(struct roster *r, const struct tuple *t, const uint8_t *p, size_t len,
		 const struct roster_trust *trust, const struct roster *old)
{
	uint8_t digest[32];

	ident_sha256(p, len, digest);
	if (!add_any(r, t, digest, trust, old))
		return false;
	r->bytes += len;
	return true;
}

bool roster_add(struct roster *r, const struct tuple *t, const struct roster_trust *trust,
		const struct roster *old)
{
	struct buf b;

	buf_init(&b, tuples(r) + r->bytes, ROSTER_TUPLES_BYTES - r->bytes);
	tuple_put(&b, t);
	if (buf_ok(&b) && take(r, t, b.mem, b.len, trust, old))
		return true;
	r->refused++;
	return false;
}

static bool fp_before(const void *items, uint32_t a, uint32_t b)
{
	const struct member_entry *m = items;

	return fp_cmp(&m[a].fp, &m[b].fp) < 0;
}

/* The first place in by_fp that is not before fp. */
static uint32_t lower_bound(const struct roster *r, const struct fp *fp)
{
	uint32_t lo = 0, hi = r->members;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (fp_cmp(&r->member[r->by_fp[mid]].fp, fp) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* A fingerprint's rows are neighbours: calls it the i-th of them, NULL after the last. */
static const struct member_entry *nth(const struct roster *r, uint32_t first, uint32_t i,
				      const struct fp *fp)
{
	const struct member_entry *m;

	if (first + i >= r->members)
		return NULL;
	m = &r->member[r->by_fp[first + i]];
	return fp_eq(&m->fp, fp) ? m : NULL;
}

uint32_t roster_roles(const struct roster *r, const struct fp *fp)
{
	uint32_t first = lower_bound(r, fp), roles = 0;
	const struct member_entry *m;

	for (uint32_t i = 0; (m = nth(r, first, i, fp)); i++)
		roles |= m->role;
	return roles;
}

const struct member_entry *roster_member(const struct roster *r, const struct fp *fp,
					 enum role role)
{
	uint32_t first = lower_bound(r, fp);
	const struct member_entry *m;

	for (uint32_t i = 0; (m = nth(r, first, i, fp)); i++)
		if (m->role & role)
			return m;
	return NULL;
}

static const struct member_entry *find_named(const struct roster *r, const struct fp *fp,
					     enum role role, const char *name)
{
	uint32_t first = lower_bound(r, fp);
	const struct member_entry *m;

	for (uint32_t i = 0; (m = nth(r, first, i, fp)); i++)
		if (m->role == role && !strcmp(m->name, name))
			return m;
	return NULL;
}

static void seal_nodes(struct roster *r)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->nodes; i++) {
		struct node_entry *e = &r->node[i];
		const struct member_entry *m = find_named(r, &e->fp, ROLE_NODE, e->name);

		if (!m)
			continue;
		memcpy(e->operator_name, m->operator_name, sizeof e->operator_name);
		r->node[n++] = *e;
	}
	r->refused += r->nodes - n;
	r->nodes = n;
}

static void seal_devices(struct roster *r)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->devices; i++)
		if (find_named(r, &r->device[i].fp, ROLE_DEVICE, r->device[i].name))
			r->device[n++] = r->device[i];
	r->refused += r->devices - n;
	r->devices = n;
}

void roster_seal(struct roster *r)
{
	for (uint32_t i = 0; i < r->members; i++)
		r->by_fp[i] = i;
	sort_index(r->by_fp, r->tmp, r->members, fp_before, r->member);
	seal_nodes(r);
	seal_devices(r);
}

bool roster_same(const struct roster *a, const struct roster *b)
{
	return a->bytes == b->bytes &&
	       !memcmp(a->cache + ROSTER_HEAD_BYTES, b->cache + ROSTER_HEAD_BYTES, a->bytes);
}

const uint8_t *roster_save(struct roster *r, const uint8_t cluster_id[static 32], int64_t wall_s,
			   size_t *len)
{
	struct buf b;

	static_assert(sizeof magic - 1 + 32 + 8 + 4 == ROSTER_HEAD_BYTES, "the head's layout");
	buf_init(&b, r->cache, ROSTER_HEAD_BYTES);
	buf_put_bytes(&b, magic, sizeof magic - 1);
	buf_put_bytes(&b, cluster_id, 32);
	buf_put_u64(&b, (uint64_t)wall_s);
	buf_put_u32(&b, (uint32_t)r->bytes);
	MUST(b.len == ROSTER_HEAD_BYTES);
	*len = ROSTER_HEAD_BYTES + r->bytes;
	ident_sha256(r->cache, *len, r->cache + *len);
	*len += 32;
	return r->cache;
}

/* The head and the digest; *bytes of tuples lie between. */
static bool check_frame(const uint8_t *p, size_t len, const uint8_t cluster_id[static 32],
			int64_t *wall_s, size_t *bytes)
{
	const uint8_t *text, *id;
	uint8_t digest[32];
	struct buf b;

	buf_over(&b, p, len);
	text = buf_get_bytes(&b, sizeof magic - 1);
	id = buf_get_bytes(&b, 32);
	*wall_s = (int64_t)buf_get_u64(&b);
	*bytes = buf_get_u32(&b);
	if (!buf_ok(&b) || memcmp(text, magic, sizeof magic - 1) || memcmp(id, cluster_id, 32))
		return false;
	if (*bytes > ROSTER_TUPLES_BYTES || buf_left(&b) != *bytes + sizeof digest)
		return false;
	ident_sha256(p, len - sizeof digest, digest);
	return ct_eq(digest, p + len - sizeof digest, sizeof digest);
}

bool roster_load(struct roster *r, size_t len, const uint8_t cluster_id[static 32], int64_t *wall_s)
{
	struct tuple t;
	struct buf b;
	size_t bytes, at = 0;

	roster_clear(r);
	if (!check_frame(r->cache, len, cluster_id, wall_s, &bytes))
		return false;
	buf_over(&b, tuples(r), bytes);
	while (at < bytes && tuple_get(&b, &t) && take(r, &t, b.mem + at, b.pos - at, NULL, NULL))
		at = b.pos;
	if (at < bytes) {
		roster_clear(r);
		return false;
	}
	roster_seal(r);
	return true;
}

const struct node_entry *roster_node(const struct roster *r, const char *name)
{
	for (uint32_t i = 0; i < r->nodes; i++)
		if (!strcmp(r->node[i].name, name))
			return &r->node[i];
	return NULL;
}

const struct device_entry *roster_device(const struct roster *r, const char *name)
{
	for (uint32_t i = 0; i < r->devices; i++)
		if (!strcmp(r->device[i].name, name))
			return &r->device[i];
	return NULL;
}

const struct device_entry *roster_device_fp(const struct roster *r, const struct fp *fp)
{
	for (uint32_t i = 0; i < r->devices; i++)
		if (fp_eq(&r->device[i].fp, fp))
			return &r->device[i];
	return NULL;
}
