/* test/unit/test_opt.c - option rows: every type, every spelling, every mistake, and the help */
#include "core/opt.h"
#include "test/unit/test.h"

enum { WORDS = 80 };

struct values {
	bool flag;
	uint32_t count, number, choice;
	const char *str;
	struct opt_list list, commas;
	bool other;
};

static const struct opt rows[] = {
	{ OPT_FLAG, 'f', "flag", NULL, "a flag", offsetof(struct values, flag), 0, 0 },
	{ OPT_COUNT, 'v', "verbose", NULL, "more", offsetof(struct values, count), 0, 0 },
	{ OPT_STR, 's', "str", "TEXT", "a text", offsetof(struct values, str), 0, 0 },
	{ OPT_U32, 'n', "number", "N", "a number", offsetof(struct values, number), 2, 80 },
	{ OPT_LIST, 'l', NULL, "X", "a list", offsetof(struct values, list), 0, 0 },
	{ OPT_COMMAS, 0, "via", "X,..", "a list", offsetof(struct values, commas), 0, 0 },
	{ OPT_CHOICE, 0, "split", "split|stripe|xor", "x", offsetof(struct values, choice), 0, 0 },
	{ 0 },
};
static const struct opt more[] = {
	{ OPT_FLAG, 'o', "other", NULL, "a second table", offsetof(struct values, other), 0, 0 },
	{ 0 },
};

static struct values v;
static char text[4000], *words[WORDS], *rest[WORDS], err[200];
static struct opt_args args;

/* Parses a line of words that single blanks separate. */
static int parse(const char *line, struct opt_mode mode)
{
	const struct opt_table tables[] = { { rows, &v }, { more, &v } };
	int argc = 0;

	snprintf(text, sizeof text, "%s", line);
	for (char *at = text; at; argc++) {
		words[argc] = at;
		at = strchr(at, ' ');
		if (at)
			*at++ = 0;
	}
	v = (struct values){ 0 };
	args = (struct opt_args){ .v = rest };
	err[0] = 0;
	return opt_parse(tables, 2, mode, *line ? argc : 0, words, &args, err, sizeof err);
}

static const char *mistake(const char *line)
{
	return parse(line, (struct opt_mode){ 0 }) < 0 ? err : "none";
}

static bool fine(const char *line)
{
	return parse(line, (struct opt_mode){ 0 }) >= 0;
}

static void nothing_given_leaves_everything_unset(void)
{
	static const struct values none;

	CHECK_EQ(parse("", (struct opt_mode){ 0 }), 0);
	CHECK(!memcmp(&v, &none, sizeof v));
	CHECK_EQ(args.n, 0);
}

static void every_spelling_of_a_value_is_taken(void)
{
	static const char *const line[] = { "-n4", "-n 4", "--number 4", "--number=4", "-fn4",
					    "-fn 4", "-n 3 -n4" };

	for (size_t i = 0; i < sizeof line / sizeof *line; i++) {
		CHECK(fine(line[i]));
		CHECK_EQ(v.number, 4);
		CHECK_EQ(args.n, 0);
	}
	CHECK(fine("--str=a=b"));
	CHECK_STR(v.str, "a=b");
	CHECK(fine("--str="));
	CHECK_STR(v.str, "");
	CHECK(fine("-s -f")); /* a value may begin with a dash */
	CHECK_STR(v.str, "-f");
	CHECK(!v.flag);
	CHECK(fine("-s --"));
	CHECK_STR(v.str, "--");
}

static void flags_and_counts(void)
{
	CHECK(fine("-f -vv --verbose"));
	CHECK(v.flag);
	CHECK_EQ(v.count, 3);
	CHECK(fine("-vfv"));
	CHECK_EQ(v.count, 2);
	CHECK(fine("--other -f"));
	CHECK(v.other && v.flag);
	CHECK_STR(mistake("--flag=1"), "option --flag takes no value");
}

