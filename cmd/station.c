/* cmd/station.c - what a node and a device have in common: they listen, and stand in the directory
 */
#include "cmd/station.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/home.h"
#include "cmd/report.h"
#include "core/check.h"
#include "core/log.h"
#include "core/secret.h"
#include "net/sock.h"

enum { ACCEPTS_A_TURN = 32 };

static void arrivals(struct watch *w, uint32_t got)
{
	struct station *st = container_of(w, struct station, door.watch);

	(void)got;
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		struct addr peer;
		int fd = door_accept(&st->door, &peer);

		if (fd < 0)
			return;
		if (knock_take(&st->knock, &peer, loop_now(&st->loop)))
			st->ops->arrival(st, fd, &peer);
		else
			close(fd);
	}
}

/* Who has not read the directory would refuse everybody. */
static void tell_ready(struct station *st)
{
	if (st->ready || !st->listed || !st->informed)
		return;
	st->ready = true;
	st->ops->ready(st, st->seen_at);
}

static void members_changed(void *owner, bool ok)
{
	struct station *st = owner;

	st->evicted = quorum_standing(st->q) == QUORUM_DENIED;
	if (!ok && !(st->evicted && st->informed))
		return;
	st->informed = true;
	st->ops->members_changed(st);
	tell_ready(st);
}

static void registered(void *owner, const struct addr *addr, uint32_t addrs)
{
	struct station *st = owner;

	snprintf(st->seen_at, sizeof st->seen_at, "?");
	if (addrs)
		addr_format(&addr[0], st->seen_at);
	st->listed = true;
	tell_ready(st);
}

int station_join(struct station *st)
{
	struct register_config cfg = { .role = st->ops->role,
				       .name = st->name,
				       .advertise = st->advertise,
				       .at = st->at,
				       .ready = registered,
				       .owner = st,
				       .told = st->ready };
	int r;

	st->q = quorum_open(&st->party, &st->loop, QUORUM_ROLE);
	st->d = st->q ? directory_open(&st->party) : NULL;
	if (!st->d)
		return EXIT_FAILED;
	directory_poll(st->d, st->q, members_changed, st);
	st->tracer = tracer_open(&st->party, st->q, st->d, st->ops->role);
	r = register_open(&st->reg, &st->party, st->q, &cfg);
	return r ? r : st->ops->publish(st);
}

static void leave(struct station *st)
{
	register_close(st->reg);
	tracer_close(st->tracer);
	directory_close(st->d);
	quorum_close(st->q);
}

/* The key names the station, so it stays; the cluster file may name other replicas now. */
static void reread(struct station *st)
{
	struct cluster now;

	if (home_load_cluster(st->c, st->cluster_fd, &now))
		return;
	if (cluster_same(&now, &st->party.cluster)) {
		log_info("the cluster file has not changed");
		return;
	}
	leave(st);
	st->party.cluster = now;
	cluster_id(&now, st->party.cluster_id);
	log_warn("the cluster file has changed: asking its replicas from now on");
	if (station_join(st))
		loop_stop(&st->loop);
}

static void withdrawn(void *owner)
{
	loop_stop(&((struct station *)owner)->loop);
}

static void on_signal(struct loop *l, int signo)
{
	struct station *st = l->owner;

	if (signo == SIGHUP) {
		reread(st);
		return;
	}
	if (st->stopped) {
		loop_stop(l);
		return;
	}
	st->stopped = true;
	if (st->ops->stopping)
		st->ops->stopping(st);
	register_withdraw(st->reg, withdrawn);
}

/* Two of one role would write the same tuple, and the first that stops remove it. A node and a
 * device may share HOME, so each locks its own of what nobody replaces: another key is another
 * party. */
static int lock_home(const struct station *st)
{
	char path[HOME_PATH_MAX];
	bool node = st->ops->role == ROLE_NODE;
	bool found = node ? home_path(st->c, "key", path) : home_dir(st->c, path);
	int fd = found ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	if (fd < 0 || home_lock(fd))
		return 0;
	return report_error(st->c, EXIT_FAILED, "stop it, or give each a key and HOME of its own",
			    path, "another %s uses it", role_name(st->ops->role));
}

int station_init(struct station *st, const struct station_ops *ops, const struct common *c,
		 const char *name, const struct opt_list *advertise)
{
	uint64_t salt;
	int r;

	st->ops = ops;
	st->c = c;
	st->name = name;
	st->advertise = *advertise;
	secret_bytes(&salt, sizeof salt);
	knock_init(&st->knock, salt);
	st->cluster_fd = home_open_cluster(c);
	r = party_load(&st->party, c);
	return r ? r : lock_home(st);
}

int station_listen(struct station *st, const char *listen)
{
	int fd;

	if (loop_init(&st->loop) || loop_signals(&st->loop, on_signal, st))
		return report_error(st->c, EXIT_FAILED, "raise the limit on open files", st->name,
				    "%s", strerror(errno));
	st->at = sock_any(st->ops->port);
	if (listen && !addr_parse(&st->at, listen, st->ops->port))
		return report_error(st->c, EXIT_USAGE,
				    "give ADDR:PORT, an IPv6 address in brackets", "--listen",
				    "\"%s\" is no address", listen);
	fd = st->ops->mptcp ? sock_listen_mptcp(&st->at) : sock_listen(&st->at);
	if (fd < 0)
		return report_error(st->c, EXIT_FAILED, sock_advice(fd), "cannot listen", "%s",
				    strerror(-fd));
	sock_name(fd, &st->at);
	return door_open(&st->door, &st->loop, fd, arrivals) ? EXIT_FAILED : EXIT_OK;
}

void station_fini(struct station *st)
{
	leave(st);
	party_fini(&st->party);
}
