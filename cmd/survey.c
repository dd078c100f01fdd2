/* cmd/survey.c - which paths there are to a device, what is known of them, and the choice */
#include "cmd/survey.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/quorum_ask.h"
#include "cmd/report.h"
#include "cmd/tracer.h"
#include "core/log.h"
#include "net/sock.h"

static bool wanted(const struct survey *s, const struct node_entry *node)
{
	for (uint32_t i = 0; i < s->o->via.n; i++)
		if (!strcmp(s->o->via.v[i], node->name))
			return true;
	return !s->o->via.n;
}

static void add(struct survey *s, const struct node_entry *node, const struct local *from,
		const struct addr *entry, const struct addr *dest)
{
	struct survey_path *p = &s->path[s->n];
	struct candidate *c = &s->cand[s->n];

	if (s->n == CANDIDATES_MAX)
		return;
	*p = (struct survey_path){ .node = node, .entry = *entry, .dest = *dest };
	*c = (struct candidate){ .node = node ? node->name : "", .entry = *entry, .device = *dest };
	if (from) {
		p->from = c->local = from->addr;
		memcpy(p->device, from->device, sizeof p->device);
	}
	s->n++;
}

/* Which of our addresses the kernel sends from, when nobody asks for another. */
static bool kernels_choice(const struct addr *from, const struct addr *to)
{
	int fd = sock_udp(to);
	struct addr a;
	bool same = fd >= 0 && !sock_name(fd, &a) && addr_same_ip(&a, from);

	if (fd >= 0)
		close(fd);
	return same;
}

/* From every local address that has a route; an address of this host needs none. */
static void add_locals(struct survey *s, const struct node_entry *node, const struct addr *entry,
		       const struct addr *dest)
{
	uint32_t from[LOCALS_MAX];
	uint32_t n = locals_toward(&s->locals, entry, from);

	for (uint32_t i = 0; i < n; i++)
		if (!s->o->kernel || kernels_choice(&s->locals.v[from[i]].addr, entry))
			add(s, node, &s->locals.v[from[i]], entry, dest);
	if (sock_is_own(entry))
		add(s, node, NULL, entry, dest);
}

/* A device on loopback can be reached from the same machine only. */
static bool fits_together(const struct addr *entry, const struct addr *dest, bool v4_only)
{
	return addr_is_v4(entry) == addr_is_v4(dest) && (addr_is_v4(dest) || !v4_only) &&
	       (addr_scope(dest) != ADDR_LOOPBACK || addr_scope(entry) == ADDR_LOOPBACK);
}

static void add_node(struct survey *s, const struct node_entry *node)
{
	if (s->o->kernel && !node->nat)
		return;
	for (uint32_t i = 0; i < node->addrs; i++)
		for (uint32_t k = 0; k < s->device->addrs; k++)
			if (fits_together(&node->addr[i], &s->device->addr[k],
					  s->o->kernel))
				add_locals(s, node, &node->addr[i], &s->device->addr[k]);
}

static void find_candidates(struct survey *s)
{
	for (uint32_t i = 0; i < directory_nodes(s->dir); i++)
		if (wanted(s, directory_node_at(s->dir, i)))
			add_node(s, directory_node_at(s->dir, i));
	for (uint32_t k = 0; s->o->direct && k < s->device->addrs; k++)
		add_locals(s, NULL, &s->device->addr[k], &s->device->addr[k]);
}

/* An address without a route through its own device is left out: what is bound to it would leave
 * through another network, and two homes would be one. Said where somebody looks at paths. */
static void say_unrouted(const struct survey *s)
{
	for (uint32_t i = 0; i < s->locals.n; i++) {
		const struct local *v = &s->locals.v[i];
		char line[LOCALS_ROUTE_MAX], addr[ADDR_STR_MAX];

		if (!v->asked || v->routed)
			continue;
		addr_format_ip(&v->addr, addr);
		locals_route_line(v, line);
		if (s->o->ask || s->o->local)
			report_warning(s->c, addr, "left out, %s has no route to any node: `%s`",
				       v->device, line);
		else
			log_info("%s is left out: no route through %s", addr, v->device);
	}
}

