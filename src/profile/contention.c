#include "profile/contention.h"

#include <string.h>

#include "profile/ticks.h"

enum { MUTEX = 3, BLOCK = 2, RECORD_WORDS = 2 };

void contention_deinit(struct contention_profile *profile)
{
	buckets_deinit(&profile->buckets);
	vec_free(&profile->records);
	callers_deinit(&profile->stack);
}

static void compare(void *ctx, const struct bucket *bucket, const uint64_t *before)
{
	bool *differs = ctx;
	*differs |= memcmp(before, bucket->words, RECORD_WORDS * sizeof(*before)) != 0;
}

/* Both words of a record are written under a lock: those that read alike twice are of one moment.
 */
static enum gospy_code settle(struct image *image, const struct bucket_list *list,
			      struct contention_profile *profile, struct gospy_error *err)
{
	enum { TRIES = 8 };
	bool differs = true;
	enum gospy_code code = GOSPY_OK;
	for (unsigned i = 0; i < TRIES && differs && !code; i++) {
		differs = false;
		code = buckets_read_again(image->mem, list, &profile->buckets, compare, &differs,
					  err);
	}
	return code;
}

/* From Go 1.17 on the count is a float64. */
static int64_t count_of(const struct image *image, const uint64_t *words)
{
	enum { FLOAT_SINCE = 17 };
	double count;
	if (image->version.minor < FLOAT_SINCE)
		return (int64_t)words[0];
	memcpy(&count, &words[0], sizeof(count));
	return count >= -0x1p63 && count < 0x1p63 ? (int64_t)count : INT64_MIN;
}

static int compare_records(const void *a, const void *b)
{
	const struct contention_record *x = a, *y = b;
	if (x->cycles != y->cycles)
		return x->cycles < y->cycles ? 1 : -1;
	return (x->bucket > y->bucket) - (x->bucket < y->bucket);
}

static bool fill_records(const struct image *image, struct contention_profile *profile)
{
	enum { ONE_AT_LEAST_SINCE = 17 };
	bool at_least = !profile->mutex && image->version.minor >= ONE_AT_LEAST_SINCE;
	for (size_t i = 0; i < profile->buckets.all.len; i++) {
		const uint64_t *words = profile->buckets.all.at[i].words;
		struct contention_record record = {
			.count = count_of(image, words),
			.cycles = (int64_t)words[1],
			.bucket = i,
		};
		if (at_least && !record.count)
			record.count = 1;
		if (!vec_push(&profile->records, record))
			return false;
	}
	if (profile->records.len)
		qsort(profile->records.at, profile->records.len, sizeof(*profile->records.at),
		      compare_records);
	return true;
}

enum gospy_code contention_read(struct image *image, const struct globals *globals,
				const struct source *source, uint64_t limit,
				struct contention_profile *profile, struct gospy_error *err)
{
	const struct bucket_list list = {
		.head_addr = profile->mutex ? globals->xbuckets.addr : globals->bbuckets.addr,
		.type = profile->mutex ? MUTEX : BLOCK,
		.words = RECORD_WORDS,
	};
	uint64_t rate, rate_addr = profile->mutex ? globals->mutexprofilerate.addr
						  : globals->blockprofilerate.addr;
	if (!list.head_addr)
		return err_set(err, GOSPY_E_UNSUPPORTED, "runtime.%s was not found",
			       profile->mutex ? "xbuckets" : "bbuckets");
	enum gospy_code code = buckets_read(image->mem, &list, limit, &profile->buckets, err);
	if (!code)
		code = settle(image, &list, profile, err);
	if (!code && !fill_records(image, profile))
		code = err_nomem(err);
	profile->rate = -1;
	if (!code && rate_addr && !mem_read_u64(image->mem, rate_addr, &rate, NULL))
		profile->rate = (int64_t)rate;
	return code ? code
		    : ticks_per_second(image, globals->ticks.addr, source,
				       &profile->ticks_per_second, err);
}

/* Up to Go 1.19 the mutex profile is scaled when it is written. */
static int64_t scale_of(const struct contention_profile *profile, int minor)
{
	enum { STORED_SCALED_SINCE = 20 };
	return profile->mutex && minor < STORED_SCALED_SINCE ? profile->rate : 1;
}

bool contention_sample(struct contention_profile *profile, size_t i, struct locations *l,
		       struct gospy_profile_sample *ret)
{
	enum { EXPANDED_SINCE = 23 };
	const struct contention_record *record = &profile->records.at[i];
	const struct bucket *bucket = &profile->buckets.all.at[record->bucket];
	const uint64_t *pcs = bucket->pcs;
	size_t n = bucket->pc_count;
	if (l->minor >= EXPANDED_SINCE) {
		profile->stack.pcs.len = 0;
		if (!callers_expand(l->symbols, pcs, n, l->minor, profile->depth, &profile->stack))
			return false;
		// expandInlinedFrames notes the Frame of zeros that there is instead.
		if (!profile->stack.pcs.len && !vec_push(&profile->stack.pcs, 1))
			return false;
		n = profile->stack.pcs.len;
		uint64_t *copy = arena_calloc(l->arena, n + 1, sizeof(*copy));
		if (!copy)
			return false;
		if (n)
			memcpy(copy, profile->stack.pcs.at, n * sizeof(*copy));
		pcs = copy;
	}
	int64_t times = scale_of(profile, l->minor);
	double per_ns = (double)profile->ticks_per_second / 1e9;
	double ns = (double)record->cycles / per_ns;
	if (times != 1)
		ns *= (double)times;
	*ret = (struct gospy_profile_sample){
		.values = {(int64_t)((uint64_t)record->count * (uint64_t)times),
			   ns >= -0x1p63 && ns < 0x1p63 ? (int64_t)ns : INT64_MIN},
		.recorded = {record->count, record->cycles},
		.pcs = pcs,
		.pc_count = (uint32_t)n,
	};
	return locations_of_stack(l, pcs, n, &ret->locations, &ret->location_count);
}
