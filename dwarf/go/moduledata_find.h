/* The search for moduledata in a program that has no symbol for it. */
#ifndef GOSPY_DWARF_GO_MODULEDATA_FIND_H
#define GOSPY_DWARF_GO_MODULEDATA_FIND_H

#include "dwarf/elf_file.h"
#include "dwarf/go/moduledata.h"

/**
 * Find modules without symbols: function tables by their magic, moduledatas by
 * their first word, which is the table's address; moduledata_read decides. `elf`, loaded `bias`
 * above its addresses, tells where to look first, by section headers, segments and content; with
 * NULL, or if what it says is wrong (a packed program), all of `image` is searched. At most `max`
 * go to `found`. GOSPY_E_UNSUPPORTED: there is no table of a known format. GOSPY_E_NOT_FOUND: there
 * is one, but nothing refers to it.
 */
enum gospy_code moduledata_find(struct paged *image, const struct elf_file *elf, uint64_t bias,
				struct moduledata *found, size_t max, size_t *count_ret,
				struct gospy_error *err);

#endif