/* Whether candidate i goes by a node that is shunned, but for the first `from` of those. */
static bool is_shunned(const struct survey *s, uint32_t i, uint32_t from)
{
	const struct node_entry *node = s->path[i].node;

	for (uint32_t k = from; node && s->o->shun && k < s->o->shun->n; k++)
		if (!fp_cmp(&s->o->shun->node[k], &node->fp))
			return true;
	return false;
}

/* How many nodes, and the direct path, can be reached, without the shunned ones but for the first
 * `from`: their candidates stand together. */
static uint32_t distinct(const struct survey *s, uint32_t from)
{
	const struct node_entry *last = NULL;
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->n; i++) {
		if (s->cand[i].unreached || is_shunned(s, i, from))
			continue;
		n += !n || s->path[i].node != last;
		last = s->path[i].node;
	}
	return n;
}

/* Where no trace reaches anything, it is the traces that do not get through: all may be tried. */
static void doubt_traces(struct survey *s)
{
	if (distinct(s, SHUN_MAX))
		return;
	for (uint32_t i = 0; i < s->n; i++)
		s->cand[i].unreached = false;
}

static uint32_t admitted_nodes(const struct directory *d)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < directory_members(d); i++)
		n += directory_member_at(d, i)->role == ROLE_NODE;
	return n;
}

/* Never silently fewer paths than there are nodes for; as an error where others may be known. */
static uint32_t usual_n(const struct survey *s, uint32_t have)
{
	uint32_t nodes = admitted_nodes(s->dir);

	if (have >= SURVEY_N)
		return SURVEY_N;
	if (have < nodes && s->o->tentative)
		return SURVEY_N;
	if (have < nodes)
		report_warning(s->c, s->device->name,
			       "%u of %u admitted nodes can be used: fewer paths than usual", have,
			       nodes);
	return have < 2 ? 2 : have;
}

/* 0: as many as usual. */
static uint32_t demanded(const struct survey *s)
{
	if (s->o->n)
		return s->o->n;
	return s->o->via.n + (s->o->via.n && s->o->direct);
}

/* As many of those that are shunned, the latest first, as leave enough others. */
static void leave_out(struct survey *s)
{
	uint32_t enough = demanded(s), from = 0;

	if (!s->o->shun)
		return;
	if (!enough)
		enough = s->o->shun->fewer ? 2 : SURVEY_N;
	while (from < s->o->shun->n && distinct(s, from) < enough)
		from++;
	for (uint32_t i = 0; i < s->n; i++)
		s->cand[i].unreached |= is_shunned(s, i, from);
}

static int choose_n(struct survey *s)
{
	uint32_t have = distinct(s, SHUN_MAX);
	uint32_t want = demanded(s);

	if (!want)
		want = usual_n(s, have);
	if (want > PLAN_PATHS_MAX)
		return report_error(s->c, EXIT_USAGE, "name fewer nodes", "--via",
				    "%u paths are too many, %u is the most", want, PLAN_PATHS_MAX);
	s->conf.n = want;
	if (have >= want)
		return EXIT_OK;
	return report_error(s->c, EXIT_UNREACHABLE,
			    have ? "add nodes, or ask for fewer with -n" : "start nodes, and see "
			    "`machete status`", s->device->name,
			    "%u paths are wanted, %u are possible", want, have);
}

/* "AS1930", "1930". */
static bool parse_as(const char *text, uint32_t *as)
{
	char *end;
	unsigned long v;

	text += strncmp(text, "AS", 2) ? 0 : 2;
	v = strtoul(text, &end, 10);
	*as = (uint32_t)v;
	return *text >= '0' && *text <= '9' && !*end && v <= UINT32_MAX;
}

