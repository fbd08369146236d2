/* lock_flow_read over the input as machine code, which calls what takes and releases locks. */
#include <string.h>

#include "dwarf/go/lock_flow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ADDR = 0x401000, CODE_MAX = 8 << 10 };

struct input {
	struct span code;
	struct lock_summary summary; /* of what is called */
};

/* Where code is called that is not the function's own, the address says what it is. */
static void find_callee(void *ctx, uint64_t target, struct lock_callee *ret)
{
	const struct input *input = ctx;
	ret->kind = (enum lock_callee_kind)(target % (CALLEE_RUN_DEFERRED + 1));
	ret->is_func = target & 16;
	ret->unread = target & 32;
	ret->unclear = target & 64;
	ret->args = target & 128 ? (uint32_t)(target >> 8 & 0xff) : LOCK_ARGS_UNKNOWN;
	if (target & 256)
		ret->summary = &input->summary;
}

static bool read_word(void *ctx, uint64_t addr, uint64_t *ret)
{
	const struct input *input = ctx;
	uint64_t off = addr - ADDR;
	if (off >= input->code.len || input->code.len - off < sizeof(*ret))
		return false;
	memcpy(ret, input->code.ptr + off, sizeof(*ret));
	return true;
}

/* What a lying process may have a callee do. */
static void make_summary(const uint8_t *data, size_t size, struct lock_summary *ret)
{
	struct lock_effect effect = {
		.kind = (enum lock_effect_kind)(data[0] % (EFFECT_UNKNOWN + 1)),
		.reg = data[1] % INSN_REGS,
		.mode = data[2] & 1,
		.certain = data[2] & 2,
		.slot = (int8_t)data[3] * 8,
		.inner = (int8_t)data[4] * 8,
		.off = (int8_t)data[size > 5 ? 5 : 4],
	};
	ret->taken[0] = effect;
	ret->taken_count = data[0] >> 7;
	ret->released[0] = effect;
	ret->released_count = data[1] >> 7;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum { HEAD = 6 };
	struct input input = {0};
	struct lock_flow flow = {0};
	if (size < HEAD || size > CODE_MAX)
		return 0;
	make_summary(data, size, &input.summary);
	input.code = (struct span){data + HEAD, size - HEAD};
	const struct lock_code code = {
		.code = input.code,
		.addr = ADDR,
		.registers = data[0] & 64,
		.callee = find_callee,
		.word = read_word,
		.ctx = &input,
		.want_exact = data[1] & 64,
		.exact = data[3],
	};
	unsigned n = 0;
	if (lock_flow_read(&code, &flow, NULL) == GOSPY_OK) {
		for (uint32_t off = 0; off < input.code.len; off++) {
			const struct lock_site *site = lock_flow_site(&flow, off, off & 1);
			n += site ? site->held_count : lock_flow_reached(&flow, off);
		}
	}
	(void)n;
	lock_flow_deinit(&flow);
	return 0;
}
