/* Which files are opened as an input, and what comes of those that are packed. */
#include "core/input.h"

#include "packed.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <zlib.h>

#include "base/cancel.h"
#include "core/stream_gzip.h"
#include "core/unpack.h"

enum { SIZE = (3 << 20) + 4711 };

static struct gospy_error err;

static octets content(size_t len)
{
	octets bytes = {0};
	put_content(&bytes, 0, len);
	return bytes;
}

static octets gzip(const void *bytes, size_t len)
{
	octets packed = {0};
	z_stream z = {0};
	assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY),
			 Z_OK);
	assert_true(vec_reserve(&packed, deflateBound(&z, len)));
	z.next_in = (Bytef *)(uintptr_t)bytes;
	z.avail_in = (uInt)len;
	z.next_out = packed.at;
	z.avail_out = (uInt)packed.cap;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	packed.len = z.total_out;
	deflateEnd(&z);
	return packed;
}

static void plain(void **state)
{
	(void)state;
	octets bytes = content(SIZE);
	struct input *in;
	assert_int_equal(open_bytes(&bytes, SIZE, &in, &err), GOSPY_OK);
	assert_content(in, SIZE);
	assert_null(input_format(in));
	assert_false(input_cut(in));
	assert_null(input_problem(in));
	assert_int_equal(input_stat(in)->st_size, SIZE);
	assert_int_equal(input_data_size(in), SIZE);
	uint8_t byte;
	size_t done = 1;
	assert_int_equal(input_read(in, SIZE, &byte, 1, &done, &err), GOSPY_OK);
	assert_int_equal(done, 0);
	assert_int_equal(input_read(in, UINT64_MAX, &byte, 1, &done, &err), GOSPY_OK);
	assert_int_equal(done, 0);
	// It grows, and then is cut off behind the back of who reads it.
	assert_int_equal(ftruncate(input_fd(in), SIZE + 10), 0);
	assert_int_equal(input_read(in, SIZE - 1, bytes.at, 10, &done, &err), GOSPY_OK);
	assert_int_equal(done, 1);
	assert_int_equal(ftruncate(input_fd(in), 10), 0);
	assert_int_equal(input_read(in, 4, bytes.at, 10, &done, &err), GOSPY_OK);
	assert_int_equal(done, 6);
	input_destroy(in);
	vec_free(&bytes);
}

static void assert_refused(const char *path, const char *why)
{
	struct input *in = NULL;
	assert_int_equal(input_open(path, 0, &in, &err), GOSPY_E_BAD_DATA);
	assert_null(in);
	assert_non_null(strstr(err.msg, path));
	assert_non_null(strstr(err.msg, why));
}

