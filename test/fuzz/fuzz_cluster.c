/* test/fuzz/fuzz_cluster.c - any text as a cluster file: what is taken is complete, and its
 * canonical text means the same */
#include <string.h>

#include "core/check.h"
#include "core/cluster.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[CLUSTER_TEXT_MAX], err[100];
	struct cluster c, again;
	uint8_t a[32], b[32];
	size_t len;

	if (!cluster_parse(&c, (const char *)data, size, err, sizeof err)) {
		MUST(err[0]);
		return 0;
	}
	MUST(c.n == 3 * c.faults + 1);
	len = cluster_format(&c, text, sizeof text);
	MUST(cluster_parse(&again, text, len, err, sizeof err));
	cluster_id(&c, a);
	cluster_id(&again, b);
	MUST(!memcmp(a, b, sizeof a));
	return 0;
}
