/* .eh_frame_hdr, which every linker puts before the unwind tables of C code: a search table that is
 * mapped with the program (PT_GNU_EH_FRAME). */
#ifndef GOSPY_DWARF_EH_FRAME_HDR_H
#define GOSPY_DWARF_EH_FRAME_HDR_H

#include <stdbool.h>

#include "base/span.h"

enum {
	/* Bytes of the header before the table, at most. */
	EH_FRAME_HDR_MAX = 4 + 8 + 8,
	/* Bytes of an entry: the address of a function and that of its FDE, from the header on. */
	EH_FRAME_ENTRY = 8,
};

struct eh_frame_hdr {
	uint64_t table_off; /* of the table, from the header on */
	uint64_t count;     /* of its entries */
};

/**
 * Parse the beginning of a header: `bytes` are EH_FRAME_HDR_MAX of it, or all. `size` is that of
 * header and table. False: it has no table, or one of a form that no linker for x86-64 writes.
 */
bool eh_frame_hdr_parse(struct span bytes, uint64_t size, struct eh_frame_hdr *ret);

#endif
