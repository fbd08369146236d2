/*
 * Writing a bundle: an ELF core file with the pages of a store (page_store.h), the notes that the
 * caller has made, a second copy of records (record_copy.h), if the store has one, and the note of
 * what was read (exact_ranges.h), which comes last of the notes.
 * It is written from its beginning to its end, so it can go into a pipe.
 *
 * There is one PT_NOTE, since delve reads one only, and then the segments by address. All that a
 * segment has is in the file: p_filesz is p_memsz. From 65,535 program headers on their number is
 * in a section header (PN_XNUM).
 */
#ifndef GOSPY_CORE_CORE_WRITE_H
#define GOSPY_CORE_CORE_WRITE_H

#include <stdbool.h>

#include "base/span.h"
#include "core/page_store.h"
#include "core/seekable_write.h"
#include "target/mapping.h"

struct core_note {
	const char *owner; /* "CORE" */
	uint32_t type;
	struct span bytes;
};

struct core_parts {
	const struct core_note *notes;
	size_t note_count;
	/* It is sealed. */
	struct page_store *store;
	/* Of the target: its pages are mapped as these are. */
	const struct mappings *mappings;
	/* As it is, rather than as a seekable zstd. */
	bool plain;
};

struct core_written {
	uint64_t size;  /* of the core file */
	uint64_t bytes; /* that went to the sink: its size, packed */
	uint64_t pages;
	size_t segments;
};

/** GOSPY_E_LIMIT: a note is larger than 4 GiB, or there are too many frames; GOSPY_E_UNSUPPORTED:
 * there is no libzstd, and it is not to be plain; GOSPY_E_NOMEM, GOSPY_E_CANCELLED, and what the
 * sink returns. */
enum gospy_code core_write(const struct core_parts *parts, seekable_sink_fn sink, void *ctx,
			   struct core_written *ret, struct gospy_error *err)
	__attribute__((warn_unused_result));

#endif
