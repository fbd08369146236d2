#include "dwarf/elf_funcs.h"

#include <stdlib.h>
#include <string.h>

static const Elf64_Shdr *find_table(const struct elf_file *elf, uint32_t type)
{
	for (size_t i = 0; i < elf->shdr_count; i++) {
		if (elf->shdrs[i].sh_type == type)
			return &elf->shdrs[i];
	}
	return NULL;
}

static size_t underscores(const char *name)
{
	return strspn(name, "_");
}

/* By address; of those at the same one the best name first. */
static int compare(const void *a, const void *b)
{
	const struct elf_func *x = a, *y = b;
	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	size_t xs = underscores(x->name), ys = underscores(y->name);
	if (xs != ys)
		return xs < ys ? -1 : 1;
	return strcmp(x->name, y->name);
}

static bool is_function(const Elf64_Sym *sym)
{
	unsigned type = ELF64_ST_TYPE(sym->st_info);
	uint64_t end;
	return (type == STT_FUNC || type == STT_GNU_IFUNC) && sym->st_shndx != SHN_UNDEF &&
	       sym->st_size && !__builtin_add_overflow(sym->st_value, sym->st_size, &end);
}

/* "main(.text)": Go's linker so calls what it has of a C file (cmd/link/internal/loadelf). */
static bool is_section(const char *name)
{
	return strchr(name, '(');
}

static size_t list(struct span table, struct span names, struct elf_func *ret)
{
	size_t n = 0;
	for (size_t off = 0; off < table.len; off += sizeof(Elf64_Sym)) {
		Elf64_Sym sym;
		struct span entry = span_sub(table, off, sizeof(sym));
		if (!entry.ptr)
			break;
		memcpy(&sym, entry.ptr, sizeof(sym));
		if (!is_function(&sym) || sym.st_name >= names.len)
			continue;
		const char *name = (const char *)names.ptr + sym.st_name;
		if (*name && !is_section(name))
			ret[n++] = (struct elf_func){sym.st_value, sym.st_size, name};
	}
	return n;
}

static size_t drop_aliases(struct elf_func *funcs, size_t count)
{
	size_t n = 0;
	for (size_t i = 0; i < count; i++) {
		if (!n || funcs[n - 1].addr != funcs[i].addr)
			funcs[n++] = funcs[i];
	}
	return n;
}

enum gospy_code elf_funcs_create(const struct elf_file *elf, struct elf_funcs *ret,
				 struct gospy_error *err)
{
	const Elf64_Shdr *symtab = find_table(elf, SHT_SYMTAB);
	if (!symtab)
		symtab = find_table(elf, SHT_DYNSYM);
	if (!symtab)
		return err_set(err, GOSPY_E_NOT_FOUND, "%s: has no symbol table", elf->name);
	struct span table = span_sub(elf->bytes, symtab->sh_offset, symtab->sh_size);
	struct span names = elf_file_strings(elf, symtab->sh_link);
	if (!table.ptr || !names.ptr || symtab->sh_entsize != sizeof(Elf64_Sym))
		return err_set(err, GOSPY_E_BAD_DATA, "%s: broken symbol table", elf->name);
	struct elf_funcs funcs = {0};
	funcs.at = calloc(table.len / sizeof(Elf64_Sym) + 1, sizeof(*funcs.at));
	if (!funcs.at)
		return err_nomem(err);
	funcs.count = list(table, names, funcs.at);
	qsort(funcs.at, funcs.count, sizeof(*funcs.at), compare);
	funcs.count = drop_aliases(funcs.at, funcs.count);
	*ret = funcs;
	return GOSPY_OK;
}

void elf_funcs_deinit(struct elf_funcs *funcs)
{
	free(funcs->at);
	*funcs = (struct elf_funcs){0};
}

const struct elf_func *elf_funcs_find(const struct elf_funcs *funcs, uint64_t addr)
{
	size_t lo = 0, hi = funcs->count;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (funcs->at[mid].addr <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo || addr - funcs->at[lo - 1].addr >= funcs->at[lo - 1].size)
		return NULL;
	return &funcs->at[lo - 1];
}
