/*
 * Pages of a target, as they are read for a bundle: which bytes were read, and what they were. They
 * are kept packed, so that memory stays near the size of the bundle: PAGE_STORE_OPEN bytes of pages
 * are open to be written to, the others are packed by 1 MiB of addresses (page_chunk.h), each into
 * a frame of zstd that can go into a file as it is. Where libzstd is missing nothing is packed.
 *
 * A byte is known if it was put, and no other one is, even on the same page or in the same word.
 */
#ifndef GOSPY_CORE_PAGE_STORE_H
#define GOSPY_CORE_PAGE_STORE_H

#include "base/error.h"
#include "base/span.h"
#include "core/page_chunk.h"
#include "core/range_notes.h"

enum { PAGE_STORE_OPEN = 24 << 20 };

struct page_store;

enum gospy_code page_store_create(struct page_store **ret, struct gospy_error *err)
	__attribute__((warn_unused_result));
/** NULL is allowed. */
void page_store_destroy(struct page_store *store);

/** The same for CLEANUP(). */
static inline void page_store_free(struct page_store **store)
{
	page_store_destroy(*store);
}

/** Lay bytes over what is there. Several threads may do so at once. It is cheapest in the order of
 * addresses. GOSPY_E_NOMEM, and all that follows fails, too; GOSPY_E_BAD_DATA: it is on the
 * last page that there is, or beyond. */
enum gospy_code page_store_put(struct page_store *store, uint64_t addr, const void *bytes,
			       size_t len, struct gospy_error *err)
	__attribute__((warn_unused_result));

/* What is done with what was set aside, before it is laid over the rest. */
struct page_store_later {
	struct range_notes *notes; /* it is noted as RANGE_KEPT; NULL: it is not */
	/* Take out of what page_store_put_raw() was given what is not to be kept; or NULL. */
	void (*clean)(void *ctx, uint64_t addr, uint8_t *bytes, size_t len);
	void *ctx;
};

/** From now on page_store_put() only sets aside what it is given, as far as PAGE_STORE_ASIDE goes.
 * That takes the least time: for what is read while the target stands still. `more`: so many bytes
 * beyond that are expected of this thread, and find room. */
void page_store_set_aside(struct page_store *store, const struct page_store_later *later,
			  size_t more);
enum { PAGE_STORE_ASIDE = 16 << 20 };
/** Set aside something that is to be cleaned before it is kept. False: it is not set aside, and may
 * not be put as it is. */
bool page_store_put_raw(struct page_store *store, uint64_t addr, const void *bytes, size_t len);
/** That is over: lay what was set aside over what is there. */
enum gospy_code page_store_catch_up(struct page_store *store, struct gospy_error *err)
	__attribute__((warn_unused_result));

/* Room for the bytes of a chunk, CHUNK_BYTES of them, for one thread. All zero: there is none yet.
 */
struct page_spare {
	uint8_t *buffer;
	struct page_set touched; /* the store's */
};

/* Records in a chunk, of which a second copy is kept (record_copy.h). */
struct page_records {
	const uint32_t *at;  /* the first word of each, in the chunk, in order and apart */
	size_t count, words; /* of each: the same for all that a store has */
};
enum { CHUNK_RECORDS_MAX = 1 << 14 };

/** Make room, if there is none; what it holds does not matter. */
enum gospy_code page_spare_make(struct page_store *store, struct page_spare *spare,
				struct gospy_error *err) __attribute__((warn_unused_result));
void page_spare_drop(struct page_store *store, struct page_spare *spare);
/** Lay over the chunk at the address, a multiple of CHUNK_BYTES, those of the words in the room
 * that have a bit in `words` (page_chunk_put_words()), and pack it at once. Of the `records`, as
 * far as they are known as a whole, there will be a copy. There is room afterwards, but not with
 * these bytes. Several threads may do so at the same time. GOSPY_E_NOMEM. */
enum gospy_code page_store_fill(struct page_store *store, uint64_t addr, const uint64_t *words,
				const struct page_records *records, struct page_spare *spare,
				struct gospy_error *err) __attribute__((warn_unused_result));

/** Bytes of memory that the store takes, about. */
size_t page_store_memory(struct page_store *store);

/* ---- for who writes them to a file */

/** Words of each record of which there are copies; 0: there are none. */
size_t page_store_record_words(const struct page_store *store);

/* What a chunk holds, closed up. Spans are the store's. */
struct page_block {
	uint64_t addr; /* of the chunk, a multiple of CHUNK_BYTES */
	const struct page_set *present;
	size_t pages;             /* of all its runs */
	struct span pages_packed; /* a frame of zstd that holds the pages of all runs; or empty */
	const chunk_parts *parts; /* see page_chunk.h */
	struct span records;      /* a block of copies, or empty */
};

/** Nothing is put any more. Once is enough, and more does no harm. */
enum gospy_code page_store_seal(struct page_store *store, struct gospy_error *err)
	__attribute__((warn_unused_result));
/** How many chunks there are. The store is sealed, for these and all that follow, and they are for
 * one thread. */
size_t page_store_count(const struct page_store *store);
/** By address. */
struct page_block page_store_block(const struct page_store *store, size_t i);
/** The pages of all runs, PAGE_BYTES each; valid until the next call. */
enum gospy_code page_store_pages(struct page_store *store, size_t i, struct span *ret,
				 struct gospy_error *err) __attribute__((warn_unused_result));
/** Of each of these pages PAGE_KNOWN bytes: bit k of byte n says that bytes 64n+8k up to 64n+8k+7
 * are known. Valid until the next call. */
enum gospy_code page_store_known(struct page_store *store, size_t i, struct span *ret,
				 struct gospy_error *err) __attribute__((warn_unused_result));

#endif
