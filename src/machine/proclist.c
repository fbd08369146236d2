/* The Go processes of this machine. A file is recognised once, however many processes run it. If a
 * process runs a file that is not Go, in one thread, nothing more is asked of it. */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cancel.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/parallel.h"
#include "base/sized.h"
#include "live/live.h"
#include "machine/agent_find.h"
#include "machine/buildinfo.h"
#include "machine/cgroup.h"
#include "machine/facts.h"

typedef VEC(struct gospy_process) process_vec;

struct gospy_process_list {
	process_vec processes;
	struct map details; /* pid -> address of a struct gospy_process_details, an arena's */
	size_t unreadable;
	struct arena arenas[PARALLEL_WORKERS]; /* of the texts */
};

enum {
	COMM_CUT = 15, /* TASK_COMM_LEN of the kernel, less the NUL */
	/* Each worker gets to know the files by itself, which only pays from a thousand processes
	 * on: base/parallel.h counts in smaller things. */
	ITEMS_OF_A_PID = PARALLEL_FROM / 1024,
	PIDS_AT_A_TIME = 64,
};

/* What is known of a file: of an executable, or of a library, whose numbers are those of the
 * mappings of processes, which need not be what stat() says. */
struct program {
	bool library;
	dev_t dev;
	ino_t ino;
	struct timespec mtime; /* the number of a removed file may come to name another */
	enum go_sign sign;
	const char *go_version; /* NULL: to be read from each process, or unknown */
	uint64_t next;          /* 1 + index of another one with the same hash, or 0 */
};

/* What one worker knows and finds. */
struct lister {
	int proc_fd; /* of /proc, borrowed */
	struct arena *arena;
	process_vec processes;
	size_t unreadable;
	VEC(struct program) programs;
	struct map by_file; /* hash of the file -> 1 + index in programs */
	struct agent_finder agents;
	bool detailed;
	struct map details; /* as in struct gospy_process_list */
	uid_t uid;          /* `username` is of; many processes are of one user */
	const char *username;
	bool out_of_memory; /* for what it keeps itself: nothing of one process alone */
};

static enum gospy_code own_nomem(struct lister *lister, struct gospy_error *err)
{
	lister->out_of_memory = true;
	return err_nomem(err);
}

static uint64_t hash_file(const struct program *file)
{
	uint64_t hash = hash_mix(hash_mix(0, (uint64_t)file->dev), file->ino);
	hash = hash_mix(hash, (uint64_t)file->mtime.tv_sec);
	return hash_mix(hash, (uint64_t)file->mtime.tv_nsec);
}

static bool is_file(const struct program *a, const struct program *b)
{
	return a->library == b->library && a->dev == b->dev && a->ino == b->ino &&
	       a->mtime.tv_sec == b->mtime.tv_sec && a->mtime.tv_nsec == b->mtime.tv_nsec;
}

/* Index of a file that was seen before, or SIZE_MAX. `head` is of its hash. */
static size_t find_known(const struct lister *lister, const struct program *file, uint64_t head)
{
	for (uint64_t i = head; i; i = lister->programs.at[i - 1].next) {
		if (is_file(&lister->programs.at[i - 1], file))
			return i - 1;
	}
	return SIZE_MAX;
}

/* Look into a file. One that cannot be read, or that somebody just writes to, leaves it unclear. */
static void recognise(struct lister *lister, int fd, struct program *program)
{
	CLEANUP(elf_file_close) struct elf_file elf = {0};
	struct build_info_text text;
	enum gospy_code code = elf_file_open_any(fd, "", &elf, NULL);
	if (code == GOSPY_E_UNSUPPORTED || (code == GOSPY_E_BAD_DATA && program->library))
		return;
	program->sign = code ? GO_SIGN_UNCLEAR : build_info_sign(&elf);
	if (program->sign == GO_SIGN_YES &&
	    !build_info_find(&elf, NULL, NULL, 0, lister->arena, &text, NULL))
		program->go_version = text.go_version;
}

