/*
 * Struct layouts from DWARF 4 and 5, through libdwarf, for the few structures that have no type
 * descriptor. .debug_info is inflated unit by unit until the name of a struct is in its bytes;
 * libdwarf reads the entry there. So even a large program costs no more than inflating what
 * precedes its types.
 */
#ifndef GOSPY_DWARF_DWARF_INFO_H
#define GOSPY_DWARF_DWARF_INFO_H

#include "dwarf/elf_file.h"
#include "dwarf/types.h"

struct dwinfo;

/** `elf` is borrowed and must outlive it. GOSPY_E_NOT_FOUND: no DWARF. */
enum gospy_code dwinfo_create(struct elf_file *elf, struct dwinfo **ret, struct gospy_error *err);
void dwinfo_destroy(struct dwinfo *dwinfo);
/** The types, as a source; lives as long as `dwinfo`. */
struct type_source *dwinfo_types(struct dwinfo *dwinfo);

enum dwinfo_holds {
	DWINFO_VALUE,   /* a value of a type that has a descriptor */
	DWINFO_POINTER, /* a pointer to one */
	DWINFO_SLICE,   /* a slice of them */
	DWINFO_STRING,
};

/* What a variable of package level holds, or a part of one, that may lead somewhere. */
struct dwinfo_holding {
	enum dwinfo_holds holds;
	uint64_t addr; /* as linked */
	/* DW_AT_go_runtime_type of the value, or of what the pointer or the slice leads to: from
	 * moduledata.types on; in some versions of Go an address. Strings: 0. */
	uint64_t runtime_type;
	uint8_t kind;  /* abi.Kind of that type */
	uint64_t size; /* of that type */
};

/** False: enough. */
typedef bool dwinfo_visit(void *ctx, const struct dwinfo_holding *holding);

/** Visit all variables of package level, up to a limit, with what their types tell; those of which
 * nothing is known are left out. GOSPY_E_CANCELLED. */
enum gospy_code dwinfo_each_variable(struct dwinfo *dwinfo, dwinfo_visit *visit, void *ctx,
				     struct gospy_error *err);

#endif
