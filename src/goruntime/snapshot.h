/* A snapshot: what a capture copied, counted and named, ready to be asked for. */
#ifndef GOSPY_GORUNTIME_SNAPSHOT_H
#define GOSPY_GORUNTIME_SNAPSHOT_H

#include "base/strbuf.h"
#include "goruntime/capture.h"
#include "goruntime/frames.h"

struct gospy_snapshot {
	struct image *image; /* a reference of its own */
	struct capture capture;
	uint32_t *by_index; /* allgs index -> position in capture.recs */
	int64_t mono_offset_ns;
	struct gospy_snapshot_info info;
	const struct gospy_p *ps;
	const struct gospy_m *ms;
	const struct gospy_location **users; /* of each stack; NULL where there is none */
	const struct gospy_thread *threads;
	/* Of the last snapshot_stack. */
	struct stack_view {
		VEC(struct gospy_frame) frames;
		size_t native;    /* of the frames, the first ones */
		VEC(size_t) args; /* 1 + offset of each frame's arguments in text, or 0 */
		struct strbuf text;
		struct gospy_frame created_by;
		char elision[64];
		VEC(struct gospy_frame) ancestor_frames;
		VEC(struct gospy_ancestor) ancestors;
	} view;
	struct arena arena;
};

enum gospy_code snapshot_take(struct gospy_target *target,
			      const struct gospy_snapshot_options *options,
			      struct gospy_snapshot **ret, struct gospy_error *err);
void snapshot_destroy(struct gospy_snapshot *snapshot);
void snapshot_goroutine(const struct gospy_snapshot *snapshot, size_t index,
			struct gospy_goroutine *ret);

/* stack.c */

/** Look up every pc of every stack, so that nothing has to be read from the target later, and find
 * the innermost call of each that is not the runtime's. */
enum gospy_code snapshot_name_stacks(struct gospy_snapshot *snapshot, struct gospy_error *err);
enum gospy_code snapshot_stack(struct gospy_snapshot *snapshot, size_t index,
			       struct gospy_stack *ret, struct gospy_error *err);
enum gospy_code snapshot_thread_stack(struct gospy_snapshot *snapshot, size_t index,
				      struct gospy_stack *ret, struct gospy_error *err);
/** The frame of the go statement at `creator`, which may be NULL, that started `goid`. False: out
 * of memory. `*shown_ret`: do tracebacks print it? */
bool stack_creator(struct gospy_snapshot *snapshot, uint64_t goid, const struct location *creator,
		   struct gospy_frame *ret, bool *shown_ret);
void stack_view_deinit(struct stack_view *view);

/* ancestor.c */

/** Look up every pc of every ancestor. */
enum gospy_code snapshot_name_ancestors(struct gospy_snapshot *snapshot, struct gospy_error *err);
/** Fill the ancestors of a stack; false: out of memory. */
bool stack_fill_ancestors(struct gospy_snapshot *snapshot, const struct g_rec *rec,
			  struct gospy_stack *ret);

#endif
