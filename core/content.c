/* core/content.c - what the plaintext of a direction means: record kinds, and files as one stream
 */
#include "core/content.h"

#include <string.h>

#include "core/check.h"
#include "core/pad.h"

enum state { AT_HEAD, AT_FILE, IN_SIZED, AT_CHUNK, IN_CHUNK, AT_CLOSE, AT_END, AT_BAD };

void content_put_head(struct buf *b, const struct content_head *h)
{
	buf_put_bytes(b, "mf\1\1", 4);
	buf_put_u32(b, h->files);
	buf_put_u64(b, h->bytes);
}

void content_put_file(struct buf *b, const struct content_file *f)
{
	buf_put_u8(b, 'F');
	buf_put_lv(b, f->name, strlen(f->name));
	buf_put_u64(b, f->size);
	buf_put_u16(b, f->mode);
}

void content_put_data(uint8_t out[static CONTENT_DATA_HEAD], size_t n)
{
	out[0] = KIND_DATA;
	out[1] = (uint8_t)(n >> 8);
	out[2] = (uint8_t)n;
}

bool content_get_data(const uint8_t **p, size_t *len)
{
	const uint8_t *bytes;
	struct buf b;
	size_t n;

	buf_over(&b, *p, *len);
	if (buf_get_u8(&b) != KIND_DATA)
		return false;
	bytes = buf_get_lv(&b, *len, &n);
	if (!bytes)
		return false;
	*p = bytes;
	*len = n;
	return true;
}

size_t content_put_note(uint8_t out[static CONTENT_NOTE_MAX], const struct content_note *n)
{
	struct buf b;
	size_t len;

	memset(out, 0, CONTENT_NOTE_MAX);
	buf_init(&b, out, CONTENT_NOTE_MAX);
	buf_put_u8(&b, (uint8_t)n->kind);
	if (n->kind == KIND_END) {
		buf_put_u64(&b, n->records);
		buf_put_u64(&b, n->bytes);
	} else if (n->kind == KIND_NAMED) {
		buf_put_u32(&b, n->index);
		buf_put_lv(&b, n->text, strlen(n->text));
	} else {
		buf_put_u8(&b, n->code);
		buf_put_u32(&b, n->files);
		buf_put_u64(&b, n->bytes);
		buf_put_lv(&b, n->text, strlen(n->text));
	}
	len = (size_t)pad_length(b.len);
	MUST(buf_ok(&b) && len <= CONTENT_NOTE_MAX);
	return len;
}

static void get_text(struct buf *b, char out[static CONTENT_TEXT_MAX + 1])
{
	size_t n;
	const uint8_t *p = buf_get_lv(b, CONTENT_TEXT_MAX, &n);

	if (p)
		memcpy(out, p, n);
	out[n] = 0;
}

bool content_get_note(struct content_note *n, const uint8_t *p, size_t len)
{
	struct buf b;

	memset(n, 0, sizeof *n);
	buf_over(&b, p, len);
	n->kind = (enum content_kind)buf_get_u8(&b);
	switch (n->kind) {
	case KIND_END:
		n->records = buf_get_u64(&b);
		n->bytes = buf_get_u64(&b);
		return buf_ok(&b);
	case KIND_NAMED:
		n->index = buf_get_u32(&b);
		get_text(&b, n->text);
		return buf_ok(&b);
	case KIND_RESULT:
		n->code = buf_get_u8(&b);
		n->files = buf_get_u32(&b);
		n->bytes = buf_get_u64(&b);
		get_text(&b, n->text);
		return buf_ok(&b);
	case KIND_DATA:
		break;
	}
	return false;
}

void content_reader_init(struct content_reader *r)
{
	memset(r, 0, sizeof *r);
}

/* Collects input until part holds n bytes. */
static bool collect(struct content_reader *r, size_t n, const uint8_t **p, size_t *len)
{
	size_t take = n > r->part_len ? n - r->part_len : 0;

	MUST(n <= sizeof r->part);
	if (take > *len)
		take = *len;
	memcpy(r->part + r->part_len, *p, take);
	r->part_len += take;
	*p += take;
	*len -= take;
	return r->part_len >= n;
}

