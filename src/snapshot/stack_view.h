/* The stack that was asked for last, as the public structs show it. */
#ifndef GOSPY_SNAPSHOT_STACK_VIEW_H
#define GOSPY_SNAPSHOT_STACK_VIEW_H

#include "base/strbuf.h"
#include "base/vec.h"
#include "image/frames.h"

/* What the last snapshot_stack gave. */
struct stack_view {
	VEC(struct gospy_frame) frames;
	VEC(const struct frame_call *) calls; /* of the frames; NULL: C code */
	VEC(enum gospy_origin) origins;       /* of the frames */
	VEC(uint32_t) start_lines;            /* of their functions; 0: not known */
	size_t native;                        /* of the frames, the first ones */
	/* Calls that are not there, before the frame at `gap_at`: of the gap, see unwind.h.
	 */
	size_t gap_at; /* SIZE_MAX: there is none */
	uint64_t gap_calls, gap_shown;
	enum pcln_known gap_callee; /* what the outermost of them is */
	VEC(size_t) args;           /* 1 + offset of each frame's arguments in text, or 0 */
	struct strbuf text;
	struct gospy_frame created_by;
	char elision[64];
	VEC(struct gospy_frame) ancestor_frames;
	VEC(struct gospy_ancestor) ancestors;
};

void stack_view_deinit(struct stack_view *view);

#endif
