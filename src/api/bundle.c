/*
 * Bundles: what gospy reads of a target, to be kept.
 *
 * The target is opened once more, by what is known of its program already, through a source that
 * records (core/recording.h). So what is read, and recorded, is what whoever opens the bundle will
 * read, who has no file of the program either.
 */
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <unistd.h>

#include "api/bundle_heap.h"
#include "api/early_waits.h"
#include "api/sockets.h"
#include "api/target.h"
#include "base/cancel.h"
#include "base/cleanup.h"
#include "base/sized.h"
#include "core/core_write.h"
#include "core/recording.h"
#include "image/image_check.h"
#include "image/image_create.h"
#include "image/program_facts.h"
#include "image/variable_facts.h"
#include "image/verify.h"
#include "machine/buildinfo.h"
#include "profile/profile.h"
#include "snapshot/memstats.h"
#include "snapshot/snapshot.h"
#include "snapshot/stack.h"
#include "snapshot/stats.h"

enum {
	FILES_MAX = 1024, /* of which build IDs are looked for */
	FILES_NEAR = 64,  /* mappings of one file are next to each other */
	BUILD_ID_MAX = 64,
	HOLDERS = 1 << 16, /* goroutines of which it is kept what they hold */
};

struct gospy_capture {
	struct gospy_capture_info info;
	struct recording *recording;
	struct bundle_facts facts;
	struct auxv auxv;
	VEC(struct source_mark) marks;
	struct strbuf checks; /* facts about the program: how its checks ended */
	struct arena arena;
	int64_t cancel_fd;
};

/* ---- reading */

/* The image that reads through the recording. */
struct reader {
	struct gospy_capture *capture;
	struct source *source, *below; /* that which records, and the target's */
	struct image *image;
	const struct gospy_capture_options *how;
	bool figures_steady;
	uint64_t cycles_per_second;
	struct bundle_heap *heap; /* NULL: it is not wanted */
	/* Who waited before the heap was copied, if that was before the moment. */
	struct early_waits waits;
};

/* Figures that cannot be had here cannot be had of the bundle either. */
static void read_figures(struct reader *reader, struct source *source)
{
	const struct gospy_read_options how = {.size = sizeof(how),
					       .non_blocking = reader->how->non_blocking,
					       .max_pause_ns = reader->how->max_pause_ns};
	struct gospy_memstats memstats;
	struct gospy_stats stats;
	// Of what both of them read the copy counts that was made last, and the figures of the heap
	// have to fit together.
	bool steady = !stats_read(source, reader->image, &how, &stats, NULL) &&
		      stats.reading.soundness != GOSPY_SOUND_TORN;
	steady &= !memstats_read(source, reader->image, &how, &memstats, NULL) &&
		  memstats.reading.soundness != GOSPY_SOUND_TORN;
	reader->figures_steady = steady;
}

static void read_figures_again(void *ctx, struct source *source)
{
	struct reader *reader = ctx;
	read_figures(reader, source);
}

static void read_heap_in_moment(void *ctx, struct source *source, const struct moment *moment)
{
	struct reader *reader = ctx;
	if (reader->heap && reader->heap->in_moment)
		bundle_heap_visit(reader->heap, source, reader->image, moment);
}

/* Read what every name and every stack takes. */
static enum gospy_code read_names(struct gospy_snapshot *snapshot, struct gospy_error *err)
{
	const struct capture *c = &snapshot->capture;
	CLEANUP(map_deinit) struct map seen = {0};
	for (size_t i = 0; i < c->count; i++) {
		struct gospy_goroutine g;
		struct gospy_stack stack;
		uint64_t *before = c->recs[i].stack ? map_put(&seen, c->recs[i].stack) : NULL;
		if (c->recs[i].stack && !before)
			return err_nomem(err);
		if (i % 1024 == 0 && cancel_check(err))
			return GOSPY_E_CANCELLED;
		// Many have the same, but may have been started in different places.
		snapshot_goroutine(snapshot, i, &g);
		if (before && !*before && snapshot_stack(snapshot, i, &stack, NULL))
			continue;
		if (before)
			*before = 1;
	}
	for (size_t i = 0; i < c->threads.len; i++) {
		struct gospy_stack stack;
		if (snapshot_thread_stack(snapshot, i, &stack, NULL))
			continue;
	}
	return GOSPY_OK;
}

