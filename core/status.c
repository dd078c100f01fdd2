/* core/status.c - what a node or device tells about itself over TLS: names with numbers */
#include "core/status.h"

#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/check.h"

enum { MARK = 7 };

static const char question[] = "status?", answer[] = "status!";

void status_add(struct status *s, const char *name, uint64_t value)
{
	if (s->n == STATUS_ITEMS_MAX)
		return;
	snprintf(s->item[s->n].name, sizeof s->item[0].name, "%s", name);
	s->item[s->n++].value = value;
}

bool status_is_question(const void *p, size_t len)
{
	return len == MARK && !memcmp(p, question, MARK);
}

size_t status_question(uint8_t out[static STATUS_BYTES_MAX])
{
	memcpy(out, question, MARK);
	return MARK;
}

size_t status_encode(const struct status *s, uint8_t out[static STATUS_BYTES_MAX])
{
	struct buf b;

	buf_init(&b, out, STATUS_BYTES_MAX);
	buf_put_bytes(&b, answer, MARK);
	buf_put_u16(&b, (uint16_t)s->n);
	for (uint32_t i = 0; i < s->n; i++) {
		buf_put_lv(&b, s->item[i].name, strlen(s->item[i].name));
		buf_put_u64(&b, s->item[i].value);
	}
	MUST(buf_ok(&b));
	return b.len;
}

bool status_decode(struct status *s, const uint8_t *p, size_t len)
{
	const uint8_t *mark;
	uint32_t n;
	struct buf b;

	memset(s, 0, sizeof *s);
	buf_over(&b, p, len);
	mark = buf_get_bytes(&b, MARK);
	n = buf_get_u16(&b);
	if (!mark || memcmp(mark, answer, MARK) || n > STATUS_ITEMS_MAX)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		size_t name_len;
		const uint8_t *name = buf_get_lv(&b, STATUS_NAME_MAX, &name_len);

		if (name)
			memcpy(s->item[i].name, name, name_len);
		s->item[i].value = buf_get_u64(&b);
	}
	s->n = n;
	return buf_done(&b);
}
