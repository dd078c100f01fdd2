/* test/fuzz/fuzz_content.c - any bytes as the stream of files and as a note, in pieces: the pieces
 * do not matter, nothing is invented, and no file gets more bytes than it promised */
#include <string.h>

#include "core/check.h"
#include "core/content.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sum {
	uint32_t files, closed;
	uint64_t bytes, of_file;
	uint32_t hash;
	bool bad, end;
};

static void note(struct sum *s, const struct content_reader *r, enum content_event e)
{
	s->bad |= e == CONTENT_BAD;
	s->end |= e == CONTENT_END;
	s->files += e == CONTENT_FILE;
	s->closed += e == CONTENT_CLOSE;
	if (e == CONTENT_FILE)
		s->of_file = 0;
	if (e != CONTENT_BYTES)
		return;
	MUST(r->span_len);
	for (size_t i = 0; i < r->span_len; i++)
		s->hash = s->hash * 31 + r->span[i];
	s->bytes += r->span_len;
	s->of_file += r->span_len;
	MUST(r->file.size == CONTENT_UNKNOWN || s->of_file <= r->file.size);
}

static struct sum read_in(const uint8_t *data, size_t size, size_t piece)
{
	struct content_reader r;
	struct sum s = { 0 };

	content_reader_init(&r);
	for (size_t at = 0; at < size && !s.bad; at += piece) {
		size_t n = size - at < piece ? size - at : piece;
		const uint8_t *p = data + at;
		enum content_event e;

		do {
			e = content_read(&r, &p, &n);
			note(&s, &r, e);
		} while (e != CONTENT_MORE && e != CONTENT_BAD);
		MUST(s.bad || !n);
	}
	MUST(strlen(r.file.name) <= CONTENT_NAME_MAX);
	MUST(r.file.mode <= 0777);
	MUST(!s.end || (s.files == r.head.files && s.closed == s.files));
	MUST(content_complete(&r) == (s.end && !s.bad));
	return s;
}

/* What a DATA record lends lies in it, and goes back into the same head. */
static void data_record(const uint8_t *data, size_t size)
{
	const uint8_t *p = data;
	uint8_t head[CONTENT_DATA_HEAD];
	size_t len = size;

	if (!content_get_data(&p, &len)) {
		MUST(p == data && len == size);
		return;
	}
	MUST(p == data + CONTENT_DATA_HEAD && len <= size - CONTENT_DATA_HEAD);
	content_put_data(head, len);
	MUST(!memcmp(head, data, sizeof head));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sum a = read_in(data, size, size + 1), b;
	struct content_note n, back;
	uint8_t out[CONTENT_NOTE_MAX];

	data_record(data, size);
	b = read_in(data, size, size ? 1 + data[0] % 7 : 1);
	MUST(a.files == b.files && a.closed == b.closed && a.bytes == b.bytes);
	MUST(a.hash == b.hash && a.bad == b.bad && a.end == b.end);
	if (!content_get_note(&n, data, size))
		return 0;
	MUST(strlen(n.text) <= CONTENT_TEXT_MAX);
	MUST(content_get_note(&back, out, content_put_note(out, &n)));
	MUST(!memcmp(&n.records, &back.records, sizeof n.records) && n.code == back.code);
	MUST(!strcmp(n.text, back.text));
	return 0;
}
