/* test/unit/test_content.c - files as one stream in pieces of any size, and the notes beside it */
#include "core/content.h"
#include "test/unit/test.h"

static uint8_t stream[2000];
static char story[500]; /* what a reader made of it */

static void tell(const char *what, const void *text, size_t len)
{
	size_t at = strlen(story);

	snprintf(story + at, sizeof story - at, "%s%.*s", what, (int)len, (const char *)text);
}

static void tell_file(const struct content_file *f)
{
	char s[400];

	if (f->size == CONTENT_UNKNOWN)
		snprintf(s, sizeof s, "[%s ? %o:", f->name, f->mode);
	else
		snprintf(s, sizeof s, "[%s %llu %o:", f->name, (unsigned long long)f->size,
			 f->mode);
	tell(s, "", 0);
}

/* One event into the story; false when the reader wants more or is through with us. */
static bool step(struct content_reader *r, const uint8_t **p, size_t *len)
{
	enum content_event e = content_read(r, p, len);

	if (e == CONTENT_HEAD)
		tell("head ", "", 0);
	else if (e == CONTENT_FILE)
		tell_file(&r->file);
	else if (e == CONTENT_BYTES)
		tell("", r->span, r->span_len);
	else if (e == CONTENT_CLOSE)
		tell("]", "", 0);
	else if (e == CONTENT_END)
		tell(" end", "", 0);
	else if (e == CONTENT_BAD)
		tell(" bad", "", 0);
	return e != CONTENT_MORE && e != CONTENT_BAD;
}

/* Reads len bytes in pieces of `piece`; what came of it. */
static const char *read_in(size_t len, size_t piece)
{
	struct content_reader r;

	story[0] = 0;
	content_reader_init(&r);
	for (size_t at = 0; at < len; at += piece) {
		const uint8_t *p = stream + at;
		size_t n = len - at < piece ? len - at : piece;

		while (step(&r, &p, &n))
			;
		if (strstr(story, " bad"))
			break;
		CHECK_EQ(n, 0);
		CHECK(p == stream + at + (len - at < piece ? len - at : piece));
	}
	CHECK(content_complete(&r) == (strstr(story, " end") != NULL));
	return story;
}

static void put_head(struct buf *b, uint32_t files)
{
	struct content_head h = { .files = files, .bytes = 12 };

	buf_init(b, stream, sizeof stream);
	content_put_head(b, &h);
}

static void put_file(struct buf *b, const char *name, uint64_t size)
{
	struct content_file f = { .size = size, .mode = 0640 };

	snprintf(f.name, sizeof f.name, "%s", name);
	content_put_file(b, &f);
}

/* Three files: sized, in chunks, empty; then padding. */
static size_t good_stream(void)
{
	struct buf b;

	put_head(&b, 3);
	put_file(&b, "a", 5);
	buf_put_bytes(&b, "hello", 5);
	put_file(&b, "-", CONTENT_UNKNOWN);
	buf_put_u32(&b, 2);
	buf_put_bytes(&b, "ab", 2);
	buf_put_u32(&b, 3);
	buf_put_bytes(&b, "cde", 3);
	buf_put_u32(&b, 0);
	put_file(&b, "empty", 0);
	buf_put_bytes(&b, "Z\0\0\0\0", 5);
	CHECK(buf_ok(&b));
	return b.len;
}

static void a_stream_reads_the_same_in_pieces_of_every_size(void)
{
	size_t len = good_stream();

	for (size_t piece = 1; piece <= len; piece++)
		CHECK_STR(read_in(len, piece),
			  "head [a 5 640:hello][- ? 640:abcde][empty 0 640:] end");
}

static void the_bytes_are_these(void)
{
	good_stream();
	CHECK_HEX(stream, 35,
		  "6d660101 00000003 000000000000000c"
		  "46 0001 61 0000000000000005 01a0 68656c6c6f");
}

static void a_stream_that_is_cut_is_not_complete(void)
{
	size_t len = good_stream();

	for (size_t cut = 0; cut < len - 4; cut++) {
		read_in(cut, 7);
		CHECK(!strstr(story, "end"));
		CHECK(!strstr(story, "bad"));
	}
}

static void nonsense_is_bad_for_ever(void)
{
	struct content_reader r;
	const uint8_t *p = stream;
	size_t len = good_stream(), n = len;

	for (size_t at = 0; at < 4; at++) {
		good_stream();
		stream[at] ^= 1;
		CHECK_STR(read_in(len, len), " bad");
	}
	content_reader_init(&r);
	CHECK_EQ(content_read(&r, &p, &n), CONTENT_BAD);
	good_stream();
	p = stream;
	n = len;
	CHECK_EQ(content_read(&r, &p, &n), CONTENT_BAD);
	good_stream();
	stream[16] = 'G';
	CHECK_STR(read_in(len, len), "head  bad");
}

static void the_number_of_files_must_be_true(void)
{
	struct buf b;
	size_t len = good_stream();

	stream[7] = 2; /* fewer were promised */
	CHECK(strstr(read_in(len, len), "abcde] bad"));
	stream[7] = 4; /* more */
	CHECK(strstr(read_in(len, len), ":] bad"));
	put_head(&b, 0);
	buf_put_u8(&b, 'Z');
	CHECK_STR(read_in(b.len, b.len), "head  end");
	put_head(&b, CONTENT_FILES_MAX);
	CHECK_STR(read_in(b.len, b.len), "head ");
	put_head(&b, CONTENT_FILES_MAX + 1);
	CHECK_STR(read_in(b.len, b.len), " bad");
}

