/* Memory that consists of given bytes: what tests and fuzzers read in place of a process. */
#ifndef GOSPY_TARGET_MEM_BYTES_H
#define GOSPY_TARGET_MEM_BYTES_H

#include "target/mem.h"

struct mem_bytes_range {
	uint64_t addr;
	struct span bytes;
};

/** The reader borrows the bytes of the ranges and copies the table. A read of anything else is a
 * GOSPY_E_FAULT. */
enum gospy_code mem_bytes_create(const struct mem_bytes_range *ranges, size_t n, struct mem **ret,
				 struct gospy_error *err);

#endif
