/* cmd/memory.c - the large buffers of a session, taken once before the loop runs */
#include "cmd/memory.h"

#include <sys/mman.h>

static void *map(int how, size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, how | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		       0);

	return p == MAP_FAILED ? NULL : p;
}

void *memory_reserve(size_t bytes)
{
	return map(MAP_PRIVATE, bytes);
}

void *memory_window(size_t bytes)
{
	void *p = map(MAP_PRIVATE, bytes);

	if (p)
		madvise(p, bytes, MADV_HUGEPAGE); /* a wish */
	return p;
}

void *memory_shared(size_t bytes)
{
	return map(MAP_SHARED, bytes);
}
