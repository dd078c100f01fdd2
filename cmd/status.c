/* cmd/status.c - what this party sees: replicas, nodes, devices */
#include <stdio.h>
#include <string.h>

#include "cmd/directory.h"
#include "cmd/oneshot.h"
#include "cmd/report.h"
#include "core/check.h"

enum {
	STATUS_MS = 2000, /* replicas that are silent for longer are reported as such */
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
	printf("%s%s, view %llu, slot %llu, checkpoint %llu, %u tuples", replica_state(r),
	       s->leader == i ? ", leader" : "", (unsigned long long)s->view,
	       (unsigned long long)s->slot, (unsigned long long)s->stable, s->tuples);
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

static void tell_node(const struct common *c, const struct node_entry *n)
{
	struct json *j = c->json ? report_begin("node") : NULL;
	char addrs[ADDRS_STR_MAX];

	if (!j) {
		printf("node    %-24s %s %s%s%s%s%s\n", n->name,
		       join_addrs(n->addr, n->addrs, addrs), n->nat ? "nat" : "",
		       n->nat && n->relay ? "," : "", n->relay ? "relay" : "",
		       n->operator_name[0] ? " operator " : "", n->operator_name);
		return;
	}
	json_str(j, "name", n->name);
	json_addrs(j, n->addr, n->addrs);
	json_str(j, "operator", n->operator_name);
	json_bool(j, "nat", n->nat);
	json_bool(j, "relay", n->relay);
	report_end(j);
}

static void tell_device(const struct common *c, const struct device_entry *d)
{
	struct json *j = c->json ? report_begin("device") : NULL;
	char addrs[ADDRS_STR_MAX];

	if (!j) {
		printf("device  %-24s %s", d->name, join_addrs(d->addr, d->addrs, addrs));
		for (uint32_t i = 0; i < d->ports; i++)
			printf("%s%u", i ? "," : " exposes ", d->port[i]);
		putchar('\n');
		return;
	}
	json_str(j, "name", d->name);
	json_addrs(j, d->addr, d->addrs);
	json_open(j, "exposed", '[');
	for (uint32_t i = 0; i < d->ports; i++)
		json_u64(j, NULL, d->port[i]);
	json_close(j, ']');
	report_end(j);
}

static int tell_all(struct oneshot *o)
{
	const struct common *c = o->party.common;
	struct directory *d = directory_open(&o->party);
	int r;

	if (!d)
		return EXIT_FAILED;
	quorum_ask_status(o->q, STATUS_MS);
	tell_replicas(o);
	r = directory_load(d, o->q);
	for (uint32_t i = 0; !r && i < directory_nodes(d); i++)
		tell_node(c, directory_node_at(d, i));
	for (uint32_t i = 0; !r && i < directory_devices(d); i++)
		tell_device(c, directory_device_at(d, i));
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
	.summary = "what this party sees: replicas, nodes, devices",
};
