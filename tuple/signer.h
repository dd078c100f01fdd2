/* tuple/signer.h - how a replica or client signs: core/ident, or a fake in the simulator */
#ifndef TUPLE_SIGNER_H
#define TUPLE_SIGNER_H

#include "core/ident.h"

/* Signatures; the simulator plugs in its own. Both pure, ctx is theirs. */
struct signer {
	void *ctx;
	uint8_t pub[PUB_BYTES];
	size_t (*sign)(void *ctx, const void *msg, size_t len, uint8_t sig[static SIG_BYTES_MAX]);
	bool (*verify)(void *ctx, const uint8_t pub[static PUB_BYTES], const void *msg, size_t len,
		       const uint8_t *sig, size_t sig_len);
	bool (*fp_of)(void *ctx, const uint8_t pub[static PUB_BYTES], struct fp *fp);
};
/* P-256 by core/ident; `id` is borrowed for the signer's life. */
void signer_ident(struct signer *s, struct ident *id);

#endif
