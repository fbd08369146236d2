/*
 * A window on bytes that live elsewhere (a range of a target's memory) and are fetched page by
 * page when first looked at. A parser of a large table pays only for the pages it touches, and
 * reads what was fetched as an ordinary array.
 *
 * Threads: each function that takes a `struct paged *` may fetch, and so may whatever is built upon
 * a window (pclntab, rtypes ...). One thread at a time may use a window. While an image is made
 * that is the thread that makes it. Afterwards it is the thread that holds the lock of the program
 * (image/program.h), and no other. Bytes that were handed out do not change and do not move: any
 * thread may read them, without the lock, as long as the window is there.
 */
#ifndef GOSPY_BASE_PAGED_H
#define GOSPY_BASE_PAGED_H

#include <stdbool.h>

#include "base/error.h"
#include "base/span.h"

/** Fetch exactly `len` bytes at `addr` into `dst`. */
typedef enum gospy_code (*paged_fetch_fn)(void *ctx, uint64_t addr, void *dst, size_t len,
					  struct gospy_error *err);

enum {
	PAGED_PAGE = 4096, /* what may be mapped or not */
	/* Fetched at least, where it is there: copying this much costs what the call itself does.
	 */
	PAGED_AHEAD = 16 << 10,
};

struct paged {
	uint64_t addr; /* target address of byte 0 */
	uint64_t len;
	uint8_t *bytes;   /* reserved, filled where `present` says so */
	uint8_t *present; /* one byte a page: 0 not tried, 1 there, 2 unreadable; NULL: all there */
	paged_fetch_fn fetch;
	void *ctx;
	/* Of [exact_off, exact_end), whole pages, only those words are fetched that are asked for:
	 * bits of `exact` say which are there. */
	uint64_t exact_off, exact_end;
	uint8_t *exact;
};

/** Longest window: well above the largest pclntab seen (120 MB), far below the address space. */
#define PAGED_MAX (UINT64_C(2) << 30)

/** Window on [addr, addr + len). GOSPY_E_LIMIT above PAGED_MAX, GOSPY_E_NOMEM. */
enum gospy_code paged_init(struct paged *p, uint64_t addr, uint64_t len, paged_fetch_fn fetch,
			   void *ctx, struct gospy_error *err);
/** Window on bytes that are here already; they must outlive the window. */
void paged_init_span(struct paged *p, uint64_t addr, struct span span);
/** From now on fetch of the pages of [addr, end), as far as they are in the window, only the words
 * that are asked for. To be called once, before anything is looked at. GOSPY_E_NOMEM. */
enum gospy_code paged_set_exact(struct paged *p, uint64_t addr, uint64_t end,
				struct gospy_error *err);
void paged_deinit(struct paged *p);
/** Let go of all pages but those of [off, off + len), which may be empty. They are fetched again
 * when they are looked at; what was handed out of them is invalid. */
void paged_forget(struct paged *p, uint64_t off, uint64_t len);
/** What the pages that are there take, in bytes. */
uint64_t paged_bytes(const struct paged *p);

/** Bytes [off, off + len) of the window, or NULL: outside, or unreadable. Stays valid. */
const uint8_t *paged_at(struct paged *p, uint64_t off, uint64_t len);
/** The NUL-terminated string at `off`, at most `max` bytes long; NULL if there is none. */
const char *paged_cstr(struct paged *p, uint64_t off, size_t max);
/** The same by target address. */
static inline const uint8_t *paged_at_addr(struct paged *p, uint64_t addr, uint64_t len)
{
	return addr < p->addr ? NULL : paged_at(p, addr - p->addr, len);
}
static inline const char *paged_cstr_addr(struct paged *p, uint64_t addr, size_t max)
{
	return addr < p->addr ? NULL : paged_cstr(p, addr - p->addr, max);
}
/** Little-endian load at a target address; false: unreadable, `*ret` unchanged. */
bool paged_u64(struct paged *p, uint64_t addr, uint64_t *ret);
bool paged_u32(struct paged *p, uint64_t addr, uint32_t *ret);

#endif
