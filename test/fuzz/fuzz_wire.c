/* test/fuzz/fuzz_wire.c - ICMP messages and TCP segments of arbitrary bytes, both families; what
 * is taken is handed to a trace that sent everything */
#include <string.h>

#include "core/check.h"
#include "probe/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take(const struct trace_answer *a)
{
	static struct addr target = { .ip = { [10] = 0xff, 0xff, 198, 51, 100, 2 } };
	struct trace_probe p;
	struct trace t;

	MUST(a->id < TRACE_PROBES_MAX);
	trace_init(&t, &trace_conf_all, &target);
	for (int64_t ms = 1; ms < 4000 && !t.stop; ms += 100)
		while (trace_next(&t, mono_us(ms * 1000), &p))
			;
	trace_take(&t, a, mono_us(4000000));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_flow f = { .isn = 0x01020304, .src.port = 33000, .dst.port = 443 };
	struct trace_answer a;
	const uint8_t *msg;
	size_t len = size;
	uint8_t ttl;

	for (int v6 = 0; v6 < 2; v6++) {
		memset(f.src.ip, 0, 16);
		memset(f.dst.ip, 0, 16);
		f.src.ip[10] = f.src.ip[11] = f.dst.ip[10] = f.dst.ip[11] = v6 ? 0 : 0xff;
		f.dst.ip[15] = 1;
		if (wire_icmp(&f, data, size, &a))
			take(&a);
		if (wire_tcp(&f, data, size, &a))
			take(&a);
	}
	msg = wire_strip_ip4(data, &len, &ttl);
	MUST(!msg || msg + len == data + size);
	return 0;
}
