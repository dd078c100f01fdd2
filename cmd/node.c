/* cmd/node.c - role: an overlay node, which forwards between admitted clients and registered
 * devices
 *
 * A client's connection begins with an OPEN (core/open), is judged (core/gate, core/dest), and from
 * then on is tied to the device in the kernel (net/splice). Everything is allocated at the start.
 */
#include "cmd/node.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/privilege.h"
#include "cmd/report.h"
#include "core/check.h"
#include "core/log.h"
#include "core/secret.h"

enum { SWEEP_MS = 1000 };

struct opts {
	const char *name, *listen;
	struct opt_list advertise;
	const char *ports;
	uint32_t forward, lease_s;
};

static const struct opt rows[] = {
	{ OPT_STR, 0, "name", "NAME", "the node's name, as it was admitted (required)",
	  offsetof(struct opts, name), 0, 0 },
	{ OPT_STR, 0, "listen", "A:P", "where to listen (all addresses, port 7200)",
	  offsetof(struct opts, listen), 0, 0 },
	{ OPT_LIST, 0, "advertise", "A[:P]",
	  "where clients connect to (the address of --listen, or "
	  "the one that the replicas see)",
	  offsetof(struct opts, advertise), 0, 0 },
	{ OPT_CHOICE, 0, "forward", "auto|nat|relay",
	  "nat: in the kernel, with CAP_NET_ADMIN; relay: splice(2), no privilege; "
	  "auto: both, or relay where the kernel cannot (auto)",
	  offsetof(struct opts, forward), 0, 0 },
	{ OPT_STR, 0, "ports", "LO-HI", "nat: where clients' flows come in (7201-8200)",
	  offsetof(struct opts, ports), 0, 0 },
	{ OPT_U32, 0, "lease", "S",
	  "how long a forward lasts without a word of its client (3600)",
	  offsetof(struct opts, lease_s), NAT_LEASE_MIN_S, LEASE_MAX_S },
	{ 0 },
};

static struct node *node_of(struct station *st)
{
	return container_of(st, struct node, st);
}

static void arrival(struct station *st, int fd, const struct addr *peer)
{
	link_begin(node_of(st), fd, peer);
}

static int publish(struct station *st)
{
	const struct node *n = node_of(st);
	struct node_tuple t = { .nat = n->nat != NULL, .relay = n->relay };

	memcpy(t.boot[0], gate_boot(n->gate), BOOT_BYTES);
	memcpy(t.boot[1], n->gate->boot[(n->gate->current + 1) % GATE_BOOTS].id, BOOT_BYTES);
	register_node(st->reg, &t);
	return 0;
}

static void draw_boot(struct node *n)
{
	uint8_t id[BOOT_BYTES];

	secret_bytes(id, sizeof id);
	gate_boot_draw(n->gate, id, loop_now(&n->st.loop));
}

static void sweep(struct timer *t, mono_t now)
{
	struct node *n = container_of(t, struct node, sweep);

	if (gate_boot_due(n->gate, now)) {
		draw_boot(n);
		publish(&n->st);
	}
	links_expire(n, now);
	controls_expire(n, now);
	if (n->nat)
		forwards_sweep(n->nat);
	loop_arm(&n->st.loop, t, mono_add_ms(now, SWEEP_MS));
}

/* Who may ask: admitted clients, and admins, who may do what a client may; nobody, where we are not
 * admitted any more. */
static void members_changed(struct station *st)
{
	static struct fp list[GATE_CLIENTS_MAX];
	struct node *n = node_of(st);
	uint32_t count = 0;

	for (uint32_t i = 0; i < n->st.party.cluster.admins; i++)
		list[count++] = n->st.party.cluster.admin[i];
	for (uint32_t i = 0; i < directory_members(n->st.d) && count < GATE_CLIENTS_MAX; i++) {
		const struct member_entry *m = directory_member_at(n->st.d, i);

		if (m->role == ROLE_CLIENT)
			list[count++] = m->fp;
	}
	if (st->evicted)
		count = 0;
	if (!gate_admit(n->gate, list, count) || count == GATE_CLIENTS_MAX)
		log_warn("more than %d clients are admitted: the rest is refused here",
			 GATE_CLIENTS_MAX);
	links_check(n);
}

static void ready(struct station *st, const char *at)
{
	const struct node *n = node_of(st);

	if (!n->nat)
		report_ready(st->c, "node %s at %s, relay; let TCP %u in", st->name, at,
			     st->at.port);
	else
		report_ready(st->c,
			     "node %s at %s, %s; let TCP %u in, and %u-%u in and on to devices",
			     st->name, at, n->relay ? "nat and relay" : "nat", st->at.port,
			     n->ports.lo, n->ports.hi);
}

