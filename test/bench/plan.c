/* test/bench/plan.c - how fast machete plans, and looks up origins, without a network
 *
 *	plan lookups TABLE	million look-ups of random addresses a second
 *	plan warm N PATHS	milliseconds: from N candidates' traces as text to the choice
 *	plan cold N		seconds that N legs take to be traced, 64 at once, in simulated
 *				time: routers up to 150 ms away, one in twelve silent
 *
 * A simulated Internet: 3,000 ASes of which 12 carry most, 40 clouds that the nodes stand in. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/check.h"
#include "core/planner.h"
#include "probe/asn_build.h"
#include "probe/record.h"

enum { ASES = 3000, CLOUDS = 40, LEGS = 4, AT_ONCE = 64, FLOWS = 3, STAGGER_US = 50000 };

static uint32_t rnd_state = 1;
static uint32_t rnd(uint32_t below)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 17;
	rnd_state ^= rnd_state << 5;
	return rnd_state % below;
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void *need(size_t bytes)
{
	void *p = calloc(1, bytes);

	if (!p) {
		fprintf(stderr, "out of memory\n");
		exit(1);
	}
	return p;
}

/* --- look-ups --------------------------------------------------------------------------------- */

static int lookups(const char *path)
{
	enum { N = 5000000 };
	FILE *f = fopen(path, "rb");
	struct asn_table t;
	uint64_t found = 0;
	struct addr a;
	double from;
	size_t len;
	void *mem;

	if (!f || fseek(f, 0, SEEK_END) || ftell(f) <= 0)
		return 1;
	len = (size_t)ftell(f);
	mem = need(len);
	rewind(f);
	if (fread(mem, 1, len, f) != len || asn_open(&t, mem, len) != ASN_OK)
		return 1;
	fclose(f);
	if (!addr_parse(&a, "1.2.3.4", 0))
		return 1;
	from = now_s();
	for (uint32_t i = 0; i < N; i++) {
		uint32_t ip = rnd(UINT32_MAX);

		memcpy(a.ip + 12, &ip, 4);
		found += asn_find(&t, &a).n != 0;
	}
	printf("%.1f\n", N / (now_s() - from) / 1e6);
	return found ? 0 : 1;
}

/* --- planning --------------------------------------------------------------------------------- */

static struct asn_table table;

/* AS number i has the net 11.0.0.0/8 + i * /20. */
static struct addr addr_in(uint32_t as, uint32_t host)
{
	uint32_t ip = 0x0b000000 + (as << 12) + host;
	struct addr a;

	addr_parse(&a, "0.0.0.0", 0);
	for (int i = 0; i < 4; i++)
		a.ip[12 + i] = (uint8_t)(ip >> (24 - 8 * i));
	return a;
}

static void make_table(void)
{
	char *text = need(ASES * 40);
	size_t len = 0, bytes;
	struct asn_build b;
	void *file;

	for (uint32_t i = 1; i < ASES; i++) {
		struct addr a = addr_in(i, 0);
		char ip[ADDR_STR_MAX];

		len += (size_t)snprintf(text + len, 40, "%s/20\t%u\n", addr_format_ip(&a, ip), i);
	}
	asn_build_init(&b, need(asn_build_bytes(len, ASES)), len, ASES, false);
	MUST(asn_build_text(&b, text, len));
	bytes = asn_build_finish(&b);
	file = need(bytes);
	asn_build_write(&b, file, 0);
	MUST(asn_open(&table, file, bytes) == ASN_OK);
}

/* A way of 14 hops over 5 ASes, now and then a silent one. */
static void make_record(struct record *r, uint32_t from_as, uint32_t to_as, uint32_t to_host)
{
	uint32_t as = from_as;

	*r = (struct record){ .at_s = 1, .reached = true, .rtt_us = 1000 + rnd(200000) };
	r->from = addr_in(from_as, 10);
	r->to = addr_in(to_as, to_host);
	r->to.port = 7200;
	for (r->hops = 0; r->hops < 14; r->hops++) {
		if (r->hops % 3 == 2)
			as = r->hops > 10 ? to_as : rnd(3) ? 1 + rnd(12) : 50 + rnd(ASES - 50);
		if (rnd(30))
			r->hop[r->hops] = addr_in(as, 20 + rnd(2000));
	}
}

static void describe(struct candidate *c, char text[LEGS][RECORD_TEXT_MAX])
{
	for (int k = 0; k < LEGS; k++) {
		struct segment seg;
		struct record r;

		MUST(record_parse(&r, text[k], strlen(text[k])));
		record_segment(&seg, record_credible(&r, &table) ? &r : NULL, &table, &r.from,
			       &r.to);
		seen_union(&c->seen, &seg.seen);
		c->rtt_us = r.rtt_us;
	}
}

