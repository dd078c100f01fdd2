/* tuple/log.c - the log: what is promised goes in before it is said, and comes back after a crash
 *
 * START names the snapshot that the log continues, the view, and whether this replica may vote.
 * Every record says which slot was executed when it was written, so replay executes as far. */
#include <string.h>

#include "core/check.h"
#include "tuple/pbft.h"

enum { START_ACTIVE = 1, START_OBSERVER = 2, START_FRESH = 4 };

static size_t encode(struct replica *r, uint8_t *out, size_t room, enum wal_type type,
		     uint64_t view, uint64_t slot, const void *p, size_t len, uint64_t executed)
{
	struct wal_record rec = { .type = type, .config = r->config, .view = view, .slot = slot,
				  .executed = executed, .payload = p, .len = len };

	if (executed)
		memcpy(rec.digest, r->state.digest, DIGEST_BYTES);
	return wal_put(out, room, &rec, &r->chain);
}

void log_put(struct replica *r, enum wal_type type, uint64_t view, uint64_t slot, const void *p,
	     size_t len)
{
	struct replica_effect *e;
	struct buf b;

	if (r->replaying)
		return;
	MUST(!r->switch_due);
	b = out_buf(r, len + WAL_HEAD_BYTES + WAL_PAD);
	e = out_push(r, REPLICA_PERSIST);
	e->bytes = b.mem;
	e->len = encode(r, b.mem, b.cap, type, view, slot, p, len, r->state.slot);
	MUST(e->len > 0);
	r->out_len += e->len;
	r->log_bytes += e->len;
}

/* {u64 slot, u8 flags, [u64 view, d] of Q, [u64 view, d] of P}; a slot's old Q entries follow. */
void entry_put(struct buf *b, const struct pq *e)
{
	buf_put_u64(b, e->slot);
	buf_put_u8(b, (uint8_t)(e->q | e->p << 1));
	if (e->q) {
		buf_put_u64(b, e->q_view);
		buf_put_bytes(b, e->q_d, DIGEST_BYTES);
	}
	if (e->p) {
		buf_put_u64(b, e->p_view);
		buf_put_bytes(b, e->p_d, DIGEST_BYTES);
	}
}

bool entry_get(struct buf *b, struct pq *e)
{
	uint8_t flags;

	memset(e, 0, sizeof *e);
	e->slot = buf_get_u64(b);
	flags = buf_get_u8(b);
	e->q = flags & 1;
	e->p = flags & 2;
	if (e->q) {
		e->q_view = buf_get_u64(b);
		buf_get_copy(b, e->q_d, DIGEST_BYTES);
	}
	if (e->p) {
		e->p_view = buf_get_u64(b);
		buf_get_copy(b, e->p_d, DIGEST_BYTES);
	}
	return buf_ok(b) && flags && flags <= 3;
}

/* Entries of slots from..to into b: u16 count first. */
size_t entries_put(struct replica *r, struct buf *b, uint64_t from, uint64_t to)
{
	uint8_t *count = b->mem + b->len;
	uint32_t n = 0;

	buf_put_u16(b, 0);
	for (uint64_t s = from; s <= to; s++) {
		struct slot *x = slot_at(r, s);
		struct pq e = { .slot = s, .q = x->has_q, .p = x->has_p, .q_view = x->q_view,
				.p_view = x->p_view };

		memcpy(e.q_d, x->q_d, DIGEST_BYTES);
		memcpy(e.p_d, x->p_d, DIGEST_BYTES);
		if (e.q || e.p) {
			entry_put(b, &e);
			n++;
		}
		for (uint32_t i = 0; i < OLD_MAX; i++) {
			struct pq old = { .slot = s, .q = true, .q_view = r->old[i].view };

			if (r->old[i].slot != s)
				continue;
			memcpy(old.q_d, r->old[i].d, DIGEST_BYTES);
			entry_put(b, &old);
			n++;
		}
	}
	MUST(buf_ok(b));
	count[0] = (uint8_t)(n >> 8);
	count[1] = (uint8_t)n;
	return n;
}

void log_switch(struct replica *r)
{
	struct replica_effect *e = out_push(r, REPLICA_SWITCH);

	e->slot = r->h;
	r->switch_due = false;
	r->log_bytes = 0;
}

