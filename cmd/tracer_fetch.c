/* cmd/tracer_fetch.c - what nodes and a device told of their legs, into the trace cache */
#include <string.h>

#include "cmd/quorum_ask.h"
#include "cmd/tracer.h"

struct fetch {
	struct quorum *q;
	const struct directory *d;
	const struct device_entry *device;
	struct tracecache *cache;
	int64_t now_s;
};

static bool has_ip(const struct addr *v, uint32_t n, const struct addr *a)
{
	for (uint32_t i = 0; i < n; i++)
		if (addr_same_ip(&v[i], a))
			return true;
	return false;
}

/* A party speaks about legs between its own registered addresses and the peer's alone. */
static bool belongs(const struct fetch *f, const struct fp *who, const struct record *r)
{
	const struct device_entry *dev = f->device;
	bool by_device = fp_eq(who, &dev->fp);

	for (uint32_t i = 0; i < directory_nodes(f->d); i++) {
		const struct node_entry *n = directory_node_at(f->d, i);

		if (by_device && has_ip(dev->addr, dev->addrs, &r->from) &&
		    has_ip(n->addr, n->addrs, &r->to))
			return true;
		if (fp_eq(who, &n->fp))
			return has_ip(n->addr, n->addrs, &r->from) &&
			       has_ip(dev->addr, dev->addrs, &r->to);
	}
	return false;
}

/* Its age is that of the lease: other people's clocks count for nothing. */
static void take(struct fetch *f, const struct tuple *t)
{
	struct record r;
	struct fp who;

	if (t->n != 5 || t->f[1].type != FIELD_BYTES || t->f[1].len != FP_BYTES ||
	    t->f[4].type != FIELD_STR)
		return;
	memcpy(who.b, t->f[1].bytes, FP_BYTES);
	if (!record_parse(&r, (const char *)t->f[4].bytes, t->f[4].len) || r.device[0])
		return;
	r.at_s = f->now_s;
	memset(&r.seen, 0, sizeof r.seen); /* it ends where its TO is, not where they like */
	if (belongs(f, &who, &r))
		tracecache_put(f->cache, &r);
}

/* All traces by the device, or to it. */
static int fetch_all(struct fetch *f, bool by_device)
{
	struct op op = { .type = OP_RDALL };
	const struct result *r;

	tuple_init(&op.templ);
	tuple_add_str(&op.templ, "trace");
	for (int i = 0; i < 2; i++)
		if ((i == 0) == by_device)
			tuple_add_bytes(&op.templ, f->device->fp.b, FP_BYTES);
		else
			tuple_add_any(&op.templ);
	tuple_add_any(&op.templ);
	tuple_add_any(&op.templ);
	do {
		struct result page;
		struct tuple t;
		uint64_t id;
		int code = quorum_try(f->q, &op, &r);

		if (code)
			return code;
		page = *r;
		while (r->code == RESULT_OK && result_next(&page, &t, &id))
			take(f, &t);
		op.cursor = r->cursor;
	} while (r->code == RESULT_OK && op.cursor);
	return 0;
}

int tracer_fetch(struct quorum *q, const struct directory *d, const struct device_entry *device,
		 struct tracecache *cache, int64_t now_s)
{
	struct fetch f = { .q = q, .d = d, .device = device, .cache = cache, .now_s = now_s };
	int r = fetch_all(&f, false);

	return r ? r : fetch_all(&f, true);
}
