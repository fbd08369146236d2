/*
 * A second copy of records that lie apart, in a note: the g's of a million goroutines, between
 * which are their stacks. Whoever reads them all unpacks this instead of all the pages that they
 * lie on.
 *
 * The note begins with its version and with how many words of 8 bytes a record
 * has, u32 each. Then come blocks, by address: u64 address of the first record, u32 how many there
 * are, u32 how many bytes follow. A block is of one MiB of addresses. A record is told by how it
 * differs from the one before, the first from zeros at its own address, in LEB128:
 *
 *   - twice the distance in words from the one before, plus 1 if other words differ than did there;
 *   - in that case a u64, not LEB128, with a bit for each word that differs;
 *   - how much each of these words is more, modulo 2^64, as 2n or -2n-1.
 *
 * No word of a record is missing from what was read. It is a copy: the pages say the same. So what
 * is wrong with a block takes nothing away but time.
 */
#ifndef GOSPY_CORE_RECORD_COPY_H
#define GOSPY_CORE_RECORD_COPY_H

#include "base/error.h"
#include "base/span.h"
#include "base/vec.h"
#include "target/mem.h"

enum {
	RECORD_NOTE = 0x5950534b,
	RECORD_VERSION = 1,
	RECORD_WORDS_MAX = 64,
	RECORD_NOTE_HEADER = 8,
	RECORD_BLOCK_HEADER = 16,
	RECORD_BLOCK_SPAN = 1 << 20, /* the bytes of addresses that a block is of */
};

/* ---- writing */

/* A block that is being made. All zero, but for .words: empty. */
struct record_block_writer {
	size_t words; /* of each record, at most RECORD_WORDS_MAX */
	uint64_t first, last;
	size_t count;
	uint64_t differ; /* words of the last record */
	uint64_t before[RECORD_WORDS_MAX];
	VEC(uint8_t) bytes; /* with the header, once it is ended */
};

/** The next record; addresses are multiples of 8 and do not overlap. False: no memory is left. */
bool record_block_add(struct record_block_writer *block, uint64_t addr, const uint8_t *record)
	__attribute__((warn_unused_result));
/** Fill in the header. No block is made of no records. */
void record_block_end(struct record_block_writer *block);
void record_note_header(uint8_t dst[RECORD_NOTE_HEADER], size_t words);

/* ---- reading */

struct record_copy;

/** Of a note, which is borrowed. GOSPY_E_BAD_DATA: it contradicts itself; GOSPY_E_NOMEM. To be
 * destroyed by record_copy_destroy(). */
enum gospy_code record_copy_create(struct span note, struct record_copy **ret,
				   struct gospy_error *err) __attribute__((warn_unused_result));
/** NULL is allowed. */
void record_copy_destroy(struct record_copy *copy);
/** Fill those of the requests that ask for exactly one of these records, and set their .done; that
 * of all others becomes 0. Several threads may call it at once. */
void record_copy_read(struct record_copy *copy, struct mem_req *reqs, size_t n);

#endif