/* Too many descriptors are open: what failed because of that tells nothing of a process. */
static bool no_descriptors(const struct gospy_error *err)
{
	return err->os_errno == EMFILE || err->os_errno == ENFILE;
}

/* Index of the file that `map` is of, or of the executable of `tid` if that is NULL. */
static enum gospy_code look_up(struct lister *lister, struct program *file, pid_t tid,
			       const struct mapping *map, size_t *ret, struct gospy_error *err)
{
	int fd CLEANUP_CLOSE = -1;
	uint64_t *head = map_put(&lister->by_file, hash_file(file));
	if (!head)
		return own_nomem(lister, err);
	*ret = find_known(lister, file, *head);
	if (*ret != SIZE_MAX)
		return GOSPY_OK;
	enum gospy_code code =
		map ? procfs_open_mapped(tid, map, &fd, err) : procfs_open_exe(tid, &fd, err);
	bool gone = !map && (code == GOSPY_E_GONE || code == GOSPY_E_NOT_FOUND);
	if (code && (gone || no_descriptors(err)))
		return code;
	if (!code)
		recognise(lister, fd, file);
	else if (map && code == GOSPY_E_BAD_DATA)
		file->sign = GO_SIGN_NO; // a device
	else
		file->sign = GO_SIGN_UNCLEAR; // its memory may tell
	file->next = *head;
	if (!vec_push(&lister->programs, *file))
		return own_nomem(lister, err);
	*ret = lister->programs.len - 1;
	*head = lister->programs.len;
	return GOSPY_OK;
}

/* /proc/TID/exe or task, by that name. False, and errno: there is none. */
static bool stat_of(const struct lister *lister, pid_t tid, const char *name, struct stat *ret)
{
	char path[sizeof("2147483647/task")], *slash = path + 10, *start = slash;
	// The path is put together by hand: printf would be a good part of what gospy itself does
	// for a process.
	*slash = '/';
	memcpy(slash + 1, name, strlen(name) + 1);
	for (; tid; tid /= 10)
		*--start = (char)('0' + tid % 10);
	return fstatat(lister->proc_fd, start, ret, 0) == 0;
}

/* Does it have only one thread? fs/proc/base.c, proc_task_getattr() of the kernel: the links of the
 * directory of threads are its own two and one for each thread. */
static bool is_single_threaded(const struct lister *lister, pid_t tid)
{
	struct stat st;
	return stat_of(lister, tid, "task", &st) && st.st_nlink == 3;
}

/* GOSPY_E_PERM: the file may not be read; GOSPY_E_GONE: there is none. */
static enum gospy_code find_program(struct lister *lister, pid_t tid, size_t *ret,
				    struct gospy_error *err)
{
	struct stat st;
	if (!stat_of(lister, tid, "exe", &st))
		return errno == ENOENT || errno == ESRCH ? GOSPY_E_GONE
							 : err_os(err, errno, "/proc/%d/exe", tid);
	struct program file = {.dev = st.st_dev, .ino = st.st_ino, .mtime = st.st_mtim};
	return look_up(lister, &file, tid, NULL, ret, err);
}

/* The first of the libraries of `tid` that is Go's; else one of which only the memory can tell. The
 * program itself is no library. */
static enum gospy_code find_library(struct lister *lister, pid_t tid, size_t program, size_t *ret,
				    struct gospy_error *err)
{
	CLEANUP(mappings_deinit) struct mappings maps = {0};
	const dev_t dev = lister->programs.at[program].dev;
	const ino_t ino = lister->programs.at[program].ino;
	enum gospy_code code = procfs_maps(tid, &maps, err);
	for (size_t i = 0; !code && i < maps.maps.len; i++) {
		const struct mapping *map = &maps.maps.at[i];
		struct program file = {.library = true, .dev = map->dev, .ino = map->inode};
		size_t at;
		bool own = map->dev == dev && map->inode == ino;
		if (!map->exec || *map->path != '/' || own)
			continue;
		code = look_up(lister, &file, tid, map, &at, err);
		if (code || lister->programs.at[at].sign == GO_SIGN_NO)
			continue;
		*ret = at;
		if (lister->programs.at[at].sign == GO_SIGN_YES)
			break;
	}
	return code;
}

