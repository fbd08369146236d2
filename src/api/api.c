/* The public entry points of targets and snapshots: argument checks, and the life of a target. */
#include <stdlib.h>
#include <string.h>

#include "api/sockets.h"
#include "api/syscalls.h"
#include "api/target.h"
#include "base/cancel.h"
#include "base/cleanup.h"
#include "base/sized.h"
#include "core/core.h"
#include "image/image_create.h"
#include "live/diagnose.h"
#include "live/live.h"
#include "profile/decode.h"
#include "profile/made.h"
#include "profile/merge.h"
#include "snapshot/memstats.h"
#include "snapshot/snapshot.h"
#include "snapshot/stack.h"
#include "snapshot/stats.h"

const char *gospy_version(void)
{
	return GOSPY_VERSION;
}

static enum gospy_code describe(struct gospy_target *t, struct gospy_error *err)
{
	struct image *image = t->image;
	const struct program *program = image->program;
	t->info = (struct gospy_target_info){
		.pid = t->source->pid,
		.comm = t->source->comm,
		.go_version = image->go_version,
		.start_ns = t->source->start_ns,
		.pie = program->pie,
		.load_bias = program->described ? image->bias : GOSPY_UNKNOWN,
		.build_id = program->build_id,
		.go_build_id = program->go_build_id,
		.object = image->binary,
		.kind = t->source->kind,
		.file = t->source->file,
		.problem = t->source->problem,
		.signal = t->source->signal,
		.signal_tid = t->source->signal_tid,
		.fault_addr = t->source->fault_addr,
		.left_out = t->source->left_out,
		.redacted = t->source->taken.redacted,
	};
	static const char newer[] = "this Go is newer than this gospy knows: layouts come from the "
				    "program itself, but rules may have changed";
	t->info.note = image->note;
	if (image->version.minor > GO_MINOR_NEWEST)
		t->info.note =
			image->note ? arena_printf(&t->arena, "%s; %s", newer, image->note) : newer;
	return source_exe_path(t->source, &t->arena, &t->info.exe, &t->info.exe_deleted, err);
}

/* Find out what the target's source is of. */
static enum gospy_code resolve(struct gospy_target *t, const struct gospy_open_options *how,
			       struct gospy_error *err)
{
	enum gospy_code code = image_create(t->source, how->bin, &t->image, err);
	if (!code)
		code = image_set_own(t->image, how->own, how->own_count, err);
	if (!code)
		code = describe(t, err);
	return code ? source_explain(t->source, code, err) : GOSPY_OK;
}

static enum gospy_code check_options(const struct gospy_open_options *how, const char *function,
				     struct gospy_error *err)
{
	for (size_t i = 0; i < how->own_count; i++) {
		if (!how->own || !how->own[i] || !how->own[i][0])
			return err_set(err, GOSPY_E_USAGE, "%s: an empty path in .own", function);
	}
	return GOSPY_OK;
}

/* Gives the target, or closes it. */
static enum gospy_code finish(struct gospy_target *t, enum gospy_code code,
			      struct gospy_target **ret, struct gospy_error *err)
{
	code = cancel_verdict(code, err);
	if (code)
		gospy_target_close(t);
	else
		*ret = t;
	return code;
}

enum gospy_code gospy_target_open_pid(pid_t pid, const struct gospy_open_options *options,
				      struct gospy_target **ret, struct gospy_error *err)
{
	struct gospy_open_options how;
	if (pid <= 0 || !ret)
		return err_set(err, GOSPY_E_USAGE, "gospy_target_open_pid: bad argument");
	if (SIZED_READ(&how, options, err) || check_options(&how, __func__, err))
		return GOSPY_E_USAGE;
	CLEANUP(cancel_end) struct cancel cancel;
	cancel_begin(&cancel, how.cancel_fd);
	struct gospy_target *t = calloc(1, sizeof(*t));
	if (!t)
		return err_nomem(err);
	enum gospy_code code = live_open(pid, &t->source, err);
	if (!code)
		code = resolve(t, &how, err);
	if (code == GOSPY_E_PERM)
		code = diagnose_eperm(pid, PROCESS_READ_MEMORY, err);
	return finish(t, code, ret, err);
}

enum gospy_code gospy_target_open_core(const char *path, const struct gospy_open_options *options,
				       struct gospy_target **ret, struct gospy_error *err)
{
	struct gospy_open_options how;
	if (!path || !*path || !ret)
		return err_set(err, GOSPY_E_USAGE, "gospy_target_open_core: bad argument");
	if (SIZED_READ(&how, options, err) || check_options(&how, __func__, err))
		return GOSPY_E_USAGE;
	CLEANUP(cancel_end) struct cancel cancel;
	cancel_begin(&cancel, how.cancel_fd);
	struct gospy_target *t = calloc(1, sizeof(*t));
	if (!t)
		return err_nomem(err);
	const struct core_options core = {how.bin, how.root, how.max_unpacked};
	enum gospy_code code = core_open(path, &core, &t->source, err);
	if (!code)
		code = resolve(t, &how, err);
	return finish(t, code, ret, err);
}

