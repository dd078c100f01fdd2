/* test/fuzz/fuzz_snap.c - a snapshot with bytes changed, cut or grown: refused, or a sound state */
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "tuple/snap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct cluster cluster = { .n = 1, .admins = 1 };
	static uint8_t bytes[SNAP_BYTES_MAX], manifest[MANIFEST_BYTES_MAX];
	static struct state *st;
	struct tuple t;
	size_t len;

	if (!st)
		st = calloc(1, sizeof *st);
	state_init(st, &cluster);
	tuple_init(&t);
	tuple_add_str(&t, "word");
	for (int i = 0; i < 3; i++)
		space_insert(&st->space, &t, account_open(st, &cluster.admin[0]), SPACE_FOREVER);
	session_open(st, &cluster.admin[0], bytes);
	len = snap_write(st, bytes);
	for (; size >= 3; data += 3, size -= 3)
		bytes[(data[0] << 8 | data[1]) % len] ^= data[2];
	for (; size; data++, size--)
		len += *data % 64;
	if (snap_read(st, &cluster, bytes, len))
		MUST(snap_write(st, bytes) > 0);
	MUST(manifest_length(manifest, snap_manifest(bytes, len, manifest)) == len);
	return 0;
}
