/* test/unit/test_buf.c - the bounded cursor: what is written comes back, and the end is the end */
#include "core/buf.h"
#include "test/unit/test.h"

static void integers_are_big_endian(void)
{
	uint8_t mem[15];
	struct buf b;

	buf_init(&b, mem, sizeof mem);
	buf_put_u8(&b, 0x01);
	buf_put_u16(&b, 0x0203);
	buf_put_u32(&b, 0x04050607);
	buf_put_u64(&b, 0x08090a0b0c0d0e0f);
	CHECK(buf_ok(&b));
	CHECK_EQ(buf_room(&b), 0);
	CHECK_HEX(mem, 15, "01 0203 04050607 08090a0b0c0d0e0f");
	buf_over(&b, mem, sizeof mem);
	CHECK_EQ(buf_get_u8(&b), 0x01);
	CHECK_EQ(buf_get_u16(&b), 0x0203);
	CHECK_EQ(buf_get_u32(&b), 0x04050607);
	CHECK(!buf_done(&b));
	CHECK_EQ(buf_get_u64(&b), 0x08090a0b0c0d0e0f);
	CHECK(buf_done(&b));
}

static void a_writer_stays_bad_after_the_first_thing_that_does_not_fit(void)
{
	uint8_t mem[8] = { [4] = 0xaa, 0xaa, 0xaa, 0xaa };
	struct buf b;

	buf_init(&b, mem, 4);
	buf_put_u16(&b, 1);
	buf_put_u32(&b, 2); /* two bytes too long: nothing of it is written */
	CHECK(!buf_ok(&b));
	CHECK_EQ(b.len, 2);
	buf_put_u8(&b, 3); /* this one would fit */
	CHECK_EQ(b.len, 2);
	CHECK_HEX(mem + 4, 4, "aaaaaaaa");
}

static void a_reader_stays_bad_after_the_first_thing_that_is_not_there(void)
{
	static const uint8_t mem[3] = { 1, 2, 3 };
	uint8_t dst[4] = { 9, 9, 9, 9 };
	struct buf b;

	buf_over(&b, mem, sizeof mem);
	CHECK_EQ(buf_get_u32(&b), 0);
	CHECK(!buf_ok(&b));
	CHECK_EQ(buf_get_u8(&b), 0);
	CHECK(!buf_get_bytes(&b, 0));
	buf_get_copy(&b, dst, sizeof dst);
	CHECK_HEX(dst, 4, "00000000");
	CHECK(!buf_done(&b));
}

static void a_reader_has_no_room_to_write(void)
{
	static const uint8_t mem[3] = { 1, 2, 3 };
	struct buf b;

	buf_over(&b, mem, sizeof mem);
	CHECK_EQ(buf_room(&b), 0);
	buf_put_u8(&b, 9);
	CHECK(!buf_ok(&b));
}

static void nothing_can_be_written_and_read(void)
{
	struct buf b;

	buf_init(&b, NULL, 0);
	buf_put_bytes(&b, NULL, 0);
	CHECK(buf_ok(&b));
	buf_put_u8(&b, 1);
	CHECK(!buf_ok(&b));
	buf_over(&b, NULL, 0);
	CHECK(buf_done(&b));
	buf_get_u8(&b);
	CHECK(!buf_done(&b));
}

static void lent_bytes_are_those_of_the_input(void)
{
	static const uint8_t mem[] = "abcdef";
	struct buf b;

	buf_over(&b, mem, 6);
	CHECK(buf_get_bytes(&b, 2) == mem);
	CHECK(buf_get_bytes(&b, 4) == mem + 2);
	CHECK(buf_done(&b));
}

/* A length of the input must not make the cursor wrap. */
static void huge_lengths_are_refused(void)
{
	uint8_t mem[4] = { 0 };
	struct buf b;

	buf_over(&b, mem, sizeof mem);
	buf_get_u16(&b);
	CHECK(!buf_get_bytes(&b, SIZE_MAX));
	CHECK(!buf_ok(&b));
	buf_init(&b, mem, sizeof mem);
	buf_put_u16(&b, 0);
	buf_put_bytes(&b, mem, SIZE_MAX - 1);
	CHECK(!buf_ok(&b));
}

static void prefixed_strings_come_back(void)
{
	uint8_t mem[64];
	const uint8_t *p;
	struct buf b;
	size_t n;

	buf_init(&b, mem, sizeof mem);
	buf_put_lv(&b, "abc", 3);
	buf_put_lv(&b, "", 0);
	CHECK_HEX(mem, b.len, "0003 616263 0000");
	buf_over(&b, mem, b.len);
	p = buf_get_lv(&b, 3, &n);
	CHECK(p == mem + 2);
	CHECK_EQ(n, 3);
	CHECK(buf_get_lv(&b, 3, &n));
	CHECK_EQ(n, 0);
	CHECK(buf_done(&b));
}

static void prefixed_strings_that_are_too_long_or_cut_are_refused(void)
{
	static const uint8_t mem[] = { 0, 3, 'a', 'b', 'c' };
	static uint8_t big[UINT16_MAX + 10];
	struct buf b;
	size_t n = 99;

	buf_over(&b, mem, sizeof mem);
	CHECK(!buf_get_lv(&b, 2, &n));
	CHECK_EQ(n, 0);
	CHECK(!buf_ok(&b));
	for (size_t cut = 0; cut < sizeof mem; cut++) {
		buf_over(&b, mem, cut);
		CHECK(!buf_get_lv(&b, 100, &n));
		CHECK(!buf_ok(&b));
	}
	buf_init(&b, big, sizeof big);
	buf_put_lv(&b, big, UINT16_MAX + 1);
	CHECK(!buf_ok(&b));
	CHECK_EQ(b.len, 0);
	buf_init(&b, big, sizeof big);
	buf_put_lv(&b, NULL, 0);
	CHECK(buf_ok(&b));
}

TEST_MAIN_BEGIN
	RUN(integers_are_big_endian);
	RUN(a_writer_stays_bad_after_the_first_thing_that_does_not_fit);
	RUN(a_reader_stays_bad_after_the_first_thing_that_is_not_there);
	RUN(a_reader_has_no_room_to_write);
	RUN(nothing_can_be_written_and_read);
	RUN(lent_bytes_are_those_of_the_input);
	RUN(huge_lengths_are_refused);
	RUN(prefixed_strings_come_back);
	RUN(prefixed_strings_that_are_too_long_or_cut_are_refused);
TEST_MAIN_END
