/* Where a goroutine goes on that has made a child by vfork, and sleeps until the child has called
 * exec. */
#ifndef GOSPY_CAPTURE_VFORK_H
#define GOSPY_CAPTURE_VFORK_H

#include "image/image.h"

/**
 * The return address of syscall.rawVforkSyscall, in which the thread of `pc` and `sp` sleeps, in
 * the system call `number`. The function keeps it in r12, which the kernel does not tell of a
 * thread in uninterruptible sleep. On the stack its place was overwritten: the child shares the
 * stack, has returned to the same caller, and has put the return addresses of its calls there since
 * (src/syscall/{asm_linux_amd64.s,exec_linux.go}, Go 1.12-1.27). So what lies there tells the
 * caller, and the caller's code tells where it calls rawVforkSyscall. 0: not known.
 */
uint64_t vfork_return(const struct image *image, struct symbols *symbols, uint64_t pc, uint64_t sp,
		      int64_t number);

#endif
