#include "live/live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "live/kept.h"
#include "live/mem_live.h"
#include "live/pause.h"
#include "live/perf_sampler.h"

struct live {
	struct source source;
	struct process process;
	int64_t mono_offset_ns;
};

static struct live *live_of(struct source *source)
{
	return (struct live *)source;
}

static enum gospy_code check(struct source *source, struct gospy_error *err)
{
	return process_check(&live_of(source)->process, err);
}

static enum gospy_code explain(struct source *source, enum gospy_code code, struct gospy_error *err)
{
	return process_explain(&live_of(source)->process, code, err);
}

static enum gospy_code auxv(struct source *source, struct auxv *ret, struct gospy_error *err)
{
	return procfs_auxv(live_of(source)->process.live_tid, ret, err);
}

static enum gospy_code mappings(struct source *source, struct mappings *ret,
				struct gospy_error *err)
{
	return procfs_maps(live_of(source)->process.live_tid, ret, err);
}

static enum gospy_code tasks(struct source *source, struct source_kept **kept, struct tasks *ret,
			     struct gospy_error *err)
{
	return kept ? kept_tasks(kept, source->pid, source->namespaced, ret, err)
		    : procfs_tasks(source->pid, source->namespaced, ret, err);
}

static enum gospy_code exe_path(struct source *source, struct arena *arena, const char **ret,
				bool *deleted_ret, struct gospy_error *err)
{
	return procfs_exe_path(live_of(source)->process.live_tid, arena, ret, deleted_ret, err);
}

static enum gospy_code open_exe(struct source *source, int *fd_ret, struct gospy_error *err)
{
	return procfs_open_exe(live_of(source)->process.live_tid, fd_ret, err);
}

static enum gospy_code open_mapped(struct source *source, const struct mapping *map, int *fd_ret,
				   struct gospy_error *err)
{
	return procfs_open_mapped(live_of(source)->process.live_tid, map, fd_ret, err);
}

static uint64_t private_bytes(struct source *source)
{
	enum { KB = 1024 };
	struct proc_status status;
	if (procfs_status(live_of(source)->process.live_tid, 0, &status, NULL) ||
	    status.anon_kb > UINT64_MAX / (2 * KB) || status.swap_kb > UINT64_MAX / (2 * KB))
		return GOSPY_UNKNOWN;
	return (status.anon_kb + status.swap_kb) * KB;
}

static enum gospy_code stop(struct source *source, uint64_t max_pause_ns,
			    const struct moment_work *work, struct moment *ret,
			    struct gospy_error *err)
{
	return pause_run(&live_of(source)->process, max_pause_ns, work, ret, err);
}

static enum gospy_code watch(struct source *source, uint64_t max_pause_ns,
			     const struct moment_work *work, struct moment *ret,
			     struct gospy_error *err)
{
	return pause_watch(&live_of(source)->process, max_pause_ns, work, ret, err);
}

static bool watch_thread(struct source *source, pid_t tid,
			 bool (*visit)(void *ctx, const struct place *place), void *ctx)
{
	struct looker looker;
	struct look look = LOOK_OF(tid);
	if (looker_open(&looker, source->pid, NULL))
		return false;
	bool still = look_at(&looker, &look) == LOOK_QUIET && visit(ctx, &look.place) &&
		     look_again(&looker, &look) == LOOK_QUIET;
	look_deinit(&look);
	looker_close(&looker);
	return still;
}

static uint64_t read_clock(const struct source *source, enum source_clock clock)
{
	switch (clock) {
	case SOURCE_REAL:
		return clock_real_ns();
	case SOURCE_BOOT:
		return clock_boot_ns();
	case SOURCE_MONO:
		return clock_mono_ns() + (uint64_t)((const struct live *)source)->mono_offset_ns;
	}
	return GOSPY_UNKNOWN;
}

static enum gospy_code sampler(struct source *source, const struct cpu_sampler_options *options,
			       struct cpu_sampler **ret, struct gospy_error *err)
{
	return perf_sampler_create(&live_of(source)->process, options, ret, err);
}

static void destroy(struct source *source)
{
	struct live *live = live_of(source);
	mem_destroy(source->mem);
	process_close(&live->process);
	free(live);
}

static const struct source_ops live_ops = {
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
	.watch = watch,
	.watch_thread = watch_thread,
	.clock_ns = read_clock,
	.sampler = sampler,
	.destroy = destroy,
};

static void describe(struct live *live)
{
	const struct process *process = &live->process;
	struct source *source = &live->source;
	source->pid = process->pid;
	memcpy(source->comm, process->comm, sizeof(source->comm));
	source->kind = GOSPY_TARGET_PROCESS;
	snprintf(source->name, sizeof(source->name), "pid %d", (int)process->pid);
	source->fault_addr = GOSPY_UNKNOWN;
	source->start_ns = procfs_ticks_to_ns(process->start_ticks);
	source->exe_inode = process->exe_ino;
	source->namespaced = procfs_other_pid_namespace(process->live_tid);
	live->mono_offset_ns = procfs_monotonic_offset_ns(process->live_tid);
}

enum gospy_code live_open(pid_t pid, struct source **ret, struct gospy_error *err)
{
	struct live *live = calloc(1, sizeof(*live));
	if (!live)
		return err_nomem(err);
	live->source.ops = &live_ops;
	live->process = PROCESS_NONE;
	enum gospy_code code = process_open(pid, &live->process, err);
	if (!code) {
		describe(live);
		code = mem_live_create(&live->process, &live->source.mem, err);
		if (code)
			code = process_explain(&live->process, code, err);
	}
	if (code) {
		destroy(&live->source);
		return code;
	}
	*ret = &live->source;
	return GOSPY_OK;
}
