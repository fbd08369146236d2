#include "live/diagnose.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/user.h"

struct explanation {
	char cause[160];
	const char *remedy;
};

/** Does a cause apply that no capability of gospy's overcomes? Then `why` has it. */
static bool explain_absolute(const struct eperm_facts *facts, struct explanation *why)
{
	if (facts->access == PROCESS_STOP && facts->self) {
		snprintf(why->cause, sizeof(why->cause), "a process cannot stop itself");
		why->remedy = "--non-blocking";
	} else if (facts->access == PROCESS_STOP && facts->tracer_pid) {
		snprintf(why->cause, sizeof(why->cause), "%s (pid %d) is tracing it",
			 facts->tracer_comm, facts->tracer_pid);
		why->remedy = "--non-blocking";
	} else if (facts->access == PROCESS_STOP && facts->ptrace_filtered) {
		snprintf(why->cause, sizeof(why->cause),
			 "a seccomp filter keeps gospy from using ptrace");
		why->remedy = "--non-blocking, or gospy outside of this container";
	} else if (facts->yama_scope >= 3) {
		snprintf(why->cause, sizeof(why->cause),
			 "kernel.yama.ptrace_scope is %d, which forbids it to everybody",
			 facts->yama_scope);
		why->remedy = "set it to 1 in /etc/sysctl.d and reboot";
	} else {
		return false;
	}
	return true;
}

/** Reading takes files that only their owner may open, fs/proc/base.c: auxv, mem. CAP_SYS_PTRACE is
 * no right to files. */
static bool lacks_files(const struct eperm_facts *facts)
{
	const uint64_t enough = UINT64_C(1) << CAP_DAC_READ_SEARCH | UINT64_C(1)
									     << CAP_DAC_OVERRIDE;
	return facts->access == PROCESS_READ_MEMORY && facts->files_uid != facts->euid &&
	       !(facts->cap_effective & enough);
}

/** gospy has CAP_SYS_PTRACE, and it did not help. */
static void explain_capable(const struct eperm_facts *facts, struct explanation *why)
{
	if (facts->user_ns == USER_NS_OTHER) {
		snprintf(why->cause, sizeof(why->cause),
			 "it lives in a user namespace where gospy has no CAP_SYS_PTRACE");
		why->remedy = "gospy as root outside of this container";
	} else if (lacks_files(facts)) {
		snprintf(why->cause, sizeof(why->cause),
			 "its files in /proc belong to user %s; to open them gospy needs "
			 "CAP_DAC_READ_SEARCH besides CAP_SYS_PTRACE",
			 facts->files_user);
		why->remedy = facts->euid == 0 ? "docker run --cap-add=DAC_READ_SEARCH"
					       : "sudo gospy ..., or give it both capabilities";
	} else {
		snprintf(why->cause, sizeof(why->cause),
			 "a security module such as SELinux or AppArmor refused%s%s",
			 facts->user_ns == USER_NS_OWN ? ""
						       : ", or it lives in another user namespace",
			 facts->access == PROCESS_STOP
				 ? ", or a process that gospy cannot see is tracing it"
				 : "");
		why->remedy = "look for the denial in the kernel log (dmesg)";
	}
}

/** What is in the way of one who has no CAP_SYS_PTRACE, in the order of the kernel's checks. */
static void explain_incapable(const struct eperm_facts *facts, struct explanation *why)
{
	if (facts->target_uid != facts->uid || facts->target_euid != facts->uid)
		snprintf(why->cause, sizeof(why->cause), "it belongs to user %s",
			 facts->target_user);
	else if (facts->target_gid != facts->gid || facts->target_egid != facts->gid)
		snprintf(why->cause, sizeof(why->cause), "it runs as another group (%u)",
			 facts->target_egid);
	else if (!facts->dumpable)
		snprintf(why->cause, sizeof(why->cause),
			 "it is not dumpable (a set-user-ID program, one with file capabilities, "
			 "or it chose so by prctl)");
	else if (facts->target_cap_permitted & ~facts->cap_permitted)
		snprintf(why->cause, sizeof(why->cause), "it has capabilities that gospy lacks");
	else if (facts->yama_scope == 2)
		snprintf(why->cause, sizeof(why->cause),
			 "kernel.yama.ptrace_scope is 2, which asks for CAP_SYS_PTRACE");
	else if (facts->yama_scope == 1)
		snprintf(why->cause, sizeof(why->cause),
			 "kernel.yama.ptrace_scope is 1, which allows it to the parent only");
	else
		snprintf(why->cause, sizeof(why->cause), "the kernel refused");
	if (facts->euid == 0) {
		size_t len = strlen(why->cause);
		snprintf(why->cause + len, sizeof(why->cause) - len,
			 ", and root here lacks CAP_SYS_PTRACE");
		why->remedy = "docker run --cap-add=SYS_PTRACE, or gospy outside of this container";
	} else {
		why->remedy = "sudo gospy ...";
	}
}

enum gospy_code diagnose_explain(const struct eperm_facts *facts, struct gospy_error *err)
{
	struct explanation why;
	if (explain_absolute(facts, &why))
		;
	else if (facts->cap_effective & (UINT64_C(1) << CAP_SYS_PTRACE))
		explain_capable(facts, &why);
	else
		explain_incapable(facts, &why);
	const char *verb = facts->access == PROCESS_STOP ? "stop" : "read the memory of";
	err_set(err, GOSPY_E_PERM, "cannot %s pid %d (%s): %s; try: %s", verb, facts->pid,
		facts->comm, why.cause, why.remedy);
	if (err)
		err->os_errno = EPERM;
	return GOSPY_E_PERM;
}

