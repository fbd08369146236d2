#include "base/arena.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prefault.h"

struct arena_chunk {
	struct arena_chunk *next;
	size_t size;
	max_align_t data[];
};

/* Many arenas stay small: of memory that was used before, calloc clears all of a chunk. Large ones
 * grow by a half at a time, so that huge pages pay. */
enum {
	ARENA_FIRST = 8 << 10,
	ARENA_CHUNK = 64 << 10,
	ARENA_LARGE = 8 << 20,
	ARENA_CHUNK_MOST = 16 << 20,
};

static size_t next_chunk(const struct arena *arena)
{
	if (!arena->chunks)
		return ARENA_FIRST;
	if (arena->bytes < ARENA_LARGE)
		return ARENA_CHUNK;
	size_t half = arena->bytes / 2;
	return half < ARENA_CHUNK_MOST ? half : ARENA_CHUNK_MOST;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	const size_t align = _Alignof(max_align_t);
	if (size > SIZE_MAX / 2)
		return NULL;
	size = size ? (size + align - 1) & ~(align - 1) : align;
	if (size > arena->left) {
		// calloc gives zeroed pages, which costs nothing for a fresh chunk.
		size_t least = next_chunk(arena);
		size_t want = size > least ? size : least;
		struct arena_chunk *chunk = calloc(1, sizeof(*chunk) + want);
		if (!chunk)
			return NULL;
		if (want >= PREFAULT_HUGE_FROM)
			prefault(chunk, sizeof(*chunk) + want);
		chunk->size = want;
		chunk->next = arena->chunks;
		arena->chunks = chunk;
		arena->left = want;
		arena->bytes += want;
	}
	struct arena_chunk *chunk = arena->chunks;
	char *p = (char *)chunk->data + (chunk->size - arena->left);
	arena->left -= size;
	return p;
}

void *arena_calloc(struct arena *arena, size_t count, size_t size)
{
	size_t total;
	if (__builtin_mul_overflow(count, size, &total))
		return NULL;
	return arena_alloc(arena, total);
}

char *arena_strndup(struct arena *arena, const void *s, size_t len)
{
	if (len == SIZE_MAX)
		return NULL;
	char *copy = arena_alloc(arena, len + 1);
	if (copy && len)
		memcpy(copy, s, len);
	return copy;
}

char *arena_strdup(struct arena *arena, const char *s)
{
	return arena_strndup(arena, s, strlen(s));
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return NULL;
	char *s = arena_alloc(arena, (size_t)n + 1);
	if (!s)
		return NULL;
	va_start(ap, fmt);
	vsnprintf(s, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return s;
}

void arena_deinit(struct arena *arena)
{
	for (struct arena_chunk *chunk = arena->chunks, *next; chunk; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	*arena = (struct arena){0};
}
