/* test/unit/test_text.c - which characters of a peer may be shown */
#include "core/text.h"
#include "test/unit/test.h"

static void what_steers_a_terminal_is_not_shown(void)
{
	static const char *const bad[] = {
		"\x1b[2J", "\x7f", "\xc2\x80", ("\xc2\x9b" "0m"), "\xc2\x9f",
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CHECK_EQ(text_visible(bad[i]), 0);
	CHECK_EQ(text_visible("\xc2\xa0"), 2);
	CHECK_EQ(text_visible("~"), 1);
}

static void no_other_way_of_writing_it_passes(void)
{
	static const char *const bad[] = {
		("\x9b" "0m"),	     /* C1 as a byte */
		"\xc0\x9b",	     /* overlong U+001B */
		"\xe0\x82\x9b",	     /* overlong U+009B */
		"\xf0\x80\x82\x9b", "\xed\xa0\x80", /* a surrogate */
		"\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82", "\xc3(",
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CHECK_EQ(text_visible(bad[i]), 0);
	CHECK_EQ(text_visible(""), 0);
}

static void what_is_not_shown_becomes_a_question_mark_each_byte(void)
{
	char s[] = "gr\xc3\xbc\xc3\x9f\x1b[2J\xc0\x9b.\xc2\x9b";

	text_escape(s);
	CHECK_STR(s, "gr\xc3\xbc\xc3\x9f?[2J??.??");
}

TEST_MAIN_BEGIN
	RUN(what_steers_a_terminal_is_not_shown);
	RUN(no_other_way_of_writing_it_passes);
	RUN(what_is_not_shown_becomes_a_question_mark_each_byte);
TEST_MAIN_END