/* Headers did not tell: what does the memory of this process hold? The answer is put into
 * `program`. An error: there is none. */
static enum gospy_code judge_by_memory(struct lister *lister, pid_t pid, struct program *program,
				       struct gospy_error *err)
{
	CLEANUP(source_free) struct source *source = NULL;
	struct build_info_text text;
	enum gospy_code code = live_open(pid, &source, err);
	if (!code)
		code = buildinfo_read(source, lister->arena, &text, err);
	if (code == GOSPY_E_PERM || code == GOSPY_E_GONE || code == GOSPY_E_OS ||
	    code == GOSPY_E_NOMEM)
		return code;
	bool is_go = code == GOSPY_OK || code == GOSPY_E_NOT_FOUND;
	program->sign = is_go ? GO_SIGN_YES : GO_SIGN_NO;
	program->go_version = code ? NULL : text.go_version;
	return GOSPY_OK;
}

/* A file of Go's is mapped. Was it loaded, or is it only looked at? That is another question for
 * each process; where its memory may not be read, the file counts. */
static enum gospy_code judge_library(struct lister *lister, pid_t pid, size_t library, size_t *ret,
				     struct gospy_error *err)
{
	struct program judged = lister->programs.at[library];
	enum gospy_code code = judge_by_memory(lister, pid, &judged, err);
	if (code == GOSPY_E_PERM)
		code = GOSPY_OK;
	if (!code && judged.sign == GO_SIGN_YES)
		*ret = library;
	return code;
}

/* Two processes of one file may have unpacked different programs. What the memory of this one holds
 * is an entry that nobody else finds. */
static enum gospy_code judge_unclear(struct lister *lister, pid_t pid, size_t program, size_t *ret,
				     struct gospy_error *err)
{
	struct program judged = lister->programs.at[program];
	enum gospy_code code = judge_by_memory(lister, pid, &judged, err);
	if (code || judged.sign != GO_SIGN_YES)
		return code;
	if (!vec_push(&lister->programs, judged))
		return own_nomem(lister, err);
	*ret = lister->programs.len - 1;
	return GOSPY_OK;
}

/* The file by which the process is Go's, as index, or SIZE_MAX: it is not. Mappings are looked at
 * only where there is more than one thread: each Go runtime has at least that of sysmon
 * (runtime/proc.go:main), and most of the processes of a machine have one in all. */
static enum gospy_code find_go(struct lister *lister, pid_t pid, pid_t tid, size_t *ret,
			       struct gospy_error *err)
{
	size_t program, library = SIZE_MAX;
	enum gospy_code code = find_program(lister, tid, &program, err);
	*ret = SIZE_MAX;
	if (code)
		return code;
	if (lister->programs.at[program].sign != GO_SIGN_YES && is_single_threaded(lister, tid))
		return GOSPY_OK;
	if (lister->programs.at[program].sign == GO_SIGN_NO) {
		code = find_library(lister, tid, program, &library, err);
		if (code || library == SIZE_MAX)
			return code;
		if (lister->programs.at[library].sign == GO_SIGN_YES)
			return judge_library(lister, pid, library, ret, err);
		program = library;
	}
	if (lister->programs.at[program].sign == GO_SIGN_UNCLEAR)
		return judge_unclear(lister, pid, program, ret, err);
	if (lister->programs.at[program].sign == GO_SIGN_YES)
		*ret = program;
	return GOSPY_OK;
}

static const char *version_in_process(pid_t pid, struct arena *arena)
{
	CLEANUP(source_free) struct source *source = NULL;
	struct build_info_text text;
	if (live_open(pid, &source, NULL) || buildinfo_or_version(source, arena, &text, NULL))
		return NULL;
	return text.go_version;
}

