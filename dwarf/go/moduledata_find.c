#include "dwarf/go/moduledata_find.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cancel.h"
#include "base/cleanup.h"
#include "base/paged_pass.h"

enum {
	WORD = 8,
	/* Function tables, real ones and what looks like one: a program may carry another one in
	 * its data. */
	TABLES_MAX = 64,
	SCAN_CHUNK = 64 << 10, /* read of a file at a time */
};

struct search {
	struct paged *image;
	const struct elf_file *elf; /* or NULL */
	uint64_t bias;
	uint64_t tables[TABLES_MAX], lowest, highest; /* of the tables */
	size_t table_count;
	struct moduledata *found;
	size_t max, count;
};

/* What is looked for in a range, and what is done about it. */
struct pattern {
	bool (*matches)(const struct search *s, uint64_t word);
	void (*accept)(struct search *s, uint64_t addr);
};

static void scan_bytes(struct search *s, const struct pattern *p, uint64_t addr, struct span bytes)
{
	for (size_t at = 0; at + WORD <= bytes.len; at += WORD) {
		uint64_t word;
		memcpy(&word, bytes.ptr + at, sizeof(word));
		if (p->matches(s, word))
			p->accept(s, addr + at);
	}
}

/* Words of the process's memory in [lo, hi); what cannot be read is stepped over. */
static void scan_memory(struct search *s, const struct pattern *p, uint64_t lo, uint64_t hi)
{
	const struct paged *image = s->image;
	if (lo < image->addr)
		lo = image->addr;
	if (hi > image->addr + image->len)
		hi = image->addr + image->len;
	lo = (lo + WORD - 1) & ~(uint64_t)(WORD - 1);
	CLEANUP(paged_pass_deinit) struct paged_pass pass = paged_pass_of(s->image);
	while (lo < hi) {
		struct span bytes = paged_pass_at(&pass, lo, WORD);
		uint64_t n = bytes.ptr ? bytes.len / WORD * WORD : PAGED_PAGE - lo % PAGED_PAGE;
		n = n < hi - lo ? n : hi - lo;
		if (bytes.ptr)
			scan_bytes(s, p, lo, (struct span){bytes.ptr, (size_t)n});
		lo += n;
	}
}

static void scan_image(struct search *s, const struct pattern *p)
{
	scan_memory(s, p, s->image->addr, s->image->addr + s->image->len);
}

/* ----------------------------------------------------------------------------- function tables --
 */

static bool is_magic(const struct search *s, uint64_t word)
{
	(void)s;
	return moduledata_is_table(word);
}

static void take_table(struct search *s, uint64_t addr)
{
	uint64_t word;
	// In the process: a file may be another one than what runs.
	if (s->table_count == TABLES_MAX || !paged_u64(s->image, addr, &word) ||
	    !moduledata_is_table(word))
		return;
	if (!s->table_count || addr < s->lowest)
		s->lowest = addr;
	if (!s->table_count || addr > s->highest)
		s->highest = addr;
	s->tables[s->table_count++] = addr;
}

static const struct pattern magic = {is_magic, take_table};

/* Where the linker puts it: cmd/link/internal/ld/data.go. */
static void find_table_by_section(struct search *s)
{
	static const char *const names[] = {".gopclntab", ".data.rel.ro.gopclntab"};
	for (size_t i = 0; s->elf && i < sizeof(names) / sizeof(names[0]); i++) {
		const Elf64_Shdr *section = elf_file_section(s->elf, names[i]);
		if (section)
			take_table(s, section->sh_addr + s->bias);
	}
}

/* In [vaddr, vaddr + len) of the file. */
static void scan_file(struct search *s, uint64_t vaddr, uint64_t len)
{
	uint64_t off, left, skip = -vaddr % WORD;
	if (!elf_file_offset(s->elf, vaddr, &off, &left))
		return;
	left = left < len ? left : len;
	CLEANUP_FREE uint8_t *bytes = malloc(SCAN_CHUNK);
	while (bytes && skip < left && !cancel_asked()) {
		size_t n = left - skip < SCAN_CHUNK ? (size_t)(left - skip) : SCAN_CHUNK;
		n = elf_file_read(s->elf, off + skip, bytes, n);
		if (!n)
			break;
		scan_bytes(s, &magic, vaddr + skip + s->bias, (struct span){bytes, n});
		skip += n;
	}
}

