/* test/fuzz/fuzz_ident.c - key texts, fingerprints, public keys and signatures: what is taken must
 * come out again the same */
#include <string.h>

#include "core/check.h"
#include "core/ident.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void key_text(const char *text, size_t len)
{
	char again[KEY_TEXT_MAX];
	struct ident id;

	if (!ident_parse(&id, text, len))
		return;
	ident_format(&id, again);
	MUST(!memcmp(again, text, FP_STR_MAX - 1));
}

static void fingerprint(const uint8_t *data, size_t size)
{
	char text[80], again[FP_STR_MAX];
	struct fp fp;

	if (size >= sizeof text)
		return;
	memcpy(text, data, size);
	text[size] = 0;
	if (!fp_parse(&fp, text))
		return;
	fp_format(&fp, again);
	MUST(!strcmp(again, text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t seven[PRIV_BYTES] = { [31] = 7 };
	struct ident id;
	struct fp fp;
	uint8_t out[32];

	key_text((const char *)data, size);
	fingerprint(data, size);
	fp_of_pub(&fp, data, size);
	if (size < PUB_BYTES)
		return 0;
	MUST(ident_from_priv(&id, seven));
	ident_ecdh(&id, data, out);
	ident_verify(data, "x", 1, data + PUB_BYTES, size - PUB_BYTES);
	MUST(!ident_verify(id.pub, "x", 1, data, size));
	return 0;
}
