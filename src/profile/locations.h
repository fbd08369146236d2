/*
 * From stacks to the locations and functions of a profile, numbered as runtime/pprof of the
 * target's Go version numbers them: proto.go:locForPC in Go 1.12 and 1.13, appendLocsForStack and
 * its deck from 1.14 on.
 */
#ifndef GOSPY_PROFILE_LOCATIONS_H
#define GOSPY_PROFILE_LOCATIONS_H

#include "base/map.h"
#include "profile/callers.h"

/* What is remembered of a location beside what is shown of it. */
struct location_key {
	uint64_t pc;       /* the return address that it was made for */
	uint32_t pc_count; /* of the stack that it stands for */
	struct caller first;
	bool first_failed;
};

/* 1 + index of the location of a return address; 0: none. */
struct location_hint {
	uint64_t pc, known;
};

/* Names what no function of Go holds; NULL: it has no name. */
struct locations_foreign {
	const char *(*name)(const void *ctx, uint64_t addr);
	const void *ctx;
};

struct locations {
	struct symbols *symbols; /* borrowed */
	struct arena *arena;     /* borrowed: all that is shown lives in it */
	int minor;
	struct locations_foreign foreign; /* .name NULL: such code has no names */
	VEC(struct gospy_profile_location) all;
	VEC(struct location_key) keys; /* of these */
	VEC(struct gospy_profile_function) functions;
	VEC(struct gospy_profile_mapping) mappings;
	VEC(uint8_t) looked_up;      /* of the mappings: LOOKUP_ bits */
	struct map by_pc;            /* return address -> 1 + index of a location */
	struct location_hint *hints; /* what was found there last, in front of it */
	struct map by_name;      /* hash of a function's name -> 1 + index of the last with it */
	VEC(uint32_t) same_hash; /* of the functions: 1 + index of another one, or 0 */
	VEC(uint32_t) found;     /* locations of the stack that is looked at */
	struct callers stack;    /* the one that is looked at */
	VEC(struct caller) deck;
	uint64_t deck_pc; /* return address of its first frame */
	bool deck_failed;
};

void locations_deinit(struct locations *locations);
/** The indexes of the locations of a stack, in the arena. Those that are new are at the end of
 * .all. False: out of memory. */
bool locations_of_stack(struct locations *locations, const uint64_t *pcs, size_t n,
			const uint32_t **ret, uint32_t *count_ret);
/** A location that is no code, but has a name: a new one each time. Its index; false: out of
 * memory.
 */
bool locations_add_named(struct locations *locations, const char *name, uint32_t *ret);
/** All stacks are in: which mappings have functions is known. */
void locations_end(struct locations *locations);

#endif
