#include "core/core.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/map.h"
#include "base/strbuf.h"
#include "core/bundle_facts.h"
#include "core/core_maps.h"
#include "core/debuginfod.h"
#include "core/mem_core.h"

struct core {
	struct source source;
	struct input *input;
	struct segments segments;
	struct notes notes;
	struct mapped_files files;
	bool is_bundle;
	struct bundle_facts facts;   /* of a bundle */
	struct exact_ranges exact;   /* of a bundle */
	struct record_copy *records; /* of a bundle, or NULL */
	struct map threads;          /* of a bundle: tid -> 1 + position in .notes.threads */
	uint64_t time_unix_ns;
	const char *name; /* of the core file, without its folders */
	struct arena arena;
};

static struct core *core_of(struct source *source)
{
	return (struct core *)source;
}

static enum gospy_code check(struct source *source, struct gospy_error *err)
{
	(void)source;
	(void)err;
	return GOSPY_OK;
}

/* Is the program's file, or that memory of it which the kernel leaves out of a core, needed and not
 * there? Then that is why something failed. Or else it is that the core was cut off. */
static enum gospy_code explain(struct source *source, enum gospy_code code, struct gospy_error *err)
{
	struct core *core = core_of(source);
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	bool missing = code == GOSPY_E_NOT_GO || code == GOSPY_E_NOT_FOUND ||
		       code == GOSPY_E_FAULT || code == GOSPY_E_BAD_DATA ||
		       code == GOSPY_E_UNSUPPORTED;
	if (!missing)
		return code;
	// A bundle needs no file.
	bool has_program = core->is_bundle ? true
			   : core->files.program == SIZE_MAX
				   ? core->files.bin != NULL
				   : mapped_files_fd(&core->files, core->files.program) >= 0;
	if (has_program)
		return core->source.problem ? err_context(err, code, "%s", core->source.problem)
					    : code;
	mapped_files_explain(&core->files, &text);
	if (text.failed)
		return err_nomem(err);
	return err_set(err, GOSPY_E_NOT_FOUND,
		       "%s: %s: name it by --bin FILE, where its files are by --root DIR%s; after "
		       "echo 0x37 >/proc/PID/coredump_filter a core holds all that is needed",
		       source->name, text.s,
		       debuginfod_is_set() ? "" : ", servers by DEBUGINFOD_URLS");
}

static enum gospy_code auxv(struct source *source, struct auxv *ret, struct gospy_error *err)
{
	(void)err;
	*ret = core_of(source)->notes.auxv;
	return GOSPY_OK;
}

static enum gospy_code mappings(struct source *source, struct mappings *ret,
				struct gospy_error *err)
{
	const struct core *core = core_of(source);
	if (core->is_bundle)
		return mappings_copy(&core->facts.maps, ret) ? GOSPY_OK : err_nomem(err);
	return core_maps(&core->segments, &core->files, core->notes.auxv.sysinfo_ehdr, ret, err);
}

static enum gospy_code tasks(struct source *source, struct source_kept **kept, struct tasks *ret,
			     struct gospy_error *err)
{
	const struct core *core = core_of(source);
	struct tasks list = {0};
	bool ok = true;
	(void)kept;
	for (size_t i = 0; ok && core->is_bundle && i < core->facts.threads.len; i++)
		ok = vec_push(&list.tasks, core->facts.threads.at[i].task);
	for (size_t i = 0; ok && !core->is_bundle && i < core->notes.threads.len; i++) {
		pid_t tid = core->notes.threads.at[i].tid;
		struct task task = {.tid = tid, .nstid = tid, .state = '?'};
		if (tid == source->pid)
			memcpy(task.comm, source->comm, sizeof(task.comm));
		ok = vec_push(&list.tasks, task);
	}
	if (!ok) {
		tasks_deinit(&list);
		return err_nomem(err);
	}
	*ret = list;
	return GOSPY_OK;
}

static enum gospy_code exe_path(struct source *source, struct arena *arena, const char **ret,
				bool *deleted_ret, struct gospy_error *err)
{
	const struct core *core = core_of(source);
	const char *path = core->files.program != SIZE_MAX
				   ? core->files.files[core->files.program].path
			   : core->files.bin ? core->files.bin
					     : source->comm;
	if (core->is_bundle && core->facts.exe)
		path = core->facts.exe;
	*deleted_ret = core->is_bundle && core->facts.exe_deleted;
	*ret = arena_strdup(arena, path);
	return *ret ? GOSPY_OK : err_nomem(err);
}

