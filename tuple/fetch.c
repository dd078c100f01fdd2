/* tuple/fetch.c - take a snapshot from the others, chunk by chunk
 *
 * The certificate proves the root, the root the manifest, and the manifest every chunk, so each can
 * come from another replica. The state changes only when all of it is here and synced. */
#include <string.h>

#include "core/check.h"
#include "tuple/pbft.h"

static void ask(struct replica *r)
{
	struct transfer *t = &r->transfer;
	struct buf b = out_msg(r, MSG_GET, t->cert.c.slot, 4);

	do
		t->asked = (t->asked + 1) % r->n;
	while (t->asked == r->self);
	t->since = r->now;
	buf_put_u32(&b, t->have_manifest ? t->chunk : GET_MANIFEST);
	out_send(r, 1u << t->asked, &b);
}

/* Remember a certificate for a slot that is not here yet; mostly the slots come by themselves. */
void fetch_begin(struct replica *r, const struct cert *c)
{
	r->transfer.cert = *c;
	r->transfer.active = false;
}

/* Nothing went forward for a while: then really fetch. */
void fetch_stuck(struct replica *r)
{
	struct transfer *t = &r->transfer;

#ifdef BUG_NO_TRANSFER
	return;
#endif
	if (t->cert.c.slot <= r->state.slot || t->active || r->ckpt->waiting)
		return;
	t->active = true;
	t->have_manifest = false;
	t->chunk = t->chunks = 0;
	r->ckpt->c.slot = 0; /* its memory is taken */
	r->ckpt->saved = false;
	out_note(r, NOTE_BEHIND, (int64_t)(t->cert.c.slot - r->state.slot));
	ask(r);
}

enum replica_verdict fetch_get(struct replica *r, uint32_t from, const struct msg_head *h,
			       struct buf *b)
{
	const struct image *m = r->base;
	uint32_t chunk = buf_get_u32(b);
	size_t at = (size_t)chunk * SNAP_CHUNK_BYTES, n;
	struct buf out;

	if (!buf_done(b))
		return REPLICA_MALFORMED;
	if (m->c.slot != h->slot || !h->slot)
		return REPLICA_OLD;
	if (chunk != GET_MANIFEST && at >= m->len)
		return REPLICA_MALFORMED;
	out = out_msg(r, MSG_CHUNK, h->slot, 4 + SNAP_CHUNK_BYTES);
	buf_put_u32(&out, chunk);
	if (chunk == GET_MANIFEST) {
		buf_put_bytes(&out, m->manifest, m->manifest_len);
	} else {
		n = m->len - at < SNAP_CHUNK_BYTES ? m->len - at : SNAP_CHUNK_BYTES;
		buf_put_bytes(&out, m->bytes + at, n);
	}
	out_send(r, 1u << from, &out);
	return REPLICA_OK;
}

static enum replica_verdict take_manifest(struct replica *r, const uint8_t *p, size_t len)
{
	struct transfer *t = &r->transfer;
	struct image *m = r->ckpt;
	uint8_t root[DIGEST_BYTES];

	if (t->have_manifest)
		return REPLICA_DUPLICATE;
	snap_root(p, len, root);
	if (memcmp(root, t->cert.c.root, DIGEST_BYTES) || !manifest_length(p, len))
		return REPLICA_BAD_DIGEST;
	memcpy(m->manifest, p, len);
	m->manifest_len = len;
	m->len = manifest_length(p, len);
	t->chunks = (uint32_t)((m->len + SNAP_CHUNK_BYTES - 1) / SNAP_CHUNK_BYTES);
	t->have_manifest = true;
	ask(r);
	return REPLICA_OK;
}

/* All of it is here: keep it first, the state follows when it is synced. */
static void complete(struct replica *r)
{
	struct image *m = r->ckpt;
	struct replica_effect *e = out_push(r, REPLICA_SAVE);

	r->transfer.active = false;
	r->transfer.got = r->transfer.cert;
	m->c = r->transfer.got.c;
	m->waiting = true;
	e->slot = m->c.slot;
	e->bytes = m->bytes;
	e->len = m->len;
}

enum replica_verdict fetch_chunk(struct replica *r, uint32_t from, const struct msg_head *h,
				 struct buf *b)
{
	struct transfer *t = &r->transfer;
	struct image *m = r->ckpt;
	uint32_t chunk = buf_get_u32(b);
	size_t len = buf_left(b);
	const uint8_t *p = buf_get_bytes(b, len);

	(void)from;
	if (!buf_ok(b) || !len || len > MANIFEST_BYTES_MAX + SNAP_CHUNK_BYTES)
		return REPLICA_MALFORMED;
	if (!t->active || h->slot != t->cert.c.slot)
		return REPLICA_OLD;
	if (chunk == GET_MANIFEST)
		return take_manifest(r, p, len);
	if (!t->have_manifest || chunk != t->chunk)
		return REPLICA_DUPLICATE;
#ifndef BUG_CHUNK_UNVERIFIED
	if (!manifest_check(m->manifest, m->manifest_len, chunk, p, len))
		return REPLICA_BAD_DIGEST;
#endif
	memcpy(m->bytes + (size_t)chunk * SNAP_CHUNK_BYTES, p, len);
	replica_progress(r);
	if (++t->chunk == t->chunks)
		complete(r);
	else
		ask(r);
	return REPLICA_OK;
}

/* The synced snapshot becomes the state. */
bool fetch_install(struct replica *r)
{
	struct image *m = r->ckpt;

	if (!snap_read(&r->state, &r->setup.cluster, m->bytes, m->len) ||
	    r->state.slot != m->c.slot) {
		replica_cease(r, NOTE_DIVERGED);
		return false;
	}
	r->ckpt_owed = false;
	memset(r->chan, 0, sizeof r->chan);
	intake_review(r);
	r->beat = r->now;
	r->stash.count = r->stash.used = 0;
	r->fetch_since = mono_us(0);
	return true;
}

void fetch_tick(struct replica *r)
{
	if (r->transfer.active && elapsed(r, r->transfer.since, FETCH_MS))
		ask(r);
}
