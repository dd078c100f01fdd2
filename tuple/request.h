/* tuple/request.h - what clients ask and replicas answer, and the batches that requests travel in
 *
 *	REQUEST  {u8 type, u8 signed, [pub 65, lv sig,] body}     client to replica
 *	body     {session 16, u64 no, i64 last agreed time seen, op}
 *	REPLY    {u8 type, session 16, u64 no, request digest 32, u64 slot, i64 time, result}
 *	BUSY     {u8 type, session 16, u64 no}                    over the admission limit: later
 *	SIGN     {u8 type, session 16, u64 no, i64 time}          again, please, with a signature
 *	batch    {D of the slot before 32, i64 time, u16 count, count of {fp 32, u8 signed,
 *	          [pub 65, lv sig,] lv body}}
 *
 * The signature is over "machete request 1", the cluster's id and the body; the request digest is
 * SHA-256 of client, session, number and op: the same signed and unsigned. A slot's digest d covers
 * cluster, configuration, slot and batch, and thereby the digest before: it is the chain digest D
 * of the slot too. Pure. */
#ifndef TUPLE_REQUEST_H
#define TUPLE_REQUEST_H

#include "core/ident.h"
#include "tuple/op.h"
#include "tuple/signer.h"

enum {
	SESSION_BYTES = 16,
	DIGEST_BYTES = 32,
	REQUEST_HEAD_BYTES = SESSION_BYTES + 8 + 8,
	REQUEST_BODY_MAX = REQUEST_HEAD_BYTES + OP_BYTES_MAX,
	REQUEST_FRAME_MAX = 2 + PUB_BYTES + 2 + SIG_BYTES_MAX + REQUEST_BODY_MAX,
	REQUEST_SIGNED_MAX = 18 + 32 + REQUEST_BODY_MAX,
	REPLY_FRAME_MAX = 1 + SESSION_BYTES + 8 + DIGEST_BYTES + 8 + 8 + RESULT_BYTES_MAX,
	BATCH_HEAD_BYTES = DIGEST_BYTES + 8 + 2,
};

static const int64_t TIME_US_MAX = INT64_MAX / 4; /* so that adding a lease cannot overflow */

enum client_msg { MSG_REQUEST = 1, MSG_REPLY, MSG_BUSY, MSG_SIGN };

struct request {
	struct fp client;
	bool is_signed;
	const uint8_t *pub, *sig;
	size_t sig_len;
	const uint8_t *body; /* the three below stand in it */
	size_t body_len;
	uint8_t session[SESSION_BYTES];
	uint64_t no;
	int64_t time_us;
	const uint8_t *op;
	size_t op_len;
};

/* A REQUEST of the client whose channel it came over; false: malformed. Borrows. The signature is
 * not checked. */
bool request_get(struct request *q, const struct fp *client, const uint8_t *p, size_t len);
void request_put(struct buf *b, const struct request *q);
/* As in a batch; get is false, and b bad, at the first that is malformed. */
void request_put_entry(struct buf *b, const struct request *q);
bool request_get_entry(struct buf *b, struct request *q);
size_t request_entry_bytes(const struct request *q);

/* Not an operation, but a word on the one with the same number. */
bool request_withdraws(const struct request *q);
void request_digest(const struct request *q, uint8_t out[static DIGEST_BYTES]);
size_t request_signed(const uint8_t cluster[static 32], const uint8_t *body, size_t len,
		      uint8_t out[static REQUEST_SIGNED_MAX]);
bool request_verify(const struct request *q, const uint8_t cluster[static 32],
		    const struct signer *s);

struct reply {
	uint8_t session[SESSION_BYTES];
	uint64_t no;
	uint8_t request[DIGEST_BYTES];
	uint64_t slot;
	int64_t time_us;
	const uint8_t *result;
	size_t result_len;
};

void reply_put(struct buf *b, const struct reply *r);
bool reply_get(struct reply *r, const uint8_t *p, size_t len);
/* BUSY and SIGN. */
void notice_put(struct buf *b, enum client_msg type, const uint8_t session[static SESSION_BYTES],
		uint64_t no, int64_t time_us);
bool notice_get(enum client_msg type, const uint8_t *p, size_t len,
		uint8_t session[static SESSION_BYTES], uint64_t *no, int64_t *time_us);

struct batch {
	uint8_t before[DIGEST_BYTES]; /* D of the slot before */
	int64_t time_us;
	uint32_t count;
	struct buf requests; /* read on with request_get_entry */
};

/* False: not a batch, or one of its requests is malformed, or it is over the limits. */
bool batch_get(struct batch *x, const uint8_t *p, size_t len);
void batch_digest(const uint8_t cluster[static 32], uint32_t config, uint64_t slot,
		  const uint8_t *p, size_t len, uint8_t out[static DIGEST_BYTES]);

#endif
