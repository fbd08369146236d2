#include "core/input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/file.h"
#include "core/read_at.h"
#include "core/seekable.h"
#include "core/stream_gzip.h"
#include "core/stream_lz4.h"
#include "core/stream_plain.h"
#include "core/stream_xz.h"
#include "core/stream_zstd.h"
#include "core/unpack.h"

/* Skippable frames that may come first: zstd and lz4 have the same, so that only what follows tells
 * which of them it is. pzstd writes one before each frame. */
enum { SKIPPED_MAX = 64 };

static const uint32_t ZSTD = 0xfd2fb528, LZ4 = 0x184d2204;
static const uint32_t SKIPPABLE = 0x184d2a50, SKIPPABLE_MASK = 0xfffffff0;

struct input {
	int fd; /* as it was opened */
	struct stat stat;
	uint64_t size;
	const char *format;
	struct seekable *seekable; /* or NULL */
	struct unpacked unpacked;  /* .fd -1: it is not */
};

/* ---- what it is */

static enum gospy_code read_magic(int fd, uint64_t off, uint8_t magic[8], struct gospy_error *err)
{
	size_t done;
	enum gospy_code code = read_at(fd, off, magic, 8, &done, err);
	if (!code)
		memset(magic + done, 0, 8 - done);
	return code;
}

static uint32_t word(const uint8_t *bytes)
{
	struct cursor c = cursor_at((struct span){bytes, 4}, 0);
	return cursor_u32(&c);
}

static const struct stream_format *format_of(const uint8_t magic[8])
{
	static const uint8_t xz[] = {0xfd, '7', 'z', 'X', 'Z', 0}, gzip[] = {0x1f, 0x8b};
	if (word(magic) == ZSTD)
		return &stream_zstd;
	if (word(magic) == LZ4)
		return &stream_lz4;
	if (memcmp(magic, xz, sizeof(xz)) == 0)
		return &stream_xz;
	return memcmp(magic, gzip, sizeof(gzip)) == 0 ? &stream_gzip : NULL;
}

/* `*ret` NULL: it is not compressed. */
static enum gospy_code find_format(int fd, const struct stream_format **ret,
				   struct gospy_error *err)
{
	uint8_t magic[8];
	uint64_t off = 0;
	enum gospy_code code = read_magic(fd, off, magic, err);
	for (int i = 0; !code && i < SKIPPED_MAX; i++) {
		if ((word(magic) & SKIPPABLE_MASK) != SKIPPABLE)
			break;
		off += 8 + (uint64_t)word(magic + 4);
		code = read_magic(fd, off, magic, err);
	}
	if (code)
		return code;
	*ret = format_of(magic);
	if (off && *ret != &stream_lz4)
		*ret = &stream_zstd;
	return GOSPY_OK;
}

/* ---- opening */

static enum gospy_code open_packed(struct input *in, const struct stream_format *format,
				   const char *name, uint64_t max, struct gospy_error *err)
{
	in->format = format->name;
	enum gospy_code code = GOSPY_OK;
	if (format == &stream_zstd)
		code = seekable_open(in->fd, in->size, &in->seekable, err);
	if (code)
		return err_context(err, code, "%s", name);
	if (in->seekable) {
		in->format = "seekable zstd";
		in->size = seekable_size(in->seekable);
		return GOSPY_OK;
	}
	code = unpack(in->fd, name, format, max, &in->unpacked, err);
	if (!code)
		in->size = in->unpacked.size;
	return code;
}

static enum gospy_code open_file(struct input *in, const char *name, uint64_t max,
				 struct gospy_error *err)
{
	const struct stream_format *format;
	if (fstat(in->fd, &in->stat) != 0)
		return err_os(err, errno, "cannot open %s", name);
	if (S_ISDIR(in->stat.st_mode))
		return err_set(err, GOSPY_E_BAD_DATA, "%s is a directory", name);
	if (!S_ISREG(in->stat.st_mode))
		return err_set(err, GOSPY_E_BAD_DATA, "%s is not a regular file", name);
	in->size = (uint64_t)in->stat.st_size;
	enum gospy_code code = find_format(in->fd, &format, err);
	if (code)
		return err_context(err, code, "%s", name);
	if (format)
		code = open_packed(in, format, name, max, err);
	if (!code && !in->size)
		return err_set(err, GOSPY_E_BAD_DATA, "%s is empty", name);
	return code;
}

