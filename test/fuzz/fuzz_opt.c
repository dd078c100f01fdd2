/* test/fuzz/fuzz_opt.c - any words as a command line: refused with words, or within bounds */
#include <string.h>

#include "core/check.h"
#include "core/opt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WORDS_MAX = 100, TEXT_MAX = 1000 };

struct values {
	bool flag;
	uint32_t count, number, choice;
	const char *str;
	struct opt_list list, commas;
};

static const struct opt rows[] = {
	{ OPT_FLAG, 'f', "flag", NULL, "a flag", offsetof(struct values, flag), 0, 0 },
	{ OPT_COUNT, 'v', "verbose", NULL, "more", offsetof(struct values, count), 0, 0 },
	{ OPT_STR, 's', "str", "TEXT", "a text", offsetof(struct values, str), 0, 0 },
	{ OPT_U32, 'n', "number", "N", "a number", offsetof(struct values, number), 2, 8 },
	{ OPT_LIST, 'l', "list", "X", "a list", offsetof(struct values, list), 0, 0 },
	{ OPT_COMMAS, 0, "commas", "X,..", "a list", offsetof(struct values, commas), 0, 0 },
	{ OPT_CHOICE, 'c', "choice", "one|two|three", "x", offsetof(struct values, choice), 0, 0 },
	{ 0 },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[TEXT_MAX + 1], *argv[WORDS_MAX], *rest[WORDS_MAX], err[200] = "";
	struct values v = { 0 };
	struct opt_table table = { rows, &v };
	struct opt_args args = { .v = rest };
	struct opt_mode mode;
	int argc = 0, used;

	if (!size || size > TEXT_MAX)
		return 0;
	mode = (struct opt_mode){ .stop_early = data[0] & 1, .keep_dashes = data[0] & 2 };
	memcpy(text, data + 1, size - 1);
	text[size - 1] = 0;
	for (size_t at = 0; at < size && argc < WORDS_MAX; at += strlen(text + at) + 1)
		argv[argc++] = text + at;
	used = opt_parse(&table, 1, mode, argc, argv, &args, err, sizeof err);
	MUST(used >= -1 && used <= argc);
	MUST(args.n <= argc);
	MUST(used >= 0 || (err[0] && strlen(err) < sizeof err));
	if (used < 0)
		return 0;
	MUST(!v.number || (v.number >= 2 && v.number <= 8));
	MUST(v.choice <= 3);
	MUST(v.list.n <= OPT_LIST_MAX && v.commas.n <= OPT_LIST_MAX);
	for (uint32_t i = 0; i < v.commas.n; i++)
		MUST(v.commas.v[i][0] && !strchr(v.commas.v[i], ','));
	return 0;
}
