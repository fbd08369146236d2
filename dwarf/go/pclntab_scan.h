/* Recognising the function table of a Go program among bytes that nothing describes. */
#ifndef GOSPY_DWARF_GO_PCLNTAB_SCAN_H
#define GOSPY_DWARF_GO_PCLNTAB_SCAN_H

#include "base/span.h"

enum {
	/* What is looked at of each place: scans in pieces let them overlap by this much. */
	PCLNTAB_SCAN_HEADER = 72,
	/* Linkers align it to 32 bytes up to Go 1.25, to 8 or 16 from 1.26 on. */
	PCLNTAB_SCAN_ALIGN = 8,
};

/**
 * The first place in `bytes`, at `from` or behind it, which may begin a function table of Go 1.2 or
 * later for amd64: the magic is right, and so is what follows it as far as that can be told from
 * the header alone (debug/gosym/pclntab.go, runtime/symtab.go). SIZE_MAX: none. Both bytes.ptr[0]
 * and `from` are multiples of PCLNTAB_SCAN_ALIGN in the process. Such a place counts only once a
 * moduledata leads to it: data may hold a copy of a Go program.
 */
size_t pclntab_scan(struct span bytes, size_t from);

#endif
