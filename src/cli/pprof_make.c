#include "cli/pprof_make.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "cli/shared.h"
#include "render/units.h"

void pprof_product_deinit(struct pprof_product *product)
{
	for (size_t i = 0; i < product->subjects.len; i++) {
		struct pprof_subject *subject = &product->subjects.at[i];
		gospy_profile_destroy(subject->profile);
		gospy_target_close(subject->target);
		if (subject->fd >= 0)
			close(subject->fd);
	}
	vec_free(&product->subjects);
	vec_free(&product->pids);
	gospy_profile_destroy(product->merged);
	gospy_profile_destroy(product->difference);
}

/* -------------------------------------------------------------------------------------- reading --
 */

struct making {
	struct cli *cli;
	const struct pprof_request *request;
	struct pprof_product *product;
	struct gospy_error err; /* why the last one was left out */
};

/* The process is left out. False: it was the only one asked for, or the last of them. */
static bool leave_out(struct making *m, struct pprof_subject *subject, pid_t pid,
		      const struct gospy_error *err)
{
	gospy_profile_destroy(take(subject->profile));
	gospy_target_close(take(subject->target));
	m->err = *err;
	m->product->count--;
	if (!m->request->several)
		return false;
	m->cli->about = pid;
	if (m->product->count)
		cli_note(m->cli, "left out: %s", err->msg);
	return m->product->count;
}

static enum gospy_code read_profile(const struct pprof_request *request,
				    struct gospy_target *target, struct gospy_profile **ret,
				    struct gospy_error *err)
{
	const struct gospy_profile_options how = {
		.size = sizeof(how),
		.kind = request->kind,
		.non_blocking = request->snapshot->non_blocking,
		.max_pause_ns = request->snapshot->max_pause_ns,
		.frames = request->frames,
		.state_label = request->tags & PPROF_TAG_STATE,
		.reason_label = request->tags & PPROF_TAG_REASON,
	};
	return gospy_profile_create(target, &how, ret, err);
}

static pid_t pid_of(const struct pprof_subject *subject)
{
	return gospy_target_info(subject->target)->pid;
}

static bool read_first(struct making *m, struct pprof_subject *subject, const struct which_one *one)
{
	struct gospy_read_options unused;
	struct gospy_error err;
	if (shared_open(m->request->snapshot, one, &subject->target, &unused, &err) ||
	    read_profile(m->request, subject->target, &subject->profile, &err))
		return leave_out(m, subject, one->pid, &err);
	if (m->request->over_ns && one->core) {
		err_set(&err, GOSPY_E_USAGE,
			"nothing happens in a core file: --seconds is for processes");
		return leave_out(m, subject, 0, &err);
	}
	shared_note_left_out(m->cli, gospy_target_info(subject->target)->left_out);
	// Where the kernel has none, the end is seen when the process is read again.
	if (m->request->over_ns)
		subject->fd = (int)syscall(SYS_pidfd_open, one->pid, 0);
	return true;
}

/* ----------------------------------------------------------------------------- over some time --
 */

static void say_that_it_waits(const struct making *m)
{
	if (m->cli->verbose || isatty(STDERR_FILENO))
		cli_note(m->cli, "the first one is read, the second follows in %s; Ctrl-C ends it",
			 units_ms(m->request->over_ns).s);
}

/* Those that have ended while they were waited for. False: nothing is left to wait for. */
static bool look_for_ends(struct making *m, const struct pollfd *fds, uint64_t left_ns)
{
	struct gospy_error err;
	for (size_t i = 0; i < m->product->subjects.len; i++) {
		struct pprof_subject *subject = &m->product->subjects.at[i];
		if (!subject->target || !fds[i].revents)
			continue;
		pid_t pid = pid_of(subject);
		err_set(&err, GOSPY_E_GONE,
			"process %d has ended, %s before its second profile was to be read",
			(int)pid, units_ms(left_ns).s);
		if (!leave_out(m, subject, pid, &err))
			return false;
	}
	return true;
}

static bool wait_for_second(struct making *m)
{
	const uint64_t end_ns = clock_after(clock_mono_ns(), m->request->over_ns);
	size_t n = m->product->subjects.len;
	CLEANUP_FREE struct pollfd *fds = calloc(n, sizeof(*fds));
	if (!fds) {
		err_nomem(&m->err);
		return false;
	}
	say_that_it_waits(m);
	for (uint64_t now_ns; (now_ns = clock_mono_ns()) < end_ns;) {
		uint64_t left_ms = (end_ns - now_ns + 999999) / 1000000;
		for (size_t i = 0; i < n; i++) {
			const struct pprof_subject *subject = &m->product->subjects.at[i];
			fds[i] = (struct pollfd){.fd = subject->target ? subject->fd : -1,
						 .events = POLLIN};
		}
		if (poll(fds, n, left_ms < INT_MAX ? (int)left_ms : INT_MAX) > 0 &&
		    !look_for_ends(m, fds, end_ns - now_ns))
			return false;
	}
	return true;
}

