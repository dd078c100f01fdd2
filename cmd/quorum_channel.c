/* cmd/quorum_channel.c - a channel to every replica, opened again when it is lost, and what the
 * replicas say on it besides answers */
#include <stdio.h>
#include <string.h>

#include "cmd/quorum_inner.h"
#include "core/check.h"
#include "core/log.h"
#include "core/secret.h"

enum {
	HANDSHAKE_MS = 5000,
	SILENCE_MS = 20000,
	RETRY_MS = 100, /* doubles up to the next */
	RETRY_MS_MAX = 5000,
};

uint32_t quorum_channels_up(const struct quorum *q)
{
	uint32_t mask = 0;

	for (uint32_t i = 0; i < quorum_n(q); i++)
		mask |= (uint32_t)(conn_state(&q->ch[i].conn) == CONN_OPEN) << i;
	return mask;
}

void quorum_send_to(struct quorum *q, uint32_t to, const uint8_t *p, size_t len)
{
	for (uint32_t i = 0; i < quorum_n(q); i++)
		if (to & 1u << i && conn_state(&q->ch[i].conn) == CONN_OPEN)
			conn_send(&q->ch[i].conn, p, len);
}

/* Counts what the replicas said; unchanged while too few say anything. */
static void judge_standing(struct quorum *q)
{
	uint32_t admitted = 0, denied = 0;

	for (uint32_t i = 0; i < quorum_n(q); i++) {
		admitted += q->ch[i].has_hello && q->ch[i].hello.roles;
		denied += q->ch[i].has_hello && !q->ch[i].hello.roles;
	}
	if (admitted >= quorum_enough(q))
		quorum_stands(q, QUORUM_ADMITTED);
	else if (denied >= quorum_enough(q))
		quorum_stands(q, QUORUM_DENIED);
}

static void take_hello(struct replica_channel *ch, const uint8_t *p, size_t len)
{
	struct quorum *q = ch->q;

	ch->has_hello = hello_get(&ch->hello, p, len) && ch->hello.index == ch->index;
	if (!ch->has_hello)
		return;
	if (memcmp(ch->hello.cluster, q->p->cluster_id, 32))
		log_warn("replica %u serves another cluster file than ours", ch->index);
	ch->retry_ms = ch->hello.roles ? RETRY_MS : RETRY_MS_MAX;
	judge_standing(q);
}

static void on_open(struct conn *c)
{
	struct replica_channel *ch = container_of(c, struct replica_channel, conn);

	quorum_linked(ch->q);
	if (ch->q->asking)
		quorum_ask_one(ch);
}

static void take_status(struct replica_channel *ch, const uint8_t *p, size_t len)
{
	struct quorum *q = ch->q;
	uint32_t told = 0;

	ch->has_status = hello_status_get(&ch->status, quorum_n(q), p, len);
	for (uint32_t i = 0; i < quorum_n(q); i++)
		told += q->ch[i].has_status;
	if (!q->asking || told < quorum_n(q))
		return;
	q->asking = false;
	loop_stop(q->loop);
}

static void on_frame(struct conn *c, const uint8_t *p, size_t len)
{
	struct replica_channel *ch = container_of(c, struct replica_channel, conn);

	if (len && p[0] == HELLO_TYPE) {
		take_hello(ch, p, len);
	} else if (len && p[0] == HELLO_STATUS) {
		take_status(ch, p, len);
	} else if (len && p[0] == HELLO_LINES) {
		quorum_take_lines(ch, p, len);
	} else if (len && p[0] == HELLO_CHANGED) {
		if (ch->q->on_directory)
			ch->q->on_directory(ch->q->directory_owner);
	} else {
		quorum_heard(ch->q, ch->index, p, len);
	}
}

static void retry_later(struct replica_channel *ch)
{
	uint8_t jitter;

	secret_bytes(&jitter, sizeof jitter);
	loop_arm(ch->q->loop, &ch->retry,
		 mono_add_ms(loop_now(ch->q->loop), ch->retry_ms + ch->retry_ms * jitter / 512));
	ch->retry_ms = ch->retry_ms * 2 < RETRY_MS_MAX ? ch->retry_ms * 2 : RETRY_MS_MAX;
}

static void on_close(struct conn *c, int err, const char *why)
{
	struct replica_channel *ch = container_of(c, struct replica_channel, conn);

	(void)err;
	snprintf(ch->why, sizeof ch->why, "%s",
		 ch->has_hello && !ch->hello.roles ? "this key is not admitted" : why);
	log_debug("replica %u: %s", ch->index, ch->why);
	quorum_linked(ch->q);
	retry_later(ch);
}

static const struct conn_ops ops = {
	.on_open = on_open,
	.on_frame = on_frame,
	.on_close = on_close,
};

static void connect_to(struct replica_channel *ch)
{
	int err = conn_connect(&ch->conn, &ch->line.addr, NULL, &ch->line.fp);

	if (!err)
		return;
	snprintf(ch->why, sizeof ch->why, "%s", strerror(-err));
	retry_later(ch);
}

void quorum_reconnect(struct replica_channel *ch)
{
	conn_close(&ch->conn);
	quorum_linked(ch->q);
	ch->has_hello = ch->has_status = false;
	ch->lines.n = 0;
	ch->retry_ms = RETRY_MS;
	loop_arm(ch->q->loop, &ch->retry, loop_now(ch->q->loop)); /* we may be called by it */
}

static void retry(struct timer *t, mono_t now)
{
	(void)now;
	connect_to(container_of(t, struct replica_channel, retry));
}

void quorum_open_channel(struct quorum *q, uint32_t i)
{
	struct replica_channel *ch = &q->ch[i];

	ch->q = q;
	ch->index = i;
	ch->line = q->p->cluster.replica[i];
	ch->retry.fire = retry;
	ch->retry_ms = RETRY_MS;
	conn_init(&ch->conn, &(struct conn_config){
		.loop = q->loop,
		.cert = &q->p->cert,
		.ops = &ops,
		.in = ch->in,
		.frame_bytes_max = sizeof ch->in,
		.out = ch->out,
		.out_bytes = sizeof ch->out,
		.handshake_ms = HANDSHAKE_MS,
		.silence_ms = SILENCE_MS,
	});
	connect_to(ch);
}
