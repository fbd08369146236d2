#include "core/mem_core.h"

#include <elf.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"

struct mem_core {
	struct mem mem;
	const struct segments *segments;
	struct input *input;
	struct mapped_files *files;
	const struct exact_ranges *exact; /* or NULL, and so is the next one */
	struct record_copy *records;
};

/* What a file has of memory that could not be written to. */
static size_t from_file(struct mapped_files *files, const struct segment *segment, uint64_t addr,
			void *dst, size_t len)
{
	const struct mapped_range *range = mapped_files_find(files, addr);
	uint64_t end, offset;
	if (!range || (segment && segment->flags & PF_W))
		return 0;
	end = segment && segment->end < range->end ? segment->end : range->end;
	if (__builtin_add_overflow(range->offset, addr - range->start, &offset) ||
	    offset > INT64_MAX)
		return 0;
	int fd = mapped_files_fd(files, range->file);
	if (len > end - addr)
		len = (size_t)(end - addr);
	ssize_t n = fd < 0 ? -1 : pread(fd, dst, len, (off_t)offset);
	return n < 0 ? 0 : (size_t)n;
}

/* As many of the bytes at `addr` as one segment or one file gives; 0: none can be had. */
static size_t read_some(const struct mem_core *core, uint64_t addr, void *dst, size_t len,
			struct gospy_error *err, enum gospy_code *code)
{
	const struct segment *segment = segments_find(core->segments, addr);
	uint64_t off = segment ? addr - segment->start : 0;
	size_t done = 0;
	if (!segment || off >= segment->stored)
		return from_file(core->files, segment, addr, dst, len);
	if (len > segment->stored - off)
		len = (size_t)(segment->stored - off);
	if (core->exact && !(len = exact_ranges_known(core->exact, addr, len)))
		return 0;
	*code = input_read(core->input, segment->offset + off, dst, len, &done, err);
	return *code ? 0 : done;
}

static enum gospy_code core_readv(struct mem *mem, struct mem_req *reqs, size_t n,
				  struct gospy_error *err)
{
	const struct mem_core *core = (const struct mem_core *)mem;
	for (size_t i = 0; i < n && !core->records; i++)
		reqs[i].done = 0;
	if (core->records)
		record_copy_read(core->records, reqs, n);
	for (struct mem_req *req = reqs; req < reqs + n; req++) {
		enum gospy_code code = GOSPY_OK;
		while (req->done < req->len) {
			uint64_t addr;
			if (__builtin_add_overflow(req->addr, req->done, &addr))
				break;
			size_t done = read_some(core, addr, (char *)req->dst + req->done,
						req->len - req->done, err, &code);
			if (!done)
				break;
			req->done += done;
		}
		// A part of a file that cannot be read, or a damaged one, is as good as missing.
		if (code == GOSPY_E_NOMEM || code == GOSPY_E_CANCELLED)
			return code;
	}
	return GOSPY_OK;
}

static void core_destroy(struct mem *mem)
{
	free(mem);
}

static const struct mem_ops core_ops = {.readv = core_readv, .destroy = core_destroy};

/* What lies between records was not read, most of it. */
static const struct mem_ops bundle_ops = {
	.readv = core_readv, .destroy = core_destroy, .runs_are_slow = true};

enum gospy_code mem_core_create(const struct segments *segments, struct input *input,
				struct mapped_files *files, const struct exact_ranges *exact,
				struct record_copy *records, struct mem **ret,
				struct gospy_error *err)
{
	struct mem_core *core = malloc(sizeof(*core));
	if (!core)
		return err_nomem(err);
	*core = (struct mem_core){.mem.ops = exact ? &bundle_ops : &core_ops,
				  .segments = segments,
				  .input = input,
				  .files = files,
				  .exact = exact,
				  .records = records};
	*ret = &core->mem;
	return GOSPY_OK;
}
