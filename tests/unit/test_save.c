#include "child.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/save.h"

enum { SOMEBODY = 4711 };

static char dir[64], path[128], secret[128], drop[128];
static const char refused_link[] = "a link on the way to it may be another user's";
static struct gospy_error err;

static void write_file(const char *name, const char *text, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void assert_content(const char *name, const char *text)
{
	char buf[64] = "";
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(read(fd, buf, sizeof(buf) - 1), strlen(text));
	assert_string_equal(buf, text);
	close(fd);
}

static struct stat stat_of(const char *name)
{
	struct stat st;
	assert_int_equal(lstat(name, &st), 0);
	return st;
}

static int entries(void)
{
	int n = -2; // . and ..
	DIR *d = opendir(dir);
	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/gospy-save-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/out", dir);
	snprintf(secret, sizeof(secret), "%s/secret", dir);
	snprintf(drop, sizeof(drop), "%s/drop", dir);
	unsetenv("SUDO_UID");
	unsetenv("SUDO_GID");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unsetenv("SUDO_UID");
	unsetenv("SUDO_GID");
	unlink(path);
	unlink(secret);
	return rmdir(dir);
}

static enum gospy_code save(const char *name, const char *text)
{
	struct save s = SAVE_NONE;
	enum gospy_code code = save_begin(&s, name, &err);
	if (!code)
		code = save_part(&s, text, strlen(text), &err);
	if (!code)
		code = save_end(&s, &err);
	save_drop(&s);
	return code;
}

static void assert_refused(const char *why)
{
	char msg[256];
	assert_int_equal(save(path, "new"), GOSPY_E_USAGE);
	snprintf(msg, sizeof(msg), "cannot write %s: %s", path, why);
	assert_string_equal(err.msg, msg);
}

/* `work` as another user; skips the test if that cannot be. */
static void as_somebody(int (*work)(void *))
{
	if (geteuid() != 0) {
		print_message("skipped: only root can be somebody else\n");
		skip();
	}
	assert_int_equal(child_result(work, NULL), 0);
}

static int become_somebody(void)
{
	return setresgid(SOMEBODY, SOMEBODY, SOMEBODY) || setresuid(SOMEBODY, SOMEBODY, SOMEBODY);
}

static void appears_when_complete(void **state)
{
	(void)state;
	struct save s = SAVE_NONE;
	mode_t mask = umask(027);
	assert_int_equal(save_begin(&s, path, &err), GOSPY_OK);
	assert_int_equal(save_part(&s, "text", 4, &err), GOSPY_OK);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(save_end(&s, &err), GOSPY_OK);
	save_drop(&s);
	umask(mask);
	assert_content(path, "text");
	assert_int_equal(stat_of(path).st_mode, S_IFREG | 0640);
	assert_int_equal(entries(), 1);

	assert_int_equal(save_begin(&s, secret, &err), GOSPY_OK);
	assert_int_equal(save_part(&s, "text", 4, &err), GOSPY_OK);
	save_drop(&s);
	assert_int_equal(entries(), 1);
}

static void keeps_mode_and_owner(void **state)
{
	(void)state;
	write_file(path, "old", 0604);
	if (geteuid() == 0)
		assert_int_equal(chown(path, SOMEBODY, SOMEBODY + 1), 0);
	struct stat before = stat_of(path);
	assert_int_equal(save(path, "new"), GOSPY_OK);
	assert_content(path, "new");
	struct stat after = stat_of(path);
	assert_int_equal(after.st_mode, before.st_mode);
	assert_int_equal(after.st_uid, before.st_uid);
	assert_int_equal(after.st_gid, before.st_gid);
	assert_int_not_equal(after.st_ino, before.st_ino);
	assert_int_equal(entries(), 1);
}

static void follows_its_users_links(void **state)
{
	(void)state;
	write_file(secret, "old", 0600);
	assert_int_equal(symlink("secret", path), 0);
	assert_int_equal(save(path, "new"), GOSPY_OK);
	assert_true(S_ISLNK(stat_of(path).st_mode));
	assert_content(secret, "new");
	assert_int_equal(stat_of(secret).st_mode, S_IFREG | 0600);
	assert_int_equal(unlink(secret), 0);
	assert_int_equal(save(path, "new"), GOSPY_E_OS);
	assert_int_equal(err.os_errno, ENOENT);
}

static int plant_link(void *unused)
{
	(void)unused;
	return become_somebody() || symlink(secret, path);
}

/* A directory as /tmp: the file that the link leads to is for root alone. */
static void follows_no_planted_link(void **state)
{
	(void)state;
	write_file(secret, "old", 0600);
	assert_int_equal(chmod(dir, 01777), 0);
	as_somebody(plant_link);
	struct stat before = stat_of(secret);
	assert_refused(refused_link);
	assert_content(secret, "old");
	assert_int_equal(stat_of(secret).st_ino, before.st_ino);
	assert_true(S_ISLNK(stat_of(path).st_mode));
	assert_int_equal(entries(), 2);
}

static void make_drop(mode_t mode)
{
	if (mkdir(drop, 0700) != 0)
		assert_int_equal(errno, EEXIST);
	assert_int_equal(chmod(drop, mode), 0);
}

static void put_in_drop(const char *name, const char *leads_to)
{
	char link[256];
	snprintf(link, sizeof(link), "%s/%s", drop, name);
	assert_int_equal(symlink(leads_to, link), 0);
}

static void remove_drop(const char *name)
{
	char link[256];
	snprintf(link, sizeof(link), "%s/%s", drop, name);
	assert_int_equal(unlink(link), 0);
	assert_int_equal(rmdir(drop), 0);
}

/* Directories where others may write; whoever owns a link there, they can have put it there. */
static const mode_t shared_modes[] = {0775, 0757, 01777};
enum { SHARED_MODES = sizeof(shared_modes) / sizeof(*shared_modes) };

/* A link of root's leads to a link that another user may have put there. */
static void follows_no_planted_second_link(void **state)
{
	(void)state;
	write_file(secret, "old", 0600);
	make_drop(0755);
	put_in_drop("latest", "../secret");
	assert_int_equal(symlink("drop/latest", path), 0);
	struct stat before = stat_of(secret);
	for (size_t i = 0; i < SHARED_MODES; i++) {
		make_drop(shared_modes[i]);
		assert_refused(refused_link);
		assert_content(secret, "old");
		assert_int_equal(stat_of(secret).st_ino, before.st_ino);
	}
	// A pipe is not written to through it either.
	assert_int_equal(unlink(secret), 0);
	assert_int_equal(mkfifo(secret, 0600), 0);
	int fd = open(secret, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_refused(refused_link);
	close(fd);
	// But where nobody else can have made it.
	assert_int_equal(unlink(secret), 0);
	write_file(secret, "old", 0600);
	make_drop(0755);
	assert_int_equal(save(path, "new"), GOSPY_OK);
	assert_content(secret, "new");
	assert_true(S_ISLNK(stat_of(path).st_mode));
	remove_drop("latest");
}

static void follows_no_planted_directory(void **state)
{
	(void)state;
	char name[512];
	write_file(secret, "old", 0600);
	make_drop(0755);
	put_in_drop("d", "..");
	snprintf(name, sizeof(name), "%s/d/secret", drop);
	for (size_t i = 0; i < SHARED_MODES; i++) {
		make_drop(shared_modes[i]);
		assert_int_equal(save(name, "new"), GOSPY_E_USAGE);
		assert_non_null(strstr(err.msg, refused_link));
		assert_content(secret, "old");
	}
	// A new file is not made there either, nor where a link of one's own leads through it.
	snprintf(name, sizeof(name), "%s/d/../drop/d/out", drop);
	assert_int_equal(save(name, "new"), GOSPY_E_USAGE);
	assert_int_equal(symlink("drop/d/secret", path), 0);
	assert_refused(refused_link);
	assert_content(secret, "old");
	make_drop(0755);
	assert_int_equal(save(path, "new"), GOSPY_OK);
	assert_content(secret, "new");
	remove_drop("d");
}

static void walks_as_the_kernel_does(void **state)
{
	(void)state;
	char name[512], target[512];
	make_drop(0755);
	snprintf(name, sizeof(name), "%s//drop/.././drop///../out", dir);
	assert_int_equal(save(name, "one"), GOSPY_OK);
	assert_content(path, "one");
	snprintf(target, sizeof(target), "%s/./", dir);
	put_in_drop("d", target);
	snprintf(name, sizeof(name), "%s/d//out", drop);
	assert_int_equal(save(name, "two"), GOSPY_OK);
	assert_content(path, "two");
	snprintf(name, sizeof(name), "%s/", path);
	assert_int_equal(save(name, "x"), GOSPY_E_OS);
	assert_int_equal(err.os_errno, ENOTDIR);
	snprintf(name, sizeof(name), "%s/none/out", dir);
	assert_int_equal(save(name, "x"), GOSPY_E_OS);
	assert_int_equal(err.os_errno, ENOENT);
	assert_int_equal(save("/", "x"), GOSPY_E_USAGE);
	assert_int_equal(save("..", "x"), GOSPY_E_USAGE);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("drop/../out", path), 0);
	assert_int_equal(save(path, "x"), GOSPY_E_OS);
	assert_int_equal(err.os_errno, ELOOP);
	remove_drop("d");
}

/* A regular file that is open is not known by a name. In another root a link leads elsewhere. */
static void follows_proc_with_care(void **state)
{
	(void)state;
	char name[256];
	write_file(secret, "old", 0600);
	assert_int_equal(symlink("secret", path), 0);
	int fd = open(secret, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	snprintf(name, sizeof(name), "/dev/fd/%d", fd);
	assert_int_equal(save(name, "new"), GOSPY_E_USAGE);
	close(fd);
	snprintf(name, sizeof(name), "/proc/self/root%s", path);
	assert_int_equal(save(name, "new"), GOSPY_E_USAGE);
	assert_non_null(strstr(err.msg, refused_link));
	assert_content(secret, "old");
	snprintf(name, sizeof(name), "/proc/self/root%s", secret);
	assert_int_equal(save(name, "new"), GOSPY_OK);
	assert_content(secret, "new");
}

static int plant_file(void *unused)
{
	(void)unused;
	if (become_somebody())
		return 1;
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	return fd < 0;
}

static void gives_nothing_to_others(void **state)
{
	(void)state;
	assert_int_equal(chmod(dir, 01777), 0);
	as_somebody(plant_file);
	for (size_t i = 0; i < SHARED_MODES; i++) {
		assert_int_equal(chmod(dir, shared_modes[i]), 0);
		assert_refused("it belongs to another user, in a directory where others may write");
		assert_content(path, "");
	}
}

static int plant_fifo(void *unused)
{
	(void)unused;
	return become_somebody() || mkfifo(path, 0666);
}

static void opens_no_planted_fifo(void **state)
{
	(void)state;
	assert_int_equal(chmod(dir, 01777), 0);
	as_somebody(plant_fifo);
	assert_refused("it is no file, and belongs to another user");
}

static void writes_to_pipes_and_devices(void **state)
{
	(void)state;
	char text[8] = "";
	assert_int_equal(chmod(dir, 01777), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_int_equal(save(path, "piped"), GOSPY_OK);
	assert_int_equal(read(fd, text, sizeof(text)), 5);
	assert_string_equal(text, "piped");
	assert_int_equal(save("/dev/null", "gone"), GOSPY_OK);
	assert_int_equal(save("/dev/full", "gone"), GOSPY_E_OS);
	assert_int_equal(err.os_errno, ENOSPC);
	// What a shell makes of >(command).
	int ends[2];
	char name[32];
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	snprintf(name, sizeof(name), "/dev/fd/%d", ends[1]);
	assert_int_equal(save(name, "again"), GOSPY_OK);
	assert_int_equal(read(ends[0], text, sizeof(text)), 5);
	assert_string_equal(text, "again");
	close(ends[0]);
	close(ends[1]);
	close(fd);
	assert_true(S_ISFIFO(stat_of(path).st_mode));
	assert_int_equal(save(dir, "x"), GOSPY_E_USAGE);
	assert_int_equal(save("", "x"), GOSPY_E_USAGE);
}

/* What somebody puts there meanwhile. */
static void leaves_what_came_meanwhile(void **state)
{
	(void)state;
	struct save s = SAVE_NONE;
	write_file(secret, "old", 0600);
	assert_int_equal(save_begin(&s, path, &err), GOSPY_OK);
	assert_int_equal(save_part(&s, "new", 3, &err), GOSPY_OK);
	assert_int_equal(symlink(secret, path), 0);
	assert_int_equal(save_end(&s, &err), GOSPY_E_OS);
	assert_int_equal(err.os_errno, EEXIST);
	save_drop(&s);
	assert_content(secret, "old");
	assert_int_equal(entries(), 2);
	// A link that was put in the place of a file goes, and nothing else.
	assert_int_equal(unlink(path), 0);
	write_file(path, "older", 0644);
	assert_int_equal(save_begin(&s, path, &err), GOSPY_OK);
	assert_int_equal(save_part(&s, "new", 3, &err), GOSPY_OK);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink(secret, path), 0);
	assert_int_equal(save_end(&s, &err), GOSPY_OK);
	save_drop(&s);
	assert_content(secret, "old");
	assert_content(path, "new");
	assert_true(S_ISREG(stat_of(path).st_mode));
	assert_int_equal(entries(), 2);
}

/* Under sudo. */
static void belongs_to_the_caller(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		print_message("skipped: only root can give files away\n");
		skip();
	}
	static const struct {
		const char *uid;
		uid_t owner;
		mode_t mode;
		uid_t expected;
	} cases[] = {
		{"4711", SOMEBODY, 0755, SOMEBODY}, // its own directory
		{"4711", 0, 01777, SOMEBODY},       {"4711", 0, 0755, 0},
		{"4711", SOMEBODY + 1, 0755, 0},    {"4711", SOMEBODY, 0555, 0},
		{"4711x", SOMEBODY, 0755, 0},       {"", SOMEBODY, 0755, 0},
		{"4294967295", 0, 01777, 0},        {"-1", 0, 01777, 0},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		setenv("SUDO_UID", cases[i].uid, 1);
		setenv("SUDO_GID", cases[i].uid, 1);
		assert_int_equal(chown(dir, cases[i].owner, 0), 0);
		assert_int_equal(chmod(dir, cases[i].mode), 0);
		assert_int_equal(save(path, "new"), GOSPY_OK);
		assert_int_equal(stat_of(path).st_uid, cases[i].expected);
		assert_int_equal(stat_of(path).st_gid, cases[i].expected);
		assert_int_equal(unlink(path), 0);
	}
}

/* Saves by a name that is relative to a directory which was removed. */
static int save_in_removed_directory(void *unused)
{
	(void)unused;
	if (chdir(dir) || rmdir(dir))
		return CHILD_CANNOT;
	return save("out", "text") != GOSPY_E_OS || err.os_errno != ENOENT || mkdir(dir, 0700);
}

static void names_what_is_missing(void **state)
{
	(void)state;
	assert_int_equal(child_result(save_in_removed_directory, NULL), 0);
}

/* A disk that is full, but for so much. */
static int save_with_no_room(void *unused)
{
	(void)unused;
	static char big[64 << 10];
	struct rlimit limit = {4096, 4096};
	struct save s = SAVE_NONE;
	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit))
		return CHILD_CANNOT;
	bool ok = save_begin(&s, path, &err) == GOSPY_OK &&
		  save_part(&s, big, sizeof(big), &err) == GOSPY_E_OS && err.os_errno == EFBIG &&
		  strstr(err.msg, path);
	save_drop(&s);
	return !ok;
}

