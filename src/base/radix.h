/* Sorting numbers that carry an index: addresses of a million objects in a few passes. */
#ifndef GOSPY_BASE_RADIX_H
#define GOSPY_BASE_RADIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct radix_item {
	uint64_t key;
	uint32_t tag; /* goes with the key; for the caller */
	uint32_t index;
};

/** Stable ascending sort by key; false: out of memory (a second array is needed). */
bool radix_sort(struct radix_item *items, size_t n);

#endif
