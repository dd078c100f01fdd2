/* core/tx.c - the sending half of one direction: records, epochs, who carries what, what was had */
#include "core/tx.h"

#include <string.h>

#include "core/check.h"
#include "core/secret.h"

const char *const tx_verdict_str[TX_VERDICTS] = {
	[TX_OK] = "ok",
	[TX_STALE] = "stale epoch",
	[TX_BAD_DIR] = "reflected message",
	[TX_BAD_MAC] = "share acknowledgement with a wrong key",
	[TX_BAD_RANGE] = "acknowledgement of what was never sent",
	[TX_STRIPPED] = "records missing in the middle of the flow",
};
static_assert(ARRAY_LEN(tx_verdict_str) == TX_VERDICTS, "a name for every verdict");

static void use_epoch(struct tx *t, const struct kdf_ctx *ctx, const uint8_t ck[static 32],
		      mono_t now)
{
	uint8_t mk[32];

	t->ctx = *ctx;
	memmove(t->ck, ck, sizeof t->ck);
	kdf_record_key(mk, &t->ctx, t->ck);
	seal_key_init(&t->key, &t->ctx, mk); /* MK of the epoch before is overwritten */
	wipe(mk, sizeof mk);
	t->epoch_bytes = 0;
	t->epoch_at = now;
	t->want_epoch = false;
}

/* The first number that strict gives to flow i, and the one after `number`. */
static uint64_t strict_first(const struct tx *t, uint32_t i)
{
	return (uint64_t)i * t->set.turn;
}

static uint64_t strict_after(const struct tx *t, uint64_t number)
{
	uint64_t turn = t->set.turn;

	return (number + 1) % turn ? number + 1 : number + 1 + (t->n - 1) * turn;
}

void tx_start(struct tx *t, const struct tx_setup *set, const struct kdf_ctx *ctx,
	      const struct path_id *path, uint32_t n, const uint8_t r[static 32],
	      const uint8_t (*f)[32], uint64_t limit, mono_t now)
{
	struct kdf_ctx first = *ctx;
	uint8_t ck[32];

	MUST(n && n <= PATHS_MAX);
	MUST(set->turn && !(set->slots & (set->slots - 1)));
	memset(t, 0, sizeof *t);
	t->set = *set;
	t->n = n;
	memcpy(t->path, path, n * sizeof *path);
	t->limit = limit;
	for (uint32_t i = 0; i < n; i++)
		t->flow_next[i] = strict_first(t, i);
	memset(t->set.slot, 0, set->slots * sizeof *t->set.slot);
	for (t->spare = 0; t->spare < set->slots; t->spare++)
		t->set.slot[t->spare].spare = set->slots - 1 - t->spare;
	first.e = first.prev_e = 0;
	kdf_first(ck, &first, r, f, n);
	use_epoch(t, &first, ck, now);
	wipe(ck, sizeof ck);
}

void tx_wipe(struct tx *t)
{
	seal_key_wipe(&t->key);
	wipe(t->ck, sizeof t->ck);
	wipe(&t->coming, sizeof t->coming);
}

static struct tx_slot *slot_of(const struct tx *t, uint64_t number)
{
	return &t->set.slot[number & (t->set.slots - 1)];
}

static uint8_t *buffer(const struct tx *t, uint32_t i)
{
	return t->set.mem + (size_t)i * RECORD_BYTES_MAX;
}

/* The buffer that was given back last is taken first: it is the one that caches still hold. */
static uint32_t next_buffer(const struct tx *t)
{
	return t->set.slot[t->spare - 1].spare;
}

uint8_t *tx_slot(struct tx *t)
{
	if (t->next - t->base >= t->set.slots || t->next >= t->limit)
		return NULL;
	return buffer(t, next_buffer(t)) + RECORD_HEAD;
}

/* SECRECY.md section 3, New epoch. */
static bool epoch_used_up(const struct tx *t, mono_t now)
{
	return t->epoch_bytes >= EPOCH_BYTES || mono_diff_us(now, t->epoch_at) >= EPOCH_AGE_US ||
	       (t->record_at.us && mono_diff_us(now, t->record_at) >= EPOCH_IDLE_US);
}

void tx_commit(struct tx *t, size_t len, mono_t now)
{
	struct tx_slot *s = slot_of(t, t->next);

	MUST(tx_slot(t));
	s->buffer = next_buffer(t);
	t->spare--;
	s->len = (uint16_t)seal_record(&t->key, buffer(t, s->buffer), t->ctx.e, t->next, len);
	s->e = t->ctx.e;
	s->state = TX_SEALED;
	t->epoch_bytes += len;
	t->plain_bytes += len;
	t->open_bytes += len;
	t->want_epoch |= epoch_used_up(t, now);
	t->record_at = now;
	t->next++;
}

/* Whether the cap leaves flow i this record; one record of slack, or nobody could begin. */
static bool within_share(const struct tx *t, uint32_t i, uint16_t len)
{
	uint64_t pct = t->set.max_share_pct;

	if (!pct)
		return true;
	return t->flow_bytes[i] * 100 <= (t->all_bytes + len) * pct;
}

static bool next_for(const struct tx *t, uint32_t i, uint64_t *number)
{
	*number = t->set.sched == SCHED_STRICT ? t->flow_next[i] : t->unsent;
	if (*number >= t->next)
		return false;
	return t->set.sched == SCHED_STRICT || within_share(t, i, slot_of(t, *number)->len);
}