static enum gospy_code give(struct core *core, size_t file, int *fd_ret, struct gospy_error *err)
{
	int fd = mapped_files_fd(&core->files, file);
	int copy = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return err_set(err, GOSPY_E_NOT_FOUND, "the file %s of %s is not at hand",
			       core->files.files[file].path, core->source.name);
	if (copy < 0)
		return err_os(err, errno, "cannot open %s once more", core->files.files[file].path);
	*fd_ret = copy;
	return GOSPY_OK;
}

static enum gospy_code open_exe(struct source *source, int *fd_ret, struct gospy_error *err)
{
	struct core *core = core_of(source);
	if (core->is_bundle)
		return err_set(err, GOSPY_E_NOT_FOUND, "a bundle has no files");
	if (core->files.program != SIZE_MAX)
		return give(core, core->files.program, fd_ret, err);
	// Without a list of files, memory has to tell whether it is the program.
	if (core->files.bin)
		return file_open(core->files.bin, fd_ret, err);
	return err_set(err, GOSPY_E_NOT_FOUND, "%s does not say of which program it is",
		       source->name);
}

static enum gospy_code open_mapped(struct source *source, const struct mapping *map, int *fd_ret,
				   struct gospy_error *err)
{
	struct core *core = core_of(source);
	if (core->is_bundle || !map->inode || map->inode > core->files.count)
		return err_set(err, GOSPY_E_NOT_FOUND, "no file is mapped there");
	return give(core, map->inode - 1, fd_ret, err);
}

/* What could be written to. Several segments may be of one part of the file, or of its holes. */
static uint64_t private_bytes(struct source *source)
{
	const struct segments *segments = &core_of(source)->segments;
	const struct core *core = core_of(source);
	// A bundle has all that was read of it, and each g was.
	uint64_t sum = 0,
		 most = core->is_bundle ? core->facts.private_bytes : input_data_size(core->input);
	for (size_t i = 0; i < segments->at.len; i++)
		sum += segments->at.at[i].stored;
	return sum < most ? sum : most;
}

static int compare_tid(const void *a, const void *b)
{
	const struct moment_thread *x = a, *y = b;
	return (x->tid > y->tid) - (x->tid < y->tid);
}

/* False: out of memory. */
static bool read_vectors(const struct core *core, const struct note_thread *from,
			 struct moment_thread *thread)
{
	size_t done = 0;
	if (!from->vector_bytes)
		return true;
	thread->vectors = malloc(from->vector_bytes);
	thread->vector_bytes = from->vector_bytes;
	if (!thread->vectors)
		return false;
	if (input_read(core->input, from->vectors, thread->vectors, from->vector_bytes, &done,
		       NULL) ||
	    done != from->vector_bytes) {
		free(thread->vectors);
		thread->vectors = NULL;
	}
	return true;
}

static enum gospy_code list_bundled(const struct core *core, bool vectors, struct moment *moment,
				    struct gospy_error *err)
{
	for (size_t i = 0; i < core->facts.threads.len; i++) {
		const struct bundle_thread *from = &core->facts.threads.at[i];
		const uint64_t *at = map_get(&core->threads, (uint64_t)from->task.tid);
		struct moment_thread thread = {
			.tid = from->task.tid,
			.state = from->state,
			.has_regs = from->has_regs && at,
			.place = from->place,
		};
		if (thread.state == MOMENT_ENDED)
			continue; // before the moment
		if (thread.has_regs)
			thread.regs = core->notes.threads.at[*at - 1].regs;
		else if (thread.state != MOMENT_STILL)
			thread.state = MOMENT_MOVED;
		moment->moved += thread.state == MOMENT_MOVED;
		bool good = !vectors || !thread.has_regs ||
			    read_vectors(core, &core->notes.threads.at[*at - 1], &thread);
		if (!good || !vec_push(&moment->threads, thread)) {
			free(thread.vectors);
			return err_nomem(err);
		}
	}
	if (moment->threads.len)
		qsort(moment->threads.at, moment->threads.len, sizeof(*moment->threads.at),
		      compare_tid);
	return GOSPY_OK;
}

