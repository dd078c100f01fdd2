/* cmd/server.c - role: a device that waits for clients and receives their files
 *
 * A connection is a stranger until its handshake proves an admitted client and its JOIN names a
 * session; then its flow belongs to that session (cmd/receive). Everything is allocated at the
 * start; what is never used is never touched. */
#include "cmd/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "cmd/memory.h"
#include "cmd/privilege.h"
#include "cmd/report.h"
#include "core/check.h"
#include "core/log.h"

struct opts {
	const char *name, *inbox, *listen;
	struct opt_list advertise, expose;
};

static const struct opt rows[] = {
	{ OPT_STR, 0, "name", "NAME", "the device's name, as it was admitted (required)",
	  offsetof(struct opts, name), 0, 0 },
	{ OPT_STR, 0, "inbox", "DIR", "where received files go (required)",
	  offsetof(struct opts, inbox), 0, 0 },
	{ OPT_STR, 0, "listen", "A:P", "where to listen (all addresses, port 7300)",
	  offsetof(struct opts, listen), 0, 0 },
	{ OPT_LIST, 0, "advertise", "A[:P]",
	  "what nodes connect to (the address of --listen, or the one that the "
	  "replicas see); may be repeated",
	  offsetof(struct opts, advertise), 0, 0 },
	{ OPT_LIST, 0, "expose", "PORT",
	  "a further port that nodes may forward to; may be repeated",
	  offsetof(struct opts, expose), 0, 0 },
	{ 0 },
};

static struct server *the; /* the strangers' callbacks have no owner */
static struct flow_ops seat_ops; /* path_ops, and who opens is looked at */

static struct seat *seat_of(struct path *p)
{
	return container_of(p, struct seat, path);
}

/* --- strangers -------------------------------------------------------------------------------- */

static void refuse(struct seat *s, int code, const char *why)
{
	struct flowmsg m = { .type = FLOWMSG_STOP };
	char from[ADDR_STR_MAX];

	log_warn("connection from %s refused: %s", addr_format(&s->peer, from), why);
	s->server->refused++;
	m.stop.code = (uint8_t)code;
	snprintf(m.stop.text, sizeof m.stop.text, "%s", why);
	flow_send(&s->path.flow, &m);
	flow_leave(&s->path.flow);
}

static struct receive *find_session(struct server *sv, const struct msg_join *m,
				    const struct fp *fp)
{
	for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
		struct receive *r = &sv->session[i];

		if (r->used && fp_eq(&r->ps.session.client_fp, fp) &&
		    !memcmp(r->ps.session.sid, m->sid, sizeof m->sid))
			return r;
	}
	return NULL;
}

static void session_gone(struct receive *r)
{
	struct server *sv = the;

	for (uint32_t i = 0; i < SEATS_MAX; i++)
		if (sv->seat[i].path.set == &r->ps) {
			sv->seat[i].path.set = NULL;
			sv->seat[i].used = sv->seat[i].path.flow.live; /* it is leaving */
			sv->seat[i].since = loop_now(&sv->st.loop);
		}
	sv->files += r->files;
	sv->bytes += r->bytes;
	/* What was received early is forgotten, and its memory given back. */
	madvise(sv->setup[r - sv->session].rx_mem, (size_t)RX_SLOTS * RECORD_PLAIN_MAX,
		MADV_DONTNEED);
	madvise(r->inbox.gather, (size_t)INBOX_BUFFERS * INBOX_GATHER, MADV_REMOVE);
}

/* A client may hold as many sessions as are vacant: one takes half, and seven keys are needed to
 * leave nothing. */
static bool has_share(const struct server *sv, const struct fp *fp)
{
	uint32_t vacant = 0, held = 0;

	for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
		const struct receive *r = &sv->session[i];

		vacant += !r->used;
		held += r->used && fp_eq(&r->ps.session.client_fp, fp);
	}
	return held < vacant;
}

static struct receive *new_session(struct server *sv, const struct msg_join *m, const struct fp *fp)
{
	const char *name = directory_name(sv->st.d, fp);
	bool share = has_share(sv, fp);

	for (uint32_t i = 0; i < SESSIONS_MAX && share; i++) {
		if (sv->session[i].used)
			continue;
		receive_begin(&sv->session[i], &sv->st.loop, &sv->st.party.id, &sv->st.party.cert,
			      &sv->setup[i], &sv->inbox, sv->syncer, m, fp, session_gone);
		snprintf(sv->session[i].client, sizeof sv->session[i].client, "%s",
			 name ? name : "?");
		return &sv->session[i];
	}
	return NULL;
}

