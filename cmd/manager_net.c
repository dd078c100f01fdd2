/* cmd/manager_net.c - the channels of a replica: clients and other replicas, on one port
 *
 * The handshake tells who is who. A replica is known by the cluster file, everybody else by the
 * member tuples: who has no role is told so, and goes. Of two replicas the one with the higher
 * number connects; its newest connection counts, since the older one may be dead without our
 * knowing. */

#include "cmd/manager_net.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/report.h"
#include "core/check.h"
#include "core/log.h"
#include "net/sock.h"

enum {
	HANDSHAKE_MS = 5000,
	SILENCE_MS = 15000,
	RETRY_MS =
	    100, /* doubles up to the next: no longer than a request timer (MANAGER.md B.3) */
	RETRY_MS_MAX = 2000,
	SHUN_MS = 10000, /* a replica that cheated */
	IDLE_MS = 10000,  /* a client that is silent for so long makes room for another */
	ACCEPTS_MAX = 16, /* a turn */
};

static void release(struct channel *ch)
{
	struct manager *m = ch->m;

	if (ch->shaking)
		m->shaking--;
	ch->shaking = ch->live = false;
	ch->next_free = m->free;
	m->free = ch;
}

/* Close without a word to the replica: it finds the channel gone when it answers. */
static void drop(struct channel *ch)
{
	conn_close(&ch->conn);
	if (ch->peer >= 0 && ch->m->peer[ch->peer].ch == ch)
		ch->m->peer[ch->peer].ch = NULL;
	release(ch);
}

static struct channel *longest_idle(struct manager *m)
{
	mono_t limit = mono_add_ms(loop_now(&m->loop), -IDLE_MS);
	struct channel *old = NULL;

	for (uint32_t i = 0; i < m->channels; i++) {
		struct channel *ch = &m->channel[i];

		if (ch->live && ch->peer < 0 && mono_before(ch->used, limit) &&
		    (!old || mono_before(ch->used, old->used)))
			old = ch;
	}
	return old;
}

static void setup_conn(struct channel *ch)
{
	struct manager *m = ch->m;
	struct peer *p = ch->peer >= 0 ? &m->peer[ch->peer] : NULL;

	conn_init(&ch->conn, &(struct conn_config){
		.loop = &m->loop,
		.cert = &m->party.cert,
		.ops = m->ops,
		.in = p ? p->in : ch->in,
		.frame_bytes_max = p ? REPLICA_FRAME_MAX : sizeof ch->in,
		.out = p ? p->out : ch->out,
		.out_bytes = p ? PEER_OUT_BYTES : sizeof ch->out,
		.handshake_ms = HANDSHAKE_MS,
		.silence_ms = SILENCE_MS,
	});
}

static struct channel *find_free(struct manager *m)
{
	struct channel *ch;

	if (!m->free && m->channels < CHANNELS_MAX) {
		ch = &m->channel[m->channels++];
		ch->m = m;
		return ch;
	}
	if (!m->free && (ch = longest_idle(m)))
		drop(ch);
	ch = m->free;
	if (ch)
		m->free = ch->next_free;
	return ch;
}

/* A channel that is not in use, or NULL. */
static struct channel *take(struct manager *m, int peer)
{
	struct channel *ch = find_free(m);

	if (!ch)
		return NULL;
	ch->live = true;
	ch->peer = peer;
	ch->chan = ++m->chans * CHANNELS_MAX + (uint64_t)(ch - m->channel);
	ch->used = loop_now(&m->loop);
	setup_conn(ch);
	return ch;
}

static void retry_later(struct peer *p)
{
	mono_t at = mono_add_ms(loop_now(&p->m->loop), p->retry_ms);

	loop_arm(&p->m->loop, &p->retry, mono_before(at, p->shun) ? p->shun : at);
	p->retry_ms = p->retry_ms * 2 < RETRY_MS_MAX ? p->retry_ms * 2 : RETRY_MS_MAX;
}

/* A newcomer is nobody's peer before the old configuration has ended: it may be needed for that. */
static const struct cluster *in_force(const struct manager *m)
{
	uint32_t config;

	return replica_members(m->replica, &config);
}

static void connect_peer(struct peer *p)
{
	const struct cluster_replica *r = &in_force(p->m)->replica[p->index];

	p->ch = take(p->m, (int)p->index);
	if (p->ch && !conn_connect(&p->ch->conn, &r->addr, NULL, &r->fp))
		return;
	if (p->ch)
		release(p->ch);
	p->ch = NULL;
	retry_later(p);
}

static void peer_retry(struct timer *t, mono_t now)
{
	(void)now;
	connect_peer(container_of(t, struct peer, retry));
}

static void say_hello(struct channel *ch, uint32_t roles)
{
	struct manager *m = ch->m;
	struct hello h = { .index = m->self, .roles = roles, .seen = ch->from };
	uint8_t frame[HELLO_BYTES];

	memcpy(h.cluster, m->party.cluster_id, sizeof h.cluster);
	conn_send(&ch->conn, frame, hello_put(frame, &h));
}

