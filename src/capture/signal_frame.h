/*
 * What the kernel leaves on a signal stack: the registers that a thread had when a signal came, to
 * which its handler will return. Linux, arch/x86/include/asm/sigframe.h: struct rt_sigframe.
 */
#ifndef GOSPY_CAPTURE_SIGNAL_FRAME_H
#define GOSPY_CAPTURE_SIGNAL_FRAME_H

#include <stdbool.h>

#include "base/span.h"

/* Words of a frame that it is known by, and that are no addresses: where they are in it. */
enum { SIGNAL_FRAME_SIZE_AT = 40, SIGNAL_FRAME_CS_AT = 192 };

struct signal_frame {
	uint64_t addr;
	uint64_t rip, rsp, rbp, rbx, r12, r13, r14, r15;
};

/**
 * Look for the frame of a signal in `bytes`, which are those from the stack pointer in the handler
 * to the end of the signal stack [lo, hi). The frame describes that very stack, and has other bytes
 * that are always the same; by these it is known. False: there is none, or more than one.
 */
bool signal_frame_find(struct span bytes, uint64_t lo, uint64_t hi, struct signal_frame *ret);
/**
 * The same where only the bytes from `addr`, the stack pointer, on are known, and not the signal
 * stack: the frame has to describe one that holds `addr`.
 */
bool signal_frame_find_above(struct span bytes, uint64_t addr, struct signal_frame *ret);

#endif