/* For the log: whose path a JOIN comes over. The client says so, and nothing hangs on it. */
static void name_node(struct seat *s, const struct msg_join *m)
{
	const char *name = NULL;

	for (uint32_t i = 0; i < m->n; i++)
		if (m->path[i].number == m->j)
			name = directory_name(s->server->st.d, &m->path[i].node);
	snprintf(s->path.node.name, sizeof s->path.node.name, "%s", name ? name : "");
}

/* Who is not admitted is told so at once, and keeps no seat. */
static void stranger_opened(struct flow *f)
{
	struct seat *s = container_of(f, struct seat, path.flow);

	if (!directory_roles(s->server->st.d, tls_peer(&f->tls)))
		refuse(s, EXIT_DENIED, "this key is not admitted");
	else
		knock_give_back(&s->server->st.knock, &s->peer);
}

static bool is_client(struct seat *s)
{
	if (!s->server->st.evicted &&
	    directory_roles(s->server->st.d, tls_peer(&s->path.flow.tls)) &
		(ROLE_CLIENT | ROLE_ADMIN))
		return true;
	refuse(s, EXIT_DENIED, "this key is not admitted as a client");
	return false;
}

static void stranger_joins(struct seat *s, const struct msg_join *m)
{
	struct server *sv = s->server;
	const struct fp *fp = tls_peer(&s->path.flow.tls);
	struct receive *known, *r;

	if (!is_client(s))
		return;
	name_node(s, m);
	known = find_session(sv, m, fp);
	r = known ? known : new_session(sv, m, fp);
	if (!r) {
		refuse(s, EXIT_QUOTA, "the device has no more sessions for this client");
	} else if (!pathset_adopt(&r->ps, &s->path, m)) {
		refuse(s, EXIT_INTEGRITY, s->path.why);
		if (!known)
			pathset_fail(&r->ps, EXIT_INTEGRITY, "%s", s->path.why);
	}
}

/* Toward where this very connection comes from: the direct path's way back. */
static void trace_back(struct seat *s)
{
	if (is_client(s))
		backtrace_ask(s->server->back, &s->back, &s->path.flow, &s->peer);
}

static void stranger_message(struct path *p, const struct flowmsg *m)
{
	struct seat *s = seat_of(p);

	if (p->flow.ending)
		return;
	if (m->type == FLOWMSG_JOIN)
		stranger_joins(s, &m->join);
	else if (m->type == FLOWMSG_ASK)
		server_tell(s->server, &s->path.flow);
	else if (m->type == FLOWMSG_TRACE && !s->back.waiting)
		trace_back(s);
	else
		refuse(s, EXIT_INTEGRITY, "a message before the JOIN");
}

static void stranger_closed(struct path *p, const char *why)
{
	struct seat *s = seat_of(p);
	char from[ADDR_STR_MAX];

	log_info("connection from %s: %s", addr_format(&s->peer, from), why);
	if (s->server->back)
		backtrace_cancel(s->server->back, &s->back);
	flow_close(&p->flow);
	s->used = false;
}

/* Who has had the longest time to join; those without a handshake go first. */
static bool slower(const struct seat *a, const struct seat *b)
{
	if (a->path.flow.open != b->path.flow.open)
		return b->path.flow.open;
	return mono_before(a->since, b->since);
}

/* As at a node: when all places for strangers are taken, the slowest makes room. */
static struct seat *take_seat(struct server *sv)
{
	struct seat *vacant = NULL, *slowest = NULL;
	uint32_t strangers = 0;

	for (uint32_t i = 0; i < SEATS_MAX; i++) {
		struct seat *s = &sv->seat[i];

		if (!s->used)
			vacant = s;
		else if (!s->path.set && ++strangers && (!slowest || slower(s, slowest)))
			slowest = s;
	}
	if (strangers < STRANGERS_MAX)
		return vacant;
	stranger_closed(&slowest->path, "it made room for another");
	return slowest;
}

static struct server *server_of(struct station *st)
{
	return container_of(st, struct server, st);
}

static void arrival(struct station *st, int fd, const struct addr *peer)
{
	struct seat *s = take_seat(server_of(st));

	if (flow_accept(&s->path.flow, &st->loop, &seat_ops, s->path.flow.in, fd,
			&st->party.cert) < 0)
		return;
	s->used = true;
	s->peer = *peer;
	s->since = loop_now(&st->loop);
	s->path.set = NULL;
	s->path.why[0] = 0;
	s->path.ping_at = mono_us(0);
	s->path.rtt_us = 0;
}

