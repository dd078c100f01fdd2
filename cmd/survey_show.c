/* cmd/survey_show.c - candidates, what they share, and the choice; for people and as events */
#include <stdio.h>
#include <string.h>

#include "cmd/report.h"
#include "cmd/survey.h"

enum { LABELS_MAX = 2 * TRACE_TTL_MAX, NAME_BYTES = NAME_STR_MAX + 12, U_BYTES = 480 };

/* The AS labels of a path's hops in order, as lft would print them: the paper's Table I counts
 * these. Silent and unmapped hops have none. */
struct labels {
	uint32_t as[LABELS_MAX];
	uint32_t n;
};

static void add_labels(const struct survey *s, struct labels *l, const struct record *r)
{
	for (uint32_t i = 0; r && i < r->hops && l->n < LABELS_MAX; i++) {
		struct asn_set o = astable_find(&s->as, &r->hop[i]);

		if (o.n)
			l->as[l->n++] = o.as[0];
	}
}

/* Size of the multiset intersection. */
static uint32_t common_labels(const struct survey *s, uint32_t a, uint32_t b)
{
	struct labels la = { .n = 0 }, lb = { .n = 0 };
	uint32_t common = 0;

	add_labels(s, &la, s->path[a].near);
	add_labels(s, &la, s->path[a].far);
	add_labels(s, &lb, s->path[b].near);
	add_labels(s, &lb, s->path[b].far);
	for (uint32_t i = 0; i < la.n; i++)
		for (uint32_t k = 0; k < lb.n; k++)
			if (la.as[i] == lb.as[k]) {
				lb.as[k] = lb.as[--lb.n];
				common++;
				break;
			}
	return common;
}

static const char *node_name(const struct survey *s, uint32_t i)
{
	return s->path[i].node ? s->path[i].node->name : "(direct)";
}

/* "AS1930", "operator acme", "unknown". */
static const char *element_text(const struct survey *s, element_t e, char out[static NAME_BYTES])
{
	if (element_kind_of(e) == ELEMENT_AS) {
		snprintf(out, NAME_BYTES, "AS%u", element_as_of(e));
		return out;
	}
	snprintf(out, NAME_BYTES, "%s", element_kind_str[element_kind_of(e)]);
	for (uint32_t i = 0; i < s->n; i++) {
		const struct node_entry *node = s->path[i].node;

		if (s->cand[i].operator_id == e && node) {
			snprintf(out, NAME_BYTES, "operator %s",
				 node->operator_name[0] ? node->operator_name : node->name);
			return out;
		}
	}
	return out;
}

static void json_as(struct json *j, const char *key, const struct seen *a, const struct seen *b)
{
	json_open(j, key, '[');
	for (uint32_t i = 0; i < a->n; i++)
		if (element_kind_of(a->v[i].e) == ELEMENT_AS && (!b || seen_pct(b, a->v[i].e)))
			json_u64(j, NULL, element_as_of(a->v[i].e));
	json_close(j, ']');
}

static uint32_t common_as(const struct seen *a, const struct seen *b)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < a->n; i++)
		n += element_kind_of(a->v[i].e) == ELEMENT_AS && seen_pct(b, a->v[i].e);
	return n;
}

static void candidate_event(const struct survey *s, uint32_t i)
{
	const struct survey_path *p = &s->path[i];
	struct json *j = report_begin("candidate");
	char text[ADDR_STR_MAX];

	json_str(j, "node", node_name(s, i));
	if (p->node)
		json_str(j, "operator", p->node->operator_name[0] ? p->node->operator_name
								  : p->node->name);
	json_bool(j, "taken", s->reason[i] == PLAN_TAKEN);
	json_str(j, "why", plan_reason_str[s->reason[i]]);
	json_str(j, "local", addr_format_ip(&p->from, text));
	json_str(j, "interface", p->device);
	json_str(j, "address", addr_format(&p->entry, text));
	json_str(j, "device_address", addr_format(&p->dest, text));
	if (s->cand[i].rtt_us)
		json_dbl(j, "rtt_ms", s->cand[i].rtt_us / 1000.0, 3);
	json_as(j, "as", &s->cand[i].seen, NULL);
	json_u64(j, "unknown_pct", seen_pct(&s->cand[i].seen, element_unknown()));
	json_bool(j, "reached", p->near && p->near->reached);
	json_bool(j, "node_device_traced", p->far && p->far_back);
	json_bool(j, "node_client_traced", p->back != NULL);
	if (p->near)
		json_i64(j, "trace_age_s", s->now_s - p->near->at_s);
	report_end(j);
}

