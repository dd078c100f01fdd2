/* cmd/status.c - what this party sees: replicas, nodes, devices, sessions */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/asker.h"
#include "cmd/bend.h"
#include "cmd/directory.h"
#include "cmd/home.h"
#include "cmd/oneshot.h"
#include "cmd/receipt.h"
#include "cmd/report.h"
#include "core/check.h"
#include "net/mptcp.h"
#include "net/mptcp_pm.h"

enum {
	STATUS_MS = 2000, /* replicas that are silent for longer are reported as such */
	ASK_MS = 10000,   /* no further nodes and devices are asked after that */
	COLUMNS = 80,
	ADDRS_STR_MAX = DIR_ADDRS_MAX * (ADDR_STR_MAX + 1),
};

static void json_addrs(struct json *j, const struct addr *a, uint32_t n)
{
	char text[ADDR_STR_MAX];

	json_open(j, "addresses", '[');
	for (uint32_t i = 0; i < n; i++)
		json_str(j, NULL, addr_format(&a[i], text));
	json_close(j, ']');
}

static const char *join_addrs(const struct addr *a, uint32_t n, char out[static ADDRS_STR_MAX])
{
	char text[ADDR_STR_MAX];
	size_t len = 0;

	out[0] = 0;
	for (uint32_t i = 0; i < n; i++)
		len += (size_t)snprintf(out + len, ADDRS_STR_MAX - len, "%s%s", i ? "," : "",
					addr_format(&a[i], text));
	return out;
}

/* The highest slot that any replica says it has executed. */
static uint64_t top_slot(const struct oneshot *o)
{
	uint64_t top = 0;

	for (uint32_t i = 0; i < o->party.cluster.n; i++) {
		struct quorum_replica r;

		quorum_replica(o->q, i, &r);
		if (r.has_status && r.status.slot > top)
			top = r.status.slot;
	}
	return top;
}

static const char *replica_state(const struct quorum_replica *r)
{
	if (!r->has_status)
		return r->up ? "silent" : "down";
	if (r->status.observer)
		return "observer";
	return r->status.active ? "ok" : "changing view";
}

static void json_replica(const struct oneshot *o, uint32_t i, const struct quorum_replica *r)
{
	const struct replica_status *s = &r->status;
	struct json *j = report_begin("replica");
	char addr[ADDR_STR_MAX];

	json_u64(j, "replica", i);
	json_str(j, "address", addr_format(&o->party.cluster.replica[i].addr, addr));
	json_str(j, "state", replica_state(r));
	if (r->has_status) {
		json_u64(j, "config", s->config);
		json_u64(j, "view", s->view);
		json_u64(j, "leader", s->leader);
		json_u64(j, "slot", s->slot);
		json_u64(j, "checkpoint", s->stable);
		json_u64(j, "behind", top_slot(o) - s->slot);
		json_u64(j, "tuples", s->tuples);
		json_u64(j, "sessions", s->sessions);
		json_u64(j, "pending", s->pending);
	} else {
		json_str(j, "why", r->why);
	}
	report_end(j);
}

static void print_replica(const struct oneshot *o, uint32_t i, const struct quorum_replica *r)
{
	const struct replica_status *s = &r->status;
	char addr[ADDR_STR_MAX];

	printf("replica %-2u %-24s ", i, addr_format(&o->party.cluster.replica[i].addr, addr));
	if (!r->has_status) {
		printf("%s (%s)\n", replica_state(r), r->why);
		return;
	}
	printf("%s%s, %u tuples\n        view %llu, slot %llu, checkpoint %llu", replica_state(r),
	       s->leader == i ? ", leader" : "", s->tuples, (unsigned long long)s->view,
	       (unsigned long long)s->slot, (unsigned long long)s->stable);
	if (s->slot < top_slot(o))
		printf(", %llu slots behind", (unsigned long long)(top_slot(o) - s->slot));
	putchar('\n');
}

static void tell_replicas(const struct oneshot *o)
{
	for (uint32_t i = 0; i < o->party.cluster.n; i++) {
		struct quorum_replica r;

		quorum_replica(o->q, i, &r);
		if (o->party.common->json)
			json_replica(o, i, &r);
		else
			print_replica(o, i, &r);
	}
}

/* --- nodes and devices ------------------------------------------------------------------------ */

static void json_node(struct json *j, const struct node_entry *n)
{
	json_str(j, "name", n->name);
	json_addrs(j, n->addr, n->addrs);
	json_str(j, "operator", n->operator_name);
	json_bool(j, "nat", n->nat);
	json_bool(j, "relay", n->relay);
}

