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
