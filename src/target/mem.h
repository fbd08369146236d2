/*
 * Reading a target's memory, whatever it is: a live process, later a core file or a bundle, or
 * bytes of a test. There is one batched primitive; the rest are conveniences on top of it.
 *
 * A reader may be used by several threads at once.
 */
#ifndef GOSPY_TARGET_MEM_H
#define GOSPY_TARGET_MEM_H

#include "base/error.h"
#include "base/span.h"

struct mem_req {
	uint64_t addr;
	void *dst;
	size_t len;
	size_t done; /* out: bytes read from the start of this request */
};

struct mem;

struct mem_ops {
	/** Fill each request as far as it can be read and set its `done`. A request that fails does
	 * not keep the later ones from being read. GOSPY_OK even if some are incomplete; an error
	 * only when nothing more can be read at all (GOSPY_E_GONE, _PERM, _OS). */
	enum gospy_code (*readv)(struct mem *mem, struct mem_req *reqs, size_t n,
				 struct gospy_error *err);
	void (*destroy)(struct mem *mem);
};

struct mem {
	const struct mem_ops *ops;
};

void mem_destroy(struct mem *mem);

/** Batched read. GOSPY_OK: all complete. GOSPY_E_FAULT: some are not, see `done` (err names the
 * first). Other codes: nothing more can be read. Requests whose destinations follow one another in
 * memory are cheapest. */
enum gospy_code mem_readv(struct mem *mem, struct mem_req *reqs, size_t n, struct gospy_error *err)
	__attribute__((warn_unused_result));
/** All `len` bytes at `addr`, or GOSPY_E_FAULT. */
enum gospy_code mem_read(struct mem *mem, uint64_t addr, void *dst, size_t len,
			 struct gospy_error *err) __attribute__((warn_unused_result));
enum gospy_code mem_read_u64(struct mem *mem, uint64_t addr, uint64_t *ret, struct gospy_error *err)
	__attribute__((warn_unused_result));
enum gospy_code mem_read_u32(struct mem *mem, uint64_t addr, uint32_t *ret, struct gospy_error *err)
	__attribute__((warn_unused_result));

#endif
