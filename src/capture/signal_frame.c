#include "capture/signal_frame.h"

#include <string.h>

/* Offsets in the frame: the restorer's address, then src/runtime/defs_linux_amd64.go: ucontext,
 * whose uc_mcontext is a sigcontext; the siginfo follows. */
enum {
	UC_LINK = 16,
	SS_SP = 24,
	SS_SIZE = SIGNAL_FRAME_SIZE_AT,
	R12 = 80,
	R13 = 88,
	R14 = 96,
	R15 = 104,
	RBP = 128,
	RBX = 136,
	RSP = 168,
	RIP = 176,
	CS = SIGNAL_FRAME_CS_AT,
	FPSTATE = 232,
	FRAME_LEN = 8 + 304 + 128,
	USER_CS = 0x33,
};

static uint64_t load(struct span bytes, size_t off)
{
	uint64_t v;
	memcpy(&v, bytes.ptr + off, sizeof(v));
	return v;
}

static bool is_frame(struct span bytes, size_t off, uint64_t addr, uint64_t lo, uint64_t hi)
{
	uint64_t fpstate = load(bytes, off + FPSTATE), rsp = load(bytes, off + RSP);
	uint64_t end = addr + off + FRAME_LEN;
	// The signal stack is entered from another one, and vector registers are saved above.
	return load(bytes, off + SS_SP) == lo && load(bytes, off + SS_SIZE) == hi - lo &&
	       !load(bytes, off + UC_LINK) && (uint16_t)load(bytes, off + CS) == USER_CS &&
	       fpstate >= end && fpstate < hi && fpstate % 64 == 0 && (rsp < lo || rsp >= hi);
}

static struct signal_frame read_frame(struct span bytes, size_t off, uint64_t addr)
{
	return (struct signal_frame){
		.addr = addr + off,
		.rip = load(bytes, off + RIP),
		.rsp = load(bytes, off + RSP),
		.rbp = load(bytes, off + RBP),
		.r12 = load(bytes, off + R12),
		.r13 = load(bytes, off + R13),
		.r14 = load(bytes, off + R14),
		.r15 = load(bytes, off + R15),
		.rbx = load(bytes, off + RBX),
	};
}

/* The kernel aligns the frame as if the handler had been called. */
static size_t first_off(uint64_t addr)
{
	return (size_t)((24 - addr % 16) % 16);
}

bool signal_frame_find_above(struct span bytes, uint64_t addr, struct signal_frame *ret)
{
	for (size_t off = first_off(addr); bytes.len >= FRAME_LEN && off <= bytes.len - FRAME_LEN;
	     off += 16) {
		uint64_t lo = load(bytes, off + SS_SP), size = load(bytes, off + SS_SIZE);
		bool holds = addr >= lo && addr - lo < size && lo + size > lo;
		if (!holds || !is_frame(bytes, off, addr, lo, lo + size))
			continue;
		*ret = read_frame(bytes, off, addr);
		return true;
	}
	return false;
}

bool signal_frame_find(struct span bytes, uint64_t lo, uint64_t hi, struct signal_frame *ret)
{
	uint64_t addr = hi - bytes.len;
	bool found = false;
	for (size_t off = first_off(addr); bytes.len >= FRAME_LEN && off <= bytes.len - FRAME_LEN;
	     off += 16) {
		if (!is_frame(bytes, off, addr, lo, hi))
			continue;
		if (found)
			return false;
		found = true;
		*ret = read_frame(bytes, off, addr);
	}
	return found;
}
