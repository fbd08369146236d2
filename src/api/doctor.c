/* What can be read of a process, from where, and at what cost; nothing is stopped to find out. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/target.h"
#include "base/cancel.h"
#include "base/cleanup.h"
#include "base/sized.h"
#include "core/core.h"
#include "image/image_check.h"
#include "image/verify.h"
#include "live/diagnose.h"
#include "live/live.h"
#include "live/mem_live.h"
#include "live/pause.h"
#include "live/permits.h"
#include "machine/buildinfo.h"

/* What a stop costs, measured with `./dev bench summary`: the least; interrupting and resuming a
 * thread; reading a goroutine that is on the move. */
enum { STOP_NS = 60000, STOP_NS_PER_THREAD = 15000, STOP_NS_PER_ACTIVE = 500 };

struct owned_diagnosis {
	struct gospy_diagnosis pub; /* first: what the caller gives back */
	finding_vec findings;
	struct arena arena;
	bool out_of_memory;
};

static void add(struct owned_diagnosis *d, struct gospy_finding finding)
{
	if (!vec_push(&d->findings, finding))
		d->out_of_memory = true;
}

/* A text of an error that lives as long as the diagnosis. */
static const char *keep(struct owned_diagnosis *d, const char *s)
{
	const char *copy = arena_strdup(&d->arena, s);
	if (!copy)
		d->out_of_memory = true;
	return copy;
}

static void look_at_program(struct owned_diagnosis *d, const struct process *process)
{
	struct gospy_error err;
	struct gospy_finding finding = {.topic = "process", .name = "program"};
	bool deleted = false;
	if (procfs_exe_path(process->live_tid, &d->arena, &finding.text, &deleted, &err)) {
		finding.text = keep(d, err.msg);
		finding.verdict = GOSPY_VERDICT_PROBLEM;
	} else if (deleted) {
		finding.verdict = GOSPY_VERDICT_NOTE;
		finding.remedy = "the file was deleted or replaced since the start; what runs is "
				 "read through /proc all the same";
	}
	add(d, finding);
}

static void look_at_memory(struct owned_diagnosis *d, const struct process *process)
{
	struct gospy_error err;
	struct gospy_finding finding = {.topic = "access", .name = "memory", .text = "can be read"};
	struct auxv auxv;
	struct mem *mem = NULL;
	uint64_t word;
	enum gospy_code code = procfs_auxv(process->live_tid, &auxv, &err);
	if (!code)
		code = mem_live_create(process, &mem, &err);
	if (!code)
		code = mem_read_u64(mem, auxv.phdr, &word, &err);
	mem_destroy(mem);
	if (code == GOSPY_E_FAULT)
		code = GOSPY_OK; // a packed program's headers may be gone, but it was permitted
	if (code == GOSPY_E_PERM)
		diagnose_eperm(process->pid, PROCESS_READ_MEMORY, &err);
	if (code) {
		finding.text = keep(d, err.msg);
		finding.verdict = GOSPY_VERDICT_PROBLEM;
	}
	add(d, finding);
}

/* Goroutines that run or could: those that a stop would have to read. */
static bool count_active(struct gospy_target *target, uint64_t *ret)
{
	static const struct gospy_snapshot_options options = {.size = sizeof(options),
							      .non_blocking = true};
	struct gospy_snapshot *snapshot;
	if (!target || gospy_snapshot_take(target, &options, &snapshot, NULL))
		return false;
	const struct gospy_goroutine_counts *counts = &gospy_snapshot_info(snapshot)->goroutines;
	*ret = counts->runnable + counts->running + counts->syscall;
	gospy_snapshot_destroy(snapshot);
	return true;
}

/* About how long the threads that run would be held. Meanwhile gospy reads the kernel's counters of
 * those that wait for a processor, twice. */
static uint64_t estimate_stop_ns(size_t running, uint64_t active)
{
	enum { PATIENCE_NS = 100000, WAITING_NS = 40000 };
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	size_t processors = online > 0 ? (size_t)online : 1;
	uint64_t ns =
		STOP_NS + STOP_NS_PER_THREAD * (uint64_t)running + STOP_NS_PER_ACTIVE * active;
	if (running > processors)
		ns += PATIENCE_NS + WAITING_NS * (uint64_t)(running - processors);
	return ns;
}

