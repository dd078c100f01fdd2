/* core/text.c - a peer's text, before it reaches a terminal, a file name or JSON */
#include "core/text.h"

#include <string.h>

enum { CHAR_BYTES_MAX = 4 };

size_t text_char(const char *s, size_t left, uint32_t *code)
{
	static const uint32_t least[CHAR_BYTES_MAX + 1] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *u = (const unsigned char *)s;
	size_t n = !left	     ? 0
		   : u[0] < 0x80     ? 1
		   : u[0] >> 5 == 6  ? 2
		   : u[0] >> 4 == 14 ? 3
		   : u[0] >> 3 == 30 ? 4
				     : 0;

	if (!n || n > left)
		return 0;
	*code = n == 1 ? u[0] : u[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if (u[i] >> 6 != 2)
			return 0;
		*code = *code << 6 | (u[i] & 0x3f);
	}
	return *code < least[n] || *code > 0x10ffff || *code >> 11 == 0x1b ? 0 : n;
}

bool text_steers(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

size_t text_visible(const char *s)
{
	uint32_t code;
	size_t n = text_char(s, strnlen(s, CHAR_BYTES_MAX), &code);

	return n && text_steers(code) ? 0 : n;
}

void text_escape(char *s)
{
	while (*s) {
		size_t n = text_visible(s);

		if (!n)
			*s = '?';
		s += n ? n : 1;
	}
}
