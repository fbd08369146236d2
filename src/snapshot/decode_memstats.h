/* From the counters that were copied to what runtime.ReadMemStats returns. */
#ifndef GOSPY_SNAPSHOT_DECODE_MEMSTATS_H
#define GOSPY_SNAPSHOT_DECODE_MEMSTATS_H

#include "capture/memcopy.h"
#include "dwarf/go/layout.h"

/** What runtime.ReadMemStats of Go 1.`minor` would return; .reading and .uptime_ns are not filled.
 */
void decode_memstats(const struct memcopy *copy, const struct layout *layout, int minor,
		     struct gospy_memstats *ret);
/** Was nothing half counted when the copy was made? */
bool memcopy_at_rest(const struct memcopy *copy, const struct layout *layout);

#endif
