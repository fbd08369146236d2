#include "capture/vfork.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

enum {
	CALLER_MAX = 64 << 10, /* bytes; forkAndExecInChild1 has some 6 KiB */
	CALL = 0xe8,           /* and the distance to the function, 4 bytes */
	CALL_LEN = 5,
	/* At most so many bytes lie between the instruction that puts the number of the system call
	 * on the stack and the call. */
	ARGUMENTS_LEN = 128,
};

static bool is_call(const uint8_t *code, uint64_t addr, uint64_t callee)
{
	int32_t distance;
	memcpy(&distance, code + 1, sizeof(distance));
	return code[0] == CALL && addr + CALL_LEN + (uint64_t)(int64_t)distance == callee;
}

/* Is the number the first argument of the call at `at`? It is passed on the stack: MOVQ $number,
 * 0(SP). */
static bool passes_number(const uint8_t *code, size_t at, int64_t number)
{
	uint8_t wanted[8] = {0x48, 0xc7, 0x04, 0x24};
	int32_t value = (int32_t)number;
	memcpy(wanted + 4, &value, sizeof(value));
	size_t first = at > ARGUMENTS_LEN ? at - ARGUMENTS_LEN : 0;
	for (size_t i = first; i + sizeof(wanted) <= at; i++) {
		if (memcmp(code + i, wanted, sizeof(wanted)) == 0)
			return true;
	}
	return false;
}

uint64_t vfork_return(const struct image *image, struct symbols *symbols, uint64_t pc, uint64_t sp,
		      int64_t number)
{
	uint64_t slot, callee, entry, end;
	if (mem_read_u64(image->mem, sp - sizeof(slot), &slot, NULL) ||
	    !symbols_function(symbols, pc, &callee, &end) ||
	    !symbols_function(symbols, slot, &entry, &end) || end - entry > CALLER_MAX)
		return 0;
	size_t len = (size_t)(end - entry);
	CLEANUP_FREE uint8_t *code = malloc(len + 1);
	if (!code || mem_read(image->mem, entry, code, len, NULL))
		return 0;
	uint64_t only = 0, chosen = 0;
	unsigned calls = 0, choices = 0;
	for (size_t i = 0; i + CALL_LEN <= len; i++) {
		if (!is_call(code + i, entry + i, callee))
			continue;
		only = entry + i + CALL_LEN;
		calls++;
		if (passes_number(code, i, number)) {
			chosen = only;
			choices++;
		}
	}
	return calls == 1 ? only : choices == 1 ? chosen : 0;
}