/* --- time and change -------------------------------------------------------------------------- */

static void sweep(struct timer *t, mono_t now)
{
	struct server *sv = container_of(t, struct server, sweep);
	struct syncer *writer = &sv->syncer[SYNCER_WRITES];

	for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
		struct receive *r = &sv->session[i];

		if (r->used && !r->ps.complete && mono_diff_us(now, r->since) > JOIN_MS * 1000LL)
			pathset_fail(&r->ps, EXIT_UNREACHABLE, "not all paths arrived");
	}
	for (uint32_t i = 0; i < SEATS_MAX; i++) {
		struct seat *s = &sv->seat[i];

		if (s->used && !s->path.set && mono_diff_us(now, s->since) > JOIN_MS * 1000LL)
			stranger_closed(&s->path, "it did not join a session in time");
	}
	for (int i = 0; i < SYNCERS; i++)
		syncer_look(&sv->syncer[i], now);
	if (writer->watch.fd < 0)
		syncer_start(writer, writer->loop);
	loop_arm(&sv->st.loop, t, mono_add_ms(now, SWEEP_MS));
}

static bool by_evicted_node(const struct station *st, const struct session *s)
{
	static const struct fp direct;

	for (uint32_t i = 0; i < s->n; i++)
		if (!fp_eq(&s->path[i].node, &direct) &&
		    !(directory_roles(st->d, &s->path[i].node) & ROLE_NODE))
			return true;
	return false;
}

/* Whoever was evicted is forgotten: sessions end, also those that say that they go by a node which
 * was. */
static void members_changed(struct station *st)
{
	struct server *sv = server_of(st);

	for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
		struct receive *r = &sv->session[i];
		uint32_t roles = r->used ? directory_roles(st->d, &r->ps.session.client_fp) : 0;

		if (r->used && (st->evicted || !(roles & (ROLE_CLIENT | ROLE_ADMIN))))
			pathset_fail(&r->ps, EXIT_DENIED, "this %s was evicted",
				     st->evicted ? "device" : "client");
		else if (r->used && by_evicted_node(st, &r->ps.session))
			pathset_fail(&r->ps, EXIT_UNREACHABLE, "a node of its paths was evicted");
	}
}

static void ready(struct station *st, const char *at)
{
	report_ready(st->c, "device %s at %s; let TCP %u in", st->name, at, st->at.port);
}

static int publish(struct station *st)
{
	const struct opt_list *expose = &server_of(st)->o->expose;
	struct device_tuple t = { .has_aes = seal_has_aes() };

	for (uint32_t i = 0; i < expose->n; i++) {
		uint16_t port = 0;

		if (!addr_parse_port(&port, expose->v[i]) || !port || t.ports == REG_PORTS_MAX)
			return report_error(st->c, EXIT_USAGE, "give 1 to 65535, 16 times at most",
					    "--expose", "\"%s\" is no port", expose->v[i]);
		t.port[t.ports++] = port;
	}
	register_device(st->reg, &t);
	return 0;
}

static void stopping(struct station *st)
{
	struct server *sv = server_of(st);

	for (uint32_t i = 0; i < SESSIONS_MAX; i++)
		if (sv->session[i].used)
			pathset_fail(&sv->session[i].ps, EXIT_UNREACHABLE, "the device stops");
}

static const struct station_ops server_ops = {
	.role = ROLE_DEVICE,
	.port = DEVICE_PORT,
	.mptcp = true,
	.arrival = arrival,
	.members_changed = members_changed,
	.publish = publish,
	.ready = ready,
	.stopping = stopping,
};

/* --- start ------------------------------------------------------------------------------------ */

