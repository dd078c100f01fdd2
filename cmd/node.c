/* cmd/node.c - role: an overlay node, which forwards between admitted clients and registered
 * devices
 *
 * A client's connection begins with an OPEN (core/open), is judged (core/gate, core/dest), and from
 * then on is tied to the device in the kernel (net/splice). Everything is allocated at the start.
 */
#include "cmd/node.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cmd/home.h"
#include "cmd/report.h"
#include "core/check.h"
#include "core/log.h"
#include "core/secret.h"
#include "net/sock.h"

enum { SWEEP_MS = 1000, ACCEPTS_A_TURN = 32 };

enum { FORWARD_AUTO = 1, FORWARD_RELAY };

struct opts {
	const char *name, *listen;
	struct opt_list advertise;
	uint32_t forward;
};

static const struct opt rows[] = {
	{ OPT_STR, 0, "name", "NAME", "the node's name, as it was admitted (required)",
	  offsetof(struct opts, name), 0, 0 },
	{ OPT_STR, 0, "listen", "A:P", "where to listen (all addresses, port 7200)",
	  offsetof(struct opts, listen), 0, 0 },
	{ OPT_LIST, 0, "advertise", "A[:P]",
	  "where clients connect to (the address that the "
	  "replicas see)",
	  offsetof(struct opts, advertise), 0, 0 },
	{ OPT_CHOICE, 0, "forward", "auto|relay",
	  "how to forward; relay: splice(2), no privilege "
	  "(auto, which is relay)",
	  offsetof(struct opts, forward), 0, 0 },
	{ 0 },
};

static void arrivals(struct watch *w, uint32_t got)
{
	struct node *n = container_of(w, struct node, listener);

	(void)got;
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		struct addr peer;
		int fd = sock_accept(w->fd, &peer);

		if (fd < 0)
			return;
		if (knock_take(&n->knock, &peer, loop_now(&n->loop)))
			link_begin(n, fd, &peer);
		else
			close(fd);
	}
}

static void publish(struct node *n)
{
	struct node_tuple t = { .relay = true };

	memcpy(t.boot[0], gate_boot(n->gate), BOOT_BYTES);
	memcpy(t.boot[1], n->gate->boot[(n->gate->current + 1) % GATE_BOOTS].id, BOOT_BYTES);
	register_node(n->reg, &t);
}

static void draw_boot(struct node *n)
{
	uint8_t id[BOOT_BYTES];

	secret_bytes(id, sizeof id);
	gate_boot_draw(n->gate, id, loop_now(&n->loop));
}

static void sweep(struct timer *t, mono_t now)
{
	struct node *n = container_of(t, struct node, sweep);

	if (gate_boot_due(n->gate, now)) {
		draw_boot(n);
		publish(n);
	}
	links_expire(n, now);
	loop_arm(&n->loop, t, mono_add_ms(now, SWEEP_MS));
}

/* Who may ask: admitted clients, and admins, who may do what a client may. */
static void members_changed(void *owner, bool ok)
{
	static struct fp list[GATE_CLIENTS_MAX];
	struct node *n = owner;
	uint32_t count = 0;

	if (!ok)
		return;
	for (uint32_t i = 0; i < n->party.cluster.admins; i++)
		list[count++] = n->party.cluster.admin[i];
	for (uint32_t i = 0; i < directory_members(n->d) && count < GATE_CLIENTS_MAX; i++) {
		const struct member_entry *m = directory_member_at(n->d, i);

		if (m->role == ROLE_CLIENT)
			list[count++] = m->fp;
	}
	if (!gate_admit(n->gate, list, count) || count == GATE_CLIENTS_MAX)
		log_warn("more than %d clients are admitted: the rest is refused here",
			 GATE_CLIENTS_MAX);
	links_check(n);
}

static void registered(void *owner, const struct addr *addr, uint32_t addrs)
{
	struct node *n = owner;
	char text[ADDR_STR_MAX];

	if (n->listed)
		return;
	n->listed = true;
	report_ready(n->c, "node %s at %s, forward relay, let TCP port %u in", n->name,
		     addrs ? addr_format(&addr[0], text) : "?", n->at.port);
}

static int ask_manager(struct node *n)
{
	int r;

	n->q = quorum_open(&n->party, &n->loop, QUORUM_ROLE);
	n->d = n->q ? directory_open(&n->party) : NULL;
	if (!n->d)
		return EXIT_FAILED;
	directory_poll(n->d, n->q, members_changed, n);
	n->tracer = tracer_open(&n->party, n->q, n->d, ROLE_NODE);
	r = register_open(&n->reg, &n->party, n->q, &n->reg_config);
	if (!r)
		publish(n);
	return r;
}

