/* test/fuzz/fuzz_tuple.c - any bytes as tuple, operation, result and reserved tuple: what is taken
 * encodes to the same bytes */
#include <string.h>

#include "core/check.h"
#include "tuple/op.h"
#include "tuple/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_tuple(const uint8_t *data, size_t size)
{
	static struct member_tuple m;
	static struct node_tuple n;
	static struct device_tuple d;
	uint8_t mem[TUPLE_BYTES_MAX], scratch[SCHEMA_BYTES_MAX];
	char text[4200];
	struct tuple t, again;
	struct buf b, out;

	buf_over(&b, data, size);
	if (!tuple_get(&b, &t))
		return;
	buf_init(&out, mem, sizeof mem);
	tuple_put(&out, &t);
	MUST(out.len == b.pos && !memcmp(mem, data, b.pos));
	for (uint32_t i = 0; i < t.n; i++)
		MUST(field_format(&t.f[i], text, sizeof text) || !t.f[i].len);
	if (member_decode(&m, &t)) {
		member_encode(&again, &m);
		MUST(tuple_match(&again, &t));
	}
	if (node_decode(&n, &t)) {
		node_encode(&again, &n, scratch);
		MUST(tuple_match(&again, &t));
	}
	if (device_decode(&d, &t)) {
		device_encode(&again, &d, scratch);
		MUST(tuple_match(&again, &t));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct op op;
	static struct result r;
	uint8_t mem[OP_BYTES_MAX];
	struct tuple t;
	struct buf b;
	uint64_t id;

	try_tuple(data, size);
	if (op_get(&op, data, size)) {
		buf_init(&b, mem, sizeof mem);
		op_put(&b, &op);
		MUST(buf_ok(&b));
		MUST(b.len == size && !memcmp(mem, data, size));
	}
	if (result_get(&r, data, size))
		while (result_next(&r, &t, &id))
			;
	return 0;
}