static void numbers_are_whole_and_within_their_bounds(void)
{
	static const char *const bad[] = { "1", "81", "-2", "+2", "2x", "x", "0x10", "2.0",
					   "18446744073709551618", "4294967298" };

	CHECK(fine("-n2") && v.number == 2);
	CHECK(fine("-n80") && v.number == 80);
	CHECK(fine("-n007") && v.number == 7);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char line[60], want[120];

		snprintf(line, sizeof line, "--number=%s", bad[i]);
		snprintf(want, sizeof want,
			 "option --number takes a whole number from 2 to 80, not: %s", bad[i]);
		CHECK_STR(mistake(line), want);
		CHECK_EQ(v.number, 0);
	}
	CHECK_STR(mistake("--number="), "option --number takes a whole number from 2 to 80, not: ");
}

static void choices_are_words_of_the_row(void)
{
	CHECK(fine("--split split") && v.choice == 1);
	CHECK(fine("--split stripe") && v.choice == 2);
	CHECK(fine("--split=xor") && v.choice == 3);
	CHECK_STR(mistake("--split=xo"), "option --split takes split|stripe|xor, not: xo");
	CHECK_STR(mistake("--split=xorr"), "option --split takes split|stripe|xor, not: xorr");
	CHECK_STR(mistake("--split="), "option --split takes split|stripe|xor, not: ");
	CHECK_STR(mistake("--split=split|stripe"),
		  "option --split takes split|stripe|xor, not: split|stripe");
}

static void lists_keep_their_order(void)
{
	CHECK(fine("-l a -lb -l c"));
	CHECK_EQ(v.list.n, 3);
	CHECK_STR(v.list.v[0], "a");
	CHECK_STR(v.list.v[1], "b");
	CHECK_STR(v.list.v[2], "c");
	CHECK(fine("--via a,,b, --via c"));
	CHECK_EQ(v.commas.n, 3);
	CHECK_STR(v.commas.v[1], "b");
	CHECK_STR(v.commas.v[2], "c");
	CHECK(fine("--via ,"));
	CHECK_EQ(v.commas.n, 0);
}

static void lists_that_are_too_long_are_refused(void)
{
	char line[1000] = "--via=";

	for (int i = 0; i < OPT_LIST_MAX; i++)
		strncat(line, "x,", sizeof line - strlen(line) - 1);
	CHECK(fine(line));
	CHECK_EQ(v.commas.n, OPT_LIST_MAX);
	strncat(line, "x", sizeof line - strlen(line) - 1);
	CHECK_STR(mistake(line), "option --via has too many values");
	line[0] = 0;
	for (int i = 0; i < OPT_LIST_MAX; i++)
		strncat(line, i ? " -lx" : "-lx", sizeof line - strlen(line) - 1);
	CHECK(fine(line));
	strncat(line, " -lx", sizeof line - strlen(line) - 1);
	CHECK_STR(mistake(line), "option -l is given too often");
}

static void what_is_unknown_or_cut_is_refused(void)
{
	CHECK_STR(mistake("--nope"), "unknown option --nope");
	CHECK_STR(mistake("--number4"), "unknown option --number4");
	CHECK_STR(mistake("--numbe 4"), "unknown option --numbe");
	CHECK_STR(mistake("--n 4"), "unknown option --n");
	CHECK_STR(mistake("-x"), "unknown option -x");
	CHECK_STR(mistake("-fx"), "unknown option -x");
	CHECK_STR(mistake("-f-"), "unknown option --");
	CHECK_STR(mistake("--=x"), "unknown option --=x");
	CHECK_STR(mistake("a --number"), "option --number needs a value");
	CHECK_STR(mistake("-fs"), "option --str needs a value");
	CHECK_STR(mistake("-l"), "option -l needs a value");
}

