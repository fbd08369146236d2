/*
 * Which words of a frame hold pointers, as the garbage collector is told it: FUNCDATA of stack maps
 * and of stack objects. src/runtime/stkframe.go:getStackMap, before Go 1.21 in stack.go; written by
 * cmd/compile/internal/liveness.
 */
#ifndef GOSPY_DWARF_GO_STACK_MAP_H
#define GOSPY_DWARF_GO_STACK_MAP_H

#include "base/arena.h"
#include "dwarf/go/pclntab.h"

enum {
	/* Words that a map describes. Variables beyond 10 MiB are not put on stacks
	 * (cmd/compile/internal/ir/cfg.go:MaxStackVarSize), and few are above 128 KiB. */
	STACK_MAP_WORDS_MAX = 4 << 20,
	/* Stack objects of one function; generated code has some hundreds. */
	STACK_MAP_OBJECTS_MAX = 1 << 16,
};

/* A variable whose address is taken: it lives as long as something that lives points to it. */
struct stack_object {
	int64_t off; /* from the end of the locals if it is negative, else from the arguments */
	uint64_t size;
	uint64_t words;      /* those that may be pointers are among its first ones */
	const uint8_t *mask; /* a bit a word; NULL: any of the words may be a pointer */
};

struct stack_map {
	/* What the maps say cannot be known, or makes no sense: any word of the frame may be a
	 * pointer. There are no bits and no objects then. */
	bool any;
	bool args_unknown;  /* it may have arguments anywhere in the frame of its caller */
	bool no_locals;     /* there is no map of them; a frame that holds some is as .any */
	uint32_t arg_bytes; /* results, too */
	/* The locals end below the return address and the saved frame pointer. */
	uint32_t local_words, arg_words;
	const uint8_t *locals, *args; /* a bit a word; the last local is the highest one */
	size_t object_count;
	const struct stack_object *objects; /* by address: first the negative ones, ascending */
};

/** The maps of the frame whose next instruction is `pc`, behind a call unless it is the first one
 * of its function. Masks live as long as the table, objects as long as the arena. False: out of
 * memory. No function holds `pc`: .any. */
bool stack_map_resolve(struct pclntab *pcln, struct arena *arena, uint64_t pc,
		       struct stack_map *ret);

static inline bool stack_map_bit(const uint8_t *mask, uint64_t i)
{
	return mask[i / 8] >> i % 8 & 1;
}

#endif
