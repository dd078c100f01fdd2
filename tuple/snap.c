/* tuple/snap.c - the state as bytes, and the root that names them */
#include "tuple/snap.h"

#include <string.h>

#include "core/check.h"

enum { FLAG_CLOSED = 1, FLAG_WAITING = 2, FLAG_ANSWER = 4 };

static const char magic[16] = "machete state 1";

static void put_i64(struct buf *b, int64_t v)
{
	buf_put_u64(b, (uint64_t)v);
}

static int64_t get_i64(struct buf *b)
{
	return (int64_t)buf_get_u64(b);
}

void cluster_put(struct buf *b, const struct cluster *c)
{
	buf_put_u32(b, c->faults);
	buf_put_u32(b, c->n);
	for (uint32_t i = 0; i < c->n; i++) {
		buf_put_bytes(b, c->replica[i].addr.ip, sizeof c->replica[i].addr.ip);
		buf_put_u16(b, c->replica[i].addr.port);
		buf_put_bytes(b, c->replica[i].fp.b, FP_BYTES);
	}
	buf_put_u32(b, c->admins);
	for (uint32_t i = 0; i < c->admins; i++)
		buf_put_bytes(b, c->admin[i].b, FP_BYTES);
}

bool cluster_get(struct buf *b, struct cluster *c)
{
	memset(c, 0, sizeof *c);
	c->faults = buf_get_u32(b);
	c->n = buf_get_u32(b);
	if (c->faults > FAULTS_MAX || c->n != 3 * c->faults + 1)
		b->bad = true;
	for (uint32_t i = 0; i < c->n && buf_ok(b); i++) {
		buf_get_copy(b, c->replica[i].addr.ip, sizeof c->replica[i].addr.ip);
		c->replica[i].addr.port = buf_get_u16(b);
		buf_get_copy(b, c->replica[i].fp.b, FP_BYTES);
	}
	c->admins = buf_get_u32(b);
	if (!c->admins || c->admins > ADMINS_MAX)
		b->bad = true;
	for (uint32_t i = 0; i < c->admins && buf_ok(b); i++)
		buf_get_copy(b, c->admin[i].b, FP_BYTES);
	return buf_ok(b);
}

static void put_head(const struct state *st, struct buf *b)
{
	buf_put_bytes(b, magic, sizeof magic);
	buf_put_bytes(b, st->cluster_id, sizeof st->cluster_id);
	cluster_put(b, &st->cluster);
	buf_put_u32(b, st->config);
	buf_put_u32(b, st->swapped);
	buf_put_bytes(b, st->swapped_fp.b, FP_BYTES);
	buf_put_u64(b, st->slot);
	buf_put_bytes(b, st->digest, DIGEST_BYTES);
	put_i64(b, st->time_us);
	put_i64(b, st->sweep_us);
	buf_put_u64(b, st->checkpoint);
	buf_put_u32(b, st->bytes);
	buf_put_u64(b, st->space.next_id);
}

static void put_sessions(const struct state *st, struct buf *b)
{
#ifdef BUG_NO_SESSIONS
	buf_put_u32(b, 0);
	return;
#endif
	buf_put_u32(b, st->sessions);
	for (uint16_t i = 0; i < SESSIONS_MAX; i++) {
		const struct session *s = &st->session[i];
		size_t len;

		if (!s->used)
			continue;
		buf_put_u16(b, i);
		buf_put_bytes(b, st->account[s->account].fp.b, FP_BYTES);
		buf_put_u8(b, (s->closed ? FLAG_CLOSED : 0) | (s->waiting ? FLAG_WAITING : 0) |
			      (s->answer != ARENA_NONE ? FLAG_ANSWER : 0));
		buf_put_bytes(b, s->id, SESSION_BYTES);
		buf_put_u64(b, s->last);
		put_i64(b, s->used_us);
		buf_put_bytes(b, s->request, DIGEST_BYTES);
		buf_put_u64(b, s->slot);
		put_i64(b, s->time_us);
		if (s->answer != ARENA_NONE) {
			const uint8_t *p = arena_get(&st->answers, s->answer, &len);

			buf_put_lv(b, p, len);
		}
	}
}

static void put_waiters(const struct state *st, struct buf *b)
{
	buf_put_u32(b, st->waiters);
	for (uint32_t i = 0; i < st->waiters; i++) {
		const struct waiter *w = &st->waiter[i];
		size_t len;
		const uint8_t *p = arena_get(&st->answers, w->templ, &len);

		buf_put_u16(b, w->session);
		buf_put_u8(b, w->op);
		put_i64(b, w->deadline_us);
		buf_put_lv(b, p, len);
	}
}