static void print_node(const struct node_entry *n)
{
	char addrs[ADDRS_STR_MAX];

	printf("node    %-24s %s %s%s%s%s%s", n->name, join_addrs(n->addr, n->addrs, addrs),
	       n->nat ? "nat" : "", n->nat && n->relay ? "," : "", n->relay ? "relay" : "",
	       n->operator_name[0] ? " operator " : "", n->operator_name);
}

static void json_device(struct json *j, const struct device_entry *d)
{
	json_str(j, "name", d->name);
	json_addrs(j, d->addr, d->addrs);
	json_open(j, "exposed", '[');
	for (uint32_t i = 0; i < d->ports; i++)
		json_u64(j, NULL, d->port[i]);
	json_close(j, ']');
}

static void print_device(const struct device_entry *d)
{
	char addrs[ADDRS_STR_MAX];

	printf("device  %-24s %s", d->name, join_addrs(d->addr, d->addrs, addrs));
	for (uint32_t i = 0; i < d->ports; i++)
		printf("%s%u", i ? "," : " exposes ", d->port[i]);
}

static void json_counts(struct json *j, const struct asked *q)
{
	json_str(j, "state", q->whole ? "ok" : "silent");
	if (!q->whole) {
		json_str(j, "why", q->why);
		return;
	}
	json_open(j, "counts", '{');
	for (uint32_t i = 0; i < q->lines; i++)
		if (q->line[i].kind == TOLD_COUNT)
			json_u64(j, q->line[i].id, q->line[i].value);
	json_close(j, '}');
	json_u64(j, "left_out", q->left_out);
}

/* What a party says of itself is made safe for a terminal, and folded. */
static void print_counts(const struct asked *q)
{
	char safe[ASKER_WHY_MAX], item[ASKER_WHY_MAX + 24];
	size_t column = 0;

	if (!q->whole)
		printf(" silent (%s)", report_safe(q->why, safe, sizeof safe));
	for (uint32_t i = 0; q->whole && i < q->lines; i++) {
		size_t len;

		if (q->line[i].kind != TOLD_COUNT)
			continue;
		len = (size_t)snprintf(item, sizeof item, "%s %" PRIu64,
				       report_safe(q->line[i].id, safe, sizeof safe),
				       q->line[i].value);
		if (column && column + 2 + len < COLUMNS) {
			printf(", %s", item);
			column += 2 + len;
		} else {
			printf("%s\n%8s%s", column ? "," : "", "", item);
			column = 8 + len;
		}
	}
	putchar('\n');
}

static void json_line(const char *teller, const struct msg_told *m)
{
	bool session = m->kind == TOLD_SESSION;
	struct json *j = report_begin(session ? "session" : "forward");

	if (!session)
		json_str(j, "node", teller);
	json_str(j, session ? "session" : "forward", m->id);
	json_str(j, "client", m->client);
	json_str(j, "device", session ? teller : m->device);
	if (session)
		json_u64(j, "paths", m->paths);
	else
		json_str(j, "kind", m->kind == TOLD_NAT ? "nat" : "relay");
	json_u64(j, m->kind == TOLD_NAT ? "lease" : "bytes", m->value);
	json_u64(j, "seconds", m->seconds);
	report_end(j);
}

static void print_line(const char *teller, const struct msg_told *m)
{
	bool session = m->kind == TOLD_SESSION;
	char id[TOLD_TEXT_MAX + 1], client[TOLD_TEXT_MAX + 1], device[TOLD_TEXT_MAX + 1];
	char bytes[24];

	printf("%s %-24s %s to %s, ", session ? "session" : "forward",
	       report_safe(m->id, id, sizeof id), report_safe(m->client, client, sizeof client),
	       session ? teller : report_safe(m->device, device, sizeof device));
	if (session)
		printf("%u paths, ", m->paths);
	if (m->kind == TOLD_NAT)
		printf("in the kernel, %u s, %" PRIu64 " s more unless renewed\n", m->seconds,
		       m->value);
	else
		printf("%s, %u s\n", receipt_bytes(m->value, bytes), m->seconds);
}

static void tell_lines(const struct common *c, const char *teller, const struct asked *q)
{
	for (uint32_t i = 0; q->whole && i < q->lines; i++) {
		if (q->line[i].kind == TOLD_COUNT)
			continue;
		if (c->json)
			json_line(teller, &q->line[i]);
		else
			print_line(teller, &q->line[i]);
	}
	if (q->whole && q->left_out && !c->json)
		printf("        and %" PRIu64 " more\n", q->left_out);
}

/* A node, or else a device. */
struct station_entry {
	const struct node_entry *node;
	const struct device_entry *device;
};

static struct station_entry entry_at(const struct directory *d, uint32_t i)
{
	uint32_t nodes = directory_nodes(d);

