/* cmd/choose.c - the paths that carry a session, as cmd/survey plans them */
#include "cmd/choose.h"

#include <string.h>

#include "core/check.h"

static_assert((int)PLAN_PATHS_MAX == PATHS_MAX, "a plan fits a session");
static_assert((int)ICMP_DEVICE_MAX == SOCK_DEVICE_MAX, "both hold the name of a network device");

static void fill_path(struct path *p, const struct survey_path *from)
{
	memset(&p->node, 0, sizeof p->node);
	if (from->node)
		p->node = *from->node;
	p->to = from->entry;
	p->dest = from->dest;
	p->from = (struct sock_from){ .addr = from->from };
	memcpy(p->from.device, from->device, sizeof p->from.device);
}

static void fill_choice(struct choice *c, const struct survey *s)
{
	const struct plan *plan = &s->plan;

	*c = (struct choice){ .max_as = 0 };
	for (uint32_t i = 0; i < plan->n; i++)
		c->as_n[i] = survey_as(s, plan->pick[i], c->as[i], CHOICE_AS_MAX);
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
		for (uint32_t i = 0; i < *n; i++)
			fill_path(&path[i], &s.path[s.plan.pick[i]]);
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