static void forget_manager(struct node *n)
{
	register_close(n->reg);
	tracer_close(n->tracer);
	directory_close(n->d);
	quorum_close(n->q);
}

/* The key names the node, so it stays; the cluster file may name other replicas now. */
static void reread(struct node *n)
{
	struct cluster now;
	uint8_t id[32];

	if (home_load_cluster(n->c, &now))
		return;
	cluster_id(&now, id);
	if (!memcmp(id, n->party.cluster_id, sizeof id)) {
		log_info("the cluster file has not changed");
		return;
	}
	forget_manager(n);
	n->party.cluster = now;
	memcpy(n->party.cluster_id, id, sizeof id);
	log_warn("the cluster file has changed: asking its replicas from now on");
	if (ask_manager(n))
		loop_stop(&n->loop);
}

static void withdrawn(void *owner)
{
	loop_stop(&((struct node *)owner)->loop);
}

static void on_signal(struct loop *l, int signo)
{
	struct node *n = l->owner;

	if (signo == SIGHUP) {
		reread(n);
	} else if (n->stopping) {
		loop_stop(l);
	} else {
		n->stopping = true;
		register_withdraw(n->reg, withdrawn);
	}
}

static int allocate(struct node *n)
{
	struct gate_limits limits = { FORWARDS_MAX, FORWARDS_CLIENT };
	struct rlimit rl;
	uint64_t salt;

	n->gate = calloc(1, sizeof *n->gate);
	n->link = calloc(LINKS_MAX, sizeof *n->link);
	n->control = calloc(CONTROLS_MAX, sizeof *n->control);
	if (!n->gate || !n->link || !n->control)
		return report_error(n->c, EXIT_FAILED, "free some memory", "node", "out of memory");
	secret_bytes(&salt, sizeof salt);
	gate_init(n->gate, &n->party.id, limits, salt);
	secret_bytes(&salt, sizeof salt);
	knock_init(&n->knock, salt);
	if (!getrlimit(RLIMIT_NOFILE, &rl)) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
	return 0;
}

static int listen_on(struct node *n, const char *at)
{
	int fd;

	n->at = sock_any(NODE_PORT);
	if (at && !addr_parse(&n->at, at, NODE_PORT))
		return report_error(n->c, EXIT_USAGE, "give ADDR:PORT, an IPv6 address in brackets",
				    "--listen", "\"%s\" is no address", at);
	n->loopback = addr_scope(&n->at) == ADDR_LOOPBACK;
	fd = sock_listen(&n->at);
	if (fd < 0)
		return report_error(n->c, EXIT_FAILED, sock_advice(fd), "cannot listen", "%s",
				    strerror(-fd));
	sock_name(fd, &n->at);
	n->listener = (struct watch){ .fd = fd, .want = EPOLLIN, .ready = arrivals };
	return loop_add(&n->loop, &n->listener) ? EXIT_FAILED : EXIT_OK;
}

static int start(struct node *n, const struct opts *o)
{
	int r = party_load(&n->party, n->c);

	r = r ? r : allocate(n);
	if (r)
		return r;
	if (loop_init(&n->loop) || loop_signals(&n->loop, on_signal, n))
		return report_error(n->c, EXIT_FAILED, "raise the limit on open files", "node",
				    "%s", strerror(errno));
	draw_boot(n);
	n->sweep.fire = sweep;
	loop_arm(&n->loop, &n->sweep, mono_add_ms(loop_now(&n->loop), SWEEP_MS));
	r = listen_on(n, o->listen);
	n->reg_config = (struct register_config){ .role = ROLE_NODE,
						  .name = o->name,
						  .advertise = o->advertise,
						  .port = n->at.port,
						  .ready = registered,
						  .owner = n };
	return r ? r : ask_manager(n);
}

static int node_main(const struct common *c, const void *opts, int argc, char **argv)
{
	const struct opts *o = opts;
	static struct node n;
	int r;

	(void)argc;
	(void)argv;
	n.c = c;
	n.name = o->name;
	if (!o->name)
		return report_error(c, EXIT_USAGE, "give --name NAME", "node", "--name is missing");
	r = start(&n, o);
	if (r)
		return r;
	r = loop_run(&n.loop);
	forget_manager(&n);
	gate_fini(n.gate);
	party_fini(&n.party);
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
	    "what it carries is sealed end to end.\n",
};
