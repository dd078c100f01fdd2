/* core/text.c - a peer's text, before it reaches a terminal or a file name */
#include "core/text.h"

size_t text_visible(const char *s)
{
	const unsigned char *u = (const unsigned char *)s;
	size_t n = u[0] < 0x80       ? 1
		   : u[0] >> 5 == 6  ? 2
		   : u[0] >> 4 == 14 ? 3
		   : u[0] >> 3 == 30 ? 4
				     : 0;

	if (u[0] < 0x20 || u[0] == 0x7f)
		return 0;
	for (size_t i = 1; i < n; i++)
		if (u[i] >> 6 != 2)
			return 0;
	return u[0] == 0xc2 && u[1] < 0xa0 ? 0 : n;
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
