#include "base/radix.h"

#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "base/prefault.h"

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
		       unsigned shift)
{
	size_t counts[DIGITS] = {0};
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

/* Sort where the items are. */
static void sort_part(struct radix_item *items, struct radix_item *spare, size_t n)
{
	struct order order = look_over(items, n);
	if (order.sorted)
		return;
	struct radix_item *from = items, *to = spare;
	while (order.varying) {
		// Addresses differ in few bits; bits that are the same in all belong to no digit.
		unsigned shift = (unsigned)__builtin_ctzll(order.varying);
		sort_digit(from, to, n, shift);
		order.varying &= ~((uint64_t)(DIGITS - 1) << shift);
		struct radix_item *swap = from;
		from = to;
		to = swap;
	}
	if (from != items)
		memcpy(items, from, n * sizeof(*items));
}

/* Two workers sort a half each, then merge the halves into `spare`, from both ends. */
struct halves {
	struct radix_item *items, *spare;
	size_t n, middle;
};

static void sort_half(void *ctx, unsigned worker)
{
	const struct halves *h = ctx;
	size_t start = worker ? h->middle : 0;
	sort_part(h->items + start, h->spare + start, worker ? h->n - h->middle : h->middle);
}

/* The lower half of the result. Of equal keys the first half's come first. */
static void merge_up(const struct halves *h)
{
	const struct radix_item *a = h->items, *a_end = a + h->middle;
	const struct radix_item *b = a_end, *b_end = h->items + h->n;
	for (size_t i = 0; i < h->middle; i++)
		h->spare[i] = a < a_end && (b == b_end || a->key <= b->key) ? *a++ : *b++;
}

/* The upper half, from its end. */
static void merge_down(const struct halves *h)
{
	const struct radix_item *a_start = h->items, *a = a_start + h->middle;
	const struct radix_item *b_start = a, *b = h->items + h->n;
	for (size_t i = h->n; i-- > h->middle;)
		h->spare[i] = b > b_start && (a == a_start || a[-1].key <= b[-1].key) ? *--b : *--a;
}

static void merge_half(void *ctx, unsigned worker)
{
	if (worker)
		merge_down(ctx);
	else
		merge_up(ctx);
}

static void copy_half(void *ctx, unsigned worker)
{
	const struct halves *h = ctx;
	size_t start = worker ? h->middle : 0, end = worker ? h->n : h->middle;
	memcpy(h->items + start, h->spare + start, (end - start) * sizeof(*h->items));
}

bool radix_sort(struct radix_item *items, size_t n)
{
	if (look_over(items, n).sorted)
		return true;
	struct radix_item *spare = malloc(n * sizeof(*spare));
	if (!spare)
		return false;
	prefault(spare, n * sizeof(*spare));
	struct halves halves = {items, spare, n, n / 2};
	if (parallel_workers(n) < 2) {
		sort_part(items, spare, n);
	} else {
		parallel_each(sort_half, &halves);
		parallel_each(merge_half, &halves);
		parallel_each(copy_half, &halves);
	}
	free(spare);
	return true;
}
