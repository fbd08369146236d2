#include "profile/heap.h"

#include <math.h>
#include <string.h>

#include "base/cancel.h"
#include "base/clock.h"

enum {
	NO_BYTES_SINCE = 27, /* a record has no bytes: they are those of its bucket */
	CYCLES = 3,          /* len(memRecord.future) */
	RECORD_WORDS = 16,
	RECORD_WORDS_NO_BYTES = 8,
};

/* What one reading has found. */
struct reading {
	struct image *image;
	const struct globals *globals;
	struct bucket_list list;
	uint32_t cycle; /* of mProfCycle, or mProf.cycle */
	bool differs;   /* what is shown of a bucket was another in the second look */
	bool torn;      /* the cycle moved */
};

void heap_deinit(struct heap_profile *heap)
{
	buckets_deinit(&heap->buckets);
	vec_free(&heap->records);
}

static bool has_bytes(const struct image *image)
{
	return image->version.minor < NO_BYTES_SINCE;
}

/* memRecord: active, then future[3]; number `cycle` of these four. */
static struct heap_record record_at(const struct image *image, const struct bucket *bucket,
				    const uint64_t *words, size_t cycle)
{
	const uint64_t *w = words + cycle * (has_bytes(image) ? 4 : 2);
	int64_t allocs = (int64_t)w[0], frees = (int64_t)w[1];
	if (has_bytes(image))
		return (struct heap_record){allocs, frees, (int64_t)w[2], (int64_t)w[3]};
	return (struct heap_record){allocs, frees, (int64_t)(w[0] * bucket->size),
				    (int64_t)(w[1] * bucket->size)};
}

static int64_t plus(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a + (uint64_t)b);
}

static int64_t minus(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a - (uint64_t)b);
}

static void add(struct heap_record *to, struct heap_record more)
{
	to->allocs = plus(to->allocs, more.allocs);
	to->frees = plus(to->frees, more.frees);
	to->alloc_bytes = plus(to->alloc_bytes, more.alloc_bytes);
	to->free_bytes = plus(to->free_bytes, more.free_bytes);
}

/* What memProfileInternal would find in .active, after it has flushed the present cycle. */
static struct heap_record shown(const struct reading *r, const struct bucket *bucket,
				const uint64_t *words)
{
	struct heap_record sum = record_at(r->image, bucket, words, 0);
	add(&sum, record_at(r->image, bucket, words, 1 + r->cycle % CYCLES));
	return sum;
}

static void compare(void *ctx, const struct bucket *bucket, const uint64_t *before)
{
	struct reading *r = ctx;
	struct heap_record a = shown(r, bucket, before), b = shown(r, bucket, bucket->words);
	r->differs |= memcmp(&a, &b, sizeof(a)) != 0;
}

/* src/runtime/mprof.go: mProf.cycle, from Go 1.19 on mProfCycle without its lowest bit. */
static enum gospy_code read_cycle(const struct reading *r, uint32_t *ret, struct gospy_error *err)
{
	enum { HOLDER_SINCE = 19 };
	bool holder = r->image->version.minor >= HOLDER_SINCE;
	uint64_t addr = holder ? r->globals->mProfCycle.addr : r->globals->mProf.addr;
	if (!addr)
		return err_set(err, GOSPY_E_UNSUPPORTED, "runtime.%s was not found",
			       holder ? "mProfCycle" : "mProf");
	enum gospy_code code = mem_read_u32(r->image->mem, addr, ret, err);
	if (!code && holder)
		*ret >>= 1;
	return code;
}

/* All buckets twice. What is shown of one changes only when a collection publishes it, so two equal
 * readings in one cycle are of one moment. */
static enum gospy_code read_twice(struct reading *r, uint64_t limit, struct heap_profile *heap,
				  struct gospy_error *err)
{
	uint32_t after;
	r->differs = r->torn = false;
	enum gospy_code code = read_cycle(r, &r->cycle, err);
	if (!code)
		code = buckets_read(r->image->mem, &r->list, limit, &heap->buckets, err);
	if (!code)
		code = buckets_read_again(r->image->mem, &r->list, &heap->buckets, compare, r, err);
	if (!code)
		code = read_cycle(r, &after, err);
	if (!code)
		r->torn = r->differs || after != r->cycle;
	return code;
}

/* If nothing was ever published, what is not shows. */
static bool fill_records(const struct reading *r, struct heap_profile *heap)
{
	bool published = false;
	for (size_t i = 0; i < heap->buckets.all.len; i++) {
		const struct bucket *bucket = &heap->buckets.all.at[i];
		struct heap_record record = shown(r, bucket, bucket->words);
		published |= record.allocs || record.frees;
		if (!vec_push(&heap->records, record))
			return false;
	}
	for (size_t i = 0; !published && i < heap->buckets.all.len; i++) {
		const struct bucket *bucket = &heap->buckets.all.at[i];
		struct heap_record sum = {0};
		for (size_t k = 0; k <= CYCLES; k++)
			add(&sum, record_at(r->image, bucket, bucket->words, k));
		heap->records.at[i] = sum;
	}
	return true;
}

