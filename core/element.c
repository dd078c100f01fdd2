/* core/element.c - what can observe a path: ASes, operators and the like, and one unknown */
#include "core/element.h"

#include <string.h>

#include "core/check.h"

const char *const element_kind_str[ELEMENT_KINDS] = {
	[ELEMENT_AS] = "AS",	       [ELEMENT_ORG] = "organisation",
	[ELEMENT_IXP] = "exchange",    [ELEMENT_COUNTRY] = "country",
	[ELEMENT_OPERATOR] = "operator", [ELEMENT_UNKNOWN] = "unknown",
};
static_assert(ARRAY_LEN(element_kind_str) == ELEMENT_KINDS, "a name for every kind");

double element_p(enum element_kind kind)
{
	static const double p[ELEMENT_KINDS] = {
		[ELEMENT_AS] = 0.02,	   [ELEMENT_ORG] = 0.02,      [ELEMENT_IXP] = 0.02,
		[ELEMENT_COUNTRY] = 0.03,  [ELEMENT_OPERATOR] = 0.02, [ELEMENT_UNKNOWN] = 0.1,
	};

	return p[kind];
}

element_t element_named(enum element_kind kind, const char *name)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * UINT64_C(0x100000001b3);
	return element_make(kind, h ^ h >> 56);
}

/* Where e is, or would be. */
static uint32_t place(const struct seen *s, element_t e)
{
	uint32_t i = 0;

	while (i < s->n && s->v[i].e < e)
		i++;
	return i;
}

/* The last place is kept free for the unknown, which sorts last. */
void seen_add(struct seen *s, element_t e, uint8_t pct)
{
	uint32_t i = place(s, e);

	if (i < s->n && s->v[i].e == e) {
		if (s->v[i].pct < pct)
			s->v[i].pct = pct;
		return;
	}
	if (s->n >= SEEN_MAX - 1 && e != element_unknown()) {
		seen_add(s, element_unknown(), SEEN_SURE);
		return;
	}
	MUST(s->n < SEEN_MAX);
	memmove(&s->v[i + 1], &s->v[i], (s->n - i) * sizeof s->v[0]);
	s->v[i].e = e;
	s->v[i].pct = pct;
	s->n++;
}

void seen_union(struct seen *s, const struct seen *other)
{
	for (uint32_t i = 0; i < other->n; i++)
		seen_add(s, other->v[i].e, other->v[i].pct);
}

uint8_t seen_pct(const struct seen *s, element_t e)
{
	uint32_t i = place(s, e);

	return i < s->n && s->v[i].e == e ? s->v[i].pct : 0;
}
