#include "target/moment.h"

#include <stdlib.h>

static int compare_tid(const void *key, const void *element)
{
	pid_t tid = *(const pid_t *)key;
	pid_t other = ((const struct moment_thread *)element)->tid;
	return (tid > other) - (tid < other);
}

const struct moment_thread *moment_find(const struct moment *moment, pid_t tid)
{
	if (!moment->threads.len)
		return NULL;
	return bsearch(&tid, moment->threads.at, moment->threads.len, sizeof(*moment->threads.at),
		       compare_tid);
}

void moment_deinit(struct moment *moment)
{
	for (size_t i = 0; i < moment->threads.len; i++)
		free(moment->threads.at[i].vectors);
	vec_free(&moment->threads);
	*moment = (struct moment){0};
}