static enum gospy_code note_marks(struct reader *reader, const struct gospy_snapshot *snapshot,
				  struct gospy_error *err)
{
	const struct capture *c = &snapshot->capture;
	struct gospy_capture *capture = reader->capture;
	bool has_old_heap = reader->heap && !reader->heap->in_moment;
	for (size_t i = 0; i < c->count; i++) {
		const struct g_rec *rec = &c->recs[i];
		const struct source_mark mark = {rec->addr, rec->soundness};
		const struct source_mark new_wait = {rec->addr, SOURCE_MARK_NEW_WAIT};
		if (mark.soundness && !vec_push(&capture->marks, mark))
			return err_nomem(err);
		if (has_old_heap && grec_is_parked(rec) && !early_waits_has(&reader->waits, rec) &&
		    !vec_push(&capture->marks, new_wait))
			return err_nomem(err);
	}
	const struct source_taken *taken = &reader->below->taken;
	for (size_t i = 0; taken->heap == SOURCE_HEAP_RUNNING && i < taken->mark_count; i++) {
		if (taken->marks[i].soundness == SOURCE_MARK_NEW_WAIT &&
		    !vec_push(&capture->marks, taken->marks[i]))
			return err_nomem(err);
	}
	return GOSPY_OK;
}

/* What the kernel says of descriptors, as soon as may be after the moment. */
static enum gospy_code note_sockets(struct reader *reader, struct gospy_snapshot *snapshot,
				    struct gospy_error *err)
{
	struct gospy_capture *capture = reader->capture;
	struct bundle_facts *facts = &capture->facts;
	const struct source *below = reader->below;
	const struct source_descriptor *list;
	size_t n;
	if (!reader->how->sockets)
		return GOSPY_OK;
	enum gospy_code code = below->frozen ? sockets_take(&below->taken, snapshot, err)
					     : sockets_find(below->pid, below->mem, snapshot, err);
	if (!code)
		code = sockets_keep(snapshot, &facts->arena, &list, &n, err);
	for (size_t i = 0; !code && i < n; i++)
		code = vec_push(&facts->descriptors, list[i]) ? GOSPY_OK : err_nomem(err);
	facts->taken.sockets = !code;
	return code;
}

/* The names of C functions, which are in files. */
static enum gospy_code note_functions(struct gospy_capture *capture,
				      const struct gospy_snapshot *snapshot,
				      struct gospy_error *err)
{
	const struct capture *c = &snapshot->capture;
	CLEANUP(map_deinit) struct map seen = {0};
	for (size_t i = 0; i < c->natives.len; i++) {
		const struct native_stack *stack = &c->natives.at[i].stack;
		for (size_t k = 0; k < stack->count; k++) {
			const struct native_frame *frame = &stack->frames[k];
			uint64_t *known = frame->func ? map_put(&seen, frame->pc) : NULL;
			if (frame->func && !known)
				return err_nomem(err);
			if (!frame->func || *known)
				continue;
			*known = 1;
			const struct source_function function = {
				frame->pc, frame->entry,
				arena_strdup(&capture->facts.arena, frame->func)};
			if (!function.name || !vec_push(&capture->facts.functions, function))
				return err_nomem(err);
		}
	}
	return GOSPY_OK;
}

static enum gospy_code note_info(struct gospy_capture *capture,
				 const struct gospy_snapshot_info *info, struct gospy_error *err)
{
	struct gospy_capture_info *to = &capture->info;
	to->goroutines = info->goroutines.total;
	to->time_unix_ns = info->time_unix_ns;
	to->paused_ns = info->paused_ns;
	to->stopped_threads = info->stopped_threads;
	to->moved = info->moved;
	to->torn = info->torn;
	to->late = info->late;
	to->unreadable = info->unreadable;
	if (info->not_stopped &&
	    !(to->not_stopped = arena_strdup(&capture->arena, info->not_stopped)))
		return err_nomem(err);
	if (info->problem && !(to->problem = arena_strdup(&capture->arena, info->problem)))
		return err_nomem(err);
	return GOSPY_OK;
}