static const struct station_ops node_ops = {
	.role = ROLE_NODE,
	.port = NODE_PORT,
	.arrival = arrival,
	.members_changed = members_changed,
	.publish = publish,
	.ready = ready,
};

static int allocate(struct node *n)
{
	struct gate_limits none = { .kind = { { 0 } } }; /* until nat_start */
	uint64_t salt;

	n->gate = calloc(1, sizeof *n->gate);
	n->link = calloc(LINKS_MAX, sizeof *n->link);
	n->control = calloc(CONTROLS_MAX, sizeof *n->control);
	if (!n->gate || !n->link || !n->control)
		return report_error(n->st.c, EXIT_FAILED, "free some memory", "node",
				    "out of memory");
	secret_bytes(&salt, sizeof salt);
	secret_bytes(&n->last_id, sizeof n->last_id);
	gate_init(n->gate, &n->st.party.id, none, salt);
	privilege_files();
	return 0;
}

static int parse_ports(struct node *n, const struct common *c, const char *text)
{
	unsigned long lo = NAT_PORT_LO, hi = NAT_PORT_HI;
	const char *at = text;
	bool ok = true;
	char *end;

	if (text) {
		lo = strtoul(at, &end, 10);
		ok = *at >= '1' && *at <= '9' && *end == '-';
		at = ok ? end + 1 : "";
		hi = strtoul(at, &end, 10);
		ok = ok && *at >= '1' && *at <= '9' && !*end;
	}
	n->ports = (struct node_ports){ (uint16_t)lo, (uint16_t)hi };
	if (ok && lo <= hi && hi <= UINT16_MAX)
		return 0;
	return report_error(c, EXIT_USAGE, "give LO-HI, as in 7201-8200", "--ports",
			    "\"%s\" is no range of ports", text);
}

static int start(struct node *n, const struct common *c, const struct opts *o)
{
	int r = parse_ports(n, c, o->ports);

	n->forward = o->forward ? o->forward : NODE_AUTO;
	n->lease_s_max = o->lease_s ? o->lease_s : LEASE_MAX_S;
	r = r ? r : station_init(&n->st, &node_ops, c, o->name, &o->advertise);
	r = r ? r : allocate(n);
	r = r ? r : station_listen(&n->st, o->listen);
	if (r)
		return r;
	n->back = backtraces_open(&n->st.loop);
	n->loopback = addr_scope(&n->st.at) == ADDR_LOOPBACK;
	r = nat_start(n);
	if (r)
		return r;
	r = privilege_drop(n->nat != NULL);
	if (r)
		return report_error(c, EXIT_FAILED, NULL, "cannot drop privileges", "%s",
				    strerror(-r));
	draw_boot(n);
	draw_boot(n); /* two are valid: neither may have been in an earlier life of this node */
	n->sweep.fire = sweep;
	loop_arm(&n->st.loop, &n->sweep, mono_add_ms(loop_now(&n->st.loop), SWEEP_MS));
	return station_join(&n->st);
}

static int node_main(const struct common *c, const void *opts, int argc, char **argv)
{
	const struct opts *o = opts;
	static struct node n;
	int r;

	(void)argc;
	(void)argv;
	if (!o->name)
		return report_error(c, EXIT_USAGE, "give --name NAME", "node", "--name is missing");
	r = start(&n, c, o);
	if (r)
		return r;
	r = loop_run(&n.st.loop);
	nat_stop(&n);
	station_fini(&n.st);
	backtraces_close(n.back);
	gate_fini(n.gate);
	return r ? EXIT_FAILED : EXIT_OK;
}

const struct cmd cmd_node = {
	.name = "node",
	.main = node_main,
	.args = "--name NAME",
	.summary = "an overlay node: forwards for admitted clients to registered devices",
	.rows = rows,
	.opts_bytes = sizeof(struct opts),
	.more =
	    "It forwards nothing else and nobody else's. It sees addresses, times and sizes, and\n"
	    "what it carries is sealed end to end.\n"
	    "With CAP_NET_ADMIN, which is all that it keeps, it forwards in the kernel: its own\n"
	    "table `inet machete` goes with it, and where it switches IPv4 forwarding on for an\n"
	    "interface, nothing else is forwarded; HOME/undo notes it for stop or next start.\n",
};
