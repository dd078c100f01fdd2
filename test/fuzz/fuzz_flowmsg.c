/* test/fuzz/fuzz_flowmsg.c - any bytes as a message of a flow: what is taken is spelt one way */
#include <string.h>

#include "core/check.h"
#include "core/flowmsg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t out[FLOWMSG_BYTES_MAX];
	struct flowmsg m;

	if (!flowmsg_decode(&m, data, size))
		return 0;
	MUST(size <= FLOWMSG_BYTES_MAX);
	MUST(flowmsg_length(data, size) == size);
	MUST(flowmsg_encode(&m, out) == size);
	MUST(!memcmp(out, data, size));
	return 0;
}