/* Are objects of the instant of the goroutines? They are if these all are. */
static enum source_heap heap_of(const struct bundle_heap *heap, const struct source_taken *taken,
				const struct gospy_snapshot_info *info)
{
	if (!heap || heap->failed)
		return SOURCE_HEAP_NONE;
	bool exact = info->instant && !info->moved && !info->torn && !info->late &&
		     !info->unreadable && !heap->whole->unread;
	exact &= !taken->known || taken->heap == SOURCE_HEAP_INSTANT;
	return heap->in_moment && exact ? SOURCE_HEAP_INSTANT : SOURCE_HEAP_RUNNING;
}

static enum gospy_code note_heap(struct reader *reader, const struct gospy_snapshot_info *info,
				 struct gospy_error *err)
{
	struct bundle_heap *heap = reader->heap;
	struct gospy_capture *capture = reader->capture;
	if (!heap)
		return GOSPY_OK;
	// Nothing stood still after all.
	if (heap->in_moment && !heap->bytes_read && !heap->failed) {
		heap->failed = true;
		snprintf(heap->why, sizeof(heap->why), "the process could not be stopped");
	}
	capture->facts.taken.heap = heap_of(heap, &reader->below->taken, info);
	capture->info.heap_bytes = heap->failed ? 0 : heap->bytes_read;
	capture->info.heap_instant = capture->facts.taken.heap == SOURCE_HEAP_INSTANT;
	if (heap->failed && !(capture->info.problem = arena_printf(
				      &capture->arena, "it is without the heap: %s", heap->why)))
		return err_nomem(err);
	return bundle_heap_follow(heap, reader->source, err);
}

static enum gospy_code read_goroutines(struct reader *reader, struct gospy_error *err)
{
	const struct gospy_capture_options *how = reader->how;
	const struct gospy_snapshot_options options = {
		.size = sizeof(options),
		.non_blocking = how->non_blocking,
		.max_pause_ns = how->max_pause_ns,
		.channels = true,
		.objects = true,
		.holder_limit = HOLDERS,
		.stacks = true,
		.figures = true,
		.threads = true,
		.labels = how->labels,
		.native = how->native,
		.progress = how->progress,
		.progress_ctx = how->progress_ctx,
	};
	struct gospy_snapshot *snapshot = NULL;
	struct gospy_capture *capture = reader->capture;
	recording_give_files(capture->recording, how->native);
	enum gospy_code code =
		snapshot_take(reader->source, reader->image, &options, NULL, &snapshot, err);
	recording_give_files(capture->recording, false);
	if (code)
		return code;
	const struct gospy_snapshot_info *info = &snapshot->info;
	code = recording_facts(capture->recording, &capture->facts, err);
	capture->facts.taken = (struct source_taken){
		.cycles_per_second = reader->cycles_per_second,
		.of_core = capture->facts.taken.of_core,
		.non_blocking = info->non_blocking,
		.instant = info->instant,
		.no_labels = !how->labels,
		.native = how->native,
		.paused_ns = info->paused_ns,
		.stopped_threads = info->stopped_threads,
	};
	if (!code)
		code = note_sockets(reader, snapshot, err);
	if (!code)
		code = note_functions(capture, snapshot, err);
	if (!code)
		code = note_info(capture, info, err);
	if (!code)
		code = note_heap(reader, info, err);
	if (!code)
		code = note_marks(reader, snapshot, err);
	if (!code)
		code = read_names(snapshot, err);
	// Without a stop there was no moment in which they could be read; and a thread may have
	// been stopped while it was changing them. With a heap that is of the moment they stay.
	if (!code && capture->facts.taken.heap != SOURCE_HEAP_INSTANT &&
	    (info->non_blocking || !reader->figures_steady))
		read_figures(reader, reader->source);
	capture->facts.taken.figures_steady = reader->figures_steady;
	snapshot_destroy(snapshot);
	return code;
}

/* A program may have been linked without one of them. */
static enum gospy_code read_profiles(struct reader *reader, struct gospy_error *err)
{
	static const enum gospy_profile_kind kinds[] = {GOSPY_PROFILE_HEAP, GOSPY_PROFILE_BLOCK,
							GOSPY_PROFILE_MUTEX,
							GOSPY_PROFILE_THREADCREATE};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		const struct gospy_profile_options how = {
			.size = sizeof(how), .kind = kinds[i], .frames = true};
		struct gospy_profile *profile = NULL;
		enum gospy_code code =
			profile_create(reader->source, reader->image, &how, NULL, &profile, err);
		if (!code && profile->ticks_per_second)
			reader->cycles_per_second = profile->ticks_per_second;
		if (!code)
			gospy_profile_destroy(profile);
		else if (code == GOSPY_E_NOMEM || code == GOSPY_E_CANCELLED || code == GOSPY_E_GONE)
			return code;
	}
	return GOSPY_OK;
}

