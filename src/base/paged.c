#include "base/paged.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE_UNTRIED, PAGE_PRESENT, PAGE_UNREADABLE };
enum { WORD = 8 };

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

enum gospy_code paged_set_exact(struct paged *p, uint64_t addr, uint64_t end,
				struct gospy_error *err)
{
	uint64_t window_end = p->addr + page_count(p->len) * PAGED_PAGE;
	addr -= addr % PAGED_PAGE;
	if (addr < p->addr)
		addr = p->addr;
	if (end > window_end)
		end = window_end;
	if (!p->present || addr >= end)
		return GOSPY_OK;
	uint64_t pages = page_count(end - addr);
	p->exact = calloc(pages, PAGED_PAGE / (WORD * CHAR_BIT));
	if (!p->exact)
		return err_nomem(err);
	p->exact_off = addr - p->addr;
	p->exact_end = p->exact_off + pages * PAGED_PAGE;
	return GOSPY_OK;
}

void paged_deinit(struct paged *p)
{
	free(p->exact);
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
	if (p->exact)
		memset(p->exact, 0, (size_t)((p->exact_end - p->exact_off) / (WORD * CHAR_BIT)));
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

static bool is_exact(const struct paged *p, size_t page)
{
	return p->exact && page * PAGED_PAGE >= p->exact_off && page * PAGED_PAGE < p->exact_end;
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
		       !is_exact(p, end + 1) && (end < last || end + 1 - at < ahead))
			end++;
		// A run that fails as a whole has a hole somewhere: what is needed is tried page
		// by page.
		if (!fetch_pages(p, at, end) && (end == at || !fetch_pages(p, at, at)))
			return false;
	}
	return true;
}

static bool has_word(const struct paged *p, uint64_t off)
{
	uint64_t word = (off - p->exact_off) / WORD;
	return p->exact[word / CHAR_BIT] >> word % CHAR_BIT & 1;
}

/* Make the words of [off, end) present, where only what is asked for is fetched. */
static bool need_words(struct paged *p, uint64_t off, uint64_t end)
{
	off -= off % WORD;
	for (uint64_t next; off < end; off = next) {
		next = off + WORD;
		if (has_word(p, off))
			continue;
		while (next < end && !has_word(p, next))
			next += WORD;
		// The end of the window need not be that of a word.
		uint64_t len = (next < p->len ? next : p->len) - off;
		if (p->fetch(p->ctx, p->addr + off, p->bytes + off, (size_t)len, NULL))
			return false;
		for (uint64_t at = off; at < next; at += WORD) {
			uint64_t word = (at - p->exact_off) / WORD;
			p->exact[word / CHAR_BIT] |= (uint8_t)(1u << word % CHAR_BIT);
		}
	}
	return true;
}

/* Make [off, end) present, which is not empty. */
static bool need(struct paged *p, uint64_t off, uint64_t end)
{
	if (!p->exact || end <= p->exact_off || off >= p->exact_end)
		return need_pages(p, (size_t)(off / PAGED_PAGE), (size_t)((end - 1) / PAGED_PAGE));
	if (off < p->exact_off) {
		if (!need(p, off, p->exact_off))
			return false;
		off = p->exact_off;
	}
	if (end > p->exact_end) {
		if (!need(p, p->exact_end, end))
			return false;
		end = p->exact_end;
	}
	return need_words(p, off, end);
}

const uint8_t *paged_at(struct paged *p, uint64_t off, uint64_t len)
{
	if (off > p->len || len > p->len - off || !p->bytes)
		return NULL;
	if (p->present && len && !need(p, off, off + len))
		return NULL;
	return p->bytes + off;
}

const char *paged_cstr(struct paged *p, uint64_t off, size_t max)
{
	for (uint64_t at = off; at < p->len && at - off <= max;) {
		enum { STEP = 64 };
		bool exact = p->exact && at >= p->exact_off && at < p->exact_end;
		uint64_t step = exact ? STEP : PAGED_PAGE;
		uint64_t page_end = (at / step + 1) * step;
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
