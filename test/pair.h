/* test/pair.h - a sender and a receiver of one direction under the same keys, for tests */
#ifndef TEST_PAIR_H
#define TEST_PAIR_H

#include <string.h>

#include "core/rx.h"
#include "core/tx.h"

enum { PAIR_SLOTS = 64, PAIR_DIR = DIR_TO_CLIENT };

/* Large: keep it static. */
struct pair {
	uint32_t n;
	struct kdf_ctx ctx; /* of epoch 0 */
	struct path_id path[PATHS_MAX];
	uint8_t r[32], f[PATHS_MAX][32];
	struct tx tx;
	struct rx rx;
	struct msg_share_ack ack0; /* what the receiver confirms epoch 0 with */
	struct tx_slot tx_slot[PAIR_SLOTS];
	struct rx_slot rx_slot[PAIR_SLOTS];
	uint8_t tx_mem[PAIR_SLOTS * RECORD_BYTES_MAX];
	uint8_t rx_mem[PAIR_SLOTS * RECORD_PLAIN_MAX];
};

/* Path i has number 10 + i; `salt` makes sessions different. */
static inline void pair_keys(struct pair *p, uint32_t n, uint8_t salt)
{
	p->n = n;
	for (uint32_t i = 0; i < n; i++) {
		p->path[i] = (struct path_id){ .number = 10 + i };
		memset(p->path[i].node.b, (int)(i + 1), FP_BYTES);
		memset(p->f[i], (int)(0xf0 ^ i ^ salt), sizeof p->f[i]);
	}
	memset(p->r, 0x33 ^ salt, sizeof p->r);
	p->ctx = (struct kdf_ctx){ .dir = PAIR_DIR, .aead = SEAL_CHACHA20_POLY1305 };
	memset(p->ctx.sid, salt, sizeof p->ctx.sid);
	kdf_pathset(p->ctx.pathset, p->path, n);
}

/* A sender as `set` says (its memory is filled in) and a receiver, both at their first record. */
static inline void pair_start(struct pair *p, uint32_t n, struct tx_setup set, mono_t now)
{
	pair_keys(p, n, 7);
	set.mem = p->tx_mem;
	set.slot = p->tx_slot;
	set.slots = PAIR_SLOTS;
	set.turn += !set.turn;
	tx_start(&p->tx, &set, &p->ctx, p->path, n, p->r, (const uint8_t(*)[32])p->f, PAIR_SLOTS,
		 now);
	rx_start(&p->rx, p->rx_mem, p->rx_slot, PAIR_SLOTS, &p->ctx, p->path, n, p->r,
		 (const uint8_t(*)[32])p->f, &p->ack0);
}

/* The plaintext of record `number` as tests make it. */
static inline void pair_plain(uint8_t *at, uint64_t number, size_t len)
{
	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)(number * 31 + i);
}

/* Seals one record of len bytes; false when the window is full. */
static inline bool pair_seal(struct pair *p, size_t len, mono_t now)
{
	uint8_t *at = tx_slot(&p->tx);

	if (!at)
		return false;
	pair_plain(at, p->tx.next, len);
	tx_commit(&p->tx, len, now);
	return true;
}

/* Flow i takes a record, which is copied to out; its length, 0 when there is none. */
static inline size_t pair_take(struct pair *p, uint32_t i, uint8_t out[static RECORD_BYTES_MAX],
			       uint64_t *number)
{
	const uint8_t *rec;
	size_t len;

	if (!tx_take(&p->tx, i, &rec, &len, number))
		return 0;
	memcpy(out, rec, len);
	tx_written(&p->tx, *number);
	return len;
}

/* Draws an epoch from shares that are 32 times salt + i. */
static inline void pair_draw(struct pair *p, uint8_t salt, struct msg_share share[static PATHS_MAX])
{
	uint8_t random[PATHS_MAX][32];

	for (uint32_t i = 0; i < p->n; i++)
		memset(random[i], (int)(salt + i), sizeof random[i]);
	tx_epoch_draw(&p->tx, (const uint8_t(*)[32])random, share);
}

/* Draws, gathers and confirms one epoch; what the sender said to it. */
static inline enum tx_verdict pair_epoch(struct pair *p, uint8_t salt, mono_t now)
{
	struct msg_share share[PATHS_MAX];
	struct msg_share_ack ack = { 0 };

	pair_draw(p, salt, share);
	for (uint32_t i = 0; i < p->n; i++)
		rx_on_share(&p->rx, i, &share[i], &ack);
	return tx_on_share_ack(&p->tx, &ack, now);
}

#endif
