/*
 * Is an entry of .eh_frame one that can be handed to libunwind? It trusts what it reads: an unknown
 * instruction is passed over, the column of the return address indexes an array, a frame that is
 * never defined is an assertion, expressions may divide and loop. Compilers write nothing of the
 * kind.
 */
#ifndef GOSPY_DWARF_CFI_CHECK_H
#define GOSPY_DWARF_CFI_CHECK_H

#include <stdbool.h>

#include "base/span.h"

enum {
	CFI_HEAD = 8, /* length, and id or distance to the CIE */
	/* Bytes of an entry. Functions with tens of thousands of lines have the largest. */
	CFI_ENTRY_MAX = 1 << 16,
};

/** What the beginning of an entry says; `addr` is its address. */
struct cfi_head {
	uint64_t size;     /* of the whole entry */
	uint64_t cie_addr; /* of an FDE; that of a CIE is its own */
	bool is_cie;
};

/** What is needed of a CIE to read its FDEs. */
struct cfi_cie {
	bool sized;   /* the augmentation begins with 'z' */
	bool defines; /* it says where the frame is, to begin with */
	uint8_t encoding;
};

/** The first CFI_HEAD bytes of an entry; false: they make no sense. */
bool cfi_head_parse(struct span bytes, uint64_t addr, struct cfi_head *ret);
/** `bytes` are a whole CIE. */
bool cfi_cie_check(struct span bytes, struct cfi_cie *ret);
/** `bytes` are a whole FDE of `cie`. */
bool cfi_fde_check(struct span bytes, const struct cfi_cie *cie);

#endif