static int warm(uint32_t n, uint32_t paths)
{
	char (*text)[LEGS][RECORD_TEXT_MAX] = need(n * sizeof *text);
	struct candidate *cand = need(n * sizeof *cand);
	enum plan_reason *reason = need(n * sizeof *reason);
	struct planner *planner = need(sizeof *planner);
	struct plan_conf conf = { .n = paths };
	char (*name)[16] = need(n * sizeof *name);
	struct plan plan;
	double from;

	make_table();
	for (uint32_t i = 0; i < n; i++) {
		uint32_t cloud = 13 + i % CLOUDS;
		struct record r;

		snprintf(name[i], sizeof name[i], "n%u", i);
		make_record(&r, 2500, cloud, 10 + i);
		record_format(&r, text[i][0]);
		make_record(&r, cloud, 2500, 10);
		record_format(&r, text[i][1]);
		make_record(&r, cloud, 2600, 10);
		record_format(&r, text[i][2]);
		make_record(&r, 2600, cloud, 10 + i);
		record_format(&r, text[i][3]);
	}
	from = now_s();
	for (uint32_t i = 0; i < n; i++) {
		cand[i].node = name[i];
		cand[i].operator_id = element_named(ELEMENT_OPERATOR, name[i / 4]);
		seen_add(&cand[i].seen, cand[i].operator_id, SEEN_SURE);
		describe(&cand[i], text[i]);
	}
	if (planner_run(planner, &conf, cand, n, &plan, reason) != PLAN_OK)
		return 1;
	printf("%.1f\n", (now_s() - from) * 1000);
	return 0;
}

/* --- tracing, simulated ----------------------------------------------------------------------- */

/* Microseconds from the first probe of one flow to its end. */
static int64_t trace_us(void)
{
	uint32_t hops = 8 + rnd(14), far_us = 10000 + rnd(140000), silent = rnd(12);
	struct trace_conf conf = trace_conf_all;
	struct addr to = addr_in(1, 1);
	struct trace t;
	mono_t now = mono_us(1000000), begun = now;
	struct {
		mono_t at;
		struct trace_answer a;
	} due[TRACE_PROBES_MAX];
	uint32_t n = 0;

	conf.tries = 2;
	trace_init(&t, &conf, &to);
	while (!t.stop) {
		struct trace_probe p;
		mono_t next;
		uint32_t first = 0;

		while (trace_next(&t, now, &p)) {
			uint32_t ttl = p.ttl < hops ? p.ttl : hops;

			if (ttl == silent)
				continue;
			due[n].at = mono_add_us(now, far_us * ttl / hops);
			due[n++].a = (struct trace_answer){
				.id = p.id,
				.kind = ttl == hops ? TRACE_OPEN : TRACE_HOP,
				.from = addr_in(2, ttl),
			};
		}
		if (t.stop)
			break;
		next = trace_wake(&t);
		for (uint32_t i = 1; i < n; i++)
			if (mono_before(due[i].at, due[first].at))
				first = i;
		if (n && mono_before(due[first].at, next)) {
			now = due[first].at;
			trace_take(&t, &due[first].a, now);
			due[first] = due[--n];
		} else {
			now = mono_before(now, next) ? next : mono_add_us(now, 1);
		}
	}
	return mono_diff_us(now, begun);
}

static int cold(uint32_t n)
{
	int64_t slot[AT_ONCE] = { 0 }, last = 0, slowest = 0;

	for (uint32_t i = 0; i < n; i++) {
		int64_t took = 0;
		uint32_t k = 0;

		for (int f = 0; f < FLOWS; f++) {
			int64_t us = f * STAGGER_US + trace_us();

			took = us > took ? us : took;
		}
		for (uint32_t j = 1; j < AT_ONCE; j++)
			k = slot[j] < slot[k] ? j : k;
		slot[k] += took;
		last = slot[k] > last ? slot[k] : last;
		slowest = took > slowest ? took : slowest;
	}
	printf("%.2f %.2f\n", (double)last / 1e6, (double)slowest / 1e6);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "lookups"))
		return lookups(argv[2]);
	if (argc == 4 && !strcmp(argv[1], "warm"))
		return warm((uint32_t)strtoul(argv[2], NULL, 10),
			    (uint32_t)strtoul(argv[3], NULL, 10));
	if (argc == 3 && !strcmp(argv[1], "cold"))
		return cold((uint32_t)strtoul(argv[2], NULL, 10));
	fprintf(stderr, "usage: plan lookups TABLE | warm N PATHS | cold N\n");
	return 2;
}
