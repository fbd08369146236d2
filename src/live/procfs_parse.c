#include "live/procfs_parse.h"

#include <elf.h>
#include <string.h>

#include "base/cursor.h"
#include "live/scan.h"

/** include/linux/sched.h: the same since Linux 2.6.27; and since 5.12, in which io_uring's workers,
 * iou-wrk-TID and iou-sqp-PID, became threads of the process. */
#define PF_KTHREAD   0x00200000
#define PF_IO_WORKER 0x00000010

static void skip_words(struct scan *s, unsigned n)
{
	while (n--) {
		scan_word(s);
		scan_char(s, ' ');
	}
}

static uint64_t stat_number(struct scan *s)
{
	uint64_t value = scan_u64(s, 10);
	scan_char(s, ' ');
	return value;
}

enum gospy_code proc_stat_parse(struct span text, struct proc_stat *ret, struct gospy_error *err)
{
	struct scan s = scan_of(text);
	struct proc_stat stat = {.pid = scan_pid(&s)};
	scan_char(&s, ' ');
	scan_char(&s, '(');

	const uint8_t *close = s.failed ? NULL : memrchr(s.at, ')', (size_t)(s.end - s.at));
	if (!close || close - s.at >= COMM_MAX)
		return err_set(err, GOSPY_E_BAD_DATA, "stat file without a name in parentheses");
	memcpy(stat.comm, s.at, (size_t)(close - s.at));
	s.at = close + 1;

	// proc_pid_stat(5) numbers the fields; the state is (3), ppid (4).
	scan_char(&s, ' ');
	struct span state = scan_word(&s);
	scan_char(&s, ' ');
	stat.ppid = scan_pid(&s);
	scan_char(&s, ' ');
	skip_words(&s, 4); // (5) pgrp to (8) tpgid
	const uint64_t flags = stat_number(&s);
	stat.kthread = flags & PF_KTHREAD;
	stat.io_worker = !stat.kthread && flags & PF_IO_WORKER;
	skip_words(&s, 4); // (10) minflt to (13) cmajflt
	stat.utime_ticks = stat_number(&s);
	stat.stime_ticks = stat_number(&s);
	skip_words(&s, 4); // (16) cutime to (19) nice
	stat.num_threads = stat_number(&s);
	skip_words(&s, 1); // (21) itrealvalue
	stat.start_ticks = stat_number(&s);
	skip_words(&s, 1); // (23) vsize
	stat.rss_pages = stat_number(&s);
	if (s.failed || state.len != 1)
		return err_set(err, GOSPY_E_BAD_DATA, "malformed stat file");
	stat.state = (char)state.ptr[0];
	*ret = stat;
	return GOSPY_OK;
}

static void scan_ids(struct scan *s, uint32_t *real, uint32_t *effective)
{
	uint64_t r = scan_u64(s, 10);
	scan_blanks(s);
	uint64_t e = scan_u64(s, 10);
	if (r > UINT32_MAX || e > UINT32_MAX)
		s->failed = true;
	*real = (uint32_t)r;
	*effective = (uint32_t)e;
}

static void scan_nspid(struct scan *s, struct proc_status *status)
{
	while (!scan_at_end(s)) {
		if (status->nspid_len == PROC_NSPID_MAX) {
			s->failed = true;
			return;
		}
		status->nspid[status->nspid_len++] = scan_pid(s);
		scan_blanks(s);
	}
}

/** One "Key:\tvalue" line; false: its value is malformed. */
static bool status_line(struct span line, struct proc_status *status)
{
	const uint8_t *colon = line.len ? memchr(line.ptr, ':', line.len) : NULL;
	if (!colon)
		return true;
	struct span key = {line.ptr, (size_t)(colon - line.ptr)};
	struct scan value = scan_of(span_sub(line, key.len + 1, line.len - key.len - 1));
	scan_blanks(&value);

#define KEY_IS(name) (key.len == sizeof(name) - 1 && !memcmp(key.ptr, name, key.len))
	if (KEY_IS("Tgid")) {
		status->tgid = scan_pid(&value);
	} else if (KEY_IS("TracerPid")) {
		status->tracer_pid = scan_pid(&value);
	} else if (KEY_IS("Uid")) {
		scan_ids(&value, &status->uid, &status->euid);
	} else if (KEY_IS("Gid")) {
		scan_ids(&value, &status->gid, &status->egid);
	} else if (KEY_IS("NSpid")) {
		scan_nspid(&value, status);
	} else if (KEY_IS("CapPrm")) {
		status->cap_permitted = scan_u64(&value, 16);
	} else if (KEY_IS("CapEff")) {
		status->cap_effective = scan_u64(&value, 16);
	} else if (KEY_IS("RssAnon") || (KEY_IS("VmRSS") && status->anon_kb == UINT64_MAX)) {
		status->anon_kb = scan_u64(&value, 10);
	} else if (KEY_IS("VmHWM")) {
		status->peak_kb = scan_u64(&value, 10);
	} else if (KEY_IS("VmSwap")) {
		status->swap_kb = scan_u64(&value, 10);
	} else if (KEY_IS("Seccomp")) {
		uint64_t mode = scan_u64(&value, 10);
		status->seccomp = mode > INT_MAX ? INT_MAX : (int)mode;
	} else if (KEY_IS("voluntary_ctxt_switches") || KEY_IS("nonvoluntary_ctxt_switches")) {
		uint64_t before = status->switches == UINT64_MAX ? 0 : status->switches;
		status->switches = before + scan_u64(&value, 10);
	}
#undef KEY_IS
	return !value.failed;
}

