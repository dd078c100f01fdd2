/* core/check.h - assertions for programmer errors, and small compile-time helpers */
#ifndef CORE_CHECK_H
#define CORE_CHECK_H

#include <assert.h>
#include <stddef.h>

/* Prints place and condition to stderr and aborts. Never reachable by input: see MUST. */
_Noreturn void must_fail(const char *file, int line, const char *cond);

/* A condition that only a mistake of ours can break. Always on, in every build. One condition per
 * MUST; what a peer sends is judged by verdicts and must never reach one. */
#define MUST(x) ((x) ? (void)0 : must_fail(__FILE__, __LINE__, #x))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* The object of type `type` whose member `member` is at `ptr`. */
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))

#endif
