#include "core/put_log.h"

#include <string.h>

#include "base/prefault.h"

enum { TOUCH_EVERY = 4096, ENTRY_BYTES = 128 /* that one is expected to have, and more */ };

bool put_log_reserve(struct put_log *log, size_t bytes)
{
	if (!vec_reserve(&log->bytes, bytes) || !vec_reserve(&log->entries, bytes / ENTRY_BYTES))
		return false;
	prefault(log->bytes.at, log->bytes.cap);
	prefault(log->entries.at, log->entries.cap * sizeof(*log->entries.at));
	for (size_t i = 0; i < log->bytes.cap; i += TOUCH_EVERY)
		*(volatile uint8_t *)(log->bytes.at + i) = 0;
	for (size_t i = 0; i < log->entries.cap; i += TOUCH_EVERY / sizeof(struct put_entry))
		*(volatile uint64_t *)&log->entries.at[i].addr = 0;
	return true;
}

bool put_log_add(struct put_log *log, size_t most, const struct put_entry *entry, const void *bytes)
{
	const size_t len = entry->len;
	if (!len)
		return true;
	if (len > most - log->bytes.len || !vec_reserve(&log->bytes, log->bytes.len + len) ||
	    !vec_push(&log->entries, *entry))
		return false;
	memcpy(log->bytes.at + log->bytes.len, bytes, len);
	log->bytes.len += len;
	return true;
}

enum gospy_code put_log_replay(const struct put_log *const logs[2],
			       enum gospy_code (*put)(void *ctx, const struct put_entry *entry,
						      uint8_t *bytes, struct gospy_error *err),
			       void *ctx, struct gospy_error *err)
{
	size_t next[2] = {0, 0}, at[2] = {0, 0};
	while (next[0] < logs[0]->entries.len || next[1] < logs[1]->entries.len) {
		const bool second = next[0] == logs[0]->entries.len ||
				    (next[1] < logs[1]->entries.len &&
				     logs[1]->entries.at[next[1]].when_ns <
					     logs[0]->entries.at[next[0]].when_ns);
		const struct put_log *log = logs[second];
		const struct put_entry *entry = &log->entries.at[next[second]++];
		enum gospy_code code = put(ctx, entry, log->bytes.at + at[second], err);
		if (code)
			return code;
		at[second] += entry->len;
	}
	return GOSPY_OK;
}

void put_log_deinit(struct put_log *log)
{
	vec_free(&log->entries);
	vec_free(&log->bytes);
}
