#include "machine/limits.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "live/procfs.h"

enum {
	PATH = 1024,     /* longer ones are not looked at */
	GROUPS_MAX = 64, /* lines of /proc/PID/cgroup: the kernel has some twelve controllers */
	MILLI = 1000,
};

/* ---- descriptors */

uint64_t limits_parse(struct span text, const char *name)
{
	size_t len = strlen(name);
	const uint8_t *end = text.len ? text.ptr + text.len : NULL;
	for (const uint8_t *at = text.ptr; at && at < end;) {
		const uint8_t *newline = memchr(at, '\n', (size_t)(end - at));
		size_t line_len = (size_t)((newline ? newline : end) - at);
		char line[128], *rest;
		line_len = line_len < sizeof(line) ? line_len : sizeof(line) - 1;
		memcpy(line, at, line_len);
		line[line_len] = '\0';
		// fs/proc/base.c, proc_pid_limits(): a name, blanks, the soft limit, the hard one.
		if (strncmp(line, name, len) == 0 && line[len] == ' ') {
			uint64_t n = strtoull(line + len, &rest, 10);
			return rest == line + len ? GOSPY_UNKNOWN : n; // "unlimited"
		}
		at = newline ? newline + 1 : NULL;
	}
	return GOSPY_UNKNOWN;
}

/* Linux 6.2 and later tell their number as the size of the directory. */
static uint64_t count_descriptors(pid_t tid)
{
	char path[32];
	struct stat st;
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)tid);
	if (stat(path, &st) == 0 && st.st_size > 0)
		return (uint64_t)st.st_size;
	DIR *dir CLEANUP_CLOSEDIR = opendir(path);
	const struct dirent *entry;
	uint64_t n = 0;
	while (dir && (entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	return dir ? n : GOSPY_UNKNOWN;
}

void limits_of_descriptors(pid_t tid, struct gospy_process_limits *ret)
{
	char path[32];
	uint8_t *text CLEANUP_FREE = NULL;
	size_t len = 0;
	snprintf(path, sizeof(path), "/proc/%d/limits", (int)tid);
	ret->descriptors = count_descriptors(tid);
	ret->descriptors_max = GOSPY_UNKNOWN;
	if (!procfs_read_file(path, &text, &len, NULL))
		ret->descriptors_max = limits_parse((struct span){text, len}, "Max open files");
}

/* ---- files of a cgroup */

/* A cgroup of one controller. */
struct group {
	const char *root, *mount;
	char path[PATH]; /* "" is the mount itself */
};

static FILE *open_file(const struct group *group, const char *file)
{
	char path[2 * PATH];
	int len = snprintf(path, sizeof(path), "%s%s%s/%s", group->root, group->mount, group->path,
			   file);
	return len > 0 && (size_t)len < sizeof(path) ? fopen(path, "re") : NULL;
}

/* The number that is all of a file; "max", "-1" and what is not there are none. */
static uint64_t read_number(const struct group *group, const char *file)
{
	FILE *f CLEANUP_FCLOSE = open_file(group, file);
	char text[32] = "";
	if (!f || !fgets(text, sizeof(text), f) || text[0] < '0' || text[0] > '9')
		return GOSPY_UNKNOWN;
	return strtoull(text, NULL, 10);
}

/* What stands behind a name in a file of such pairs. */
static uint64_t read_pair(const struct group *group, const char *file, const char *name)
{
	FILE *f CLEANUP_FCLOSE = open_file(group, file);
	char line[256];
	uint64_t n = GOSPY_UNKNOWN;
	size_t len = strlen(name);
	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, name, len) == 0 && sscanf(line + len, " %" SCNu64, &n) == 1)
			break;
	}
	return n;
}

/* Is `used` of `most` a larger part than what is known already? */
static bool is_nearer(uint64_t used, uint64_t most, uint64_t best_used, uint64_t best_most)
{
	if (used == GOSPY_UNKNOWN || most == GOSPY_UNKNOWN || !most)
		return false;
	return best_most == GOSPY_UNKNOWN ||
	       (double)used / (double)most > (double)best_used / (double)best_most;
}

static void look_at_tasks(const struct group *group, struct gospy_process_limits *ret)
{
	uint64_t used = read_number(group, "pids.current"), most = read_number(group, "pids.max");
	if (!is_nearer(used, most, ret->tasks, ret->tasks_max))
		return;
	ret->tasks = used;
	ret->tasks_max = most;
}

/* Pages of files can be read again, so they are given up first. */
static uint64_t without_files(const struct group *group, uint64_t used, const char *inactive,
			      const char *active)
{
	const char *const names[] = {inactive, active};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		uint64_t n = read_pair(group, "memory.stat", names[i]);
		if (n != GOSPY_UNKNOWN)
			used -= n < used ? n : used;
	}
	return used;
}

static void look_at_memory(const struct group *group, bool second, struct gospy_process_limits *ret)
{
	uint64_t most = read_number(group, second ? "memory.max" : "memory.limit_in_bytes");
	uint64_t used = read_number(group, second ? "memory.current" : "memory.usage_in_bytes");
	if (most == GOSPY_UNKNOWN || used == GOSPY_UNKNOWN || most > INT64_MAX / 2)
		return; // version 1 has a very large number for none
	used = second ? without_files(group, used, "inactive_file", "active_file")
		      : without_files(group, used, "total_inactive_file", "total_active_file");
	if (!is_nearer(used, most, ret->memory, ret->memory_max))
		return;
	ret->memory = used;
	ret->memory_max = most;
	ret->memory_refused = second ? read_pair(group, "memory.events", "max")
				     : read_number(group, "memory.failcnt");
}

