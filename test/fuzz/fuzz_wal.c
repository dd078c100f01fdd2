/* test/fuzz/fuzz_wal.c - any bytes as a log: reading ends, stays inside, and what is read writes */
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "tuple/wal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input patches a sound log: {u16 page, u8 offset, u8 xor} again and again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t log[32 * WAL_PAD], payload[3 * WAL_PAD];
	struct wal_chain chain = { 0, 0 };
	enum wal_verdict v;
	struct wal_record rec;
	size_t at = 0, pos = 0;
	uint32_t n = 0;

	memset(log, 0, sizeof log);
	for (uint64_t i = 1; i <= 8; i++) {
		rec = (struct wal_record){ .type = WAL_BATCH, .slot = i, .payload = payload,
					   .len = i * 1500 };
		if (i % 3)
			chain.back = 0;
		at += wal_put(log + at, sizeof log - at, &rec, &chain);
	}
	for (; size >= 3; data += 3, size -= 3)
		log[data[0] % 32 * WAL_PAD + data[1]] ^= data[2];
	chain = (struct wal_chain){ 0, 0 };
	while ((v = wal_next(log, sizeof log, &pos, &chain, &rec)) == WAL_RECORD) {
		MUST(pos <= sizeof log);
		MUST(rec.slot == ++n);
	}
	MUST(n <= 8);
	return 0;
}
