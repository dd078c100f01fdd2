/* test/unit/test_pad.c - padded lengths: known values, at most 12 % more, never fewer, few of them
 *
 * Known values: Padmé by its definition in PETS 2019, section 4.2, with the integers of Python. */
#include "core/pad.h"
#include "test/unit/test.h"

static void known_values(void)
{
	static const struct {
		uint64_t len, padded;
	} known[] = {
		{ 0, 256 }, { 1, 256 }, { 255, 256 }, { 256, 256 }, { 257, 272 }, { 272, 272 },
		{ 273, 288 }, { 511, 512 }, { 512, 512 }, { 513, 544 }, { 1000, 1024 },
		{ 1025, 1088 }, { 16384, 16384 }, { 16385, 17408 }, { 65537, 67584 },
		{ 1000000, 1015808 }, { 1048577, 1081344 }, { 1000000000, 1006632960 },
		{ 5000000000000, 5016521801728 },
		{ (UINT64_C(1) << 62) - 1, UINT64_C(1) << 62 },
	};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		CHECK_EQ(pad_length(known[i].len), known[i].padded);
}

static void huge_lengths_stay_as_they_are(void)
{
	CHECK_EQ(pad_length(UINT64_C(1) << 62), UINT64_C(1) << 62);
	CHECK_EQ(pad_length(UINT64_MAX), UINT64_MAX);
}

static void check_one(uint64_t len)
{
	uint64_t p = pad_length(len);

	CHECK(p >= len);
	CHECK((p - len) * 100 <= len * 12);
	CHECK_EQ(pad_length(p), p); /* a padded length tells nothing but itself */
	CHECK(pad_length(len - 1) <= p);
}

static void overhead_is_at_most_12_percent_and_the_order_stays(void)
{
	for (uint64_t len = 258; len < 200000; len++)
		check_one(len);
	for (unsigned bits = 17; bits < 56; bits++)
		for (uint64_t d = 0; d < 300; d++) {
			check_one((UINT64_C(1) << bits) - 150 + d);
			check_one((UINT64_C(1) << bits) + d * ((UINT64_C(1) << bits) / 301));
		}
}

/* log log leakage: below 1 MiB 257 values remain of a million. */
static void few_lengths_remain(void)
{
	uint64_t last = 0;
	unsigned values = 0;

	for (uint64_t len = 0; len <= 1024 * 1024; len++) {
		values += pad_length(len) != last;
		last = pad_length(len);
	}
	CHECK_EQ(values, 257);
}

TEST_MAIN_BEGIN
	RUN(known_values);
	RUN(huge_lengths_stay_as_they_are);
	RUN(overhead_is_at_most_12_percent_and_the_order_stays);
	RUN(few_lengths_remain);
TEST_MAIN_END