static void names_have_their_limits(void)
{
	char name[CONTENT_NAME_MAX + 1];
	struct buf b;
	size_t at;

	memset(name, 'n', CONTENT_NAME_MAX);
	name[CONTENT_NAME_MAX] = 0;
	put_head(&b, 1);
	at = b.len;
	put_file(&b, name, 1);
	buf_put_bytes(&b, "xZ", 2);
	for (size_t piece = 1; piece < 300; piece += 13)
		CHECK(strstr(read_in(b.len, piece), "nnn 1 640:x] end"));
	stream[at + 3 + 100] = 0;
	CHECK_STR(read_in(b.len, b.len), "head  bad"); /* a NUL inside */
	stream[at + 1]++; /* 256 more */
	CHECK_STR(read_in(b.len, b.len), "head  bad");
}

static void only_permission_bits_are_kept(void)
{
	struct buf b;

	put_head(&b, 1);
	put_file(&b, "s", 0);
	stream[b.len - 2] |= 0xfe; /* set-user-id and more */
	CHECK(strstr(read_in(b.len, b.len), "[s 0 640:]"));
}

static void a_data_record_says_how_much_of_it_means_something(void)
{
	uint8_t rec[300] = { 9, 9, 9, 'a', 'b' };

	content_put_data(rec, 2);
	for (size_t len = 5; len <= sizeof rec; len++) {
		const uint8_t *p = rec;
		size_t n = len;

		CHECK(content_get_data(&p, &n));
		CHECK_EQ(n, 2);
		CHECK(p == rec + CONTENT_DATA_HEAD);
	}
	CHECK_HEX(rec, 5, "00 0002 6162");
}

static void a_data_record_without_its_bytes_is_refused(void)
{
	uint8_t rec[300] = { 0 };
	const uint8_t *p = rec;
	size_t n;

	content_put_data(rec, 297);
	for (n = 0; n < 300; n++)
		CHECK(!content_get_data(&p, &n));
	CHECK(content_get_data(&p, &n));
	p = rec;
	rec[0] = KIND_END;
	CHECK(!content_get_data(&p, &n));
	CHECK(p == rec);
}

static void notes_come_back_padded(void)
{
	static const struct content_note note[] = {
		{ .kind = KIND_END, .records = 0x0102030405060708, .bytes = 9 },
		{ .kind = KIND_NAMED, .index = 7, .text = "b.1" },
		{ .kind = KIND_RESULT, .code = 6, .files = 2, .bytes = 5, .text = "why" },
		{ .kind = KIND_RESULT },
	};
	uint8_t out[CONTENT_NOTE_MAX];

	for (size_t i = 0; i < sizeof note / sizeof *note; i++) {
		size_t len = content_put_note(out, &note[i]);
		struct content_note n;

		CHECK_EQ(len, 256);
		CHECK(content_get_note(&n, out, len));
		CHECK(!memcmp(&n, &note[i], sizeof n));
		CHECK_EQ(out[255], 0);
	}
}

static void the_longest_note_fits(void)
{
	uint8_t out[CONTENT_NOTE_MAX];
	struct content_note n = { .kind = KIND_RESULT }, back;
	size_t len;

	memset(n.text, 't', CONTENT_TEXT_MAX);
	len = content_put_note(out, &n);
	CHECK(len >= CONTENT_TEXT_MAX && len <= CONTENT_NOTE_MAX);
	CHECK(content_get_note(&back, out, len));
	CHECK_EQ(strlen(back.text), CONTENT_TEXT_MAX);
}

static void malformed_notes_are_refused(void)
{
	uint8_t out[CONTENT_NOTE_MAX];
	struct content_note n = { .kind = KIND_RESULT, .text = "why" };

	content_put_note(out, &n);
	for (size_t cut = 0; cut < 19; cut++)
		CHECK(!content_get_note(&n, out, cut));
	CHECK(content_get_note(&n, out, 19));
	out[14] = (CONTENT_TEXT_MAX + 1) >> 8; /* the length of the text */
	out[15] = (CONTENT_TEXT_MAX + 1) & 255;
	CHECK(!content_get_note(&n, out, sizeof out));
	for (int kind = 0; kind < 256; kind++) {
		bool known = kind >= KIND_END && kind <= KIND_RESULT;

		out[0] = (uint8_t)kind;
		out[14] = out[15] = 0;
		CHECK(content_get_note(&n, out, sizeof out) == known);
	}
}

TEST_MAIN_BEGIN
	RUN(a_stream_reads_the_same_in_pieces_of_every_size);
	RUN(the_bytes_are_these);
	RUN(a_stream_that_is_cut_is_not_complete);
	RUN(nonsense_is_bad_for_ever);
	RUN(the_number_of_files_must_be_true);
	RUN(names_have_their_limits);
	RUN(only_permission_bits_are_kept);
	RUN(a_data_record_says_how_much_of_it_means_something);
	RUN(a_data_record_without_its_bytes_is_refused);
	RUN(notes_come_back_padded);
	RUN(the_longest_note_fits);
	RUN(malformed_notes_are_refused);
TEST_MAIN_END
