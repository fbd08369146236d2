/*
 * Which type an object has. From Go 1.22 on objects of more than 512 bytes say so themselves; the
 * words of an interface tell it of what they lead to; the types of objects tell it of what their
 * pointers lead to. That is how types spread, from what is known to what is not. An object is of a
 * type only if it may be: its slot has the size for it, and pointers or not, as the type does.
 *
 * Nothing is guessed but where a slice begins inside an object. Such a guess counts until something
 * better is known.
 */
#ifndef GOSPY_HEAP_TYPES_H
#define GOSPY_HEAP_TYPES_H

#include "heap/gotypes.h"
#include "heap/heap.h"

enum { TYPES_CACHE = 4096 };

/* What a word is, that stands before a pointer. */
struct types_word {
	uint64_t word;
	uint64_t type; /* the descriptor; 0: it is none */
};

struct types {
	struct heap *heap; /* borrowed */
	struct gotypes gotypes;
	uint16_t *of;         /* number of the type of each object; 0: not known */
	uint64_t *guessed;    /* a bit for each object */
	uint64_t *pending[2]; /* of those that may have pointers: to be followed; 1: guessed */
	size_t pending_count[2];
	uint64_t smaller[SPAN_CLASSES]; /* size of the slots of the next smaller class */
	uint64_t lo, hi;                /* where the program's descriptors and itabs are */
	struct types_word cache[TYPES_CACHE];
	uint64_t read; /* bytes, to follow types */
	bool cut;      /* there was more to read than it may be */
	struct budget *budget;
	size_t charged;
};

/** Before objects are looked at: their spans are known. `types` is large and all zero.
 * GOSPY_E_LIMIT: the budget is used up; GOSPY_E_NOMEM. */
enum gospy_code types_begin(struct types *types, struct heap *heap, struct budget *budget,
			    struct gospy_error *err);
void types_end(struct types *types);

/** The object is of this type, or has several of it. */
void types_header(struct types *types, const struct heap_span *span, uint32_t number,
		  uint64_t type);
/** `pointer` is the second word of what may be an interface, `before` is the first. */
void types_pair(struct types *types, uint64_t before, uint64_t pointer);

/** A value of that type lies in a variable; `bytes` are all of it. */
void types_variable(struct types *types, uint64_t type, const uint8_t *bytes, size_t len);
/** A pointer to a value of that type; the three words of a slice of them; the first word of a
 * string. */
void types_pointer(struct types *types, uint64_t type, uint64_t pointer);
void types_slice(struct types *types, uint64_t type, const uint8_t words[24]);
void types_string(struct types *types, uint64_t pointer);

/** May this word be the first of an interface? */
static inline bool types_is_near(const struct types *types, uint64_t before)
{
	return before - types->lo < types->hi - types->lo;
}

/** Follow all types, which reads objects anew. GOSPY_E_GONE, GOSPY_E_NOMEM, GOSPY_E_CANCELLED. */
enum gospy_code types_spread(struct types *types, const struct heap_options *options,
			     struct gospy_error *err);

#endif
