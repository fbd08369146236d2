#include "core/put_log.h"

#include <string.h>

enum { TOUCH_EVERY = 4096, ENTRY_BYTES = 512 /* that one is expected to have */ };

bool put_log_reserve(struct put_log *log, size_t bytes)
{
	if (!vec_reserve(&log->bytes, bytes) || !vec_reserve(&log->entries, bytes / ENTRY_BYTES))
		return false;
	for (size_t i = 0; i < log->bytes.cap; i += TOUCH_EVERY)
		*(volatile uint8_t *)(log->bytes.at + i) = 0;
	for (size_t i = 0; i < log->entries.cap; i += TOUCH_EVERY / sizeof(struct put_entry))
		*(volatile uint64_t *)&log->entries.at[i].addr = 0;
	return true;
}

bool put_log_add(struct put_log *log, size_t most, uint64_t addr, const void *bytes, size_t len)
{
	const struct put_entry entry = {addr, len};
	if (!len)
		return true;
	if (len > most - log->bytes.len || !vec_reserve(&log->bytes, log->bytes.len + len) ||
	    !vec_push(&log->entries, entry))
		return false;
	memcpy(log->bytes.at + log->bytes.len, bytes, len);
	log->bytes.len += len;
	return true;
}

enum gospy_code put_log_replay(const struct put_log *log,
			       enum gospy_code (*put)(void *ctx, uint64_t addr, const void *bytes,
						      size_t len, struct gospy_error *err),
			       void *ctx, struct gospy_error *err)
{
	size_t at = 0;
	for (size_t i = 0; i < log->entries.len; i++) {
		const struct put_entry *entry = &log->entries.at[i];
		enum gospy_code code = put(ctx, entry->addr, log->bytes.at + at, entry->len, err);
		if (code)
			return code;
		at += entry->len;
	}
	return GOSPY_OK;
}

void put_log_deinit(struct put_log *log)
{
	vec_free(&log->entries);
	vec_free(&log->bytes);
}
