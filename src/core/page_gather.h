/*
 * Reading for a store of pages what was noted (range_notes.h), by one MiB of addresses after the
 * other: so each is packed once, and the store never has to open it again. Who asks for it has to
 * prove afterwards that what was noted has not changed since.
 */
#ifndef GOSPY_CORE_PAGE_GATHER_H
#define GOSPY_CORE_PAGE_GATHER_H

#include "core/page_store.h"
#include "core/range_notes.h"
#include "target/mem.h"

struct page_gather {
	struct page_store *store;
	struct range_notes *notes;
	struct mem *mem;                 /* where it is read */
	const struct mem_pieces *pieces; /* of what was noted, to be shown; NULL: none */
	/* Take out of a part of a stack, whole words, what is not to be kept. Several threads may
	 * call it at once. */
	void (*redact)(void *ctx, uint8_t *bytes, size_t len);
	void *ctx;
};

/** What cannot be read any more stays as it is in the store. GOSPY_E_NOMEM, GOSPY_E_CANCELLED, and
 * what the reader says when nothing can be read. */
enum gospy_code page_gather_run(const struct page_gather *gather, struct gospy_error *err)
	__attribute__((warn_unused_result));

#endif