enum gospy_code proc_status_parse(struct span text, struct proc_status *ret,
				  struct gospy_error *err)
{
	struct scan s = scan_of(text);
	struct proc_status status = {
		.tgid = -1,
		.anon_kb = UINT64_MAX,
		.swap_kb = UINT64_MAX,
		.peak_kb = UINT64_MAX,
		.switches = UINT64_MAX,
	};
	while (!scan_at_end(&s)) {
		// The kernel escapes newlines in the Name: line, so that lines can be trusted:
		// fs/proc/array.c, proc_task_name().
		if (!status_line(scan_line(&s), &status))
			return err_set(err, GOSPY_E_BAD_DATA, "malformed status file");
	}
	if (status.tgid < 0)
		return err_set(err, GOSPY_E_BAD_DATA, "status file without Tgid");
	// Reaped since the file was opened: its ids are gone (kernel/exit.c, __unhash_process()).
	if (status.tgid == 0)
		return err_set(err, GOSPY_E_GONE, "the thread has ended");
	*ret = status;
	return GOSPY_OK;
}

/** "start-end perms offset major:minor inode   path"; fs/proc/task_mmu.c, show_map_vma(). */
static bool maps_line(struct span line, struct mapping *map, struct span *path)
{
	struct scan s = scan_of(line);
	map->start = scan_u64(&s, 16);
	scan_char(&s, '-');
	map->end = scan_u64(&s, 16);
	scan_char(&s, ' ');
	struct span perms = scan_word(&s);
	scan_char(&s, ' ');
	map->offset = scan_u64(&s, 16);
	scan_char(&s, ' ');
	map->dev = scan_u64(&s, 16) << 32;
	scan_char(&s, ':');
	map->dev |= scan_u64(&s, 16);
	scan_char(&s, ' ');
	map->inode = scan_u64(&s, 10);
	if (s.failed || perms.len != 4 || map->start >= map->end)
		return false;
	map->read = perms.ptr[0] == 'r';
	map->write = perms.ptr[1] == 'w';
	map->exec = perms.ptr[2] == 'x';
	map->shared = perms.ptr[3] == 's';
	scan_blanks(&s);
	*path = scan_line(&s);
	return true;
}

static bool same_path(const char *path, struct span span)
{
	return strlen(path) == span.len && (!span.len || !memcmp(path, span.ptr, span.len));
}

static enum gospy_code maps_fill(struct span text, struct mappings *maps, struct gospy_error *err)
{
	struct scan s = scan_of(text);
	const char *last_path = "";
	uint64_t last_end = 0;
	while (!scan_at_end(&s)) {
		struct mapping map = {0};
		struct span path = {NULL, 0};
		if (!maps_line(scan_line(&s), &map, &path))
			return err_set(err, GOSPY_E_BAD_DATA, "malformed maps file");
		if (map.end <= last_end)
			continue;
		if (map.start < last_end) {
			if (map.inode)
				map.offset += last_end - map.start;
			map.start = last_end;
		}
		last_end = map.end;
		if (!same_path(last_path, path))
			last_path = arena_strndup(&maps->arena, path.ptr, path.len);
		map.path = last_path;
		if (!last_path || !vec_push(&maps->maps, map))
			return err_nomem(err);
	}
	return GOSPY_OK;
}

enum gospy_code proc_maps_parse(struct span text, struct mappings *ret, struct gospy_error *err)
{
	struct mappings maps = {0};
	enum gospy_code code = maps_fill(text, &maps, err);
	if (code)
		mappings_deinit(&maps);
	else
		*ret = maps;
	return code;
}

enum gospy_code proc_auxv_parse(struct span bytes, struct auxv *ret, struct gospy_error *err)
{
	struct cursor c = cursor_at(bytes, 0);
	struct auxv auxv = {0};
	if (!bytes.len)
		return err_set(err, GOSPY_E_GONE, "the thread has no memory any more");
	for (;;) {
		uint64_t type = cursor_u64(&c);
		uint64_t value = cursor_u64(&c);
		if (c.failed)
			return err_set(err, GOSPY_E_BAD_DATA,
				       "auxiliary vector without an end (a 32-bit process?)");
		switch (type) {
		case AT_NULL:
			*ret = auxv;
			return GOSPY_OK;
		case AT_ENTRY:
			auxv.entry = value;
			break;
		case AT_PHDR:
			auxv.phdr = value;
			break;
		case AT_PHENT:
			auxv.phent = value;
			break;
		case AT_PHNUM:
			auxv.phnum = value;
			break;
		case AT_BASE:
			auxv.base = value;
			break;
		case AT_SYSINFO_EHDR:
			auxv.sysinfo_ehdr = value;
			break;
		}
	}
}
