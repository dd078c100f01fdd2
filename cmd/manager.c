/* cmd/manager.c - the role `manager`: one replica of the tuple space
 *
 * Start-up, and the loop between tuple/replica and the world: an event goes in, its effects are run
 * in order. What must be on the disk before others hear of it is synced first (MANAGER.md B.5). */
#include "cmd/manager.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/manager_disk.h"
#include "cmd/manager_net.h"
#include "cmd/privilege.h"
#include "cmd/report.h"
#include "core/check.h"
#include "core/log.h"
#include "core/secret.h"
#include "net/sock.h"

enum { SAVE_TURN_MS = 5 }; /* between two parts of a snapshot, for everything else */

struct opts {
	const char *listen;
	bool no_sync;
};

static const struct opt rows[] = {
	{ OPT_STR, 0, "listen", "ADDR:PORT", "listen here only (default: all addresses, own port)",
	  offsetof(struct opts, listen), 0, 0 },
	{ OPT_FLAG, 0, "no-sync", NULL, "do not wait for the disk: for measuring, unsafe",
	  offsetof(struct opts, no_sync), 0, 0 },
	{ 0 },
};

static int64_t wall_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void tell(const struct replica_effect *e)
{
	long long v = (long long)e->value;

	if (e->note == NOTE_CLOCK || e->note == NOTE_AHEAD)
		log_warn("%s: %+.3f s", replica_note_str[e->note], (double)v / 1e6);
	else if (e->note == NOTE_OBSERVER || e->note == NOTE_REMOVED || e->note == NOTE_DIVERGED)
		log_warn("%s", replica_note_str[e->note]);
	else
		log_info("%s %lld", replica_note_str[e->note], v);
}

/* What is due at once is done when all that came in this turn is read: no turn is lost. */
static void arm(struct manager *m, mono_t at)
{
	if (mono_before(loop_now(&m->loop), at)) {
		loop_arm(&m->loop, &m->timer, at);
	} else {
		loop_disarm(&m->loop, &m->timer);
		loop_flush(&m->loop, &m->soon);
	}
}

static void run_effect(struct manager *m, const struct replica_effect *e)
{
	switch (e->type) {
	case REPLICA_PERSIST:
		disk_append(&m->disk, e->bytes, e->len);
		break;
	case REPLICA_SEND:
		for (uint32_t i = 0; i < REPLICAS_MAX; i++)
			if (e->to & 1u << i)
				net_to_replica(m, i, e->bytes, e->len);
		break;
	case REPLICA_REPLY:
		net_to_client(m, e->chan, e->bytes, e->len);
		break;
	case REPLICA_SAVE:
		disk_save(&m->disk, e->slot, e->bytes, e->len);
		loop_arm(&m->loop, &m->save_timer, loop_now(&m->loop));
		break;
	case REPLICA_SWITCH:
		disk_switch(m, e->slot);
		break;
	case REPLICA_ARM:
		arm(m, e->at);
		break;
	case REPLICA_CONFIG:
		net_reconfigure(m);
		break;
	case REPLICA_MEMBERS:
		net_expel(m);
		break;
	case REPLICA_DIRECTORY:
		net_tell_changed(m);
		break;
	case REPLICA_NOTE:
		tell(e);
		break;
	}
}

static void run_effects(struct manager *m)
{
	for (uint32_t i = 0; i < m->out.n; i++) {
		if (m->out.e[i].type != REPLICA_PERSIST)
			disk_sync(&m->disk);
		run_effect(m, &m->out.e[i]);
	}
	disk_sync(&m->disk);
	m->out.n = 0;
}

enum replica_verdict manager_step(struct manager *m, struct replica_event *ev)
{
	enum replica_verdict v;

	ev->now = loop_now(&m->loop);
	ev->wall_us = wall_us();
	v = replica_step(m->replica, ev, &m->out);
	if (v != REPLICA_OK)
		log_debug("refused: %s", replica_verdict_str[v]);
	run_effects(m);
	return v;
}

static void due_soon(struct flush *f)
{
	struct replica_event ev = { .type = REPLICA_TIMER };

	manager_step(container_of(f, struct manager, soon), &ev);
}

static void due(struct timer *t, mono_t now)
{
	struct manager *m = container_of(t, struct manager, timer);

	(void)now;
	due_soon(&m->soon);
}

