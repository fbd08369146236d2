#include "machine/facts.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/user.h"
#include "live/process.h"

const char *facts_user_name(struct arena *arena, uid_t uid)
{
	char name[USER_NAME_MAX];
	user_name(uid, name);
	return arena_strdup(arena, name);
}

/* `args` are NUL-terminated, the last one may be cut off. */
static const char *joined(struct arena *arena, const void *args, size_t len)
{
	char *text = arena_strndup(arena, args, len);
	while (text && len && text[len - 1] == '\0')
		len--;
	for (size_t i = 0; text && i < len; i++) {
		if (text[i] == '\0')
			text[i] = ' ';
	}
	return text;
}

const char *facts_command_line(struct arena *arena, pid_t tid)
{
	struct span args;
	if (procfs_cmdline(tid, arena, &args, NULL) || !args.len)
		return NULL;
	return joined(arena, args.ptr, args.len);
}

const char *facts_command_line_head(struct arena *arena, pid_t tid)
{
	char path[32], args[4096];
	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)tid);
	int fd CLEANUP_CLOSE = open(path, O_RDONLY | O_CLOEXEC);
	// The kernel fills the buffer as far as there is something.
	ssize_t n = fd < 0 ? -1 : read(fd, args, sizeof(args));
	return n > 0 ? joined(arena, args, (size_t)n) : NULL;
}

/* A leader that has ended has no memory any more, its other threads do. */
bool facts_resident_pages(const struct proc_stat *stat, uint64_t *ret)
{
	pid_t tid;
	struct proc_stat live;
	*ret = stat->rss_pages;
	if (stat->state != 'Z')
		return true;
	enum gospy_code code = process_live_tid(stat->pid, &tid, NULL);
	if (code == GOSPY_E_GONE) // no thread is left
		return true;
	if (code || procfs_stat(stat->pid, tid, &live, NULL))
		return false;
	*ret = live.rss_pages;
	return true;
}

uint64_t facts_rss(const struct proc_stat *stat)
{
	const long page = sysconf(_SC_PAGESIZE);
	uint64_t pages;
	if (page <= 0 || !facts_resident_pages(stat, &pages))
		return GOSPY_UNKNOWN;
	return pages * (uint64_t)page;
}