/* The kernel cuts the name off; gops, by way of gopsutil (process_linux.go), takes what the command
 * line has instead, if that begins with it. */
static const char *whole_name(const char *comm, pid_t tid, struct arena *arena)
{
	char argv0[PATH_MAX];
	const size_t len = strlen(comm);
	if (len < COMM_CUT || !procfs_argv0(tid, argv0))
		return comm;
	const char *slash = strrchr(argv0, '/'), *name = slash ? slash + 1 : argv0;
	const char *whole = strncmp(name, comm, len) == 0 ? arena_strdup(arena, name) : NULL;
	return whole ? whole : comm;
}

/* Note that something of the process is not known; the first reason is kept. */
static void note_problem(struct lister *lister, struct gospy_process *process,
			 const struct gospy_error *err)
{
	if (!process->problem)
		process->problem = arena_strdup(lister->arena, err->msg);
}

/* Facts that cannot be read are left out. GOSPY_E_GONE. */
static enum gospy_code describe_go(struct lister *lister, const struct program *program, pid_t tid,
				   struct gospy_process *process, struct gospy_error *err)
{
	struct arena *arena = lister->arena;
	struct proc_status status = {0};
	struct agent_place place;
	enum gospy_code code = procfs_status(process->pid, 0, &status, err);
	const struct proc_status *known = code ? NULL : &status;
	if (code == GOSPY_E_GONE)
		return code;
	if (code)
		note_problem(lister, process, err);
	code = procfs_exe_path(tid, arena, &process->exe, &process->exe_deleted, err);
	if (code == GOSPY_E_GONE)
		return code;
	if (code)
		note_problem(lister, process, err);
	process->is_go = true;
	process->uid = status.uid;
	if (status.nspid_len)
		process->ns_pid = status.nspid[status.nspid_len - 1];
	process->name = whole_name(process->comm, tid, arena);
	process->go_version =
		program->go_version ? program->go_version : version_in_process(process->pid, arena);
	code = agent_find(&lister->agents, process->pid, tid, known, &place, err);
	process->agent = !code;
	if (code == GOSPY_E_LIMIT)
		note_problem(lister, process, err);
	return GOSPY_OK;
}

static bool find_listeners(struct lister *lister, pid_t pid, pid_t tid,
			   struct gospy_process_details *details)
{
	CLEANUP(listeners_free) listener_vec found = {0};
	enum gospy_code code =
		listeners_of_process(&lister->agents.networks, pid, tid, 0, &found, NULL);
	const char **texts = arena_calloc(lister->arena, found.len + 1, sizeof(*texts));
	details->listeners_known = !code;
	details->listeners_cut = code == GOSPY_E_LIMIT;
	details->listeners = texts;
	for (size_t i = 0; texts && i < found.len; i++) {
		char text[SOCK_ADDR_TEXT];
		sock_addr_text(&found.at[i].local, text);
		texts[i] = arena_strdup(lister->arena, text);
		if (!texts[i])
			return false;
		details->listener_count++;
	}
	return texts;
}

static const char *user_name(struct lister *lister, uid_t uid)
{
	if (!lister->username || lister->uid != uid)
		lister->username = facts_user_name(lister->arena, uid);
	lister->uid = uid;
	return lister->username;
}

/* Details that cannot be read are left out. */
static enum gospy_code add_details(struct lister *lister, const struct proc_stat *stat, pid_t tid,
				   const struct gospy_process *process, struct gospy_error *err)
{
	struct arena *arena = lister->arena;
	const uint64_t now_ns = clock_boot_ns(), start_ns = procfs_ticks_to_ns(stat->start_ticks);
	struct gospy_process_details *details = arena_alloc(arena, sizeof(*details));
	uint64_t *entry = map_put(&lister->details, (uint64_t)process->pid);
	if (!details || !entry)
		return own_nomem(lister, err);
	*details = (struct gospy_process_details){
		.start_ns = start_ns,
		.elapsed_ns = now_ns > start_ns ? now_ns - start_ns : 0,
		.rss = facts_rss(stat),
		.threads = stat->num_threads,
		.username = user_name(lister, process->uid),
		.cmdline = facts_command_line_head(arena, tid),
		.cgroup = cgroup_of(tid, arena),
		.net_ns = netns_of(tid).id,
	};
	if (details->cgroup)
		details->container = cgroup_container(details->cgroup, arena);
	if (!find_listeners(lister, process->pid, tid, details))
		return own_nomem(lister, err);
	*entry = (uint64_t)(uintptr_t)details;
	return GOSPY_OK;
}

