#include "target/held.h"

#include <string.h>

static struct held *of(struct source *source)
{
	return (struct held *)source;
}

static enum gospy_code check(struct source *source, struct gospy_error *err)
{
	return source_check(of(source)->below, err);
}

static enum gospy_code explain(struct source *source, enum gospy_code code, struct gospy_error *err)
{
	return source_explain(of(source)->below, code, err);
}

static enum gospy_code auxv(struct source *source, struct auxv *ret, struct gospy_error *err)
{
	return source_auxv(of(source)->below, ret, err);
}

static enum gospy_code mappings(struct source *source, struct mappings *ret,
				struct gospy_error *err)
{
	return source_mappings(of(source)->below, ret, err);
}

static enum gospy_code tasks(struct source *source, struct source_kept **kept, struct tasks *ret,
			     struct gospy_error *err)
{
	return source_tasks(of(source)->below, kept, ret, err);
}

static enum gospy_code exe_path(struct source *source, struct arena *arena, const char **ret,
				bool *deleted_ret, struct gospy_error *err)
{
	return source_exe_path(of(source)->below, arena, ret, deleted_ret, err);
}

static enum gospy_code open_exe(struct source *source, int *fd_ret, struct gospy_error *err)
{
	return source_open_exe(of(source)->below, fd_ret, err);
}

static enum gospy_code open_mapped(struct source *source, const struct mapping *map, int *fd_ret,
				   struct gospy_error *err)
{
	return source_open_mapped(of(source)->below, map, fd_ret, err);
}

static uint64_t private_bytes(struct source *source)
{
	return source_private_bytes(of(source)->below);
}

/* The moment is there. */
static enum gospy_code stop(struct source *source, uint64_t max_pause_ns,
			    const struct moment_work *work, struct moment *ret,
			    struct gospy_error *err)
{
	const struct moment *now = of(source)->moment;
	size_t n = now->threads.len;
	(void)max_pause_ns;
	*ret = (struct moment){.begin_ns = now->begin_ns,
			       .deadline_ns = now->deadline_ns,
			       .reached = true,
			       .interrupted = now->interrupted,
			       .held = now->held};
	if (!vec_reserve(&ret->threads, n))
		return err_nomem(err);
	ret->threads.len = n;
	if (n)
		memcpy(ret->threads.at, now->threads.at, n * sizeof(*now->threads.at));
	// These are of the other one.
	for (size_t i = 0; i < n; i++)
		ret->threads.at[i].vectors = NULL;
	return work->visit(work->ctx, ret, err);
}

static bool watch_thread(struct source *source, pid_t tid,
			 bool (*visit)(void *ctx, const struct place *place), void *ctx)
{
	(void)source, (void)tid, (void)visit, (void)ctx;
	return false;
}

static uint64_t clock_ns(const struct source *source, enum source_clock clock)
{
	return source_clock_ns(((const struct held *)source)->below, clock);
}

static void destroy(struct source *source)
{
	(void)source; // all of it is of the other one
}

void held_init(struct held *held, struct source *below, const struct moment *moment)
{
	static const struct source_ops ops = {
		.check = check,
		.explain = explain,
		.auxv = auxv,
		.mappings = mappings,
		.tasks = tasks,
		.exe_path = exe_path,
		.open_exe = open_exe,
		.open_mapped = open_mapped,
		.private_bytes = private_bytes,
		.stop = stop,
		.watch = stop,
		.watch_thread = watch_thread,
		.clock_ns = clock_ns,
		.destroy = destroy,
	};
	*held = (struct held){.source = *below, .below = below, .moment = moment};
	held->source.ops = &ops;
	held->source.frozen = true;
}
