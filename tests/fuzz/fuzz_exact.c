/* The note of what was read. Its answers do not contradict each other. */
#include <stdint.h>

#include "core/exact_ranges.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const struct exact_ranges *ranges, uint64_t addr)
{
	enum { LEN = 20000 };
	size_t n = exact_ranges_known(ranges, addr, LEN);
	if (n > LEN || exact_ranges_known(ranges, addr, n) != n)
		__builtin_trap();
	if (n < LEN && exact_ranges_known(ranges, addr + n, 1))
		__builtin_trap();
	if (n && exact_ranges_known(ranges, addr + n - 1, 1) != 1)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct exact_ranges ranges;
	if (exact_ranges_decode((struct span){data, size}, &ranges, NULL))
		return 0;
	for (size_t i = 0; i < ranges.runs.len; i++) {
		const struct exact_run *run = &ranges.runs.at[i];
		for (uint64_t off = 0; off < run->len; off += 61)
			ask(&ranges, run->addr + off);
		ask(&ranges, run->addr - 1);
		ask(&ranges, run->addr + run->len - 1);
		ask(&ranges, run->addr + run->len);
	}
	exact_ranges_deinit(&ranges);
	return 0;
}