static bool allocate(struct server *sv)
{
	uint8_t *in = memory_reserve((size_t)SEATS_MAX * FLOW_IN_BYTES);
	uint8_t *rx = memory_window((size_t)SESSIONS_MAX * RX_SLOTS * RECORD_PLAIN_MAX);
	uint8_t *tx = memory_reserve((size_t)SESSIONS_MAX * SLOTS_SMALL * RECORD_BYTES_MAX);
	struct rx_slot *rx_slot = memory_reserve(sizeof *rx_slot * SESSIONS_MAX * RX_SLOTS);
	struct tx_slot *tx_slot = memory_reserve(sizeof *tx_slot * SESSIONS_MAX * SLOTS_SMALL);

	sv->seat = memory_reserve(sizeof *sv->seat * SEATS_MAX);
	sv->session = memory_reserve(sizeof *sv->session * SESSIONS_MAX);
	if (!in || !rx || !tx || !rx_slot || !tx_slot || !sv->seat || !sv->session)
		return false;
	for (size_t i = 0; i < SEATS_MAX; i++) {
		sv->seat[i].path.flow.in = in + i * FLOW_IN_BYTES;
		sv->seat[i].server = sv;
	}
	for (size_t i = 0; i < SESSIONS_MAX; i++) {
		sv->session[i].inbox.gather = sv->gather + i * INBOX_BUFFERS * INBOX_GATHER;
		sv->setup[i] = (struct session_setup){
			.tx = { .mem = tx + i * SLOTS_SMALL * RECORD_BYTES_MAX,
				.slot = tx_slot + i * SLOTS_SMALL,
				.slots = SLOTS_SMALL,
				.turn = 1 },
			.rx_mem = rx + i * RX_SLOTS * RECORD_PLAIN_MAX,
			.rx_slot = rx_slot + i * RX_SLOTS,
			.rx_slots = RX_SLOTS,
		};
	}
	return true;
}

static int open_inbox(struct server *sv)
{
	int r = inbox_open(&sv->inbox, sv->o->inbox);

#ifdef BENCH_DISCARD
	sv->inbox.discard = true;
#endif
	if (r == -EWOULDBLOCK)
		return report_error(sv->st.c, EXIT_FAILED, "give each device an inbox of its own",
				    sv->o->inbox, "another device receives there");
	return !r ? 0 : report_error(sv->st.c, EXIT_FAILED, "choose one that you may write to",
				     sv->o->inbox, "%s", strerror(-r));
}

static int start(struct server *sv, const struct common *c)
{
	int r = station_init(&sv->st, &server_ops, c, sv->o->name, &sv->o->advertise);

	r = r ? r : open_inbox(sv);
	if (r)
		return r;
	if (!allocate(sv))
		return report_error(c, EXIT_FAILED, "free some memory", "server", "out of memory");
	seat_ops = path_ops;
	seat_ops.opened = stranger_opened;
	path_stranger_message = stranger_message;
	path_stranger_closed = stranger_closed;
	r = station_listen(&sv->st, sv->o->listen);
	if (r)
		return r;
	sv->back = backtraces_open(&sv->st.loop);
	r = syncer_start(&sv->syncer[SYNCER_WRITES], &sv->st.loop);
	if (r)
		return report_error(c, EXIT_FAILED, NULL, "server", "%s", strerror(-r));
	privilege_files();
	bend_accept(&sv->bend, c, addr_scope(&sv->st.at) != ADDR_LOOPBACK);
	sv->sweep.fire = sweep;
	loop_arm(&sv->st.loop, &sv->sweep, mono_add_ms(loop_now(&sv->st.loop), SWEEP_MS));
	return station_join(&sv->st);
}

static int server_main(const struct common *c, const void *opts, int argc, char **argv)
{
	static struct server sv;
	int r;

	(void)argc;
	(void)argv;
	the = &sv;
	sv.o = opts;
	if (!sv.o->name || !sv.o->inbox)
		return report_error(c, EXIT_USAGE, "give --name NAME and --inbox DIR", "server",
				    "%s is missing", sv.o->name ? "--inbox" : "--name");
	sv.gather = memory_shared((size_t)SESSIONS_MAX * INBOX_BUFFERS * INBOX_GATHER);
	r = sv.gather ? syncer_fork(sv.syncer) : -ENOMEM;
	if (r)
		return report_error(c, EXIT_FAILED, "allow this user more processes", "server",
				    "%s", strerror(-r));
	r = start(&sv, c);
	if (r)
		return r;
	r = loop_run(&sv.st.loop);
	bend_end(&sv.bend);
	station_fini(&sv.st);
	backtraces_close(sv.back);
	return r ? EXIT_FAILED : EXIT_OK;
}

const struct cmd cmd_server = {
	.name = "server",
	.main = server_main,
	.args = "--name NAME --inbox DIR",
	.summary = "a device: receives the files that admitted clients send",
	.rows = rows,
	.opts_bytes = sizeof(struct opts),
	.more = "A received file is never written outside DIR nor over a file that exists: the\n"
		"sender is told its name. As root, MPTCP to this host may have 9 paths, not 3.\n",
};
