/* vendor/fortify.c - the fortify symbols that Debian's archives expect and musl lacks
 *
 * Debian compiles its libraries with _FORTIFY_SOURCE, so that they call these where the compiler
 * knows how much room there is. glibc's contract: do what the plain function does, abort when the
 * room is too small. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/check.h"

void *__memcpy_chk(void *dst, const void *src, size_t n, size_t room);
void *__memmove_chk(void *dst, const void *src, size_t n, size_t room);
void *__memset_chk(void *dst, int c, size_t n, size_t room);
int __snprintf_chk(char *dst, size_t n, int flag, size_t room, const char *fmt, ...);
int __fprintf_chk(FILE *f, int flag, const char *fmt, ...);

void *__memcpy_chk(void *dst, const void *src, size_t n, size_t room)
{
	MUST(n <= room);
	return memcpy(dst, src, n);
}

void *__memmove_chk(void *dst, const void *src, size_t n, size_t room)
{
	MUST(n <= room);
	return memmove(dst, src, n);
}

void *__memset_chk(void *dst, int c, size_t n, size_t room)
{
	MUST(n <= room);
	return memset(dst, c, n);
}

/* flag asks glibc to refuse %n in writable formats; musl has nothing to compare with. */
int __snprintf_chk(char *dst, size_t n, int flag, size_t room, const char *fmt, ...)
{
	va_list ap;
	int r;

	(void)flag;
	MUST(n <= room);
	va_start(ap, fmt);
	r = vsnprintf(dst, n, fmt, ap);
	va_end(ap);
	return r;
}

int __fprintf_chk(FILE *f, int flag, const char *fmt, ...)
{
	va_list ap;
	int r;

	(void)flag;
	va_start(ap, fmt);
	r = vfprintf(f, fmt, ap);
	va_end(ap);
	return r;
}