/* What `gospy doctor` tells: whoever opens the bundle can look only once, at what was read at other
 * times. */
static enum gospy_code check_facts(struct reader *reader, struct gospy_error *err)
{
	struct image *image = reader->image;
	uint64_t unlike = 0;
	if (image->checked)
		return GOSPY_OK; // and the facts say how that ended
	mem_record(image->mem, false);
	enum gospy_code code = image_verify(image, VERIFY_ALL, err);
	for (size_t i = 0; !code && i < GLOBAL_COUNT; i++) {
		const struct global *global = global_at(&image->globals, i);
		if (global->addr && !image_check_global(image, global_names[i].name, global->addr))
			unlike |= UINT64_C(1) << i;
	}
	mem_record(image->mem, true);
	program_facts_write_checks(image, unlike, &reader->capture->checks);
	return code;
}

static enum gospy_code read_all(struct reader *reader, struct gospy_error *err)
{
	struct recording *recording = reader->capture->recording;
	enum gospy_code code = image_create(reader->source, NULL, &reader->image, err);
	// What is of one moment comes last: nothing that is read later is laid over it.
	if (!code)
		code = check_facts(reader, err);
	if (!code)
		code = read_profiles(reader, err);
	if (!code && reader->heap && !reader->heap->in_moment)
		code = bundle_heap_read(reader->heap, reader->source, reader->image, err);
	if (!code)
		code = read_goroutines(reader, err);
	if (!code)
		code = source_auxv(reader->source, &reader->capture->auxv, err);
	if (!code)
		code = recording_check(recording, err);
	if (!code)
		code = page_store_seal(recording_pages(recording), err);
	if (reader->image)
		image_forget_target(reader->image);
	image_unref(reader->image);
	return code;
}

static bool is_first_of_path(const struct mappings *maps, size_t i)
{
	for (size_t k = i; k-- > 0 && k + FILES_NEAR > i;) {
		if (maps->maps.at[k].exec &&
		    strcmp(maps->maps.at[k].path, maps->maps.at[i].path) == 0)
			return false;
	}
	return true;
}

/* The build IDs of what is mapped, which profiles name. */
static enum gospy_code describe_files(struct source *source, struct strbuf *text,
				      struct gospy_error *err)
{
	CLEANUP(mappings_deinit) struct mappings maps = {0};
	enum gospy_code code = source_mappings(source, &maps, err);
	size_t files = 0;
	for (size_t i = 0; !code && i < maps.maps.len && files < FILES_MAX; i++) {
		const struct mapping *map = &maps.maps.at[i];
		CLEANUP_CLOSE int fd = -1;
		struct elf_file elf;
		char hex[2 * BUILD_ID_MAX + 1] = "";
		if (!map->exec || !map->inode || !is_first_of_path(&maps, i) ||
		    source_open_mapped(source, map, &fd, NULL) ||
		    elf_file_open(fd, map->path, &elf, NULL))
			continue;
		struct span id = elf_file_build_id(&elf);
		for (size_t k = 0; id.len <= BUILD_ID_MAX && k < id.len; k++)
			snprintf(hex + 2 * k, 3, "%02x", id.ptr[k]);
		elf_file_close(&elf);
		if (*hex)
			program_facts_write_file(map->path, hex, text);
		files++;
		code = cancel_check(err);
	}
	return code;
}

/* What is known of the program, as text. */
static enum gospy_code describe_program(struct gospy_target *target, bool heap, struct strbuf *text,
					struct gospy_error *err)
{
	CLEANUP(arena_deinit) struct arena scratch = {0};
	struct build_info_text info = {0};
	const struct span known = target->source->program_facts;
	if (known.len) {
		strbuf_add(text, known.ptr, known.len);
	} else {
		enum gospy_code code = buildinfo_read(target->source, &scratch, &info, NULL);
		if (code == GOSPY_E_NOMEM || code == GOSPY_E_CANCELLED)
			return code == GOSPY_E_NOMEM ? err_nomem(err) : cancel_check(err);
		program_facts_write(target->image, code ? NULL : &info, text);
		code = describe_files(target->source, text, err);
		if (!code && heap)
			code = variable_facts_write(target->image, target->source, text, err);
		if (code)
			return code;
	}
	return text->failed ? err_nomem(err) : GOSPY_OK;
}