/* What would be stopped, and for how long. */
static const char *describe_stop(struct owned_diagnosis *d, const struct pause_prospect *prospect,
				 uint64_t active)
{
	uint64_t ns = estimate_stop_ns(prospect->running, active);
	const char *asleep =
		prospect->asleep ? arena_printf(&d->arena,
						"; thread %d is in uninterruptible sleep, which "
						"is no obstacle",
						prospect->asleep_tid)
				 : "";
	const char *who =
		prospect->running
			? arena_printf(&d->arena, "est. %.1f ms: %zu of %zu threads run",
				       (double)ns / 1e6, prospect->running, prospect->threads)
			: arena_printf(&d->arena,
				       "nothing runs now, nothing would be stopped: %zu thread%s",
				       prospect->threads, prospect->threads == 1 ? "" : "s");
	return arena_printf(&d->arena, "possible; %s, %" PRIu64 " goroutine%s not parked%s",
			    who ? who : "", active, active == 1 ? "" : "s", asleep ? asleep : "");
}

static void look_at_stop(struct owned_diagnosis *d, const struct process *process,
			 struct gospy_target *target)
{
	struct gospy_error err;
	struct gospy_finding finding = {.topic = "access", .name = "stop", .text = "possible"};
	struct pause_prospect prospect;
	uint64_t active;
	// This comes before the probe, which wakes the thread that it is about.
	bool looked = !pause_look(process, &prospect, NULL);
	if (pause_probe(process, &err)) {
		finding.text = keep(d, err.msg);
		finding.remedy = "--non-blocking needs no stop";
		finding.verdict = GOSPY_VERDICT_PROBLEM;
	} else if (looked && count_active(target, &active)) {
		finding.text = describe_stop(d, &prospect, active);
		if (prospect.unknown)
			finding.remedy = "this kernel does not tell which threads run "
					 "(CONFIG_SCHED_INFO): all have to be stopped";
	}
	add(d, finding);
}

static void look_at_version(struct owned_diagnosis *d, struct source *source,
			    const struct gospy_target_info *info)
{
	struct build_info_text text;
	struct gospy_finding finding = {.topic = "runtime", .name = "Go version"};
	bool has = source && buildinfo_read(source, &d->arena, &text, NULL) == GOSPY_OK;
	finding.text = info ? keep(d, info->go_version) : has ? text.go_version : NULL;
	if (!finding.text)
		return;
	finding.source = info && has && strcmp(info->go_version, text.go_version) == 0
				 ? "runtime.buildVersion and build information"
			 : info ? "runtime.buildVersion"
				: "build information";
	if (info && info->note) {
		finding.verdict = GOSPY_VERDICT_NOTE;
		finding.remedy = keep(d, info->note);
	}
	add(d, finding);
}

/* What a structure was checked for in the process, and what contradicts it. */
static void add_checks(struct owned_diagnosis *d, const struct image *image,
		       struct gospy_finding *finding)
{
	for (size_t i = 0; i < image->checks.len; i++) {
		const struct image_check *check = &image->checks.at[i];
		if (strcmp(check->what, finding->name) != 0)
			continue;
		finding->check =
			arena_printf(&d->arena, "%s%s%s", finding->check ? finding->check : "",
				     finding->check ? ", " : "", check->check);
		if (!check->ok) {
			finding->verdict = GOSPY_VERDICT_PROBLEM;
			finding->text = keep(d, check->found ? check->found : check->check);
		}
	}
}

static void look_at_runtime(struct owned_diagnosis *d, struct gospy_target *target)
{
	static const char layout[] = "layout ", global[] = "runtime.";
	size_t n;
	const struct gospy_provenance *facts = gospy_target_provenance(target, &n);
	for (size_t i = 0; i < n; i++) {
		const char *name = facts[i].name, *topic = "runtime";
		if (strncmp(name, layout, sizeof(layout) - 1) == 0) {
			name += sizeof(layout) - 1;
			topic = "layout";
		} else if (strncmp(name, global, sizeof(global) - 1) == 0) {
			topic = "global";
		}
		struct gospy_finding finding = {.topic = topic,
						.name = keep(d, name),
						.source = keep(d, facts[i].source),
						.addr = facts[i].addr};
		if (strcmp(name, "DWARF") == 0) {
			// It is only a fact where it cannot be used: image_layout.c.
			finding.verdict = GOSPY_VERDICT_NOTE;
			finding.text = "cannot be used";
			finding.remedy = "what it would describe comes from the tables for this "
					 "Go version, if they have it";
		} else if (strcmp(topic, "layout") == 0) {
			add_checks(d, target->image, &finding);
		} else if (!image_check_global(target->image, name, facts[i].addr)) {
			finding.verdict = GOSPY_VERDICT_PROBLEM;
			finding.text = "what is there does not look like it";
		}
		add(d, finding);
	}
}

static void look_at_image(struct owned_diagnosis *d, struct gospy_target *target,
			  struct gospy_error *why)
{
	if (target && image_verify(target->image, VERIFY_ALL, why) == GOSPY_OK)
		look_at_runtime(d, target);
	else
		add(d, (struct gospy_finding){.topic = "runtime",
					      .name = "Go runtime",
					      .text = keep(d, why->msg),
					      .verdict = GOSPY_VERDICT_PROBLEM});
}

