/* test/fuzz/fuzz_asn_text.c - a data set of arbitrary text: what is built from it must be valid */
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "probe/asn_build.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t lines = 1, len;
	struct asn_build b;
	struct asn_table t;
	void *mem, *file;

	if (!size || size > 1 << 16)
		return 0;
	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	mem = malloc(asn_build_bytes(size, lines));
	if (!mem)
		return 0;
	asn_build_init(&b, mem, size, lines, data[0] & 1);
	MUST(asn_build_text(&b, (const char *)data, size));
	len = asn_build_finish(&b);
	file = malloc(len);
	MUST(file);
	asn_build_write(&b, file, 0);
	MUST(asn_open(&t, file, len) == ASN_OK);
	free(file);
	free(mem);
	return 0;
}
