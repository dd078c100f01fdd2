/* core/open.h - what a client asks of a node and what the node answers: OPEN, RENEW, CLOSE, ANSWER
 *
 *	request:  0      1         2    3        5          21            86          102
 *	          | 'm' | version | op | length | boot[16] | client[65] | nonce[16] | sealed, tag |
 *	OPEN      sealed: node fp[32], kind[1], device fp[32], device address[16], port[2], lease[4]
 *	RENEW     sealed: node fp[32], forward[8], lease[4]      CLOSE: the same, lease 0
 *	answer:   0     1         2     3        5         6
 *	          | 'm' | version | 'a' | length | verdict | rest
 *	OPEN_OK   rest: sealed forward[8], port[2], lease[4]; tag
 *	OPEN_STALE_BOOT: boot[16], not sealed      others: nothing
 *
 * `length` counts the whole frame. Integers are big-endian, IPv4 addresses v4-mapped, leases in
 * seconds. Nothing is signed: both sides share PRK = HMAC("machete/1 open", ECDH || client fp ||
 * node fp), and each frame has an AEAD key of its own, HKDF-Expand(PRK, op || direction || boot ||
 * nonce) (RFC 5869), used once with ChaCha20-Poly1305 (RFC 8439), nonce 0, and everything before
 * the sealed part as additional data. An answer uses boot, nonce and op of its request, so it fits
 * no other. A refusal is not sealed: who can forge one can cut the connection as well.
 *
 * After OPEN for a relay the client sends its TLS ClientHello at once; the answer is the first
 * thing that comes back, before any byte of the device. Pure. */
#ifndef CORE_OPEN_H
#define CORE_OPEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/ident.h"

enum {
	OPEN_TYPE = 0x6d, /* 'm'; a TLS control channel begins with 0x16 */
	OPEN_VERSION = 1,
	OPEN_HEAD_BYTES = 5, /* what open_frame_len wants to see */
	BOOT_BYTES = 16,
	OPEN_NONCE_BYTES = 16,
	OPEN_TAG_BYTES = 16,
	OPEN_SEALED_AT = OPEN_HEAD_BYTES + BOOT_BYTES + PUB_BYTES + OPEN_NONCE_BYTES,
	OPEN_OPEN_BYTES = OPEN_SEALED_AT + 87 + OPEN_TAG_BYTES,
	OPEN_OTHER_BYTES = OPEN_SEALED_AT + 44 + OPEN_TAG_BYTES, /* RENEW, CLOSE */
	OPEN_FRAME_MAX = OPEN_OPEN_BYTES,
	OPEN_ANSWER_MAX = OPEN_HEAD_BYTES + 1 + 14 + OPEN_TAG_BYTES,
};

enum open_op { OPEN_OPEN = 'o', OPEN_RENEW = 'r', OPEN_CLOSE = 'c' };

enum open_kind { OPEN_RELAY = 1, OPEN_NAT = 2, OPEN_KINDS };

/* The numbers are on the wire. In the order of the checks. */
enum open_verdict {
	OPEN_OK = 0,
	OPEN_BAD_FORM,	   /* size, type, version or op */
	OPEN_STALE_BOOT,   /* neither of the node's last two; the answer tells the new one */
	OPEN_NOT_ADMITTED, /* the key's fingerprint is no admitted client's */
	OPEN_QUOTA,	   /* this client has as many forwards, or asked as often, as it may */
	OPEN_FULL,	   /* the node has as many forwards as it can */
	OPEN_BAD_SEAL,	   /* made without the client's key, for another node, or changed */
	OPEN_REPLAY,	   /* this nonce was used before */
	OPEN_BAD_KIND,	   /* the node does not forward that way */
	OPEN_NO_DEVICE,	   /* no such registered device, or not at that address */
	OPEN_NO_PORT,	   /* the device did not register that port */
	OPEN_BAD_DEST,	   /* registered, but no node forwards to such an address: core/dest */
	OPEN_NO_FORWARD,   /* RENEW, CLOSE: this client has no such forward */
	OPEN_UNREACHABLE,  /* the device did not answer the node */
	OPEN_VERDICTS,
};