static enum gospy_code diagnose(struct owned_diagnosis *d, struct process *process,
				const struct gospy_open_options *options, struct gospy_error *err)
{
	struct gospy_target *target = NULL;
	struct gospy_error why;
	look_at_program(d, process);
	look_at_memory(d, process);
	d->pub.code = gospy_target_open_pid(process->pid, options, &target, &why);
	if (d->pub.code == GOSPY_E_NOMEM || d->pub.code == GOSPY_E_GONE ||
	    d->pub.code == GOSPY_E_CANCELLED) {
		*err = why;
		return d->pub.code;
	}
	look_at_stop(d, process, target);
	CLEANUP(source_free) struct source *source = NULL;
	if (!live_open(process->pid, &source, NULL))
		look_at_version(d, source, target ? gospy_target_info(target) : NULL);
	look_at_image(d, target, &why);
	gospy_target_close(target);
	return d->out_of_memory ? err_nomem(err) : process_check(process, err);
}
/* What a core file holds, and what the files hold that were mapped. */
static enum gospy_code diagnose_core(struct owned_diagnosis *d, const char *path,
				     const struct gospy_open_options *options,
				     struct gospy_error *err)
{
	CLEANUP(source_free) struct source *source = NULL;
	CLEANUP(tasks_deinit) struct tasks tasks = {0};
	struct gospy_target *target = NULL;
	struct gospy_error why = {0};
	const struct core_options how = {options->bin, options->root, options->max_unpacked};
	enum gospy_code code = core_open(path, &how, &source, err);
	if (!code)
		code = source_tasks(source, NULL, &tasks, err);
	if (code)
		return code;
	if (source->left_out)
		d->pub.left_out = keep(d, source->left_out);
	CLEANUP_CLOSE int fd = -1;
	struct gospy_finding program = {.topic = "process", .name = "program"};
	bool deleted;
	code = source_exe_path(source, &d->arena, &program.text, &deleted, err);
	if (code)
		return code;
	if (source->kind == GOSPY_TARGET_CORE && source_open_exe(source, &fd, &why)) {
		program.verdict = GOSPY_VERDICT_NOTE;
		program.remedy = keep(d, why.msg);
	}
	add(d, program);
	add(d, (struct gospy_finding){
		       .topic = "access",
		       .name = "memory",
		       .text = source->problem ? keep(d, source->problem) : "can be read",
		       .verdict = source->problem ? GOSPY_VERDICT_PROBLEM : GOSPY_VERDICT_OK});
	add(d,
	    (struct gospy_finding){
		    .topic = "access",
		    .name = "threads",
		    .text = arena_printf(&d->arena, "%zu, with their registers", tasks.tasks.len),
		    .verdict = tasks.tasks.len ? GOSPY_VERDICT_OK : GOSPY_VERDICT_PROBLEM});
	d->pub.code = gospy_target_open_core(path, options, &target, &why);
	if (d->pub.code == GOSPY_E_NOMEM || d->pub.code == GOSPY_E_CANCELLED) {
		*err = why;
		return d->pub.code;
	}
	look_at_version(d, source, target ? gospy_target_info(target) : NULL);
	look_at_image(d, target, &why);
	gospy_target_close(target);
	return d->out_of_memory ? err_nomem(err) : GOSPY_OK;
}

/* Report that not even its executable can be looked at, or that it has none. */
static enum gospy_code add_refusal(struct owned_diagnosis *d, enum gospy_code code,
				   struct gospy_error *err)
{
	d->pub.code = code;
	add(d, (struct gospy_finding){.topic = "access",
				      .name = "memory",
				      .text = keep(d, err->msg),
				      .verdict = GOSPY_VERDICT_PROBLEM});
	return d->out_of_memory ? err_nomem(err) : GOSPY_OK;
}

enum gospy_code gospy_diagnosis_create(pid_t pid, const struct gospy_open_options *options,
				       struct gospy_diagnosis **ret, struct gospy_error *err)
{
	CLEANUP(process_close) struct process process = PROCESS_NONE;
	struct gospy_error own;
	err = err ? err : &own; // its texts become findings
	struct gospy_open_options how;
	if (pid <= 0 || !ret)
		return err_set(err, GOSPY_E_USAGE, "gospy_diagnosis_create: bad argument");
	if (SIZED_READ(&how, options, err))
		return GOSPY_E_USAGE;
	CLEANUP(cancel_end) struct cancel cancel;
	cancel_begin(&cancel, how.cancel_fd);
	how.cancel_fd = 0; // to open the target is a part of this
	struct owned_diagnosis *d = calloc(1, sizeof(*d));
	if (!d)
		return err_nomem(err);
	enum gospy_code code = process_open(pid, &process, err);
	if (!code)
		code = diagnose(d, &process, &how, err);
	else if (code == GOSPY_E_PERM || code == GOSPY_E_NOT_GO)
		code = add_refusal(d, code, err);
	code = cancel_verdict(code, err);
	d->pub.findings = d->findings.at;
	d->pub.finding_count = d->findings.len;
	if (code)
		gospy_diagnosis_destroy(&d->pub);
	else
		*ret = &d->pub;
	return code;
}