/** Processes choose their names, so nothing that a terminal would act on is copied. */
static void printable_comm(pid_t pid, char comm[COMM_MAX])
{
	struct proc_stat stat;
	if (procfs_stat(pid, 0, &stat, NULL)) {
		snprintf(comm, COMM_MAX, "?");
		return;
	}
	size_t i;
	for (i = 0; stat.comm[i]; i++)
		comm[i] = stat.comm[i] >= ' ' && stat.comm[i] <= '~' ? stat.comm[i] : '?';
	comm[i] = '\0';
}

int diagnose_yama_scope(void)
{
	FILE *file CLEANUP_FCLOSE = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
	int scope;
	return file && fscanf(file, "%d", &scope) == 1 ? scope : -1;
}

enum { USER_MAP_MAX = 4096 };

/** Read as much of a file as fits. */
static bool read_text(const char *path, char text[USER_MAP_MAX])
{
	FILE *file CLEANUP_FCLOSE = fopen(path, "re");
	size_t len = file ? fread(text, 1, USER_MAP_MAX - 1, file) : 0;
	text[len] = '\0';
	return len && !ferror(file);
}

/** The kernel names the namespace of a process only to those who may look into that; how its users
 * map is readable for everybody. */
static enum user_ns user_ns_of(pid_t pid)
{
	char path[32], own_map[USER_MAP_MAX], map[USER_MAP_MAX];
	snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	struct stat own, target;
	if (!stat("/proc/self/ns/user", &own) && !stat(path, &target))
		return own.st_dev == target.st_dev && own.st_ino == target.st_ino ? USER_NS_OWN
										  : USER_NS_OTHER;
	snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	if (!read_text("/proc/self/uid_map", own_map) || !read_text(path, map))
		return USER_NS_UNKNOWN;
	return strcmp(own_map, map) == 0 ? USER_NS_UNKNOWN : USER_NS_OTHER;
}

/** The owner of the files in /proc/PID: root if the process is not dumpable, proc_pid(5), else
 * `euid`. The directory itself does not tell. */
static uid_t files_owner(pid_t pid, uid_t euid)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	struct stat file;
	return stat(path, &file) ? euid : file.st_uid;
}

/** ptrace(2) on a process that is not traced is ESRCH; a filter answers something else. */
bool diagnose_ptrace_filtered(void)
{
	return ptrace(PTRACE_DETACH, getpid(), NULL, NULL) == -1 && errno != ESRCH;
}

enum gospy_code diagnose_missing(pid_t pid, struct gospy_error *err)
{
	if (pid > 0 && (kill(pid, 0) == 0 || errno == EPERM))
		return err_set(err, GOSPY_E_PERM,
			       "pid %d is hidden from this user (/proc is mounted with hidepid); "
			       "try: sudo gospy ...",
			       pid);
	return err_set(err, GOSPY_E_GONE, "no process with pid %d", pid);
}

enum gospy_code diagnose_traced(pid_t pid, pid_t tracer_pid, struct gospy_error *err)
{
	char comm[COMM_MAX], tracer_comm[COMM_MAX];
	printable_comm(pid, comm);
	printable_comm(tracer_pid, tracer_comm);
	const struct eperm_facts facts = {
		.access = PROCESS_STOP,
		.pid = pid,
		.comm = comm,
		.self = pid == getpid(),
		.tracer_pid = tracer_pid,
		.tracer_comm = tracer_comm,
	};
	return diagnose_explain(&facts, err);
}

enum gospy_code diagnose_eperm(pid_t pid, enum process_access access, struct gospy_error *err)
{
	struct proc_status own, target;
	enum gospy_code code = procfs_status(getpid(), 0, &own, err);
	if (!code)
		code = procfs_status(pid, 0, &target, err);
	if (code == GOSPY_E_GONE)
		return diagnose_missing(pid, err);
	if (code)
		return err_set(err, GOSPY_E_PERM, "cannot look into pid %d: permission denied",
			       pid);

	char comm[COMM_MAX], tracer_comm[COMM_MAX] = "?";
	char user[USER_NAME_MAX], files_user[USER_NAME_MAX];
	const uid_t files_uid = files_owner(pid, target.euid);
	printable_comm(target.tgid, comm);
	if (target.tracer_pid)
		printable_comm(target.tracer_pid, tracer_comm);
	user_name(target.euid != own.uid ? target.euid : target.uid, user);
	user_name(files_uid, files_user);
	const struct eperm_facts facts = {
		.access = access,
		.pid = target.tgid,
		.comm = comm,
		.self = target.tgid == getpid(),
		.tracer_pid = target.tracer_pid,
		.tracer_comm = tracer_comm,
		.ptrace_filtered = diagnose_ptrace_filtered(),
		.yama_scope = diagnose_yama_scope(),
		.user_ns = user_ns_of(pid),
		.dumpable = files_uid == target.euid,
		.files_uid = files_uid,
		.files_user = files_user,
		.uid = own.uid,
		.gid = own.gid,
		.euid = own.euid,
		.cap_effective = own.cap_effective,
		.cap_permitted = own.cap_permitted,
		.target_uid = target.uid,
		.target_euid = target.euid,
		.target_gid = target.gid,
		.target_egid = target.egid,
		.target_user = user,
		.target_cap_permitted = target.cap_permitted,
	};
	return diagnose_explain(&facts, err);
}