/* "100000 100000": a share of a period, in microseconds; "max 100000". */
static bool read_share(const struct group *group, bool second, uint64_t *share, uint64_t *period)
{
	if (!second) {
		*share = read_number(group, "cpu.cfs_quota_us");
		*period = read_number(group, "cpu.cfs_period_us");
		return *share != GOSPY_UNKNOWN && *period != GOSPY_UNKNOWN && *period;
	}
	FILE *f CLEANUP_FCLOSE = open_file(group, "cpu.max");
	return f && fscanf(f, "%" SCNu64 " %" SCNu64, share, period) == 2 && *period;
}

/* The one with the smallest share. */
static void look_at_processors(const struct group *group, bool second,
			       struct gospy_process_limits *ret)
{
	uint64_t share, period;
	if (!read_share(group, second, &share, &period) || share > UINT64_MAX / MILLI)
		return;
	uint64_t milli = share * MILLI / period;
	if (ret->cpu_milli != GOSPY_UNKNOWN && ret->cpu_milli <= milli)
		return;
	ret->cpu_milli = milli;
	ret->cpu_periods = read_pair(group, "cpu.stat", "nr_periods");
	ret->cpu_throttled = read_pair(group, "cpu.stat", "nr_throttled");
}

/* ---- cgroups of a process */

enum controller { MEMORY, PIDS, CPU, CONTROLLERS };
static const char *const controller_names[CONTROLLERS] = {"memory", "pids", "cpu"};

/* A line of /proc/PID/cgroup: number, controllers, path; version 2 has no controllers there
 * (cgroups(7)). */
struct line {
	bool second;
	bool has[CONTROLLERS];
	char path[PATH];
};

static bool has_word(const char *list, const char *word)
{
	size_t len = strlen(word);
	for (const char *at = list; (at = strstr(at, word)); at += len) {
		if ((at == list || at[-1] == ',') && (at[len] == ',' || !at[len]))
			return true;
	}
	return false;
}

static bool parse_line(char *text, struct line *ret)
{
	text[strcspn(text, "\n")] = '\0';
	char *list = strchr(text, ':'), *path = list ? strchr(list + 1, ':') : NULL;
	// "/..": it is in none that can be seen from here.
	if (!path || path[1] != '/' || strncmp(path + 1, "/..", 3) == 0)
		return false;
	*path++ = '\0';
	*ret = (struct line){.second = !list[1]};
	for (unsigned i = 0; i < CONTROLLERS; i++)
		ret->has[i] = ret->second || has_word(list + 1, controller_names[i]);
	snprintf(ret->path, sizeof(ret->path), "%s", path[1] ? path : "");
	return true;
}

static size_t read_lines(const char *root, const char *process, struct line lines[GROUPS_MAX])
{
	char path[PATH], text[PATH];
	size_t n = 0;
	snprintf(path, sizeof(path), "%s/proc/%s/cgroup", root, process);
	FILE *f CLEANUP_FCLOSE = fopen(path, "re");
	while (f && n < GROUPS_MAX && fgets(text, sizeof(text), f))
		n += parse_line(text, &lines[n]);
	return n;
}

/* What is at the mount itself: is it a cgroup of that process, too? In a container the mount is the
 * container's, whatever the path; then it is that of whoever is in the same one as gospy, or below.
 */
static bool has_mount(const struct line *line, const struct line *own, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(own[i].path);
		bool same = own[i].second == line->second;
		for (unsigned k = 0; k < CONTROLLERS; k++)
			same &= own[i].has[k] == line->has[k];
		if (same)
			return strncmp(own[i].path, line->path, len) == 0 &&
			       (!line->path[len] || line->path[len] == '/');
	}
	return false;
}

static void look_at(const struct group *group, enum controller controller, bool second,
		    struct gospy_process_limits *ret)
{
	switch (controller) {
	case MEMORY:
		look_at_memory(group, second, ret);
		break;
	case PIDS:
		look_at_tasks(group, ret);
		break;
	case CPU:
		look_at_processors(group, second, ret);
		break;
	case CONTROLLERS:
		break;
	}
}

/* The group, and all that it is in. */
static void look_up(const char *root, const struct line *line, enum controller controller,
		    bool with_mount, struct gospy_process_limits *ret)
{
	char mount[64];
	struct group group = {.root = root, .mount = mount};
	snprintf(mount, sizeof(mount), "/sys/fs/cgroup%s%s", line->second ? "" : "/",
		 line->second ? "" : controller_names[controller]);
	snprintf(group.path, sizeof(group.path), "%s", line->path);
	for (char *slash; (slash = strrchr(group.path, '/')); *slash = '\0')
		look_at(&group, controller, line->second, ret);
	if (with_mount)
		look_at(&group, controller, line->second, ret);
}

void limits_of_cgroups(const char *root, pid_t tid, struct gospy_process_limits *ret)
{
	char process[16];
	struct line *lines CLEANUP_FREE = calloc(GROUPS_MAX, sizeof(*lines));
	struct line *own CLEANUP_FREE = calloc(GROUPS_MAX, sizeof(*own));
	ret->tasks = ret->tasks_max = GOSPY_UNKNOWN;
	ret->memory = ret->memory_max = ret->memory_refused = GOSPY_UNKNOWN;
	ret->cpu_milli = ret->cpu_periods = ret->cpu_throttled = GOSPY_UNKNOWN;
	if (!lines || !own)
		return;
	snprintf(process, sizeof(process), "%d", (int)tid);
	size_t n = read_lines(root, process, lines), own_n = read_lines(root, "self", own);
	for (size_t i = 0; i < n; i++) {
		bool with_mount = has_mount(&lines[i], own, own_n);
		for (unsigned k = 0; k < CONTROLLERS; k++) {
			if (lines[i].has[k])
				look_up(root, &lines[i], (enum controller)k, with_mount, ret);
		}
	}
}
