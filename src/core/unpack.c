#include "core/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/cleanup.h"

enum {
	IN_SIZE = 256 << 10, /* bytes read at a time */
	OUT_SIZE = 1 << 20,  /* bytes unpacked before they are written */
	PAGE = 4096,         /* as many zeros become a hole, where they lie at a multiple of it */
};

/* No file is larger: so much can a process of x86-64 have mapped. A few bytes of a stream can stand
 * for any number of zeros, which take nothing of the disk, but time. */
static const uint64_t UNPACKED_MAX = UINT64_C(1) << 47;

struct job {
	int from;
	const char *name; /* of the file, for messages */
	const struct stream_format *format;
	void *state; /* of the format */
	off_t read;  /* bytes of `from` */
	bool piped;  /* `from` is no file: it is read as it comes */
	char dir[PATH_MAX];
	int to;
	uint64_t size;    /* of what is in `to`, with its holes */
	uint64_t written; /* of these, bytes that are in no hole */
	uint64_t max;     /* of .written */
	uint64_t size_max;
	bool max_is_given;
	uint8_t in[IN_SIZE], out[OUT_SIZE];
};

/* ---- where to */

/* The variable is nothing to go by for a program that has more rights than who started it. */
static enum gospy_code name_dir(struct job *job, struct gospy_error *err)
{
	const char *dir = secure_getenv("TMPDIR");
	if (!dir || *dir != '/')
		dir = "/var/tmp";
	if (strlen(dir) >= sizeof(job->dir))
		return err_set(err, GOSPY_E_USAGE, "the name in TMPDIR is too long");
	strcpy(job->dir, dir);
	return GOSPY_OK;
}

/* Nobody else can open it: it has no name, or loses it at once. */
static int make_file(const struct job *job)
{
	int fd = open(job->dir, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0 || errno == ENOENT || errno == EACCES || errno == ENOSPC || errno == EROFS)
		return fd;
	// Some file systems have no files without names; which error says so differs.
	char path[PATH_MAX + 16];
	snprintf(path, sizeof(path), "%s/gospy-XXXXXX", job->dir);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

static enum gospy_code set_limits(struct job *job, uint64_t max, struct gospy_error *err)
{
	struct statvfs fs;
	struct rlimit limit;
	job->max = max;
	job->max_is_given = max;
	if (!max && fstatvfs(job->to, &fs) != 0)
		return err_os(err, errno, "cannot find out how much room there is in %s", job->dir);
	if (!max)
		job->max = (uint64_t)((double)fs.f_bavail * (double)fs.f_frsize * 0.9);
	job->size_max = UNPACKED_MAX;
	// Who goes beyond this one gets a signal.
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < job->size_max)
		job->size_max = limit.rlim_cur;
	return GOSPY_OK;
}

static enum gospy_code open_target(struct job *job, uint64_t max, struct gospy_error *err)
{
	enum gospy_code code = name_dir(job, err);
	if (code)
		return code;
	job->to = make_file(job);
	if (job->to < 0)
		return err_os(err, errno,
			      "cannot unpack %s into a file below %s (TMPDIR names another folder)",
			      job->name, job->dir);
	return set_limits(job, max, err);
}

/* ---- writing */

static uint64_t in_mib(uint64_t bytes)
{
	return bytes >> 20;
}

static enum gospy_code too_much(const struct job *job, struct gospy_error *err)
{
	if (job->max_is_given)
		return err_set(err, GOSPY_E_LIMIT,
			       "%s unpacks to more than the %" PRIu64
			       " MiB that --max-unpacked allows (%" PRIu64 " MiB came so far)",
			       job->name, in_mib(job->max), in_mib(job->size));
	return err_set(err, GOSPY_E_LIMIT,
		       "%s unpacks to more than %" PRIu64
		       " MiB, which is nearly all that is free in %s (%" PRIu64
		       " MiB came so far): TMPDIR names another folder, --max-unpacked allows more",
		       job->name, in_mib(job->max), job->dir, in_mib(job->size));
}

static enum gospy_code too_large(const struct job *job, struct gospy_error *err)
{
	const char *whose = job->size_max < UNPACKED_MAX ? "a file may have here (ulimit -f)"
							 : "a core file can have";
	return err_set(err, GOSPY_E_LIMIT, "%s unpacks to more than the %" PRIu64 " MiB that %s",
		       job->name, in_mib(job->size_max), whose);
}

static enum gospy_code cannot_write(const struct job *job, struct gospy_error *err)
{
	int error = errno;
	if (error == ENOSPC || error == EDQUOT || error == EFBIG)
		return err_set(err, GOSPY_E_LIMIT,
			       "there is no room in %s to unpack %s (%s after %" PRIu64
			       " MiB): TMPDIR names another folder",
			       job->dir, job->name,
			       error == EFBIG ? "the file is as large as it may be" : "it is full",
			       in_mib(job->written));
	return err_os(err, error, "cannot unpack %s into a file below %s", job->name, job->dir);
}

