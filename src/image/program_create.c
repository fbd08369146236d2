#include "image/program_create.h"

#include <stdlib.h>

#include "base/cancel.h"
#include "image/program_globals.h"
#include "image/program_layout.h"
#include "image/program_module.h"
#include "image/program_origins.h"
#include "image/program_plugins.h"
#include "image/program_texts.h"

static const char *hex_id(struct arena *arena, struct span id)
{
	if (!id.len || id.len > 64)
		return NULL;
	char *text = arena_alloc(arena, id.len * 2 + 1);
	for (size_t i = 0; text && i < id.len; i++) {
		static const char digits[] = "0123456789abcdef";
		text[2 * i] = digits[id.ptr[i] >> 4];
		text[2 * i + 1] = digits[id.ptr[i] & 15];
	}
	return text;
}

/* A Go build ID is text: "ACTION/ACTION/CONTENT/CONTENT", each in base64. */
static const char *text_id(struct arena *arena, struct span id)
{
	enum { LONGEST = 256 }; // four times 20; what is set by hand may be anything
	for (size_t i = 0; i < id.len; i++) {
		if (id.ptr[i] < 0x21 || id.ptr[i] > 0x7e)
			return NULL;
	}
	return id.len && id.len <= LONGEST ? arena_strndup(arena, id.ptr, id.len) : NULL;
}

/* Note what is wanted of the files later, when they are closed. */
static void describe(struct program *program)
{
	// None of the two has segments if there is no file that describes what is in memory.
	const struct elf_file *file = program->elf.phdr_count ? &program->elf : &program->bin;
	program->pie = file->type == ET_DYN;
	program->described = file->phdr_count;
	program->build_id = hex_id(&program->arena, elf_file_build_id(&program->elf));
	program->go_build_id = text_id(&program->arena, elf_file_go_build_id(&program->elf));
}

static enum gospy_code resolve(struct program *program, const struct program_parts *parts,
			       struct gospy_error *err)
{
	const struct binary *binary = parts->binary;
	uint64_t start = binary->start - binary->bias + program->bias;
	// moduledata that took a search of memory need not be searched for once more. Symbols go
	// before it.
	if (binary->moduledata && !program->has_bin)
		program->globals.firstmoduledata.addr = binary->moduledata;
	enum gospy_code code = paged_init(&program->window, start, binary->end - binary->start,
					  program_fetch, program, err);
	if (!code)
		code = program_find_symbols(program, err);
	if (!code)
		code = program_find_module(program, err);
	if (!code)
		code = program_find_version(program, err);
	if (!code)
		code = pcln_init(&program->pcln, &program->window, &program->md,
				 program->version.minor, err);
	if (!code && program->own)
		code = program_find_plugins(program, parts->source, err);
	if (!code)
		code = program_find_globals(program, err);
	if (!code)
		code = program_find_layout(program, err);
	if (!code)
		code = program_read_texts(program, err);
	if (!code)
		code = program_find_origins(program, parts->source, err);
	// A call that was called off may not have found something, which must not be missing for
	// others.
	if (!code)
		code = cancel_check(err);
	if (code && program->window.len)
		return err_context(err, code, "%s (%s%s%s)", parts->source->name,
				   parts->source->comm, program->go_version ? ", " : "",
				   program->go_version ? program->go_version : "");
	return code;
}

/* Let go of what only resolving takes. The functab stays. */
static void forget(struct program *program)
{
	paged_forget(&program->window, program->md.ftab - program->window.addr,
		     pcln_ftab_len(&program->pcln));
	elf_file_forget_sections(&program->elf);
	if (program->own)
		elf_file_release(&program->elf);
	elf_file_close(&program->bin);
}

/* A second handle of a file, in the state in which the file was opened. */
static enum gospy_code open_again(const struct elf_file *file, struct elf_file *ret,
				  struct gospy_error *err)
{
	enum gospy_code code = GOSPY_OK;
	if (file->in.is_file)
		code = elf_file_open(file->in.fd, file->name, ret, err);
	if (!code)
		ret->identity = file->identity;
	return code;
}

