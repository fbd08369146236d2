/* The profiler labels of goroutines: g.labels -> label.Set, a slice of pairs of strings
 * (src/internal/runtime/pprof/label/labelset.go, before Go 1.26 src/runtime/pprof/label.go). Up to
 * Go 1.23 it is a map[string]string, which nobody changes any more (src/runtime/map.go). */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "goruntime/capture.h"

enum {
	SLICE_SINCE = 24, /* Go 1.24+ */
	LABELS_MAX = 64,  /* of one set: runtime/pprof users set a handful */
	LABEL_TEXT_MAX = 1 << 10,
	LABEL_SETS_MAX = 1 << 16, /* different sets; further ones are not read */
	PAIR_WORDS = 4,           /* two strings: pointer and length each */
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

static const char *read_text(struct mem *mem, struct arena *arena, uint64_t addr, uint64_t len)
{
	if (len > LABEL_TEXT_MAX)
		return NULL;
	char *text = arena_alloc(arena, len + 1);
	return text && (!len || !mem_read(mem, addr, text, len, NULL)) ? text : NULL;
}

/* Both give the number of pairs read; 0: there are none, or they are unreadable. */

static size_t read_slice(struct mem *mem, uint64_t addr, uint64_t *pairs)
{
	uint64_t slice[3]; // array, len, cap
	if (mem_read(mem, addr, slice, sizeof(slice), NULL) || slice[1] > slice[2] ||
	    slice[1] > LABELS_MAX ||
	    mem_read(mem, slice[0], pairs, slice[1] * PAIR_WORDS * sizeof(*pairs), NULL))
		return 0;
	return slice[1];
}

struct map_walk {
	struct mem *mem;
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
			if (w->buckets++ == BUCKETS_MAX ||
			    mem_read(w->mem, addr, bucket, sizeof(bucket), NULL) ||
			    !take_cells(w, bucket))
				return false;
			memcpy(&addr, bucket + BUCKET_LEN - sizeof(addr), sizeof(addr));
		}
	}
	return true;
}

static size_t read_map(struct mem *mem, uint64_t addr, uint64_t *pairs)
{
	uint64_t hmap, words[4]; // of it: count; flags, B, ...; buckets; oldbuckets
	if (mem_read_u64(mem, addr, &hmap, NULL) || !hmap ||
	    mem_read(mem, hmap, words, sizeof(words), NULL) || words[0] > LABELS_MAX)
		return 0;
	uint8_t flags = (uint8_t)words[1], B = (uint8_t)(words[1] >> 8);
	if (B > B_MAX)
		return 0;
	size_t n = (size_t)1 << B, old_n = flags & SAME_SIZE_GROW ? n : n / 2;
	struct map_walk w = {.mem = mem, .pairs = pairs};
	bool whole = (!words[2] || walk_buckets(&w, words[2], n)) &&
		     (!words[3] || walk_buckets(&w, words[3], old_n));
	return whole && w.count == words[0] ? w.count : 0;
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp(((const struct gospy_label *)a)->key, ((const struct gospy_label *)b)->key);
}

/* An unreadable set is empty. */
static void read_set(struct capture *c, const struct image *image, uint64_t addr,
		     struct label_set *ret)
{
	bool is_slice = image->version.minor >= SLICE_SINCE;
	uint64_t pairs[LABELS_MAX * PAIR_WORDS];
	size_t n = (is_slice ? read_slice : read_map)(image->mem, addr, pairs);
	*ret = (struct label_set){0};
	struct gospy_label *list = n ? arena_calloc(&c->label_arena, n, sizeof(*list)) : NULL;
	if (!list)
		return;
	for (size_t i = 0; i < n; i++) {
		const uint64_t *pair = pairs + PAIR_WORDS * i;
		list[i].key = read_text(image->mem, &c->label_arena, pair[0], pair[1]);
		list[i].value = read_text(image->mem, &c->label_arena, pair[2], pair[3]);
		if (!list[i].key || !list[i].value)
			return;
	}
	if (!is_slice) // which is sorted
		qsort(list, n, sizeof(*list), compare_keys);
	*ret = (struct label_set){.list = list, .count = n};
}

/* 1 + index of the set at `addr`, 0: none. */
static uint64_t set_at(struct capture *c, const struct image *image, uint64_t addr)
{
	uint64_t *slot = map_put(&c->label_index, addr);
	if (!slot)
		return 0;
	if (!*slot && c->label_sets.len < LABEL_SETS_MAX) {
		struct label_set set;
		read_set(c, image, addr, &set);
		if (vec_push(&c->label_sets, set))
			*slot = c->label_sets.len;
	}
	return *slot;
}

enum gospy_code collect_labels(struct passes *p, struct gospy_error *err)
{
	struct capture *c = p->capture;
	const struct image *image = p->image;
	struct field field = image->layout.g.labels;
	if (field.size != sizeof(uint64_t))
		return GOSPY_OK;
	for (size_t i = 0; i < c->count; i++) {
		struct g_rec *rec = &c->recs[i];
		uint64_t now;
		if (!rec->labels || rec->soundness == GOSPY_SOUND_UNREADABLE)
			continue;
		uint64_t set = set_at(c, image, rec->labels);
		// One that runs on may have other labels by now, and the memory of these may be in
		// use for something else. The others are verified to stand still.
		bool moves = c->exact || rec->flags & G_ACTIVE || p->options->non_blocking;
		if (moves && (mem_read_u64(image->mem, rec->addr + field.off, &now, err) ||
			      now != rec->labels))
			set = 0;
		rec->label_set = (uint32_t)set;
	}
	return GOSPY_OK;
}

void capture_forget_labels(struct capture *c)
{
	map_deinit(&c->label_index);
	vec_free(&c->label_sets);
	arena_deinit(&c->label_arena);
}
