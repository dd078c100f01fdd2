/* core/flowmsg.c - the messages inside a flow's TLS: shares and acknowledgements, nothing else */
#include "core/flowmsg.h"

#include <string.h>

#include "core/buf.h"
#include "core/check.h"

static void put_join(struct buf *b, const struct msg_join *m)
{
	buf_put_u8(b, FLOWMSG_VERSION);
	buf_put_bytes(b, m->sid, sizeof m->sid);
	buf_put_u8(b, (uint8_t)m->n);
	buf_put_u32(b, m->j);
	buf_put_u8(b, m->aead);
	buf_put_u32(b, m->window);
	buf_put_bytes(b, m->share, sizeof m->share);
	for (uint32_t i = 0; i < m->n; i++) {
		buf_put_u32(b, m->path[i].number);
		buf_put_bytes(b, m->path[i].node.b, FP_BYTES);
	}
}

static bool get_join(struct buf *b, struct msg_join *m)
{
	bool listed = false;

	if (buf_get_u8(b) != FLOWMSG_VERSION)
		return false;
	buf_get_copy(b, m->sid, sizeof m->sid);
	m->n = buf_get_u8(b);
	m->j = buf_get_u32(b);
	m->aead = buf_get_u8(b);
	m->window = buf_get_u32(b);
	buf_get_copy(b, m->share, sizeof m->share);
	if (!m->n || m->n > PATHS_MAX || m->window < WINDOW_MIN)
		return false;
	for (uint32_t i = 0; i < m->n; i++) {
		m->path[i].number = buf_get_u32(b);
		buf_get_copy(b, m->path[i].node.b, FP_BYTES);
		listed |= m->path[i].number == m->j;
		for (uint32_t k = 0; k < i; k++)
			if (m->path[k].number == m->path[i].number)
				return false;
	}
	return listed;
}

static void put_ack(struct buf *b, const struct msg_ack *m)
{
	buf_put_u8(b, m->dir);
	buf_put_u64(b, m->next);
	buf_put_u64(b, m->limit);
	buf_put_u8(b, (uint8_t)m->n);
	for (uint32_t i = 0; i < m->n; i++) {
		buf_put_u64(b, m->range[i].from);
		buf_put_u64(b, m->range[i].to);
	}
}

static bool get_ack(struct buf *b, struct msg_ack *m)
{
	uint64_t above;

	m->dir = buf_get_u8(b);
	above = m->next = buf_get_u64(b);
	m->limit = buf_get_u64(b);
	m->n = buf_get_u8(b);
	if (m->n > ACK_RANGES_MAX)
		return false;
	for (uint32_t i = 0; i < m->n; i++) {
		m->range[i].from = buf_get_u64(b);
		m->range[i].to = buf_get_u64(b);
		if (m->range[i].from <= above || m->range[i].to <= m->range[i].from)
			return false;
		above = m->range[i].to;
	}
	return m->dir <= DIR_TO_CLIENT && m->next <= m->limit;
}

static bool get_share(struct buf *b, struct msg_share *m)
{
	m->dir = buf_get_u8(b);
	m->e = buf_get_u32(b);
	m->prev_e = buf_get_u32(b);
	m->j = buf_get_u32(b);
	buf_get_copy(b, m->share, sizeof m->share);
	return m->dir <= DIR_TO_CLIENT && m->prev_e < m->e;
}

static bool get_share_ack(struct buf *b, struct msg_share_ack *m)
{
	m->dir = buf_get_u8(b);
	m->e = buf_get_u32(b);
	buf_get_copy(b, m->mac, sizeof m->mac);
	return m->dir <= DIR_TO_CLIENT;
}

/* Into out, of max + 1 bytes. */
static bool get_text(struct buf *b, char *out, size_t max)
{
	const uint8_t *text;
	size_t n;

	text = buf_get_lv(b, max, &n);
	if (!text)
		return false;
	memcpy(out, text, n);
	out[n] = 0;
	return !memchr(out, 0, n);
}

static bool get_stop(struct buf *b, struct msg_stop *m)
{
	m->code = buf_get_u8(b);
	return get_text(b, m->text, STOP_TEXT_MAX);
}

static void put_told(struct buf *b, const struct msg_told *m)
{
	buf_put_u8(b, m->kind);
	buf_put_lv(b, m->id, strlen(m->id));
	buf_put_lv(b, m->client, strlen(m->client));
	buf_put_lv(b, m->device, strlen(m->device));
	buf_put_u8(b, m->paths);
	buf_put_u32(b, m->seconds);
	buf_put_u64(b, m->value);
}

