#include "child.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "live/procfs.h"
#include "live/scan.h"

static struct span text(const char *s)
{
	return (struct span){(const uint8_t *)s, strlen(s)};
}

#define STAT_TAIL                                                                                  \
	" S 7 8 9 34816 -1 4194304 1 2 3 4 55 66 -1 -2 20 0 12 0 98765 1000000 321 "               \
	"18446744073709551615 1 1 0\n"

static void stat_parses(void **state)
{
	(void)state;
	static const char *const names[] = {
		"go", "a) b (c", "x\ny", "(((", ") R 1 ", "", "kworker/u16:2-events_freezable"};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char line[256];
		snprintf(line, sizeof(line), "4711 (%s)" STAT_TAIL, names[i]);
		struct proc_stat stat;
		assert_int_equal(proc_stat_parse(text(line), &stat, NULL), GOSPY_OK);
		assert_int_equal(stat.pid, 4711);
		assert_string_equal(stat.comm, names[i]);
		assert_int_equal(stat.state, 'S');
		assert_int_equal(stat.ppid, 7);
		assert_int_equal(stat.utime_ticks, 55);
		assert_int_equal(stat.stime_ticks, 66);
		assert_int_equal(stat.num_threads, 12);
		assert_int_equal(stat.start_ticks, 98765);
		assert_int_equal(stat.rss_pages, 321);
		assert_false(stat.kthread);
	}
}

static void stat_rejects(void **state)
{
	(void)state;
	const char *whole = "1 (a)" STAT_TAIL;
	// Up to the blank behind rss, which is followed by what nobody needs.
	size_t needed = (size_t)(strstr(whole, "321 ") - whole) + 4;
	struct proc_stat stat = {.pid = 42};
	for (size_t len = 0; len < needed; len++) {
		struct span cut = {(const uint8_t *)whole, len};
		assert_int_equal(proc_stat_parse(cut, &stat, NULL), GOSPY_E_BAD_DATA);
	}
	static const char *const bad[] = {
		"-1 (a)" STAT_TAIL,
		"99999999999 (a)" STAT_TAIL,
		"1 a" STAT_TAIL,
		"1 (a)S 7 8 9 1 1 1 1 2 3 4 55 66 1 2 20 0 12 0 98765 1000000 321 ",
		"1 (a) SS 7 8 9 1 1 1 1 2 3 4 55 66 1 2 20 0 12 0 98765 1000000 321 ",
		"1 (a) S 7 8 9 1 1 1 1 2 3 4 x 66 1 2 20 0 12 0 98765 1000000 321 ",
		"1 (a) S 7 8 9 1 1 1 1 2 3 4 5 66 1 2 20 0 12 0 99999999999999999999 1 321 ",
		"1 (0123456789012345678901234567890123456789012345678901234567890123)" STAT_TAIL,
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(proc_stat_parse(text(bad[i]), &stat, NULL), GOSPY_E_BAD_DATA);
	assert_int_equal(stat.pid, 42);
}

static void status_parses(void **state)
{
	(void)state;
	struct proc_status status;
	const char *good = "Name:\ta\\nTgid:\t1\nUmask:\t0022\nTgid:\t12\nNgid:\t0\nPid:\t13\n"
			   "TracerPid:\t77\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nGroups:\t \n"
			   "NSpid:\t12\t3\t1\nVmRSS:\t    9912 kB\nRssAnon:\t     564 kB\n"
			   "RssFile:\t    1 kB\nVmHWM:\t   600 kB\nVmSwap:\t      7 "
			   "kB\nCapPrm:\t000001ffffffffff\n"
			   "CapEff:\t0000000000080000\nSeccomp:\t2\nSeccomp_filters:\t1\n";
	assert_int_equal(proc_status_parse(text(good), &status, NULL), GOSPY_OK);
	assert_int_equal(status.tgid, 12);
	assert_int_equal(status.tracer_pid, 77);
	assert_int_equal(status.uid, 1);
	assert_int_equal(status.euid, 2);
	assert_int_equal(status.gid, 5);
	assert_int_equal(status.egid, 6);
	assert_int_equal(status.nspid_len, 3);
	assert_int_equal(status.nspid[2], 1);
	assert_int_equal(status.cap_permitted, 0x1ffffffffff);
	assert_int_equal(status.cap_effective, 0x80000);
	assert_int_equal(status.seccomp, 2);
	assert_int_equal(status.anon_kb, 564);
	assert_int_equal(status.peak_kb, 600);
	assert_int_equal(status.swap_kb, 7);
	// Before Linux 4.5; and of a thread that has ended.
	assert_int_equal(proc_status_parse(text("Tgid:\t1\nVmRSS:\t  8 kB\n"), &status, NULL),
			 GOSPY_OK);
	assert_int_equal(status.anon_kb, 8);
	assert_int_equal(proc_status_parse(text("Tgid:\t1\n"), &status, NULL), GOSPY_OK);
	assert_true(status.anon_kb == UINT64_MAX && status.swap_kb == UINT64_MAX);
}

static void status_rejects(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",
		"Name:\ta\n",
		"Tgid:\t\n",
		"Tgid:\t1\nUid:\t1\n",
		"Tgid:\t1\nUid:\t4294967296\t1\n",
		"Tgid:\t1\nCapPrm:\t10000000000000000\n",
		("Tgid:\t1\n"
		 "NSpid:\t1 2 3 4 5 6 7 8 9 1 2 3 4 5 6 7 8 9 1 2 3 4 5 6 7 8 9 1 2 3 4 5 6 7\n"),
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct proc_status status;
		assert_int_equal(proc_status_parse(text(bad[i]), &status, NULL), GOSPY_E_BAD_DATA);
	}
	struct proc_status status;
	const char *reaped = "Name:\ta\nState:\tX (dead)\nTgid:\t0\nPid:\t13\nNSpid:\t0\n";
	assert_int_equal(proc_status_parse(text(reaped), &status, NULL), GOSPY_E_GONE);
}

