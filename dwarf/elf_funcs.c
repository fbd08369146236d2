#include "dwarf/elf_funcs.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "dwarf/elf_symbols.h"

/* Limits for a table that lies: they bound the time that sorting takes. */
enum {
	FUNCS_MAX = 1 << 20,
	NAME_LEN_MAX = 2 << 10, /* C++ has names of some hundred bytes */
};

static size_t underscores(const char *name)
{
	return strspn(name, "_");
}

/* The order is by address; among functions at the same address the best name comes first. */
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

struct list {
	VEC(struct elf_func) funcs;
	bool out_of_memory;
};

/* An elf_symbols_fn. */
static bool add_functions(void *ctx, const Elf64_Sym *symbols, size_t n, struct span names)
{
	struct list *list = ctx;
	for (size_t i = 0; !list->out_of_memory && i < n; i++) {
		const Elf64_Sym *sym = &symbols[i];
		if (!is_function(sym) || sym->st_name >= names.len)
			continue;
		const char *name = (const char *)names.ptr + sym->st_name;
		const struct elf_func func = {sym->st_value, sym->st_size, name};
		if (!*name || strnlen(name, NAME_LEN_MAX) == NAME_LEN_MAX || is_section(name))
			continue;
		list->out_of_memory = !vec_push(&list->funcs, func);
	}
	return !list->out_of_memory && list->funcs.len < FUNCS_MAX;
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

enum gospy_code elf_funcs_create(struct elf_file *elf, struct elf_funcs *ret,
				 struct gospy_error *err)
{
	struct list list = {0};
	enum gospy_code code = elf_file_each_symbol(elf, SHT_SYMTAB, add_functions, &list, err);
	if (code == GOSPY_E_NOT_FOUND)
		code = elf_file_each_symbol(elf, SHT_DYNSYM, add_functions, &list, err);
	if (!code && list.out_of_memory)
		code = err_nomem(err);
	if (code) {
		vec_free(&list.funcs);
		return code;
	}
	struct elf_funcs funcs = {list.funcs.at, list.funcs.len};
	if (funcs.count)
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