/* serveDeltaProfile of net/http/pprof/pprof.go: the second less the first one. */
static enum gospy_code subtract(struct pprof_subject *subject, struct gospy_profile *second,
				struct gospy_error *err)
{
	struct gospy_profile *first = subject->profile;
	const struct gospy_profile_part parts[] = {{.profile = first, .factor = -1},
						   {.profile = second, .factor = 1}};
	struct gospy_profile *difference;
	enum gospy_code code = gospy_profile_merge(parts, 2, &difference, err);
	if (code)
		return code;
	difference->time_unix_ns = second->time_unix_ns;
	difference->duration_ns = (int64_t)(second->time_unix_ns - first->time_unix_ns);
	gospy_profile_destroy(first);
	subject->profile = difference;
	return GOSPY_OK;
}

static bool read_second(struct making *m, struct pprof_subject *subject)
{
	struct gospy_profile *second = NULL;
	struct gospy_error err;
	enum gospy_code code = read_profile(m->request, subject->target, &second, &err);
	if (!code)
		code = subtract(subject, second, &err);
	gospy_profile_destroy(second);
	return !code || leave_out(m, subject, pid_of(subject), &err);
}

static bool read_all(struct making *m, const which_ones *ones)
{
	struct pprof_product *product = m->product;
	for (size_t i = 0; i < ones->len; i++) {
		if (!vec_push(&product->subjects, (struct pprof_subject){.fd = -1})) {
			err_nomem(&m->err);
			return false;
		}
	}
	product->count = ones->len;
	for (size_t i = 0; i < ones->len; i++) {
		if (!read_first(m, &product->subjects.at[i], &ones->at[i]))
			return false;
	}
	if (!m->request->over_ns)
		return true;
	if (!wait_for_second(m))
		return false;
	for (size_t i = 0; i < ones->len; i++) {
		struct pprof_subject *subject = &product->subjects.at[i];
		if (subject->target && !read_second(m, subject))
			return false;
	}
	return true;
}

/* ----------------------------------------------------------------------------------- put together
 * --
 */

enum { TAGS_MAX = 3, TAG_HOST_SIZE = 256 };

/* The tags of a process, and what their texts live in. */
struct tags {
	struct gospy_label labels[TAGS_MAX];
	size_t count;
	char pid[16], host[TAG_HOST_SIZE];
	struct gospy_process_info *info;
};

static void add_tag(struct tags *tags, const char *key, const char *value)
{
	tags->labels[tags->count++] = (struct gospy_label){key, value};
}

/* Of a core file neither this machine nor a process here says anything. */
static void make_tags(const struct pprof_request *request, const struct gospy_target_info *info,
		      struct tags *tags)
{
	bool runs = info->kind == GOSPY_TARGET_PROCESS;
	if (request->tags & PPROF_TAG_PID) {
		snprintf(tags->pid, sizeof(tags->pid), "%d", (int)info->pid);
		add_tag(tags, "pid", tags->pid);
	}
	if (runs && request->tags & PPROF_TAG_HOST &&
	    !gethostname(tags->host, sizeof(tags->host) - 1))
		add_tag(tags, "host", tags->host);
	if (runs && request->tags & PPROF_TAG_CONTAINER &&
	    !gospy_process_info_create(info->pid, 0, &tags->info, NULL) && tags->info->container)
		add_tag(tags, "container", tags->info->container);
}

static enum gospy_code put_together(const struct pprof_request *request,
				    struct pprof_product *product, struct gospy_error *err)
{
	size_t n = 0;
	CLEANUP_FREE struct gospy_profile_part *parts = calloc(product->count, sizeof(*parts));
	CLEANUP_FREE struct tags *tags = calloc(product->count, sizeof(*tags));
	if (!parts || !tags)
		return err_nomem(err);
	for (size_t i = 0; i < product->subjects.len; i++) {
		const struct pprof_subject *subject = &product->subjects.at[i];
		if (!subject->target)
			continue;
		make_tags(request, gospy_target_info(subject->target), &tags[n]);
		parts[n] = (struct gospy_profile_part){subject->profile, 1, tags[n].labels,
						       tags[n].count};
		n++;
	}
	enum gospy_code code = gospy_profile_merge(parts, n, &product->merged, err);
	for (size_t i = 0; i < n; i++)
		gospy_process_info_destroy(tags[i].info);
	product->now = product->merged;
	return code;
}

/* As go tool pprof does it with -diff_base. */
static enum gospy_code take_off_base(const struct gospy_profile *base,
				     struct pprof_product *product, struct gospy_error *err)
{
	const struct gospy_label label = {"pprof::base", "true"};
	const struct gospy_profile_part parts[] = {{.profile = product->now, .factor = 1},
						   {base, -1, &label, 1}};
	enum gospy_code code = gospy_profile_merge(parts, 2, &product->difference, err);
	product->shown = product->difference;
	return code ? err_context(err, code, "--diff") : GOSPY_OK;
}

