/* tuple/tuple.c - tuples and templates: typed fields, matching, and the one encoding they have */
#include "tuple/tuple.h"

#include <stdio.h>
#include <string.h>

void tuple_init(struct tuple *t)
{
	t->n = 0;
	t->bad = false;
}

/* Room for one more field, or NULL and the tuple is bad. */
static struct field *add(struct tuple *t, enum field_type type)
{
	struct field *f;

	if (t->n == TUPLE_FIELDS_MAX) {
		t->bad = true;
		return NULL;
	}
	f = &t->f[t->n++];
	*f = (struct field){ .type = type };
	return f;
}

void tuple_add_int(struct tuple *t, int64_t num)
{
	struct field *f = add(t, FIELD_INT);

	if (f)
		f->num = num;
}

void tuple_add_bytes(struct tuple *t, const void *p, size_t len)
{
	struct field *f = add(t, FIELD_BYTES);

	if (!f)
		return;
	f->bytes = p;
	f->len = len;
}

void tuple_add_strn(struct tuple *t, const char *s, size_t len)
{
	struct field *f = add(t, FIELD_STR);

	if (!f)
		return;
	f->bytes = (const uint8_t *)s;
	f->len = len;
	if (len && memchr(s, 0, len))
		t->bad = true;
}

void tuple_add_str(struct tuple *t, const char *s)
{
	tuple_add_strn(t, s, strlen(s));
}

void tuple_add_any(struct tuple *t)
{
	add(t, FIELD_ANY);
}

static size_t field_bytes(const struct field *f)
{
	switch (f->type) {
	case FIELD_INT:
		return 1 + 8;
	case FIELD_BYTES:
	case FIELD_STR:
		return 1 + 2 + f->len;
	default:
		return 1;
	}
}

size_t tuple_bytes(const struct tuple *t)
{
	size_t n = 1;

	for (uint32_t i = 0; i < t->n; i++)
		n += field_bytes(&t->f[i]);
	return n;
}

bool tuple_ok(const struct tuple *t)
{
	return t->n && !t->bad && tuple_bytes(t) <= TUPLE_BYTES_MAX;
}

bool tuple_is_template(const struct tuple *t)
{
	for (uint32_t i = 0; i < t->n; i++)
		if (t->f[i].type == FIELD_ANY)
			return true;
	return false;
}

bool field_eq(const struct field *a, const struct field *b)
{
	if (a->type != b->type)
		return false;
	if (a->type == FIELD_INT)
		return a->num == b->num;
	return a->len == b->len && (!a->len || !memcmp(a->bytes, b->bytes, a->len));
}

bool tuple_match(const struct tuple *templ, const struct tuple *t)
{
	if (templ->n != t->n)
		return false;
	for (uint32_t i = 0; i < t->n; i++)
		if (templ->f[i].type != FIELD_ANY && !field_eq(&templ->f[i], &t->f[i]))
			return false;
	return true;
}

bool tuple_is_str(const struct tuple *t, uint32_t i, const char *s)
{
	struct field want = { FIELD_STR, 0, (const uint8_t *)s, strlen(s) };

	return i < t->n && field_eq(&t->f[i], &want);
}

void tuple_put(struct buf *b, const struct tuple *t)
{
	if (!tuple_ok(t)) {
		b->bad = true;
		return;
	}
	buf_put_u8(b, (uint8_t)t->n);
	for (uint32_t i = 0; i < t->n; i++) {
		const struct field *f = &t->f[i];

		buf_put_u8(b, (uint8_t)f->type);
		if (f->type == FIELD_INT)
			buf_put_u64(b, (uint64_t)f->num);
		else if (f->type != FIELD_ANY)
			buf_put_lv(b, f->bytes, f->len);
	}
}