static void pair_event(const struct survey *s, uint32_t a, uint32_t b)
{
	struct json *j = report_begin("pair");
	char text[ADDR_STR_MAX];

	json_str(j, "a", node_name(s, a));
	json_str(j, "a_local", addr_format_ip(&s->path[a].from, text));
	json_str(j, "b", node_name(s, b));
	json_str(j, "b_local", addr_format_ip(&s->path[b].from, text));
	json_u64(j, "common", common_as(&s->cand[a].seen, &s->cand[b].seen));
	json_as(j, "common_as", &s->cand[a].seen, &s->cand[b].seen);
	json_u64(j, "labelled_hops", common_labels(s, a, b));
	report_end(j);
}

static void print_candidate(const struct survey *s, uint32_t i)
{
	const struct survey_path *p = &s->path[i];
	uint32_t as[SEEN_MAX], n = survey_as(s, i, as, SEEN_MAX);
	char from[ADDR_STR_MAX], rtt[16] = "-";

	if (s->cand[i].rtt_us)
		snprintf(rtt, sizeof rtt, "%.1f", s->cand[i].rtt_us / 1000.0);
	printf("%s %-16s %-16s %8s  %-15s", s->reason[i] == PLAN_TAKEN ? "*" : " ", node_name(s, i),
	       p->device[0] ? addr_format_ip(&p->from, from) : "-", rtt,
	       plan_reason_str[s->reason[i]]);
	for (uint32_t k = 0; k < n; k++)
		printf(" %u", as[k]);
	puts(p->untraced ? " ??" : p->gap ? " ?" : "");
}

void survey_show_candidates(const struct survey *s)
{
	if (!s->c->json) {
		printf("  %-16s %-16s %8s  %-15s %s\n", "node", "from", "rtt ms", "", "ASes");
		for (uint32_t i = 0; i < s->n; i++)
			print_candidate(s, i);
		return;
	}
	for (uint32_t i = 0; i < s->n; i++)
		candidate_event(s, i);
	for (uint32_t a = 0; s->n <= SURVEY_PAIRS_MAX && a < s->n; a++)
		for (uint32_t b = a + 1; b < s->n; b++)
			if (s->path[a].node != s->path[b].node)
				pair_event(s, a, b);
}

/* The names of U with commas, and how many more there are; nothing where there are none. */
static const char *u_text(const struct survey *s, char out[static U_BYTES])
{
	size_t len = 0;

	*out = 0;
	for (uint32_t i = 0; i < s->plan.u_n; i++) {
		char name[NAME_BYTES];

		if (len + 2 + NAME_BYTES + sizeof " and 4294967295 more" > U_BYTES) {
			snprintf(out + len, U_BYTES - len, " and %u more", s->plan.u_n - i);
			break;
		}
		len += (size_t)snprintf(out + len, U_BYTES - len, "%s%s", i ? ", " : "",
					element_text(s, s->plan.u[i], name));
	}
	return out;
}

/* C.8. Where every path has a segment that nobody traced, the sentence is about the rest, and says
 * so: the unknown may be one and the same everywhere. */
const char *survey_guarantee(const struct survey *s, char *out, size_t bytes)
{
	const struct plan *p = &s->plan;
	const struct measure *m = p->all_unknown ? &p->choice : &p->rest;
	element_t single = m->set[0].e[0]; /* where there is one */
	const char *of = p->all_unknown ? "of what was traced, for each path has more: " : "";
	const char *other = p->u_n ? "other " : "";
	const char *trust = s->conf.trusted ? ", trusted ones aside" : "";
	char u[U_BYTES], always[U_BYTES + 60] = "", name[NAME_BYTES];

	if (p->u_n)
		snprintf(always, sizeof always, "on all paths, whatever is chosen: %s; ",
			 u_text(s, u));
	if (p->all_unknown && !p->max_as_paths)
		snprintf(out, bytes, "none, no AS on the paths is known");
	else if (m->kappa > p->n)
		snprintf(out, bytes, "%s%sno %sASes or operators see all %u paths, however many "
			 "work together%s", of, always, other, p->n, trust);
	else if (m->kappa > 1)
		snprintf(out, bytes,
			 "%s%sno %sAS or operator sees more than %u of %u paths, to see all takes "
			 "%u together%s", of, always, other, m->seen_by[0], p->n, m->kappa, trust);
	else
		snprintf(out, bytes, "none: %s%s%s may see all %u paths", of, always,
			 single == element_unknown() ? "what is not known"
						     : element_text(s, single, name),
			 p->n);
	return out;
}

