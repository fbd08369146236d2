#include "core/page_chunk.h"

#include <stdlib.h>
#include <string.h>

enum {
	PARTS_SORTED_FROM = 256, /* before they take more room than this, they are sorted */
	GROUP_BYTES = 64 * 8,
};

/* ---- sets of pages */

unsigned page_set_next(const struct page_set *set, unsigned from, bool is_in)
{
	while (from < CHUNK_PAGES) {
		uint64_t bits = is_in ? set->bits[from / 64] : ~set->bits[from / 64];
		bits >>= from % 64;
		if (bits)
			return from + (unsigned)__builtin_ctzll(bits);
		from = (from / 64 + 1) * 64;
	}
	return CHUNK_PAGES;
}

size_t page_set_runs(const struct page_set *set, struct page_run *ret)
{
	size_t n = 0;
	unsigned from = page_set_next(set, 0, true);
	while (from < CHUNK_PAGES) {
		unsigned to = page_set_next(set, from, false);
		if (n && from - ret[n - 1].to <= CHUNK_GAP)
			ret[n - 1].to = to;
		else
			ret[n++] = (struct page_run){from, to};
		from = page_set_next(set, to, true);
	}
	return n;
}

size_t page_set_size(const struct page_set *set)
{
	struct page_run runs[CHUNK_RUNS_MAX];
	size_t n = page_set_runs(set, runs), pages = 0;
	for (size_t i = 0; i < n; i++)
		pages += runs[i].to - runs[i].from;
	return pages;
}

/* ---- putting */

static uint64_t *known_word(struct page_chunk *chunk, size_t word)
{
	return &chunk->known[word / (64 * PAGE_WORDS)][word / 64 % PAGE_WORDS];
}

static void clear_page(struct page_chunk *chunk, unsigned page)
{
	memset(chunk->pages + (size_t)page * PAGE_BYTES, 0, PAGE_BYTES);
	memset(chunk->known[page], 0, PAGE_KNOWN);
}

/* The pages of [at, end) are there from now on. */
static void add_pages(struct page_chunk *chunk, size_t at, size_t end)
{
	for (size_t page = at / PAGE_BYTES; page * PAGE_BYTES < end; page++) {
		if (page_set_has(&chunk->present, (unsigned)page))
			continue;
		clear_page(chunk, (unsigned)page);
		chunk->present.bits[page / 64] |= UINT64_C(1) << page % 64;
	}
}

/* All of the words [from, to) is known. */
static void know_words(struct page_chunk *chunk, size_t from, size_t to)
{
	while (from < to) {
		size_t n = 64 - from % 64;
		if (n > to - from)
			n = to - from;
		*known_word(chunk, from) |= (n == 64 ? ~UINT64_C(0) : (UINT64_C(1) << n) - 1)
					    << from % 64;
		from += n;
	}
}

/* Bytes [from, to) of a word, which are not all of it. */
static bool know_part(struct page_chunk *chunk, size_t word, unsigned from, unsigned to)
{
	if (*known_word(chunk, word) >> word % 64 & 1)
		return true;
	uint32_t part = (uint32_t)word << 8 | ((1u << to) - (1u << from));
	chunk_parts *parts = &chunk->parts;
	if (parts->len && parts->at[parts->len - 1] == part)
		return true;
	if (parts->len == parts->cap && parts->len >= PARTS_SORTED_FROM) {
		// What is read again and again must not make it grow.
		page_chunk_sort(chunk);
		if (parts->len > parts->cap - parts->cap / 4 && !vec_reserve(parts, parts->cap * 2))
			return false;
	}
	return vec_push(parts, part);
}

static bool know(struct page_chunk *chunk, size_t at, size_t end)
{
	size_t from = (at + 7) / 8, to = end / 8;
	if (from > to) // within a word
		return know_part(chunk, to, at % 8, end % 8);
	know_words(chunk, from, to);
	return (at % 8 == 0 || know_part(chunk, at / 8, at % 8, 8)) &&
	       (end % 8 == 0 || know_part(chunk, to, 0, end % 8));
}

bool page_chunk_put(struct page_chunk *chunk, size_t at, const void *bytes, size_t len)
{
	if (!len)
		return true;
	add_pages(chunk, at, at + len);
	memcpy(chunk->pages + at, bytes, len);
	return know(chunk, at, at + len);
}