static void maps_parse(void **state)
{
	(void)state;
	struct mappings maps;
	const char *good =
		"00400000-00452000 r-xp 00001000 08:02 173521      /usr/bin/a b (deleted)\n"
		"00651000-00652000 rw-s 00051000 08:02 173521      /usr/bin/a b (deleted)\n"
		"7f0000000000-7f0000001000 ---p 00000000 00:00 0 \n"
		"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  "
		"[vsyscall]";
	assert_int_equal(proc_maps_parse(text(good), &maps, NULL), GOSPY_OK);
	assert_int_equal(maps.maps.len, 4);
	const struct mapping *map = mappings_find(&maps, 0x451fff);
	assert_ptr_equal(map, &maps.maps.at[0]);
	assert_true(map->read && map->exec && !map->write && !map->shared);
	assert_int_equal(map->offset, 0x1000);
	assert_int_equal(map->inode, 173521);
	assert_string_equal(map->path, "/usr/bin/a b (deleted)");
	assert_null(mappings_find(&maps, 0x452000));
	assert_null(mappings_find(&maps, 0));
	assert_null(mappings_find(&maps, UINT64_MAX));
	map = mappings_find(&maps, 0x651000);
	assert_true(map->write && map->shared);
	assert_string_equal(mappings_find(&maps, 0x7f0000000000)->path, "");
	assert_string_equal(mappings_find(&maps, 0xffffffffff600000)->path, "[vsyscall]");
	mappings_deinit(&maps);

	static const char *const bad[] = {
		"x\n",
		"00400000-00452000\n",
		"00400000-00452000 r-xpp 0 08:02 1 /a\n",
		"00400000-00400000 r-xp 0 08:02 1 /a\n",
		"10000000000000000-10000000000000001 r-xp 0 08:02 1 /a\n",
		"00400000-00452000 r-xp 0 08:02 1 /a\n\n",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(proc_maps_parse(text(bad[i]), &maps, NULL), GOSPY_E_BAD_DATA);
	assert_int_equal(proc_maps_parse(text(""), &maps, NULL), GOSPY_OK);
	assert_int_equal(maps.maps.len, 0);
}

/** Mappings that grew while the file was read. */
static void maps_overlap(void **state)
{
	(void)state;
	struct mappings maps;
	const char *file = "00400000-00452000 r-xp 00001000 08:02 7 /a\n"
			   "00400000-00454000 r-xp 00001000 08:02 7 /a\n"
			   "00452000-00453000 r-xp 00053000 08:02 7 /a\n"
			   "00600000-00601000 ---p 00000000 00:00 0 \n"
			   "00500000-00602000 rw-p 00000000 00:00 0 \n";
	assert_int_equal(proc_maps_parse(text(file), &maps, NULL), GOSPY_OK);
	assert_int_equal(maps.maps.len, 4);
	const struct mapping *map = mappings_find(&maps, 0x452000);
	assert_int_equal(map->start, 0x452000);
	assert_int_equal(map->end, 0x454000);
	assert_int_equal(map->offset, 0x53000);
	assert_int_equal(mappings_find(&maps, 0x451fff)->end, 0x452000);
	assert_null(mappings_find(&maps, 0x500000));
	assert_false(mappings_find(&maps, 0x600fff)->write);
	map = mappings_find(&maps, 0x601000);
	assert_true(map->write);
	assert_int_equal(map->offset, 0);
	assert_int_equal(map->start, 0x601000);
	mappings_deinit(&maps);
}

static void auxv_parses(void **state)
{
	(void)state;
	const uint64_t words[] = {AT_PHDR, 0x400040, AT_PHNUM, 7,       AT_ENTRY, 0x401000, 99,
				  1,       AT_BASE,  0,        AT_NULL, 0,        AT_ENTRY, 0x666};
	const uint8_t *bytes = (const uint8_t *)words;
	struct auxv auxv = {0};
	assert_int_equal(proc_auxv_parse((struct span){bytes, 0}, &auxv, NULL), GOSPY_E_GONE);
	for (size_t len = 1; len < 12 * sizeof(*words); len++)
		assert_int_equal(proc_auxv_parse((struct span){bytes, len}, &auxv, NULL),
				 GOSPY_E_BAD_DATA);
	assert_int_equal(proc_auxv_parse((struct span){bytes, sizeof(words)}, &auxv, NULL),
			 GOSPY_OK);
	assert_int_equal(auxv.phdr, 0x400040);
	assert_int_equal(auxv.phnum, 7);
	assert_int_equal(auxv.entry, 0x401000);
}

static void numbers_are_bounded(void **state)
{
	(void)state;
	struct scan s = scan_of(text("18446744073709551615"));
	assert_true(scan_u64(&s, 10) == UINT64_MAX && !s.failed);
	s = scan_of(text("18446744073709551616"));
	assert_true(scan_u64(&s, 10) == 0 && s.failed);
	s = scan_of(text("ffffffffffffffff g"));
	assert_true(scan_u64(&s, 16) == UINT64_MAX && !s.failed);
	s = scan_of((struct span){NULL, 0});
	assert_true(scan_u64(&s, 10) == 0 && s.failed);
	s = scan_of(text("2147483648"));
	assert_true(scan_pid(&s) == 0 && s.failed);
}

static void own_process(void **state)
{
	(void)state;
	struct proc_stat stat;
	assert_int_equal(prctl(PR_SET_NAME, "a) b\n(c"), 0);
	assert_int_equal(procfs_stat(getpid(), 0, &stat, NULL), GOSPY_OK);
	assert_string_equal(stat.comm, "a) b\n(c");
	assert_int_equal(stat.ppid, getppid());
	assert_int_equal(stat.state, 'R');
	assert_true(procfs_ticks_to_ns(stat.start_ticks) < clock_boot_ns());

	struct proc_status status;
	assert_int_equal(procfs_status(getpid(), 0, &status, NULL), GOSPY_OK);
	assert_int_equal(status.tgid, getpid());
	assert_int_equal(status.euid, geteuid());

	struct auxv auxv;
	assert_int_equal(procfs_auxv(getpid(), &auxv, NULL), GOSPY_OK);
	assert_int_equal(auxv.entry, getauxval(AT_ENTRY));
	assert_int_equal(auxv.phnum, getauxval(AT_PHNUM));

	struct mappings maps;
	assert_int_equal(procfs_maps(getpid(), &maps, NULL), GOSPY_OK);
	const struct mapping *map = mappings_find(&maps, auxv.entry);
	assert_non_null(map);
	assert_true(map->exec);

	struct arena arena = {0};
	const char *path;
	bool deleted = true;
	assert_int_equal(procfs_exe_path(getpid(), &arena, &path, &deleted, NULL), GOSPY_OK);
	assert_string_equal(path, map->path);
	assert_false(deleted);
	mappings_deinit(&maps);

	struct span cmdline;
	assert_int_equal(procfs_cmdline(getpid(), &arena, &cmdline, NULL), GOSPY_OK);
	assert_true(cmdline.len > 0 && cmdline.ptr[cmdline.len - 1] == '\0');
	char argv0[PATH_MAX];
	assert_true(procfs_argv0(getpid(), argv0));
	assert_string_equal(argv0, (const char *)cmdline.ptr);
	arena_deinit(&arena);
	assert_false(procfs_other_pid_namespace(getpid()));
	assert_int_equal(procfs_monotonic_offset_ns(getpid()), 0);
}

static void no_process(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	pid_t pid = child_start(run_sleeper, shared);
	child_end(pid);
	struct gospy_error err;
	struct proc_stat stat;
	struct proc_status status;
	struct mappings maps;
	struct auxv auxv;
	struct tasks tasks;
	struct arena arena = {0};
	struct span cmdline;
	const char *path;
	bool deleted;
	int fd;
	assert_int_equal(procfs_stat(pid, 0, &stat, &err), GOSPY_E_GONE);
	assert_int_equal(procfs_status(pid, 0, &status, &err), GOSPY_E_GONE);
	assert_int_equal(procfs_maps(pid, &maps, &err), GOSPY_E_GONE);
	assert_int_equal(procfs_auxv(pid, &auxv, &err), GOSPY_E_GONE);
	assert_int_equal(procfs_tasks(pid, true, &tasks, &err), GOSPY_E_GONE);
	assert_int_equal(procfs_cmdline(pid, &arena, &cmdline, &err), GOSPY_E_GONE);
	char argv0[PATH_MAX];
	assert_false(procfs_argv0(pid, argv0));
	assert_int_equal(procfs_exe_path(pid, &arena, &path, &deleted, &err), GOSPY_E_GONE);
	assert_int_equal(procfs_open_exe(pid, &fd, &err), GOSPY_E_GONE);
	assert_false(procfs_other_pid_namespace(pid));
	uint8_t *bytes;
	size_t len;
	assert_int_equal(procfs_read_file("/proc/no such file", &bytes, &len, &err),
			 GOSPY_E_NOT_FOUND);
	shared_destroy(shared);
}

static void run_threads(struct shared *shared)
{
	for (int i = 0; i < 9; i++)
		thread_start(sleeping_thread, NULL);
	atomic_store(&shared->ready, 1);
	sleep_forever();
}

static size_t sleeping_tasks(pid_t pid)
{
	struct tasks tasks;
	assert_int_equal(procfs_tasks(pid, true, &tasks, NULL), GOSPY_OK);
	size_t n = 0;
	for (size_t i = 0; i < tasks.tasks.len; i++) {
		assert_int_equal(tasks.tasks.at[i].tid, tasks.tasks.at[i].nstid);
		assert_string_equal(tasks.tasks.at[i].comm, "a) b\n(c"); // of this process
		n += tasks.tasks.at[i].state == 'S';
	}
	tasks_deinit(&tasks);
	return n;
}

static void threads_are_listed(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	pid_t pid = child_start(run_threads, shared);
	WAIT_FOR(sleeping_tasks(pid) == 10);
	child_end(pid);
	shared_destroy(shared);
}

static pid_t other_thread(pid_t pid)
{
	pid_vec tids = {0};
	assert_int_equal(procfs_tids(pid, &tids, NULL), GOSPY_OK);
	pid_t tid = tids.at[tids.len - 1];
	vec_free(&tids);
	return tid;
}

static char state_of(pid_t pid)
{
	struct proc_stat stat;
	return procfs_stat(pid, 0, &stat, NULL) ? '?' : stat.state;
}

static void dead_leader(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	pid_t pid = child_start(run_dead_leader, shared);
	WAIT_FOR(state_of(pid) == 'Z');
	pid_t tid = other_thread(pid);
	assert_int_not_equal(tid, pid);

	struct arena arena = {0};
	const char *path;
	bool deleted;
	assert_int_equal(procfs_exe_path(pid, &arena, &path, &deleted, NULL), GOSPY_E_NOT_FOUND);
	assert_int_equal(procfs_exe_path(tid, &arena, &path, &deleted, NULL), GOSPY_OK);
	struct mappings maps;
	assert_int_equal(procfs_maps(tid, &maps, NULL), GOSPY_OK);
	assert_true(maps.maps.len > 0);
	mappings_deinit(&maps);
	struct auxv auxv;
	assert_int_equal(procfs_auxv(tid, &auxv, NULL), GOSPY_OK);
	assert_int_equal(auxv.entry, getauxval(AT_ENTRY));
	struct span cmdline;
	assert_int_equal(procfs_cmdline(tid, &arena, &cmdline, NULL), GOSPY_OK);
	assert_true(cmdline.len > 0);
	arena_deinit(&arena);
	child_end(pid);
	shared_destroy(shared);
}

static bool copy_file(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC),
	    out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
	char buf[4096];
	ssize_t n;
	while ((n = read(in, buf, sizeof(buf))) > 0 && write(out, buf, (size_t)n) == n)
		;
	close(in);
	close(out);
	return n == 0;
}

