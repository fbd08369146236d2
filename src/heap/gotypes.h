/*
 * The types of a program, as its descriptors tell: names, sizes, where in a value which pointers
 * are. internal/abi/type.go, up to Go 1.20 runtime/type.go; the layouts of channels and maps:
 * runtime/chan.go, map.go, internal/runtime/maps; Go 1.12-1.27. Descriptors are read from the
 * target's memory, each once.
 */
#ifndef GOSPY_HEAP_GOTYPES_H
#define GOSPY_HEAP_GOTYPES_H

#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "image/image.h"

/* abi.Kind. */
enum gokind {
	GOKIND_ARRAY = 17,
	GOKIND_CHAN = 18,
	GOKIND_FUNC = 19,
	GOKIND_INTERFACE = 20,
	GOKIND_MAP = 21,
	GOKIND_POINTER = 22,
	GOKIND_SLICE = 23,
	GOKIND_STRING = 24,
	GOKIND_STRUCT = 25,
	GOKIND_UNSAFE_POINTER = 26,
};

/* What an object is of a type. */
enum gorole {
	GOROLE_VALUE,   /* a value of it */
	GOROLE_ARRAY,   /* several, one behind the other: what a slice leads to */
	GOROLE_CHAN,    /* runtime.hchan of that type of channels */
	GOROLE_MAP,     /* runtime.hmap, from Go 1.24 on maps.Map */
	GOROLE_MAP_DIR, /* the pointers to its tables, Go 1.24+ */
	GOROLE_MAP_TABLE,
	GOROLE_STRING,  /* the bytes of a string; it has no descriptor */
	GOROLE_CLOSURE, /* a function with what it has captured; the descriptor is its entry, or 0
			 */
};

enum goleaf_what {
	GOLEAF_OBJECT,      /* a pointer to what .role is of .type */
	GOLEAF_SLICE,       /* pointer, length, capacity; .type is that of the elements */
	GOLEAF_EMPTY_IFACE, /* type, pointer */
	GOLEAF_IFACE,       /* itab, pointer */
	GOLEAF_SWISS_MAP,   /* the first pointer of a maps.Map, with its length behind it */
};

/* A pointer in a value. */
struct goleaf {
	uint32_t off;
	uint8_t what, role;
	uint64_t type; /* address of a descriptor, or 0 */
};

struct gotype {
	uint64_t addr; /* of the descriptor, or of a function, or 0 */
	enum gorole role;
	uint8_t kind;
	bool known;         /* its descriptor makes sense */
	bool walked;        /* .leaves are there */
	uint64_t size;      /* of a value */
	uint64_t ptr_bytes; /* behind these there are no pointers */
	/* Of a value of .step bytes; an object is as many of them as fit. 0: it is but one. */
	struct goleaf *leaves;
	size_t leaf_count;
	uint64_t step;
};

enum {
	GOTYPES_MAX = UINT16_MAX, /* numbers have 16 bits, and 0 stands for none */
	GOTYPE_NAME_MAX = 512,    /* bytes of a name; more are cut off */
};

struct gotypes {
	struct image *image;    /* borrowed */
	VEC(struct gotype) all; /* by number; 0 is none */
	struct map by_key;      /* -> number */
	struct map descriptors; /* their first bytes, by address: GOTYPE_BYTES; NULL: unreadable */
	struct arena arena;
	size_t read;     /* descriptors */
	uint64_t fields; /* that were looked at, of all types */
	bool full;       /* there were more than GOTYPES_MAX */
	bool swiss;      /* maps are those of Go 1.24 */
	bool no_memory;
};

enum gospy_code gotypes_init(struct gotypes *types, struct image *image, struct gospy_error *err);
void gotypes_deinit(struct gotypes *types);

/** The number of what `role` is of the type at `addr`; 0: it is none, or there are too many. */
uint16_t gotypes_number(struct gotypes *types, enum gorole role, uint64_t addr);
/** The type of that number, with its leaves. Valid until the next gotypes_number(). */
const struct gotype *gotypes_walked(struct gotypes *types, uint16_t number);
/** The dynamic type of an interface whose first word this is, or 0. */
uint64_t gotypes_dynamic(struct gotypes *types, uint64_t word, bool has_itab);
/** Is this the address of a descriptor, or of an itab? Returns the descriptor, or 0. */
uint64_t gotypes_guess(struct gotypes *types, uint64_t word);
/** What the pointer of an interface with that dynamic type leads to. False: nothing is known. */
bool gotypes_boxed(struct gotypes *types, uint64_t type, enum gorole *role_ret, uint64_t *type_ret);

/** The type of the groups, or up to Go 1.23 of the buckets, of that type of maps, or 0. */
uint64_t gotypes_inner(struct gotypes *types, uint64_t map);

/* What others need to read descriptors themselves. Offsets in abi.Type and what it begins. */
enum {
	GOTYPE_SIZE = 0,
	GOTYPE_ELEM = 48, /* of arrays, channels, pointers, slices */
	GOTYPE_FIELDS = 56,
	GOTYPE_FIELD_LEN = 24, /* name, type, offset */
	GOTYPE_METHODS = 64,   /* of interfaces: how many there are */
	GOTYPE_FIELDS_MAX = 1 << 14,
};
/** The first bytes of the descriptor at that address; NULL: there is none that makes sense. */
const uint8_t *gotypes_descriptor(struct gotypes *types, uint64_t addr);
static inline uint64_t gotypes_word(const uint8_t *descriptor, unsigned off)
{
	uint64_t word;
	memcpy(&word, descriptor + off, sizeof(word));
	return word;
}
uint8_t gotypes_kind(const uint8_t *descriptor);
/** Where a field of a structure begins, of the GOTYPE_FIELD_LEN bytes that tell of it. */
uint64_t gotypes_field_off(const struct gotypes *types, const uint8_t *field);
/** The text of an abi.Name; false: it cannot be read, or there is none. */
bool gotypes_add_text(struct strbuf *b, const struct gotypes *types, uint64_t name);
/** How the descriptor is called. */
bool gotypes_add_name(struct strbuf *b, struct gotypes *types, uint64_t addr);

/** How Go writes it; to be freed. NULL: out of memory. */
char *gotypes_name(struct gotypes *types, uint16_t number);

#endif