	if (i < nodes)
		return (struct station_entry){ .node = directory_node_at(d, i) };
	return (struct station_entry){ .device = directory_device_at(d, i - nodes) };
}

static void tell_entry(const struct common *c, const struct station_entry *e,
		       const struct asked *q)
{
	struct json *j = c->json ? report_begin(e->node ? "node" : "device") : NULL;

	if (j && e->node)
		json_node(j, e->node);
	else if (j)
		json_device(j, e->device);
	else if (e->node)
		print_node(e->node);
	else
		print_device(e->device);
	if (j) {
		json_counts(j, q);
		report_end(j);
	} else {
		print_counts(q);
	}
	tell_lines(c, e->node ? e->node->name : e->device->name, q);
}

static void ask_about(struct asked *q, const struct station_entry *e)
{
	q->addr = e->node ? e->node->addr : e->device->addr;
	q->addrs = e->node ? e->node->addrs : e->device->addrs;
	q->fp = e->node ? &e->node->fp : &e->device->fp;
	q->whole = false;
	snprintf(q->why, sizeof q->why, "not asked: too many were silent");
}

/* The device that `up` lets nothing go to directly, our question neither; "": there is none. */
static void closed_by_up(const struct common *c, char host[static BEND_HOST_MAX])
{
	char path[HOME_PATH_MAX];

	if (!home_path(c, "mptcp", path) || bend_holder(path, host) <= 0)
		*host = 0;
}

/* Batch after batch, in the directory's order. */
static void tell_stations(struct oneshot *o, const struct directory *d)
{
	static struct asker a;
	uint32_t n = directory_nodes(d) + directory_devices(d);
	mono_t until = mono_add_ms(mono_now(), ASK_MS);
	char up[BEND_HOST_MAX];

	closed_by_up(o->party.common, up);
	for (uint32_t at = 0; at < n; at += ASKED_MAX) {
		uint32_t batch = n - at < ASKED_MAX ? n - at : ASKED_MAX;

		for (uint32_t i = 0; i < batch; i++) {
			struct station_entry e = entry_at(d, at + i);

			ask_about(&a.asked[i], &e);
		}
		if (mono_before(mono_now(), until))
			asker_run(&a, &o->loop, &o->party, batch);
		for (uint32_t i = 0; i < batch; i++) {
			struct station_entry e = entry_at(d, at + i);

			if (e.device && !a.asked[i].whole && !strcmp(e.device->name, up))
				snprintf(a.asked[i].why, sizeof a.asked[i].why,
					 "`up` here leaves no direct way to it");
			tell_entry(o->party.common, &e, &a.asked[i]);
		}
	}
}

/* --- this host -------------------------------------------------------------------------------- */

/* What transport mptcp would find here. */
static void tell_kernel(const struct common *c)
{
	char all[MPTCP_NAMES_MAX], used[MPTCP_NAMES_MAX];
	bool sockets = mptcp_here(), manager;
	struct mptcp_pm pm;
	struct json *j;

	manager = !mptcp_pm_open(&pm);
	if (manager)
		mptcp_pm_close(&pm);
	mptcp_schedulers(all);
	mptcp_scheduler(used);
	if (!c->json) {
		if (sockets)
			printf("kernel  %-24s mptcp, %spath manager, scheduler %s of: %s\n",
			       "this host", manager ? "" : "no ", used, all);
		else
			printf("kernel  %-24s no mptcp, or it is switched off\n", "this host");
		return;
	}
	j = report_begin("kernel");
	json_bool(j, "mptcp", sockets);
	json_bool(j, "path_manager", manager);
	json_str(j, "schedulers", all);
	json_str(j, "scheduler", used);
	report_end(j);
}

static int tell_all(struct oneshot *o)
{
	struct directory *d = directory_open(&o->party);
	int r;

	if (!d)
		return EXIT_FAILED;
	tell_kernel(o->party.common);
	quorum_ask_status(o->q, STATUS_MS);
	tell_replicas(o);
	r = directory_load(d, o->q);
	if (!r)
		tell_stations(o, d);
	directory_close(d);
	return r;
}

static int status_main(const struct common *c, const void *opts, int argc, char **argv)
{
	static struct oneshot o;
	int r = oneshot_open(&o, c);

	(void)opts;
	(void)argc;
	(void)argv;
	if (!r)
		r = tell_all(&o);
	oneshot_close(&o);
	return r;
}

const struct cmd cmd_status = {
	.name = "status",
	.main = status_main,
	.args = "",
	.summary = "what this party sees: replicas, nodes, devices, sessions",
	.more =
	    "Nodes and devices are asked how they are. An admin (-C) hears of all sessions and\n"
	    "counts, a client of its own sessions and forwards. The kernel is this host's.\n",
};
