/* core/tx.h - the sending half of one direction: records, epochs, who carries what, what was had
 *
 * Pure. The driver fills a slot with plaintext (tx_slot; tx_commit seals it under the epoch in
 * use), lets each flow take sealed records when it has room (tx_take, tx_written), and feeds back
 * acknowledgements. Ciphertext stays until the flow has written it whole: a path that dies ends the
 * session, so nothing is sent twice. Numbers count through all epochs. Which flow carries a record:
 * `strict` by its number alone, `turn` records each; `fast` whoever takes it (SECRECY.md section 3;
 * paper II-A, III-C3). */
#ifndef CORE_TX_H
#define CORE_TX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/flowmsg.h"
#include "core/mono.h"
#include "core/seal.h"

enum {
	EPOCH_BYTES = 256 * 1024, /* a new epoch's shares go out when one has carried this, */
	EPOCH_AGE_US = 1000000,	  /* or is this old, */
	EPOCH_IDLE_US = 250000,	  /* or at the first record after this silence */
	EPOCHS_LIVE = 64,	  /* epochs with records on their way: 16 MiB of EPOCH_BYTES each */
};

enum sched { SCHED_FAST = 0, SCHED_STRICT = 1 };

enum tx_slot_state { TX_FREE = 0, TX_SEALED, TX_TAKEN, TX_WRITTEN, TX_HAD };

struct tx_slot {
	uint32_t e;
	uint16_t len; /* of the record */
	uint8_t state;
	uint8_t flow;
	uint32_t buffer; /* where it stands until it is written */
	uint32_t spare;	 /* not of the record: a place in the stack of free buffers */
};

/* What the driver gives; memory is borrowed for the life of the tx. */
struct tx_setup {
	uint8_t *mem;		/* slots * RECORD_BYTES_MAX bytes */
	struct tx_slot *slot;
	uint32_t slots;		/* a power of two: the most unacknowledged records */
	enum sched sched;
	uint32_t turn;		/* strict: records a turn, >= 1 */
	uint32_t max_share_pct; /* fast: the most that one flow carries of all, 0: no cap */
};

enum tx_verdict {
	TX_OK = 0,
	TX_STALE,      /* about an epoch that is past; no harm */
	TX_BAD_DIR,    /* a message about the other direction: reflected */
	TX_BAD_MAC,    /* a SHARE_ACK that the key does not confirm */
	TX_BAD_RANGE,  /* acknowledges what was never sent */
	TX_STRIPPED,   /* a later record of flow `stripped` was had, an earlier one is missing */
	TX_VERDICTS,
};
extern const char *const tx_verdict_str[TX_VERDICTS];

struct tx {
	struct tx_setup set;
	struct kdf_ctx ctx; /* of the epoch in use */
	uint32_t n;
	struct path_id path[PATHS_MAX];
	uint8_t ck[32];
	struct seal_key key;
	bool confirmed; /* epoch 0 was acknowledged */
	struct {
		bool on;
		struct kdf_ctx ctx;
		uint8_t ck[32];
	} coming;
	bool want_epoch;
	uint32_t last_e;      /* highest epoch drawn */
	uint64_t epoch_bytes; /* sealed under the epoch in use */
	mono_t epoch_at, record_at;
	uint64_t base, next, limit; /* lowest not had, next to seal, first not allowed */
	uint32_t spare;		    /* free buffers, the next to use last in the stack */
	uint64_t unsent;	    /* fast: next to take */
	uint64_t flow_next[PATHS_MAX]; /* strict: next of each flow to take */
	uint64_t flow_bytes[PATHS_MAX]; /* record bytes taken by each flow */
	uint64_t all_bytes;
	uint64_t plain_bytes; /* payload sealed so far */
	uint64_t open_bytes;  /* of it, from the first record on that was not had */
	uint32_t stripped;    /* index of the flow that TX_STRIPPED is about */
	uint32_t had_flows;   /* bit i: more that flow i carried was had; the driver clears it */
};

/* Epoch 0 from the xor of this direction's JOIN shares and the exporter secrets. `ctx` has sid,
 * dir, pathset and aead. `limit` is how many records the receiver buffers at first. */
void tx_start(struct tx *t, const struct tx_setup *set, const struct kdf_ctx *ctx,
	      const struct path_id *path, uint32_t n, const uint8_t r[static 32],
	      const uint8_t (*f)[32], uint64_t limit, mono_t now);
void tx_wipe(struct tx *t);

/* Room for plaintext (RECORD_PLAIN_MAX bytes), NULL when the window is full. */
uint8_t *tx_slot(struct tx *t);
/* Seals `len` plaintext bytes that stand in tx_slot(). */
void tx_commit(struct tx *t, size_t len, mono_t now);

/* The next record that flow i (index into the list) shall carry: pointer and length; its number for
 * tx_written. False when there is none for it now. */
bool tx_take(struct tx *t, uint32_t i, const uint8_t **rec, size_t *len, uint64_t *number);
/* Whether tx_take would give something. */
bool tx_has(const struct tx *t, uint32_t i);
/* The whole record is with the kernel: from now on it may be acknowledged. */
void tx_written(struct tx *t, uint64_t number);

/* Whether the shares of a new epoch are due. One new epoch is under way at a time. */
bool tx_epoch_due(const struct tx *t);
/* Draws the new epoch from `random` (32 bytes a path) and fills one SHARE a path, to be sent on
 * that path alone. */
void tx_epoch_draw(struct tx *t, const uint8_t (*random)[32],
		   struct msg_share share[static PATHS_MAX]);

enum tx_verdict tx_on_share_ack(struct tx *t, const struct msg_share_ack *m, mono_t now);
enum tx_verdict tx_on_ack(struct tx *t, const struct msg_ack *m);

/* Everything sealed was had. */
static inline bool tx_idle(const struct tx *t)
{
	return t->base == t->next;
}

#endif
