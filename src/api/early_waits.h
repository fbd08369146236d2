/*
 * Which goroutines have waited since before something happened: the heap was copied, say.
 *
 * What enters is a target that runs; what leaves is an answer for each g of a later snapshot.
 */
#ifndef GOSPY_API_EARLY_WAITS_H
#define GOSPY_API_EARLY_WAITS_H

#include <stdbool.h>

#include "api/target.h"
#include "base/vec.h"
#include "capture/grec.h"

struct early_wait {
	uint64_t g; /* its address */
	uint64_t goid, sp, waiting, waitsince;
	uint8_t seq, waitreason;
};

/* All zero: nothing waited. */
struct early_waits {
	VEC(struct early_wait) list; /* by address */
};

/** Note who waits now. Nothing is stopped. To be freed by early_waits_deinit(). As
 * gospy_snapshot_take(). */
enum gospy_code early_waits_note(struct gospy_target *target, struct early_waits *ret,
				 struct gospy_error *err) __attribute__((warn_unused_result));
void early_waits_deinit(struct early_waits *waits);
/** Has the goroutine of this record been in its wait since then? Before Go 1.17, where nothing
 * counts, one that came back to the same wait at the same place counts as one that never left. */
bool early_waits_has(const struct early_waits *waits, const struct g_rec *rec);

#endif