bool gospy_is_core(const char *path)
{
	return path && core_is(path);
}

void gospy_target_close(struct gospy_target *t)
{
	if (!t)
		return;
	if (t->image)
		image_forget_target(t->image);
	image_unref(t->image);
	source_destroy(t->source);
	arena_deinit(&t->arena);
	free(t);
}

const struct gospy_target_info *gospy_target_info(const struct gospy_target *target)
{
	return &target->info;
}

const struct gospy_provenance *gospy_target_provenance(const struct gospy_target *target,
						       size_t *n_ret)
{
	*n_ret = target->image->provenance.len;
	return target->image->provenance.at;
}

/* What cannot be read of a core or a bundle may have been cut off. A process was asked on the way.
 */
static enum gospy_code explained(struct gospy_target *target, enum gospy_code code,
				 struct gospy_error *err)
{
	return code && target->source->kind != GOSPY_TARGET_PROCESS
		       ? source_explain(target->source, code, err)
		       : code;
}

/* `keep`: of a collector, or NULL. */
static enum gospy_code take_snapshot(struct gospy_target *target,
				     const struct gospy_snapshot_options *how, struct keep *keep,
				     struct gospy_snapshot **ret, struct gospy_error *err)
{
	if (how->native && how->non_blocking && !target->source->frozen)
		return err_set(err, GOSPY_E_USAGE,
			       "stacks of C code take the registers of the threads, and so a stop");
	if (how->native && target->source->taken.known && !target->source->taken.native)
		return err_set(err, GOSPY_E_USAGE,
			       "%s was made without the stacks of C code: capture --native keeps "
			       "them",
			       target->source->name);
	if (how->scope != GOSPY_SCOPE_ALL && how->scope != GOSPY_SCOPE_RUNNING)
		return err_set(err, GOSPY_E_USAGE, "there is no such scope");
	CLEANUP(cancel_end) struct cancel cancel;
	cancel_begin(&cancel, how->cancel_fd);
	struct gospy_snapshot *snapshot = NULL;
	enum gospy_code code =
		snapshot_take(target->source, target->image, how, keep, &snapshot, err);
	if (!code && how->objects && how->syscalls)
		code = syscalls_find(target->source, snapshot, err);
	if (!code && how->objects && how->sockets)
		code = target->source->frozen ? sockets_take(&target->source->taken, snapshot, err)
					      : sockets_find(target->source->pid,
							     target->image->mem, snapshot, err);
	code = cancel_verdict(explained(target, code, err), err);
	// What was called off may have left something half done.
	if (code && keep)
		keep_drop(keep);
	if (code)
		snapshot_destroy(snapshot);
	else
		*ret = snapshot;
	return code;
}

enum gospy_code gospy_snapshot_take(struct gospy_target *target,
				    const struct gospy_snapshot_options *options,
				    struct gospy_snapshot **ret, struct gospy_error *err)
{
	struct gospy_snapshot_options how;
	if (!target || !ret)
		return err_set(err, GOSPY_E_USAGE, "gospy_snapshot_take: bad argument");
	if (SIZED_READ(&how, options, err))
		return GOSPY_E_USAGE;
	return take_snapshot(target, &how, NULL, ret, err);
}

struct gospy_collector {
	struct gospy_target *target;
	struct keep keep;
};

enum gospy_code gospy_collector_create(struct gospy_target *target, struct gospy_collector **ret,
				       struct gospy_error *err)
{
	if (!target || !ret)
		return err_set(err, GOSPY_E_USAGE, "gospy_collector_create: bad argument");
	struct gospy_collector *collector = calloc(1, sizeof(*collector));
	if (!collector)
		return err_nomem(err);
	collector->target = target;
	if (!keep_init(&collector->keep)) {
		free(collector);
		return err_nomem(err);
	}
	*ret = collector;
	return GOSPY_OK;
}

void gospy_collector_destroy(struct gospy_collector *collector)
{
	if (!collector)
		return;
	keep_deinit(&collector->keep);
	free(collector);
}

enum gospy_code gospy_collector_take(struct gospy_collector *collector,
				     const struct gospy_snapshot_options *options,
				     struct gospy_snapshot **ret, struct gospy_error *err)
{
	struct gospy_snapshot_options how;
	if (!collector || !ret)
		return err_set(err, GOSPY_E_USAGE, "gospy_collector_take: bad argument");
	if (SIZED_READ(&how, options, err))
		return GOSPY_E_USAGE;
	return take_snapshot(collector->target, &how, &collector->keep, ret, err);
}

void gospy_snapshot_destroy(struct gospy_snapshot *snapshot)
{
	snapshot_destroy(snapshot);
}

const struct gospy_snapshot_info *gospy_snapshot_info(const struct gospy_snapshot *snapshot)
{
	return &snapshot->info;
}

size_t gospy_snapshot_goroutine_count(const struct gospy_snapshot *snapshot)
{
	return snapshot->capture.count;
}

