#include "live/perf_refused.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "live/procfs.h"

#ifndef CAP_PERFMON
#define CAP_PERFMON 38 /* Linux 5.8+ */
#endif

enum {
	/* What kernel.perf_event_paranoid forbids whom has no CAP_PERFMON, from this value on. */
	PARANOID_SYSTEM = 1, /* events of the whole system */
	PARANOID_ALL = 3,    /* all events; a patch that Debian and Ubuntu have */
	PARANOID_UNKNOWN = 4,
};

static bool is_capable(const struct perf_refused_facts *facts)
{
	const uint64_t enough = UINT64_C(1) << CAP_PERFMON | UINT64_C(1) << CAP_SYS_ADMIN;
	return facts->cap_effective & enough;
}

static enum gospy_code refuse(const struct perf_refused_facts *facts, const char *cause,
			      const char *remedy, struct gospy_error *err)
{
	err_set(err, GOSPY_E_PERM, "cannot record pid %d: %s; try: %s", (int)facts->pid, cause,
		remedy);
	if (err)
		err->os_errno = facts->os_errno;
	return GOSPY_E_PERM;
}

enum gospy_code perf_refused_explain(const struct perf_refused_facts *facts,
				     struct gospy_error *err)
{
	char cause[160];
	int allowed = facts->system ? PARANOID_SYSTEM : PARANOID_ALL;
	if (facts->os_errno == ENOSYS || facts->os_errno == ENOENT ||
	    facts->os_errno == EOPNOTSUPP) {
		err_set(err, GOSPY_E_UNSUPPORTED,
			"cannot record pid %d: this kernel has no perf events", (int)facts->pid);
		if (err)
			err->os_errno = facts->os_errno;
		return GOSPY_E_UNSUPPORTED;
	}
	if (facts->os_errno != EACCES && facts->os_errno != EPERM)
		return err_os(err, facts->os_errno, "cannot open perf events of pid %d",
			      (int)facts->pid);
	if (is_capable(facts))
		return refuse(facts,
			      "a seccomp filter or a security module keeps gospy from perf events",
			      "gospy outside of this container", err);
	if (facts->paranoid < allowed)
		return refuse(facts,
			      facts->root ? "the kernel refused perf events, and root here lacks "
					    "CAP_PERFMON"
					  : "the kernel refused perf events; a seccomp filter may "
					    "be why",
			      facts->root ? "docker run --cap-add=PERFMON, or gospy outside of "
					    "this container"
					  : "sudo gospy ..., or gospy outside of this container",
			      err);
	snprintf(cause, sizeof(cause),
		 "kernel.perf_event_paranoid is %d, which asks for CAP_PERFMON%s", facts->paranoid,
		 facts->system ? " to see the whole system" : "");
	return refuse(facts, cause,
		      facts->root
			      ? "docker run --cap-add=PERFMON, or gospy outside of this "
				"container"
			      : "sudo gospy ..., setcap cap_perfmon,cap_sys_ptrace+ep on gospy, "
				"or a lower kernel.perf_event_paranoid",
		      err);
}

static int read_paranoid(void)
{
	FILE *file CLEANUP_FCLOSE = fopen("/proc/sys/kernel/perf_event_paranoid", "re");
	int value;
	bool read = file && fscanf(file, "%d", &value) == 1 && value < PARANOID_UNKNOWN;
	return read ? value : PARANOID_UNKNOWN;
}

enum gospy_code perf_refused(pid_t pid, int os_errno, bool system, struct gospy_error *err)
{
	struct proc_status own;
	struct perf_refused_facts facts = {
		.pid = pid,
		.os_errno = os_errno,
		.paranoid = read_paranoid(),
		.system = system,
		.root = geteuid() == 0,
	};
	if (!procfs_status(getpid(), 0, &own, NULL))
		facts.cap_effective = own.cap_effective;
	return perf_refused_explain(&facts, err);
}