/* A process stands still for ever in its core. */
static enum gospy_code list_threads(const struct core *core, bool vectors, struct moment *moment,
				    struct gospy_error *err)
{
	if (core->is_bundle)
		return list_bundled(core, vectors, moment, err);
	if (!vec_reserve(&moment->threads, core->notes.threads.len))
		return err_nomem(err);
	for (size_t i = 0; i < core->notes.threads.len; i++) {
		const struct note_thread *thread = &core->notes.threads.at[i];
		moment->threads.at[moment->threads.len++] = (struct moment_thread){
			.tid = thread->tid,
			.state = MOMENT_STOPPED,
			.has_regs = true,
			.regs = thread->regs,
		};
		if (vectors && !read_vectors(core, thread, &moment->threads.at[i]))
			return err_nomem(err);
	}
	if (moment->threads.len)
		qsort(moment->threads.at, moment->threads.len, sizeof(*moment->threads.at),
		      compare_tid);
	return GOSPY_OK;
}

static enum gospy_code stop(struct source *source, uint64_t max_pause_ns,
			    const struct moment_work *work, struct moment *ret,
			    struct gospy_error *err)
{
	(void)max_pause_ns;
	*ret = (struct moment){
		.begin_ns = clock_mono_ns(), .deadline_ns = UINT64_MAX, .reached = true};
	enum gospy_code code = list_threads(core_of(source), work->vectors, ret, err);
	return code ? code : work->visit(work->ctx, ret, err);
}

static bool watch_thread(struct source *source, pid_t tid,
			 bool (*visit)(void *ctx, const struct place *place), void *ctx)
{
	const struct core *core = core_of(source);
	for (size_t i = 0; i < core->notes.threads.len; i++) {
		const struct note_thread *thread = &core->notes.threads.at[i];
		if (thread->tid != tid)
			continue;
		const struct place place = {
			.syscall = -1, .sp = thread->regs.rsp, .pc = thread->regs.rip};
		return visit(ctx, &place);
	}
	return false;
}

static uint64_t read_clock(const struct source *source, enum source_clock clock)
{
	const struct core *core = (const struct core *)source;
	if (core->is_bundle && clock == SOURCE_BOOT)
		return core->facts.boot_ns;
	if (core->is_bundle && clock == SOURCE_MONO)
		return core->facts.mono_ns;
	return clock == SOURCE_REAL ? core->time_unix_ns : GOSPY_UNKNOWN;
}

static void destroy(struct source *source)
{
	struct core *core = core_of(source);
	mem_destroy(source->mem);
	mapped_files_deinit(&core->files);
	bundle_facts_deinit(&core->facts);
	map_deinit(&core->threads);
	exact_ranges_deinit(&core->exact);
	record_copy_destroy(core->records);
	notes_deinit(&core->notes);
	segments_deinit(&core->segments);
	input_destroy(core->input);
	arena_deinit(&core->arena);
	free(core);
}

static const struct source_ops core_ops = {
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
	.clock_ns = read_clock,
	.destroy = destroy,
};

/* systemd-coredump notes when it was: microseconds since 1970 (coredump.c). Else the core file was
 * last written to then, or when it was copied. */
static uint64_t time_of(const struct input *input)
{
	char text[32] = "", *end;
	const struct timespec *mtime = &input_stat(input)->st_mtim;
	ssize_t n = fgetxattr(input_fd(input), "user.coredump.timestamp", text, sizeof(text) - 1);
	if (n > 0) {
		uint64_t us = strtoull(text, &end, 10);
		if (!*end && us && us < UINT64_MAX / 1000)
			return us * 1000;
	}
	return (uint64_t)mtime->tv_sec * 1000000000u + (uint64_t)mtime->tv_nsec;
}

static enum gospy_code read_notes(struct core *core, const struct notes_range *ranges, size_t count,
				  struct gospy_error *err)
{
	enum gospy_code code = GOSPY_OK;
	core->notes.fault_addr = GOSPY_UNKNOWN;
	for (size_t i = 0; i < count && !code; i++)
		code = notes_read(core->input, &ranges[i], &core->notes, err);
	return code;
}

static const char *megabytes(struct arena *arena, uint64_t bytes)
{
	enum { MB = 1000 * 1000 };
	return bytes < MB ? arena_printf(arena, "%" PRIu64 " bytes", bytes)
			  : arena_printf(arena, "%" PRIu64 " MB", bytes / MB);
}