static void deleted_executable(void **state)
{
	(void)state;
	char dir[] = "/tmp/gospy-test-XXXXXX", path[64];
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/sleep (deleted)", dir);
	assert_true(copy_file("/bin/sleep", path));
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl(path, "sleep", "1000", (char *)NULL);
		_exit(1);
	}
	struct arena arena = {0};
	const char *exe = "";
	bool deleted;
	WAIT_FOR(!procfs_exe_path(pid, &arena, &exe, &deleted, NULL) && !strcmp(exe, path));
	assert_false(deleted);
	unlink(path);
	assert_int_equal(procfs_exe_path(pid, &arena, &exe, &deleted, NULL), GOSPY_OK);
	assert_string_equal(exe, path);
	assert_true(deleted);
	int fd;
	assert_int_equal(procfs_open_exe(pid, &fd, NULL), GOSPY_OK);
	char magic[SELFMAG];
	assert_int_equal(read(fd, magic, sizeof(magic)), sizeof(magic));
	assert_memory_equal(magic, ELFMAG, SELFMAG);
	close(fd);
	arena_deinit(&arena);
	rmdir(dir);
	child_end(pid);
}

/** Leaves as many descriptors as it takes to list the threads, and none to look at one of them. */
static int look_at_tasks_without_descriptors(void *unused)
{
	(void)unused;
	struct tasks tasks;
	struct gospy_error err;
	char path[64];
	int free_fd = dup(0);
	struct rlimit limit = {(rlim_t)free_fd + 1, (rlim_t)free_fd + 1};
	if (free_fd < 0 || close(free_fd) || setrlimit(RLIMIT_NOFILE, &limit))
		return CHILD_CANNOT;
	snprintf(path, sizeof(path), "cannot read /proc/%d/task/%d/stat:", getpid(), getpid());
	return procfs_tasks(getpid(), false, &tasks, &err) == GOSPY_E_OS &&
			       err.os_errno == EMFILE && strncmp(err.msg, path, strlen(path)) == 0
		       ? 0
		       : 1;
}

