/* Bump allocation: everything allocated from an arena is freed with it. */
#ifndef GOSPY_BASE_ARENA_H
#define GOSPY_BASE_ARENA_H

#include <stddef.h>

struct arena_chunk;

/** All zero is a valid empty arena. */
struct arena {
	struct arena_chunk *chunks;
	size_t left;  /* bytes unused in the newest chunk */
	size_t bytes; /* of all chunks */
};

/** `size` zeroed bytes, aligned for any type, or NULL: out of memory. */
void *arena_alloc(struct arena *arena, size_t size) __attribute__((alloc_size(2)));
/** `count` zeroed elements; NULL on overflow too. */
void *arena_calloc(struct arena *arena, size_t count, size_t size);
/** NUL-terminated copy of `len` bytes. */
char *arena_strndup(struct arena *arena, const void *s, size_t len);
char *arena_strdup(struct arena *arena, const char *s);
/** Formatted string. */
char *arena_printf(struct arena *arena, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** Free everything; the arena is empty and usable again. */
void arena_deinit(struct arena *arena);

#endif
