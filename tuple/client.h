/* tuple/client.h - one session with the manager: requests to all replicas, f+1 equal answers
 *
 * MANAGER.md B.3. One operation at a time; other work uses another session. The driver
 * (cmd/quorum) owns the channels. A driver that gives up on an operation must give up the session
 * too: client_init with a new random one. Pure. */
#ifndef TUPLE_CLIENT_H
#define TUPLE_CLIENT_H

#include "core/cluster.h"
#include "core/mono.h"
#include "tuple/effect.h"
#include "tuple/request.h"

enum {
	CLIENT_EFFECTS_MAX = 4,
	CLIENT_WORD_MAX = 256,
	CLIENT_RESEND_MS = 500,	     /* doubles up to the next */
	CLIENT_RESEND_MAX_MS = 8000,
	CLIENT_LIFE_MS = 300000, /* half of what an unused session lives, MANAGER.md B.3 */
};

enum client_effect_type {
	CLIENT_SEND = 1, /* bytes to every replica whose bit is set in `to` */
	CLIENT_ARM,	 /* call client_timer at `at`; replaces the deadline before */
	CLIENT_DONE,	 /* `result` is the answer; it lends until the next call */
};

struct client_effect {
	enum client_effect_type type;
	uint32_t to;
	const uint8_t *bytes;
	size_t len;
	mono_t at;
	const struct result *result;
};

struct client_effects {
	uint32_t n;
	struct client_effect e[CLIENT_EFFECTS_MAX];
};

/* What a replica said about the operation under way. */
struct client_vote {
	bool heard; /* anything at all, BUSY included */
	bool valid;
	bool sign; /* asks for a signature */
	uint8_t digest[32]; /* of slot, time and result */
};

struct client {
	uint32_t n, faults;
	struct signer signer;
	struct fp fp;
	uint8_t cluster_id[32];
	uint8_t session[SESSION_BYTES];
	uint64_t no;	 /* of the last operation; 0: none yet */
	bool busy;	 /* one is under way */
	bool signed_now; /* and is signed */
	bool held;	 /* and waits for channels: nobody was asked so far */
	bool withdrawn;	 /* it is a wait, and its end was asked for */
	uint32_t up;	 /* channels that stand, a bit each */
	int64_t time_us; /* last agreed time seen */
	uint64_t slot;	 /* of the last answer */
	mono_t begun;	 /* when it was called */
	uint32_t resend_ms;
	mono_t resend_at;
	uint8_t request_digest[32];
	struct client_vote vote[REPLICAS_MAX];
	struct result result;
	size_t op_len, frame_len;
	uint8_t op[OP_BYTES_MAX];
	size_t word_len;
	uint8_t frame[CLIENT_FRAME_MAX];
	uint8_t word[CLIENT_WORD_MAX]; /* the frame that withdraws it */
	uint8_t answer[RESULT_BYTES_MAX];
};

/* `session` is fresh randomness (core/secret); the signer's key is that of the channels. */
void client_init(struct client *c, const struct cluster *cluster, const struct signer *signer,
		 const uint8_t session[static SESSION_BYTES]);

/* Begin an operation. False: one is under way, or the op does not encode. */
bool client_call(struct client *c, mono_t now, const struct op *op, struct client_effects *out);
/* End the wait under way: its answer comes as ever, and is a tuple when it was served before. */
void client_withdraw(struct client *c, mono_t now, struct client_effects *out);
/* Bytes came from replica `from`. False: they are no answer of a replica. */
bool client_message(struct client *c, mono_t now, uint32_t from, const uint8_t *p, size_t len,
		    struct client_effects *out);
/* The channels that stand now, a bit each: to be told after client_init and at every change. The
 * operation under way goes out as soon as there are 2f+1, and again where one is new: who told
 * only some would stop the batch with his request in it, and all others with him. After
 * CLIENT_RESEND_MS f+1 will do, for a signed request. */
void client_link(struct client *c, mono_t now, uint32_t up, struct client_effects *out);
void client_timer(struct client *c, mono_t now, struct client_effects *out);

/* May the operation be called again, in another session, when the answer is RESULT_NO_SESSION? For
 * CLIENT_LIFE_MS that means that the session had ended before, and it was never executed. Later it
 * may have been, and its session have ended since: that is also why nothing is sent any more. */
bool client_may_repeat(const struct client *c, mono_t now);

/* What replica i said of the operation under way, for "no quorum": the last that applies. */
enum client_word { CLIENT_SILENT, CLIENT_BUSY, CLIENT_SIGN, CLIENT_ANSWER };
enum client_word client_word(const struct client *c, uint32_t i);

#endif