static const uint8_t *dump(struct replica *r, enum wal_type type, uint64_t slot, const void *p,
			   size_t n, uint64_t executed, size_t *len)
{
	*len = encode(r, r->outbox + OUT_BYTES - WAL_RECORD_MAX, WAL_RECORD_MAX, type, r->view,
		      slot, p, n, executed);
	MUST(*len > 0);
	r->chain.back = 0; /* the whole log is synced before anything rests on it */
	r->log_bytes += *len;
	return r->outbox + OUT_BYTES - WAL_RECORD_MAX;
}

static const uint8_t *dump_start(struct replica *r, size_t *len)
{
	struct buf b;

	r->chain = (struct wal_chain){ 0, 0 };
	r->log_bytes = 0;
	buf_init(&b, r->scratch, sizeof r->scratch);
	buf_put_bytes(&b, r->cluster_id, sizeof r->cluster_id);
	buf_put_u8(&b, (r->active ? START_ACTIVE : 0) | (r->observer ? START_OBSERVER : 0) |
		      (r->fresh ? START_FRESH : 0));
	cluster_put(&b, &r->members);
	cert_put(&b, &r->stable);
	MUST(buf_ok(&b));
	return dump(r, WAL_START, r->h, b.mem, b.len, 0, len);
}

/* The i-th batch of the slots above h, in order of slots; NULL after the last. */
static const uint8_t *dump_body(struct replica *r, uint64_t *cursor, size_t *len)
{
	for (; *cursor < (uint64_t)WINDOW * 64; (*cursor)++) {
		uint64_t s = r->h + 1 + *cursor / 64;
		uint16_t i = r->slot[s % WINDOW].bodies;
		struct body *body;
		const uint8_t *p;
		size_t n;

		for (uint64_t k = *cursor % 64; k && i != NONE16; k--)
			i = r->body[i].next;
		if (i == NONE16) {
			*cursor |= 63;
			continue;
		}
		body = &r->body[i];
		body->logged = true;
		(*cursor)++;
		p = body_bytes(r, body, &n);
		return dump(r, WAL_BATCH, s, p, n, 0, len);
	}
	return NULL;
}

static void chosen_put(const struct chosen *c, struct buf *b)
{
	buf_put_u64(b, c->base);
	buf_put_u16(b, (uint16_t)c->count);
	buf_put_bytes(b, c->d, (size_t)c->count * DIGEST_BYTES);
}

static bool chosen_get(struct chosen *c, struct buf *b)
{
	c->base = buf_get_u64(b);
	c->count = buf_get_u16(b);
	if (c->count > WINDOW)
		return false;
	buf_get_copy(b, c->d, (size_t)c->count * DIGEST_BYTES);
	return buf_done(b);
}

void log_newview(struct replica *r, uint64_t view, const struct chosen *c)
{
	struct buf b;

	buf_init(&b, r->scratch, sizeof r->scratch);
	chosen_put(c, &b);
	MUST(buf_ok(&b));
	log_put(r, WAL_NEWVIEW, view, c->base, b.mem, b.len);
}

static const uint8_t *dump_view(struct replica *r, size_t *len)
{
	const struct vc *own = &r->vc[r->self];
	struct buf b;

	if (!r->active)
		return dump(r, WAL_VIEW, r->h, own->bytes, own->view == r->view ? own->len : 0,
			    r->state.slot, len);
	buf_init(&b, r->scratch, sizeof r->scratch);
	chosen_put(&r->chosen, &b);
	MUST(buf_ok(&b));
	return dump(r, WAL_NEWVIEW, r->h, b.mem, b.len, r->state.slot, len);
}

enum { STAGE_BODIES = 1, STAGE_ENTRIES = 1 << 20, STAGE_ENTRIES_2, STAGE_VIEW, STAGE_END };

/* Slots of one ENTRIES record: 2 * 48 bytes an entry, so that it fits a record with old entries. */
enum { ENTRIES_SLOTS = 1024 };

