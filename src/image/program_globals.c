#include "image/program_globals.h"

#include "dwarf/elf_symbols.h"
#include "dwarf/go/code_globals.h"

_Static_assert(GLOBAL_COUNT <= 64, "bits of program.by_code");

enum gospy_code program_find_symbols(struct program *program, struct gospy_error *err)
{
	struct elf_file *elf = program->has_bin ? &program->bin : &program->elf;
	struct elf_symbol symbols[GLOBAL_COUNT + 1] = {[GLOBAL_COUNT] = {.name = "main.main"}};
	for (size_t i = 0; i < GLOBAL_COUNT; i++)
		symbols[i].name = global_names[i].name;
	enum gospy_code code = elf_file_symbols(elf, symbols, GLOBAL_COUNT + 1, err);
	// The kernel does not look at symbols; of --bin they are what it is for.
	bool ignored = code == GOSPY_E_NOT_FOUND || (code == GOSPY_E_BAD_DATA && !program->has_bin);
	if (code && !ignored)
		return code;
	for (size_t i = 0; i < GLOBAL_COUNT; i++) {
		if (!symbols[i].found)
			continue;
		struct global *global = global_at(&program->globals, i);
		global->addr = symbols[i].addr + program->bias;
		global->size = symbols[i].size;
		program_note_source(program, global_names[i].name, "symtab", global->addr);
	}
	if (symbols[GLOBAL_COUNT].found)
		program->main_main = symbols[GLOBAL_COUNT].addr + program->bias;
	return GOSPY_OK;
}

/* Where the runtime is in a library, it is in another module. */
static enum gospy_code find_main(struct program *program, struct gospy_error *err)
{
	struct pcln_named name = {.name = "main.main"};
	enum gospy_code code = GOSPY_OK;
	for (size_t i = 0; !code && i < program->plugins.len && !name.entry; i++)
		code = pcln_find_names(&program->plugins.at[i]->pcln, &name, 1, err);
	program->main_main = name.entry;
	return code;
}

static enum gospy_code find_by_code(struct program *program, struct gospy_error *err)
{
	struct code_globals found;
	enum gospy_code code = code_globals_find(&program->pcln, CODE_GLOBALS_ALWAYS, &found, err);
	if (code)
		return code;
	for (size_t i = 0; i < GLOBAL_COUNT; i++) {
		struct global *global = global_at(&program->globals, i);
		const struct code_global *by_code =
			code_globals_named(&found, global_names[i].name);
		if (global->addr || !by_code || by_code->count != 1)
			continue;
		global->addr = by_code->addr[0];
		global->size = by_code->length * 16; // only that of an array of strings is needed
		program->by_code |= UINT64_C(1) << i;
	}
	if (!program->main_main)
		program->main_main = found.main_main;
	return GOSPY_OK;
}

enum gospy_code program_find_globals(struct program *program, struct gospy_error *err)
{
	const char *missing;
	enum gospy_code code = globals_complete(&program->globals, &missing)
				       ? GOSPY_OK
				       : find_by_code(program, err);
	if (!code && !program->main_main && program->linkshared)
		code = find_main(program, err);
	return code;
}

enum gospy_code program_find_profile_globals(struct program *program, struct globals *ret,
					     struct gospy_error *err)
{
	struct code_globals found;
	pthread_mutex_lock(&program->lock);
	enum gospy_code code = code_globals_find(&program->pcln, CODE_GLOBALS_PROFILE, &found, err);
	pthread_mutex_unlock(&program->lock);
	*ret = (struct globals){0};
	for (size_t i = 0; i < GLOBAL_COUNT && !code; i++) {
		const struct code_global *by_code =
			code_globals_named(&found, global_names[i].name);
		if (by_code && by_code->count == 1)
			global_at(ret, i)->addr = by_code->addr[0];
	}
	return code;
}
