/* test/unit/test_sort.c - sorted, stable, nothing lost; and the elements kept in order */
#include <stdlib.h>

#include "core/element.h"
#include "core/sort.h"
#include "test/unit/test.h"

enum { N_MAX = 300 };

static bool smaller(const void *items, uint32_t a, uint32_t b)
{
	const uint8_t *v = items;

	return v[a] < v[b];
}

/* n values out of `kinds`, in an order that `seed` decides. */
static void fill(uint8_t *v, uint32_t *index, size_t n, uint32_t kinds, uint32_t seed)
{
	for (size_t i = 0; i < n; i++) {
		seed = seed * 1664525 + 1013904223;
		v[i] = (uint8_t)((seed >> 16) % kinds);
		index[i] = (uint32_t)i;
	}
}

static void sorts_every_length_and_keeps_the_order_of_equals(void)
{
	static uint8_t v[N_MAX];
	static uint32_t index[N_MAX], tmp[N_MAX];

	for (uint32_t n = 0; n < N_MAX; n++)
		for (uint32_t kinds = 1; kinds <= 256; kinds *= 4) {
			bool seen[N_MAX] = { false };

			fill(v, index, n, kinds, n);
			sort_index(index, tmp, n, smaller, v);
			for (uint32_t i = 0; i < n; i++) {
				CHECK(index[i] < n && !seen[index[i]]);
				seen[index[i]] = true;
				CHECK(!i || v[index[i - 1]] < v[index[i]] ||
				      (v[index[i - 1]] == v[index[i]] && index[i - 1] < index[i]));
			}
		}
}

static void an_element_keeps_its_greatest_chance(void)
{
	struct seen s = { .n = 0 };

	seen_add(&s, element_as(3), 50);
	seen_add(&s, element_as(1), 20);
	seen_add(&s, element_as(3), 30);
	seen_add(&s, element_as(1), SEEN_SURE);
	CHECK_EQ(s.n, 2);
	CHECK(s.v[0].e == element_as(1) && s.v[1].e == element_as(3));
	CHECK_EQ(seen_pct(&s, element_as(1)), 100);
	CHECK_EQ(seen_pct(&s, element_as(3)), 50);
	CHECK_EQ(seen_pct(&s, element_as(2)), 0);
}

static void kinds_and_names_do_not_mix(void)
{
	element_t a = element_named(ELEMENT_OPERATOR, "acme");

	CHECK(a == element_named(ELEMENT_OPERATOR, "acme"));
	CHECK(a != element_named(ELEMENT_ORG, "acme"));
	CHECK(a != element_named(ELEMENT_OPERATOR, "acne"));
	CHECK_EQ(element_kind_of(a), ELEMENT_OPERATOR);
	CHECK_EQ(element_as_of(element_as(4200000000u)), 4200000000u);
	CHECK(element_unknown() != element_as(0));
}

/* Ignorance must not look like diversity. */
static void what_finds_no_room_is_surely_unknown(void)
{
	struct seen s = { .n = 0 }, more = { .n = 0 };

	for (uint32_t i = 0; i < SEEN_MAX - 1; i++)
		seen_add(&s, element_as(i + 1), 10);
	CHECK_EQ(seen_pct(&s, element_unknown()), 0);
	seen_add(&more, element_as(1), 70);
	seen_add(&more, element_as(1000), 10);
	seen_add(&more, element_as(1001), 10);
	seen_union(&s, &more);
	CHECK_EQ(seen_pct(&s, element_as(1)), 70);
	CHECK_EQ(seen_pct(&s, element_unknown()), SEEN_SURE);
	CHECK(s.n <= SEEN_MAX);
}

TEST_MAIN_BEGIN
	RUN(sorts_every_length_and_keeps_the_order_of_equals);
	RUN(an_element_keeps_its_greatest_chance);
	RUN(kinds_and_names_do_not_mix);
	RUN(what_finds_no_room_is_surely_unknown);
TEST_MAIN_END
