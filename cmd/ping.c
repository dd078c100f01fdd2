/* cmd/ping.c - round-trip time and loss of one TCP flow */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/report.h"
#include "cmd/target.h"
#include "core/check.h"
#include "probe/run.h"

struct options {
	bool no_raw;
	const char *local;
	uint32_t count, interval_ms, wait_ms;
};

#define ROW(type, letter, name, arg, help, field, min, max) \
	{ type, letter, name, arg, help, offsetof(struct options, field), min, max }
static const struct opt rows[] = {
	ROW(OPT_FLAG, 0, "no-raw", NULL, "use no privilege", no_raw, 0, 0),
	ROW(OPT_STR, 0, "local", "ADDR", "probe from this local address", local, 0, 0),
	ROW(OPT_U32, 'c', "count", "N", "probes (10)", count, 1, PING_COUNT_MAX),
	ROW(OPT_U32, 'i', "interval", "MS", "least time between two probes (100)", interval_ms, 10,
	    60000),
	ROW(OPT_U32, 't', "wait", "MS", "wait for an answer (1000)", wait_ms, 10, 60000),
	{ 0 },
};

struct pinging {
	struct loop loop;
	struct ping_run run;
};

static void on_done(struct ping_run *r)
{
	loop_stop(&container_of(r, struct pinging, run)->loop);
}

static struct ping_conf make_conf(const struct options *o)
{
	struct ping_conf p = ping_conf_default;

	if (o->count)
		p.count = (uint8_t)o->count;
	if (o->interval_ms)
		p.interval_us = o->interval_ms * 1000;
	if (o->wait_ms)
		p.wait_us = o->wait_ms * 1000;
	return p;
}

static double ms(int64_t us)
{
	return (double)us / 1000;
}

static void say(const struct common *c, const struct ping_run *r, const struct ping_stats *s)
{
	struct json *j = c->json ? report_begin("ping") : NULL;
	char from[ADDR_STR_MAX], to[ADDR_STR_MAX];

	addr_format(&r->io.flow.src, from);
	addr_format(&r->io.flow.dst, to);
	if (!j) {
		printf("%s -> %s/tcp: %u sent, %u lost\n", from, to, s->sent, s->lost);
		if (s->lost < s->sent)
			printf("rtt min %.2f median %.2f p90 %.2f max %.2f spread %.2f ms, "
			       "port %s\n",
			       ms(s->min_us), ms(s->median_us), ms(s->p90_us), ms(s->max_us),
			       ms(s->spread_us), r->closed ? "closed" : "open");
		return;
	}
	json_str(j, "from", from);
	json_str(j, "to", to);
	json_u64(j, "sent", s->sent);
	json_u64(j, "lost", s->lost);
	if (s->lost < s->sent) {
		json_dbl(j, "min_ms", ms(s->min_us), 3);
		json_dbl(j, "median_ms", ms(s->median_us), 3);
		json_dbl(j, "p90_ms", ms(s->p90_us), 3);
		json_dbl(j, "max_ms", ms(s->max_us), 3);
		json_dbl(j, "spread_ms", ms(s->spread_us), 3);
		json_str(j, "port_state", r->closed ? "closed" : "open");
	}
	report_end(j);
}

/* Runs the loop; 0 or -errno. */
static int measure(struct pinging *p, const struct probe_ends *e, const struct ping_conf *conf)
{
	int ret = loop_init(&p->loop);

	if (!ret)
		ret = ping_run_start(&p->run, &p->loop, e, conf, on_done);
	if (!ret)
		ret = loop_run(&p->loop);
	ping_run_stop(&p->run);
	loop_fini(&p->loop);
	return ret;
}

static int ping_main(const struct common *c, const void *opts, int argc, char **argv)
{
	const struct options *o = opts;
	static struct pinging p;
	struct ping_conf conf = make_conf(o);
	struct probe_ends ends = { .way = o->no_raw ? PROBE_EXACT : PROBE_AUTO };
	struct ping_stats s;
	int ret = target_local(c, o->local, &ends.from);

	(void)argc;
	if (!ret)
		ret = target_resolve(c, argv[0], &ends.from, &ends.to);
	if (ret)
		return ret;
	ret = measure(&p, &ends, &conf);
	if (ret)
		return report_error(c, EXIT_UNREACHABLE, "check --local and `ip route`", argv[0],
				    "%s", strerror(-ret));
	ping_stats(&p.run.ping, &s);
	say(c, &p.run, &s);
	if (s.lost < s.sent)
		return EXIT_OK;
	return report_error(c, EXIT_UNREACHABLE, "find out where with `machete trace`", argv[0],
			    "%s", p.run.io.error ? strerror(-p.run.io.error) : "no answer");
}

const struct cmd cmd_ping = {
	.name = "ping",
	.main = ping_main,
	.args = "HOST[:PORT]",
	.summary = "measure round-trip time and loss of one TCP flow",
	.rows = rows,
	.opts_bytes = sizeof(struct options),
	.words_min = 1,
	.words_max = 1,
	.more = "PORT is 80 unless given. Every probe is a SYN on the same ports, as the data's\n"
		"packets would be, so that all take the same of several equal paths. Spread is\n"
		"the median distance from the median. Exit status 3: no answer.\n",
};
