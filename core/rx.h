/* core/rx.h - the receiving half of one direction: epochs gathered, records opened once, in order
 *
 * Pure. A record is opened where it stands, and in order it is lent to the driver there. One that
 * comes early stays there too, until rx_next lends it or the driver wants the memory back
 * (rx_settle): mostly the other flows have caught up by then, and nothing was copied. Duplicates
 * are dropped silently (SECRECY.md section 3). */
#ifndef CORE_RX_H
#define CORE_RX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/flowmsg.h"
#include "core/seal.h"
#include "core/tx.h"

enum { RX_EPOCHS = EPOCHS_LIVE + 8 }; /* those with records on their way, and the one gathered */

enum rx_verdict {
	RX_OK = 0,	 /* a share noted, or a record stored for later */
	RX_NOW,		 /* a record in order: lent, deliver it, then ask rx_next */
	RX_CONFIRM,	 /* an epoch is complete: send the SHARE_ACK */
	RX_DUPLICATE,
	RX_BAD_FORM,	 /* malformed record */
	RX_BAD_DIR,	 /* a message about the other direction: reflected */
	RX_BAD_PATH,	 /* a share on another path's flow */
	RX_BAD_EPOCH,	 /* an epoch that does not follow, a share twice, a record of no epoch */
	RX_BAD_NUMBER,	 /* above the limit given */
	RX_BAD_SEAL,	 /* does not open */
	RX_VERDICTS,
};
extern const char *const rx_verdict_str[RX_VERDICTS];

struct rx_slot {
	const uint8_t *at; /* the plaintext: in rx.mem, or where the record came */
	uint32_t e;
	uint16_t len; /* plaintext + 1; 0: not had */
};

struct rx_epoch {
	bool ready;
	uint32_t got; /* bit i: share of path i is in r */
	struct kdf_ctx ctx;
	uint8_t r[32], ck[32];
	struct seal_key key;
};

struct rx {
	uint8_t *mem; /* slots * RECORD_PLAIN_MAX */
	struct rx_slot *slot;
	uint32_t slots; /* a power of two */
	uint32_t n;
	struct path_id path[PATHS_MAX];
	struct rx_epoch epoch[RX_EPOCHS]; /* at e % RX_EPOCHS */
	uint32_t top_e;	    /* highest ready */
	uint32_t gather_e;  /* the one being gathered, or <= top_e */
	uint32_t deliver_e; /* of the last record delivered; older ones are wiped */
	uint64_t base;	    /* next number to deliver */
	uint64_t top;	    /* above the highest number had */
	uint32_t since_ack; /* records had since the last rx_ack, early ones too */
	uint32_t away;	    /* early records that stand where they came */
	bool held;	    /* the owner takes no more for now: what comes is stored */
};

/* Epoch 0, as in tx_start; fills the SHARE_ACK that confirms it. Memory is borrowed. */
void rx_start(struct rx *x, uint8_t *mem, struct rx_slot *slot, uint32_t slots,
	      const struct kdf_ctx *ctx, const struct path_id *path, uint32_t n,
	      const uint8_t r[static 32], const uint8_t (*f)[32], struct msg_share_ack *ack);
void rx_wipe(struct rx *x);

/* A SHARE that came on flow i. RX_CONFIRM: *ack is to be sent, on any flow. */
enum rx_verdict rx_on_share(struct rx *x, uint32_t i, const struct msg_share *m,
			    struct msg_share_ack *ack);

/* A whole record, opened in place. RX_NOW: *plain and *len until the caller changes rec. RX_OK: the
 * caller calls rx_settle before it changes rec. */
enum rx_verdict rx_on_record(struct rx *x, uint8_t *rec, size_t rec_len, const uint8_t **plain,
			     size_t *len);
/* The next stored record that is in order now; lent until the call after. None while x->held. */
bool rx_next(struct rx *x, const uint8_t **plain, size_t *len);

/* Before the len bytes from p on are changed or freed: early records that stand in them are copied
 * to memory of our own. */
void rx_settle(struct rx *x, const uint8_t *p, size_t len);

/* What was had, fetched with rx_next or not, and the limit. While x->held only what was delivered:
 * the sender must not go more epochs ahead of the delivery than it knows. */
void rx_ack(struct rx *x, struct msg_ack *m);

#endif
