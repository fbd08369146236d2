#include "live/permits.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/user.h"
#include "live/diagnose.h"
#include "live/procfs.h"

#ifndef CAP_PERFMON
#define CAP_PERFMON 38 /* Linux 5.8+ */
#endif

static bool has(const struct permit_facts *facts, int capability)
{
	return facts->cap_effective & UINT64_C(1) << capability;
}

/* ---- what follows */

/* Where findings go; texts are the arena's. */
struct report {
	finding_vec *ret;
	struct arena *arena;
	bool out_of_memory;
};

static void add(struct report *r, const char *topic, const char *name, enum gospy_verdict verdict,
		const char *text, const char *remedy)
{
	struct gospy_finding finding = {
		.topic = topic, .name = name, .verdict = verdict, .text = text, .remedy = remedy};
	if (!text || !vec_push(r->ret, finding))
		r->out_of_memory = true;
}

static const char *name_of(struct report *r, int os_errno)
{
	char text[128];
	// The GNU strerror_r may return a string of its own instead of filling `text`.
	const char *name = arena_strdup(r->arena, strerror_r(os_errno, text, sizeof(text)));
	if (!name)
		r->out_of_memory = true;
	return name ? name : "";
}

static const char *outside(const struct permit_facts *facts, const char *capability,
			   struct report *r)
{
	if (!facts->root)
		return "sudo gospy ...";
	return arena_printf(r->arena, "docker run --cap-add=%s, or gospy outside of this container",
			    capability);
}

/* Whose memory may be read, ptrace(2), "Ptrace access mode checking"; ptrace(2) itself asks for the
 * same right, but with Yama. */
static void explain_memory(struct report *r, const struct permit_facts *facts)
{
	static const char name[] = "memory";
	if (facts->yama_scope >= 3)
		add(r, "access", name, GOSPY_VERDICT_PROBLEM,
		    "of no process: kernel.yama.ptrace_scope is 3, which forbids it to everybody",
		    "set it to 1 in /etc/sysctl.d and reboot");
	else if (has(facts, CAP_SYS_PTRACE) && !facts->outer_users)
		add(r, "access", name, GOSPY_VERDICT_NOTE,
		    "of all processes of this user namespace (CAP_SYS_PTRACE holds in it alone)",
		    "for others: gospy as root outside of this container");
	else if (has(facts, CAP_SYS_PTRACE))
		add(r, "access", name, GOSPY_VERDICT_OK, "of all processes that are seen", NULL);
	else if (facts->yama_scope == 2)
		add(r, "access", name, GOSPY_VERDICT_PROBLEM,
		    "of no process: kernel.yama.ptrace_scope is 2, which asks for CAP_SYS_PTRACE",
		    outside(facts, "SYS_PTRACE", r));
	else if (facts->yama_scope == 1)
		add(r, "access", name, GOSPY_VERDICT_PROBLEM,
		    "of gospy's own children only: kernel.yama.ptrace_scope is 1, and there is no "
		    "CAP_SYS_PTRACE",
		    outside(facts, "SYS_PTRACE", r));
	else
		add(r, "access", name, GOSPY_VERDICT_NOTE,
		    arena_printf(r->arena, "of processes of user %s only: no CAP_SYS_PTRACE",
				 facts->user),
		    outside(facts, "SYS_PTRACE", r));
	if (facts->read_errno)
		add(r, "access", "reading", GOSPY_VERDICT_NOTE,
		    arena_printf(r->arena,
				 "process_vm_readv is refused (%s); /proc/PID/mem takes "
				 "its place, which is slower",
				 name_of(r, facts->read_errno)),
		    NULL);
	if (has(facts, CAP_SYS_PTRACE) && !has(facts, CAP_DAC_READ_SEARCH) &&
	    !has(facts, CAP_DAC_OVERRIDE))
		add(r, "access", "files", GOSPY_VERDICT_NOTE,
		    "of this user's processes in /proc only: no CAP_DAC_READ_SEARCH",
		    facts->root ? "docker run --cap-add=DAC_READ_SEARCH"
				: "sudo gospy ..., or give it both capabilities");
}

static void explain_stop(struct report *r, const struct permit_facts *facts)
{
	if (facts->ptrace_filtered)
		add(r, "access", "stop", GOSPY_VERDICT_PROBLEM,
		    "not possible: a seccomp filter keeps gospy from using ptrace",
		    "--non-blocking needs no stop; or gospy outside of this container");
	else
		add(r, "access", "stop", GOSPY_VERDICT_OK,
		    "possible for what may be read, unless a debugger has it", NULL);
	if (facts->has_sched_info)
		add(r, "access", "quiet look", GOSPY_VERDICT_OK,
		    "the kernel counts when threads run: those that sleep are not stopped", NULL);
	else
		add(r, "access", "quiet look", GOSPY_VERDICT_NOTE,
		    "this kernel does not tell which threads run (no CONFIG_SCHED_INFO): all are "
		    "stopped",
		    NULL);
	if (!facts->has_syscall)
		add(r, "access", "system call", GOSPY_VERDICT_NOTE,
		    "/proc/PID/task/TID/syscall is not there: stacks of threads that hang in the "
		    "kernel are not seen",
		    NULL);
	if (facts->may_lead)
		add(r, "access", "priority", GOSPY_VERDICT_OK,
		    "real-time while something is held, so that stops stay short on a busy machine",
		    NULL);
	else
		add(r, "access", "priority", GOSPY_VERDICT_NOTE,
		    "as any other process: on a busy machine stops take longer",
		    outside(facts, "SYS_NICE", r));
}