static enum content_event bad(struct content_reader *r)
{
	r->state = AT_BAD;
	return CONTENT_BAD;
}

static enum content_event read_head(struct content_reader *r, const uint8_t **p, size_t *len)
{
	struct buf b;

	if (!collect(r, CONTENT_HEAD_BYTES, p, len))
		return CONTENT_MORE;
	buf_over(&b, r->part, r->part_len);
	if (memcmp(buf_get_bytes(&b, 4), "mf\1\1", 4))
		return bad(r);
	r->head.files = buf_get_u32(&b);
	r->head.bytes = buf_get_u64(&b);
	r->part_len = 0;
	r->state = AT_FILE;
	return r->head.files <= CONTENT_FILES_MAX ? CONTENT_HEAD : bad(r);
}

static enum content_event file_begins(struct content_reader *r, size_t name_len)
{
	struct buf b;

	buf_over(&b, r->part + 3, r->part_len - 3);
	memcpy(r->file.name, buf_get_bytes(&b, name_len), name_len);
	r->file.name[name_len] = 0;
	r->file.size = buf_get_u64(&b);
	r->file.mode = buf_get_u16(&b) & 0777;
	r->part_len = 0;
	r->index++;
	r->left = r->file.size;
	r->state = r->file.size == CONTENT_UNKNOWN ? AT_CHUNK : r->left ? IN_SIZED : AT_CLOSE;
	return memchr(r->file.name, 0, name_len) ? bad(r) : CONTENT_FILE;
}

static enum content_event read_file(struct content_reader *r, const uint8_t **p, size_t *len)
{
	size_t name_len;

	if (!collect(r, 1, p, len))
		return CONTENT_MORE;
	if (r->part[0] == 'Z') {
		r->state = AT_END;
		return r->index == r->head.files ? CONTENT_END : bad(r);
	}
	if (r->part[0] != 'F' || r->index == r->head.files)
		return bad(r);
	if (!collect(r, 3, p, len))
		return CONTENT_MORE;
	name_len = (size_t)r->part[1] << 8 | r->part[2];
	if (name_len > CONTENT_NAME_MAX)
		return bad(r);
	if (!collect(r, 3 + name_len + 10, p, len))
		return CONTENT_MORE;
	return file_begins(r, name_len);
}

static enum content_event read_bytes(struct content_reader *r, const uint8_t **p, size_t *len)
{
	if (!*len)
		return CONTENT_MORE;
	r->span = *p;
	r->span_len = r->left < *len ? (size_t)r->left : *len;
	r->left -= r->span_len;
	*p += r->span_len;
	*len -= r->span_len;
	if (!r->left)
		r->state = r->state == IN_CHUNK ? AT_CHUNK : AT_CLOSE;
	return CONTENT_BYTES;
}

static bool read_chunk(struct content_reader *r, const uint8_t **p, size_t *len)
{
	struct buf b;

	if (!collect(r, 4, p, len))
		return false;
	buf_over(&b, r->part, 4);
	r->left = buf_get_u32(&b);
	r->part_len = 0;
	r->state = r->left ? IN_CHUNK : AT_CLOSE;
	return true;
}

enum content_event content_read(struct content_reader *r, const uint8_t **p, size_t *len)
{
	if (r->state == AT_CHUNK && !read_chunk(r, p, len))
		return CONTENT_MORE;
	switch ((enum state)r->state) {
	case AT_HEAD:
		return read_head(r, p, len);
	case AT_FILE:
		return read_file(r, p, len);
	case IN_SIZED:
	case IN_CHUNK:
		return read_bytes(r, p, len);
	case AT_CLOSE:
		r->state = AT_FILE;
		return CONTENT_CLOSE;
	case AT_END:
		*p += *len;
		*len = 0;
		return CONTENT_MORE;
	case AT_CHUNK:
	case AT_BAD:
		break;
	}
	return CONTENT_BAD;
}

bool content_complete(const struct content_reader *r)
{
	return r->state == AT_END;
}