static void get_field(struct buf *b, struct tuple *t)
{
	uint8_t type = buf_get_u8(b);
	const uint8_t *p;
	size_t len;

	switch (type) {
	case FIELD_INT:
		tuple_add_int(t, (int64_t)buf_get_u64(b));
		break;
	case FIELD_BYTES:
		p = buf_get_lv(b, TUPLE_BYTES_MAX, &len);
		tuple_add_bytes(t, p, len);
		break;
	case FIELD_STR:
		p = buf_get_lv(b, TUPLE_BYTES_MAX, &len);
		tuple_add_strn(t, (const char *)p, len);
		break;
	case FIELD_ANY:
		tuple_add_any(t);
		break;
	default:
		b->bad = true;
	}
}

bool tuple_get(struct buf *b, struct tuple *t)
{
	uint32_t n = buf_get_u8(b);

	tuple_init(t);
	if (n > TUPLE_FIELDS_MAX)
		b->bad = true;
	for (uint32_t i = 0; i < n && buf_ok(b); i++)
		get_field(b, t);
	if (!tuple_ok(t))
		b->bad = true;
	return buf_ok(b);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool parse_hex(const char *s, uint8_t *out, size_t room, size_t *len)
{
	for (*len = 0; s[0]; s += 2) {
		int hi = hex_digit(s[0]), lo = hi < 0 ? -1 : hex_digit(s[1]);

		if (lo < 0 || *len == room)
			return false;
		out[(*len)++] = (uint8_t)(hi << 4 | lo);
	}
	return true;
}

static bool parse_int(const char *s, int64_t *num)
{
	bool minus = *s == '-';
	uint64_t v = 0, max = (uint64_t)INT64_MAX + minus;

	s += minus;
	if (!*s)
		return false;
	for (; *s; s++) {
		uint64_t digit = (uint64_t)(*s - '0');

		if (*s < '0' || *s > '9' || v > (max - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*num = minus ? (int64_t)(0 - v) : (int64_t)v;
	return true;
}

bool field_parse(struct tuple *t, const char *text, uint8_t *hex, size_t room, size_t *used)
{
	int64_t num;

	*used = 0;
	if (!strcmp(text, "*")) {
		tuple_add_any(t);
	} else if (!strncmp(text, "int:", 4)) {
		if (!parse_int(text + 4, &num))
			return false;
		tuple_add_int(t, num);
	} else if (!strncmp(text, "hex:", 4)) {
		if (!parse_hex(text + 4, hex, room, used))
			return false;
		tuple_add_bytes(t, hex, *used);
	} else {
		tuple_add_str(t, strncmp(text, "str:", 4) ? text : text + 4);
	}
	return !t->bad;
}

static bool is_plain(const struct field *f)
{
	for (size_t i = 0; i < f->len; i++)
		if (f->bytes[i] < 0x20 || f->bytes[i] == 0x7f)
			return false;
	return true;
}

/* Would the bare string be read as something else? */
static bool needs_prefix(const struct field *f)
{
	static const char *const taken[] = { "int:", "hex:", "str:" };

	if (f->len == 1 && f->bytes[0] == '*')
		return true;
	for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
		if (f->len >= 4 && !memcmp(f->bytes, taken[i], 4))
			return true;
	return false;
}

static size_t format_hex(const struct field *f, char *out, size_t room)
{
	static const char digits[] = "0123456789abcdef";
	size_t n = 4;

	if (room < 4 + 2 * f->len + 1)
		return 0;
	memcpy(out, "hex:", 4);
	for (size_t i = 0; i < f->len; i++) {
		out[n++] = digits[f->bytes[i] >> 4];
		out[n++] = digits[f->bytes[i] & 15];
	}
	out[n] = 0;
	return n;
}

size_t field_format(const struct field *f, char *out, size_t room)
{
	int n;

	switch (f->type) {
	case FIELD_INT:
		n = snprintf(out, room, "int:%lld", (long long)f->num);
		break;
	case FIELD_ANY:
		n = snprintf(out, room, "*");
		break;
	case FIELD_STR:
		if (!is_plain(f))
			return format_hex(f, out, room);
		n = snprintf(out, room, "%s%.*s", needs_prefix(f) ? "str:" : "", (int)f->len,
			     f->len ? (const char *)f->bytes : "");
		break;
	default:
		return format_hex(f, out, room);
	}
	return n > 0 && (size_t)n < room ? (size_t)n : 0;
}
