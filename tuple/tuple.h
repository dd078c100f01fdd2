/* tuple/tuple.h - tuples and templates: typed fields, matching, and the one encoding they have
 *
 * A template is a tuple with wildcards. It matches a tuple of the same number of fields whose every
 * field equals the template's, wildcards aside. A wildcard is a type of its own, not a value, so a
 * string "*" can be stored and matched. Pure; tuples borrow the bytes of their fields. */
#ifndef TUPLE_TUPLE_H
#define TUPLE_TUPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"

enum {
	TUPLE_FIELDS_MAX = 16,
	TUPLE_BYTES_MAX = 2048, /* encoded; a node tuple takes about 300 */
};

enum field_type { FIELD_INT = 1, FIELD_BYTES, FIELD_STR, FIELD_ANY };

struct field {
	enum field_type type;
	int64_t num;	      /* FIELD_INT */
	const uint8_t *bytes; /* FIELD_BYTES, FIELD_STR: borrowed; a string holds no NUL */
	size_t len;
};

struct tuple {
	uint32_t n;
	bool bad; /* a field too many or a string with a NUL was added */
	struct field f[TUPLE_FIELDS_MAX];
};

/* Builders, sticky: check tuple_ok once. The bytes are borrowed for the life of the tuple. */
void tuple_init(struct tuple *t);
void tuple_add_int(struct tuple *t, int64_t num);
void tuple_add_bytes(struct tuple *t, const void *p, size_t len);
void tuple_add_str(struct tuple *t, const char *s);
void tuple_add_strn(struct tuple *t, const char *s, size_t len);
void tuple_add_any(struct tuple *t);
/* At least one field, none bad, and its encoding within TUPLE_BYTES_MAX. */
bool tuple_ok(const struct tuple *t);

/* Has a wildcard. */
bool tuple_is_template(const struct tuple *t);
bool tuple_match(const struct tuple *templ, const struct tuple *t);
bool field_eq(const struct field *a, const struct field *b);
/* Field i is the string s. */
bool tuple_is_str(const struct tuple *t, uint32_t i, const char *s);

/* The encoding: u8 n, then per field u8 type and i64, or u16 length and bytes, or nothing. There is
 * one encoding a tuple, so equal tuples have equal bytes. put: sticky, b is bad when !tuple_ok.
 * get: false, and b bad, unless a tuple of at most TUPLE_BYTES_MAX stands there; borrows. */
size_t tuple_bytes(const struct tuple *t);
void tuple_put(struct buf *b, const struct tuple *t);
bool tuple_get(struct buf *b, struct tuple *t);

/* The shell's form of one field: `int:5`, `hex:00ff`, `*`, `str:TEXT`, else the string itself.
 * `hex` is where decoded bytes are put: at most room, *used of it taken. False: not a field. */
bool field_parse(struct tuple *t, const char *text, uint8_t *hex, size_t room, size_t *used);
/* The reverse; control characters in strings make it hex. Bytes written without the NUL, or 0 when
 * it does not fit (4,200 always do). */
size_t field_format(const struct field *f, char *out, size_t room);

#endif
