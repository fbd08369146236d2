#include "dwarf/elf_symbols.h"

#include <stdlib.h>
#include <string.h>

#include "base/cancel.h"
#include "base/cleanup.h"
#include "dwarf/elf_section.h"

enum { CHUNK = 48 << 10 /* read at a time */ };

_Static_assert(CHUNK % sizeof(Elf64_Sym) == 0, "whole symbols");

static const Elf64_Shdr *find_table(const struct elf_file *elf, uint32_t type)
{
	for (size_t i = 0; i < elf->shdr_count; i++)
		if (elf->shdrs[i].sh_type == type)
			return &elf->shdrs[i];
	return NULL;
}

static bool check_table(const struct elf_file *elf, const Elf64_Shdr *table)
{
	return table->sh_entsize == sizeof(Elf64_Sym) && table->sh_size <= ELF_SYMTAB_MAX &&
	       elf_input_holds(&elf->in, table->sh_offset, table->sh_size);
}

static enum gospy_code broken(const struct elf_file *elf, struct gospy_error *err)
{
	return err_set(err, GOSPY_E_BAD_DATA, "%s: broken symbol table", elf->name);
}

/* Go through a table, until `visit` has seen enough. */
static enum gospy_code each(struct elf_file *elf, const Elf64_Shdr *table,
			    bool (*visit)(void *ctx, const Elf64_Sym *symbols, size_t n), void *ctx,
			    struct gospy_error *err)
{
	CLEANUP_FREE Elf64_Sym *symbols = malloc(CHUNK);
	if (!symbols)
		return err_nomem(err);
	uint64_t off = table->sh_offset, left = table->sh_size;
	for (bool more = true; more && left >= sizeof(*symbols);) {
		if (cancel_check(err))
			return GOSPY_E_CANCELLED;
		size_t n = elf_file_read(elf, off, symbols, left < CHUNK ? (size_t)left : CHUNK);
		n -= n % sizeof(*symbols);
		if (!n)
			return broken(elf, err);
		elf->passed += n;
		more = visit(ctx, symbols, n / sizeof(*symbols));
		off += n;
		left -= n;
	}
	return GOSPY_OK;
}

/* ---- all, with names that stay */

struct visitor {
	elf_symbols_fn visit;
	void *ctx;
	struct span names;
};

static bool pass_on(void *ctx, const Elf64_Sym *symbols, size_t n)
{
	const struct visitor *visitor = ctx;
	return visitor->visit(visitor->ctx, symbols, n, visitor->names);
}

enum gospy_code elf_file_each_symbol(struct elf_file *elf, uint32_t type, elf_symbols_fn visit,
				     void *ctx, struct gospy_error *err)
{
	const Elf64_Shdr *table = find_table(elf, type);
	struct visitor visitor = {.visit = visit, .ctx = ctx};
	if (!table)
		return err_set(err, GOSPY_E_NOT_FOUND, "%s: has no symbol table", elf->name);
	if (check_table(elf, table))
		visitor.names = elf_file_strings(elf, table->sh_link);
	return visitor.names.ptr ? each(elf, table, pass_on, &visitor, err) : broken(elf, err);
}

/* ---- a few, by name */

/* The string table. Most linkers write names in the order of their symbols, near enough, so that
 * the next one is in the window or behind it; where it is not so, the table is loaded as a whole.
 */
struct names {
	struct elf_file *elf;
	const Elf64_Shdr *table;
	uint64_t start; /* of the window, in the table */
	size_t len;
	char *window; /* CHUNK bytes and a NUL */
	unsigned moves_back;
	struct span whole; /* or none */
	bool failed;
};

static bool load_whole(struct names *names)
{
	names->failed = elf_section_raw(names->elf, names->table, &names->whole, NULL) != 0;
	return !names->failed;
}

static bool move_window(struct names *names, uint64_t off)
{
	enum { MOVES_FEW = 4 };
	uint64_t left = names->table->sh_size - off;
	if (off < names->start && ++names->moves_back > MOVES_FEW)
		return load_whole(names);
	names->start = off;
	names->len = elf_file_read(names->elf, names->table->sh_offset + off, names->window,
				   left < CHUNK ? (size_t)left : CHUNK);
	names->window[names->len] = '\0';
	names->failed = !names->len;
	return names->len;
}

