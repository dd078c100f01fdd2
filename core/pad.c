/* core/pad.c - padded lengths (SECRECY.md section 5) */
#include "core/pad.h"

static unsigned log2_floor(uint64_t v)
{
	unsigned e = 0;

	while (v >>= 1)
		e++;
	return e;
}

uint64_t pad_length(uint64_t len)
{
	unsigned e, s;
	uint64_t mask;

	if (len <= 256)
		return 256;
	if (len >> 62)
		return len;
	e = log2_floor(len);
	s = log2_floor(e) + 1;
	mask = ((uint64_t)1 << (e - s)) - 1;
	return (len + mask) & ~mask;
}
