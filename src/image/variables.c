#include "image/variables.h"

#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "base/pairs.h"
#include "dwarf/elf_symbols.h"

enum {
	VARIABLES_MAX = 1 << 20, /* the largest programs have a tenth of it */
	NAME_MAX_BYTES = 1024,
};

struct reading {
	struct variables *variables;
	const struct moduledata *md;
	uint64_t bias, shift;
	bool no_memory;
};

static bool is_wanted(const struct reading *r, uint64_t addr)
{
	const struct moduledata *md = r->md;
	const uint64_t ranges[][2] = {{md->data, md->edata},
				      {md->bss, md->ebss},
				      {md->noptrdata, md->enoptrdata},
				      {md->noptrbss, md->enoptrbss}};
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		if (addr - ranges[i][0] < ranges[i][1] - ranges[i][0])
			return true;
	}
	return false;
}

static bool take_symbols(void *ctx, const Elf64_Sym *symbols, size_t n, struct span names)
{
	struct reading *r = ctx;
	struct variables *v = r->variables;
	for (size_t i = 0; i < n; i++) {
		const Elf64_Sym *s = &symbols[i];
		uint64_t addr = s->st_value + r->bias;
		if (ELF64_ST_TYPE(s->st_info) != STT_OBJECT || !s->st_size || !is_wanted(r, addr) ||
		    s->st_name >= names.len)
			continue;
		if (v->all.len == VARIABLES_MAX)
			return false;
		const char *name = (const char *)names.ptr + s->st_name;
		size_t most = names.len - s->st_name;
		most = most < NAME_MAX_BYTES ? most : NAME_MAX_BYTES;
		const struct variable variable = {
			addr + r->shift, s->st_size,
			arena_strndup(&v->arena, name, strnlen(name, most))};
		r->no_memory = !variable.name || !vec_push(&v->all, variable);
		if (r->no_memory)
			return false;
	}
	return true;
}

static int by_address(const void *a, const void *b)
{
	const struct variable *x = a, *y = b;
	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	return (x->size > y->size) - (x->size < y->size);
}

/* The program has let go of its sections, and perhaps of its file. */
enum gospy_code variables_open(struct image *image, struct source *source, struct elf_file *ret,
			       struct gospy_error *err)
{
	struct program *program = image->program;
	int fd = -1;
	enum gospy_code code = GOSPY_OK;
	if (program->has_bin && program->symbols_of) {
		code = file_open(program->symbols_of, &fd, err);
	} else {
		pthread_mutex_lock(&program->lock);
		if (program->elf.in.is_file && program->elf.in.fd >= 0)
			fd = fcntl(program->elf.in.fd, F_DUPFD_CLOEXEC, 0);
		pthread_mutex_unlock(&program->lock);
		if (fd < 0)
			code = source_open_exe(source, &fd, err);
	}
	if (!code)
		code = elf_file_open(fd, "the program", ret, err);
	if (fd >= 0)
		close(fd);
	return code;
}

/* Those of a bundle: variable_facts.h. */
static enum gospy_code read_facts(struct span facts, struct variables *ret, struct gospy_error *err)
{
	CLEANUP(arena_deinit) struct arena scratch = {0};
	struct pairs pairs = {.text = facts, .arena = &scratch};
	struct pair pair;
	bool ok = true;
	while (ok && ret->all.len < VARIABLES_MAX && pairs_next(&pairs, &pair)) {
		struct variable variable;
		const char *at = pair.value;
		if (strcmp(pair.key, "variable") != 0 || !pair_u64(&at, &variable.addr) ||
		    !pair_u64(&at, &variable.size) || *at != ' ')
			continue;
		variable.name = arena_strndup(&ret->arena, at + 1, strnlen(at + 1, NAME_MAX_BYTES));
		ok = variable.name && vec_push(&ret->all, variable);
	}
	return ok && !pairs.failed ? GOSPY_OK : err_nomem(err);
}

enum gospy_code variables_read(struct image *image, struct source *source, struct variables *ret,
			       struct gospy_error *err)
{
	struct program *program = image->program;
	struct variables variables = {0};
	struct reading r = {.variables = &variables,
			    .md = &program->md,
			    .bias = program->bias,
			    .shift = image_shift(image)};
	struct elf_file elf;
	struct gospy_error why;
	*ret = variables;
	bool known = source->program_facts.len;
	enum gospy_code code = known ? read_facts(source->program_facts, &variables, &why)
				     : variables_open(image, source, &elf, &why);
	if (!code && !known) {
		code = elf_file_each_symbol(&elf, SHT_SYMTAB, take_symbols, &r, &why);
		elf_file_close(&elf);
	}
	if (r.no_memory || code == GOSPY_E_NOMEM || code == GOSPY_E_CANCELLED) {
		variables_deinit(&variables);
		return code == GOSPY_E_CANCELLED ? err_set(err, code, "%s", why.msg)
						 : err_nomem(err);
	}
	// A file that is not there, or is broken, has no names.
	if (variables.all.len)
		qsort(variables.all.at, variables.all.len, sizeof(*variables.all.at), by_address);
	*ret = variables;
	return GOSPY_OK;
}

void variables_deinit(struct variables *variables)
{
	vec_free(&variables->all);
	arena_deinit(&variables->arena);
	*variables = (struct variables){0};
}

const struct variable *variables_find(const struct variables *variables, uint64_t addr)
{
	size_t lo = 0, hi = variables->all.len;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (variables->all.at[mid].addr <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	const struct variable *v = lo ? &variables->all.at[lo - 1] : NULL;
	return v && addr - v->addr < v->size ? v : NULL;
}
