#include "base/paged.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE_UNTRIED, PAGE_PRESENT, PAGE_UNREADABLE };

static size_t page_count(uint64_t len)
{
	return (size_t)((len + PAGED_PAGE - 1) / PAGED_PAGE);
}

enum gospy_code paged_init(struct paged *p, uint64_t addr, uint64_t len, paged_fetch_fn fetch,
			   void *ctx, struct gospy_error *err)
{
	if (!len || len > PAGED_MAX || addr > UINT64_MAX - len)
		return err_set(err, GOSPY_E_LIMIT, "a range of %llu bytes at 0x%llx makes no sense",
			       (unsigned long long)len, (unsigned long long)addr);
	// Pages of the window are pages of the target, so that a page is readable or is not.
	uint64_t skew = addr % PAGED_PAGE;
	addr -= skew;
	len += skew;
	size_t pages = page_count(len);
	uint8_t *present = calloc(pages, 1);
	// Reserved address space: only what is touched becomes memory.
	uint8_t *bytes = mmap(NULL, pages * PAGED_PAGE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (!present || bytes == MAP_FAILED) {
		free(present);
		if (bytes != MAP_FAILED)
			munmap(bytes, pages * PAGED_PAGE);
		return err_nomem(err);
	}
	*p = (struct paged){
		.addr = addr,
		.len = len,
		.bytes = bytes,
		.present = present,
		.fetch = fetch,
		.ctx = ctx,
	};
	return GOSPY_OK;
}

void paged_init_span(struct paged *p, uint64_t addr, struct span span)
{
	// A cast away from const, but a window without `present` is never written to.
	*p = (struct paged){.addr = addr, .len = span.len, .bytes = (uint8_t *)(uintptr_t)span.ptr};
}

void paged_deinit(struct paged *p)
{
	if (p->present) {
		munmap(p->bytes, page_count(p->len) * PAGED_PAGE);
		free(p->present);
	}
	*p = (struct paged){0};
}

/* The same for pages [first, end). */
static void forget_pages(struct paged *p, size_t first, size_t end)
{
	if (first < end &&
	    !madvise(p->bytes + first * PAGED_PAGE, (end - first) * PAGED_PAGE, MADV_DONTNEED))
		memset(p->present + first, PAGE_UNTRIED, end - first);
}

void paged_forget(struct paged *p, uint64_t off, uint64_t len)
{
	if (!p->present)
		return;
	size_t pages = page_count(p->len);
	if (off > p->len || len > p->len - off || !len) {
		forget_pages(p, 0, pages);
		return;
	}
	forget_pages(p, 0, (size_t)(off / PAGED_PAGE));
	forget_pages(p, (size_t)((off + len - 1) / PAGED_PAGE) + 1, pages);
}

uint64_t paged_bytes(const struct paged *p)
{
	uint64_t bytes = 0;
	for (size_t i = 0; p->present && i < page_count(p->len); i++)
		bytes += p->present[i] == PAGE_PRESENT ? PAGED_PAGE : 0;
	return p->present ? bytes + page_count(p->len) : 0;
}

/* Fetch pages [first, last] in one call. A failure marks nothing unless it is a single page. */
static bool fetch_pages(struct paged *p, size_t first, size_t last)
{
	uint64_t off = (uint64_t)first * PAGED_PAGE;
	uint64_t end = (uint64_t)(last + 1) * PAGED_PAGE;
	if (end > p->len)
		end = p->len;
	bool ok = p->fetch(p->ctx, p->addr + off, p->bytes + off, (size_t)(end - off), NULL) ==
		  GOSPY_OK;
	if (ok || first == last)
		memset(p->present + first, ok ? PAGE_PRESENT : PAGE_UNREADABLE, last - first + 1);
	return ok;
}

/* Make pages [first, last] present. */
static bool need_pages(struct paged *p, size_t first, size_t last)
{
	size_t ahead = PAGED_AHEAD / PAGED_PAGE;
	for (size_t at = first; at <= last; at++) {
		if (p->present[at] == PAGE_PRESENT)
			continue;
		if (p->present[at] == PAGE_UNREADABLE)
			return false;
		size_t end = at;
		while (end + 1 < page_count(p->len) && p->present[end + 1] == PAGE_UNTRIED &&
		       (end < last || end + 1 - at < ahead))
			end++;
		// A run that fails as a whole has a hole somewhere: what is needed is tried page
		// by page.
		if (!fetch_pages(p, at, end) && (end == at || !fetch_pages(p, at, at)))
			return false;
	}
	return true;
}

const uint8_t *paged_at(struct paged *p, uint64_t off, uint64_t len)
{
	if (off > p->len || len > p->len - off || !p->bytes)
		return NULL;
	if (p->present && len &&
	    !need_pages(p, (size_t)(off / PAGED_PAGE), (size_t)((off + len - 1) / PAGED_PAGE)))
		return NULL;
	return p->bytes + off;
}

const char *paged_cstr(struct paged *p, uint64_t off, size_t max)
{
	for (uint64_t at = off; at < p->len && at - off <= max;) {
		uint64_t page_end = (at / PAGED_PAGE + 1) * PAGED_PAGE;
		uint64_t n = (page_end < p->len ? page_end : p->len) - at;
		const uint8_t *s = paged_at(p, at, n);
		if (!s)
			return NULL;
		const uint8_t *end = memchr(s, 0, n);
		if (end)
			return (uint64_t)(end - p->bytes) - off <= max
				       ? (const char *)p->bytes + off
				       : NULL;
		at += n;
	}
	return NULL;
}

bool paged_u64(struct paged *p, uint64_t addr, uint64_t *ret)
{
	const uint8_t *b = paged_at_addr(p, addr, sizeof(*ret));
	if (b)
		memcpy(ret, b, sizeof(*ret));
	return b != NULL;
}

bool paged_u32(struct paged *p, uint64_t addr, uint32_t *ret)
{
	const uint8_t *b = paged_at_addr(p, addr, sizeof(*ret));
	if (b)
		memcpy(ret, b, sizeof(*ret));
	return b != NULL;
}