/* Fill in what its stat file says, which is all that is known of a process that is not Go's. */
static bool process_of_stat(const struct proc_stat *stat, struct arena *arena,
			    struct gospy_process *ret)
{
	char *comm = arena_strdup(arena, stat->comm);
	*ret = (struct gospy_process){
		.pid = stat->pid,
		.ns_pid = stat->pid,
		.ppid = stat->ppid,
		.comm = comm,
		.name = comm,
	};
	return comm;
}

/* Add a process. It is Go's because of that program, or `why` tells why that is not known. */
static enum gospy_code add_known(struct lister *lister, pid_t pid, pid_t tid, size_t program,
				 const struct gospy_error *why, struct gospy_error *err)
{
	struct proc_stat stat;
	struct gospy_process process;
	enum gospy_code code = procfs_stat(pid, 0, &stat, err);
	if (code || stat.kthread)
		return code;
	if (!process_of_stat(&stat, lister->arena, &process))
		return own_nomem(lister, err);
	if (why)
		note_problem(lister, &process, why);
	else
		code = describe_go(lister, &lister->programs.at[program], tid, &process, err);
	if (!code && process.is_go && lister->detailed)
		code = add_details(lister, &stat, tid, &process, err);
	if (code)
		return code;
	lister->unreadable += why && why->code == GOSPY_E_PERM;
	return vec_push(&lister->processes, process) ? GOSPY_OK : own_nomem(lister, err);
}

/* Add the process, by its thread `tid`, if it is Go's. GOSPY_E_GONE and the like: there is nothing
 * any more. What goes wrong with one process is noted, and is no error. */
static enum gospy_code add_by(struct lister *lister, pid_t pid, pid_t tid, struct gospy_error *err)
{
	size_t program;
	struct gospy_error why = {0};
	enum gospy_code code = find_go(lister, pid, tid, &program, &why);
	if (code == GOSPY_E_GONE || code == GOSPY_E_NOT_FOUND || lister->out_of_memory ||
	    (code && no_descriptors(&why))) {
		*err = why;
		return code;
	}
	if (!code && program == SIZE_MAX)
		return GOSPY_OK;
	return add_known(lister, pid, tid, program, code ? &why : NULL, err);
}

static enum gospy_code add_process(struct lister *lister, pid_t pid, struct gospy_error *err)
{
	pid_t tid;
	enum gospy_code code = add_by(lister, pid, pid, err);
	// A leader that has ended has no program any more, its other threads do. Zombies and
	// threads of the kernel, which have none either, have no others.
	if (code == GOSPY_E_GONE && !is_single_threaded(lister, pid) &&
	    !process_live_tid(pid, &tid, err) && tid != pid)
		code = add_by(lister, pid, tid, err);
	return code;
}

struct scan_all {
	struct lister listers[PARALLEL_WORKERS];
	pthread_mutex_t lock; /* of what follows */
	DIR *dir;             /* /proc */
	enum gospy_code code; /* first failure that is gospy's own */
	struct gospy_error err;
};

static void fail(struct scan_all *all, enum gospy_code code, const struct gospy_error *err)
{
	pthread_mutex_lock(&all->lock);
	if (!all->code) {
		all->code = code;
		all->err = *err;
	}
	pthread_mutex_unlock(&all->lock);
}

