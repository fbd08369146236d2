#include "live/mem_live.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "live/diagnose.h"

enum {
	/* Elements of one call. The cost per element is the same from 256 to IOV_MAX (1024), and
	 * 256 keep both arrays on the stack. */
	BATCH = 256,
	/* The kernel silently cuts a call at MAX_RW_COUNT, just below 2 GiB; staying below, a short
	 * transfer always means a fault. */
	BATCH_BYTES = 1 << 30,
	/* Each try but the last found a live thread that had ended when it was used. */
	TRIES = 64,
};

struct mem_live {
	struct mem mem;
	const struct process *process;
	/* A thread that still has the memory: a thread that ended, the leader too, has none. */
	atomic_int tid;
	/* /proc/PID/mem once process_vm_readv was refused, or -1. */
	atomic_int mem_fd;
};

/** A part of a list of requests, in the shape of one process_vm_readv call. */
struct batch {
	struct iovec remote[BATCH], local[BATCH];
	size_t n_remote, n_local, bytes;
};

static void batch_fill(struct batch *batch, const struct mem_req *req, const struct mem_req *end)
{
	size_t n = 0, n_local = 0, bytes = 0;
	char *local_end = NULL;
	for (; req < end && n < BATCH && bytes < BATCH_BYTES; req++, n++) {
		char *dst = (char *)req->dst + req->done;
		size_t len = req->len - req->done;
		if (len > BATCH_BYTES - bytes)
			len = BATCH_BYTES - bytes;
		batch->remote[n].iov_base = (void *)(uintptr_t)(req->addr + req->done);
		batch->remote[n].iov_len = len;
		if (n_local && dst == local_end) {
			batch->local[n_local - 1].iov_len += len;
		} else {
			batch->local[n_local].iov_base = dst;
			batch->local[n_local++].iov_len = len;
		}
		local_end = dst + len;
		bytes += len;
	}
	batch->n_remote = n;
	batch->n_local = n_local;
	batch->bytes = bytes;
}

/** Note `bytes` more as read; the first request that is not complete, or `end`. */
static struct mem_req *advance(struct mem_req *req, const struct mem_req *end, size_t bytes)
{
	for (; req < end; req++) {
		size_t left = req->len - req->done;
		if (bytes < left) {
			req->done += bytes;
			break;
		}
		req->done = req->len;
		bytes -= left;
	}
	return req;
}

/** Read all requests through thread `tid`. 0 or an errno; *next_ret is where it stopped. */
static int vm_readv(pid_t tid, struct mem_req *req, const struct mem_req *end,
		    struct mem_req **next_ret)
{
	struct batch batch;
	while (req < end) {
		batch_fill(&batch, req, end);
		ssize_t n = process_vm_readv(tid, batch.local, batch.n_local, batch.remote,
					     batch.n_remote, 0);
		if (n < 0 && errno != EFAULT) {
			*next_ret = req;
			return errno;
		}
		size_t bytes = n < 0 ? 0 : (size_t)n;
		req = advance(req, end, bytes);
		// The call was short: the request where it stopped met a page that is not there.
		// The kernel works by pages, so `done` already counts what precedes that page
		// (mm/process_vm_access.c, process_vm_rw_single_vec).
		if (bytes < batch.bytes)
			req++;
	}
	*next_ret = req;
	return 0;
}

/** The same through /proc/PID/mem. */
static int file_readv(int fd, struct mem_req *req, const struct mem_req *end,
		      struct mem_req **next_ret)
{
	for (; req < end; req++) {
		while (req->done < req->len) {
			// An address beyond off_t becomes a negative offset, which is EINVAL: a
			// fault, as it should be, for user space ends below.
			ssize_t n = pread(fd, (char *)req->dst + req->done, req->len - req->done,
					  (off_t)(req->addr + req->done));
			if (n == 0) {
				// No memory is left behind the descriptor: the process ended or
				// exec'ed.
				*next_ret = req;
				return ESRCH;
			}
			if (n < 0)
				break;
			req->done += (size_t)n;
		}
	}
	*next_ret = req;
	return 0;
}

/** The thread that was read through has ended; the process may have others. */
static enum gospy_code find_thread(struct mem_live *live, struct gospy_error *err)
{
	pid_t tid;
	enum gospy_code code = process_live_tid(live->process->pid, &tid, err);
	if (!code)
		atomic_store(&live->tid, tid);
	return code;
}

/** process_vm_readv is refused or missing: open the file that takes its place. */
static enum gospy_code open_mem_file(struct mem_live *live, struct gospy_error *err)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/%d/mem", atomic_load(&live->tid));
	int fd CLEANUP_CLOSE = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		if (errno == EACCES || errno == EPERM)
			return diagnose_eperm(live->process->pid, PROCESS_READ_MEMORY, err);
		if (errno == ENOENT || errno == ESRCH)
			return find_thread(live, err);
		return err_os(err, errno, "cannot open %s", path);
	}
	int none = -1;
	if (atomic_compare_exchange_strong(&live->mem_fd, &none, fd))
		take_fd(&fd);
	return GOSPY_OK;
}

/** GOSPY_OK: the reason for `os_errno` is dealt with, try again. */
static enum gospy_code recover(struct mem_live *live, int os_errno, struct gospy_error *err)
{
	pid_t pid = live->process->pid;
	switch (os_errno) {
	case ENOSYS:
	case EPERM:
		return open_mem_file(live, err);
	case ESRCH:
		if (atomic_load(&live->mem_fd) >= 0)
			return err_set(err, GOSPY_E_GONE, "pid %d has ended or exec'ed", pid);
		return find_thread(live, err);
	default:
		return err_os(err, os_errno, "cannot read the memory of pid %d", pid);
	}
}

static enum gospy_code live_readv(struct mem *mem, struct mem_req *reqs, size_t n,
				  struct gospy_error *err)
{
	struct mem_live *live = (struct mem_live *)mem;
	struct mem_req *next = reqs, *end = reqs + n;
	for (size_t i = 0; i < n; i++)
		reqs[i].done = 0;
	for (int tries = 0; tries < TRIES; tries++) {
		int fd = atomic_load_explicit(&live->mem_fd, memory_order_acquire);
		pid_t tid = atomic_load_explicit(&live->tid, memory_order_relaxed);
		int os_errno = fd >= 0 ? file_readv(fd, next, end, &next)
				       : vm_readv(tid, next, end, &next);
		if (!os_errno)
			return GOSPY_OK;
		enum gospy_code code = recover(live, os_errno, err);
		if (code)
			return code;
	}
	return err_set(err, GOSPY_E_GONE, "the threads of pid %d end faster than they can be read",
		       live->process->pid);
}

static void live_destroy(struct mem *mem)
{
	struct mem_live *live = (struct mem_live *)mem;
	int fd = atomic_load(&live->mem_fd);
	if (fd >= 0)
		close(fd);
	free(live);
}

static const struct mem_ops live_ops = {.readv = live_readv, .destroy = live_destroy};

enum gospy_code mem_live_create(const struct process *process, struct mem **ret,
				struct gospy_error *err)
{
	struct mem_live *live = malloc(sizeof(*live));
	if (!live)
		return err_nomem(err);
	live->mem.ops = &live_ops;
	live->process = process;
	atomic_init(&live->tid, process->live_tid);
	atomic_init(&live->mem_fd, -1);
	*ret = &live->mem;
	return GOSPY_OK;
}