extern const char *const open_verdict_str[OPEN_VERDICTS];

/* What a request asks for. OPEN uses kind, device, dest and lease_s, the others forward and, for
 * RENEW, lease_s. Nothing in it is judged yet after open_unseal. */
struct open_terms {
	uint8_t kind; /* enum open_kind */
	struct fp device;
	struct addr dest;
	uint64_t forward;
	uint32_t lease_s;
};

/* What one client and one node share. Secret: wipe() at the end. */
struct open_pair {
	uint8_t prk[32];
	struct fp node;
};

enum open_side { OPEN_CLIENT, OPEN_NODE };

/* One ECDH (0.4 ms), so keep the pair. `self` is on side `side`; the peer's key is `peer_pub` with
 * the fingerprint `peer`. False when peer_pub is not a point of the curve. */
bool open_pair_init(struct open_pair *p, enum open_side side, const struct ident *self,
		    const uint8_t peer_pub[static PUB_BYTES], const struct fp *peer);

/* What names one request, and ties the answer to it. The client keeps it until it has read the
 * answer; the nonce must come fresh from secret_bytes() for every request. */
struct open_ask {
	uint8_t op; /* enum open_op */
	uint8_t boot[BOOT_BYTES];
	uint8_t nonce[OPEN_NONCE_BYTES];
};

struct open_answer {
	enum open_verdict verdict;
	uint64_t forward;	  /* OPEN_OK: its number, not 0, for RENEW and CLOSE */
	uint16_t port;		  /* OPEN_OK, nat: the node's port to connect the flow to; else 0 */
	uint32_t lease_s;	  /* OPEN_OK: granted, perhaps less than asked for */
	uint8_t boot[BOOT_BYTES]; /* OPEN_STALE_BOOT: ask again with this one */
};

/* Client: writes the request frame; `self_pub` is the client's key. Returns its length. */
size_t open_make(uint8_t out[static OPEN_FRAME_MAX], const struct open_pair *p,
		 const uint8_t self_pub[static PUB_BYTES], const struct open_ask *ask,
		 const struct open_terms *t);

/* Both sides: length of the request or answer that begins at `in`: 0 when more than the `len`
 * bytes are needed to tell, -1 when no frame begins like this. Never above OPEN_FRAME_MAX; look
 * before reading on, so that nothing behind the frame is consumed. */
int open_frame_len(const uint8_t *in, size_t len);

/* Client: decodes the whole answer frame of `len` bytes to `ask`. False: malformed or not sealed
 * by this node for this request; trust nothing of it. */
bool open_answer_parse(struct open_answer *a, const struct open_pair *p, const struct open_ask *ask,
		       const uint8_t *in, size_t len);

/* Node: a request cut into its fields, which lend from the frame. False is OPEN_BAD_FORM. */
struct open_request {
	enum open_op op;
	const uint8_t *boot, *pub, *nonce;
	const uint8_t *frame;
	size_t len;
};
bool open_split(struct open_request *r, const uint8_t *frame, size_t len);

/* Node: what opens the answer to r. */
void open_ask_of(struct open_ask *ask, const struct open_request *r);

/* Node: opens the seal. False is OPEN_BAD_SEAL. */
bool open_unseal(struct open_terms *t, const struct open_pair *p, const struct open_request *r);

/* Node: writes an answer; p and ask may be NULL unless the verdict is OPEN_OK. Returns its length.
 * Make at most one OPEN_OK answer to a request: its key is used once. */
size_t open_answer_make(uint8_t out[static OPEN_ANSWER_MAX], const struct open_pair *p,
			const struct open_ask *ask, const struct open_answer *a);

#endif