/* What gospy record takes. */
static void explain_record(struct report *r, const struct permit_facts *facts, int paranoid)
{
	static const char name[] = "perf events";
	const int refused = facts->perf_errno;
	if (refused == ENOSYS || refused == ENOENT || refused == EOPNOTSUPP)
		add(r, "record", name, GOSPY_VERDICT_PROBLEM,
		    "this kernel has none (CONFIG_PERF_EVENTS): no gospy record", NULL);
	else if (refused && has(facts, CAP_PERFMON))
		add(r, "record", name, GOSPY_VERDICT_PROBLEM,
		    arena_printf(r->arena,
				 "refused (%s), though gospy has CAP_PERFMON: a seccomp "
				 "filter or a security module",
				 name_of(r, refused)),
		    "gospy outside of this container");
	else if (refused)
		add(r, "record", name, GOSPY_VERDICT_PROBLEM,
		    arena_printf(r->arena,
				 "refused (%s): no gospy record; "
				 "kernel.perf_event_paranoid is %d",
				 name_of(r, refused), paranoid),
		    outside(facts, "PERFMON", r));
	else if (facts->perf_kernel_errno)
		add(r, "record", name, GOSPY_VERDICT_NOTE,
		    arena_printf(r->arena,
				 "of programs, not of what the kernel does for them: "
				 "kernel.perf_event_paranoid is %d",
				 paranoid),
		    outside(facts, "PERFMON", r));
	else
		add(r, "record", name, GOSPY_VERDICT_OK,
		    facts->perf_system_errno ? "of threads, with the kernel's part"
					     : "of threads and whole processors, with the kernel's "
					       "part",
		    NULL);
}

static void explain_machine(struct report *r, const struct permit_facts *facts)
{
	unsigned major = 0, minor = 0;
	bool old = sscanf(facts->release, "%u.%u", &major, &minor) == 2 &&
		   (major < 4 || (major == 4 && minor < 5));
	add(r, "machine", "kernel", old ? GOSPY_VERDICT_NOTE : GOSPY_VERDICT_OK,
	    arena_printf(r->arena, "Linux %s%s", facts->release,
			 old ? ", older than 4.5, the first that gospy is made for" : ""),
	    NULL);
	add(r, "machine", "user", GOSPY_VERDICT_OK,
	    arena_printf(r->arena, "%s%s", facts->user,
			 facts->outer_users ? "" : ", in a user namespace of its own"),
	    NULL);
	if (facts->outer_pids)
		add(r, "machine", "processes", GOSPY_VERDICT_OK, "all of this machine", NULL);
	else
		add(r, "machine", "processes", GOSPY_VERDICT_NOTE,
		    "those of this container only (a PID namespace)",
		    "for others: gospy outside of it, docker run --pid=container:NAME, or kubectl "
		    "debug --target=NAME");
	if (facts->hides_pids)
		add(r, "machine", "/proc", GOSPY_VERDICT_NOTE,
		    "shows this user's processes only (it is mounted with hidepid)",
		    "sudo gospy ...");
}

static void explain_rest(struct report *r, const struct permit_facts *facts)
{
	if (facts->sockets_errno)
		add(r, "machine", "sockets", GOSPY_VERDICT_NOTE,
		    arena_printf(r->arena,
				 "not by sock_diag (%s): who is at the other end is found in "
				 "/proc/net, if at all",
				 name_of(r, facts->sockets_errno)),
		    NULL);
	else if (has(facts, CAP_SYS_ADMIN))
		add(r, "machine", "sockets", GOSPY_VERDICT_OK,
		    "of all network namespaces: addresses, queues, who is at the other end", NULL);
	else
		add(r, "machine", "sockets", GOSPY_VERDICT_OK,
		    "of this network namespace; those of others take CAP_SYS_ADMIN", NULL);
	if (!facts->core_pattern || !*facts->core_pattern)
		add(r, "machine", "core files", GOSPY_VERDICT_NOTE,
		    "the kernel writes none, or does not say where",
		    "sysctl kernel.core_pattern; `gospy capture` takes a bundle without one");
	else
		add(r, "machine", "core files", GOSPY_VERDICT_OK,
		    arena_printf(r->arena, "go to \"%s\"%s", facts->core_pattern,
				 facts->core_limit || *facts->core_pattern == '|'
					 ? ""
					 : ", but not from this shell: ulimit -c is 0"),
		    NULL);
	add(r, "machine", "debuginfod", GOSPY_VERDICT_OK,
	    facts->debuginfod ? "is asked for the programs of core files: DEBUGINFOD_URLS"
			      : "is not asked: DEBUGINFOD_URLS is not set",
	    NULL);
}

