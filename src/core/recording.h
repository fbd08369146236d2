/*
 * A source that records: what is read through it of another source goes into a store of pages, and
 * what its threads were doing at the moment is noted. So a bundle holds what the engine has read,
 * and whoever opens it reads the same.
 *
 * The files that were mapped are not given out, for a bundle has none: the engine reads of memory
 * what it would have read of them.
 */
#ifndef GOSPY_CORE_RECORDING_H
#define GOSPY_CORE_RECORDING_H

#include "core/bundle_facts.h"
#include "core/page_store.h"

enum redaction {
	REDACT_POINTERS, /* of stacks only words that are addresses of something are kept */
	REDACT_NONE,     /* stacks as they were read */
};

/* What else is of the moment. */
struct recording_also {
	/* While the target stands still only those bytes are copied that this took before, while
	 * the target ran. It is called again afterwards, to find them; what it did not ask for
	 * before it is told then to be unreadable. */
	void (*again)(void *ctx, struct source *source);
	/* Called in the moment; or NULL. */
	void (*read)(void *ctx, struct source *source, const struct moment *moment);
	void *ctx;
};

struct recording;

/** All but the text is borrowed; that, of image/program_facts.h, is copied. */
enum gospy_code recording_create(struct source *below, struct span program_facts,
				 enum redaction redaction, const struct recording_also *also,
				 struct recording **ret, struct gospy_error *err);
void recording_destroy(struct recording *recording);
/** The recording's. */
struct source *recording_source(struct recording *recording);
struct page_store *recording_pages(struct recording *recording);
/** The heap is going to be read, too: of stacks all is kept that may lead there, and the registers
 * of all threads. `bytes` of it in the moment: room is made for them before that; 0: at another
 * time. */
void recording_expect_heap(struct recording *recording, size_t bytes);
/** Give out the files that are mapped, or do so no more: they name what is in C code, which a
 * bundle has the names of. */
void recording_give_files(struct recording *recording, bool give);
/** What was fixed up to now (mem_fix()) is not any more. */
void recording_unfix(struct recording *recording);
/** Did something that was read not fit into memory? Then the recording is worth nothing. */
enum gospy_code recording_check(struct recording *recording, struct gospy_error *err);
/** What was noted of the process: all but .taken, .left_out, .gospy and .signal. Texts are the
 * recording's. To be freed by bundle_facts_deinit(). The moment that they are about stays
 * recording_moment(): what stands still after this call is read, and nothing else is kept of it. */
enum gospy_code recording_facts(struct recording *recording, struct bundle_facts *ret,
				struct gospy_error *err);
/** The threads at the moment, with registers where they have some; none if there was no moment. */
const struct moment *recording_moment(const struct recording *recording);

#endif