enum gospy_code input_open_fd(int fd, const char *name, uint64_t max_unpacked, struct input **ret,
			      struct gospy_error *err)
{
	CLEANUP(input_free) struct input *in = calloc(1, sizeof(*in));
	if (!in) {
		close(fd);
		return err_nomem(err);
	}
	in->fd = fd;
	in->unpacked.fd = -1;
	enum gospy_code code = open_file(in, name, max_unpacked, err);
	if (!code)
		*ret = take(in);
	return code;
}

/* What comes through a pipe is read from a file: a core is not read from its beginning to its end.
 */
static enum gospy_code open_stdin(uint64_t max_unpacked, struct input **ret,
				  struct gospy_error *err)
{
	static const char name[] = "standard input";
	struct unpacked kept = {.fd = -1};
	struct stat st;
	if (fstat(STDIN_FILENO, &st) != 0)
		return err_os(err, errno, "cannot read %s", name);
	if (isatty(STDIN_FILENO))
		return err_set(err, GOSPY_E_USAGE, "%s is a terminal, and no core file", name);
	if (S_ISREG(st.st_mode)) {
		int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
		return fd < 0 ? err_os(err, errno, "cannot read %s", name)
			      : input_open_fd(fd, name, max_unpacked, ret, err);
	}
	enum gospy_code code = unpack(STDIN_FILENO, name, &stream_plain, max_unpacked, &kept, err);
	return code ? code : input_open_fd(kept.fd, name, max_unpacked, ret, err);
}

enum gospy_code input_open(const char *path, uint64_t max_unpacked, struct input **ret,
			   struct gospy_error *err)
{
	struct stat st;
	int found CLEANUP_CLOSE = -1, fd;
	if (strcmp(path, "-") == 0)
		return open_stdin(max_unpacked, ret, err);
	enum gospy_code code = file_find(path, &found, err);
	if (code)
		return code;
	if (fstat(found, &st) == 0 && S_ISDIR(st.st_mode))
		return err_set(err, GOSPY_E_BAD_DATA, "%s is a directory", path);
	code = file_open_found(found, path, &fd, err);
	return code ? code : input_open_fd(fd, path, max_unpacked, ret, err);
}

void input_destroy(struct input *in)
{
	if (!in)
		return;
	seekable_destroy(in->seekable);
	if (in->unpacked.fd >= 0)
		close(in->unpacked.fd);
	close(in->fd);
	free(in);
}

/* ---- reading */

enum gospy_code input_read(struct input *in, uint64_t off, void *dst, size_t len, size_t *done_ret,
			   struct gospy_error *err)
{
	*done_ret = 0;
	if (off >= in->size)
		return GOSPY_OK;
	if (in->seekable)
		return seekable_read(in->seekable, off, dst, len, done_ret, err);
	// A file that has grown since is not read further.
	if (len > in->size - off)
		len = (size_t)(in->size - off);
	int fd = in->unpacked.fd >= 0 ? in->unpacked.fd : in->fd;
	return read_at(fd, off, dst, len, done_ret, err);
}

uint64_t input_size(const struct input *in)
{
	return in->size;
}

uint64_t input_data_size(const struct input *in)
{
	enum { EXTENTS_MAX = 1 << 16 }; // of a file that is in more pieces all is taken for data
	const int fd = in->unpacked.fd >= 0 ? in->unpacked.fd : in->fd;
	uint64_t sum = 0;
	off_t at = 0;
	for (unsigned i = 0; i < EXTENTS_MAX && !in->seekable; i++) {
		off_t data = lseek(fd, at, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			return sum < in->size ? sum : in->size;
		at = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);
		if (at <= data)
			break;
		sum += (uint64_t)(at - data);
	}
	return in->size;
}

const char *input_format(const struct input *in)
{
	return in->format;
}

bool input_cut(const struct input *in)
{
	return in->unpacked.problem[0];
}

const char *input_problem(const struct input *in)
{
	return input_cut(in) ? in->unpacked.problem : NULL;
}

const struct stat *input_stat(const struct input *in)
{
	return &in->stat;
}

int input_fd(const struct input *in)
{
	return in->fd;
}
