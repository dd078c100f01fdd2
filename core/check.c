/* core/check.c - the end of a process that caught itself in a mistake */
#include "core/check.h"

#include <stdio.h>
#include <stdlib.h>

void must_fail(const char *file, int line, const char *cond)
{
	fprintf(stderr, "machete: bug at %s:%d: %s does not hold; please report it\n", file, line,
		cond);
	abort();
}