const uint8_t *replica_dump(struct replica *r, uint64_t *cursor, size_t *len)
{
	uint64_t at = *cursor, top = slots_top(r);
	const uint8_t *p;
	struct buf b;

	if (!at) {
		*cursor = STAGE_BODIES;
		return dump_start(r, len);
	}
	if (at < STAGE_ENTRIES) {
		at -= STAGE_BODIES;
		p = dump_body(r, &at, len);
		*cursor = p ? at + STAGE_BODIES : STAGE_ENTRIES;
		if (p)
			return p;
		at = *cursor;
	}
	if (at == STAGE_ENTRIES || at == STAGE_ENTRIES_2) {
		uint64_t from = r->h + 1 + (at == STAGE_ENTRIES ? 0 : ENTRIES_SLOTS);
		uint64_t to = top < from + ENTRIES_SLOTS - 1 ? top : from + ENTRIES_SLOTS - 1;

		*cursor = at == STAGE_ENTRIES && top > to ? STAGE_ENTRIES_2 : STAGE_VIEW;
		buf_init(&b, r->scratch, sizeof r->scratch);
		entries_put(r, &b, from, to);
		return dump(r, WAL_ENTRIES, from, b.mem, b.len, 0, len);
	}
	if (at == STAGE_VIEW) {
		*cursor = STAGE_END;
		return dump_view(r, len);
	}
	return NULL;
}

/* Replay. Each returns false when the record does not fit what came before. */
static bool replay_start(struct replica *r, const struct wal_record *rec, struct buf *b)
{
	uint8_t id[32], flags;
	struct fp fp;

	buf_get_copy(b, id, sizeof id);
	flags = buf_get_u8(b);
	if (memcmp(id, r->cluster_id, sizeof id) || !cluster_get(b, &r->members) ||
	    !cert_get(b, &r->stable) || !buf_done(b))
		return false;
	if (rec->slot != r->state.slot || r->stable.c.slot != rec->slot)
		return false;
	if (rec->slot && (memcmp(r->stable.c.root, r->base->c.root, DIGEST_BYTES)))
		return false;
	r->base->c = r->stable.c;
	r->setup.signer.fp_of(r->setup.signer.ctx, r->setup.signer.pub, &fp);
	if (cluster_find(&r->members, &fp) < 0)
		return false;
	r->self = (uint32_t)cluster_find(&r->members, &fp);
	r->config = rec->config;
	r->h = rec->slot;
	r->view = rec->view;
	r->active = flags & START_ACTIVE;
	r->observer = r->observer || (flags & START_OBSERVER);
	r->fresh = flags & START_FRESH;
	r->log_bytes = 1;
	return true;
}

static bool replay_body(struct replica *r, const struct wal_record *rec, uint8_t *d)
{
	struct slot *x = slot_at(r, rec->slot);
	struct batch batch;

	if (!x || !batch_get(&batch, rec->payload, rec->len))
		return false;
	batch_digest(r->cluster_id, r->config, rec->slot, rec->payload, rec->len, d);
	if (!body_add(r, x, d, rec->payload, rec->len))
		return false;
	body_find(r, x, d)->logged = true;
	return true;
}

static bool replay_accept(struct replica *r, const struct wal_record *rec)
{
	uint8_t d[DIGEST_BYTES];
	struct slot *x;
	bool vouched;

	if (!replay_body(r, rec, d) || rec->view != r->view || !r->active)
		return false;
	x = slot_at(r, rec->slot);
	vouched = x->vouched;
	slot_propose(r, rec->slot, d);
	slot_promise(r, rec->slot, d, rec->view);
	x->accepted = true;
	x->vouched = vouched;
	if (leader_of(r, r->view) != r->self)
		x->prepares |= (uint16_t)(1u << r->self);
	return true;
}

static bool replay_prepared(struct replica *r, const struct wal_record *rec, struct buf *b)
{
	const uint8_t *d;
	uint32_t count;

	if (!msg_run_get(b, &count, &d) || rec->view != r->view || !r->active)
		return false;
	for (uint32_t i = 0; i < count; i++, d += DIGEST_BYTES) {
		struct slot *x = slot_at(r, rec->slot + i);

		if (!x || !x->proposed || memcmp(x->d, d, DIGEST_BYTES))
			return false;
		x->prepared = x->has_p = true;
		x->p_view = rec->view;
		memcpy(x->p_d, d, DIGEST_BYTES);
		x->commits |= (uint16_t)(1u << r->self);
	}
	return true;
}

