/* tuple/hello.c - what a replica says about itself and the channel */
#include "tuple/hello.h"

#include <string.h>

#include "core/buf.h"
#include "core/check.h"

enum { FLAG_ACTIVE = 1, FLAG_OBSERVER = 2, FLAGS = 3 };

size_t hello_put(uint8_t *out, const struct hello *h)
{
	struct buf b;

	buf_init(&b, out, HELLO_BYTES);
	buf_put_u8(&b, HELLO_TYPE);
	buf_put_u8(&b, HELLO_VERSION);
	buf_put_bytes(&b, h->cluster, sizeof h->cluster);
	buf_put_u8(&b, (uint8_t)h->index);
	buf_put_u8(&b, (uint8_t)h->roles);
	buf_put_bytes(&b, h->seen.ip, sizeof h->seen.ip);
	buf_put_u16(&b, h->seen.port);
	MUST(b.len == HELLO_BYTES);
	return b.len;
}

bool hello_get(struct hello *h, const uint8_t *p, size_t len)
{
	struct buf b;
	bool known;

	buf_over(&b, p, len);
	known = buf_get_u8(&b) == HELLO_TYPE;
	known &= buf_get_u8(&b) == HELLO_VERSION;
	buf_get_copy(&b, h->cluster, sizeof h->cluster);
	h->index = buf_get_u8(&b);
	h->roles = buf_get_u8(&b);
	buf_get_copy(&b, h->seen.ip, sizeof h->seen.ip);
	h->seen.port = buf_get_u16(&b);
	return known && buf_done(&b) && h->index < REPLICAS_MAX;
}

size_t hello_status_put(uint8_t *out, const struct replica_status *s, uint32_t n)
{
	struct buf b;

	buf_init(&b, out, HELLO_STATUS_MAX);
	buf_put_u8(&b, HELLO_STATUS);
	buf_put_u32(&b, s->config);
	buf_put_u8(&b, (uint8_t)s->self);
	buf_put_u8(&b, (uint8_t)s->leader);
	buf_put_u8(&b,
		   (uint8_t)((s->active ? FLAG_ACTIVE : 0) | (s->observer ? FLAG_OBSERVER : 0)));
	buf_put_u64(&b, s->view);
	buf_put_u64(&b, s->slot);
	buf_put_u64(&b, s->stable);
	buf_put_u64(&b, (uint64_t)s->time_us);
	buf_put_u32(&b, s->tuples);
	buf_put_u32(&b, s->sessions);
	buf_put_u32(&b, s->waiters);
	buf_put_u32(&b, s->pending);
	buf_put_u8(&b, (uint8_t)n);
	for (uint32_t i = 0; i < n; i++)
		buf_put_u64(&b, s->peer_slot[i]);
	MUST(buf_ok(&b));
	return b.len;
}

bool hello_status_get(struct replica_status *s, uint32_t n, const uint8_t *p, size_t len)
{
	struct buf b;
	uint8_t type, flags;

	memset(s, 0, sizeof *s);
	buf_over(&b, p, len);
	type = buf_get_u8(&b);
	s->config = buf_get_u32(&b);
	s->self = buf_get_u8(&b);
	s->leader = buf_get_u8(&b);
	flags = buf_get_u8(&b);
	s->active = flags & FLAG_ACTIVE;
	s->observer = flags & FLAG_OBSERVER;
	s->view = buf_get_u64(&b);
	s->slot = buf_get_u64(&b);
	s->stable = buf_get_u64(&b);
	s->time_us = (int64_t)buf_get_u64(&b);
	s->tuples = buf_get_u32(&b);
	s->sessions = buf_get_u32(&b);
	s->waiters = buf_get_u32(&b);
	s->pending = buf_get_u32(&b);
	if (type != HELLO_STATUS || flags > FLAGS || buf_get_u8(&b) != n || n > REPLICAS_MAX)
		return false;
	for (uint32_t i = 0; i < n; i++)
		s->peer_slot[i] = buf_get_u64(&b);
	return buf_done(&b) && s->self < n && s->leader < n;
}

size_t hello_lines_put(uint8_t *out, const struct hello_lines *l)
{
	struct buf b;

	buf_init(&b, out, HELLO_LINES_MAX);
	buf_put_u8(&b, HELLO_LINES);
	buf_put_u32(&b, l->config);
	buf_put_u8(&b, (uint8_t)l->n);
	for (uint32_t i = 0; i < l->n; i++) {
		buf_put_bytes(&b, l->replica[i].addr.ip, sizeof l->replica[i].addr.ip);
		buf_put_u16(&b, l->replica[i].addr.port);
		buf_put_bytes(&b, l->replica[i].fp.b, FP_BYTES);
	}
	MUST(buf_ok(&b));
	return b.len;
}

bool hello_lines_get(struct hello_lines *l, const uint8_t *p, size_t len)
{
	struct buf b;
	bool known;

	memset(l, 0, sizeof *l);
	buf_over(&b, p, len);
	known = buf_get_u8(&b) == HELLO_LINES;
	l->config = buf_get_u32(&b);
	l->n = buf_get_u8(&b);
	if (!known || l->n > REPLICAS_MAX)
		return false;
	for (uint32_t i = 0; i < l->n; i++) {
		buf_get_copy(&b, l->replica[i].addr.ip, sizeof l->replica[i].addr.ip);
		l->replica[i].addr.port = buf_get_u16(&b);
		buf_get_copy(&b, l->replica[i].fp.b, FP_BYTES);
	}
	return buf_done(&b);
}
