/* The public entry points of targets and snapshots: argument checks, and the life of a target. */
#include <stdlib.h>
#include <string.h>

#include "goruntime/snapshot.h"

const char *gospy_version(void)
{
	return GOSPY_VERSION;
}

static const char *hex_id(struct arena *arena, struct span id)
{
	if (!id.len || id.len > 64)
		return NULL;
	char *text = arena_alloc(arena, id.len * 2 + 1);
	for (size_t i = 0; text && i < id.len; i++) {
		static const char digits[] = "0123456789abcdef";
		text[2 * i] = digits[id.ptr[i] >> 4];
		text[2 * i + 1] = digits[id.ptr[i] & 15];
	}
	return text;
}

static enum gospy_code describe(struct gospy_target *t, struct gospy_error *err)
{
	const struct image *image = t->image;
	// None of the two has segments if there is no file that describes what is in memory.
	const struct elf_file *file = image->elf.phdr_count ? &image->elf : &image->bin;
	t->info = (struct gospy_target_info){
		.pid = t->process.pid,
		.comm = t->process.comm,
		.go_version = image->go_version,
		.start_ns = procfs_ticks_to_ns(t->process.start_ticks),
		.pie = file->type == ET_DYN,
		.load_bias = file->phdr_count ? image->bias : GOSPY_UNKNOWN,
		.build_id = hex_id(&t->arena, elf_file_build_id(&image->elf)),
		.object = image->object,
	};
	static const char newer[] = "this Go is newer than this gospy knows: layouts come from the "
				    "program itself, but rules may have changed";
	t->info.note = image->note;
	if (image->version.minor > GO_MINOR_NEWEST)
		t->info.note =
			image->note ? arena_printf(&t->arena, "%s; %s", newer, image->note) : newer;
	return procfs_exe_path(t->process.live_tid, &t->arena, &t->info.exe, &t->info.exe_deleted,
			       err);
}

static enum gospy_code resolve(struct gospy_target *t, const char *bin, struct gospy_error *err)
{
	enum gospy_code code = mem_live_create(&t->process, &t->mem, err);
	if (!code)
		code = image_create(&t->process, t->mem, bin, &t->image, err);
	if (code)
		return code;
	t->namespaced = procfs_other_pid_namespace(t->process.live_tid);
	t->mono_offset_ns = procfs_monotonic_offset_ns(t->process.live_tid);
	return describe(t, err);
}

static enum gospy_code open_live(struct gospy_target *t, pid_t pid, const char *bin,
				 struct gospy_error *err)
{
	enum gospy_code code = process_open(pid, &t->process, err);
	if (code)
		return code;
	code = resolve(t, bin, err);
	return code ? process_explain(&t->process, code, err) : GOSPY_OK;
}

enum gospy_code gospy_target_open_pid(pid_t pid, const struct gospy_open_options *options,
				      struct gospy_target **ret, struct gospy_error *err)
{
	if (pid <= 0 || !ret || (options && options->size < sizeof(*options)))
		return err_set(err, GOSPY_E_USAGE, "gospy_target_open_pid: bad argument");
	struct gospy_target *t = calloc(1, sizeof(*t));
	if (!t)
		return err_nomem(err);
	t->process = PROCESS_NONE;
	enum gospy_code code = open_live(t, pid, options ? options->bin : NULL, err);
	if (code == GOSPY_E_PERM)
		code = process_diagnose_eperm(pid, PROCESS_READ_MEMORY, err);
	if (code) {
		gospy_target_close(t);
		return code;
	}
	*ret = t;
	return GOSPY_OK;
}

enum gospy_code target_check(struct gospy_target *target, struct gospy_error *err)
{
	enum gospy_code code = process_check(&target->process, err);
	return code ? code : image_check(target->image, &target->process, err);
}

void gospy_target_close(struct gospy_target *t)
{
	if (!t)
		return;
	if (t->image)
		image_forget_target(t->image);
	image_unref(t->image);
	mem_destroy(t->mem);
	process_close(&t->process);
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

enum gospy_code gospy_snapshot_take(struct gospy_target *target,
				    const struct gospy_snapshot_options *options,
				    struct gospy_snapshot **ret, struct gospy_error *err)
{
	static const struct gospy_snapshot_options defaults = {.size = sizeof(defaults)};
	if (!target || !ret || (options && options->size < sizeof(*options)))
		return err_set(err, GOSPY_E_USAGE, "gospy_snapshot_take: bad argument");
	if (options && options->native && options->non_blocking)
		return err_set(err, GOSPY_E_USAGE,
			       "stacks of C code take the registers of the threads, and so a stop");
	return snapshot_take(target, options ? options : &defaults, ret, err);
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

void gospy_snapshot_goroutine(struct gospy_snapshot *snapshot, size_t index,
			      struct gospy_goroutine *ret)
{
	snapshot_goroutine(snapshot, index, ret);
}

enum gospy_code gospy_snapshot_stack(struct gospy_snapshot *snapshot, size_t index,
				     struct gospy_stack *ret, struct gospy_error *err)
{
	if (!snapshot || !ret || index >= snapshot->capture.count)
		return err_set(err, GOSPY_E_USAGE, "gospy_snapshot_stack: bad argument");
	return snapshot_stack(snapshot, index, ret, err);
}

enum gospy_code gospy_snapshot_thread_stack(struct gospy_snapshot *snapshot, size_t index,
					    struct gospy_stack *ret, struct gospy_error *err)
{
	if (!snapshot || !ret || index >= snapshot->capture.threads.len)
		return err_set(err, GOSPY_E_USAGE, "gospy_snapshot_thread_stack: bad argument");
	return snapshot_thread_stack(snapshot, index, ret, err);
}

const struct gospy_thread *gospy_snapshot_threads(const struct gospy_snapshot *snapshot,
						  size_t *n_ret)
{
	*n_ret = snapshot->capture.threads.len;
	return snapshot->threads;
}

const struct gospy_p *gospy_snapshot_ps(const struct gospy_snapshot *snapshot)
{
	return snapshot->ps;
}

const struct gospy_m *gospy_snapshot_ms(const struct gospy_snapshot *snapshot)
{
	return snapshot->ms;
}
