/*
 * Which words of a type are pointers, as abi.Type says: internal/abi/type.go, up to Go 1.20
 * runtime/type.go. Types are read from the target's memory, where reflect makes some, too. Each is
 * looked at once.
 */
#ifndef GOSPY_HEAP_MASKS_H
#define GOSPY_HEAP_MASKS_H

#include "base/arena.h"
#include "base/budget.h"
#include "base/map.h"
#include "target/mem.h"

/* A type that was looked at. */
struct mask {
	uint64_t type;            /* its address */
	uint64_t size, ptr_bytes; /* the words from .ptr_bytes on are no pointers */
	/* A bit for each word below .ptr_bytes; NULL: it is not known, or makes no sense. */
	const uint64_t *bits;
	uint32_t kind; /* abi.Kind: 25 is a struct */
};

struct masks {
	struct mem *mem; /* borrowed */
	int minor;
	struct budget *budget;
	struct map by_type; /* struct mask * */
	struct arena arena;
	size_t charged; /* bytes taken of the budget */
};

void masks_init(struct masks *masks, struct mem *mem, int minor, struct budget *budget);
void masks_deinit(struct masks *masks);

/** What is known of the type at `type`. NULL: out of memory. */
const struct mask *masks_of(struct masks *masks, uint64_t type);

#endif