static enum gospy_code write_all(struct job *job, const uint8_t *at, size_t len, uint64_t off,
				 struct gospy_error *err)
{
	if (len > job->max - job->written)
		return too_much(job, err);
	while (len) {
		ssize_t n = pwrite(job->to, at, len, (off_t)off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return cannot_write(job, err);
		at += n;
		len -= (size_t)n;
		off += (uint64_t)n;
		job->written += (uint64_t)n;
	}
	return GOSPY_OK;
}

static bool is_zero(const uint8_t *at, size_t len)
{
	return !at[0] && memcmp(at, at + 1, len - 1) == 0;
}

static size_t page_at(size_t at, size_t len)
{
	return len - at < PAGE ? len - at : PAGE;
}

/* Write the first `len` bytes of .out, which belong behind what there is. */
static enum gospy_code flush(struct job *job, size_t len, struct gospy_error *err)
{
	if (len > job->size_max - job->size)
		return too_large(job, err);
	for (size_t at = 0; at < len;) {
		size_t end = at;
		while (end < len && !is_zero(job->out + end, page_at(end, len)))
			end += page_at(end, len);
		if (end > at) {
			enum gospy_code code =
				write_all(job, job->out + at, end - at, job->size + at, err);
			if (code)
				return code;
		}
		at = end < len ? end + page_at(end, len) : end;
	}
	job->size += len;
	return cancel_check(err);
}

/* ---- unpacking */

static enum gospy_code refill(struct job *job, struct stream_io *io, struct gospy_error *err)
{
	ssize_t n;
	enum gospy_code code =
		job->piped ? cancel_poll(job->from, POLLIN, UINT64_MAX, err) : GOSPY_OK;
	if (code)
		return code;
	do {
		n = job->piped ? read(job->from, job->in, IN_SIZE)
			       : pread(job->from, job->in, IN_SIZE, job->read);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_os(err, errno, "cannot read %s", job->name);
	io->in = job->in;
	io->in_len = (size_t)n;
	io->last = n == 0;
	job->read += n;
	return cancel_check(err);
}

/* Until the end of the file: `*ended_ret`, or else how far it went and why no further. */
static enum gospy_code run(struct job *job, enum stream_step *step_ret, bool *ended_ret,
			   struct gospy_error *err)
{
	struct stream_io io = {.out = job->out, .out_len = OUT_SIZE};
	enum stream_step step = STREAM_GOES_ON;
	enum gospy_code code = GOSPY_OK;
	bool moves = true;
	while (!code && moves && step <= STREAM_ENDED) {
		if (!io.in_len && !io.last)
			code = refill(job, &io, err);
		if (!code && !io.out_len) {
			code = flush(job, OUT_SIZE, err);
			io.out = job->out;
			io.out_len = OUT_SIZE;
		}
		if (code || (io.last && !io.in_len && step == STREAM_ENDED))
			break;
		size_t in = io.in_len, out = io.out_len;
		step = job->format->step(job->state, &io);
		moves = in != io.in_len || out != io.out_len ||
			(step == STREAM_ENDED && !io.in_len);
	}
	if (!code)
		code = flush(job, OUT_SIZE - io.out_len, err);
	*step_ret = step;
	*ended_ret = io.last && !io.in_len && step == STREAM_ENDED;
	return code;
}

static enum gospy_code refuse(const struct job *job, enum stream_step step, struct gospy_error *err)
{
	if (step == STREAM_NOMEM)
		return err_nomem(err);
	if (step == STREAM_TOO_LARGE)
		return err_set(err, GOSPY_E_UNSUPPORTED,
			       "unpacking %s takes more than %d MiB of memory: unpack it with %s",
			       job->name, STREAM_WINDOW_MAX >> 20, job->format->name);
	return err_set(err, GOSPY_E_BAD_DATA, "%s cannot be unpacked: its %s stream is %s",
		       job->name, job->format->name, step == STREAM_BROKEN ? "damaged" : "cut off");
}

static enum gospy_code unpack_all(struct job *job, struct unpacked *ret, struct gospy_error *err)
{
	enum stream_step step;
	bool ended;
	enum gospy_code code = run(job, &step, &ended, err);
	if (code)
		return code;
	if (!ended && (!job->size || step == STREAM_NOMEM || step == STREAM_TOO_LARGE))
		return refuse(job, step, err);
	if (ftruncate(job->to, (off_t)job->size) != 0)
		return cannot_write(job, err);
	ret->problem[0] = '\0';
	if (!ended)
		snprintf(ret->problem, sizeof(ret->problem),
			 "its %s stream is %s after %" PRIu64 " MiB", job->format->name,
			 step == STREAM_BROKEN ? "damaged" : "cut off", in_mib(job->size));
	ret->size = job->size;
	ret->fd = take_fd(&job->to);
	return GOSPY_OK;
}

static void job_end(struct job **job)
{
	if (*job && (*job)->state)
		(*job)->format->end((*job)->state);
	if (*job && (*job)->to >= 0)
		close((*job)->to);
	free(*job);
}

enum gospy_code unpack(int fd, const char *name, const struct stream_format *format, uint64_t max,
		       struct unpacked *ret, struct gospy_error *err)
{
	if (!format->begin)
		return err_set(
			err, GOSPY_E_UNSUPPORTED,
			"%s is compressed by %s, and this gospy was built without %s: unpack it "
			"first",
			name, format->name, format->library);
	CLEANUP(job_end) struct job *job = calloc(1, sizeof(*job));
	if (!job)
		return err_nomem(err);
	job->from = fd;
	job->piped = lseek(fd, 0, SEEK_CUR) < 0;
	job->name = name;
	job->format = format;
	job->to = -1;
	job->state = format->begin();
	if (!job->state)
		return err_nomem(err);
	enum gospy_code code = open_target(job, max, err);
	return code ? code : unpack_all(job, ret, err);
}