/* The next pid; the lock is held. 0: there was none left, or /proc cannot be read. */
static pid_t next_pid(struct scan_all *all)
{
	for (const struct dirent *entry; errno = 0, (entry = readdir(all->dir));) {
		char *end;
		long pid = strtol(entry->d_name, &end, 10);
		if (!*end && pid > 0)
			return (pid_t)pid;
	}
	if (errno)
		all->code = err_os(&all->err, errno, "cannot list /proc");
	return 0;
}

/* Take some pids to look at; 0: there are none left, or something has failed. It takes few at a
 * time: what the kernel has just looked at to list a process is still in the cache. */
static size_t take_pids(struct scan_all *all, pid_t pids[PIDS_AT_A_TIME])
{
	size_t n = 0;
	pthread_mutex_lock(&all->lock);
	while (n < PIDS_AT_A_TIME && !all->code && (pids[n] = next_pid(all)))
		n++;
	pthread_mutex_unlock(&all->lock);
	return n;
}

static void scan_some(void *ctx, unsigned worker)
{
	struct scan_all *all = ctx;
	struct lister *lister = &all->listers[worker];
	pid_t pids[PIDS_AT_A_TIME];
	for (size_t n; !cancel_asked() && (n = take_pids(all, pids));) {
		for (size_t i = 0; i < n; i++) {
			struct gospy_error err = {0};
			enum gospy_code code = add_process(lister, pids[i], &err);
			// If anything else goes wrong with one process, it is no longer what it
			// was.
			if (code && (lister->out_of_memory || no_descriptors(&err)))
				fail(all, code, &err);
		}
	}
}

static bool take_over(struct lister *lister, struct gospy_process_list *list)
{
	process_vec *to = &list->processes;
	if (!vec_reserve(to, to->len + lister->processes.len))
		return false;
	for (size_t i = 0; i < lister->processes.len; i++)
		to->at[to->len++] = lister->processes.at[i];
	for (size_t i = 0; i < lister->details.cap; i++) {
		const struct map_entry *from = &lister->details.entries[i];
		uint64_t *entry = from->used ? map_put(&list->details, from->key) : NULL;
		if (from->used && !entry)
			return false;
		if (entry)
			*entry = from->value;
	}
	list->unreadable += lister->unreadable;
	return true;
}

static void lister_deinit(struct lister *lister)
{
	vec_free(&lister->processes);
	vec_free(&lister->programs);
	map_deinit(&lister->by_file);
	map_deinit(&lister->details);
	agent_finder_deinit(&lister->agents);
}

static enum gospy_code scan_proc(struct gospy_process_list *list, bool detailed,
				 struct gospy_error *err)
{
	static const uint64_t listeners_ns = 500000000; /* of each worker */
	struct stat st;
	DIR *dir CLEANUP_CLOSEDIR = opendir("/proc");
	if (!dir || fstat(dirfd(dir), &st) != 0)
		return err_os(err, errno, "cannot list /proc");
	struct scan_all all = {.dir = dir};
	pthread_mutex_init(&all.lock, NULL);
	for (unsigned i = 0; i < PARALLEL_WORKERS; i++) {
		all.listers[i].proc_fd = dirfd(dir);
		all.listers[i].arena = &list->arenas[i];
		all.listers[i].detailed = detailed;
		all.listers[i].agents.networks.budget_ns = listeners_ns;
	}
	// It has a link for each process: fs/proc/root.c, proc_root_getattr() of the kernel.
	parallel_run(st.st_nlink * ITEMS_OF_A_PID, scan_some, &all);
	enum gospy_code code = all.code;
	if (code && err)
		*err = all.err;
	for (unsigned i = 0; i < PARALLEL_WORKERS; i++) {
		if (!code && !take_over(&all.listers[i], list))
			code = err_nomem(err);
		lister_deinit(&all.listers[i]);
	}
	pthread_mutex_destroy(&all.lock);
	return code;
}

