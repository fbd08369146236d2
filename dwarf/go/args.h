/*
 * Where a function's arguments lie, and how tracebacks print them: FUNCDATA_ArgInfo and
 * FUNCDATA_ArgLiveInfo (Go 1.17+), the plain words of the argument area before.
 * runtime/traceback.go: printArgs; written by cmd/compile/internal/ssagen/abi.go:emitArgInfo and
 * cmd/compile/internal/liveness/arg.go.
 */
#ifndef GOSPY_DWARF_GO_ARGS_H
#define GOSPY_DWARF_GO_ARGS_H

#include "base/strbuf.h"
#include "dwarf/go/pclntab.h"

enum {
	/* internal/abi/symtab.go: TraceArgsMaxLen, (5 levels * 3 + 2) * 10 values + 1 bytes. */
	ARGS_INFO_MAX = 171,
	/* Values of one function. The compiler writes 10; a corrupt table is cut off here. */
	ARGS_VALUES_MAX = 16,
	/* Bytes from the start of the argument area to the end of the last value. */
	ARGS_AREA_MAX = 256 + 8,
};

/** A piece of the printed list. */
struct args_item {
	enum args_kind { ARGS_VALUE, ARGS_OPEN, ARGS_CLOSE, ARGS_MORE, ARGS_TOO_FAR } kind;
	uint8_t off, size; /* of a value, in the argument area */
	bool dead;         /* the slot may hold something else by now: printed with a '?' */
};

struct args {
	uint8_t count, values; /* pieces in all; how many of them are values */
	struct args_item items[ARGS_INFO_MAX];
};

/** The arguments of `func` as seen from `sym_pc`, the instruction that it has executed last. False:
 * malformed. */
bool args_decode(const struct pcln_func *func, uint64_t sym_pc, struct args *ret);

/** Append the list as a traceback prints it, without the parentheses; `values` are those of the
 * ARGS_VALUE items in their order. */
void args_print(const struct args_item *items, size_t count, const uint64_t *values,
		struct strbuf *text);

#endif