void gospy_snapshot_goroutine_sized(struct gospy_snapshot *snapshot, size_t index,
				    struct gospy_goroutine *ret, size_t ret_size)
{
	// This is called a million times for one report, and nearly always with this size.
	if (ret_size == sizeof(*ret)) {
		snapshot_goroutine(snapshot, index, ret);
		return;
	}
	struct gospy_goroutine own;
	snapshot_goroutine(snapshot, index, &own);
	sized_write(ret, ret_size, &own, sizeof(own));
}

/* Where no stack was read it is known who created the goroutine, all the same. */
static enum gospy_code give_stack(enum gospy_code code, const struct gospy_stack *stack,
				  struct gospy_stack *ret, size_t ret_size)
{
	if (!code || code == GOSPY_E_NOT_FOUND)
		sized_write(ret, ret_size, stack, sizeof(*stack));
	return code;
}

enum gospy_code gospy_snapshot_stack_sized(struct gospy_snapshot *snapshot, size_t index,
					   struct gospy_stack *ret, size_t ret_size,
					   struct gospy_error *err)
{
	struct gospy_stack stack;
	if (!snapshot || !ret || index >= snapshot->capture.count)
		return err_set(err, GOSPY_E_USAGE, "gospy_snapshot_stack: bad argument");
	return give_stack(snapshot_stack(snapshot, index, &stack, err), &stack, ret, ret_size);
}

enum gospy_code gospy_snapshot_thread_stack_sized(struct gospy_snapshot *snapshot, size_t index,
						  struct gospy_stack *ret, size_t ret_size,
						  struct gospy_error *err)
{
	struct gospy_stack stack;
	if (!snapshot || !ret || index >= snapshot->capture.threads.len)
		return err_set(err, GOSPY_E_USAGE, "gospy_snapshot_thread_stack: bad argument");
	return give_stack(snapshot_thread_stack(snapshot, index, &stack, err), &stack, ret,
			  ret_size);
}

const struct gospy_thread *gospy_snapshot_threads(const struct gospy_snapshot *snapshot,
						  size_t *n_ret)
{
	*n_ret = snapshot->capture.threads.len;
	return snapshot->threads;
}

void gospy_snapshot_objects_sized(const struct gospy_snapshot *snapshot, struct gospy_objects *ret,
				  size_t ret_size)
{
	sized_write(ret, ret_size, &snapshot->objects, sizeof(snapshot->objects));
}

const struct gospy_p *gospy_snapshot_ps(const struct gospy_snapshot *snapshot)
{
	return snapshot->ps;
}

const struct gospy_m *gospy_snapshot_ms(const struct gospy_snapshot *snapshot)
{
	return snapshot->ms;
}

enum gospy_code gospy_stats_read_sized(struct gospy_target *target,
				       const struct gospy_read_options *options,
				       struct gospy_stats *ret, size_t ret_size,
				       struct gospy_error *err)
{
	struct gospy_read_options how;
	struct gospy_stats stats;
	if (!target || !ret)
		return err_set(err, GOSPY_E_USAGE, "gospy_stats_read: bad argument");
	if (SIZED_READ(&how, options, err))
		return GOSPY_E_USAGE;
	CLEANUP(cancel_end) struct cancel cancel;
	cancel_begin(&cancel, how.cancel_fd);
	enum gospy_code code = stats_read(target->source, target->image, &how, &stats, err);
	code = cancel_verdict(explained(target, code, err), err);
	if (!code)
		sized_write(ret, ret_size, &stats, sizeof(stats));
	return code;
}

void gospy_profile_destroy(struct gospy_profile *profile)
{
	made_destroy(profile);
}

enum gospy_code gospy_profile_decode(const void *bytes, size_t size, struct gospy_profile **ret,
				     struct gospy_error *err)
{
	if ((!bytes && size) || !ret)
		return err_set(err, GOSPY_E_USAGE, "gospy_profile_decode: bad argument");
	return profile_decode(bytes, size, ret, err);
}

enum gospy_code gospy_profile_merge(const struct gospy_profile_part *parts, size_t count,
				    struct gospy_profile **ret, struct gospy_error *err)
{
	if (!parts || !count || !ret)
		return err_set(err, GOSPY_E_USAGE, "gospy_profile_merge: bad argument");
	return profile_merge(parts, count, ret, err);
}

enum gospy_code gospy_memstats_read_sized(struct gospy_target *target,
					  const struct gospy_read_options *options,
					  struct gospy_memstats *ret, size_t ret_size,
					  struct gospy_error *err)
{
	struct gospy_read_options how;
	struct gospy_memstats stats;
	if (!target || !ret)
		return err_set(err, GOSPY_E_USAGE, "gospy_memstats_read: bad argument");
	if (SIZED_READ(&how, options, err))
		return GOSPY_E_USAGE;
	CLEANUP(cancel_end) struct cancel cancel;
	cancel_begin(&cancel, how.cancel_fd);
	enum gospy_code code = memstats_read(target->source, target->image, &how, &stats, err);
	code = cancel_verdict(explained(target, code, err), err);
	if (!code)
		sized_write(ret, ret_size, &stats, sizeof(stats));
	return code;
}
