#include "image/program.h"

#include <stdlib.h>
#include <string.h>

/* Does the page at `addr` belong to a segment? */
static bool is_of_segment(const struct elf_file *elf, uint64_t addr)
{
	for (size_t i = 0; i < elf->phdr_count; i++) {
		const Elf64_Phdr *ph = &elf->phdrs[i];
		if (ph->p_type == PT_LOAD && ph->p_vaddr < addr + PAGED_PAGE &&
		    (addr < ph->p_vaddr || addr - ph->p_vaddr < ph->p_memsz))
			return true;
	}
	return false;
}

/* Copy what segment `ph` has in the file of [addr, addr + len). */
static bool copy_segment(const struct elf_file *elf, const Elf64_Phdr *ph, uint64_t addr,
			 uint8_t *dst, size_t len)
{
	uint64_t end;
	if (__builtin_add_overflow(ph->p_vaddr, ph->p_filesz, &end) ||
	    !elf_input_holds(&elf->in, ph->p_offset, ph->p_filesz))
		return false;
	uint64_t from = ph->p_vaddr > addr ? ph->p_vaddr : addr;
	uint64_t to = end < addr + len ? end : addr + len;
	size_t n = from < to ? (size_t)(to - from) : 0;
	return !n ||
	       elf_file_read(elf, ph->p_offset + (from - ph->p_vaddr), dst + (from - addr), n) == n;
}

/* Fetch what a process has at [addr, addr + len) when the program was just loaded, by a load bias
 * of 0. */
static bool read_segments(const struct program *program, uint64_t addr, uint8_t *dst, size_t len)
{
	const struct elf_file *elf = &program->elf;
	for (uint64_t at = addr - addr % PAGED_PAGE; at < addr + len; at += PAGED_PAGE) {
		if (!is_of_segment(elf, at))
			return false;
	}
	memset(dst, 0, len);
	for (size_t i = 0; i < elf->phdr_count; i++) {
		const Elf64_Phdr *ph = &elf->phdrs[i];
		if (ph->p_type == PT_LOAD && !copy_segment(elf, ph, addr, dst, len))
			return false;
	}
	elf_relocs_apply(&program->relocs, addr, dst, len);
	// Somebody has written to the file meanwhile, so what it has there is not known.
	return elf_file_is_unchanged(elf);
}

enum gospy_code program_fetch(void *program_, uint64_t addr, void *dst, size_t len,
			      struct gospy_error *err)
{
	const struct program *program = program_;
	if (!program->own)
		return read_segments(program, addr, dst, len)
			       ? GOSPY_OK
			       : err_fault(err, addr, "%s does not have 0x%llx", program->elf.name,
					   (unsigned long long)addr);
	if (!program->mem)
		return err_set(err, GOSPY_E_GONE, "the target was closed");
	return mem_read_once(program->mem, addr, dst, len, err);
}

void program_note_source(struct program *program, const char *name, const char *source,
			 uint64_t addr)
{
	struct gospy_provenance p = {.name = name, .source = source, .addr = addr};
	// It is only reported: running out of memory here costs a line of `-v`.
	if (name && !vec_push(&program->provenance, p))
		return;
}

void program_forget_memory(struct program *program)
{
	pthread_mutex_lock(&program->lock);
	program->mem = NULL;
	pthread_mutex_unlock(&program->lock);
}

uint64_t program_bytes(const struct program *program)
{
	return sizeof(*program) + program->arena.bytes + program->elf.arena.bytes +
	       program->bin.arena.bytes + paged_bytes(&program->window) +
	       elf_relocs_bytes(&program->relocs);
}

void program_destroy(struct program *program)
{
	if (!program)
		return;
	for (size_t i = 0; i < program->plugins.len; i++)
		paged_deinit(&program->plugins.at[i]->window);
	vec_free(&program->plugins);
	paged_deinit(&program->window);
	elf_file_close(&program->elf);
	elf_file_close(&program->bin);
	elf_relocs_deinit(&program->relocs);
	vec_free(&program->provenance);
	arena_deinit(&program->arena);
	pthread_mutex_destroy(&program->lock);
	free(program);
}