enum gospy_code permits_explain(const struct permit_facts *facts, finding_vec *ret,
				struct arena *arena, struct gospy_error *err)
{
	struct report report = {.ret = ret, .arena = arena};
	explain_memory(&report, facts);
	explain_stop(&report, facts);
	explain_record(&report, facts, facts->perf_paranoid);
	explain_machine(&report, facts);
	explain_rest(&report, facts);
	return report.out_of_memory ? err_nomem(err) : GOSPY_OK;
}

/* ---- the facts */

/* What the first namespaces of a machine are called: include/linux/proc_ns.h. */
static const ino_t first_users = 0xEFFFFFFD, first_pids = 0xEFFFFFFC;

static bool is_namespace(const char *path, ino_t id)
{
	struct stat file;
	return stat(path, &file) == 0 && file.st_ino == id;
}

/* Its first line, the arena's; NULL: there is none, or no memory. */
static const char *first_line(const char *path, struct arena *arena)
{
	char line[512];
	FILE *file CLEANUP_FCLOSE = fopen(path, "re");
	if (!file || !fgets(line, sizeof(line), file))
		return NULL;
	line[strcspn(line, "\n")] = '\0';
	return arena_strdup(arena, line);
}

/* hidepid=1 leaves the directories of others, and hides what is in them; 2 and 4 hide both. */
static bool pids_are_hidden(void)
{
	struct stat file;
	return access("/proc/1/stat", R_OK) != 0 || stat("/proc/1", &file) != 0;
}

static int try_read(void)
{
	char from = 'x', to = 0;
	const struct iovec local = {&to, 1}, remote = {&from, 1};
	return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == 1 ? 0 : errno;
}

/* "CPU-ns WAITED-ns TIMES": all zero where the kernel does not count. */
static bool counts_runs(struct arena *arena)
{
	const char *line = first_line("/proc/self/schedstat", arena);
	return line && strcmp(line, "0 0 0") != 0;
}

static bool may_be_real_time(const struct permit_facts *facts)
{
	struct rlimit limit;
	return has(facts, CAP_SYS_NICE) || (!getrlimit(RLIMIT_RTPRIO, &limit) && limit.rlim_cur);
}

static int try_sockets(void)
{
	CLEANUP_CLOSE int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	return fd < 0 ? errno : 0;
}

static int try_perf(pid_t tid, int cpu, bool kernel)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.disabled = 1,
		.exclude_kernel = !kernel,
		.exclude_hv = 1,
	};
	CLEANUP_CLOSE int fd =
		(int)syscall(SYS_perf_event_open, &attr, tid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? errno : 0;
}

static void gather_perf(struct permit_facts *facts, struct arena *arena)
{
	const char *paranoid = first_line("/proc/sys/kernel/perf_event_paranoid", arena);
	facts->perf_paranoid = paranoid ? (int)strtol(paranoid, NULL, 10) : 0;
	facts->perf_errno = try_perf(0, -1, false);
	facts->perf_kernel_errno = try_perf(0, -1, true);
	facts->perf_system_errno = try_perf(-1, 0, true);
}

static bool names_a_server(const char *urls)
{
	return urls && urls[strspn(urls, " ")];
}

enum gospy_code permits_gather(struct permit_facts *ret, struct arena *arena,
			       struct gospy_error *err)
{
	struct utsname machine;
	struct proc_status own;
	struct rlimit core = {0};
	char user[USER_NAME_MAX];
	if (uname(&machine))
		return err_os(err, errno, "cannot tell the kernel's version");
	enum gospy_code code = procfs_status(getpid(), 0, &own, err);
	if (code)
		return code;
	user_name(own.euid, user);
	getrlimit(RLIMIT_CORE, &core);
	*ret = (struct permit_facts){
		.release = arena_strdup(arena, machine.release),
		.user = arena_strdup(arena, user),
		.root = own.euid == 0,
		.cap_effective = own.cap_effective,
		.outer_pids = is_namespace("/proc/self/ns/pid", first_pids),
		.outer_users = is_namespace("/proc/self/ns/user", first_users),
		.hides_pids = pids_are_hidden(),
		.yama_scope = diagnose_yama_scope(),
		.ptrace_filtered = diagnose_ptrace_filtered(),
		.read_errno = try_read(),
		.has_sched_info = counts_runs(arena),
		.has_syscall = access("/proc/self/syscall", R_OK) == 0,
		.sockets_errno = try_sockets(),
		.core_pattern = first_line("/proc/sys/kernel/core_pattern", arena),
		.core_limit = core.rlim_cur,
		.debuginfod = names_a_server(secure_getenv("DEBUGINFOD_URLS")),
	};
	ret->may_lead = may_be_real_time(ret);
	gather_perf(ret, arena);
	return ret->release && ret->user ? GOSPY_OK : err_nomem(err);
}
