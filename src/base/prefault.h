/* For memory that is all going to be written to: having it at once costs less than one fault a
 * page. */
#ifndef GOSPY_BASE_PREFAULT_H
#define GOSPY_BASE_PREFAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

enum {
	PREFAULT_PAGE = 4096,
	/* Bytes from which huge pages pay: clearing one takes longer than filling a part of it. */
	PREFAULT_HUGE_FROM = 4 << 20,
};

/** Say that all `len` bytes at `at`, which was just allocated and may be NULL, are going to be
 * used. Where the system cannot do it (Linux before 5.14), only time is lost. */
static inline void prefault(void *at, size_t len)
{
	uintptr_t start = ((uintptr_t)at + PREFAULT_PAGE - 1) & ~(uintptr_t)(PREFAULT_PAGE - 1);
	uintptr_t end = ((uintptr_t)at + len) & ~(uintptr_t)(PREFAULT_PAGE - 1);
	if (!at || start >= end)
		return;
	bool huge = len >= PREFAULT_HUGE_FROM;
	(void)madvise((void *)start, end - start, huge ? MADV_HUGEPAGE : MADV_POPULATE_WRITE);
}

#endif
