/* Huge pages for arrays of millions: the first touch of memory costs less. */
#ifndef GOSPY_BASE_HUGE_H
#define GOSPY_BASE_HUGE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

enum {
	HUGE_FROM = 4 << 20, /* bytes below which it does not pay */
	HUGE_ALIGN = 4096,   /* what madvise() takes */
};

/** Say that all `len` bytes at `at`, which was just allocated and may be NULL, are going to be
 * used. That the system does not do it costs nothing but time. */
static inline void huge_advise(void *at, size_t len)
{
	if (!at || len < HUGE_FROM)
		return;
	uintptr_t start = ((uintptr_t)at + HUGE_ALIGN - 1) & ~(uintptr_t)(HUGE_ALIGN - 1);
	uintptr_t end = ((uintptr_t)at + len) & ~(uintptr_t)(HUGE_ALIGN - 1);
	(void)madvise((void *)start, end - start, MADV_HUGEPAGE);
}

#endif
