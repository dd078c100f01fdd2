/* core/rx.c - the receiving half of one direction: epochs gathered, each record opened once */
#include "core/rx.h"

#include <string.h>

#include "core/check.h"
#include "core/secret.h"

const char *const rx_verdict_str[RX_VERDICTS] = {
	[RX_OK] = "ok",
	[RX_NOW] = "in order",
	[RX_CONFIRM] = "epoch complete",
	[RX_DUPLICATE] = "duplicate",
	[RX_BAD_FORM] = "malformed record",
	[RX_BAD_DIR] = "reflected message",
	[RX_BAD_PATH] = "share on a wrong path",
	[RX_BAD_EPOCH] = "epoch out of place",
	[RX_BAD_NUMBER] = "record above the limit",
	[RX_BAD_SEAL] = "record that does not open",
};
static_assert(ARRAY_LEN(rx_verdict_str) == RX_VERDICTS, "a name for every verdict");

static struct rx_epoch *epoch_of(struct rx *x, uint32_t e)
{
	return &x->epoch[e % RX_EPOCHS];
}

/* Whether the ring still holds epoch e with its keys. */
static bool epoch_known(struct rx *x, uint32_t e)
{
	return epoch_of(x, e)->ready && epoch_of(x, e)->ctx.e == e;
}

/* CK is complete: makes the record key and the acknowledgement. */
static void epoch_ready(struct rx *x, struct rx_epoch *ep, struct msg_share_ack *ack)
{
	uint8_t mk[32];

	kdf_record_key(mk, &ep->ctx, ep->ck);
	seal_key_init(&ep->key, &ep->ctx, mk);
	wipe(mk, sizeof mk);
	wipe(ep->r, sizeof ep->r);
	ep->ready = true;
	x->top_e = ep->ctx.e;
	*ack = (struct msg_share_ack){ .dir = ep->ctx.dir, .e = ep->ctx.e };
	kdf_share_ack(ack->mac, &ep->ctx, ep->ck);
}

void rx_start(struct rx *x, uint8_t *mem, struct rx_slot *slot, uint32_t slots,
	      const struct kdf_ctx *ctx, const struct path_id *path, uint32_t n,
	      const uint8_t r[static 32], const uint8_t (*f)[32], struct msg_share_ack *ack)
{
	struct rx_epoch *ep = &x->epoch[0];

	MUST(n && n <= PATHS_MAX);
	MUST(!(slots & (slots - 1)));
	memset(x, 0, sizeof *x);
	x->mem = mem;
	x->slot = slot;
	x->slots = slots;
	x->n = n;
	memcpy(x->path, path, n * sizeof *path);
	memset(slot, 0, slots * sizeof *slot);
	ep->ctx = *ctx;
	ep->ctx.e = ep->ctx.prev_e = 0;
	kdf_first(ep->ck, &ep->ctx, r, f, n);
	epoch_ready(x, ep, ack);
}

void rx_wipe(struct rx *x)
{
	wipe(x->epoch, sizeof x->epoch);
}

/* A new epoch begins with its first share. It must be the next in line, and chain to one that is
 * still known; an epoch that was begun and not completed is dropped, never repaired. */
static bool epoch_begin(struct rx *x, const struct msg_share *m)
{
	struct rx_epoch *ep = epoch_of(x, m->e);
	struct kdf_ctx ctx = epoch_of(x, m->prev_e)->ctx;

	if (m->e <= x->top_e || m->e <= x->gather_e || m->e - x->deliver_e >= RX_EPOCHS)
		return false;
	if (!epoch_known(x, m->prev_e))
		return false;
	if (x->gather_e > x->top_e)
		wipe(epoch_of(x, x->gather_e), sizeof *ep);
	wipe(ep, sizeof *ep);
	ctx.e = m->e;
	ctx.prev_e = m->prev_e;
	ep->ctx = ctx;
	x->gather_e = m->e;
	return true;
}

enum rx_verdict rx_on_share(struct rx *x, uint32_t i, const struct msg_share *m,
			    struct msg_share_ack *ack)
{
	struct rx_epoch *ep = epoch_of(x, m->e);

