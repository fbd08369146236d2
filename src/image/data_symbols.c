#include "image/data_symbols.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "dwarf/elf_symbols.h"

enum { NAME_LEN_MAX = 2 << 10 };

struct search {
	struct data_symbol *list;
	size_t n;
	uint64_t bias;
	struct arena *arena;
	bool out_of_memory;
};

/* The first one at `addr` or above. */
static size_t first_from(const struct search *search, uint64_t addr)
{
	size_t lo = 0, hi = search->n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (search->list[mid].addr < addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* An elf_symbols_fn. */
static bool take_symbols(void *ctx, const Elf64_Sym *symbols, size_t n, struct span names)
{
	struct search *search = ctx;
	for (size_t i = 0; i < n && !search->out_of_memory; i++) {
		const Elf64_Sym *sym = &symbols[i];
		uint64_t addr = sym->st_value + search->bias;
		if (ELF64_ST_TYPE(sym->st_info) != STT_OBJECT || !sym->st_size ||
		    sym->st_name >= names.len)
			continue;
		size_t at = first_from(search, addr);
		const char *name = (const char *)names.ptr + sym->st_name, *copy = NULL;
		size_t room = names.len - sym->st_name;
		if (strnlen(name, room < NAME_LEN_MAX ? room : NAME_LEN_MAX) >= NAME_LEN_MAX)
			continue;
		for (; at < search->n && search->list[at].addr - addr < sym->st_size; at++) {
			struct data_symbol *found = &search->list[at];
			if (found->name)
				continue; // another name for it
			if (!copy && !(copy = arena_strdup(search->arena, name))) {
				search->out_of_memory = true;
				break;
			}
			found->name = copy;
			found->off = found->addr - addr;
		}
	}
	return !search->out_of_memory;
}

static bool any_inside(const struct image *image, const struct search *search)
{
	const struct paged *window = &image->program->window;
	uint64_t begin = window->addr + image_shift(image);
	size_t at = first_from(search, begin);
	return at < search->n && search->list[at].addr - begin < window->len;
}

static bool is_same_text(const char *text, const char *other, size_t len)
{
	return text && strlen(text) == len && memcmp(text, other, len) == 0;
}

/* Is it the file that the program was read from? What the IDs say is enough for names. */
static bool is_same_program(const struct image *image, struct elf_file *elf)
{
	struct span id = elf_file_go_build_id(elf), build_id = elf_file_build_id(elf);
	const struct program *program = image->program;
	if (id.len && is_same_text(program->go_build_id, (const char *)id.ptr, id.len))
		return true;
	CLEANUP_FREE char *hex = malloc(2 * build_id.len + 1);
	for (size_t i = 0; hex && i < build_id.len; i++)
		snprintf(hex + 2 * i, 3, "%02x", build_id.ptr[i]);
	return hex && build_id.len && is_same_text(program->build_id, hex, 2 * build_id.len);
}

enum gospy_code data_symbols_find(struct source *source, const struct image *image,
				  struct data_symbol *list, size_t n, struct arena *arena,
				  struct gospy_error *err)
{
	struct search search = {.list = list, .n = n, .bias = image->bias, .arena = arena};
	CLEANUP_CLOSE int fd = -1;
	CLEANUP(elf_file_close) struct elf_file elf = {0};
	// The executable is what there is a file of.
	if (image->binary || !any_inside(image, &search) || source_open_exe(source, &fd, NULL) ||
	    elf_file_open(fd, source->name, &elf, NULL) || !is_same_program(image, &elf))
		return GOSPY_OK;
	if (elf_file_each_symbol(&elf, SHT_SYMTAB, take_symbols, &search, NULL))
		return GOSPY_OK; // it has none, or a part of them
	return search.out_of_memory ? err_nomem(err) : GOSPY_OK;
}
