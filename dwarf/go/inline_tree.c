#include "dwarf/go/inline_tree.h"

#include "base/cursor.h"

/* By the first Go minor version: indexes from runtime/funcdata.h, offsets in runtime.inlinedCall.
 */
static const struct tree_shape {
	int minor;
	uint8_t pcdata, funcdata; /* PCDATA_InlTreeIndex, FUNCDATA_InlTree */
	uint8_t func_id, nameoff, parent_pc, start_line, size;
} shapes[] = {
	{20, 2, 3, 0, 4, 8, 12, 16},
	{16, 2, 3, 2, 12, 16, 0, 20},
	{13, 2, 4, 2, 12, 16, 0, 20},
	{12, 1, 2, 2, 12, 16, 0, 20},
};

static const struct tree_shape *shape_of(int minor)
{
	const struct tree_shape *shape = shapes;
	while (shape->minor > minor && shape < shapes + sizeof(shapes) / sizeof(*shape) - 1)
		shape++;
	return shape;
}

/* runtime/traceback.go:gentraceback up to Go 1.20, then runtime/symtabinl.go:inlineUnwinder. */
size_t pcln_frames(const struct pcln_func *func, uint64_t pc, struct pcln_frame *frames, size_t max)
{
	struct pclntab *pcln = func->table;
	const struct tree_shape *shape = shape_of(pcln->minor);
	uint64_t tree = pcln_funcdata(func, shape->funcdata);
	for (size_t n = 0; n < max && n < PCLN_INLINE_DEPTH_MAX; n++) {
		struct pcln_frame *frame = &frames[n];
		int32_t index = tree ? pcln_pcdata(func, shape->pcdata, pc) : -1;
		*frame = (struct pcln_frame){
			.func = func->name,
			.pc = pc,
			.func_id = func->func_id,
			.start_line = func->start_line,
		};
		pcln_line(func, pc, &frame->file, &frame->line);
		if (index < 0)
			return n + 1;
		const uint8_t *bytes = paged_at_addr(
			pcln->image, tree + (uint64_t)index * shape->size, shape->size);
		if (!bytes)
			return 0;
		struct cursor c = cursor_at((struct span){bytes, shape->size}, shape->nameoff);
		frame->func = pcln_name(pcln, cursor_u32(&c));
		frame->func_id = bytes[shape->func_id];
		frame->inlined = true;
		if (shape->start_line) {
			c = cursor_at(c.span, shape->start_line);
			frame->start_line = cursor_u32(&c);
		}
		c = cursor_at(c.span, shape->parent_pc);
		pc = func->entry + cursor_u32(&c);
	}
	return max < PCLN_INLINE_DEPTH_MAX ? max : 0;
}
