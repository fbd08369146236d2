#include "image/image_open.h"

#include <inttypes.h>

#include "base/cancel.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "dwarf/elf_symbols.h"
#include "image/program_create.h"
#include "image/programs.h"
#include "image/twin.h"

static enum gospy_code open_bin(const char *path, struct elf_file *ret, struct gospy_error *err)
{
	CLEANUP_CLOSE int fd = -1;
	struct gospy_error own;
	err = err ? err : &own;
	enum gospy_code code = file_open(path, &fd, err);
	// GOSPY_E_PERM would be about the process; this is about a file.
	if (code == GOSPY_E_PERM)
		code = err->code = GOSPY_E_OS;
	if (!code)
		code = elf_file_open(fd, path, ret, err);
	return code;
}

/* No file says where the binary is loaded. But it is known where its moduledata is, and the file at
 * hand may say where it has that. False: it does not. */
static bool bias_by_moduledata(struct elf_file *bin, const struct binary *binary, uint64_t *ret)
{
	struct elf_symbol symbol = {.name = "runtime.firstmoduledata"};
	if (!binary->moduledata || elf_file_symbols(bin, &symbol, 1, NULL) || !symbol.found)
		return false;
	*ret = binary->moduledata - symbol.addr;
	return true;
}

/* Is --bin a twin of this binary? Sets its bias, if only --bin tells it. */
static enum gospy_code check_bin(struct image *image, struct elf_file *bin, struct binary *binary,
				 struct gospy_error *err)
{
	struct paged window = {0};
	if (binary->kind == BINARY_MEMORY && !bias_by_moduledata(bin, binary, &binary->bias))
		return err_set(err, GOSPY_E_BAD_DATA,
			       "%s has no symbol runtime.firstmoduledata, by which alone it could "
			       "be compared with what runs",
			       bin->name);
	enum gospy_code code = paged_init(&window, binary->start, binary->end - binary->start,
					  image_fetch, image, err);
	if (!code)
		code = twin_check(&binary->elf, bin, &window, binary->bias, err);
	paged_deinit(&window);
	return code;
}

/* The binary with the build ID of --bin, else the first that --bin is a twin of. */
static enum gospy_code choose_by_bin(struct image *image, struct elf_file *bin,
				     struct binaries *binaries, struct binary **ret,
				     struct gospy_error *err)
{
	enum gospy_code code = GOSPY_E_BAD_DATA;
	for (size_t i = 0; i < binaries->found.len; i++) {
		*ret = &binaries->found.at[i];
		if (twin_same_id(&(*ret)->elf, bin))
			return GOSPY_OK;
	}
	for (size_t i = 0; code == GOSPY_E_BAD_DATA && i < binaries->found.len; i++) {
		*ret = &binaries->found.at[i];
		// The error tells what differs from the first.
		code = check_bin(image, bin, *ret, i ? NULL : err);
	}
	return code;
}

static enum gospy_code describe(struct image *image, const struct binaries *binaries,
				const struct binary *binary, struct gospy_error *err)
{
	const char *source = "memory";
	if (binary->kind == BINARY_PROGRAM)
		source = "executable";
	else if (binary->path)
		source = binary->path;
	source = arena_strdup(&image->arena, source);
	if (!source)
		return err_nomem(err);
	for (size_t i = 0; i < binaries->found.len; i++) {
		const struct binary *other = &binaries->found.at[i];
		if (other != binary && !vec_push(&image->others, other->start))
			return err_nomem(err);
	}
	if (binary->note)
		image_add_note(image, binary->note);
	image->binary = binary->kind == BINARY_PROGRAM ? NULL : source;
	image_note_source(image, "object", source, binary->start);
	return GOSPY_OK;
}

/* Programs have the word with g in front of the thread pointer. A library has it where the dynamic
 * linker had room: at -152 in a program in C, say. */
static void find_tls_g(struct image *image, const struct elf_file *elf)
{
	enum { OF_PROGRAMS = -8 };
	uint64_t slot, value;
	image->tls_g = OF_PROGRAMS;
	if (elf_file_tls_slot(elf, &slot) &&
	    !mem_read_u64(image->mem, slot + image->bias, &value, NULL))
		image->tls_g = (int64_t)value;
}

/* Is the module of the program in this process, too, and no other module behind it? */
static bool has_module(struct image *image, const struct binary *binary)
{
	const struct program *program = image->program;
	struct paged window = {0};
	struct moduledata md;
	bool has = !paged_init(&window, binary->start, binary->end - binary->start, image_fetch,
			       image, NULL) &&
		   !moduledata_read(&window, program->md.addr + image_shift(image), &md, NULL) &&
		   moduledata_is_moved(&program->md, &md, image_shift(image)) &&
		   !moduledata_next(&window, &md, program->version.minor);
	paged_deinit(&window);
	return has;
}

static enum gospy_code find_program(struct image *image, struct program_parts *parts,
				    struct gospy_error *err)
{
	// Where the file does not serve, the memory says why.
	if (!programs_get(parts, &image->program, NULL) && has_module(image, parts->binary))
		return GOSPY_OK;
	programs_put(image->program);
	image->program = NULL;
	enum gospy_code code = cancel_check(err);
	return code ? code : program_create_own(parts, &image->program, err);
}

static enum gospy_code use(struct image *image, const struct binaries *binaries,
			   struct binary *binary, struct elf_file *bin, struct gospy_error *err)
{
	struct program_parts parts = {binaries->modules.source, binary, bin, binaries->shared};
	image->auxv = binaries->auxv;
	image->bias = binary->bias;
	find_tls_g(image, &binary->elf);
	if (binary->moduledata && !bin->name)
		image_note_source(image, "runtime.firstmoduledata", "scan", binary->moduledata);
	enum gospy_code code = describe(image, binaries, binary, err);
	return code ? code : find_program(image, &parts, err);
}

static enum gospy_code open_known(struct image *image, struct source *source,
				  struct gospy_error *err)
{
	struct program_facts facts;
	enum gospy_code code =
		program_facts_read(source->program_facts, &image->arena, &facts, err);
	if (code)
		return code;
	code = source_auxv(source, &image->auxv, err);
	image->bias = facts.bias;
	image->tls_g = facts.tls_g;
	image->binary = facts.object;
	if (facts.note)
		image_add_note(image, facts.note);
	for (size_t i = 0; i < facts.provenance.len; i++) {
		const struct gospy_provenance *p = &facts.provenance.at[i];
		image_note_source(image, p->name, p->source, p->addr);
	}
	image->checked = facts.checked;
	image->unlike = facts.unlike;
	for (size_t i = 0; !code && i < facts.checks.len; i++) {
		if (!vec_push(&image->checks, facts.checks.at[i]))
			code = err_nomem(err);
	}
	if (!code)
		code = program_create_known(source, &facts, &image->program, err);
	program_facts_deinit(&facts);
	return code;
}

enum gospy_code image_open(struct image *image, struct source *source, const char *bin_path,
			   struct gospy_error *err)
{
	if (source->program_facts.len)
		return open_known(image, source, err);
	struct binaries binaries = {0};
	struct binary *binary = NULL;
	struct elf_file bin = {0};
	enum gospy_code code = bin_path ? open_bin(bin_path, &bin, err) : GOSPY_OK;
	if (!code)
		code = binaries_find(source, &binaries, err);
	if (!code)
		binary = &binaries.found.at[0];
	if (!code && bin_path)
		code = choose_by_bin(image, &bin, &binaries, &binary, err);
	if (!code)
		code = use(image, &binaries, binary, &bin, err);
	elf_file_close(&bin);
	binaries_deinit(&binaries);
	return code;
}