/* A file is read faster than a process is. All that is read of it is no more than the image spans.
 */
static void find_tables_in_file(struct search *s)
{
	uint64_t left = s->image->len;
	for (size_t i = 0; s->elf && left && i < s->elf->phdr_count; i++) {
		const Elf64_Phdr *segment = &s->elf->phdrs[i];
		if (segment->p_type != PT_LOAD || segment->p_flags & PF_X)
			continue;
		uint64_t len = segment->p_filesz < left ? segment->p_filesz : left;
		scan_file(s, segment->p_vaddr, len);
		left -= len;
	}
}

static void find_tables_in_memory(struct search *s)
{
	scan_image(s, &magic);
}

/* ------------------------------------------------------------------------------------- modules --
 */

static bool is_table_address(const struct search *s, uint64_t word)
{
	if (word < s->lowest || word > s->highest)
		return false;
	for (size_t i = 0; i < s->table_count; i++) {
		if (s->tables[i] == word)
			return true;
	}
	return false;
}

static void take_module(struct search *s, uint64_t addr)
{
	struct moduledata md;
	for (size_t i = 0; i < s->count && i < s->max; i++) {
		if (s->found[i].addr == addr)
			return;
	}
	if (moduledata_read(s->image, addr, &md, NULL))
		return;
	if (s->count < s->max)
		s->found[s->count++] = md;
}

static const struct pattern table_address = {is_table_address, take_module};

/* Where the linker puts it: .go.module from Go 1.26 on, before in .noptrdata, and what links Go
 * with C merges that into .data. */
static void find_modules_by_section(struct search *s)
{
	static const char *const names[] = {".go.module", ".noptrdata", ".data"};
	for (size_t i = 0; s->elf && !s->count && i < sizeof(names) / sizeof(names[0]); i++) {
		const Elf64_Shdr *section = elf_file_section(s->elf, names[i]);
		uint64_t addr = section ? section->sh_addr + s->bias : 0;
		if (section && section->sh_size <= s->image->len)
			scan_memory(s, &table_address, addr, addr + section->sh_size);
	}
}

/* In the process: the file of a position-independent program does not have the addresses. */
static void find_modules_by_segment(struct search *s)
{
	for (size_t i = 0; s->elf && i < s->elf->phdr_count; i++) {
		const Elf64_Phdr *segment = &s->elf->phdrs[i];
		uint64_t addr = segment->p_vaddr + s->bias;
		if (segment->p_type == PT_LOAD && segment->p_flags & PF_W &&
		    segment->p_filesz <= s->image->len)
			scan_memory(s, &table_address, addr, addr + segment->p_filesz);
	}
}

static void find_modules(struct search *s)
{
	if (!s->table_count)
		return;
	find_modules_by_section(s);
	if (!s->count)
		find_modules_by_segment(s);
	if (!s->count)
		scan_image(s, &table_address);
}

enum gospy_code moduledata_find(struct paged *image, const struct elf_file *elf, uint64_t bias,
				struct moduledata *found, size_t max, size_t *count_ret,
				struct gospy_error *err)
{
	// The steps go from what costs least to what finds all: a section may lie, a file may be
	// packed.
	static void (*const steps[])(struct search *) = {find_table_by_section, find_tables_in_file,
							 find_tables_in_memory};
	struct search s = {.image = image, .elf = elf, .bias = bias, .found = found, .max = max};
	bool tables = false;
	for (size_t i = 0; !s.count && i < sizeof(steps) / sizeof(steps[0]); i++) {
		s.table_count = 0;
		steps[i](&s);
		tables |= s.table_count != 0;
		find_modules(&s);
	}
	if (s.count) {
		*count_ret = s.count;
		return GOSPY_OK;
	}
	if (tables)
		return err_set(err, GOSPY_E_NOT_FOUND,
			       "a function table of Go is there, but no runtime.moduledata that "
			       "refers to it");
	return err_set(err, GOSPY_E_UNSUPPORTED,
		       "no function table of Go (pclntab) in 0x%" PRIx64 "-0x%" PRIx64
		       ", so that no function can be named: it is damaged, or of an unknown "
		       "format, as an obfuscator makes it (garble)",
		       image->addr, image->addr + image->len);
}
