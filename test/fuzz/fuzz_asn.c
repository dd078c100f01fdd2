/* test/fuzz/fuzz_asn.c - a prefix-to-AS file of arbitrary bytes: refused, or harmless */
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "probe/asn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct asn_table t;
	void *mem = malloc(size + 1);

	if (!mem)
		return 0;
	memcpy(mem, data, size);
	if (asn_open(&t, mem, size) == ASN_OK) {
		for (size_t i = 0; i + 16 <= size; i += 4) {
			struct addr a = { .ip = { [10] = 0xff, 0xff } };
			struct asn_set s;

			memcpy(a.ip + (i & 4 ? 12 : 0), data + i, i & 4 ? 4 : 16);
			s = asn_find(&t, &a);
			for (uint32_t k = 0; k < s.n; k++)
				MUST(s.as + k < (const uint32_t *)mem + size / 4);
		}
	}
	free(mem);
	return 0;
}