/* What is missing of the core, for a person; NULL: nothing. */
static enum gospy_code find_problem(struct core *core, struct gospy_error *err)
{
	const struct segments *segments = &core->segments;
	const char *missing = megabytes(&core->arena, segments->missing);
	const char *total = megabytes(&core->arena, segments->total);
	if (!missing || !total)
		return err_nomem(err);
	if (segments->missing)
		core->source.problem = arena_printf(
			&core->arena,
			"%s of the %s of %s are missing: it was cut off (a limit of ulimit -c or "
			"of systemd-coredump, or a full disk?)",
			missing, total, core->name);
	else if (core->notes.cut)
		core->source.problem = arena_printf(
			&core->arena, "the notes of %s are cut off: threads are missing",
			core->name);
	else if (input_problem(core->input))
		core->source.problem = arena_printf(&core->arena, "%s: %s", core->name,
						    input_problem(core->input));
	else
		return GOSPY_OK;
	return core->source.problem ? GOSPY_OK : err_nomem(err);
}

/* A bundle tells what a core does not. */
static void describe_bundle(struct core *core)
{
	struct source *source = &core->source;
	const struct bundle_facts *facts = &core->facts;
	source->kind = GOSPY_TARGET_BUNDLE;
	source->pid = facts->pid;
	source->start_ns = facts->start_ns;
	source->exe_inode = 0;
	source->signal = facts->signal;
	source->signal_tid = facts->signal_tid;
	source->fault_addr = facts->fault_addr;
	source->left_out = facts->left_out;
	source->taken = facts->taken;
	source->taken.marks = (const struct source_mark *)(const void *)core->notes.marks.ptr;
	source->taken.mark_count = core->notes.marks.len / sizeof(struct source_mark);
	source->program_facts = core->notes.program;
	core->time_unix_ns = facts->real_ns;
	for (size_t i = 0; i < facts->threads.len; i++)
		source->namespaced |=
			facts->threads.at[i].task.nstid != facts->threads.at[i].task.tid;
	if (facts->comm)
		snprintf(source->comm, sizeof(source->comm), "%s", facts->comm);
}

static enum gospy_code read_bundle(struct core *core, struct gospy_error *err)
{
	if (!core->notes.facts.len)
		return GOSPY_OK;
	core->is_bundle = true;
	enum gospy_code code = bundle_facts_read(core->notes.facts, &core->facts, err);
	if (!code && !core->notes.program.len)
		code = err_set(err, GOSPY_E_BAD_DATA,
			       "it is a bundle that says nothing of its program");
	if (!code)
		code = exact_ranges_decode(core->notes.exact, &core->exact, err);
	if (!code && core->notes.records.len)
		code = record_copy_create(core->notes.records, &core->records, err);
	for (size_t i = 0; !code && i < core->notes.threads.len; i++) {
		uint64_t *at = map_put(&core->threads, (uint64_t)core->notes.threads.at[i].tid);
		if (!at)
			return err_nomem(err);
		*at = i + 1;
	}
	if (!code)
		return GOSPY_OK;
	// Was it cut off within the notes?
	bool is_told = !find_problem(core, NULL) && core->source.problem;
	return err_context(err, code, "%s", is_told ? core->source.problem : core->name);
}

/* Those for which the kernel writes a core. gdb notes by which one it stopped a process. */
static bool kills(int signal)
{
	static const int fatal[] = {SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGFPE,
				    SIGSEGV, SIGBUS, SIGSYS,  SIGXCPU, SIGXFSZ};
	for (size_t i = 0; i < sizeof(fatal) / sizeof(*fatal); i++) {
		if (signal == fatal[i])
			return true;
	}
	return false;
}

