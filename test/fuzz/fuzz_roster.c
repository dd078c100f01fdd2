/* test/fuzz/fuzz_roster.c - any bytes as a cache file, also below a right head and digest; and as
 * tuples that came from the manager */
#include <string.h>

#include "core/check.h"
#include "tuple/roster.h"

static const uint8_t id[32] = { 1 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void add_as_tuples(struct roster *r, const uint8_t *data, size_t size)
{
	struct tuple t;
	struct buf b;

	roster_clear(r);
	buf_over(&b, data, size);
	while (buf_left(&b) && tuple_get(&b, &t))
		roster_add(r, &t, NULL, NULL);
	roster_seal(r);
	for (uint32_t i = 0; i < r->nodes; i++)
		MUST(roster_roles(r, &r->node[i].fp) & ROLE_NODE);
	for (uint32_t i = 0; i < r->devices; i++)
		MUST(roster_roles(r, &r->device[i].fp) & ROLE_DEVICE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct roster r;
	int64_t wall_s;
	size_t len;

	if (size > 65536)
		return 0;
	memcpy(r.cache, data, size);
	roster_load(&r, size, id, &wall_s);
	add_as_tuples(&r, data, size);
	r.bytes = size;
	memcpy(r.cache + ROSTER_HEAD_BYTES, data, size);
	roster_save(&r, id, 0, &len);
	if (roster_load(&r, len, id, &wall_s))
		MUST(r.bytes == size);
	return 0;
}
