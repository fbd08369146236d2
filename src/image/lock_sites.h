/*
 * Which locks the calls of a program hold, asked by program counters of a process: lock_table.h,
 * under the lock that guards the function table.
 */
#ifndef GOSPY_IMAGE_LOCK_SITES_H
#define GOSPY_IMAGE_LOCK_SITES_H

#include "dwarf/go/lock_table.h"
#include "image/symbols.h"

struct lock_sites {
	const struct symbolizer *symbolizer; /* borrowed */
	struct lock_table table;
};

void lock_sites_init(struct lock_sites *sites, const struct symbolizer *symbolizer);
void lock_sites_deinit(struct lock_sites *sites);
/** As lock_table_at(). What is in the answer is of the table: addresses of the program are below
 * those of the process by .bias of the symbolizer. */
struct lock_answer lock_sites_at(struct lock_sites *sites, uint64_t pc, bool exact);
/** As lock_table_method(), of an address of the process. */
enum lock_callee_kind lock_sites_method(struct lock_sites *sites, uint64_t entry);
/** As lock_table_releases(). */
bool lock_sites_releases(struct lock_sites *sites, uint64_t pc);

#endif
