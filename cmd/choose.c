/* cmd/choose.c - the paths that carry a session, as cmd/survey plans them, and what it taught */
#include "cmd/choose.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/home.h"
#include "cmd/report.h"
#include "core/check.h"
#include "core/log.h"

static_assert((int)PLAN_PATHS_MAX == PATHS_MAX, "a plan fits a session");
static_assert((int)ICMP_DEVICE_MAX == SOCK_DEVICE_MAX, "both hold the name of a network device");

enum {
	RELAY_S = 3600,	 /* a firewall may be opened, or a SYN have been lost twice */
	STEP_US = 20000, /* a busy host is no other way */
};

/* HOME/cache/relay-NODE: until when (in seconds of the epoch) its ports are not tried. */
static bool relay_file(const struct common *c, const struct node_entry *node, char *path)
{
	char name[NAME_STR_MAX + 32];

	snprintf(name, sizeof name, "cache/relay-%s", node->name);
	return home_path(c, name, path);
}

static bool ports_are_closed(const struct common *c, const struct node_entry *node)
{
	char path[HOME_PATH_MAX], text[32];
	int fd = relay_file(c, node, path) ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
	int64_t left_s;

	if (fd < 0)
		return false;
	close(fd);
	text[n < 0 ? 0 : n] = 0;
	left_s = strtoll(text, NULL, 10) - time(NULL);
	if (left_s > 0 && left_s <= RELAY_S)
		return true;
	unlink(path);
	return false;
}

/* Half as much again, or half of it (PATHS.md C.6). The first PING says nothing: its answer waits
 * until the device has heard all paths. */
static bool stepped(uint32_t traced_us, const struct path *p)
{
	uint32_t step = p->rtt_us > traced_us ? p->rtt_us - traced_us : traced_us - p->rtt_us;
	uint64_t answered = p->ping_token - !!p->ping_at.us;

	return traced_us && answered > 1 && step > traced_us / 2 + STEP_US;
}

/* What this host and the node traced between them: as old as can be. */
static void forget_traces(struct tracecache *t, const struct path *p)
{
	struct record near = { .from = p->from.addr, .to = p->to };
	struct record back = { .from = p->to, .to = p->from.addr };

	log_info("traces to node %s are forgotten: its round trip is %u us", p->node.name,
		 p->rtt_us);
	memcpy(near.device, p->from.device, sizeof near.device);
	memcpy(back.device, p->from.device, sizeof back.device);
	back.to.port = p->to.port;
	tracecache_put(t, &near);
	tracecache_put(t, &back);
}

static void learn_round_trips(const struct common *c, const struct choice *choice,
			      const struct path *path, uint32_t n)
{
	struct tracecache t = { .slot = NULL };

	for (uint32_t i = 0; i < n; i++)
		if (stepped(choice->rtt_us[i], &path[i]) &&
		    (t.slot || tracecache_load(&t, c)))
			forget_traces(&t, &path[i]);
	if (t.slot)
		tracecache_save(&t, c, time(NULL));
	tracecache_fini(&t);
}

void choose_learn(const struct common *c, const struct choice *choice, const struct path *path,
		  uint32_t n)
{
	char file[HOME_PATH_MAX], text[32];

	learn_round_trips(c, choice, path, n);
	for (uint32_t i = 0; i < n; i++) {
		int len = snprintf(text, sizeof text, "%lld\n", (long long)time(NULL) + RELAY_S);

		if (path[i].nat_closed && relay_file(c, &path[i].node, file))
			home_write_file(file, text, (size_t)len, 0600);
	}
}

bool choose_shun(struct shun *h, const struct path *p)
{
	bool again = false;

	if (!p || !p->node.name[0])
		return false;
	for (uint32_t i = 0; i < h->n; i++)
		again |= !fp_cmp(&h->node[i], &p->node.fp);
	if (again) { /* there were not enough others; a node that refuses is alive */
		again = !h->fewer && !p->refused;
		h->fewer |= again;
		return again;
	}
	if (h->n == SHUN_MAX)
		return false;
	h->node[h->n++] = p->node.fp;
	return true;
}

static void fill_path(const struct common *c, struct path *p, const struct survey_path *from)
{
	memset(&p->node, 0, sizeof p->node);
	if (from->node)
		p->node = *from->node;
	p->no_nat = p->node.nat && p->node.relay && ports_are_closed(c, &p->node);
	p->to = from->entry;
	p->dest = from->dest;
	p->from = (struct sock_from){ .addr = from->from };
	memcpy(p->from.device, from->device, sizeof p->from.device);
}

static void fill_choice(struct choice *c, const struct survey *s)
{
	const struct plan *plan = &s->plan;

	*c = (struct choice){ .max_as = 0 };
	for (uint32_t i = 0; i < plan->n; i++) {
		const struct survey_path *p = &s->path[plan->pick[i]];

		c->as_n[i] = survey_as(s, plan->pick[i], c->as[i], CHOICE_AS_MAX);
		c->rtt_us[i] = p->far || !p->node ? s->cand[plan->pick[i]].rtt_us : 0;
	}
	if (plan->max_as_paths) {
		c->max_as = element_as_of(plan->max_as);
		c->max_as_share = (double)plan->max_as_paths / plan->n;
	}
	for (uint32_t i = 0; i < plan->u_n; i++)
		if (element_kind_of(plan->u[i]) == ELEMENT_AS)
			c->unavoidable[c->unavoidable_n++] = element_as_of(plan->u[i]);
	survey_guarantee(s, c->guarantee, sizeof c->guarantee);
	c->p_all = plan->p_all;
	c->kappa = plan->all.kappa;
	c->kappa_rest = plan->rest.kappa;
	c->basis = survey_basis(s);
}

int choose_paths(struct quorum *q, const struct survey_options *o, const struct directory *d,
		 const struct device_entry *dev, struct path path[static PATHS_MAX], uint32_t *n,
		 struct choice *choice)
{
	static struct survey s;
	int r = survey_make(&s, q, o, d, dev);

	if (!r) {
		*n = s.plan.n;
		if (*n == 1 && !o->fresh)
			report_warning(quorum_party(q)->common, dev->name, "one path alone: who "
				       "watches it has the whole stream");
		for (uint32_t i = 0; i < *n; i++)
			fill_path(s.c, &path[i], &s.path[s.plan.pick[i]]);
		fill_choice(choice, &s);
		if (s.c->json)
			survey_show_plan(&s);
		survey_remember(&s);
	}
	survey_fini(&s);
	return r;
}

int choose_show(struct quorum *q, const struct survey_options *o, const struct directory *d,
		const struct device_entry *dev)
{
	static struct survey s;
	int r = survey_make(&s, q, o, d, dev);

	if (s.plan.n || s.verdict)
		survey_show_candidates(&s);
	if (s.plan.n)
		survey_show_plan(&s);
	survey_fini(&s);
	return r;
}
