/*
 * What the runtime makes of return addresses: runtime.CallersFrames and what runtime/pprof asks of
 * it beside. src/runtime/symtab.go, symtabinl.go of Go 1.12-1.27.
 *
 * C code is not named: a program can give the runtime a function that does so
 * (runtime.SetCgoTraceback), but that would have to be called in it.
 */
#ifndef GOSPY_PROFILE_CALLERS_H
#define GOSPY_PROFILE_CALLERS_H

#include "base/vec.h"
#include "image/symbols.h"

/** Return addresses, innermost first. */
struct callers {
	VEC(uint64_t) pcs;
};

void callers_deinit(struct callers *callers);

/** A runtime.Frame. */
struct caller {
	uint64_t pc;    /* of the call */
	uint64_t entry; /* of the function that it was compiled into; 0: no function holds the pc */
	const struct frame_call *call; /* NULL: no function holds it */
};

/** The frame at one return address: the innermost call there. */
struct caller caller_at(struct symbols *symbols, uint64_t pc);
/** What runtime.FuncForPC(pc).Name() says: it looks at pc itself. NULL: no function holds it. */
const char *caller_name_for_pc(struct symbols *symbols, uint64_t pc);

/** Append to `ret` what CallersFrames makes of a stack, as return addresses, up to `max` in all.
 * From Go 1.23 on (`minor`) it inserts callers that were inlined and are not there. Addresses that
 * no function holds are left out. False: out of memory. */
bool callers_expand(struct symbols *symbols, const uint64_t *pcs, size_t n, int minor, size_t max,
		    struct callers *ret);
/** runtime_expandFinalInlineFrame, Go 1.14+: the last address stands for all that was inlined
 * there. False: out of memory. */
bool callers_expand_final(struct symbols *symbols, int minor, struct callers *callers);

/** The calls at one physical frame, as tracebackPCs (gentraceback up to Go 1.20) notes them:
 * without wrappers. `exact`: the pc was interrupted there. `callee` is what the call before was,
 * and becomes what the last one here is. False: out of memory. */
bool callers_add_physical(struct symbols *symbols, uint64_t pc, bool exact, enum pcln_known *callee,
			  size_t max, struct callers *ret);

#endif
