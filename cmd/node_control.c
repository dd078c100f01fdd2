/* cmd/node_control.c - a node's TLS control channel: tells admitted parties how it is */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/node.h"
#include "core/check.h"
#include "core/log.h"

enum { HANDSHAKE_MS = 10000, SILENCE_MS = 30000 };

static void fill(const struct node *n, int row, bool admin, struct status *s)
{
	char name[STATUS_NAME_MAX + 1];

	if (row >= 0)
		status_add(s, "your forwards", n->gate->client[row].forwards);
	if (!admin)
		return;
	status_add(s, "forwards", n->gate->forwards);
	status_add(s, "connections", n->links);
	status_add(s, "bytes relayed by ended forwards", n->relayed_bytes);
	status_add(s, "probes", n->probes);
	for (int i = 0; i < OPEN_VERDICTS; i++) {
		snprintf(name, sizeof name, "OPEN: %s", open_verdict_str[i]);
		if (n->gate->count[i])
			status_add(s, name, n->gate->count[i]);
	}
}

static struct control *control_of(struct conn *c)
{
	return container_of(c, struct control, conn);
}

static void on_open(struct conn *conn)
{
	struct control *k = control_of(conn);
	struct node *n = k->node;

	if (directory_roles(n->st.d, conn_peer(conn))) {
		knock_give_back(&n->st.knock, &k->peer);
		return;
	}
	log_info("control channel refused: unknown key");
	conn_close(conn);
}

static void on_frame(struct conn *conn, const uint8_t *p, size_t len)
{
	struct node *n = control_of(conn)->node;
	const struct fp *fp = conn_peer(conn);
	uint8_t out[STATUS_BYTES_MAX];
	struct status s = { 0 };

	if (!status_is_question(p, len)) {
		conn_close(conn);
		return;
	}
	fill(n, gate_find(n->gate, fp), directory_roles(n->st.d, fp) & ROLE_ADMIN, &s);
	conn_send(conn, out, status_encode(&s, out)); /* no room: it asked again before it read */
}

static void on_close(struct conn *conn, int err, const char *why)
{
	(void)conn;
	if (err)
		log_info("control channel ended: %s", why);
}

static const struct conn_ops control_ops = {
	.on_open = on_open,
	.on_frame = on_frame,
	.on_close = on_close,
};

void control_begin(struct node *n, int fd, const struct addr *peer)
{
	for (uint32_t i = 0; i < CONTROLS_MAX; i++) {
		struct control *k = &n->control[i];
		struct conn_config cfg = { .loop = &n->st.loop,
					   .cert = &n->st.party.cert,
					   .ops = &control_ops,
					   .in = k->in,
					   .frame_bytes_max = sizeof k->in,
					   .out = k->out,
					   .out_bytes = sizeof k->out,
					   .handshake_ms = HANDSHAKE_MS,
					   .silence_ms = SILENCE_MS };

		if (k->node && conn_state(&k->conn) != CONN_IDLE)
			continue;
		k->node = n;
		k->peer = *peer;
		conn_init(&k->conn, &cfg);
		conn_accept(&k->conn, fd); /* closes fd when it fails */
		return;
	}
	close(fd);
}