static void save_on(struct timer *t, mono_t now)
{
	struct manager *m = container_of(t, struct manager, save_timer);
	struct replica_event ev = { .type = REPLICA_SAVED, .slot = m->disk.slot };

	if (disk_save_on(&m->disk))
		manager_step(m, &ev);
	else
		loop_arm(&m->loop, t, mono_add_ms(now, SAVE_TURN_MS));
}

/* The cluster file cannot change under a running replica: its part in the state is agreed on. */
static void reread(struct manager *m)
{
	struct cluster now;

	if (home_load_cluster(m->c, -1, &now))
		return;
	if (!cluster_same(&now, &m->party.cluster))
		log_warn("the cluster file has changed: it counts from the next start; to swap a "
			 "replica use `machete cluster replace`");
	else
		log_info("the cluster file has not changed");
}

static void on_signal(struct loop *l, int signo)
{
	if (signo == SIGHUP)
		reread(l->owner);
	else
		loop_stop(l);
}

static int find_self(struct manager *m)
{
	int i = cluster_find(&m->party.cluster, &m->party.id.fp);
	char fp[FP_STR_MAX];

	if (i >= 0) {
		m->self = (uint32_t)i;
		return 0;
	}
	fp_format(&m->party.id.fp, fp);
	return report_error(m->c, EXIT_USAGE, "use the key that `machete cluster new` made for it",
			    "manager", "the key %s is no replica of HOME/cluster", fp);
}

static int listen_at(const struct manager *m, const struct opts *o, struct addr *at)
{
	uint16_t port = m->party.cluster.replica[m->self].addr.port;

	*at = sock_any(port);
	if (!o->listen || addr_parse(at, o->listen, port))
		return 0;
	return report_error(m->c, EXIT_USAGE, "give ADDR:PORT, an IPv6 address in brackets",
			    "--listen", "\"%s\" is no address", o->listen);
}

static int allocate(struct manager *m)
{
	uint64_t salt;

	m->channel = calloc(CHANNELS_MAX, sizeof *m->channel);
	if (!m->channel)
		return report_error(m->c, EXIT_FAILED, "free some memory", "manager",
				    "out of memory");
	secret_bytes(&salt, sizeof salt);
	knock_init(&m->knock, salt);
	privilege_files();
	return 0;
}

static int start(struct manager *m, const struct opts *o)
{
	struct addr at;
	int r = party_load(&m->party, m->c);

	r = r ? r : find_self(m);
	r = r ? r : listen_at(m, o, &at);
	r = r ? r : allocate(m);
	r = r ? r : disk_open(m, !o->no_sync);
	if (r)
		return r;
	if (loop_init(&m->loop) || loop_signals(&m->loop, on_signal, m))
		return report_error(m->c, EXIT_FAILED, "raise the limit on open files", "manager",
				    "%s", strerror(errno));
	m->timer.fire = due;
	m->soon.run = due_soon;
	m->save_timer.fire = save_on;
	return net_start(m, &at);
}

static int manager_main(const struct common *c, const void *opts, int argc, char **argv)
{
	static struct manager m;
	struct addr at;
	char text[ADDR_STR_MAX];
	int r;

	(void)argc;
	(void)argv;
	m.c = c;
	r = start(&m, opts);
	if (r)
		return r;
	replica_start(m.replica, loop_now(&m.loop), wall_us(), &m.out);
	run_effects(&m);
	sock_name(m.door.watch.fd, &at);
	report_ready(c, "manager replica %u of %u on %s%s", m.self, m.party.cluster.n,
		     addr_format(&at, text), m.observer ? ", observing only" : "");
	r = loop_run(&m.loop);
	net_stop(&m);
	disk_close(&m.disk);
	party_fini(&m.party);
	return r ? EXIT_FAILED : EXIT_OK;
}

const struct cmd cmd_manager = {
	.name = "manager",
	.main = manager_main,
	.args = "",
	.summary = "one replica of the manager, the directory that all parties ask",
	.rows = rows,
	.opts_bytes = sizeof(struct opts),
	.more =
	    "Its key is the one of a line `replica` in HOME/cluster; data are kept in HOME/data.\n"
	    "A replica whose HOME/data is lost must not vote again: it observes until\n"
	    "`machete cluster replace` puts a new key in its place.\n",
};
