/*
 * The runtime's type descriptors (src/internal/abi/type.go; src/runtime/type.go before 1.21), which
 * the linker keeps in every binary. They lie in [types, etypes) of a module.
 */
#ifndef GOSPY_DWARF_GO_RTYPE_H
#define GOSPY_DWARF_GO_RTYPE_H

#include "base/map.h"
#include "base/paged.h"
#include "dwarf/go/moduledata.h"
#include "dwarf/types.h"

struct rtype_named {
	const char *name; /* "runtime.g" */
	uint64_t addr;    /* 0: not found */
};

/** A type_source over one module's descriptors. */
struct rtypes {
	struct type_source source;
	struct paged *image; /* borrowed */
	/* Further modules, set by the caller: the dynamic linker lets whatever refers to a
	 * descriptor use that of the first module which has it. Borrowed; NULL ends the list, which
	 * may be NULL. */
	struct paged *const *others;
	uint64_t types, etypes;
	int minor;
	const struct rtype_named *named; /* what rtypes_init looked for */
	size_t named_count;
};

/** Scan the descriptors once for the structs in `named` (borrowed; their addr is filled). Names not
 * found just stay unknown. GOSPY_E_FAULT. */
enum gospy_code rtypes_init(struct rtypes *rtypes, struct paged *image, const struct moduledata *md,
			    int minor, struct rtype_named *named, size_t n,
			    struct gospy_error *err);

#endif