	if (m->dir != x->epoch[x->top_e % RX_EPOCHS].ctx.dir)
		return RX_BAD_DIR;
	if (m->j != x->path[i].number)
		return RX_BAD_PATH;
	if (m->e != x->gather_e && !epoch_begin(x, m))
		return RX_BAD_EPOCH;
	if (ep->ready || ep->ctx.e != m->e || ep->ctx.prev_e != m->prev_e || ep->got >> i & 1)
		return RX_BAD_EPOCH;
	if (!epoch_known(x, m->prev_e)) /* wiped meanwhile: a record of a later one was delivered */
		return RX_BAD_EPOCH;
	ep->got |= 1u << i;
	kdf_xor(ep->r, m->share);
	if (ep->got != (1u << x->n) - 1)
		return RX_OK;
	kdf_next(ep->ck, &ep->ctx, ep->r, epoch_of(x, m->prev_e)->ck, NULL, 0);
	epoch_ready(x, ep, ack);
	return RX_CONFIRM;
}

/* Keys of epochs before the one that is delivered now can open nothing new: wiped. */
static void delivered(struct rx *x, uint32_t e)
{
	for (; x->deliver_e < e; x->deliver_e++)
		if (epoch_of(x, x->deliver_e)->ctx.e == x->deliver_e)
			wipe(epoch_of(x, x->deliver_e), sizeof(struct rx_epoch));
	x->base++;
}

enum rx_verdict rx_on_record(struct rx *x, uint8_t *rec, size_t rec_len, const uint8_t **plain,
			     size_t *len)
{
	struct rx_slot *s;
	uint64_t number;
	uint32_t e;

	if (!seal_peek(rec, rec_len, &e, &number))
		return RX_BAD_FORM;
	s = &x->slot[number & (x->slots - 1)];
	if (number < x->base)
		return RX_DUPLICATE;
	if (number - x->base >= x->slots)
		return RX_BAD_NUMBER;
	if (s->len)
		return RX_DUPLICATE;
	if (!epoch_known(x, e))
		return RX_BAD_EPOCH;
	if (!seal_open(&epoch_of(x, e)->key, rec, rec_len, len))
		return RX_BAD_SEAL;
	*plain = rec + RECORD_HEAD;
	x->since_ack++;
	if (number >= x->top)
		x->top = number + 1;
	if (number == x->base && !x->held) {
		delivered(x, e);
		return RX_NOW;
	}
	s->at = *plain;
	s->len = (uint16_t)(*len + 1);
	s->e = e;
	x->away++;
	return RX_OK;
}

static uint8_t *own_memory(const struct rx *x, uint64_t number)
{
	return x->mem + (size_t)(number & (x->slots - 1)) * RECORD_PLAIN_MAX;
}

/* Those that are away are early, or wait while the owner takes none. */
void rx_settle(struct rx *x, const uint8_t *p, size_t len)
{
	for (uint64_t i = x->base; x->away && i < x->top; i++) {
		struct rx_slot *s = &x->slot[i & (x->slots - 1)];

		if (!s->len || (uintptr_t)s->at - (uintptr_t)p >= len)
			continue;
		memcpy(own_memory(x, i), s->at, s->len - 1u);
		s->at = own_memory(x, i);
		x->away--;
	}
}

bool rx_next(struct rx *x, const uint8_t **plain, size_t *len)
{
	struct rx_slot *s = &x->slot[x->base & (x->slots - 1)];

	if (x->held || !s->len)
		return false;
	*plain = s->at;
	*len = s->len - 1u;
	s->len = 0;
	x->away -= s->at != own_memory(x, x->base);
	delivered(x, s->e);
	return true;
}

static bool had(const struct rx *x, uint64_t number)
{
	return number < x->top && x->slot[number & (x->slots - 1)].len;
}

void rx_ack(struct rx *x, struct msg_ack *m)
{
	*m = (struct msg_ack){ .dir = x->epoch[x->top_e % RX_EPOCHS].ctx.dir,
			       .next = x->base,
			       .limit = x->base + x->slots };
	while (!x->held && had(x, m->next)) /* in order, but not fetched yet */
		m->next++;
	for (uint64_t i = m->next; !x->held && i < x->top; i++) {
		if (!had(x, i))
			continue;
		if (!m->n || m->range[m->n - 1].to != i) {
			if (m->n == ACK_RANGES_MAX)
				break;
			m->range[m->n++].from = i;
		}
		m->range[m->n - 1].to = i + 1;
	}
	x->since_ack = 0;
}