static enum gospy_code combine(const struct pprof_request *request, struct pprof_product *product,
			       struct gospy_error *err)
{
	enum gospy_code code = GOSPY_OK;
	for (size_t i = 0; i < product->subjects.len; i++) {
		const struct pprof_subject *subject = &product->subjects.at[i];
		if (!subject->target)
			continue;
		product->now = subject->profile;
		if (!vec_push(&product->pids, pid_of(subject)))
			return err_nomem(err);
	}
	product->writer = request->over_ns ? PPROF_HTTP : PPROF_RUNTIME;
	if (request->several || request->tags)
		code = put_together(request, product, err);
	product->shown = product->now;
	if (!code && request->base)
		code = take_off_base(request->base, product, err);
	if (product->merged || product->difference)
		product->writer = PPROF_TOOL;
	return code;
}

const struct gospy_target_info *pprof_first(const struct pprof_product *product)
{
	size_t i = 0;
	while (!product->subjects.at[i].target)
		i++;
	return gospy_target_info(product->subjects.at[i].target);
}

int pprof_make(struct cli *cli, const struct pprof_request *request, const which_ones *ones,
	       struct pprof_product *ret)
{
	struct making m = {.cli = cli, .request = request, .product = ret};
	if (!read_all(&m, ones) || combine(request, ret, &m.err))
		return cli_fail(cli, &m.err);
	return CLI_GO_ON;
}

/* ---------------------------------------------------------------------------------------- --diff
 * --
 */

/* What the runtime calls the period of each. */
static const char *const periods[] = {
	[GOSPY_PROFILE_GOROUTINE] = "goroutine",
	[GOSPY_PROFILE_HEAP] = "space",
	[GOSPY_PROFILE_ALLOCS] = "space",
	[GOSPY_PROFILE_BLOCK] = "contentions",
	[GOSPY_PROFILE_MUTEX] = "contentions",
	[GOSPY_PROFILE_THREADCREATE] = "threadcreate",
	[GOSPY_PROFILE_GOROUTINELEAK] = "goroutineleak",
};

static enum gospy_code read_file(const char *path, struct gospy_profile **ret,
				 struct gospy_error *err)
{
	enum { SIZE_MAX_ = 512 << 20 }; // the largest that can be decoded
	CLEANUP_CLOSE int fd = -1;
	CLEANUP_FREE uint8_t *bytes = NULL;
	struct stat st;
	enum gospy_code code = file_open(path, &fd, err);
	if (code)
		return code;
	if (fstat(fd, &st))
		return err_os(err, errno, "cannot read %s", path);
	if (st.st_size > SIZE_MAX_)
		return err_set(err, GOSPY_E_LIMIT, "%s is larger than any profile is", path);
	size_t size = (size_t)st.st_size, len = 0;
	bytes = malloc(size ? size : 1);
	if (!bytes)
		return err_nomem(err);
	for (ssize_t n; len < size; len += (size_t)n) {
		n = read(fd, bytes + len, size - len);
		if (n < 0)
			return err_os(err, errno, "cannot read %s", path);
		if (!n)
			break;
	}
	code = gospy_profile_decode(bytes, len, ret, err);
	if (code == GOSPY_E_BAD_DATA) {
		const struct gospy_error why = *err;
		return err_set(err, code,
			       "%s: %s; `gospy pprof TYPE PROCESS -o FILE` writes one that can be "
			       "compared with",
			       path, why.msg);
	}
	return code ? err_context(err, code, "%s", path) : GOSPY_OK;
}

/* A core file or a bundle: of several things only a profile is packed by gzip. */
static bool is_core(const char *path)
{
	uint8_t magic[2] = {0};
	CLEANUP_CLOSE int fd = -1;
	if (!gospy_is_core(path) || file_open(path, &fd, NULL))
		return false;
	return pread(fd, magic, sizeof(magic), 0) == sizeof(magic) &&
	       !(magic[0] == 0x1f && magic[1] == 0x8b);
}

static enum gospy_code make_of_core(const char *path, const struct pprof_request *request,
				    struct gospy_profile **ret, struct gospy_error *err)
{
	CLEANUP(shared_target_close) struct gospy_target *target = NULL;
	const struct which_one one = {.core = path};
	struct gospy_read_options unused;
	enum gospy_code code = shared_open(request->snapshot, &one, &target, &unused, err);
	return code ? code : read_profile(request, target, ret, err);
}

enum gospy_code pprof_read_base(const char *path, const struct pprof_request *request,
				struct gospy_profile **ret, struct gospy_error *err)
{
	struct gospy_profile *base;
	bool of_core = is_core(path);
	enum gospy_code code =
		of_core ? make_of_core(path, request, &base, err) : read_file(path, &base, err);
	if (code)
		return err_context(err, code, "--diff");
	if (strcmp(base->period_type.type, periods[request->kind]) != 0) {
		code = err_set(err, GOSPY_E_USAGE,
			       "--diff %s: it holds %.40s in %.40s, so it is another profile: "
			       "compare with a file of the same kind",
			       path, base->types[base->type_count - 1].type,
			       base->types[base->type_count - 1].unit);
		gospy_profile_destroy(base);
		return code;
	}
	*ret = base;
	return GOSPY_OK;
}