static void put_tuples(const struct state *st, struct buf *b)
{
	const struct space *s = &st->space;

	buf_put_u32(b, s->live);
	for (uint32_t i = s->first; i < s->entries; i++) {
		const struct space_entry *e = &s->entry[i];
		const uint8_t *p;
		size_t len;

		if (e->block == ARENA_NONE)
			continue;
		p = arena_get(&s->arena, e->block, &len);
		buf_put_u64(b, e->id);
#ifdef BUG_LAYOUT_IN_SNAPSHOT
		buf_put_u8(b, (uint8_t)e->block);
#endif
		put_i64(b, e->expires_us);
		buf_put_bytes(b, st->account[e->owner].fp.b, FP_BYTES);
		buf_put_bytes(b, p, len);
	}
}

size_t snap_write(const struct state *st, uint8_t *out)
{
	struct buf b;

	buf_init(&b, out, SNAP_BYTES_MAX);
	put_head(st, &b);
	put_sessions(st, &b);
	put_waiters(st, &b);
	put_tuples(st, &b);
	MUST(buf_ok(&b));
	return b.len;
}

static bool get_head(struct state *st, struct buf *b)
{
	const uint8_t *p = buf_get_bytes(b, sizeof magic);
	uint8_t id[32];

	if (!p || memcmp(p, magic, sizeof magic))
		return false;
	buf_get_copy(b, id, sizeof id);
	if (memcmp(id, st->cluster_id, sizeof id) || !cluster_get(b, &st->cluster))
		return false;
	cluster_id(&st->cluster, id);
	st->config = buf_get_u32(b);
	st->swapped = buf_get_u32(b);
	buf_get_copy(b, st->swapped_fp.b, FP_BYTES);
	st->slot = buf_get_u64(b);
	buf_get_copy(b, st->digest, DIGEST_BYTES);
	st->time_us = get_i64(b);
	st->sweep_us = get_i64(b);
	st->checkpoint = buf_get_u64(b);
	st->bytes = buf_get_u32(b);
	st->space.next_id = 1;
	return buf_ok(b) && !memcmp(id, st->cluster_id, sizeof id) && st->swapped < REPLICAS_MAX &&
	       st->time_us >= 0 &&
	       st->time_us <= TIME_US_MAX && st->slot < UINT64_MAX / 2;
}

static bool get_session(struct state *st, struct buf *b)
{
	uint8_t id[SESSION_BYTES], flags;
	uint16_t i = buf_get_u16(b);
	struct session *s = &st->session[i % SESSIONS_MAX];
	const uint8_t *p;
	struct fp fp;
	size_t len;

	buf_get_copy(b, fp.b, FP_BYTES);
	flags = buf_get_u8(b);
	buf_get_copy(b, id, sizeof id);
	if (!buf_ok(b) || i >= SESSIONS_MAX || s->used ||
	    session_open_at(st, i, &fp, id) == SESSION_NONE)
		return false;
	s->last = buf_get_u64(b);
	s->used_us = get_i64(b);
	buf_get_copy(b, s->request, DIGEST_BYTES);
	s->slot = buf_get_u64(b);
	s->time_us = get_i64(b);
	s->waiting = flags & FLAG_WAITING;
	s->closed = flags & FLAG_CLOSED;
	if (s->closed)
		st->account[s->account].sessions--;
	if (flags & FLAG_ANSWER) {
		p = buf_get_lv(b, RESULT_BYTES_MAX, &len);
		s->answer = p ? arena_add(&st->answers, p, len) : ARENA_NONE;
		if (s->answer == ARENA_NONE)
			return false;
	}
	return buf_ok(b);
}

static bool get_waiter(struct state *st, struct buf *b)
{
	struct waiter *w = &st->waiter[st->waiters];
	const uint8_t *p;
	struct tuple t;
	struct buf in;
	size_t len;

	w->session = buf_get_u16(b);
	w->op = buf_get_u8(b);
	w->deadline_us = get_i64(b);
	p = buf_get_lv(b, TUPLE_BYTES_MAX, &len);
	if (!p || w->session >= SESSIONS_MAX || !st->session[w->session].waiting)
		return false;
	for (uint32_t i = 0; i < st->waiters; i++)
		if (st->waiter[i].session == w->session)
			return false;
	buf_over(&in, p, len);
	if (!tuple_get(&in, &t) || !buf_done(&in))
		return false;
	w->templ = arena_add(&st->answers, p, len);
	st->waiters++;
	st->account[st->session[w->session].account].waiters++;
	return w->templ != ARENA_NONE;
}

