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

#endif
