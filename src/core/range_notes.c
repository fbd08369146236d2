#include "core/range_notes.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"

/* A note: its first word in the chunk, its words less one, and its kind. */
enum {
	KIND_BITS = 2,
	LEN_BITS = 13,
	NOTE_WORDS = 1 << LEN_BITS, /* that one note has at most */
	WORDS = CHUNK_BYTES / 8,
};
_Static_assert(WORDS <= 1 << (32 - KIND_BITS - LEN_BITS), "a note is 32 bits");

struct noted {
	uint64_t addr; /* of the chunk */
	VEC(uint32_t) at;
};

enum { STRIPES = 32 };

/* The chunks of some addresses, so that threads do not wait for each other. */
struct stripe {
	pthread_mutex_t lock;
	struct map map;     /* address -> struct noted */
	struct noted *last; /* the same is asked for again and again */
	VEC(struct noted *) chunks;
	size_t words; /* of all notes */
};

struct range_notes {
	struct stripe stripes[STRIPES];
	VEC(struct noted *) sorted;
};

struct range_notes *range_notes_create(void)
{
	struct range_notes *notes = calloc(1, sizeof(*notes));
	for (size_t i = 0; notes && i < STRIPES; i++)
		pthread_mutex_init(&notes->stripes[i].lock, NULL);
	return notes;
}

void range_notes_destroy(struct range_notes *notes)
{
	if (!notes)
		return;
	for (size_t i = 0; i < STRIPES; i++) {
		struct stripe *stripe = &notes->stripes[i];
		for (size_t k = 0; k < stripe->chunks.len; k++) {
			vec_free(&stripe->chunks.at[k]->at);
			free(stripe->chunks.at[k]);
		}
		vec_free(&stripe->chunks);
		map_deinit(&stripe->map);
		pthread_mutex_destroy(&stripe->lock);
	}
	vec_free(&notes->sorted);
	free(notes);
}

/* ---- noting */

/* With the lock. NULL: out of memory. */
static struct noted *find(struct stripe *stripe, uint64_t addr)
{
	if (stripe->last && stripe->last->addr == addr)
		return stripe->last;
	uint64_t *value = map_put(&stripe->map, addr);
	if (!value)
		return NULL;
	struct noted *noted = (struct noted *)(uintptr_t)*value;
	if (!noted) {
		noted = calloc(1, sizeof(*noted));
		if (!noted || !vec_push(&stripe->chunks, noted)) {
			free(noted);
			return NULL;
		}
		noted->addr = addr;
		*value = (uintptr_t)noted;
	}
	stripe->last = noted;
	return noted;
}

static bool add(struct stripe *stripe, uint64_t addr, size_t word, size_t words,
		enum range_kind kind)
{
	struct noted *noted = find(stripe, addr);
	while (noted && words) {
		size_t n = words < NOTE_WORDS ? words : NOTE_WORDS;
		uint32_t note = (uint32_t)word << (KIND_BITS + LEN_BITS) |
				(uint32_t)(n - 1) << KIND_BITS | (uint32_t)kind;
		if (!vec_push(&noted->at, note))
			return false;
		word += n;
		words -= n;
	}
	return noted;
}

bool range_notes_add(struct range_notes *notes, uint64_t addr, size_t len, enum range_kind kind)
{
	const size_t skipped = (size_t)(-addr % 8);
	if (len < skipped + 8 || addr > UINT64_MAX - len)
		return true;
	addr += skipped;
	for (uint64_t left = (len - skipped) / 8; left;) {
		uint64_t chunk = addr & ~(uint64_t)(CHUNK_BYTES - 1);
		size_t word = (size_t)(addr - chunk) / 8;
		size_t n = left < WORDS - word ? (size_t)left : WORDS - word;
		struct stripe *stripe = &notes->stripes[chunk / CHUNK_BYTES % STRIPES];
		pthread_mutex_lock(&stripe->lock);
		bool good = add(stripe, chunk, word, n, kind);
		stripe->words += n;
		pthread_mutex_unlock(&stripe->lock);
		if (!good)
			return false;
		addr += (uint64_t)n * 8;
		left -= n;
	}
	return true;
}

/* ---- reading the notes */

size_t range_notes_bytes(const struct range_notes *notes)
{
	size_t words = 0;
	for (size_t i = 0; i < STRIPES; i++)
		words += notes->stripes[i].words;
	return words * 8;
}

static int compare(const void *a, const void *b)
{
	const struct noted *x = *(struct noted *const *)a, *y = *(struct noted *const *)b;
	return (x->addr > y->addr) - (x->addr < y->addr);
}

bool range_notes_sort(struct range_notes *notes, size_t *count_ret)
{
	size_t count = 0;
	for (size_t i = 0; i < STRIPES; i++)
		count += notes->stripes[i].chunks.len;
	notes->sorted.len = 0;
	if (!vec_reserve(&notes->sorted, count))
		return false;
	for (size_t i = 0; i < STRIPES; i++) {
		const struct stripe *stripe = &notes->stripes[i];
		for (size_t k = 0; k < stripe->chunks.len; k++)
			notes->sorted.at[notes->sorted.len++] = stripe->chunks.at[k];
	}
	if (count)
		qsort(notes->sorted.at, count, sizeof(*notes->sorted.at), compare);
	*count_ret = count;
	return true;
}

static void change(uint64_t *bits, uint32_t note, bool to)
{
	size_t from = note >> (KIND_BITS + LEN_BITS);
	size_t end = from + (note >> KIND_BITS & (NOTE_WORDS - 1)) + 1;
	while (from < end) {
		size_t n = 64 - from % 64;
		if (n > end - from)
			n = end - from;
		uint64_t mask = (n == 64 ? ~UINT64_C(0) : (UINT64_C(1) << n) - 1) << from % 64;
		if (to)
			bits[from / 64] |= mask;
		else
			bits[from / 64] &= ~mask;
		from += n;
	}
}

uint64_t range_notes_get(const struct range_notes *notes, size_t i, struct range_bits *ret)
{
	const struct noted *noted = notes->sorted.at[i];
	bool keeps = false;
	memset(ret, 0, sizeof(*ret));
	for (size_t k = 0; k < noted->at.len; k++) {
		const uint32_t note = noted->at.at[k], kind = note & ((1 << KIND_BITS) - 1);
		keeps |= kind == RANGE_KEPT;
		if (kind != RANGE_KEPT)
			change(kind == RANGE_STACK ? ret->stack : ret->wanted, note, true);
	}
	for (size_t k = 0; k < CHUNK_WORDS; k++) {
		ret->stack[k] &= ~ret->wanted[k];
		ret->wanted[k] |= ret->stack[k];
	}
	for (size_t k = 0; keeps && k < noted->at.len; k++) {
		if ((noted->at.at[k] & ((1 << KIND_BITS) - 1)) == RANGE_KEPT)
			change(ret->wanted, noted->at.at[k], false);
	}
	return noted->addr;
}
