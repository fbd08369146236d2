#include "capture/inner_calls.h"

#include <string.h>

static uint32_t bytes_of(const struct g_rec *rec)
{
	if (rec->sp < rec->stack_lo || rec->sp >= rec->stack_hi)
		return 0;
	uint64_t len = rec->stack_hi - rec->sp;
	return len < INNER_BYTES ? (uint32_t)len : INNER_BYTES;
}

bool inner_calls_add(struct scatter *scatter, const struct g_rec *rec, uint32_t index)
{
	uint32_t len = bytes_of(rec);
	return !len || scatter_add(scatter, rec->sp, len, index);
}

enum gospy_code inner_calls_read(struct scatter *scatter, struct passes *p,
				 void (*visit)(void *ctx, uint32_t index, const uint8_t *bytes),
				 void *ctx, struct gospy_error *err)
{
	mem_record(p->image->mem, false);
	enum gospy_code code = scatter_read(scatter, p, visit, ctx, err);
	mem_record(p->image->mem, true);
	return code;
}

struct inner_calls inner_calls_of(const struct passes *p, const struct g_rec *rec,
				  const uint8_t *bytes)
{
	return (struct inner_calls){
		.symbols = p->capture->symbols,
		.addr = rec->sp,
		.bytes = bytes,
		.len = bytes ? bytes_of(rec) : 0,
		.pc = grec_pc(rec),
		.sp = rec->sp,
	};
}

bool inner_calls_word(const struct inner_calls *calls, uint64_t addr, uint64_t *ret)
{
	uint64_t off = addr - calls->addr;
	if (addr < calls->addr || calls->len < sizeof(*ret) || off > calls->len - sizeof(*ret))
		return false;
	memcpy(ret, calls->bytes + off, sizeof(*ret));
	return true;
}

bool inner_calls_next(struct inner_calls *calls, struct inner_frame *ret)
{
	uint64_t caller;
	if (calls->frames == INNER_FRAMES || !calls->len)
		return false;
	const struct site *site = symbols_site(calls->symbols, calls->pc);
	if (!site->known || site->size <= 0 || site->step != PCLN_STEP_CALLER)
		return false;
	uint64_t end = calls->sp + (uint64_t)site->size;
	// The return address is the last word of the frame.
	if (!inner_calls_word(calls, end - sizeof(caller), &caller))
		return false;
	*ret = (struct inner_frame){
		.site = symbols_frames(calls->symbols, calls->pc, false),
		.end = end,
		.first_arg = site->value_count ? end + site->values[0].off : 0,
	};
	calls->frames++;
	calls->pc = caller;
	calls->sp = end;
	return true;
}
