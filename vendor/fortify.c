/* vendor/fortify.c - the fortify symbols that Debian's archives expect and musl lacks */
#include <string.h>

#include "core/check.h"

void *__memcpy_chk(void *dst, const void *src, size_t n, size_t room);

void *__memcpy_chk(void *dst, const void *src, size_t n, size_t room)
{
	MUST(n <= room);
	return memcpy(dst, src, n);
}
