#include "target/source.h"

void source_destroy(struct source *source)
{
	if (source)
		source->ops->destroy(source);
}

void tasks_deinit(struct tasks *tasks)
{
	vec_free(&tasks->tasks);
}

const struct source_function *source_function_at(const struct source_taken *taken, uint64_t pc)
{
	size_t low = 0, high = taken->function_count;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (taken->functions[mid].pc < pc)
			low = mid + 1;
		else
			high = mid;
	}
	bool is = low < taken->function_count && taken->functions[low].pc == pc;
	return is ? &taken->functions[low] : NULL;
}