static int take_options(struct survey *s)
{
	const struct survey_options *o = s->o;

	if (o->local && !addr_parse(&s->local, o->local, 0))
		return report_error(s->c, EXIT_USAGE, "give one of this machine's addresses",
				    o->local, "not an IP address");
	s->local.port = 0;
	for (uint32_t i = 0; i < o->trust.n; i++)
		if (!parse_as(o->trust.v[i], &s->conf.trust[s->conf.trusted++]))
			return report_error(s->c, EXIT_USAGE, "write it as AS1930 or 1930",
					    o->trust.v[i], "not an AS number");
	for (uint32_t i = 0; i < o->via.n; i++) {
		if (!directory_node(s->dir, o->via.v[i]))
			return report_error(s->c, EXIT_UNREACHABLE, "see `machete status`",
					    o->via.v[i], "no such node is registered");
		for (uint32_t k = 0; k < i; k++)
			if (!strcmp(o->via.v[i], o->via.v[k]))
				return report_error(s->c, EXIT_USAGE, "name each node once",
						    "--via", "%s stands there twice", o->via.v[i]);
	}
	s->conf.metric = o->metric == 2 ? PLAN_PAPER : o->stripe ? PLAN_STRIPE : PLAN_PALL;
	s->conf.one_per = (enum plan_per)o->one_per;
	s->conf.rtt_us_max = o->rtt_ms_max * 1000;
	s->conf.exposure_pct = o->exposure_pct;
	return EXIT_OK;
}

static bool make_room(struct survey *s)
{
	s->cand = calloc(CANDIDATES_MAX, sizeof *s->cand);
	s->path = calloc(CANDIDATES_MAX, sizeof *s->path);
	s->reason = calloc(CANDIDATES_MAX, sizeof *s->reason);
	s->planner = calloc(1, sizeof *s->planner);
	return s->cand && s->path && s->reason && s->planner && tracecache_load(&s->traces, s->c);
}

/* Which AS it is that sees too much, or why there are too few. */
static int judge(const struct survey *s)
{
	char who[40];

	switch (s->verdict) {
	case PLAN_OK:
		return EXIT_OK;
	case PLAN_EXPOSED:
		if (s->plan.exposed == element_unknown())
			snprintf(who, sizeof who, "what is not known");
		else
			snprintf(who, sizeof who, "AS%u", element_as_of(s->plan.exposed));
		return report_error(s->c, EXIT_EXPOSURE,
				    "add nodes or a second home, --trust it, or allow more",
				    "--max-exposure", "%s sees %u of %u paths", who,
				    s->plan.exposed_paths, s->plan.n);
	default:
		return report_error(s->c, EXIT_UNREACHABLE,
				    "add nodes, use fewer with -n, or drop --max-rtt or --one-per",
				    s->device->name, "%s, %u wanted",
				    plan_verdict_str[s->verdict], s->conf.n);
	}
}

static int plan(struct survey *s)
{
	int r;

	for (uint32_t i = 0; i < s->n; i++) {
		survey_describe(s, i);
		s->reason[i] = PLAN_POSSIBLE; /* also when there are too many to plan with */
	}
	doubt_traces(s);
	leave_out(s);
	r = choose_n(s);
	if (r)
		return r;
	survey_recall(s);
	s->verdict = planner_run(s->planner, &s->conf, s->cand, s->n, &s->plan, s->reason);
	return judge(s);
}

/* A leg that nobody told of, and that was not asked for a moment ago. */
static bool misses_far(const struct survey *s)
{
	for (uint32_t i = 0; i < s->n; i++) {
		const struct survey_path *p = &s->path[i];

		if (p->node &&
		    (!tracecache_find(&s->traces, &p->entry, "", &p->dest, s->now_s) ||
		     !tracecache_find(&s->traces, &p->dest, "", &p->entry, s->now_s)))
			return true;
	}
	return false;
}

static void note_blank(struct survey *s, const struct addr *from, const struct addr *to)
{
	struct record blank = { .at_s = s->now_s, .from = *from, .to = *to };

	blank.from.port = 0;
	if (!tracecache_find(&s->traces, from, "", to, s->now_s))
		tracecache_put(&s->traces, &blank);
}

/* What the manager has of the legs between nodes and device. The directory may be exchanged
 * meanwhile; what we have of the old one stays as it is until the next round. */