static const char *left_out(const struct gospy_capture_options *how, bool has_heap,
			    struct arena *arena)
{
	const char *what[7];
	size_t n = 0;
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	what[n++] = "the environment and the command line";
	if (how->redact != GOSPY_REDACT_NONE)
		what[n++] = "values on stacks that are no addresses";
	if (!how->labels)
		what[n++] = "profiler labels";
	if (!how->sockets)
		what[n++] = "what descriptors are";
	if (!how->native)
		what[n++] = "the stacks of C code";
	what[n++] = has_heap ? "what objects without pointers hold" : "the heap";
	for (size_t i = 0; i < n; i++) {
		strbuf_puts(&text, !i ? "" : i + 1 < n ? ", " : n > 2 ? ", and " : " and ");
		strbuf_puts(&text, what[i]);
	}
	return text.failed ? NULL : arena_strdup(arena, text.s);
}

static enum gospy_code take_capture(struct gospy_target *target,
				    const struct gospy_capture_options *how,
				    struct gospy_capture *capture, struct gospy_error *err)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	CLEANUP(bundle_heap_deinit) struct bundle_heap heap = {0};
	struct reader reader = {.capture = capture, .how = how, .below = target->source};
	const struct recording_also also = {read_figures_again, read_heap_in_moment, &reader};
	enum gospy_code code = describe_program(target, how->heap, &text, err);
	if (code)
		return code;
	code = recording_create(target->source, (struct span){(const uint8_t *)text.s, text.len},
				how->redact == GOSPY_REDACT_NONE ? REDACT_NONE : REDACT_POINTERS,
				&also, &capture->recording, err);
	if (code)
		return code;
	reader.source = recording_source(capture->recording);
	reader.heap = how->heap ? &heap : NULL;
	if (how->heap)
		code = bundle_heap_plan(&heap, target->image, how, capture->recording,
					target->source->frozen, err);
	if (!code && how->heap && !heap.in_moment)
		code = early_waits_note(target, &reader.waits, err);
	if (!code)
		code = read_all(&reader, err);
	early_waits_deinit(&reader.waits);
	capture->facts.gospy = GOSPY_VERSION;
	capture->facts.left_out = capture->info.left_out =
		left_out(how, capture->facts.taken.heap, &capture->arena);
	if (!code && !capture->info.left_out)
		code = err_nomem(err);
	return code ? source_explain(target->source, code, err) : GOSPY_OK;
}

/* Can the source tell what is asked for? */
static enum gospy_code check_options(const struct source *source,
				     const struct gospy_capture_options *how,
				     struct gospy_error *err)
{
	if (how->native && how->non_blocking && !source->frozen)
		return err_set(err, GOSPY_E_USAGE,
			       "stacks of C code take the registers of the threads, and so a stop");
	if (how->native && source->taken.known && !source->taken.native)
		return err_set(err, GOSPY_E_USAGE, "%s was made without the stacks of C code",
			       source->name);
	if (how->sockets && source->frozen && !source->taken.sockets)
		return err_set(err, GOSPY_E_USAGE, "%s does not tell what descriptors were",
			       source->name);
	if (how->heap && source->taken.known && !source->taken.heap)
		return err_set(err, GOSPY_E_USAGE, "%s was made without the heap", source->name);
	return GOSPY_OK;
}

enum gospy_code gospy_capture_take(struct gospy_target *target,
				   const struct gospy_capture_options *options,
				   struct gospy_capture **ret, struct gospy_error *err)
{
	struct gospy_capture_options how;
	if (!target || !ret)
		return err_set(err, GOSPY_E_USAGE, "gospy_capture_take: bad argument");
	if (SIZED_READ(&how, options, err))
		return GOSPY_E_USAGE;
	if (check_options(target->source, &how, err))
		return GOSPY_E_USAGE;
	CLEANUP(cancel_end) struct cancel cancel;
	cancel_begin(&cancel, how.cancel_fd);
	struct gospy_capture *capture = calloc(1, sizeof(*capture));
	if (!capture)
		return err_nomem(err);
	capture->cancel_fd = how.cancel_fd;
	enum gospy_code code = cancel_verdict(take_capture(target, &how, capture, err), err);
	if (code)
		gospy_capture_destroy(capture);
	else
		*ret = capture;
	return code;
}

