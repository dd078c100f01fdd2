/* test/fuzz/fuzz_hello.c - any bytes as HELLO, STATUS, LINES; what is read is written back alike */
#include <string.h>

#include "core/check.h"
#include "tuple/hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t out[HELLO_LINES_MAX > HELLO_STATUS_MAX ? HELLO_LINES_MAX : HELLO_STATUS_MAX];
	struct replica_status s;
	struct hello_lines l;
	struct hello h;

	if (hello_get(&h, data, size)) {
		MUST(hello_put(out, &h) == size);
		MUST(!memcmp(out, data, size));
	}
	if (hello_status_get(&s, 4, data, size)) {
		MUST(hello_status_put(out, &s, 4) == size);
		MUST(!memcmp(out, data, size));
	}
	if (hello_lines_get(&l, data, size)) {
		MUST(hello_lines_put(out, &l) == size);
		MUST(!memcmp(out, data, size));
	}
	return 0;
}
