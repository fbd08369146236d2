#include "base/radix.h"

#include <stdlib.h>
#include <string.h>

enum { DIGIT_BITS = 9, DIGITS = 1 << DIGIT_BITS };

struct order {
	bool sorted;
	uint64_t varying; /* bits that are not the same in all keys */
};

static struct order look_over(const struct radix_item *items, size_t n)
{
	struct order order = {.sorted = true};
	for (size_t i = 1; i < n; i++) {
		order.sorted &= items[i - 1].key <= items[i].key;
		order.varying |= items[i].key ^ items[0].key;
	}
	return order;
}

/* One stable pass by the digit that begins at bit `shift`. */
static void sort_digit(const struct radix_item *from, struct radix_item *to, size_t n,
		       unsigned shift, size_t counts[DIGITS])
{
	memset(counts, 0, DIGITS * sizeof(*counts));
	for (size_t i = 0; i < n; i++)
		counts[from[i].key >> shift & (DIGITS - 1)]++;
	size_t at = 0;
	for (size_t v = 0; v < DIGITS; v++) {
		size_t count = counts[v];
		counts[v] = at;
		at += count;
	}
	for (size_t i = 0; i < n; i++)
		to[counts[from[i].key >> shift & (DIGITS - 1)]++] = from[i];
}

bool radix_sort(struct radix_item *items, size_t n)
{
	struct order order = look_over(items, n);
	if (order.sorted)
		return true;
	struct radix_item *spare = malloc(n * sizeof(*spare));
	size_t *counts = malloc(DIGITS * sizeof(*counts));
	bool ok = spare && counts;
	if (ok) {
		struct radix_item *from = items, *to = spare;
		while (order.varying) {
			// Addresses differ in few bits: those between are no digit's.
			unsigned shift = (unsigned)__builtin_ctzll(order.varying);
			sort_digit(from, to, n, shift, counts);
			order.varying &= ~((uint64_t)(DIGITS - 1) << shift);
			struct radix_item *swap = from;
			from = to;
			to = swap;
		}
		if (from != items)
			memcpy(items, from, n * sizeof(*items));
	}
	free(spare);
	free(counts);
	return ok;
}
