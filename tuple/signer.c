/* tuple/signer.c - sign with core/ident */
#include "tuple/signer.h"

#include <string.h>

static size_t sign(void *ctx, const void *msg, size_t len, uint8_t sig[static SIG_BYTES_MAX])
{
	return ident_sign(ctx, msg, len, sig);
}

static bool verify(void *ctx, const uint8_t pub[static PUB_BYTES], const void *msg, size_t len,
		   const uint8_t *sig, size_t sig_len)
{
	(void)ctx;
	return ident_verify(pub, msg, len, sig, sig_len);
}

static bool fp_of(void *ctx, const uint8_t pub[static PUB_BYTES], struct fp *fp)
{
	(void)ctx;
	return fp_of_pub(fp, pub, PUB_BYTES);
}

void signer_ident(struct signer *s, struct ident *id)
{
	*s = (struct signer){ .ctx = id, .sign = sign, .verify = verify, .fp_of = fp_of };
	memcpy(s->pub, id->pub, PUB_BYTES);
}