static struct elf_file take_file(struct elf_file *file)
{
	struct elf_file taken = *file;
	*file = (struct elf_file){0};
	return taken;
}

static struct program *new_program(const struct program_parts *parts)
{
	struct program *program = calloc(1, sizeof(*program));
	if (!program)
		return NULL;
	pthread_mutex_init(&program->lock, NULL);
	program->linkshared = parts->linkshared;
	program->has_bin = parts->bin->name;
	return program;
}

/* Gives the program, or destroys it. */
static enum gospy_code finish(struct program *program, enum gospy_code code, struct program **ret)
{
	if (code) {
		program_destroy(program);
		return code;
	}
	describe(program);
	if (program->has_bin)
		program->symbols_of = arena_strdup(&program->arena, program->bin.name);
	forget(program);
	*ret = program;
	return GOSPY_OK;
}

enum gospy_code program_create(const struct program_parts *parts, struct program **ret,
			       struct gospy_error *err)
{
	struct program *program = new_program(parts);
	if (!program)
		return err_nomem(err);
	enum gospy_code code = open_again(&parts->binary->elf, &program->elf, err);
	if (!code)
		code = open_again(parts->bin, &program->bin, err);
	if (!code && program->elf.type == ET_DYN)
		code = elf_relocs_read(&program->elf, &program->relocs, err);
	if (!code)
		code = resolve(program, parts, err);
	return finish(program, code, ret);
}

enum gospy_code program_create_own(struct program_parts *parts, struct program **ret,
				   struct gospy_error *err)
{
	struct program *program = new_program(parts);
	if (!program)
		return err_nomem(err);
	program->own = true;
	program->mem = parts->source->mem;
	program->bias = parts->binary->bias;
	program->elf = take_file(&parts->binary->elf);
	program->bin = take_file(parts->bin);
	return finish(program, resolve(program, parts, err), ret);
}

static enum gospy_code resolve_known(struct program *program, struct source *source,
				     const struct program_facts *facts, struct gospy_error *err)
{
	struct modules modules;
	enum gospy_code code = paged_init(&program->window, facts->start, facts->end - facts->start,
					  program_fetch, program, err);
	if (!code)
		code = modules_init(source, &modules, err);
	if (code)
		return code;
	code = modules_set_exact(&modules, &program->window, err);
	modules_deinit(&modules);
	if (!code)
		code = program_find_module(program, err);
	if (!code)
		code = pcln_init(&program->pcln, &program->window, &program->md,
				 program->version.minor, err);
	if (!code)
		code = program_find_plugins(program, source, err);
	if (!code)
		code = program_read_texts(program, err);
	if (!code && !origins_find(&program->pcln, program->main_main, facts->modinfo,
				   &program->arena, &program->origins))
		code = err_nomem(err);
	return code ? code : cancel_check(err);
}

enum gospy_code program_create_known(struct source *source, const struct program_facts *facts,
				     struct program **ret, struct gospy_error *err)
{
	struct program *program = calloc(1, sizeof(*program));
	if (!program)
		return err_nomem(err);
	pthread_mutex_init(&program->lock, NULL);
	program->own = program->known = true;
	program->mem = source->mem;
	program->bias = facts->bias;
	program->described = facts->described;
	program->pie = facts->pie;
	program->build_id = facts->build_id;
	program->go_build_id = facts->go_build_id;
	program->go_version = facts->go_version;
	program->main_main = facts->main_main;
	program->globals = facts->globals;
	program->by_code = facts->by_code;
	program->layout = facts->layout;
	enum gospy_code code = elf_file_none("the program", &program->elf, err);
	if (!code && !go_version_parse(program->go_version, &program->version))
		code = err_set(err, GOSPY_E_UNSUPPORTED, "unknown Go version \"%s\"",
			       program->go_version);
	table_types_init(&program->tables, &program->version);
	if (!code)
		code = resolve_known(program, source, facts, err);
	if (code) {
		program_destroy(program);
		return code;
	}
	paged_forget(&program->window, program->md.ftab - program->window.addr,
		     pcln_ftab_len(&program->pcln));
	*ret = program;
	return GOSPY_OK;
}