/* What is no file is not opened: a FIFO would wait, or make another program go on. */
static void other_things(void **state)
{
	(void)state;
	char dir[] = "/tmp/gospy-input-XXXXXX", path[64];
	assert_non_null(mkdtemp(dir));
	assert_refused(dir, "is a directory");
	assert_refused("/dev/null", "is not a regular file");
	snprintf(path, sizeof(path), "%s/fifo", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_refused(path, "is not a regular file");
	unlink(path);
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(name.sun_path, sizeof(name.sun_path), "%s/socket", dir);
	assert_int_equal(bind(sock, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_refused(name.sun_path, "is not a regular file");
	unlink(name.sun_path);
	close(sock);
	snprintf(path, sizeof(path), "%s/file", dir);
	struct input *in;
	assert_int_equal(input_open(path, 0, &in, &err), GOSPY_E_OS);
	assert_non_null(strstr(err.msg, path));
	close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	assert_refused(path, "is empty");
	assert_int_equal(truncate(path, 1), 0);
	assert_int_equal(input_open(path, 0, &in, &err), GOSPY_OK);
	assert_int_equal(input_size(in), 1);
	input_destroy(in);
	unlink(path);
	rmdir(dir);
	int pipe_fds[2];
	assert_int_equal(pipe(pipe_fds), 0);
	assert_int_equal(input_open_fd(pipe_fds[0], "the pipe", 0, &in, &err), GOSPY_E_BAD_DATA);
	assert_int_equal(fcntl(pipe_fds[0], F_GETFD), -1);
	close(pipe_fds[1]);
}

static void packed(void **state)
{
	(void)state;
	octets bytes = content(SIZE), z = gzip(bytes.at, SIZE);
	struct input *in;
	assert_int_equal(open_bytes(&z, z.len, &in, &err), GOSPY_OK);
	assert_content(in, SIZE);
	assert_string_equal(input_format(in), "gzip");
	assert_int_equal(input_stat(in)->st_size, z.len);
	input_destroy(in);
	vec_free(&bytes);
	vec_free(&z);
}

/* Of what is packed there is nothing: that is no core file either. */
static void packed_nothing(void **state)
{
	(void)state;
	octets z = gzip("", 0);
	struct input *in;
	assert_int_equal(open_bytes(&z, z.len, &in, &err), GOSPY_E_BAD_DATA);
	assert_non_null(strstr(err.msg, "is empty"));
	assert_int_equal(open_bytes(&z, 5, &in, &err), GOSPY_E_BAD_DATA);
	assert_non_null(strstr(err.msg, "cut off"));
	assert_int_equal(open_bytes(&z, 2, &in, &err), GOSPY_E_BAD_DATA);
	z.at[2] = 0x55; // no method
	assert_int_equal(open_bytes(&z, z.len, &in, &err), GOSPY_E_BAD_DATA);
	assert_non_null(strstr(err.msg, "damaged"));
	vec_free(&z);
}

/* Zeros take no room on the disk, and do not count. */
static void holes(void **state)
{
	enum { ZEROS = 64 << 20, DATA = 4096 };
	(void)state;
	uint8_t *bytes = calloc(1, ZEROS);
	assert_non_null(bytes);
	bytes[0] = bytes[ZEROS / 2 + 4095] = bytes[ZEROS - 4096] = 1;
	octets z = gzip(bytes, ZEROS);
	int fd = memory_file(z.at, z.len);
	struct unpacked ret;
	struct stat st;
	assert_int_equal(unpack(fd, "it", &stream_gzip, 3 * DATA, &ret, &err), GOSPY_OK);
	assert_int_equal(ret.size, ZEROS);
	assert_int_equal(fstat(ret.fd, &st), 0);
	assert_int_equal(st.st_size, ZEROS);
	assert_int_equal(st.st_nlink, 0);
	assert_true(st.st_blocks * 512 < ZEROS / 4);
	uint8_t *back = mmap(NULL, ZEROS, PROT_READ, MAP_PRIVATE, ret.fd, 0);
	assert_true(back != MAP_FAILED);
	assert_memory_equal(back, bytes, ZEROS);
	munmap(back, ZEROS);
	close(ret.fd);
	assert_int_equal(unpack(fd, "it", &stream_gzip, 3 * DATA - 1, &ret, &err), GOSPY_E_LIMIT);
	assert_non_null(strstr(err.msg, "--max-unpacked"));
	assert_non_null(strstr(err.msg, "63 MiB came so far"));
	close(fd);
	struct input *in;
	assert_int_equal(open_bytes(&z, z.len, &in, &err), GOSPY_OK);
	assert_int_equal(input_size(in), ZEROS);
	assert_in_range(input_data_size(in), 3 * DATA, ZEROS / 4);
	input_destroy(in);
	vec_free(&z);
	free(bytes);
}

static void limits(void **state)
{
	(void)state;
	octets bytes = content(SIZE), z = gzip(bytes.at, SIZE);
	struct input *in;
	int fd = memory_file(z.at, z.len);
	assert_int_equal(input_open_fd(fd, "it", 1 << 20, &in, &err), GOSPY_E_LIMIT);
	assert_non_null(strstr(err.msg, "--max-unpacked"));
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	setenv("TMPDIR", "/tmp/there is none", 1);
	assert_int_equal(open_bytes(&z, z.len, &in, &err), GOSPY_E_OS);
	assert_non_null(strstr(err.msg, "/tmp/there is none"));
	unsetenv("TMPDIR");
	vec_free(&bytes);
	vec_free(&z);
}

/* The kernel would kill who writes beyond `ulimit -f`. */
static void file_size(void **state)
{
	(void)state;
	octets bytes = content(SIZE), z = gzip(bytes.at, SIZE);
	int fd = memory_file(z.at, z.len), status;
	pid_t pid = fork();
	if (pid == 0) {
		struct rlimit limit = {1 << 20, 1 << 20};
		struct input *in;
		setrlimit(RLIMIT_FSIZE, &limit);
		_exit(input_open_fd(fd, "it", 0, &in, &err) == GOSPY_E_LIMIT &&
				      strstr(err.msg, "ulimit")
			      ? 0
			      : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(fd);
	vec_free(&bytes);
	vec_free(&z);
}

/* In a child: 0: it did as it should; 77: this cannot be tried here. */
static int try_full_disk(int fd)
{
	struct input *in;
	if (unshare(CLONE_NEWNS) != 0 || mount("", "/", NULL, MS_PRIVATE | MS_REC, NULL) != 0 ||
	    mount("gospy", "/tmp", "tmpfs", 0, "size=256k") != 0)
		return 77;
	setenv("TMPDIR", "/tmp", 1);
	if (input_open_fd(dup(fd), "it", 0, &in, &err) != GOSPY_E_LIMIT ||
	    !strstr(err.msg, "nearly all that is free"))
		return 1;
	if (input_open_fd(fd, "it", 1 << 30, &in, &err) != GOSPY_E_LIMIT ||
	    !strstr(err.msg, "it is full") || !strstr(err.msg, "TMPDIR"))
		return 2;
	return 0;
}

static void full_disk(void **state)
{
	(void)state;
	octets bytes = content(SIZE), z = gzip(bytes.at, SIZE);
	int fd = memory_file(z.at, z.len), status;
	pid_t pid = fork();
	if (pid == 0)
		_exit(try_full_disk(fd));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 77)
		assert_int_equal(status, 0);
	close(fd);
	vec_free(&bytes);
	vec_free(&z);
}

static void cancelled(void **state)
{
	(void)state;
	octets bytes = content(SIZE), z = gzip(bytes.at, SIZE);
	struct cancel cancel;
	struct input *in;
	int event = eventfd(1, EFD_CLOEXEC);
	assert_true(event >= 0);
	cancel_begin(&cancel, event);
	assert_int_equal(open_bytes(&z, z.len, &in, &err), GOSPY_E_CANCELLED);
	cancel_end(&cancel);
	close(event);
	vec_free(&bytes);
	vec_free(&z);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain),     cmocka_unit_test(other_things),
		cmocka_unit_test(packed),    cmocka_unit_test(packed_nothing),
		cmocka_unit_test(holes),     cmocka_unit_test(limits),
		cmocka_unit_test(file_size), cmocka_unit_test(full_disk),
		cmocka_unit_test(cancelled),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
