/* core/element.h - what can observe a path: ASes, operators and the like, and one unknown
 *
 * An element is a kind and a value in one number. How likely each kind is to be hostile matters
 * only in ratio (PATHS.md C.2, Jaggard and Johnson's trust model). Whatever is not known is one and
 * the same element, so that ignorance never looks like diversity (C.0). */
#ifndef CORE_ELEMENT_H
#define CORE_ELEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum element_kind {
	ELEMENT_AS = 0,
	ELEMENT_ORG,
	ELEMENT_IXP,
	ELEMENT_COUNTRY,
	ELEMENT_OPERATOR,
	ELEMENT_UNKNOWN,
	ELEMENT_KINDS,
};
extern const char *const element_kind_str[ELEMENT_KINDS];

typedef uint64_t element_t; /* kind in the upper 8 bits, value below */

static inline element_t element_make(enum element_kind kind, uint64_t value)
{
	return (uint64_t)kind << 56 | (value & UINT64_C(0xffffffffffffff));
}

static inline enum element_kind element_kind_of(element_t e)
{
	return (enum element_kind)(e >> 56);
}

static inline element_t element_as(uint32_t as)
{
	return element_make(ELEMENT_AS, as);
}

/* The AS number of an ELEMENT_AS. */
static inline uint32_t element_as_of(element_t e)
{
	return (uint32_t)e;
}

static inline element_t element_unknown(void)
{
	return element_make(ELEMENT_UNKNOWN, 0);
}

/* Operators, organisations and the like are known by name: FNV-1a of it, cut to 56 bits. */
element_t element_named(enum element_kind kind, const char *name);

/* The chance that an element of this kind is hostile. */
double element_p(enum element_kind kind);

enum {
	SEEN_MAX = 96,	 /* elements of one path: 4 segments of 20 ASes and some; beyond: unknown */
	SEEN_SURE = 100, /* per cent */
};

/* The elements on a path, sorted, each with the chance in per cent that it is really there. */
struct seen {
	struct {
		element_t e;
		uint8_t pct;
	} v[SEEN_MAX];
	uint32_t n;
};

/* Adds e, or raises its chance. Where there is no room the unknown element becomes sure instead. */
void seen_add(struct seen *s, element_t e, uint8_t pct);
/* Adds all that other has. */
void seen_union(struct seen *s, const struct seen *other);
/* The chance of e in per cent, 0 when it is not there. */
uint8_t seen_pct(const struct seen *s, element_t e);

#endif