/* The name at `off`, of which as much is there as the window holds. */
static const char *peek(struct names *names, uint64_t off)
{
	if (off >= names->table->sh_size)
		return NULL;
	bool here = names->whole.ptr || (off >= names->start && off - names->start < names->len);
	if (!here && !move_window(names, off))
		return NULL;
	return names->whole.ptr ? (const char *)names->whole.ptr + off
				: names->window + (off - names->start);
}

/* The same, but whole; a name that is cut off is longer than any that somebody looks for. */
static const char *name_at(struct names *names, uint64_t off)
{
	const char *name = peek(names, off);
	if (!name || names->whole.ptr)
		return name;
	size_t in_window = (size_t)(names->start + names->len - off);
	if (strnlen(name, in_window) < in_window)
		return name;
	return move_window(names, off) ? peek(names, off) : NULL;
}

/* Any offset into it is the start of a terminated string. It may have to be loaded whole. */
static bool names_init(struct names *names, struct elf_file *elf, uint64_t index)
{
	char last;
	if (index >= elf->shdr_count || elf->shdrs[index].sh_type == SHT_NOBITS ||
	    !elf->shdrs[index].sh_size || elf->shdrs[index].sh_size > ELF_KEEP_MAX)
		return false;
	const Elf64_Shdr *table = &elf->shdrs[index];
	*names = (struct names){.elf = elf, .table = table};
	return elf_input_holds(&elf->in, table->sh_offset, table->sh_size) &&
	       elf_file_read(elf, table->sh_offset + table->sh_size - 1, &last, 1) == 1 && !last;
}

struct wanted {
	struct names names;
	struct elf_symbol **at; /* sorted by name */
	size_t count, left;
	bool begins[UINT8_MAX + 1]; /* most symbols are told apart by their first byte */
};

static int compare_names(const void *a, const void *b)
{
	const struct elf_symbol *const *x = a, *const *y = b;
	return strcmp((*x)->name, (*y)->name);
}

static int compare_to_name(const void *key, const void *elem)
{
	const struct elf_symbol *const *symbol = elem;
	return strcmp(key, (*symbol)->name);
}

static void take_symbol(struct wanted *wanted, const Elf64_Sym *sym)
{
	const char *name = name_at(&wanted->names, sym->st_name);
	struct elf_symbol **match = name ? bsearch(name, wanted->at, wanted->count,
						   sizeof(*wanted->at), compare_to_name)
					 : NULL;
	if (!match || (*match)->found)
		return;
	(*match)->addr = sym->st_value;
	(*match)->size = sym->st_size;
	(*match)->found = true;
	wanted->left--;
}

static bool look_for(void *ctx, const Elf64_Sym *symbols, size_t n)
{
	struct wanted *wanted = ctx;
	for (size_t i = 0; wanted->left && !wanted->names.failed && i < n; i++) {
		if (symbols[i].st_shndx == SHN_UNDEF)
			continue;
		const char *name = peek(&wanted->names, symbols[i].st_name);
		if (name && wanted->begins[(uint8_t)*name])
			take_symbol(wanted, &symbols[i]);
	}
	return wanted->left && !wanted->names.failed;
}

enum gospy_code elf_file_symbols(struct elf_file *elf, struct elf_symbol *symbols, size_t n,
				 struct gospy_error *err)
{
	const Elf64_Shdr *symtab = find_table(elf, SHT_SYMTAB);
	const Elf64_Shdr *table = symtab ? symtab : find_table(elf, SHT_DYNSYM);
	struct wanted wanted = {.count = n, .left = n};
	for (size_t i = 0; i < n; i++)
		symbols[i].found = false;
	if (!table)
		return err_set(err, GOSPY_E_NOT_FOUND, "%s: has no symbol table", elf->name);
	if (!check_table(elf, table) || !names_init(&wanted.names, elf, table->sh_link))
		return broken(elf, err);
	CLEANUP_FREE char *window = wanted.names.window = malloc(CHUNK + 1);
	wanted.at = arena_calloc(&elf->arena, n, sizeof(*wanted.at));
	if (!window || !wanted.at)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++) {
		wanted.at[i] = &symbols[i];
		wanted.begins[(uint8_t)symbols[i].name[0]] = true;
	}
	qsort(wanted.at, n, sizeof(*wanted.at), compare_names);
	enum gospy_code code = each(elf, table, look_for, &wanted, err);
	return !code && wanted.names.failed ? broken(elf, err) : code;
}
