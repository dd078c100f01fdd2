/* tuple/msg.h - the messages between replicas, as bytes (MANAGER.md B.3)
 *
 * All begin {u8 type, u32 config, u64 view, u64 slot}; what follows:
 *
 *	PRE-PREPARE   batch                                  slot, from the leader of view
 *	PREPARE       {u16 count, digests}                   a run of slots from `slot` on
 *	COMMIT        the same
 *	CLAIM         the same: "I executed these"
 *	SUSPECT       nothing                                the leader of view is slow
 *	STATUS        {u8 flags, u64 stable, u64 saved, u32 VIEW-CHANGEs held}    slot: executed
 *	FORWARD       a signed request, as in a batch
 *	FETCH         {digest}; BODY: batch
 *	HEARD         {digest, 32: a bit for each request}   slot: the open one
 *	CHECKPOINT    {i64 time, D 32, root 32, pub, lv sig}
 *	STABLE        certificate
 *	GET           {u32 chunk}; CHUNK: {u32 chunk, bytes}; chunk GET_MANIFEST is the manifest
 *	VIEW-CHANGE   {certificate, entries, pub, lv sig}    view: the new; slot: executed, a hint
 *	NEW-VIEW      {count, {u8 replica, digest of its VIEW-CHANGE}, digest of the choice, pub,
 *	              lv sig}
 *
 * A certificate is {u32 config, u64 slot, i64 time, D, root, u8 count, {u8 replica, pub, lv sig}},
 * in the order of replicas. Pure. */
#ifndef TUPLE_MSG_H
#define TUPLE_MSG_H

#include "core/cluster.h"
#include "tuple/request.h"
#include "tuple/signer.h"

enum msg_type {
	MSG_PREPREPARE = 16,
	MSG_PREPARE,
	MSG_COMMIT,
	MSG_CLAIM,
	MSG_SUSPECT,
	MSG_STATUS,
	MSG_FORWARD,
	MSG_FETCH,
	MSG_BODY,
	MSG_CHECKPOINT,
	MSG_STABLE,
	MSG_GET,
	MSG_CHUNK,
	MSG_VIEWCHANGE,
	MSG_NEWVIEW,
	MSG_HEARD,
	MSG_TYPES,
};

enum {
	MSG_HEAD_BYTES = 1 + 4 + 8 + 8,
	MSG_RUN_MAX = 1024, /* slots of one vote message */
	GET_MANIFEST = 0xffffff,
	CERT_BYTES_MAX = 4 + 8 + 8 + 2 * DIGEST_BYTES + 1 +
			 REPLICAS_MAX * (1 + PUB_BYTES + 2 + SIG_BYTES_MAX),
	CHECKPOINT_BYTES_MAX = MSG_HEAD_BYTES + 8 + 2 * DIGEST_BYTES + PUB_BYTES + 2 +
			       SIG_BYTES_MAX,
};

struct msg_head {
	enum msg_type type;
	uint32_t config;
	uint64_t view, slot;
};

void msg_head_put(struct buf *b, enum msg_type type, uint32_t config, uint64_t view,
		  uint64_t slot);
bool msg_head_get(struct buf *b, struct msg_head *h);

/* A run of digests: count, and where they stand. False: malformed. */
bool msg_run_get(struct buf *b, uint32_t *count, const uint8_t **digests);

enum { STATUS_ACTIVE = 1, STATUS_OBSERVER = 2, STATUS_SUSPECT = 4 };

struct msg_status {
	uint8_t flags;
	uint64_t stable, saved; /* checkpoints: stable, and the newest it signed */
	uint32_t held;	/* replicas whose VIEW-CHANGE for the view it has */
	int64_t time_us; /* its clock of the wall */
};

void msg_status_put(struct buf *b, const struct msg_status *s);
bool msg_status_get(struct buf *b, struct msg_status *s);

/* What a checkpoint says; all but the config is zero at slot 0, where everything begins. */
struct checkpoint {
	uint32_t config;
	uint64_t slot;
	int64_t time_us;
	uint8_t digest[DIGEST_BYTES]; /* D */
	uint8_t root[DIGEST_BYTES];
};

struct cert_sig {
	uint8_t replica;
	uint8_t pub[PUB_BYTES];
	uint8_t sig[SIG_BYTES_MAX];
	size_t sig_len;
};

struct cert {
	struct checkpoint c;
	uint32_t count;
	struct cert_sig sig[REPLICAS_MAX];
};

void checkpoint_put(struct buf *b, const struct checkpoint *c); /* without config and slot */
void checkpoint_get(struct buf *b, struct checkpoint *c);
bool checkpoint_eq(const struct checkpoint *a, const struct checkpoint *b);
void checkpoint_sign(const struct checkpoint *c, const uint8_t cluster[static 32],
		     const struct signer *s, struct cert_sig *out);
bool checkpoint_verify(const struct checkpoint *c, const uint8_t cluster[static 32],
		       const struct signer *s, const struct fp *who, const struct cert_sig *sig);
void sig_put(struct buf *b, const struct cert_sig *s); /* pub and sig */
void sig_get(struct buf *b, struct cert_sig *s);

void cert_put(struct buf *b, const struct cert *c);
/* False: malformed, or replicas not in ascending order. */
bool cert_get(struct buf *b, struct cert *c);
/* At least `need` signatures of different members, all sound; or slot 0. */
bool cert_verify(const struct cert *c, const uint8_t cluster[static 32], const struct signer *s,
		 const struct cluster *members, uint32_t need);

#endif
