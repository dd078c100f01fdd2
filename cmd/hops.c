/* cmd/hops.c - a finished trace for people, like lft's, and for programs, with scamper's names */
#include "cmd/hops.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { AS_TEXT_MAX = 16 * ASN_SET_MAX };

/* "5516", "30_10" for several, "AS?" for none. */
static const char *as_text(struct asn_set s, char out[AS_TEXT_MAX])
{
	size_t len = 0;

	snprintf(out, AS_TEXT_MAX, "AS?");
	for (uint32_t i = 0; i < s.n && len < AS_TEXT_MAX; i++)
		len += (size_t)snprintf(out + len, AS_TEXT_MAX - len, i ? "_%u" : "%u", s.as[i]);
	return out;
}

static void print_answer(const struct astable *t, const struct trace_run *r, uint8_t ttl)
{
	const struct trace_ttl *h = &r->trace.ttl[ttl];
	bool target = h->a.kind == TRACE_OPEN || h->a.kind == TRACE_CLOSED;
	char ip[ADDR_STR_MAX], as[AS_TEXT_MAX];

	printf("%2u  [%s] ", ttl, as_text(astable_find(t, &h->a.from), as));
	if (target)
		printf("[target %s] %s", trace_kind_str[h->a.kind],
		       addr_format(&r->trace.target, ip));
	else
		printf("%s%s", h->a.kind == TRACE_UNREACH ? "[unreachable] " : "",
		       addr_format_ip(&h->a.from, ip));
	printf(" %.1fms\n", (double)h->rtt_us / 1000);
}

static void print_silent(unsigned from, unsigned to)
{
	if (from == to)
		printf("**  [neglected] no reply packets received from TTL %u\n", from);
	else
		printf("**  [neglected] no reply packets received from TTLs %u through %u\n", from,
		       to);
}

/* Why there is no target. */
static void print_end(const struct trace_run *r)
{
	unsigned port = r->trace.target.port;

	if (trace_reached(&r->trace))
		return;
	if (r->trace.stop == TRACE_LOOP)
		printf("**  [loop] routers send to each other, %u/tcp is not reached\n", port);
	else if (r->trace.stop == TRACE_UNREACHABLE)
		printf("**  [%u/tcp unreachable]\n", port);
	else
		printf("**  [%u/tcp no reply from target]\n", port);
}

void hops_print(const struct astable *t, const struct trace_run *r)
{
	uint8_t last = trace_last(&r->trace);
	char to[ADDR_STR_MAX];

	printf("TTL machete trace to %s/tcp%s%s\n", addr_format(&r->trace.target, to),
	       r->io.way == PROBE_RAW ? "" : ", ",
	       r->io.way == PROBE_RAW ? "" : probe_way_str[r->io.way]);
	for (uint8_t i = r->trace.conf.first_ttl; i <= last; i++) {
		uint8_t from = i;

		while (i < last && r->trace.ttl[i].a.kind == TRACE_NONE)
			i++;
		if (i > from)
			print_silent(from, i - 1u);
		print_answer(t, r, i);
	}
	print_end(r);
}

static void json_origins(struct json *j, struct asn_set s)
{
	json_open(j, "asn", '[');
	for (uint32_t i = 0; i < s.n; i++)
		json_u64(j, NULL, s.as[i]);
	json_close(j, ']');
}

static void json_hop(struct json *j, const struct astable *t, const struct trace_ttl *h,
		     unsigned ttl)
{
	char ip[ADDR_STR_MAX];

	json_open(j, NULL, '{');
	json_str(j, "addr", addr_format_ip(&h->a.from, ip));
	json_u64(j, "probe_ttl", ttl);
	json_u64(j, "probe_id", h->a.id / TRACE_TTL_MAX + 1u);
	json_dbl(j, "rtt", (double)h->rtt_us / 1000, 3);
	if (h->a.reply_ttl)
		json_u64(j, "reply_ttl", h->a.reply_ttl);
	if (h->a.kind == TRACE_HOP || h->a.kind == TRACE_UNREACH) {
		json_u64(j, "icmp_type", h->a.icmp_type);
		json_u64(j, "icmp_code", h->a.icmp_code);
	} else {
		json_str(j, "port_state", trace_kind_str[h->a.kind]);
	}
	if (h->a.tcp_flags)
		json_u64(j, "tcp_flags", h->a.tcp_flags);
	json_origins(j, astable_find(t, &h->a.from));
	json_close(j, '}');
}

/* One number a run of hops with the same only origin; silent and unmapped hops are left out. */
static void json_as_path(struct json *j, const struct astable *t, const struct trace *tr)
{
	uint32_t last = 0;

	json_open(j, "as_path", '[');
	for (uint8_t i = tr->conf.first_ttl; i <= trace_last(tr); i++) {
		struct asn_set s = { 0 };

		if (tr->ttl[i].a.kind != TRACE_NONE)
			s = astable_find(t, &tr->ttl[i].a.from);
		if (s.n != 1 || s.as[0] == last)
			continue;
		last = s.as[0];
		json_u64(j, NULL, last);
	}
	json_close(j, ']');
}

static void json_start(struct json *j, struct timespec start)
{
	char text[72]; /* six numbers, were they of any size */
	struct tm tm;

	gmtime_r(&start.tv_sec, &tm);
	snprintf(text, sizeof text, "%04d-%02d-%02d %02d:%02d:%02d", tm.tm_year + 1900,
		 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	json_open(j, "start", '{');
	json_i64(j, "sec", start.tv_sec);
	json_i64(j, "usec", start.tv_nsec / 1000);
	json_str(j, "ftime", text);
	json_close(j, '}');
}

void hops_json(struct json *j, const struct astable *t, const struct trace_run *r,
	       struct timespec start)
{
	const struct trace *tr = &r->trace;
	char ip[ADDR_STR_MAX];
	unsigned sent = 0;

	for (unsigned i = 1; i <= TRACE_TTL_MAX; i++)
		sent += tr->ttl[i].tries;
	json_str(j, "type", "trace");
	json_str(j, "method", "tcp");
	json_str(j, "way", probe_way_str[r->io.way]);
	json_str(j, "src", addr_format_ip(&r->io.flow.src, ip));
	json_str(j, "dst", addr_format_ip(&tr->target, ip));
	json_u64(j, "sport", r->io.flow.src.port);
	json_u64(j, "dport", tr->target.port);
	json_str(j, "stop_reason", trace_stop_str[tr->stop]);
	json_start(j, start);
	json_u64(j, "hop_count", trace_last(tr));
	json_u64(j, "attempts", tr->conf.tries);
	json_u64(j, "firsthop", tr->conf.first_ttl);
	json_u64(j, "probe_count", sent);
	json_bool(j, "reached", trace_reached(tr));
	json_open(j, "hops", '[');
	for (unsigned i = tr->conf.first_ttl; i <= trace_last(tr); i++)
		if (tr->ttl[i].a.kind != TRACE_NONE)
			json_hop(j, t, &tr->ttl[i], i);
	json_close(j, ']');
	json_as_path(j, t, tr);
}
