/* tuple/rules.h - who may read, insert, remove and renew which tuples (ARCHITECTURE section 4)
 *
 * A list of rules; the first that matches action, tag, role and owner decides, default deny. Every
 * replica applies it when it executes, so f liars cannot get around it. Pure. */
#ifndef TUPLE_RULES_H
#define TUPLE_RULES_H

#include "tuple/op.h"
#include "tuple/state.h"

enum action { ACT_READ = 1, ACT_INSERT = 2, ACT_REMOVE = 4, ACT_RENEW = 8 };

struct act {
	enum action action;
	uint16_t account;      /* who */
	const struct tuple *t; /* what */
	uint16_t owner;	       /* whose it is; unused for ACT_INSERT */
	uint32_t ttl_ms;       /* ACT_INSERT, ACT_RENEW */
	uint32_t skip;	       /* entry that is to be replaced, or SPACE_NONE */
};

/* RESULT_OK, or why not: DENIED, FOUND (the name is taken), TTL, QUOTA. */
enum result_code rules_check(const struct state *st, const struct act *a);

#endif
