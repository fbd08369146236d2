/* What was put, to be put later. */
#ifndef GOSPY_CORE_PUT_LOG_H
#define GOSPY_CORE_PUT_LOG_H

#include <stdbool.h>

#include "base/error.h"
#include "base/vec.h"

struct put_entry {
	uint64_t when_ns;
	uint64_t addr;
	size_t len;
	bool raw; /* something is still to be taken out of it */
};

/* All zero is a valid empty log. */
struct put_log {
	VEC(struct put_entry) entries;
	VEC(uint8_t) bytes;
};

/** Room for that many bytes, which is touched so that it costs nothing later. False: no memory is
 * left. */
bool put_log_reserve(struct put_log *log, size_t bytes);
/** Times only grow in a log. False: there would be more than `most` bytes in it, or no memory is
 * left.
 */
bool put_log_add(struct put_log *log, size_t most, const struct put_entry *entry,
		 const void *bytes);
/** Call `put` for each entry of both logs by their times, as long as it returns GOSPY_OK. It may
 * change the bytes. */
enum gospy_code put_log_replay(const struct put_log *const logs[2],
			       enum gospy_code (*put)(void *ctx, const struct put_entry *entry,
						      uint8_t *bytes, struct gospy_error *err),
			       void *ctx, struct gospy_error *err);
void put_log_deinit(struct put_log *log);

#endif