static void plan_event(const struct survey *s)
{
	struct json *j = report_begin("plan");
	const struct plan *p = &s->plan;
	struct survey_basis b = survey_basis(s);
	char text[800], name[NAME_BYTES];

	json_str(j, "device", s->device->name);
	json_u64(j, "candidates", s->n);
	json_u64(j, "traced_now", s->traced);
	json_u64(j, "asked_now", s->asked);
	json_open(j, "paths", '[');
	for (uint32_t i = 0; i < p->n; i++)
		json_str(j, NULL, node_name(s, p->pick[i]));
	json_close(j, ']');
	json_bool(j, "exact", p->exact);
	json_bool(j, "kept", p->kept);
	json_dbl(j, "p_all", p->p_all, 9);
	json_dbl(j, "p_rest", p->p_rest, 12);
	json_u64(j, "kappa", p->all.kappa);
	json_u64(j, "kappa_rest", p->rest.kappa);
	json_u64(j, "kappa_traced", p->choice.kappa);
	json_bool(j, "all_unknown", p->all_unknown);
	json_open(j, "unavoidable_as", '[');
	for (uint32_t i = 0; i < p->u_n; i++)
		if (element_kind_of(p->u[i]) == ELEMENT_AS)
			json_u64(j, NULL, element_as_of(p->u[i]));
	json_close(j, ']');
	if (p->max_as_paths) {
		json_open(j, "max_as", '{');
		json_u64(j, "as", element_as_of(p->max_as));
		json_dbl(j, "share", (double)p->max_as_paths / p->n, 4);
		json_close(j, '}');
	}
	json_open(j, "dangerous", '[');
	for (uint32_t i = 0; i < p->choice.sets; i++) {
		json_open(j, NULL, '[');
		for (uint32_t k = 0; k < p->choice.kappa; k++)
			json_str(j, NULL, element_text(s, p->choice.set[i].e[k], name));
		json_close(j, ']');
	}
	json_close(j, ']');
	json_str(j, "guarantee", survey_guarantee(s, text, sizeof text));
	json_u64(j, "gaps", b.gaps);
	json_u64(j, "untraced", b.untraced);
	json_i64(j, "trace_age_s", b.trace_age_s);
	json_i64(j, "table_age_days", b.table_age_days);
	report_end(j);
}

static void print_dangerous(const struct survey *s)
{
	const struct measure *m = &s->plan.choice;
	char name[NAME_BYTES];

	for (uint32_t i = 0; i < m->sets; i++) {
		fputs(i ? "           " : "dangerous: ", stdout);
		for (uint32_t k = 0; k < m->kappa; k++)
			printf("%s%s", k ? " with " : "", element_text(s, m->set[i].e[k], name));
		puts("");
	}
}

static void print_basis(const struct survey *s)
{
	struct survey_basis b = survey_basis(s);

	printf("known by:  ");
	if (b.trace_age_s < 0)
		printf("no trace, ");
	else
		printf("traces of the last %lld min, ", (long long)b.trace_age_s / 60 + 1);
	if (b.table_age_days < 0)
		printf("no prefix-to-AS table; ");
	else
		printf("a table of %d days; ", b.table_age_days);
	printf("%u of %u paths with gaps, %u with a segment not traced\n", b.gaps, s->plan.n,
	       b.untraced);
}

void survey_show_plan(const struct survey *s)
{
	const struct plan *p = &s->plan;
	char text[800];

	if (s->c->json) {
		plan_event(s);
		return;
	}
	printf("chosen:    ");
	for (uint32_t i = 0; i < p->n; i++)
		printf("%s%s", i ? ", " : "", node_name(s, p->pick[i]));
	printf("%s\n", p->kept ? " (as last time, still good enough)" : "");
	printf("all watched with probability %.3g, %.3g if what no choice avoids is not hostile\n",
	       p->p_all, p->p_rest);
	print_dangerous(s);
	printf("guarantee: %s\n", survey_guarantee(s, text, sizeof text));
	print_basis(s);
}