const struct gospy_capture_info *gospy_capture_info(const struct gospy_capture *capture)
{
	return &capture->info;
}

void gospy_capture_destroy(struct gospy_capture *capture)
{
	if (!capture)
		return;
	bundle_facts_deinit(&capture->facts);
	recording_destroy(capture->recording);
	vec_free(&capture->marks);
	strbuf_deinit(&capture->checks);
	arena_deinit(&capture->arena);
	free(capture);
}

/* ---- writing */

/* The notes of a core file, in the order in which the kernel writes them. */
struct note_list {
	VEC(struct core_note) notes;
	struct arena arena;
	bool failed;
};

static void add_note(struct note_list *list, const char *owner, uint32_t type, const void *bytes,
		     size_t len)
{
	const struct core_note note = {owner, type, {bytes, len}};
	if (!bytes || !vec_push(&list->notes, note))
		list->failed = true;
}

/* Of a thread that nobody has stopped the kernel tells where it is in the program, and in which
 * system call: include/uapi/asm-generic/unistd.h, arch/x86/entry/calling.h. */
static struct user_regs_struct registers_of(const struct moment_thread *thread)
{
	const struct place *place = &thread->place;
	if (thread->has_regs)
		return thread->regs;
	return (struct user_regs_struct){
		.rip = place->pc,
		.rsp = place->sp,
		.orig_rax = (uint64_t)place->syscall,
		.rdi = place->arg0,
		.rsi = place->arg1,
		.rdx = place->arg2,
		.r10 = place->arg3,
	};
}

static void add_thread(struct note_list *list, const struct moment_thread *thread, int signal)
{
	const struct user_regs_struct regs = registers_of(thread);
	struct elf_prstatus *status = arena_alloc(&list->arena, sizeof(*status));
	if (status) {
		_Static_assert(sizeof(status->pr_reg) == sizeof(regs), "pr_reg");
		status->pr_pid = thread->tid;
		status->pr_cursig = (short)signal;
		status->pr_info.si_signo = signal;
		memcpy(&status->pr_reg, &regs, sizeof(regs));
	}
	add_note(list, "CORE", NT_PRSTATUS, status, sizeof(*status));
	if (thread->vectors)
		add_note(list, "LINUX", NT_X86_XSTATE, thread->vectors, thread->vector_bytes);
}

/* No arguments: they may have secrets in them. */
static void add_process(struct note_list *list, const struct bundle_facts *facts)
{
	struct elf_prpsinfo *info = arena_alloc(&list->arena, sizeof(*info));
	if (info) {
		info->pr_sname = 'R';
		info->pr_pid = facts->pid;
		if (facts->comm)
			memccpy(info->pr_fname, facts->comm, 0, sizeof(info->pr_fname) - 1);
	}
	add_note(list, "CORE", NT_PRPSINFO, info, sizeof(*info));
}

static void add_auxv(struct note_list *list, const struct auxv *auxv)
{
	const Elf64_auxv_t entries[] = {
		{AT_PAGESZ, {4096}},
		{AT_PHDR, {auxv->phdr}},
		{AT_PHENT, {auxv->phent}},
		{AT_PHNUM, {auxv->phnum}},
		{AT_BASE, {auxv->base}},
		{AT_ENTRY, {auxv->entry}},
		{AT_SYSINFO_EHDR, {auxv->sysinfo_ehdr}},
		{AT_NULL, {0}},
	};
	void *copy = arena_alloc(&list->arena, sizeof(entries));
	if (copy)
		memcpy(copy, entries, sizeof(entries));
	add_note(list, "CORE", NT_AUXV, copy, sizeof(entries));
}

