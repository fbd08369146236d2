#include "profile/frame_table.h"

void frame_table_deinit(struct frame_table *table)
{
	vec_free(&table->all);
	map_deinit(&table->by_pc);
	callers_deinit(&table->stack);
}

static const char *kept(struct arena *arena, const char *text)
{
	return arena_strdup(arena, text ? text : "");
}

/* The frame of a return address; false: out of memory. */
static bool find(struct frame_table *table, const struct locations *l, uint64_t pc, uint32_t *ret)
{
	uint64_t *slot = map_put(&table->by_pc, pc);
	if (!slot)
		return false;
	if (!*slot) {
		struct caller caller = caller_at(l->symbols, pc);
		struct gospy_profile_frame frame = {
			.pc = caller.pc,
			.entry = caller.entry,
			.func = kept(l->arena, caller.call ? caller.call->func : NULL),
			.file = kept(l->arena, caller.call ? caller.call->file : NULL),
			.line = caller.call ? caller.call->line : 0,
		};
		if (!frame.func || !frame.file || !vec_push(&table->all, frame))
			return false;
		*slot = table->all.len;
	}
	*ret = (uint32_t)*slot - 1;
	return true;
}

bool frame_table_stack(struct frame_table *table, const struct locations *locations,
		       struct gospy_profile_sample *sample)
{
	table->stack.pcs.len = 0;
	if (!callers_expand(locations->symbols, sample->pcs, sample->pc_count, locations->minor,
			    SIZE_MAX, &table->stack))
		return false;
	size_t n = table->stack.pcs.len;
	uint32_t *frames = arena_calloc(locations->arena, n + 1, sizeof(*frames));
	for (size_t i = 0; frames && i < n; i++) {
		if (!find(table, locations, table->stack.pcs.at[i], &frames[i]))
			return false;
	}
	sample->frames = frames;
	sample->frame_count = (uint32_t)n;
	return frames != NULL;
}
