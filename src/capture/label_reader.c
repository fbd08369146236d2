#include "capture/label_reader.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

enum {
	SLICE_SINCE = 24, /* Go 1.24+ */
	LABELS_MAX = 64,  /* of one set: runtime/pprof users set a handful */
	LABEL_TEXT_MAX = 1 << 10,
	PAIR_WORDS = 4, /* two strings: pointer and length each */
	BATCH = 64,     /* sets that are read together */
};

/* src/runtime/map.go, the same in Go 1.12 to 1.23; the compiler knows this layout, too. */
enum {
	BUCKET_CELLS = 8,                                      /* bucketCnt */
	BUCKET_LEN = BUCKET_CELLS + BUCKET_CELLS * 2 * 16 + 8, /* tophash, keys, values, overflow */
	MIN_TOP_HASH = 5,                                      /* below: not a cell with an entry */
	SAME_SIZE_GROW = 8,
	B_MAX = 6,         /* log2 of the buckets; LABELS_MAX entries need 4 */
	BUCKETS_MAX = 256, /* overflow buckets included */
};

struct map_walk {
	struct mem *mem;
	struct budget *budget;
	uint64_t *pairs;
	size_t count;   /* of pairs found */
	size_t buckets; /* looked at */
};

/* The entries of one bucket; false: there are too many. */
static bool take_cells(struct map_walk *w, const uint8_t *bucket)
{
	const uint8_t *keys = bucket + BUCKET_CELLS;
	for (size_t i = 0; i < BUCKET_CELLS; i++) {
		if (bucket[i] < MIN_TOP_HASH) // empty, or evacuated to the new buckets
			continue;
		if (w->count == LABELS_MAX)
			return false;
		uint64_t *pair = w->pairs + PAIR_WORDS * w->count++;
		memcpy(pair, keys + 16 * i, 16);
		memcpy(pair + 2, keys + 16 * (BUCKET_CELLS + i), 16);
	}
	return true;
}

static bool walk_buckets(struct map_walk *w, uint64_t array, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t bucket[BUCKET_LEN];
		for (uint64_t addr = array + i * BUCKET_LEN; addr;) {
			if (w->buckets++ == BUCKETS_MAX || !budget_read(w->budget, 1) ||
			    mem_read(w->mem, addr, bucket, sizeof(bucket), NULL) ||
			    !take_cells(w, bucket))
				return false;
			memcpy(&addr, bucket + BUCKET_LEN - sizeof(addr), sizeof(addr));
		}
	}
	return true;
}

/* The pairs of a map; false: it is none. */
static bool read_map(const struct label_reader *r, uint64_t addr, uint64_t *pairs, size_t *ret)
{
	struct mem *mem = r->image->mem;
	uint64_t hmap, words[4]; // of it: count; flags, B, ...; buckets; oldbuckets
	if (!budget_read(r->budget, 2) || mem_read_u64(mem, addr, &hmap, NULL) ||
	    (hmap && mem_read(mem, hmap, words, sizeof(words), NULL)))
		return false;
	if (!hmap)
		return true;
	uint8_t flags = (uint8_t)words[1], B = (uint8_t)(words[1] >> 8);
	if (words[0] > LABELS_MAX || B > B_MAX)
		return false;
	size_t n = (size_t)1 << B, old_n = flags & SAME_SIZE_GROW ? n : n / 2;
	struct map_walk w = {.mem = mem, .budget = r->budget, .pairs = pairs};
	bool whole = (!words[2] || walk_buckets(&w, words[2], n)) &&
		     (!words[3] || walk_buckets(&w, words[3], old_n));
	*ret = w.count;
	return whole && w.count == words[0];
}

/* Some sets on their way from addresses to texts. */
struct batch {
	const struct label_reader *reader;
	struct set {
		uint64_t addr;
		struct label_set *set;
		uint64_t slice[3];         /* array, len, cap */
		size_t count;              /* of pairs */
		bool good;                 /* so far */
		size_t first_req, end_req; /* of its texts */
		uint64_t pairs[LABELS_MAX * PAIR_WORDS];
	} of[BATCH];
	size_t n;
	VEC(struct mem_req) reqs;
	enum gospy_code code; /* why nothing can be read any more */
	struct gospy_error *err;
};

static void batch_destroy(struct batch **b)
{
	if (*b)
		vec_free(&(*b)->reqs);
	free(*b);
}

/* Sets that are not read whole are no good. False: nothing can be read any more, see .code. */
static bool fetch(struct batch *b)
{
	size_t n = b->reqs.len;
	enum gospy_code code =
		n ? mem_readv(b->reader->image->mem, b->reqs.at, n, b->err) : GOSPY_OK;
	for (size_t i = 0; i < b->n; i++) {
		struct set *set = &b->of[i];
		for (size_t r = set->first_req; set->good && r < set->end_req; r++)
			set->good = b->reqs.at[r].done == b->reqs.at[r].len;
	}
	b->reqs.len = 0;
	b->code = code == GOSPY_E_FAULT ? GOSPY_OK : code;
	return !b->code;
}