static void leaves_no_half_file(void **state)
{
	(void)state;
	assert_int_equal(child_result(save_with_no_room, NULL), 0);
	assert_int_equal(entries(), 0);
	write_file(path, "old", 0644);
	assert_int_equal(child_result(save_with_no_room, NULL), 0);
	assert_content(path, "old");
	assert_int_equal(entries(), 1);
}

/* Killed in between, nothing is left either; where the file system has files without names. */
static int begin_and_die(void *unused)
{
	(void)unused;
	struct save s = SAVE_NONE;
	if (save_begin(&s, path, &err) || save_part(&s, "half", 4, &err))
		return 1;
	return *s.temp ? CHILD_CANNOT : 0;
}

static void leaves_nothing_when_killed(void **state)
{
	(void)state;
	int result = child_result(begin_and_die, NULL);
	if (result == CHILD_CANNOT)
		skip();
	assert_int_equal(result, 0);
	assert_int_equal(entries(), 0);
}

/* A file system that does not know files without names. */
static bool refuse_files_without_names(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_TMPFILE & ~O_DIRECTORY, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOPNOTSUPP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {.len = 6, .filter = filter};
	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static int save_with_a_name(void *unused)
{
	(void)unused;
	struct save s = SAVE_NONE;
	if (!refuse_files_without_names())
		return CHILD_CANNOT;
	if (save_begin(&s, path, &err) || !*s.temp || entries() != 1)
		return 1;
	save_drop(&s);
	return entries() != 0 || save(path, "one") || save(path, "two") || entries() != 1;
}

static void does_without_files_without_names(void **state)
{
	(void)state;
	int result = child_result(save_with_a_name, NULL);
	if (result == CHILD_CANNOT)
		skip();
	assert_int_equal(result, 0);
	assert_content(path, "two");
}

static void stamps_differ(void **state)
{
	(void)state;
	char a[SAVE_STAMP_SIZE], b[SAVE_STAMP_SIZE];
	save_stamp(a);
	save_stamp(b);
	assert_int_equal(strlen(a), strlen("20260102-150405-9f3b02c1"));
	assert_int_equal(a[8], '-');
	assert_int_equal(a[15], '-');
	assert_string_not_equal(a + 16, b + 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(appears_when_complete, setup, teardown),
		cmocka_unit_test_setup_teardown(keeps_mode_and_owner, setup, teardown),
		cmocka_unit_test_setup_teardown(follows_its_users_links, setup, teardown),
		cmocka_unit_test_setup_teardown(follows_no_planted_link, setup, teardown),
		cmocka_unit_test_setup_teardown(follows_no_planted_second_link, setup, teardown),
		cmocka_unit_test_setup_teardown(follows_no_planted_directory, setup, teardown),
		cmocka_unit_test_setup_teardown(walks_as_the_kernel_does, setup, teardown),
		cmocka_unit_test_setup_teardown(follows_proc_with_care, setup, teardown),
		cmocka_unit_test_setup_teardown(gives_nothing_to_others, setup, teardown),
		cmocka_unit_test_setup_teardown(opens_no_planted_fifo, setup, teardown),
		cmocka_unit_test_setup_teardown(writes_to_pipes_and_devices, setup, teardown),
		cmocka_unit_test_setup_teardown(leaves_what_came_meanwhile, setup, teardown),
		cmocka_unit_test_setup_teardown(belongs_to_the_caller, setup, teardown),
		cmocka_unit_test_setup_teardown(names_what_is_missing, setup, teardown),
		cmocka_unit_test_setup_teardown(leaves_no_half_file, setup, teardown),
		cmocka_unit_test_setup_teardown(leaves_nothing_when_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(does_without_files_without_names, setup, teardown),
		cmocka_unit_test(stamps_differ),
	};
	return cmocka_run_group_tests_name("save", tests, NULL, NULL);
}
