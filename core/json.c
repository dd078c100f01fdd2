/* core/json.c - write one JSON object into a bounded buffer (RFC 8259) */
#include "core/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"

void json_init(struct json *j, char *mem, size_t cap)
{
	*j = (struct json){ .mem = mem, .cap = cap };
}

static void put(struct json *j, const char *s, size_t n)
{
	if (j->bad || n >= j->cap - j->len) { /* one byte stays for the NUL */
		j->bad = true;
		return;
	}
	memcpy(j->mem + j->len, s, n);
	j->len += n;
}

static void put_quoted(struct json *j, const char *s, size_t len)
{
	put(j, "\"", 1);
	for (size_t i = 0, n; i < len; i += n) {
		uint32_t code;
		char esc[8];

		n = text_char(s + i, len - i, &code);
		if (!n) {
			put(j, "\\ufffd", 6);
			n = 1;
		} else if (s[i] == '"' || s[i] == '\\') {
			put(j, (char[]){ '\\', s[i] }, 2);
		} else if (text_steers(code)) {
			put(j, esc, (size_t)snprintf(esc, sizeof esc, "\\u%04x", (unsigned)code));
		} else {
			put(j, s + i, n);
		}
	}
	put(j, "\"", 1);
}

static void begin(struct json *j, const char *key)
{
	if (j->comma)
		put(j, ",", 1);
	j->comma = true;
	if (!key)
		return;
	put_quoted(j, key, strlen(key));
	put(j, ":", 1);
}

void json_open(struct json *j, const char *key, char bracket)
{
	begin(j, key);
	put(j, &bracket, 1);
	j->comma = false;
}

void json_close(struct json *j, char bracket)
{
	put(j, &bracket, 1);
	j->comma = true;
}

void json_strn(struct json *j, const char *key, const char *val, size_t len)
{
	begin(j, key);
	put_quoted(j, val, len);
}

void json_str(struct json *j, const char *key, const char *val)
{
	json_strn(j, key, val, strlen(val));
}

static void put_word(struct json *j, const char *key, const char *word)
{
	begin(j, key);
	put(j, word, strlen(word));
}

void json_u64(struct json *j, const char *key, uint64_t val)
{
	char s[24];

	snprintf(s, sizeof s, "%" PRIu64, val);
	put_word(j, key, s);
}

void json_i64(struct json *j, const char *key, int64_t val)
{
	char s[24];

	snprintf(s, sizeof s, "%" PRId64, val);
	put_word(j, key, s);
}

void json_bool(struct json *j, const char *key, bool val)
{
	put_word(j, key, val ? "true" : "false");
}

void json_dbl(struct json *j, const char *key, double val, int digits)
{
	char s[352];

	snprintf(s, sizeof s, "%.*f", digits, val);
	put_word(j, key, isfinite(val) ? s : "null");
}

const char *json_text(struct json *j)
{
	if (j->bad || !j->cap)
		return NULL;
	j->mem[j->len] = 0;
	return j->mem;
}