static int ask_others(struct survey *s)
{
	int r;

	if (!s->o->ask && !misses_far(s))
		return 0;
	s->asked++;
	r = tracer_fetch(s->q, s->dir, s->device, &s->traces, s->now_s);
	if (s->o->tentative && r == EXIT_QUORUM) /* with what is known: it is asked for more */
		return 0;
	if (r)
		return s->o->tentative || r == EXIT_INTERRUPTED ?
			       r : quorum_report(s->q, "traces", r);
	for (uint32_t i = 0; i < s->n; i++)
		if (s->path[i].node) {
			note_blank(s, &s->path[i].entry, &s->path[i].dest);
			note_blank(s, &s->path[i].dest, &s->path[i].entry);
		}
	return 0;
}

int survey_make(struct survey *s, struct quorum *q, const struct survey_options *o,
		const struct directory *dir, const struct device_entry *device)
{
	const struct common *c = quorum_party(q)->common;
	int r;

	*s = (struct survey){ .c = c, .q = q, .o = o, .dir = dir, .device = device };
	s->muted = *c;
	s->muted.mute = true;
	if (o->tentative)
		s->c = c = &s->muted;
	s->now_s = time(NULL);
	r = take_options(s);
	if (r)
		return r;
	if (!make_room(s))
		return report_error(c, EXIT_FAILED, "free some memory", "plan", "out of memory");
	r = locals_list(&s->locals, &s->local);
	if (r)
		return report_error(c, EXIT_FAILED, NULL, "local addresses", "%s", strerror(-r));
	if (s->o->local && !s->locals.n && addr_scope(&s->local) != ADDR_LOOPBACK)
		return report_error(c, EXIT_USAGE, "give one of this machine's, see `ip address`",
				    s->o->local, "no network device that is up has this address");
	find_candidates(s);
	say_unrouted(s);
	astable_map_if_any(c, &s->as);
	r = ask_others(s);
	if (r)
		return r;
	r = survey_trace(s);
	if (r)
		return report_error(c, EXIT_FAILED, NULL, "trace", "%s", strerror(-r));
	tracecache_save(&s->traces, c, s->now_s);
	r = survey_learn(s);
	return r ? r : plan(s);
}

uint32_t survey_as(const struct survey *s, uint32_t i, uint32_t *as, uint32_t max)
{
	const struct segment *leg = &s->path[i].leg;
	const struct seen *seen = &s->cand[i].seen;
	uint32_t n = 0;

	for (uint32_t k = 0; k < leg->as_n + seen->n && n < max; k++) {
		element_t e = k < leg->as_n ? element_as(leg->as_path[k])
					    : seen->v[k - leg->as_n].e;
		uint32_t j = 0;

		while (j < n && as[j] != element_as_of(e))
			j++;
		if (element_kind_of(e) == ELEMENT_AS && j == n)
			as[n++] = element_as_of(e);
	}
	return n;
}

static int64_t older(const struct survey *s, const struct record *r, int64_t age_s)
{
	return r && s->now_s - r->at_s > age_s ? s->now_s - r->at_s : age_s;
}

struct survey_basis survey_basis(const struct survey *s)
{
	struct survey_basis b = { .trace_age_s = -1, .table_age_days = astable_age_days(&s->as) };

	for (uint32_t i = 0; i < s->plan.n; i++) {
		const struct survey_path *p = &s->path[s->plan.pick[i]];

		b.gaps += p->gap;
		b.untraced += p->untraced;
		b.trace_age_s = older(s, p->near, b.trace_age_s);
		b.trace_age_s = older(s, p->far, b.trace_age_s);
		b.trace_age_s = older(s, p->far_back, b.trace_age_s);
		b.trace_age_s = older(s, p->back, b.trace_age_s);
	}
	return b;
}

void survey_fini(struct survey *s)
{
	astable_unmap(&s->as);
	tracecache_fini(&s->traces);
	free(s->cand);
	free(s->path);
	free(s->reason);
	free(s->planner);
}