/* Add the parent of a process, if it is not there and there is one. */
static enum gospy_code add_parent(struct gospy_process_list *list, struct map *known, pid_t pid,
				  struct gospy_error *err)
{
	struct proc_stat stat;
	struct gospy_process process;
	uint64_t *seen = map_put(known, (uint64_t)pid);
	if (!seen)
		return err_nomem(err);
	if (!pid || *seen)
		return GOSPY_OK;
	*seen = 1;
	struct gospy_error why;
	enum gospy_code code = procfs_stat(pid, 0, &stat, &why);
	if (code && no_descriptors(&why))
		return err_os(err, why.os_errno, "cannot read /proc/%d/stat", (int)pid);
	// The parent may have ended: then the tree ends here.
	if (code || stat.kthread)
		return GOSPY_OK;
	return process_of_stat(&stat, &list->arenas[0], &process) &&
			       vec_push(&list->processes, process)
		       ? GOSPY_OK
		       : err_nomem(err);
}

/* Of the processes that are not Go's, the tree needs the ancestors of those that are. */
static enum gospy_code add_ancestors(struct gospy_process_list *list, struct gospy_error *err)
{
	CLEANUP(map_deinit) struct map known = {0};
	for (size_t i = 0; i < list->processes.len; i++) {
		uint64_t *seen = map_put(&known, (uint64_t)list->processes.at[i].pid);
		if (!seen)
			return err_nomem(err);
		*seen = 1;
	}
	enum gospy_code code = GOSPY_OK;
	// The parents that are added have parents themselves.
	for (size_t i = 0; !code && i < list->processes.len; i++)
		code = add_parent(list, &known, list->processes.at[i].ppid, err);
	return code;
}

static int compare_pids(const void *a, const void *b)
{
	pid_t x = ((const struct gospy_process *)a)->pid,
	      y = ((const struct gospy_process *)b)->pid;
	return (x > y) - (x < y);
}

enum gospy_code gospy_process_list_create_with(const struct gospy_process_options *options,
					       struct gospy_process_list **ret,
					       struct gospy_error *err)
{
	struct gospy_process_options how;
	if (!ret)
		return err_set(err, GOSPY_E_USAGE, "gospy_process_list_create: bad argument");
	if (SIZED_READ(&how, options, err))
		return GOSPY_E_USAGE;
	CLEANUP(cancel_end) struct cancel cancel;
	cancel_begin(&cancel, how.cancel_fd);
	struct gospy_process_list *list = calloc(1, sizeof(*list));
	if (!list)
		return err_nomem(err);
	enum gospy_code code = scan_proc(list, how.details, err);
	if (!code)
		code = add_ancestors(list, err);
	code = cancel_verdict(code, err);
	if (code) {
		gospy_process_list_destroy(list);
		return code;
	}
	if (list->processes.len)
		qsort(list->processes.at, list->processes.len, sizeof(*list->processes.at),
		      compare_pids);
	*ret = list;
	return GOSPY_OK;
}

enum gospy_code gospy_process_list_create(struct gospy_process_list **ret, struct gospy_error *err)
{
	return gospy_process_list_create_with(NULL, ret, err);
}

void gospy_process_list_destroy(struct gospy_process_list *list)
{
	if (!list)
		return;
	vec_free(&list->processes);
	map_deinit(&list->details);
	for (unsigned i = 0; i < PARALLEL_WORKERS; i++)
		arena_deinit(&list->arenas[i]);
	free(list);
}

const struct gospy_process *gospy_process_list_get(const struct gospy_process_list *list,
						   size_t *n_ret)
{
	*n_ret = list->processes.len;
	return list->processes.at;
}

size_t gospy_process_list_unreadable(const struct gospy_process_list *list)
{
	return list->unreadable;
}

const struct gospy_process_details *
gospy_process_list_details(const struct gospy_process_list *list, size_t index)
{
	if (index >= list->processes.len)
		return NULL;
	const uint64_t *entry = map_get(&list->details, (uint64_t)list->processes.at[index].pid);
	return entry ? (const struct gospy_process_details *)(uintptr_t)*entry : NULL;
}
