/* cmd/memory.h - the large buffers of a session, taken once before the loop runs */
#ifndef CMD_MEMORY_H
#define CMD_MEMORY_H

#include <stddef.h>

/* Zeroed address space for the life of the process; the kernel gives memory when it is touched.
 * NULL: out of memory. */
void *memory_reserve(size_t bytes);

/* The same in large pages where the kernel has some (madvise(2), MADV_HUGEPAGE): for buffers that
 * are filled from end to end, where a fault for each 4 KiB costs more than what is copied. */
void *memory_window(size_t bytes);

/* The same, shared with the children that are forked later. */
void *memory_shared(size_t bytes);

#endif
