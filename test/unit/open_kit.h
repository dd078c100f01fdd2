/* test/unit/open_kit.h - a client and a node with fixed keys, for the tests of core/open and
 * core/gate */
#ifndef TEST_UNIT_OPEN_KIT_H
#define TEST_UNIT_OPEN_KIT_H

#include <stdio.h>
#include <string.h>

#include "core/open.h"

/* The key whose scalar is `byte` repeated. */
static inline struct ident kit_key(uint8_t byte)
{
	uint8_t x[PRIV_BYTES];
	struct ident id;

	memset(&id, 0, sizeof id);
	memset(x, byte, sizeof x);
	ident_from_priv(&id, x);
	return id;
}

/* Boot 00 01 02 .., nonce 40 41 42 .. */
static inline struct open_ask kit_ask(enum open_op op)
{
	struct open_ask ask = { .op = (uint8_t)op };

	for (int i = 0; i < BOOT_BYTES; i++) {
		ask.boot[i] = (uint8_t)i;
		ask.nonce[i] = (uint8_t)(0x40 + i);
	}
	return ask;
}

static inline struct open_terms kit_terms(void)
{
	struct open_terms t = { .kind = OPEN_RELAY, .forward = 0x0102030405060708, .lease_s = 60 };

	memset(t.device.b, 0x33, FP_BYTES);
	addr_parse(&t.dest, "10.1.2.3:7300", 0);
	return t;
}

static inline size_t kit_unhex(uint8_t *out, const char *hex)
{
	size_t n = 0;
	unsigned v;

	for (; *hex && sscanf(hex, "%2x", &v) == 1; hex += 2)
		out[n++] = (uint8_t)v;
	return n;
}

#endif
