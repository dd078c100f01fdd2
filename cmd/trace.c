/* cmd/trace.c - a layer-4 traceroute with AS numbers from a local table */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cmd/hops.h"
#include "cmd/online.h"
#include "cmd/report.h"
#include "cmd/target.h"
#include "core/check.h"

struct options {
	bool exact, no_raw;
	const char *local, *device;
	uint32_t first_ttl, max_ttl, tries, wait_ms;
	struct online_options online;
};

#define ROW(type, letter, name, arg, help, field, min, max) \
	{ type, letter, name, arg, help, offsetof(struct options, field), min, max }
static const struct opt rows[] = {
	ROW(OPT_FLAG, 0, "exact", NULL, "one port, one TTL after the other, without privilege",
	    exact, 0, 0),
	ROW(OPT_FLAG, 0, "no-raw", NULL, "use no privilege: neighbouring source ports", no_raw, 0,
	    0),
	ROW(OPT_STR, 0, "local", "ADDR", "trace from this local address", local, 0, 0),
	ROW(OPT_STR, 0, "device", "NAME", "trace through this network device", device, 0, 0),
	ROW(OPT_U32, 'l', "first-ttl", "N", "begin at this TTL (1)", first_ttl, 1, TRACE_TTL_MAX),
	ROW(OPT_U32, 'H', "max-ttl", "N", "end at this TTL (30)", max_ttl, 1, TRACE_TTL_MAX),
	ROW(OPT_U32, 0, "tries", "N", "probes to a silent TTL (3; 2 with --exact)", tries, 1,
	    TRACE_TRIES_MAX),
	ROW(OPT_U32, 't', "wait", "MS", "wait for an answer (1000)", wait_ms, 10, 60000),
	ONLINE_ROWS(options, online),
	{ 0 },
};

/* What the loop needs while it runs. */
struct tracing {
	struct loop loop;
	struct trace_run run;
};

static void on_done(struct trace_run *r)
{
	loop_stop(&container_of(r, struct tracing, run)->loop);
}

static struct trace_conf make_conf(const struct options *o)
{
	struct trace_conf t = o->exact ? trace_conf_serial : trace_conf_all;

	if (o->first_ttl)
		t.first_ttl = (uint8_t)o->first_ttl;
	if (o->max_ttl)
		t.max_ttl = (uint8_t)o->max_ttl;
	if (o->tries)
		t.tries = (uint8_t)o->tries;
	if (o->wait_ms)
		t.wait_us = o->wait_ms * 1000;
	return t;
}

static int set_ends(const struct common *c, const struct options *o, const char *host,
		    struct probe_ends *e)
{
	int ret = target_local(c, o->local, &e->from);

	if (ret)
		return ret;
	if (o->device && strlen(o->device) >= sizeof e->device)
		return report_error(c, EXIT_USAGE, "see `ip link`", o->device, "no such device");
	if (o->device)
		snprintf(e->device, sizeof e->device, "%s", o->device);
	e->way = o->exact ? PROBE_EXACT : o->no_raw ? PROBE_PORTS : PROBE_AUTO;
	return target_resolve(c, host, &e->from, &e->to);
}

/* The table, and what is asked online because it is not there. */
static int know(const struct common *c, const struct options *o, const struct trace *tr,
		struct astable *t)
{
	struct addr hop[TRACE_TTL_MAX + 1];
	uint32_t n = 0;

	if (!o->online.online) {
		astable_map(c, t);
		return 0;
	}
	astable_map_if_any(c, t);
	for (uint8_t i = tr->conf.first_ttl; i <= trace_last(tr); i++)
		if (tr->ttl[i].a.kind != TRACE_NONE)
			hop[n++] = tr->ttl[i].a.from;
	return online_learn(c, &o->online, t, hop, n);
}

static int show(const struct common *c, const struct options *o, const struct trace_run *r,
		struct timespec start, const char *host)
{
	struct astable t;
	struct json *j;
	int ret = know(c, o, &r->trace, &t);

	if (ret) {
		astable_unmap(&t);
		return ret;
	}
	if (c->json) {
		j = report_begin("trace");
		hops_json(j, &t, r, start);
		report_end(j);
	} else {
		hops_print(&t, r);
		fflush(stdout);
	}
	astable_unmap(&t);
	if (trace_reached(&r->trace))
		return EXIT_OK;
	return report_error(c, EXIT_UNREACHABLE,
			    "check that the port is open and nothing filters it", host,
			    "not reached: %s",
			    r->io.error ? strerror(-r->io.error) : trace_stop_str[r->trace.stop]);
}

static int trace_main(const struct common *c, const void *opts, int argc, char **argv)
{
	const struct options *o = opts;
	static struct tracing t;
	struct trace_conf conf = make_conf(o);
	struct probe_ends ends = { .way = PROBE_AUTO };
	struct timespec start;
	int ret = set_ends(c, o, argv[0], &ends);

	(void)argc;
	if (ret)
		return ret;
	clock_gettime(CLOCK_REALTIME, &start);
	ret = loop_init(&t.loop);
	if (!ret)
		ret = trace_run_start(&t.run, &t.loop, &ends, &conf, on_done);
	if (ret)
		return report_error(c, EXIT_UNREACHABLE, "check --local, --device and `ip route`",
				    argv[0], "%s", strerror(-ret));
	ret = loop_run(&t.loop);
	trace_run_stop(&t.run);
	loop_fini(&t.loop);
	if (ret)
		return report_error(c, EXIT_FAILED, NULL, "trace", "%s", strerror(-ret));
	return show(c, o, &t.run, start, argv[0]);
}

const struct cmd cmd_trace = {
	.name = "trace",
	.main = trace_main,
	.args = "HOST[:PORT]",
	.summary = "name every router and AS on the way to a TCP port",
	.rows = rows,
	.opts_bytes = sizeof(struct options),
	.words_min = 1,
	.words_max = 1,
	.more = "PORT is 80 unless given. With CAP_NET_RAW all probes are one flow and under way\n"
		"at once; without it they come from neighbouring ports (\"ports vary\") or, with\n"
		"--exact, one after the other. AS numbers come from `machete asn import`; with\n"
		"--online also from Team Cymru, who then learns what is traced. Exit status 3:\n"
		"not reached.\n",
};