static bool replay_entries(struct replica *r, struct buf *b)
{
	uint32_t count = buf_get_u16(b);
	struct pq e;

	while (count--) {
		struct slot *x;

		if (!entry_get(b, &e))
			return false;
		x = slot_at(r, e.slot);
		if (!x)
			return false;
		if (e.q && !x->has_q) {
			x->has_q = true;
			x->q_view = e.q_view;
			memcpy(x->q_d, e.q_d, DIGEST_BYTES);
		} else if (e.q) {
			old_keep(r, e.slot, e.q_view, e.q_d);
		}
		if (!e.p)
			continue;
		x->has_p = true;
		x->p_view = e.p_view;
		memcpy(x->p_d, e.p_d, DIGEST_BYTES);
	}
	return buf_done(b);
}

static bool replay_view(struct replica *r, const struct wal_record *rec)
{
	struct vc *own = &r->vc[r->self];

	if (rec->view < r->view || rec->len > sizeof own->bytes)
		return false;
	r->view = rec->view;
	r->active = false;
	slots_new_view(r);
	own->view = rec->len ? rec->view : 0;
	own->len = rec->len;
	own->checked = true;
	memcpy(own->bytes, rec->payload, rec->len);
	ident_sha256(own->bytes, own->len, own->digest);
	return true;
}

/* What is promised for the view that was entered is taken up again. */
static bool replay_newview(struct replica *r, const struct wal_record *rec, struct buf *b)
{
	if (rec->view < r->view || !chosen_get(&r->scratch_chosen, b))
		return false;
	view_enter(r, rec->view, &r->scratch_chosen);
	for (uint64_t s = r->h + 1; s <= r->chosen_top && slot_at(r, s); s++)
		if (slot_at(r, s)->proposed && body_find(r, slot_at(r, s), slot_at(r, s)->d))
			slot_promise(r, s, slot_at(r, s)->d, rec->view);
	for (uint64_t s = r->h + 1; s <= slots_top(r); s++) {
		struct slot *x = slot_at(r, s);

		if (!x->has_q || x->q_view != rec->view || !body_find(r, x, x->q_d))
			continue;
		if (!x->proposed)
			slot_propose(r, s, x->q_d);
		x->accepted = true;
		if (leader_of(r, r->view) != r->self)
			x->prepares |= (uint16_t)(1u << r->self);
		if (!x->has_p || x->p_view != rec->view)
			continue;
		x->prepared = true;
		x->commits |= (uint16_t)(1u << r->self);
	}
	return true;
}

/* Slots up to `upto`, whose digest is d, were executed before: again. */
static bool replay_execute(struct replica *r, uint64_t upto, const uint8_t *d)
{
	uint8_t at[DIGEST_BYTES];

	memcpy(at, d, sizeof at);
	for (uint64_t s = upto; s > r->state.slot; s--) {
		struct slot *x = slot_at(r, s);
		struct body *body = x ? body_find(r, x, at) : NULL;
		size_t len;

		if (!body)
			return false;
		x->decided = true;
		note_known(r, s);
		memcpy(x->decided_d, at, DIGEST_BYTES);
		memcpy(at, body_bytes(r, body, &len), DIGEST_BYTES);
	}
	normal_execute(r);
	return r->state.slot >= upto;
}

bool replica_replay(struct replica *r, const struct wal_record *rec)
{
	uint8_t d[DIGEST_BYTES];
	struct buf b;

	buf_over(&b, rec->payload, rec->len);
	if (!r->log_bytes)
		return rec->type == WAL_START && replay_start(r, rec, &b);
	if (rec->config != r->config)
		return false;
	if (rec->executed > r->state.slot && !replay_execute(r, rec->executed, rec->digest))
		return false;
	switch (rec->type) {
	case WAL_ACCEPT:
		return replay_accept(r, rec);
	case WAL_PREPARED:
		return replay_prepared(r, rec, &b);
	case WAL_VIEW:
		return replay_view(r, rec);
	case WAL_NEWVIEW:
		return replay_newview(r, rec, &b);
	case WAL_BATCH:
		return replay_body(r, rec, d);
	case WAL_ENTRIES:
		return replay_entries(r, &b);
	default:
		return false;
	}
}
