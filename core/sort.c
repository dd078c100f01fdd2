/* core/sort.c - a stable merge sort of indices, in the caller's memory */
#include "core/sort.h"

#include <string.h>

/* Merges the sorted runs v[0..mid) and v[mid..n). */
static void merge(uint32_t *v, uint32_t *tmp, size_t mid, size_t n, sort_before before,
		  const void *items)
{
	size_t l = 0, r = mid, out = 0;

	if (!before(items, v[mid], v[mid - 1]))
		return;
	memcpy(tmp, v, mid * sizeof *v);
	while (l < mid && r < n)
		v[out++] = before(items, v[r], tmp[l]) ? v[r++] : tmp[l++];
	memcpy(v + out, tmp + l, (mid - l) * sizeof *v);
}

void sort_index(uint32_t *v, uint32_t *tmp, size_t n, sort_before before, const void *items)
{
	for (size_t run = 1; run < n; run *= 2)
		for (size_t at = 0; n - at > run; at += 2 * run) {
			size_t left = n - at;

			merge(v + at, tmp, run, left < 2 * run ? left : 2 * run, before, items);
			if (left <= 2 * run)
				break;
		}
}