/* Where the replicas are, once it is not what `cluster new` wrote. */
static void tell_lines(struct channel *ch)
{
	struct hello_lines l;
	const struct cluster *c = replica_members(ch->m->replica, &l.config);
	uint8_t frame[HELLO_LINES_MAX];

	if (!l.config)
		return;
	l.n = c->n;
	memcpy(l.replica, c->replica, sizeof l.replica);
	conn_send(&ch->conn, frame, hello_lines_put(frame, &l));
}

static void peer_up(struct channel *ch)
{
	struct replica_event ev = { .type = REPLICA_LINK, .from = (uint32_t)ch->peer };

	log_info("replica %d is connected", ch->peer);
	ch->m->peer[ch->peer].retry_ms = RETRY_MS;
	manager_step(ch->m, &ev);
}

/* Another replica connected to us. */
static void adopt(struct channel *ch, int peer)
{
	struct peer *p = &ch->m->peer[peer];

	if (p->ch)
		drop(p->ch);
	p->ch = ch;
	ch->peer = peer;
	conn_buffers(&ch->conn, p->in, REPLICA_FRAME_MAX, p->out, PEER_OUT_BYTES);
	peer_up(ch);
}

static void judge(struct channel *ch)
{
	struct manager *m = ch->m;
	const struct fp *fp = conn_peer(&ch->conn);
	int peer = cluster_find(in_force(m), fp);
	uint32_t roles = replica_roles(m->replica, fp);
	char text[ADDR_STR_MAX], name[FP_STR_MAX];

	if (peer > (int)m->self && mono_before(loop_now(&m->loop), m->peer[peer].shun)) {
		conn_finish(&ch->conn);
		return;
	}
	if (peer >= 0 || roles)
		knock_give_back(&m->knock, &ch->from);
	if (peer > (int)m->self) {
		adopt(ch, peer);
		return;
	}
	say_hello(ch, roles);
	if (roles) {
		tell_lines(ch);
		return;
	}
	fp_format(fp, name);
	log_info("%s at %s is not admitted", name, addr_format(&ch->from, text));
	conn_finish(&ch->conn);
}

static void on_open(struct conn *c)
{
	struct channel *ch = container_of(c, struct channel, conn);

	if (ch->peer >= 0) {
		peer_up(ch);
		return;
	}
	ch->shaking = false;
	ch->m->shaking--;
	judge(ch);
}

static void tell_status(struct channel *ch)
{
	uint8_t frame[HELLO_STATUS_MAX];
	struct replica_status s;

	replica_status(ch->m->replica, &s);
	conn_send(&ch->conn, frame, hello_status_put(frame, &s, ch->m->party.cluster.n));
}

/* Each end answers for what it signs, and a replica for what it passes on, since it verifies that
 * first: the handshake leaves no doubt who it was. */
static void punish(struct channel *ch)
{
	struct manager *m = ch->m;
	struct peer *p = ch->peer >= 0 ? &m->peer[ch->peer] : NULL;
	char name[FP_STR_MAX];

	fp_format(conn_peer(&ch->conn), name);
	log_info("%s is cut off: bad signature", name);
	if (!p)
		knock_take(&m->knock, &ch->from, loop_now(&m->loop)); /* it had its own back */
	drop(ch);
	if (!p)
		return;
	p->shun = mono_add_ms(loop_now(&m->loop), SHUN_MS);
	if (p->index < m->self)
		retry_later(p);
}

static void on_frame(struct conn *c, const uint8_t *p, size_t len)
{
	struct channel *ch = container_of(c, struct channel, conn);
	struct replica_event ev = {
		.type = REPLICA_REQUEST, .chan = ch->chan, .bytes = p, .len = len
	};

	ch->used = loop_now(&ch->m->loop);
	if (ch->peer >= 0) {
		ev.type = REPLICA_MESSAGE;
		ev.from = (uint32_t)ch->peer;
	} else if (len && p[0] == HELLO_ASK) {
		tell_status(ch);
		return;
	} else {
		ev.client = *conn_peer(c);
	}
	if (manager_step(ch->m, &ev) == REPLICA_BAD_SIG && ch->live && ch->chan == ev.chan)
		punish(ch);
}

static void on_close(struct conn *c, int err, const char *why)
{
	struct channel *ch = container_of(c, struct channel, conn);
	struct manager *m = ch->m;
	struct peer *p = ch->peer >= 0 ? &m->peer[ch->peer] : NULL;
	char text[ADDR_STR_MAX];

	release(ch);
	if (!p) {
		if (err)
			log_debug("%s: %s", addr_format(&ch->from, text), why);
		return;
	}
	if (p->ch != ch)
		return;
	p->ch = NULL;
	log_info("replica %u: %s", p->index, why);
	if (p->index < m->self)
		retry_later(p);
}

static const struct conn_ops ops = {
	.on_open = on_open,
	.on_frame = on_frame,
	.on_close = on_close,
};

