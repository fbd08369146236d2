/* What tracebacks print of a program counter: calls inlined there, lines, arguments, and whether
 * the call is shown. src/runtime/traceback.go of each version. */
#ifndef GOSPY_IMAGE_FRAMES_H
#define GOSPY_IMAGE_FRAMES_H

#include "base/arena.h"
#include "dwarf/go/args.h"
#include "image/origin.h"

/* One logical call. */
struct frame_call {
	const char *func;   /* as the runtime prints it */
	const char *symbol; /* as the function table has it: with all type arguments, Go 1.21+ */
	const char *file;
	uint32_t line;
	uint32_t start_line; /* of the function; Go 1.20+, else 0 */
	uint32_t off;        /* where it is: from the entry of the physical function */
	bool inlined;
	enum pcln_known known; /* by its funcID */
	enum gospy_origin origin;
	/* How showframe of that version judges it, apart from its callee. */
	bool visible;
	bool panics; /* gopanic: visible unless it is the first that would be printed */
};

struct frame_site {
	uint64_t entry;
	size_t call_count; /* innermost first; the last is the physical function */
	const struct frame_call *calls;
	const struct args_item *args;
	size_t arg_count;
	uint8_t value_count; /* of the args */
	/* The caller of this function was interrupted, it did not call. */
	bool interrupts;
};

/** The site at a return address, or at an exact pc; symbols.h keeps the answer. No calls: no
 * function holds `pc`. Texts live as long as the table and the arena. False: out of memory. */
bool frame_resolve(struct pclntab *pcln, const struct origins *origins, struct arena *arena,
		   uint64_t pc, bool exact, struct frame_site *ret);

/** Is a call shown at the default traceback level? `callee` is what the call before it on the stack
 * was, shown or not. */
bool frame_is_shown(const struct frame_call *call, enum pcln_known callee, bool first);

#endif
