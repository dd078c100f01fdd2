/* core/sort.h - a stable merge sort of indices, in the caller's memory
 *
 * libc's qsort may allocate (glibc) and is not stable; pure code needs an order that depends on
 * its input alone. */
#ifndef CORE_SORT_H
#define CORE_SORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether item a stands before item b; equal items keep their order. */
typedef bool (*sort_before)(const void *items, uint32_t a, uint32_t b);

/* Sorts the n indices in v; tmp has room for n more. Quick where v is almost in order. */
void sort_index(uint32_t *v, uint32_t *tmp, size_t n, sort_before before, const void *items);

#endif
