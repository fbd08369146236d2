/* The lists of profile buckets over memory that is the input; its first word is the head. */
#include "profile/buckets.h"
#include "target/mem_bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore(void *ctx, const struct bucket *bucket, const uint64_t *before)
{
	(void)ctx;
	(void)bucket;
	(void)before;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum { ADDR = 0x10000, LIMIT = 1 << 20 };
	const struct mem_bytes_range range = {ADDR, {data, size}};
	struct bucket_list list = {.head_addr = ADDR, .type = 1, .words = BUCKET_WORDS_MAX};
	struct buckets buckets = {0};
	struct mem *mem;
	if (size < sizeof(uint64_t) || mem_bytes_create(&range, 1, &mem, NULL))
		return 0;
	if (!buckets_read(mem, &list, LIMIT, &buckets, NULL) &&
	    buckets_read_again(mem, &list, &buckets, ignore, NULL, NULL))
		__builtin_trap(); // the same memory, read a second time
	mem_destroy(mem);
	buckets_deinit(&buckets);
	return 0;
}