/* Note a request; false: no memory. A set that the budget does not hold is no good. */
static bool want(struct batch *b, struct set *set, uint64_t addr, void *dst, size_t len)
{
	struct mem_req req = {addr, dst, len, 0, MEM_DATA};
	set->good = set->good && budget_read(b->reader->budget, 1);
	return !set->good || vec_push(&b->reqs, req);
}

static bool read_slices(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		struct set *set = &b->of[i];
		set->first_req = b->reqs.len;
		if (!want(b, set, set->addr, set->slice, sizeof(set->slice)))
			return false;
		set->end_req = b->reqs.len;
	}
	if (!fetch(b))
		return false;
	for (size_t i = 0; i < b->n; i++) {
		struct set *set = &b->of[i];
		set->count = (size_t)set->slice[1];
		set->good =
			set->good && set->slice[1] <= set->slice[2] && set->slice[1] <= LABELS_MAX;
		set->first_req = b->reqs.len;
		if (set->good && set->count &&
		    !want(b, set, set->slice[0], set->pairs,
			  set->count * PAIR_WORDS * sizeof(*set->pairs)))
			return false;
		set->end_req = b->reqs.len;
	}
	return fetch(b);
}

static void read_maps(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		struct set *set = &b->of[i];
		set->good = read_map(b->reader, set->addr, set->pairs, &set->count);
	}
}

/* Bytes of all texts of a set with what ends them, or SIZE_MAX: one is too long. */
static size_t text_bytes(const struct set *set)
{
	size_t bytes = 0;
	for (size_t i = 0; i < 2 * set->count; i++) {
		if (set->pairs[2 * i + 1] > LABEL_TEXT_MAX)
			return SIZE_MAX;
		bytes += (size_t)set->pairs[2 * i + 1] + 1;
	}
	return bytes;
}

/* Room for a set, and requests for its texts, one behind another. */
static bool want_texts(struct batch *b, struct set *set)
{
	struct arena *arena = b->reader->arena;
	size_t bytes = text_bytes(set);
	size_t list_bytes = set->count * sizeof(struct gospy_label);
	set->good = bytes != SIZE_MAX && budget_take(b->reader->budget, bytes + list_bytes);
	if (!set->good || !set->count)
		return true;
	struct gospy_label *list = arena_alloc(arena, list_bytes);
	char *text = arena_alloc(arena, bytes);
	if (!list || !text)
		return false;
	*set->set = (struct label_set){.list = list, .count = set->count};
	for (size_t i = 0; i < 2 * set->count && set->good; i++) {
		size_t len = (size_t)set->pairs[2 * i + 1];
		*(i % 2 ? &list[i / 2].value : &list[i / 2].key) = text;
		if (len && !want(b, set, set->pairs[2 * i], text, len))
			return false;
		text += len + 1;
	}
	return true;
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp(((const struct gospy_label *)a)->key, ((const struct gospy_label *)b)->key);
}

/* If anything of a set cannot be read, the set is not known. */
static bool read_batch(struct batch *b)
{
	bool is_slice = b->reader->image->version.minor >= SLICE_SINCE;
	if (is_slice && !read_slices(b))
		return false;
	if (!is_slice)
		read_maps(b);
	for (size_t i = 0; i < b->n; i++) {
		b->of[i].first_req = b->reqs.len;
		if (b->of[i].good && !want_texts(b, &b->of[i]))
			return false;
		b->of[i].end_req = b->reqs.len;
	}
	bool ok = fetch(b);
	for (size_t i = 0; i < b->n; i++) {
		struct label_set *set = b->of[i].set;
		set->known = b->of[i].good;
		if (!set->known)
			*set = (struct label_set){0};
		else if (!is_slice && set->count) // a slice is sorted
			qsort((struct gospy_label *)(uintptr_t)set->list, set->count,
			      sizeof(*set->list), compare_keys);
	}
	b->n = 0;
	return ok;
}

enum gospy_code label_sets_read(const struct label_reader *reader, const uint64_t *addrs,
				struct label_set *const *sets, size_t n, struct gospy_error *err)
{
	struct batch *b CLEANUP(batch_destroy) = calloc(1, sizeof(*b));
	if (!b)
		return err_nomem(err);
	b->reader = reader;
	b->err = err;
	bool ok = true;
	for (size_t i = 0; i < n && ok; i++) {
		struct set *set = &b->of[b->n++];
		set->addr = addrs[i];
		set->set = sets[i];
		set->good = true;
		set->first_req = set->end_req = set->count = 0;
		if (b->n == BATCH || i + 1 == n)
			ok = read_batch(b);
	}
	return ok ? GOSPY_OK : b->code ? b->code : err_nomem(err);
}
