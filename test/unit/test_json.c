/* test/unit/test_json.c - JSON text: structure, escapes, what is no UTF-8, numbers, no room */
#include <math.h>

#include "core/json.h"
#include "test/unit/test.h"

static char mem[2000];

static const char *one(const char *val, size_t len)
{
	struct json j;

	json_init(&j, mem, sizeof mem);
	json_strn(&j, NULL, val, len);
	return json_text(&j);
}

static void members_are_separated_where_they_must_be(void)
{
	struct json j;

	json_init(&j, mem, sizeof mem);
	json_open(&j, NULL, '{');
	json_str(&j, "a", "x");
	json_open(&j, "b", '[');
	json_u64(&j, NULL, 1);
	json_open(&j, NULL, '{');
	json_close(&j, '}');
	json_open(&j, NULL, '[');
	json_close(&j, ']');
	json_bool(&j, NULL, true);
	json_close(&j, ']');
	json_bool(&j, "c", false);
	json_close(&j, '}');
	CHECK_STR(json_text(&j), "{\"a\":\"x\",\"b\":[1,{},[],true],\"c\":false}");
}

static void quotes_backslashes_and_control_characters_are_escaped(void)
{
	for (int c = 0; c < 128; c++) {
		char want[12], in = (char)c;

		if (c == '"' || c == '\\')
			snprintf(want, sizeof want, "\"\\%c\"", c);
		else if (c < 32 || c == 127)
			snprintf(want, sizeof want, "\"\\u%04x\"", c);
		else
			snprintf(want, sizeof want, "\"%c\"", c);
		CHECK_STR(one(&in, 1), want);
	}
	CHECK_STR(one("a\0b", 3), "\"a\\u0000b\"");
}

static void keys_are_escaped_too(void)
{
	struct json j;

	json_init(&j, mem, sizeof mem);
	json_open(&j, NULL, '{');
	json_u64(&j, "a\"\n", 0);
	json_close(&j, '}');
	CHECK_STR(json_text(&j), "{\"a\\\"\\u000a\":0}");
}

static void utf8_passes_and_nothing_else(void)
{
	static const struct {
		const char *in, *out;
	} text[] = {
		{ "gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\"" },
		{ "\xc2\xa0", "\"\xc2\xa0\"" }, /* the least and greatest of a length */
		{ "\xdf\xbf", "\"\xdf\xbf\"" },
		{ "\xe0\xa0\x80", "\"\xe0\xa0\x80\"" },
		{ "\xed\x9f\xbf", "\"\xed\x9f\xbf\"" },
		{ "\xee\x80\x80", "\"\xee\x80\x80\"" },
		{ "\xef\xbf\xbf", "\"\xef\xbf\xbf\"" },
		{ "\xf0\x90\x80\x80", "\"\xf0\x90\x80\x80\"" },
		{ "\xf4\x8f\xbf\xbf", "\"\xf4\x8f\xbf\xbf\"" },
		{ "\xc2\x9b", "\"\\u009b\"" }, /* steers a terminal */
		{ "\x80", "\"\\ufffd\"" }, /* a tail without a head */
		{ "\xc3", "\"\\ufffd\"" }, /* and a head without a tail */
		{ "\xc3(", "\"\\ufffd(\"" },
		{ "\xe2\x82", "\"\\ufffd\\ufffd\"" },
		{ "\xc0\x80", "\"\\ufffd\\ufffd\"" }, /* overlong */
		{ "\xc1\xbf", "\"\\ufffd\\ufffd\"" },
		{ "\xe0\x9f\xbf", "\"\\ufffd\\ufffd\\ufffd\"" },
		{ "\xf0\x8f\xbf\xbf", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"" },
		{ "\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"" }, /* surrogates */
		{ "\xed\xbf\xbf", "\"\\ufffd\\ufffd\\ufffd\"" },
		{ "\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"" }, /* above U+10FFFF */
		{ "\xf8\x88\x80\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\"" },
		{ "\xff\xfe", "\"\\ufffd\\ufffd\"" },
		{ "a\xf0\x9f\x98\x80z", "\"a\xf0\x9f\x98\x80z\"" },
	};

	for (size_t i = 0; i < sizeof text / sizeof *text; i++)
		CHECK_STR(one(text[i].in, strlen(text[i].in)), text[i].out);
	CHECK_STR(one("\xf0\x9f\x98\x80", 3), "\"\\ufffd\\ufffd\\ufffd\""); /* not over the end */
}

static void numbers_have_all_their_digits(void)
{
	struct json j;

	json_init(&j, mem, sizeof mem);
	json_open(&j, NULL, '[');
	json_u64(&j, NULL, UINT64_MAX);
	json_i64(&j, NULL, INT64_MIN);
	json_dbl(&j, NULL, 0.25, 2);
	json_dbl(&j, NULL, -1.5, 0);
	json_dbl(&j, NULL, 1e300, 1);
	json_dbl(&j, NULL, NAN, 2);
	json_dbl(&j, NULL, -INFINITY, 2);
	json_close(&j, ']');
	CHECK(strstr(json_text(&j), "[18446744073709551615,-9223372036854775808,0.25,-2,1000000"));
	CHECK(strstr(json_text(&j), ".0,null,null]"));
}

/* With every size of memory: the whole text, or none and not a byte too far. */
static void what_does_not_fit_gives_no_text(void)
{
	static const char want[] = "{\"k\":\"\\u0001\\\"\xc3\xbc\",\"n\":-7}";

	for (size_t cap = 0; cap <= sizeof want + 1; cap++) {
		const char *text;
		struct json j;

		memset(mem, '#', sizeof mem);
		json_init(&j, mem, cap);
		json_open(&j, NULL, '{');
		json_str(&j, "k", "\x01\"\xc3\xbc");
		json_i64(&j, "n", -7);
		json_close(&j, '}');
		text = json_text(&j);
		CHECK((text != NULL) == (cap >= sizeof want));
		CHECK(!text || !strcmp(text, want));
		CHECK_EQ(mem[cap], '#');
	}
}

TEST_MAIN_BEGIN
	RUN(members_are_separated_where_they_must_be);
	RUN(quotes_backslashes_and_control_characters_are_escaped);
	RUN(keys_are_escaped_too);
	RUN(utf8_passes_and_nothing_else);
	RUN(numbers_have_all_their_digits);
	RUN(what_does_not_fit_gives_no_text);
TEST_MAIN_END
