#include "target/mem_bytes.h"

#include <stdlib.h>
#include <string.h>

struct mem_bytes {
	struct mem mem;
	size_t n;
	struct mem_bytes_range ranges[];
};

/** Bytes from `addr` to the end of the range that holds it, or none. */
static struct span bytes_at(const struct mem_bytes *bytes, uint64_t addr)
{
	for (size_t i = 0; i < bytes->n; i++) {
		const struct mem_bytes_range *range = &bytes->ranges[i];
		uint64_t off = addr - range->addr;
		if (addr >= range->addr && off < range->bytes.len)
			return span_sub(range->bytes, off, range->bytes.len - off);
	}
	return (struct span){NULL, 0};
}

static enum gospy_code bytes_readv(struct mem *mem, struct mem_req *reqs, size_t n,
				   struct gospy_error *err)
{
	(void)err;
	const struct mem_bytes *bytes = (const struct mem_bytes *)mem;
	for (struct mem_req *req = reqs; req < reqs + n; req++) {
		req->done = 0;
		while (req->done < req->len) {
			struct span span = bytes_at(bytes, req->addr + req->done);
			size_t left = req->len - req->done;
			size_t len = span.len < left ? span.len : left;
			if (!len)
				break;
			memcpy((char *)req->dst + req->done, span.ptr, len);
			req->done += len;
		}
	}
	return GOSPY_OK;
}

static void bytes_destroy(struct mem *mem)
{
	free(mem);
}

static const struct mem_ops bytes_ops = {.readv = bytes_readv, .destroy = bytes_destroy};

enum gospy_code mem_bytes_create(const struct mem_bytes_range *ranges, size_t n, struct mem **ret,
				 struct gospy_error *err)
{
	struct mem_bytes *bytes = malloc(sizeof(*bytes) + n * sizeof(*ranges));
	if (!bytes)
		return err_nomem(err);
	bytes->mem.ops = &bytes_ops;
	bytes->n = n;
	if (n)
		memcpy(bytes->ranges, ranges, n * sizeof(*ranges));
	*ret = &bytes->mem;
	return GOSPY_OK;
}
