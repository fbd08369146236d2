/* What tracebacks print of a program counter: calls inlined there, lines, arguments, and whether
 * the call is shown. Cached by pc: src/runtime/traceback.go of each version. */
#ifndef GOSPY_GORUNTIME_FRAMES_H
#define GOSPY_GORUNTIME_FRAMES_H

#include "dwarf/args.h"
#include "goruntime/image.h"

/* One logical call. */
struct frame_call {
	const char *func; /* as the runtime prints it */
	const char *file;
	uint32_t line;
	bool inlined;
	enum pcln_known known; /* by its funcID */
	/* How showframe of that version takes it, apart from its callee. */
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

/** The site at a return address, or at an exact pc; NULL: out of memory. No calls: no function
 * holds `pc`. Valid as long as the image. */
const struct frame_site *frame_site(struct image *image, uint64_t pc, bool exact);

/** Is a call shown at the default traceback level? `callee` is what the call before it on the stack
 * was, shown or not. */
bool frame_is_shown(const struct frame_call *call, enum pcln_known callee, bool first);

#endif
