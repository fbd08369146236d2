/* Calls that the compiler inlined into a function, from its FUNCDATA_InlTree: runtime.inlinedCall
 * in runtime/symtab.go, from Go 1.21 in runtime/symtabinl.go. */
#ifndef GOSPY_DWARF_GO_INLINE_TREE_H
#define GOSPY_DWARF_GO_INLINE_TREE_H

#include "dwarf/go/pclntab.h"

enum { PCLN_INLINE_DEPTH_MAX = 512 };

/** One logical frame at a pc. */
struct pcln_frame {
	const char *func; /* name; NULL: unreadable */
	const char *file; /* NULL: unknown */
	uint32_t line;
	uint32_t start_line; /* of the function; Go 1.20+, else 0 */
	uint64_t pc;         /* the given one for the innermost, then that of the inlined call */
	bool inlined;        /* false for the outermost: the function itself */
	uint8_t func_id;
};

/**
 * Expand the inlined calls at `pc`, innermost first, the physical function last At most
 * `max` frames; returns their number, 0 on malformed tables.
 */
size_t pcln_frames(const struct pcln_func *func, uint64_t pc, struct pcln_frame *frames,
		   size_t max);

#endif