enum gospy_code gospy_diagnosis_create_core(const char *path,
					    const struct gospy_open_options *options,
					    struct gospy_diagnosis **ret, struct gospy_error *err)
{
	struct gospy_error own;
	err = err ? err : &own; // its texts become findings
	struct gospy_open_options how;
	if (!path || !*path || !ret)
		return err_set(err, GOSPY_E_USAGE, "gospy_diagnosis_create_core: bad argument");
	if (SIZED_READ(&how, options, err))
		return GOSPY_E_USAGE;
	CLEANUP(cancel_end) struct cancel cancel;
	cancel_begin(&cancel, how.cancel_fd);
	how.cancel_fd = 0; // to open the target is a part of this
	struct owned_diagnosis *d = calloc(1, sizeof(*d));
	if (!d)
		return err_nomem(err);
	enum gospy_code code = cancel_verdict(diagnose_core(d, path, &how, err), err);
	d->pub.findings = d->findings.at;
	d->pub.finding_count = d->findings.len;
	if (code)
		gospy_diagnosis_destroy(&d->pub);
	else
		*ret = &d->pub;
	return code;
}

/* May gospy read this process? To open this file is to ask; nothing is read. */
static bool may_read(pid_t pid)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0;
}

/* The Go processes that are seen here, and why the first of them that is out of reach is. */
static enum gospy_code look_at_go_processes(struct owned_diagnosis *d, struct gospy_error *err)
{
	struct gospy_process_list *list;
	struct gospy_finding finding = {.topic = "access", .name = "Go processes"};
	struct gospy_error why = {0};
	size_t n, seen = 0, readable = 0;
	enum gospy_code code = gospy_process_list_create(&list, err);
	if (code)
		return code;
	const struct gospy_process *processes = gospy_process_list_get(list, &n);
	const size_t hidden = gospy_process_list_unreadable(list);
	for (size_t i = 0; i < n; i++) {
		if (!processes[i].is_go)
			continue;
		seen++;
		if (may_read(processes[i].pid))
			readable++;
		else if (!why.code)
			diagnose_eperm(processes[i].pid, PROCESS_READ_MEMORY, &why);
	}
	gospy_process_list_destroy(list);
	finding.text = arena_printf(&d->arena, "%zu seen, %zu can be read%s", seen, readable,
				    hidden ? arena_printf(&d->arena,
							  "; of %zu more it is not known "
							  "whether they are Go's",
							  hidden)
					   : "");
	if (readable < seen) {
		finding.verdict = GOSPY_VERDICT_NOTE;
		finding.remedy = keep(d, why.msg);
	} else if (hidden && geteuid() != 0) {
		finding.verdict = GOSPY_VERDICT_NOTE;
		finding.remedy = "sudo gospy ...";
	}
	add(d, finding);
	return GOSPY_OK;
}

enum gospy_code gospy_diagnosis_create_host(struct gospy_diagnosis **ret, struct gospy_error *err)
{
	struct permit_facts facts;
	if (!ret)
		return err_set(err, GOSPY_E_USAGE, "gospy_diagnosis_create_host: bad argument");
	struct owned_diagnosis *d = calloc(1, sizeof(*d));
	if (!d)
		return err_nomem(err);
	enum gospy_code code = permits_gather(&facts, &d->arena, err);
	if (!code)
		code = look_at_go_processes(d, err);
	if (!code)
		code = permits_explain(&facts, &d->findings, &d->arena, err);
	if (!code && d->out_of_memory)
		code = err_nomem(err);
	d->pub.findings = d->findings.at;
	d->pub.finding_count = d->findings.len;
	if (code)
		gospy_diagnosis_destroy(&d->pub);
	else
		*ret = &d->pub;
	return code;
}

void gospy_diagnosis_destroy(struct gospy_diagnosis *diagnosis)
{
	struct owned_diagnosis *d = (struct owned_diagnosis *)diagnosis;
	if (!d)
		return;
	vec_free(&d->findings);
	arena_deinit(&d->arena);
	free(d);
}