enum gospy_code heap_read(struct image *image, const struct globals *globals, uint64_t limit,
			  struct heap_profile *heap, struct gospy_error *err)
{
	enum { TRIES = 8, ALL_NS = 100 * 1000 * 1000 };
	struct reading r = {
		.image = image,
		.globals = globals,
		.list = {.head_addr = globals->mbuckets.addr,
			 .type = 1,
			 .words = has_bytes(image) ? RECORD_WORDS : RECORD_WORDS_NO_BYTES}};
	uint64_t rate, end_ns = clock_mono_ns() + ALL_NS;
	if (!r.list.head_addr || !globals->MemProfileRate.addr)
		return err_set(err, GOSPY_E_UNSUPPORTED, "runtime.%s was not found",
			       r.list.head_addr ? "MemProfileRate" : "mbuckets");
	enum gospy_code code = GOSPY_OK;
	for (unsigned tries = 0; !code; tries++) {
		code = read_twice(&r, limit, heap, err);
		if (!r.torn || tries == TRIES || clock_mono_ns() >= end_ns)
			break;
	}
	if (!code)
		code = mem_read_u64(image->mem, globals->MemProfileRate.addr, &rate, err);
	if (code)
		return code;
	heap->rate = (int64_t)rate;
	heap->settled = !r.torn;
	return fill_records(&r, heap) ? GOSPY_OK : err_nomem(err);
}

/* ------------------------------------------------------------------------------------- samples --
 */

/* Go's conversion of a float64, on amd64: what does not fit is the smallest number. */
static int64_t truncated(double value)
{
	return value >= -0x1p63 && value < 0x1p63 ? (int64_t)value : INT64_MIN;
}

/* scaleHeapSample: a sample stands for more allocations, the smaller they are. */
static void scale(int64_t count, int64_t bytes, double average, int64_t rate, int64_t *count_ret,
		  int64_t *bytes_ret)
{
	if (!count || !bytes) {
		*count_ret = *bytes_ret = 0;
		return;
	}
	*count_ret = count;
	*bytes_ret = bytes;
	if (rate <= 1)
		return;
	double factor = 1 / (1 - exp(-average / (double)rate));
	*count_ret = truncated((double)count * factor);
	*bytes_ret = truncated((double)bytes * factor);
}

/* Does the profile leave out a leading call of this name? */
static bool is_runtime(const char *name, int minor)
{
	enum { INTERNAL_SINCE = 24 };
	return name && (strncmp(name, "runtime.", 8) == 0 ||
			(minor >= INTERNAL_SINCE && strncmp(name, "internal/runtime/", 17) == 0));
}

static bool find_locations(struct locations *l, const uint64_t *pcs, size_t n,
			   struct gospy_profile_sample *ret)
{
	size_t first = 0;
	while (first < n && is_runtime(caller_name_for_pc(l->symbols, pcs[first]), l->minor))
		first++;
	first = first < n ? first : 0;
	if (!locations_of_stack(l, pcs + first, n - first, &ret->locations, &ret->location_count))
		return false;
	return ret->location_count ||
	       locations_of_stack(l, pcs, n, &ret->locations, &ret->location_count);
}

static bool add_size(struct locations *l, int64_t size, struct gospy_profile_sample *ret)
{
	struct gospy_number_label *label = arena_alloc(l->arena, sizeof(*label));
	if (!label)
		return false;
	*label = (struct gospy_number_label){.key = "bytes", .unit = "", .value = size};
	ret->numbers = label;
	ret->number_count = 1;
	return true;
}

bool heap_sample(const struct heap_profile *heap, size_t i, struct locations *l,
		 struct gospy_profile_sample *ret)
{
	const struct bucket *bucket = &heap->buckets.all.at[i];
	const struct heap_record *r = &heap->records.at[i];
	const uint64_t *pcs = bucket->pcs;
	bool sized = l->minor >= NO_BYTES_SINCE;
	int64_t count[2] = {r->allocs, minus(r->allocs, r->frees)};
	int64_t bytes[2] = {r->alloc_bytes, minus(r->alloc_bytes, r->free_bytes)};
	*ret = (struct gospy_profile_sample){.pcs = pcs, .pc_count = bucket->pc_count};
	for (size_t k = 0; k < 2; k++) {
		double average = sized ? (double)bucket->size : (double)bytes[k] / (double)count[k];
		scale(count[k], bytes[k], average, heap->rate, &ret->values[2 * k],
		      &ret->values[2 * k + 1]);
		ret->recorded[2 * k] = count[k];
		ret->recorded[2 * k + 1] = bytes[k];
	}
	int64_t size = 0;
	if (sized)
		size = (int64_t)bucket->size;
	else if (r->allocs > 0)
		size = r->alloc_bytes / r->allocs;
	return (!(sized || size) || add_size(l, size, ret)) &&
	       find_locations(l, pcs, bucket->pc_count, ret);
}
