#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/file.h"

/* A directory with the regular file "file", whose content is "inside". */
struct place {
	char dir[64];
	int fd;
};

static void path_in(const struct place *place, const char *name, char path[128])
{
	snprintf(path, 128, "%s/%s", place->dir, name);
}

static void write_file(const struct place *place, const char *name, const char *text)
{
	int fd = openat(place->fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static struct place make_place(void)
{
	struct place place = {.dir = "/tmp/gospy-file-XXXXXX"};
	assert_non_null(mkdtemp(place.dir));
	place.fd = open(place.dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(place.fd >= 0);
	write_file(&place, "file", "inside");
	return place;
}

static void remove_place(struct place *place)
{
	static const char *const names[] = {"file", "link", "fifo", "socket", "absolute", "up"};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		unlinkat(place->fd, names[i], 0);
	close(place->fd);
	assert_int_equal(rmdir(place->dir), 0);
}

static void assert_content(int fd, const char *text)
{
	char buf[32] = "";
	assert_int_equal(read(fd, buf, sizeof(buf) - 1), strlen(text));
	assert_string_equal(buf, text);
	close(fd);
}

static void regular_files_open(void **state)
{
	(void)state;
	struct place place = make_place();
	char path[128];
	int fd = -1;
	assert_int_equal(symlinkat("file", place.fd, "link"), 0);
	path_in(&place, "file", path);
	assert_int_equal(file_open(path, &fd, NULL), GOSPY_OK);
	assert_content(fd, "inside");
	path_in(&place, "link", path);
	assert_int_equal(file_open(path, &fd, NULL), GOSPY_OK);
	assert_content(fd, "inside");
	assert_int_equal(file_open("/proc/self/exe", &fd, NULL), GOSPY_OK);
	close(fd);
	remove_place(&place);
}

/* A FIFO that was opened would let its other end be opened, too. */
static void nothing_else_opens(void **state)
{
	(void)state;
	struct place place = make_place();
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct gospy_error err;
	char fifo[128], link[128];
	int fd = -1, sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	path_in(&place, "fifo", fifo);
	path_in(&place, "link", link);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/socket", place.dir);
	assert_int_equal(bind(sock, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(mkfifo(fifo, 0644), 0);
	assert_int_equal(symlinkat("fifo", place.fd, "link"), 0);
	const char *const paths[] = {
		fifo,       link,        addr.sun_path,   place.dir,       "/dev/null",
		"/dev/tty", "/dev/ptmx", "/dev/watchdog", "/proc/self/ns",
	};
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		if (access(paths[i], F_OK) != 0)
			continue;
		assert_int_equal(file_open(paths[i], &fd, &err), GOSPY_E_BAD_DATA);
		assert_non_null(strstr(err.msg, "is not a regular file"));
	}
	assert_int_equal(fd, -1);
	assert_int_equal(open(fifo, O_WRONLY | O_NONBLOCK | O_CLOEXEC), -1);
	assert_int_equal(errno, ENXIO);
	path_in(&place, "none", link);
	assert_int_equal(file_open(link, &fd, &err), GOSPY_E_OS);
	assert_int_equal(err.os_errno, ENOENT);
	close(sock);
	remove_place(&place);
}

static enum gospy_code open_below(const struct place *place, const char *path, int *fd_ret)
{
	int found = -1;
	enum gospy_code code = file_find_below(place->fd, path, &found, NULL);
	if (!code)
		code = file_reopen(found, path, fd_ret, NULL);
	if (found >= 0)
		close(found);
	return code;
}

/* The owner of the root has put links into it that lead out of it. */
static void links_stay_below(void **state)
{
	(void)state;
	struct place place = make_place();
	int fd = -1;
	assert_int_equal(open_below(&place, "/file", &fd), GOSPY_OK);
	assert_content(fd, "inside");
	assert_int_equal(open_below(&place, "/../../file", &fd), GOSPY_OK);
	assert_content(fd, "inside");
	assert_int_equal(symlinkat("/", place.fd, "absolute"), 0);
	assert_int_equal(symlinkat("../..", place.fd, "up"), 0);
	assert_int_equal(symlinkat("file", place.fd, "link"), 0);
	// Both lead to the root itself.
	assert_int_equal(open_below(&place, "/absolute/file", &fd), GOSPY_OK);
	assert_content(fd, "inside");
	assert_int_equal(open_below(&place, "/up/file", &fd), GOSPY_OK);
	assert_content(fd, "inside");
	assert_int_equal(open_below(&place, "/absolute/proc/self/exe", &fd), GOSPY_E_OS);
	assert_int_equal(open_below(&place, "/link", &fd), GOSPY_E_BAD_DATA);
	assert_int_equal(open_below(&place, "/up", &fd), GOSPY_E_BAD_DATA);
	remove_place(&place);
}

/* Opening the file would wait for the other process to give its lease up, and that never does. */
static void leases_are_not_waited_for(void **state)
{
	(void)state;
	struct place place = make_place();
	char path[128];
	int ready[2], fd = -1;
	path_in(&place, "file", path);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid_t child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		int leased = open(path, O_WRONLY | O_CLOEXEC);
		signal(SIGIO, SIG_IGN);
		char ok = fcntl(leased, F_SETLEASE, F_WRLCK) == 0;
		if (write(ready[1], &ok, 1) == 1)
			pause();
		_exit(0);
	}
	char ok = 0;
	assert_int_equal(read(ready[0], &ok, 1), 1);
	struct gospy_error err;
	if (ok) {
		assert_int_equal(file_open(path, &fd, &err), GOSPY_E_OS);
		assert_int_equal(err.os_errno, EWOULDBLOCK);
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	close(ready[0]);
	close(ready[1]);
	remove_place(&place);
	if (!ok)
		skip(); // the file system has no leases
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(regular_files_open),
		cmocka_unit_test(nothing_else_opens),
		cmocka_unit_test(links_stay_below),
		cmocka_unit_test(leases_are_not_waited_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