static void words_are_collected_in_order(void)
{
	CHECK_EQ(parse("a -f b - -n4 c", (struct opt_mode){ 0 }), 6);
	CHECK_EQ(args.n, 4);
	CHECK_STR(args.v[0], "a");
	CHECK_STR(args.v[2], "-"); /* standard input is a word */
	CHECK_STR(args.v[3], "c");
	CHECK(!args.given);
	CHECK(fine("a -- -f --nope"));
	CHECK(args.given && !v.flag);
	CHECK_EQ(args.n, 3);
	CHECK_STR(args.v[1], "-f");
	CHECK_STR(args.v[2], "--nope");
	parse("a -- b -- c", (struct opt_mode){ .keep_dashes = true });
	CHECK(args.given);
	CHECK_EQ(args.n, 5);
	CHECK_STR(args.v[1], "--");
}

static void an_early_stop_leaves_the_rest_alone(void)
{
	CHECK_EQ(parse("-f send --nope", (struct opt_mode){ .stop_early = true }), 1);
	CHECK(v.flag);
	CHECK_EQ(args.n, 0);
	CHECK_EQ(parse("-n 4 -", (struct opt_mode){ .stop_early = true }), 2);
	CHECK_EQ(parse("-f -- x", (struct opt_mode){ .stop_early = true }), 1);
	CHECK_EQ(parse("-f", (struct opt_mode){ .stop_early = true }), 1);
}

static void long_mistakes_are_cut_to_fit(void)
{
	char line[400] = "--nope";

	for (size_t i = 6; i < sizeof line - 1; i++)
		line[i] = 'x';
	CHECK_EQ(strlen(mistake(line)), sizeof err - 1);
}

static void help_is_made_from_the_rows(void)
{
	char out[1000];
	int n = opt_help(rows, out, sizeof out);

	CHECK_EQ(n, strlen(out));
	CHECK(strstr(out, "  -f, --flag                     a flag\n") == out);
	CHECK(strstr(out, "\n  -n, --number N                 a number\n"));
	CHECK(strstr(out, "\n  -l X                           a list\n"));
	CHECK(strstr(out, "\n      --split split|stripe|xor   x\n"));
	memset(out, '#', sizeof out);
	CHECK_EQ(opt_help(rows, out, 50), n); /* what it would take */
	CHECK_EQ(strlen(out), 49);
	CHECK_EQ(out[50], '#');
	CHECK_EQ(opt_help(rows, NULL, 0), n);
}

#define MARGIN "                                 " /* 33 */

static void help_stays_within_a_terminal(void)
{
	static const struct opt wide[] = {
		{ OPT_STR, 0, "scheduler", "fast|strict|and|others", "who carries the next record",
		  0, 0, 0 },
		{ OPT_FLAG, 'x', NULL, NULL,
		  "some words that are together longer than what is left of a terminal, and some "
		  "more of them",
		  0, 0, 0 },
		{ 0 },
	};
	char out[1000];

	opt_help(wide, out, sizeof out);
	CHECK_STR(out, "      --scheduler fast|strict|and|others\n" MARGIN
		       "who carries the next record\n"
		       "  -x                             "
		       "some words that are together longer than what\n" MARGIN
		       "is left of a terminal, and some more of them\n");
}

TEST_MAIN_BEGIN
	RUN(nothing_given_leaves_everything_unset);
	RUN(every_spelling_of_a_value_is_taken);
	RUN(flags_and_counts);
	RUN(numbers_are_whole_and_within_their_bounds);
	RUN(choices_are_words_of_the_row);
	RUN(lists_keep_their_order);
	RUN(lists_that_are_too_long_are_refused);
	RUN(what_is_unknown_or_cut_is_refused);
	RUN(words_are_collected_in_order);
	RUN(an_early_stop_leaves_the_rest_alone);
	RUN(long_mistakes_are_cut_to_fit);
	RUN(help_is_made_from_the_rows);
	RUN(help_stays_within_a_terminal);
TEST_MAIN_END
