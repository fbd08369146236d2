/* Memory of a live process. */
#ifndef GOSPY_LIVE_MEM_LIVE_H
#define GOSPY_LIVE_MEM_LIVE_H

#include "live/process.h"
#include "target/mem.h"

/** Read by process_vm_readv, and through /proc/PID/mem where that call is refused or missing.
 * `process` is borrowed and must outlive the reader. */
enum gospy_code mem_live_create(const struct process *process, struct mem **ret,
				struct gospy_error *err);

#endif
