/* test/unit/test.h - the whole test framework: sentences that hold or do not
 *
 * A test program's main is a list of RUN(name) between TEST_MAIN_BEGIN and TEST_MAIN_END. Each
 * prints "ok NAME" or "not ok NAME"; test/run counts those lines. */
#ifndef TEST_UNIT_TEST_H
#define TEST_UNIT_TEST_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int test_bad;	/* checks that failed in the current test */
static int test_failed; /* tests that failed */

/* Notes a failure and goes on. */
#define CHECK(x)                                                                        \
	do {                                                                            \
		if (!(x)) {                                                             \
			test_bad++;                                                     \
			printf("# %s:%d: %s does not hold\n", __FILE__, __LINE__, #x);  \
		}                                                                       \
	} while (0)

/* Equality of integers, with both values shown. */
#define CHECK_EQ(a, b)                                                                          \
	do {                                                                                    \
		long long test_a = (long long)(a), test_b = (long long)(b);                     \
		if (test_a != test_b) {                                                         \
			test_bad++;                                                             \
			printf("# %s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, #a,       \
			       test_a, test_b);                                                 \
		}                                                                               \
	} while (0)

#define CHECK_STR(a, b)                                                                         \
	do {                                                                                    \
		const char *test_a = (a), *test_b = (b);                                        \
		if (strcmp(test_a, test_b)) {                                                   \
			test_bad++;                                                             \
			printf("# %s:%d: %s is \"%s\", not \"%s\"\n", __FILE__, __LINE__, #a,   \
			       test_a, test_b);                                                 \
		}                                                                               \
	} while (0)

/* n bytes against their hex digits (lower case); blanks in the text are for the reader. */
#define CHECK_HEX(p, n, text)                                                                   \
	do {                                                                                    \
		if (!test_is_hex((const unsigned char *)(p), n, text)) {                        \
			test_bad++;                                                             \
			printf("# %s:%d: %s is ", __FILE__, __LINE__, #p);                      \
			for (size_t test_i = 0; test_i < (size_t)(n) && test_i < 600; test_i++) \
				printf("%02x", ((const unsigned char *)(p))[test_i]);           \
			printf("\n");                                                           \
		}                                                                               \
	} while (0)

static inline bool test_is_hex(const unsigned char *p, size_t n, const char *text)
{
	static const char digit[] = "0123456789abcdef";

	for (size_t i = 0; i < 2 * n; text++) {
		if (*text == ' ')
			continue;
		if (*text != digit[i % 2 ? p[i / 2] & 15 : p[i / 2] >> 4])
			return false;
		i++;
	}
	return !*text;
}

#define RUN(fn)                                                                 \
	do {                                                                    \
		test_bad = 0;                                                   \
		fn();                                                           \
		test_failed += test_bad != 0;                                   \
		printf("%s %s\n", test_bad ? "not ok" : "ok", #fn);             \
		fflush(stdout);                                                 \
	} while (0)

#define TEST_MAIN_BEGIN int main(void) {
#define TEST_MAIN_END return test_failed != 0; }

#endif
