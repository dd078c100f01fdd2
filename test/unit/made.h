/* test/unit/made.h - records of many lengths that say who they are, for tests of flows */
#ifndef TEST_UNIT_MADE_H
#define TEST_UNIT_MADE_H

#include <stdint.h>
#include <string.h>

#include "core/seal.h"

enum { RECORDS = 40 };

static uint8_t made[RECORDS][RECORD_BYTES_MAX];

/* Record i: header, its number in every byte. Sizes from the smallest to the largest. */
static inline size_t record_len(uint64_t i)
{
	size_t plain = i % 3 ? RECORD_PLAIN_MAX - 100 * (size_t)(i % 7) : (size_t)i;

	return RECORD_HEAD + plain + RECORD_TAG;
}

static inline void make_record(uint64_t i)
{
	size_t len = record_len(i), body = len - 5;
	const uint8_t head[5] = { RECORD_TYPE, 3, 3, (uint8_t)(body >> 8), (uint8_t)body };

	memset(made[i], (int)i, len);
	memcpy(made[i], head, sizeof head);
}

#endif