/* The first run of bits from `from` on that are set; false: there is none. */
static bool next_run(uint64_t bits, unsigned from, unsigned *first_ret, unsigned *end_ret)
{
	const uint64_t left = from < 64 ? bits >> from << from : 0;
	if (!left)
		return false;
	*first_ret = (unsigned)__builtin_ctzll(left);
	const uint64_t others = ~(left >> *first_ret);
	*end_ret = *first_ret + (others ? (unsigned)__builtin_ctzll(others) : 64);
	return true;
}

void page_chunk_put_words(struct page_chunk *chunk, const uint64_t *words, const uint8_t *bytes)
{
	for (size_t group = 0; group < CHUNK_BYTES / GROUP_BYTES; group++) {
		const size_t at = group * GROUP_BYTES;
		unsigned first, end = 0;
		if (!words[group])
			continue;
		add_pages(chunk, at, at + GROUP_BYTES);
		*known_word(chunk, group * 64) |= words[group];
		while (next_run(words[group], end, &first, &end))
			memcpy(chunk->pages + at + first * 8, bytes + at + first * 8,
			       (size_t)(end - first) * 8);
	}
}

static void take_page(struct page_chunk *chunk, unsigned page, const uint64_t *words)
{
	chunk->present.bits[page / 64] |= UINT64_C(1) << page % 64;
	for (size_t i = 0; i < PAGE_WORDS; i++) {
		uint8_t *bytes = chunk->pages + (size_t)page * PAGE_BYTES + i * GROUP_BYTES;
		unsigned first, end = 0;
		chunk->known[page][i] = words[i];
		while (next_run(~words[i], end, &first, &end))
			memset(bytes + first * 8, 0, (size_t)(end - first) * 8);
	}
}

void page_chunk_take_words(struct page_chunk *chunk, const uint64_t *words)
{
	for (unsigned page = 0; page < CHUNK_PAGES; page++) {
		const uint64_t *of = words + (size_t)page * PAGE_WORDS;
		uint64_t any = 0;
		for (size_t i = 0; i < PAGE_WORDS; i++)
			any |= of[i];
		if (any)
			take_page(chunk, page, of);
	}
}

/* ---- parts of words */

static int compare_parts(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

void page_chunk_sort(struct page_chunk *chunk)
{
	chunk_parts *parts = &chunk->parts;
	size_t kept = 0;
	if (parts->len)
		qsort(parts->at, parts->len, sizeof(*parts->at), compare_parts);
	for (size_t i = 0; i < parts->len;) {
		const uint32_t word = parts->at[i] >> 8;
		uint32_t mask = 0;
		for (; i < parts->len && parts->at[i] >> 8 == word; i++)
			mask |= parts->at[i] & 0xff;
		if (mask == 0xff)
			know_words(chunk, word, word + 1);
		if (!(*known_word(chunk, word) >> word % 64 & 1))
			parts->at[kept++] = word << 8 | mask;
	}
	parts->len = kept;
}

void page_chunk_deinit(struct page_chunk *chunk)
{
	vec_free(&chunk->parts);
}

/* ---- closing up */

static void move_pages(struct page_chunk *chunk, size_t to, size_t from, size_t n)
{
	memmove(chunk->pages + to * PAGE_BYTES, chunk->pages + from * PAGE_BYTES, n * PAGE_BYTES);
	memmove(chunk->known[to], chunk->known[from], n * PAGE_KNOWN);
}

void page_chunk_close(struct page_chunk *chunk)
{
	struct page_run runs[CHUNK_RUNS_MAX];
	size_t n = page_set_runs(&chunk->present, runs), at = 0;
	for (size_t i = 0; i < n; i++) {
		unsigned page = page_set_next(&chunk->present, runs[i].from, false);
		for (; page < runs[i].to; page = page_set_next(&chunk->present, page + 1, false))
			clear_page(chunk, page);
		if (at != runs[i].from)
			move_pages(chunk, at, runs[i].from, runs[i].to - runs[i].from);
		at += runs[i].to - runs[i].from;
	}
}

void page_chunk_open(struct page_chunk *chunk)
{
	struct page_run runs[CHUNK_RUNS_MAX];
	size_t n = page_set_runs(&chunk->present, runs), at = page_set_size(&chunk->present);
	// From behind, where each goes to is not needed any more.
	for (size_t i = n; i-- > 0;) {
		at -= runs[i].to - runs[i].from;
		if (at != runs[i].from)
			move_pages(chunk, runs[i].from, at, runs[i].to - runs[i].from);
	}
}