static bool get_tuple(struct state *st, struct buf *b)
{
	uint64_t id = buf_get_u64(b);
#ifdef BUG_LAYOUT_IN_SNAPSHOT
	uint8_t layout = buf_get_u8(b);
#endif
	int64_t expires = get_i64(b);
	struct account *a;
	uint16_t owner;
	struct tuple t;
	struct fp fp;

	buf_get_copy(b, fp.b, FP_BYTES);
#ifdef BUG_LAYOUT_IN_SNAPSHOT
	(void)layout;
#endif
	if (!tuple_get(b, &t))
		return false;
	owner = account_open(st, &fp);
	if (owner == ACCOUNTS_MAX || !space_restore(&st->space, id, &t, owner, expires))
		return false;
	a = &st->account[owner];
	a->tuples++;
	a->bytes += (uint32_t)tuple_bytes(&t);
	a->held++;
	return true;
}

static bool get_list(struct state *st, struct buf *b, uint32_t max,
		     bool (*get)(struct state *, struct buf *))
{
	uint32_t n = buf_get_u32(b);

	if (n > max)
		return false;
	while (n--)
		if (!get(st, b))
			return false;
	return buf_ok(b);
}

/* Each session that waits has its waiter; get_waiter saw to the converse. */
static bool all_wait(const struct state *st)
{
	uint32_t waiting = 0;

	for (uint32_t i = 0; i < SESSIONS_MAX; i++)
		waiting += st->session[i].waiting;
	return waiting == st->waiters;
}

bool snap_read(struct state *st, const struct cluster *cluster, const uint8_t *p, size_t len)
{
	uint64_t next_id;
	struct buf b;

	state_init(st, cluster);
	buf_over(&b, p, len);
	if (!get_head(st, &b))
		return false;
	next_id = buf_get_u64(&b);
	if (!get_list(st, &b, SESSIONS_MAX, get_session) ||
	    !get_list(st, &b, WAITERS_MAX, get_waiter) ||
	    !get_list(st, &b, SPACE_TUPLES_MAX, get_tuple))
		return false;
	if (!buf_done(&b) || next_id < st->space.next_id || !all_wait(st))
		return false;
	st->space.next_id = next_id;
	for (uint32_t i = 0; i < ACCOUNTS_MAX; i++)
		if (st->account[i].used)
			st->account[i].roles = (uint8_t)state_roles(st, &st->account[i].fp);
	return true;
}

static size_t chunk_bytes(size_t len, uint32_t i)
{
	size_t at = (size_t)i * SNAP_CHUNK_BYTES;

	return len - at < SNAP_CHUNK_BYTES ? len - at : SNAP_CHUNK_BYTES;
}

size_t snap_manifest(const uint8_t *p, size_t len, uint8_t out[static MANIFEST_BYTES_MAX])
{
	uint8_t digest[DIGEST_BYTES];
	struct buf b;

	MUST(len <= SNAP_BYTES_MAX);
	buf_init(&b, out, MANIFEST_BYTES_MAX);
	buf_put_u64(&b, len);
	for (uint32_t i = 0; (size_t)i * SNAP_CHUNK_BYTES < len; i++) {
		ident_sha256(p + (size_t)i * SNAP_CHUNK_BYTES, chunk_bytes(len, i), digest);
		buf_put_bytes(&b, digest, sizeof digest);
	}
	return b.len;
}

void snap_root(const uint8_t *manifest, size_t len, uint8_t root[static DIGEST_BYTES])
{
	ident_sha256(manifest, len, root);
}

size_t manifest_length(const uint8_t *manifest, size_t len)
{
	struct buf b;
	uint64_t bytes;

	buf_over(&b, manifest, len);
	bytes = buf_get_u64(&b);
	if (!buf_ok(&b) || !bytes || bytes > SNAP_BYTES_MAX)
		return 0;
	if (buf_left(&b) != (bytes + SNAP_CHUNK_BYTES - 1) / SNAP_CHUNK_BYTES * DIGEST_BYTES)
		return 0;
	return bytes;
}

bool manifest_check(const uint8_t *manifest, size_t len, uint32_t i, const uint8_t *p, size_t n)
{
	size_t bytes = manifest_length(manifest, len);
	uint8_t digest[DIGEST_BYTES];

	if ((size_t)i * SNAP_CHUNK_BYTES >= bytes || n != chunk_bytes(bytes, i))
		return false;
	ident_sha256(p, n, digest);
	return !memcmp(digest, manifest + 8 + (size_t)i * DIGEST_BYTES, DIGEST_BYTES);
}
