/* core/gate.h - which requests a node lets through: boots, admitted clients, quotas, nonces
 *
 * gate_judge checks a request (core/open) in the order of its cost to us: form, boot, SHA-256 of
 * the key is an admitted client, quota, seal, nonce, quota of the kind. The first ECDH with a
 * client is kept with its row, so that whoever knows a client's public key can make the node
 * compute one, and no more.
 *
 * Replays: a nonce counts once under the boot it was sealed for, and only the last two boots are
 * valid. A boot ends after 10 minutes, when it has seen NONCES_MAX nonces, or when one client alone
 * has used its share of them; so a table of fixed size holds all nonces that could come again.
 * Of a nonce 32 bits of a secret hash are kept, beside its place: one honest request in 10^9 is
 * refused as a replay, and none is let through. Pure: time and random bytes come as arguments. */
#ifndef CORE_GATE_H
#define CORE_GATE_H

#include "core/mono.h"
#include "core/open.h"

enum {
	GATE_CLIENTS_MAX = 1024, /* 160 bytes each; a scan of all keys costs 2 us */
	GATE_BOOTS = 2,
	NONCES_MAX = 65536,                 /* a boot's life in requests */
	NONCES_CLIENT_MAX = NONCES_MAX / 2, /* so that no client ends a boot all alone at once */
	NONCE_SLOTS = 2 * NONCES_MAX, /* half full: short probes; 512 KiB a boot, touched late */
	BOOT_MS = 10 * 60 * 1000,
	BOOT_MS_MIN = 5 * 1000, /* a client over its share gets a new boot, but not more often */
};

/* One admitted client, or one that was evicted and still has forwards. */
struct gate_client {
	struct fp fp;
	bool admitted;
	bool paired; /* pair is valid */
	struct open_pair pair;
	uint32_t forwards[OPEN_KINDS];
	uint32_t nonces[GATE_BOOTS];
};

struct gate_boot {
	uint8_t id[BOOT_BYTES];
	mono_t since;
	uint32_t nonces;
	uint32_t seen[NONCE_SLOTS]; /* 0 is empty */
};

/* Of one kind of forward; all 0: the node does not forward that way. A client holds no more than
 * are vacant besides: one takes half of them, two three quarters. */
struct gate_limit {
	uint32_t forwards; /* in all */
	uint32_t client_forwards;
};

struct gate_limits {
	struct gate_limit kind[OPEN_KINDS];
};

/* Large (1 MiB): allocated once by the role. */
struct gate {
	const struct ident *self;
	struct gate_limits limits;
	uint64_t salt; /* secret: nobody can choose nonces that collide in the table */
	struct gate_boot boot[GATE_BOOTS];
	uint32_t current; /* the newer boot */
	struct gate_client client[GATE_CLIENTS_MAX];
	uint32_t clients; /* rows in use */
	uint32_t forwards[OPEN_KINDS];
	bool share_used; /* a client ran out of nonces */
	uint64_t count[OPEN_VERDICTS];
};

/* *g is zero, or was used before: the nonces are not touched then. `self` is borrowed. salt and
 * both boots come from secret_bytes(); call gate_boot_draw after. */
void gate_init(struct gate *g, const struct ident *self, struct gate_limits limits, uint64_t salt);
/* Wipes the pairs. */
void gate_fini(struct gate *g);

/* Whether it is time for a new boot, and the new boot: the oldest one ends. */
bool gate_boot_due(const struct gate *g, mono_t now);
void gate_boot_draw(struct gate *g, const uint8_t id[static BOOT_BYTES], mono_t now);
/* The boot to publish. */
const uint8_t *gate_boot(const struct gate *g);
/* When the current boot ends by age. */
mono_t gate_boot_end(const struct gate *g);

/* The admitted clients are these n and no others; false when not all found room. Row numbers of
 * those that stay do not change; a row is reused when its client is gone and has no forwards. */
bool gate_admit(struct gate *g, const struct fp *list, uint32_t n);

/* Judges one request up to and including its nonce, and for OPEN its kind. OPEN_OK: *row is the
 * client's number, *t what it asks for, *ask what gate_answer needs. Counts every verdict but
 * OPEN_OK, which only the rest of the work decides: see gate_count. */
enum open_verdict gate_judge(struct gate *g, const uint8_t *frame, size_t len,
			     struct open_ask *ask, struct open_terms *t, uint32_t *row);

/* Counts the final verdict of a request that gate_judge let through. */
void gate_count(struct gate *g, enum open_verdict v);

/* Writes the answer to the client in `row` (any number for a refusal); a->boot is filled in here.
 */
size_t gate_answer(const struct gate *g, uint32_t row, const struct open_ask *ask,
		   struct open_answer *a, uint8_t out[static OPEN_ANSWER_MAX]);

/* A forward of this client begins or ends. */
void gate_forward_begin(struct gate *g, uint32_t row, enum open_kind kind);
void gate_forward_end(struct gate *g, uint32_t row, enum open_kind kind);

/* False once a client was evicted: its forwards must end. */
bool gate_admitted(const struct gate *g, uint32_t row);
/* The client's row, or -1. */
int gate_find(const struct gate *g, const struct fp *fp);

#endif
