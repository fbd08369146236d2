#include "dwarf/elf_relocs.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/vec.h"

enum { CHUNK_RELOCS = 2730, /* 64 KiB */ PAGE = 4096, WORD = 8 };

enum { TAG_RELR = 36 }; /* gABI: DT_RELR; older headers do not have it */

void elf_relocs_deinit(struct elf_relocs *relocs)
{
	free(relocs->firsts);
	free(relocs->at);
	*relocs = (struct elf_relocs){0};
}

uint64_t elf_relocs_bytes(const struct elf_relocs *relocs)
{
	return relocs->firsts ? (relocs->pages + 1) * sizeof(*relocs->firsts) +
					relocs->firsts[relocs->pages] * sizeof(*relocs->at)
			      : 0;
}

struct found {
	VEC(struct elf_reloc) relocs;
};

/* Add the relocations of a piece of the table. */
static enum gospy_code add(const struct elf_relocs *relocs, const Elf64_Rela *table, size_t n,
			   struct found *found, struct gospy_error *err)
{
	if (!vec_reserve(&found->relocs, found->relocs.len + n))
		return err_nomem(err);
	for (size_t i = 0; i < n; i++) {
		uint64_t off = table[i].r_offset - relocs->start;
		uint64_t value = (uint64_t)table[i].r_addend;
		if (table[i].r_info != ELF64_R_INFO(0, R_X86_64_RELATIVE))
			continue;
		if (off / PAGE >= relocs->pages || value > UINT32_MAX)
			return err_set(err, GOSPY_E_UNSUPPORTED, "a relocation at 0x%llx to 0x%llx",
				       (unsigned long long)table[i].r_offset,
				       (unsigned long long)value);
		found->relocs.at[found->relocs.len++] =
			(struct elf_reloc){(uint32_t)off, (uint32_t)value};
	}
	return GOSPY_OK;
}

static enum gospy_code find(const struct elf_file *elf, const struct elf_relocs *relocs,
			    struct found *found, struct gospy_error *err)
{
	uint64_t off, len;
	CLEANUP_FREE Elf64_Rela *table = malloc(CHUNK_RELOCS * sizeof(*table));
	if (!table)
		return err_nomem(err);
	enum gospy_code code = GOSPY_OK;
	if (!elf_file_rela(elf, &off, &len))
		return GOSPY_OK;
	for (uint64_t left = len / sizeof(*table); !code && left;) {
		size_t n = left < CHUNK_RELOCS ? (size_t)left : CHUNK_RELOCS;
		if (elf_file_read(elf, off, table, n * sizeof(*table)) != n * sizeof(*table))
			return err_set(err, GOSPY_E_BAD_DATA, "its relocations cannot be read");
		code = add(relocs, table, n, found, err);
		off += n * sizeof(*table);
		left -= n;
	}
	return code;
}

/* Sort by pages; relocations of one page stay in their order. */
static enum gospy_code sort(const struct found *found, struct elf_relocs *ret,
			    struct gospy_error *err)
{
	ret->firsts = calloc(ret->pages + 2, sizeof(*ret->firsts));
	ret->at = malloc((found->relocs.len + 1) * sizeof(*ret->at));
	if (!ret->firsts || !ret->at)
		return err_nomem(err);
	// While they are put there, number i + 1 is where the next of page i goes.
	for (size_t i = 0; i < found->relocs.len; i++)
		ret->firsts[found->relocs.at[i].off / PAGE + 2]++;
	for (size_t i = 0; i < ret->pages; i++)
		ret->firsts[i + 2] += ret->firsts[i + 1];
	for (size_t i = 0; i < found->relocs.len; i++) {
		struct elf_reloc reloc = found->relocs.at[i];
		ret->at[ret->firsts[reloc.off / PAGE + 1]++] = reloc;
	}
	return GOSPY_OK;
}

enum gospy_code elf_relocs_read(const struct elf_file *elf, struct elf_relocs *ret,
				struct gospy_error *err)
{
	uint64_t start, end;
	struct found found = {0};
	struct elf_relocs relocs = {0};
	if (!elf_file_range(elf, &start, &end) || elf_file_dynamic(elf, TAG_RELR))
		return err_set(err, GOSPY_E_UNSUPPORTED,
			       "%s: no segments, or packed relocations (DT_RELR)", elf->name);
	relocs.start = start / PAGE * PAGE;
	relocs.pages = (size_t)((end - relocs.start + PAGE - 1) / PAGE);
	if (end - relocs.start > UINT32_MAX)
		return err_set(err, GOSPY_E_UNSUPPORTED, "%s: too long to be relocated", elf->name);
	enum gospy_code code = find(elf, &relocs, &found, err);
	if (!code)
		code = sort(&found, &relocs, err);
	vec_free(&found.relocs);
	if (code) {
		elf_relocs_deinit(&relocs);
		return err_context(err, code, "%s", elf->name);
	}
	*ret = relocs;
	return GOSPY_OK;
}

/* Put that part of the word at `at` that lies within. */
static void put_word(uint64_t value, uint64_t at, uint64_t addr, uint8_t *bytes, size_t len)
{
	for (unsigned i = 0; i < WORD; i++) {
		uint64_t off = at + i - addr; // below: far above
		if (off < len)
			bytes[off] = (uint8_t)(value >> 8 * i);
	}
}

void elf_relocs_apply(const struct elf_relocs *relocs, uint64_t addr, uint8_t *bytes, size_t len)
{
	uint64_t end = relocs->start + relocs->pages * (uint64_t)PAGE;
	if (!relocs->firsts || !len || addr < relocs->start || addr >= end)
		return;
	size_t first = (size_t)((addr - relocs->start) / PAGE);
	uint64_t last = (addr - relocs->start + len - 1) / PAGE;
	if (last >= relocs->pages)
		last = relocs->pages - 1;
	// The last word of the page before may reach into this one.
	first -= first > 0;
	for (uint32_t i = relocs->firsts[first]; i < relocs->firsts[last + 1]; i++)
		put_word(relocs->at[i].value, relocs->start + relocs->at[i].off, addr, bytes, len);
}