bool tx_has(const struct tx *t, uint32_t i)
{
	uint64_t number;

	return next_for(t, i, &number);
}

bool tx_take(struct tx *t, uint32_t i, const uint8_t **rec, size_t *len, uint64_t *number)
{
	struct tx_slot *s;

	if (!next_for(t, i, number))
		return false;
	s = slot_of(t, *number);
	MUST(s->state == TX_SEALED);
	s->state = TX_TAKEN;
	s->flow = (uint8_t)i;
	*rec = buffer(t, s->buffer);
	*len = s->len;
	if (t->set.sched == SCHED_STRICT)
		t->flow_next[i] = strict_after(t, *number);
	else
		t->unsent++;
	t->flow_bytes[i] += s->len;
	t->all_bytes += s->len;
	return true;
}

void tx_written(struct tx *t, uint64_t number)
{
	struct tx_slot *s = slot_of(t, number);

	MUST(s->state == TX_TAKEN);
	s->state = TX_WRITTEN;
	t->set.slot[t->spare++].spare = s->buffer;
}

bool tx_epoch_due(const struct tx *t)
{
	uint32_t oldest = t->base < t->next ? slot_of(t, t->base)->e : t->ctx.e;

	return t->want_epoch && !t->coming.on && t->confirmed &&
	       t->last_e + 1 - oldest < EPOCHS_LIVE;
}

void tx_epoch_draw(struct tx *t, const uint8_t (*random)[32],
		   struct msg_share share[static PATHS_MAX])
{
	uint8_t r[32] = { 0 };

	t->coming.on = true;
	t->coming.ctx = t->ctx;
	t->coming.ctx.e = ++t->last_e;
	t->coming.ctx.prev_e = t->ctx.e;
	for (uint32_t i = 0; i < t->n; i++) {
		share[i] = (struct msg_share){ .dir = t->ctx.dir,
					       .e = t->coming.ctx.e,
					       .prev_e = t->ctx.e,
					       .j = t->path[i].number };
		memcpy(share[i].share, random[i], sizeof share[i].share);
		kdf_xor(r, random[i]);
	}
	kdf_next(t->coming.ck, &t->coming.ctx, r, t->ck, NULL, 0);
	wipe(r, sizeof r);
}

enum tx_verdict tx_on_share_ack(struct tx *t, const struct msg_share_ack *m, mono_t now)
{
	bool first = m->e == 0 && !t->confirmed;
	bool coming = t->coming.on && m->e == t->coming.ctx.e;
	uint8_t mac[32];

	if (m->dir != t->ctx.dir)
		return TX_BAD_DIR;
	if (!first && !coming)
		return m->e <= t->last_e ? TX_STALE : TX_BAD_RANGE;
	kdf_share_ack(mac, first ? &t->ctx : &t->coming.ctx, first ? t->ck : t->coming.ck);
	if (!ct_eq(mac, m->mac, sizeof mac))
		return TX_BAD_MAC;
	t->confirmed = true;
	if (coming) {
		use_epoch(t, &t->coming.ctx, t->coming.ck, now);
		wipe(&t->coming, sizeof t->coming);
	}
	return TX_OK;
}

/* Marks [from, to) as had. False when one of them was never written to its flow. */
static bool mark_had(struct tx *t, uint64_t from, uint64_t to)
{
	for (uint64_t i = from < t->base ? t->base : from; i < to; i++) {
		struct tx_slot *s = slot_of(t, i);

		if (s->state < TX_WRITTEN)
			return false;
		if (s->state == TX_WRITTEN)
			t->had_flows |= 1u << s->flow;
		s->state = TX_HAD;
	}
	return true;
}

/* A flow is FIFO: below the highest number that was had of a flow nothing of it may be missing,
 * else a node strips records, which TLS cannot notice. */
static bool flows_unbroken(struct tx *t, uint64_t above)
{
	uint64_t had[PATHS_MAX] = { 0 };

	for (uint64_t i = t->base; i < above; i++)
		if (slot_of(t, i)->state == TX_HAD)
			had[slot_of(t, i)->flow] = i;
	for (uint64_t i = t->base; i < above; i++) {
		const struct tx_slot *s = slot_of(t, i);

		if (s->state == TX_WRITTEN && i < had[s->flow]) {
			t->stripped = s->flow;
			return false;
		}
	}
	return true;
}

enum tx_verdict tx_on_ack(struct tx *t, const struct msg_ack *m)
{
	uint64_t top = m->n ? m->range[m->n - 1].to : m->next;

	if (m->dir != t->ctx.dir)
		return TX_BAD_DIR;
	if (top > t->next)
		return TX_BAD_RANGE;
	if (!mark_had(t, t->base, m->next))
		return TX_BAD_RANGE;
	for (uint32_t i = 0; i < m->n; i++)
		if (!mark_had(t, m->range[i].from, m->range[i].to))
			return TX_BAD_RANGE;
	while (t->base < t->next && slot_of(t, t->base)->state == TX_HAD) {
		struct tx_slot *s = slot_of(t, t->base++);

		t->open_bytes -= s->len - (uint64_t)(RECORD_HEAD + RECORD_TAG);
		s->state = TX_FREE;
	}
	if (m->limit > t->limit)
		t->limit = m->limit;
	return flows_unbroken(t, top) ? TX_OK : TX_STRIPPED;
}