static bool get_told(struct buf *b, struct msg_told *m)
{
	m->kind = buf_get_u8(b);
	if (!get_text(b, m->id, TOLD_TEXT_MAX) || !get_text(b, m->client, TOLD_TEXT_MAX) ||
	    !get_text(b, m->device, TOLD_TEXT_MAX))
		return false;
	m->paths = buf_get_u8(b);
	m->seconds = buf_get_u32(b);
	m->value = buf_get_u64(b);
	return m->kind >= TOLD_COUNT && m->kind <= TOLD_END;
}

static bool get_traced(struct buf *b, struct msg_traced *m)
{
	uint8_t more = buf_get_u8(b);

	m->more = more;
	return more <= 1 && get_text(b, m->text, TRACE_PIECE_MAX);
}

static void put_body(struct buf *b, const struct flowmsg *m)
{
	switch (m->type) {
	case FLOWMSG_JOIN:
		put_join(b, &m->join);
		break;
	case FLOWMSG_SHARE:
		buf_put_u8(b, m->share.dir);
		buf_put_u32(b, m->share.e);
		buf_put_u32(b, m->share.prev_e);
		buf_put_u32(b, m->share.j);
		buf_put_bytes(b, m->share.share, sizeof m->share.share);
		break;
	case FLOWMSG_SHARE_ACK:
		buf_put_u8(b, m->share_ack.dir);
		buf_put_u32(b, m->share_ack.e);
		buf_put_bytes(b, m->share_ack.mac, sizeof m->share_ack.mac);
		break;
	case FLOWMSG_ACK:
		put_ack(b, &m->ack);
		break;
	case FLOWMSG_PING:
	case FLOWMSG_PONG:
		buf_put_u64(b, m->token);
		break;
	case FLOWMSG_STOP:
		buf_put_u8(b, m->stop.code);
		buf_put_lv(b, m->stop.text, strlen(m->stop.text));
		break;
	case FLOWMSG_ASK:
	case FLOWMSG_TRACE:
		break;
	case FLOWMSG_TOLD:
		put_told(b, &m->told);
		break;
	case FLOWMSG_TRACED:
		buf_put_u8(b, m->traced.more);
		buf_put_lv(b, m->traced.text, strlen(m->traced.text));
		break;
	}
}

static bool get_body(struct buf *b, struct flowmsg *m)
{
	switch (m->type) {
	case FLOWMSG_JOIN:
		return get_join(b, &m->join);
	case FLOWMSG_SHARE:
		return get_share(b, &m->share);
	case FLOWMSG_SHARE_ACK:
		return get_share_ack(b, &m->share_ack);
	case FLOWMSG_ACK:
		return get_ack(b, &m->ack);
	case FLOWMSG_PING:
	case FLOWMSG_PONG:
		m->token = buf_get_u64(b);
		return true;
	case FLOWMSG_STOP:
		return get_stop(b, &m->stop);
	case FLOWMSG_ASK:
	case FLOWMSG_TRACE:
		return true;
	case FLOWMSG_TOLD:
		return get_told(b, &m->told);
	case FLOWMSG_TRACED:
		return get_traced(b, &m->traced);
	}
	return false;
}

size_t flowmsg_encode(const struct flowmsg *m, uint8_t out[static FLOWMSG_BYTES_MAX])
{
	struct buf b, head;

	buf_init(&b, out, FLOWMSG_BYTES_MAX);
	buf_put_u8(&b, (uint8_t)m->type);
	buf_put_u16(&b, 0);
	put_body(&b, m);
	MUST(buf_ok(&b));
	buf_init(&head, out + 1, 2);
	buf_put_u16(&head, (uint16_t)(b.len - FLOWMSG_HEAD));
	return b.len;
}

size_t flowmsg_length(const uint8_t *p, size_t len)
{
	return len < FLOWMSG_HEAD ? 0 : FLOWMSG_HEAD + ((size_t)p[1] << 8 | p[2]);
}

bool flowmsg_decode(struct flowmsg *m, const uint8_t *p, size_t len)
{
	struct buf b;
	size_t body;

	memset(m, 0, sizeof *m);
	buf_over(&b, p, len);
	m->type = (enum flowmsg_type)buf_get_u8(&b);
	body = buf_get_u16(&b);
	return buf_ok(&b) && body == buf_left(&b) && get_body(&b, m) && buf_done(&b);
}
