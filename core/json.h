/* core/json.h - write one JSON object into a bounded buffer (RFC 8259) */
#ifndef CORE_JSON_H
#define CORE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A writer over borrowed memory. Sticky like buf: what does not fit makes it bad. */
struct json {
	char *mem;
	size_t cap, len;
	bool bad;
	bool comma; /* the next member needs a comma before it */
};

void json_init(struct json *j, char *mem, size_t cap);

/* Objects and arrays; key is NULL inside arrays and at the top. */
void json_open(struct json *j, const char *key, char bracket);
void json_close(struct json *j, char bracket);

/* Strings are escaped; bytes that are no UTF-8 become U+FFFD. */
void json_str(struct json *j, const char *key, const char *val);
void json_strn(struct json *j, const char *key, const char *val, size_t len);
void json_u64(struct json *j, const char *key, uint64_t val);
void json_i64(struct json *j, const char *key, int64_t val);
void json_bool(struct json *j, const char *key, bool val);
/* Fixed notation with `digits` after the point; not a number and infinities become null. */
void json_dbl(struct json *j, const char *key, double val, int digits);

/* The text, NUL-terminated, or NULL when it did not fit. */
const char *json_text(struct json *j);

#endif
