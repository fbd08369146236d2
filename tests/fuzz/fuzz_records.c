/* The note with copies of records. A record is given as a whole or not at all, and always alike. */
#include <stdint.h>
#include <string.h>

#include "core/record_copy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(struct record_copy *copy, uint64_t addr, size_t len)
{
	uint8_t first[RECORD_WORDS_MAX * 8], again[RECORD_WORDS_MAX * 8];
	struct mem_req reqs[] = {{.addr = addr, .dst = first, .len = len},
				 {.addr = addr, .dst = again, .len = len}};
	record_copy_read(copy, reqs, 2);
	if (reqs[0].done != reqs[1].done || (reqs[0].done && reqs[0].done != len) ||
	    memcmp(first, again, reqs[0].done))
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record_copy *copy;
	if (record_copy_create((struct span){data, size}, &copy, NULL))
		return 0;
	// Wherever a block says that it begins, and behind it.
	for (size_t at = RECORD_NOTE_HEADER; at + 8 <= size; at++) {
		uint64_t addr;
		uint32_t words;
		memcpy(&addr, data + at, sizeof(addr));
		memcpy(&words, data + 4, sizeof(words));
		ask(copy, addr, (size_t)words * 8);
		ask(copy, addr + (uint64_t)words * 8, (size_t)words * 8);
	}
	record_copy_destroy(copy);
	return 0;
}