static enum gospy_code describe(struct core *core, const char *path, struct gospy_error *err)
{
	struct source *source = &core->source;
	const struct notes *notes = &core->notes;
	source->kind = GOSPY_TARGET_CORE;
	source->file = arena_strdup(&core->arena, path);
	source->pid = notes->pid ? notes->pid : notes->threads.len ? notes->threads.at[0].tid : 0;
	source->start_ns = GOSPY_UNKNOWN;
	source->frozen = true;
	source->exe_inode = core->files.program == SIZE_MAX ? 0 : core->files.program + 1;
	source->signal = kills(notes->signal) ? notes->signal : 0;
	source->signal_tid = source->signal && notes->threads.len ? notes->threads.at[0].tid : 0;
	source->fault_addr = notes->fault_addr;
	memcpy(source->comm, notes->comm, sizeof(notes->comm));
	if (!*source->comm && core->files.program != SIZE_MAX) {
		const char *exe = core->files.files[core->files.program].path;
		const char *slash = strrchr(exe, '/');
		snprintf(source->comm, sizeof(source->comm), "%.15s", slash ? slash + 1 : exe);
	}
	snprintf(source->name, sizeof(source->name), "%.80s", core->name);
	core->time_unix_ns = time_of(core->input);
	if (core->is_bundle)
		describe_bundle(core);
	return source->file ? find_problem(core, err) : err_nomem(err);
}

static enum gospy_code read_core(struct core *core, const char *path,
				 const struct core_options *options, struct gospy_error *err)
{
	struct notes_range ranges[NOTES_RANGES_MAX];
	struct core_options kept = *options;
	size_t count = 0;
	const char *shown = strcmp(path, "-") == 0 ? "standard input" : path;
	const char *slash = strrchr(shown, '/');
	core->name = arena_strdup(&core->arena, slash ? slash + 1 : shown);
	kept.bin = options->bin ? arena_strdup(&core->arena, options->bin) : NULL;
	kept.root = options->root ? arena_strdup(&core->arena, options->root) : NULL;
	if (!core->name || (options->bin && !kept.bin) || (options->root && !kept.root))
		return err_nomem(err);
	CLEANUP_CLOSE int root = kept.root ? open(kept.root, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	if (kept.root && root < 0)
		return err_os(err, errno, "cannot open the directory %s", kept.root);
	enum gospy_code code = input_open(path, options->max_unpacked, &core->input, err);
	if (!code)
		code = segments_read(core->input, shown, &core->segments, ranges, &count, err);
	if (!code)
		code = read_notes(core, ranges, count, err);
	if (!code)
		code = read_bundle(core, err);
	if (!code)
		code = mapped_files_init(&core->files, &core->notes, &core->segments, core->input,
					 &kept, err);
	if (!code)
		code = describe(core, shown, err);
	if (!code)
		code = mem_core_create(&core->segments, core->input, &core->files,
				       core->is_bundle ? &core->exact : NULL, core->records,
				       &core->source.mem, err);
	return code;
}

enum gospy_code core_open(const char *path, const struct core_options *options, struct source **ret,
			  struct gospy_error *err)
{
	struct core *core = calloc(1, sizeof(*core));
	if (!core)
		return err_nomem(err);
	core->source.ops = &core_ops;
	enum gospy_code code = read_core(core, path, options, err);
	// GOSPY_E_PERM would be about a process; this is about a file.
	if (code == GOSPY_E_PERM || code == GOSPY_E_GONE) {
		code = GOSPY_E_OS;
		if (err)
			err->code = code;
	}
	if (code) {
		destroy(&core->source);
		return code;
	}
	*ret = &core->source;
	return GOSPY_OK;
}

bool core_is(const char *path)
{
	/* zstd, a skippable frame of it, lz4, xz, gzip. */
	static const struct {
		uint8_t bytes[6];
		size_t len;
	} packed[] = {
		{{0x28, 0xb5, 0x2f, 0xfd}, 4},
		{{0x5e, 0x2a, 0x4d, 0x18}, 4},
		{{0x04, 0x22, 0x4d, 0x18}, 4},
		{{0xfd, '7', 'z', 'X', 'Z', 0}, 6},
		{{0x1f, 0x8b}, 2},
	};
	CLEANUP_CLOSE int fd = -1;
	Elf64_Ehdr ehdr = {0};
	if (file_open(path, &fd, NULL))
		return false;
	ssize_t n = pread(fd, &ehdr, sizeof(ehdr), 0);
	for (size_t i = 0; i < sizeof(packed) / sizeof(*packed); i++) {
		if (n >= (ssize_t)packed[i].len &&
		    memcmp(&ehdr, packed[i].bytes, packed[i].len) == 0)
			return true;
	}
	return n >= SELFMAG && memcmp(ehdr.e_ident, ELFMAG, SELFMAG) == 0 && ehdr.e_type == ET_CORE;
}
