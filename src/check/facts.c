#include "check/facts.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/cleanup.h"

void facts_deinit(struct facts *facts)
{
	vec_free(&facts->deadlocks);
	vec_free(&facts->locks_wanted);
	vec_free(&facts->leaks);
	vec_free(&facts->sites);
	vec_free(&facts->senders);
	vec_free(&facts->dials);
	vec_free(&facts->threads);
	arena_deinit(&facts->arena);
	*facts = (struct facts){0};
}

const char *facts_text(struct facts *facts, const char *fmt, ...)
{
	char *text CLEANUP_FREE = NULL;
	va_list args;
	va_start(args, fmt);
	int len = vasprintf(&text, fmt, args);
	va_end(args);
	return len >= 0 ? arena_strndup(&facts->arena, text, (size_t)len) : NULL;
}
