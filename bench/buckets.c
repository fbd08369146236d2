/*
 * Reading the runtime's list of memory profile buckets, as `gospy pprof heap` does it, and copying
 * the same memory with nothing done to it.
 *
 *   buckets PID    prints "name value" lines, of processor time in ns: read_ns, one reading of the
 *                  list; copy_ns, a copy of the blocks of 64 KiB that it lies in, which is kept;
 * and bytes, of these blocks
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "api/target.h"
#include "base/clock.h"
#include "image/image_globals.h"
#include "profile/buckets.h"

enum { BLOCK = 64 << 10, RECORD_WORDS = 16, RECORD_WORDS_NO_BYTES = 8, NO_BYTES_SINCE = 27 };

static void die(const char *what, const struct gospy_error *err)
{
	fprintf(stderr, "buckets: %s: %s\n", what, err ? err->msg : strerror(errno));
	exit(EXIT_FAILURE);
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static uint64_t now_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

/* The blocks that have a bucket in them, each once. */
static size_t blocks_of(const struct buckets *buckets, uint64_t *ret)
{
	size_t n = 0;
	for (size_t i = 0; i < buckets->all.len; i++)
		ret[i] = buckets->all.at[i].addr / BLOCK;
	qsort(ret, buckets->all.len, sizeof(*ret), compare_u64);
	for (size_t i = 0; i < buckets->all.len; i++) {
		if (!n || ret[n - 1] != ret[i])
			ret[n++] = ret[i];
	}
	return n;
}

static void copy(pid_t pid, const uint64_t *blocks, size_t n, char *to)
{
	for (size_t i = 0; i < n; i++) {
		struct iovec local = {to + i * BLOCK, BLOCK},
			     remote = {(void *)(blocks[i] * BLOCK), BLOCK};
		if (process_vm_readv(pid, &local, 1, &remote, 1, 0) < 0 && errno != EFAULT)
			die("process_vm_readv", NULL);
	}
}

int main(int argc, char **argv)
{
	struct gospy_target *target;
	struct gospy_error err;
	struct globals globals;
	struct buckets buckets = {0};
	if (argc != 2) {
		fprintf(stderr, "usage: buckets PID\n");
		return 2;
	}
	pid_t pid = atoi(argv[1]);
	if (gospy_target_open_pid(pid, NULL, &target, &err))
		die(argv[1], &err);
	if (image_profile_globals(target->image, &globals, &err))
		die("globals", &err);
	const struct bucket_list list = {
		.head_addr = globals.mbuckets.addr,
		.type = 1,
		.words = target->image->version.minor < NO_BYTES_SINCE ? RECORD_WORDS
								       : RECORD_WORDS_NO_BYTES,
	};
	uint64_t begin = now_ns();
	if (buckets_read(target->image->mem, &list, UINT64_C(1) << 30, &buckets, &err))
		die("list", &err);
	printf("read_ns %" PRIu64 "\n", now_ns() - begin);
	uint64_t *blocks = calloc(buckets.all.len + 1, sizeof(*blocks));
	if (!blocks)
		die("calloc", NULL);
	size_t count = blocks_of(&buckets, blocks);
	begin = now_ns();
	char *kept = malloc(count * BLOCK + 1);
	if (!kept)
		die("malloc", NULL);
	copy(pid, blocks, count, kept);
	printf("copy_ns %" PRIu64 "\nbytes %zu\n", now_ns() - begin, count * BLOCK);
	free(kept);
	free(blocks);
	buckets_deinit(&buckets);
	gospy_target_close(target);
	return 0;
}