static void errors_name_the_file(void **state)
{
	(void)state;
	int result = child_result(look_at_tasks_without_descriptors, NULL);
	if (result == CHILD_CANNOT)
		skip();
	assert_int_equal(result, 0);
}

/* Where the file of a mapping was, something else is now; and a mapping may be of a device. */
static void mapped_files(void **state)
{
	(void)state;
	char dir[] = "/tmp/gospy-test-XXXXXX", fifo[64], link[64];
	struct mapping none = {.start = 0x1000, .end = 0x2000, .path = fifo};
	int fd = -1;
	assert_non_null(mkdtemp(dir));
	snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	snprintf(link, sizeof(link), "%s/link", dir);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(procfs_open_mapped(getpid(), &none, &fd, NULL), GOSPY_E_BAD_DATA);
	assert_int_equal(symlink("/dev/ptmx", link), 0);
	none.path = link;
	assert_int_equal(procfs_open_mapped(getpid(), &none, &fd, NULL), GOSPY_E_BAD_DATA);
	assert_int_equal(unlink(link), 0);
	assert_int_equal(procfs_open_mapped(getpid(), &none, &fd, NULL), GOSPY_E_OS);
	assert_int_equal(symlink("/dev/zero", link), 0);
	none.path = "/dev/zero";
	assert_int_equal(procfs_open_mapped(getpid(), &none, &fd, NULL), GOSPY_E_BAD_DATA);
	assert_int_equal(fd, -1);
	unlink(link);
	unlink(fifo);
	rmdir(dir);

	int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	void *mapped = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, zero, 0);
	assert_true(mapped != MAP_FAILED);
	close(zero);
	struct mappings maps = {0};
	assert_int_equal(procfs_maps(getpid(), &maps, NULL), GOSPY_OK);
	const struct mapping *map = mappings_find(&maps, (uintptr_t)mapped);
	assert_non_null(map);
	assert_string_equal(map->path, "/dev/zero");
	assert_int_equal(procfs_open_mapped(getpid(), map, &fd, NULL), GOSPY_E_BAD_DATA);
	map = mappings_find(&maps, (uintptr_t)mapped_files);
	assert_non_null(map);
	assert_int_equal(procfs_open_mapped(getpid(), map, &fd, NULL), GOSPY_OK);
	close(fd);
	mappings_deinit(&maps);
	munmap(mapped, 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stat_parses),        cmocka_unit_test(stat_rejects),
		cmocka_unit_test(status_parses),      cmocka_unit_test(status_rejects),
		cmocka_unit_test(maps_parse),         cmocka_unit_test(maps_overlap),
		cmocka_unit_test(auxv_parses),        cmocka_unit_test(numbers_are_bounded),
		cmocka_unit_test(own_process),        cmocka_unit_test(no_process),
		cmocka_unit_test(threads_are_listed), cmocka_unit_test(dead_leader),
		cmocka_unit_test(deleted_executable), cmocka_unit_test(errors_name_the_file),
		cmocka_unit_test(mapped_files),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