static void welcome(struct manager *m, int fd, const struct addr *from)
{
	struct channel *ch;
	char text[ADDR_STR_MAX];

	if (m->shaking >= SHAKING_MAX || !knock_take(&m->knock, from, loop_now(&m->loop))) {
		log_debug("%s knocks too often", addr_format(from, text));
		close(fd);
		return;
	}
	ch = take(m, -1);
	if (!ch) {
		log_warn("no channel is free for %s", addr_format(from, text));
		close(fd);
		return;
	}
	ch->from = *from;
	if (conn_accept(&ch->conn, fd)) {
		release(ch);
		return;
	}
	ch->shaking = true;
	m->shaking++;
}

static void listener_ready(struct watch *w, uint32_t got)
{
	struct manager *m = container_of(w, struct manager, door.watch);
	struct addr from;

	(void)got;
	for (int i = 0; i < ACCEPTS_MAX; i++) {
		int fd = door_accept(&m->door, &from);

		if (fd < 0)
			return;
		welcome(m, fd, &from);
	}
}

static int start_peer(struct manager *m, uint32_t i)
{
	struct peer *p = &m->peer[i];

	p->m = m;
	p->index = i;
	p->retry.fire = peer_retry;
	p->retry_ms = RETRY_MS;
	p->in = malloc(REPLICA_FRAME_MAX);
	p->out = malloc(PEER_OUT_BYTES);
	if (!p->in || !p->out)
		return report_error(m->c, EXIT_FAILED, "free some memory", "manager",
				    "out of memory");
	if (i < m->self)
		connect_peer(p);
	return 0;
}

int net_start(struct manager *m, const struct addr *at)
{
	char text[ADDR_STR_MAX];
	int r = 0;

	m->ops = &ops;
	r = sock_listen(at);
	r = r < 0 ? r : door_open(&m->door, &m->loop, r, listener_ready);
	if (r < 0)
		return report_error(m->c, EXIT_FAILED, sock_advice(r), addr_format(at, text),
				    "cannot listen: %s", strerror(-r));
	for (uint32_t i = 0; !r && i < m->party.cluster.n; i++)
		if (i != m->self)
			r = start_peer(m, i);
	return r;
}

void net_stop(struct manager *m)
{
	loop_del(&m->loop, &m->door.watch);
	close(m->door.watch.fd);
	for (uint32_t i = 0; i < m->channels; i++)
		if (m->channel[i].live)
			conn_close(&m->channel[i].conn);
}

void net_to_replica(struct manager *m, uint32_t i, const uint8_t *p, size_t len)
{
	struct channel *ch = m->peer[i].ch;

	if (ch && conn_state(&ch->conn) == CONN_OPEN && conn_send(&ch->conn, p, len))
		log_debug("replica %u does not keep up", i);
}

void net_to_client(struct manager *m, uint64_t chan, const uint8_t *p, size_t len)
{
	struct channel *ch = &m->channel[chan % CHANNELS_MAX];

	if (ch->live && ch->chan == chan && conn_send(&ch->conn, p, len))
		log_debug("a client does not read its answers");
}

void net_expel(struct manager *m)
{
	char name[FP_STR_MAX];

	for (uint32_t i = 0; i < m->channels; i++) {
		struct channel *ch = &m->channel[i];

		if (!ch->live || ch->peer >= 0 || conn_state(&ch->conn) != CONN_OPEN ||
		    replica_roles(m->replica, conn_peer(&ch->conn)))
			continue;
		fp_format(conn_peer(&ch->conn), name);
		log_info("%s is admitted no more", name);
		drop(ch);
	}
}

static void each_client(struct manager *m, void (*tell)(struct channel *ch))
{
	for (uint32_t i = 0; i < m->channels; i++) {
		struct channel *ch = &m->channel[i];

		if (ch->live && ch->peer < 0 && conn_state(&ch->conn) == CONN_OPEN)
			tell(ch);
	}
}

static void tell_changed(struct channel *ch)
{
	static const uint8_t changed = HELLO_CHANGED;

	conn_send(&ch->conn, &changed, sizeof changed);
}

void net_tell_changed(struct manager *m)
{
	each_client(m, tell_changed);
}

static void save_cluster(struct manager *m)
{
	char path[HOME_PATH_MAX], text[CLUSTER_TEXT_MAX];
	size_t len = cluster_format(&m->party.cluster, text, sizeof text);
	int r = home_path(m->c, "cluster", path) ? home_write_file(path, text, len, 0644) : -ENOENT;

	if (r)
		log_line(LOG_ERR, r, "the new cluster file could not be written");
}

void net_reconfigure(struct manager *m)
{
	const struct cluster *now = in_force(m);

	for (uint32_t i = 0; i < now->n; i++) {
		const struct cluster_replica *a = &m->party.cluster.replica[i];
		const struct cluster_replica *b = &now->replica[i];

		if (i == m->self || (addr_eq(&a->addr, &b->addr) && fp_eq(&a->fp, &b->fp)))
			continue;
		log_info("replica %u is another one now", i);
		m->peer[i].shun = mono_us(0);
		if (m->peer[i].ch)
			drop(m->peer[i].ch);
		if (i < m->self)
			connect_peer(&m->peer[i]);
	}
	m->party.cluster = *now;
	save_cluster(m);
	each_client(m, tell_lines);
}
