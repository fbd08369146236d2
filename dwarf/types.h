/*
 * Struct types of the target's runtime, from whichever source knows them: the type descriptors in
 * the program (rtype.c), which no strip removes, or DWARF (dwarf_info.c).
 */
#ifndef GOSPY_DWARF_TYPES_H
#define GOSPY_DWARF_TYPES_H

#include "base/error.h"

struct type_field {
	uint64_t offset;
	uint64_t size;
	uint64_t type; /* handle of the field's type, for its own fields */
};

struct type_source;

struct type_source_ops {
	const char *name; /* "type descriptor", "DWARF" */
	/** Handle of struct type `name` ("runtime.g"); false: this source does not have it. */
	bool (*find)(struct type_source *source, const char *name, uint64_t *type_ret);
	/** Field `name` of a struct type; false: no such field, or not a struct. */
	bool (*field)(struct type_source *source, uint64_t type, const char *name, size_t name_len,
		      struct type_field *ret);
	/** Size of a type in bytes; false: unknown. */
	bool (*size)(struct type_source *source, uint64_t type, uint64_t *ret);
};

struct type_source {
	const struct type_source_ops *ops;
};

/**
 * Follow a dotted path ("sched.sp") from a struct type; offsets add up. `path` may name
 * alternatives, "new|old": the first that exists is taken. A field that is an atomic wrapper
 * (src/internal/runtime/atomic) keeps the offset of the plain field, so "goid" serves for both
 * forms and `size` tells the width.
 */
bool types_path(struct type_source *source, uint64_t type, const char *path,
		struct type_field *ret);

#endif
