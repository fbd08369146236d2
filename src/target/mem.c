#include "target/mem.h"

void mem_destroy(struct mem *mem)
{
	if (mem)
		mem->ops->destroy(mem);
}

enum gospy_code mem_readv(struct mem *mem, struct mem_req *reqs, size_t n, struct gospy_error *err)
{
	enum gospy_code code = mem->ops->readv(mem, reqs, n, err);
	if (code)
		return code;
	for (size_t i = 0; i < n; i++) {
		if (reqs[i].done != reqs[i].len) {
			uint64_t addr = reqs[i].addr + reqs[i].done;
			return err_fault(err, addr, "cannot read memory at %#llx",
					 (unsigned long long)addr);
		}
	}
	return GOSPY_OK;
}

enum gospy_code mem_read(struct mem *mem, uint64_t addr, void *dst, size_t len,
			 struct gospy_error *err)
{
	struct mem_req req = {.addr = addr, .dst = dst, .len = len};
	return mem_readv(mem, &req, 1, err);
}

enum gospy_code mem_read_stack(struct mem *mem, uint64_t addr, void *dst, size_t len,
			       struct gospy_error *err)
{
	struct mem_req req = {.addr = addr, .dst = dst, .len = len, .kind = MEM_STACK};
	return mem_readv(mem, &req, 1, err);
}

enum gospy_code mem_read_once(struct mem *mem, uint64_t addr, void *dst, size_t len,
			      struct gospy_error *err)
{
	struct mem_req req = {.addr = addr, .dst = dst, .len = len, .kind = MEM_ONCE};
	return mem_readv(mem, &req, 1, err);
}

enum gospy_code mem_read_u64(struct mem *mem, uint64_t addr, uint64_t *ret, struct gospy_error *err)
{
	uint64_t value;
	enum gospy_code code = mem_read(mem, addr, &value, sizeof(value), err);
	if (!code)
		*ret = value;
	return code;
}

enum gospy_code mem_read_u32(struct mem *mem, uint64_t addr, uint32_t *ret, struct gospy_error *err)
{
	uint32_t value;
	enum gospy_code code = mem_read(mem, addr, &value, sizeof(value), err);
	if (!code)
		*ret = value;
	return code;
}