/* The program's mappings alone: delve takes every file that is named here for the program. */
static void add_files(struct note_list *list, const struct bundle_facts *facts,
		      const struct auxv *auxv)
{
	CLEANUP(strbuf_deinit) struct strbuf ranges = {0};
	CLEANUP(strbuf_deinit) struct strbuf names = {0};
	const struct mapping *of = auxv->phdr ? mappings_find(&facts->maps, auxv->phdr) : NULL;
	uint64_t head[2] = {0, 1};
	for (size_t i = 0; of && *of->path && i < facts->maps.maps.len; i++) {
		const struct mapping *map = &facts->maps.maps.at[i];
		const uint64_t range[3] = {map->start, map->end, map->offset};
		if (strcmp(map->path, of->path) != 0)
			continue;
		strbuf_add(&ranges, range, sizeof(range));
		strbuf_add(&names, map->path, strlen(map->path) + 1);
		head[0]++;
	}
	if (!head[0] || ranges.failed || names.failed) {
		list->failed |= ranges.failed || names.failed;
		return;
	}
	size_t len = sizeof(head) + ranges.len + names.len;
	uint8_t *bytes = arena_alloc(&list->arena, len);
	if (bytes) {
		memcpy(bytes, head, sizeof(head));
		memcpy(bytes + sizeof(head), ranges.s, ranges.len);
		memcpy(bytes + sizeof(head) + ranges.len, names.s, names.len);
	}
	add_note(list, "CORE", NT_FILE, bytes, len);
}

static void add_program(struct note_list *list, struct span facts, const struct strbuf *checks)
{
	const size_t len = facts.len + checks->len;
	uint8_t *bytes = checks->failed ? NULL : arena_alloc(&list->arena, len);
	if (bytes) {
		memcpy(bytes, facts.ptr, facts.len);
		if (checks->len)
			memcpy(bytes + facts.len, checks->s, checks->len);
	}
	add_note(list, BUNDLE_OWNER, BUNDLE_NOTE_PROGRAM, bytes, len);
}

static enum gospy_code make_notes(const struct gospy_capture *capture, struct strbuf *text,
				  struct note_list *list, struct gospy_error *err)
{
	const struct bundle_facts *facts = &capture->facts;
	const struct moment *moment = recording_moment(capture->recording);
	const struct span program = recording_source(capture->recording)->program_facts;
	pid_t first = facts->signal_tid ? facts->signal_tid : facts->pid;
	for (size_t i = 0; i < moment->threads.len; i++) {
		const struct moment_thread *thread = &moment->threads.at[i];
		if (thread->tid == first)
			add_thread(list, thread, facts->signal);
	}
	add_process(list, facts);
	add_auxv(list, &capture->auxv);
	add_files(list, facts, &capture->auxv);
	for (size_t i = 0; i < moment->threads.len; i++) {
		const struct moment_thread *thread = &moment->threads.at[i];
		if (thread->tid != first)
			add_thread(list, thread, facts->signal);
	}
	bundle_facts_write(facts, text);
	add_note(list, BUNDLE_OWNER, BUNDLE_NOTE_FACTS, text->s, text->len);
	add_program(list, program, &capture->checks);
	if (capture->marks.len)
		add_note(list, BUNDLE_OWNER, BUNDLE_NOTE_MARKS, capture->marks.at,
			 capture->marks.len * sizeof(*capture->marks.at));
	return list->failed || text->failed ? err_nomem(err) : GOSPY_OK;
}

static enum gospy_code write_all(void *ctx, const void *bytes, size_t len, struct gospy_error *err)
{
	const int *fd = ctx;
	const uint8_t *at = bytes;
	while (len) {
		ssize_t n = write(*fd, at, len);
		if (n < 0 && errno != EINTR)
			return err_os(err, errno, "cannot write the bundle");
		if (n > 0) {
			at += n;
			len -= (size_t)n;
		}
	}
	return GOSPY_OK;
}

enum gospy_code gospy_capture_write(struct gospy_capture *capture, int fd, bool plain,
				    struct gospy_error *err)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	struct note_list list = {0};
	struct core_written written = {0};
	if (!capture || fd < 0)
		return err_set(err, GOSPY_E_USAGE, "gospy_capture_write: bad argument");
	CLEANUP(cancel_end) struct cancel cancel;
	cancel_begin(&cancel, capture->cancel_fd);
	enum gospy_code code = make_notes(capture, &text, &list, err);
	const struct core_parts parts = {
		.notes = list.notes.at,
		.note_count = list.notes.len,
		.store = recording_pages(capture->recording),
		.mappings = &capture->facts.maps,
		.plain = plain,
	};
	if (!code)
		code = core_write(&parts, write_all, &fd, &written, err);
	vec_free(&list.notes);
	arena_deinit(&list.arena);
	capture->info.pages = written.pages;
	capture->info.bytes = written.bytes;
	return cancel_verdict(code, err);
}
