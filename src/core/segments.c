#include "core/segments.h"

#include <elf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum {
	/* A process may have as many mappings as vm.max_map_count says, 65,530 by default; some set
	 * it to a million. */
	SEGMENTS_MAX = 1 << 21,
	BATCH = 128, /* program headers that are read at a time */
};

static bool read_whole(struct input *input, uint64_t offset, void *dst, size_t len,
		       struct gospy_error *err)
{
	size_t done = 0;
	return !input_read(input, offset, dst, len, &done, err) && done == len;
}

static enum gospy_code check_header(const Elf64_Ehdr *ehdr, size_t len, const char *name,
				    struct gospy_error *err)
{
	if (len < SELFMAG || memcmp(ehdr->e_ident, ELFMAG, SELFMAG) != 0)
		return err_set(err, GOSPY_E_BAD_DATA, "%s is no core file: it is not ELF", name);
	if (len < sizeof(*ehdr))
		return err_set(err, GOSPY_E_BAD_DATA, "%s is cut off within its header", name);
	if (ehdr->e_ident[EI_CLASS] != ELFCLASS64 || ehdr->e_ident[EI_DATA] != ELFDATA2LSB ||
	    ehdr->e_machine != EM_X86_64)
		return err_set(err, GOSPY_E_UNSUPPORTED,
			       "%s is of another machine: gospy reads those of x86-64 alone", name);
	if (ehdr->e_type != ET_CORE)
		return err_set(err, GOSPY_E_BAD_DATA,
			       "%s is no core file but %s: the program of a core is named by --bin",
			       name,
			       ehdr->e_type == ET_EXEC  ? "a program"
			       : ehdr->e_type == ET_DYN ? "a program or a library"
							: "another kind of ELF file");
	if (ehdr->e_phentsize != sizeof(Elf64_Phdr))
		return err_set(err, GOSPY_E_BAD_DATA, "%s has program headers of an unknown size",
			       name);
	return GOSPY_OK;
}

/* From 65,535 program headers on their number is in the first section header: elf.h, PN_XNUM. */
static enum gospy_code count_headers(struct input *input, const Elf64_Ehdr *ehdr, const char *name,
				     size_t *ret, struct gospy_error *err)
{
	Elf64_Shdr first;
	*ret = ehdr->e_phnum;
	if (ehdr->e_phnum == PN_XNUM) {
		if (!ehdr->e_shoff || !read_whole(input, ehdr->e_shoff, &first, sizeof(first), err))
			return err_set(err, GOSPY_E_BAD_DATA,
				       "%s is cut off: it does not say how many segments it has",
				       name);
		*ret = first.sh_info;
	}
	if (!*ret)
		return err_set(err, GOSPY_E_BAD_DATA, "%s has no segments", name);
	if (*ret > SEGMENTS_MAX)
		return err_set(err, GOSPY_E_LIMIT, "%s has more than %d segments", name,
			       SEGMENTS_MAX);
	return GOSPY_OK;
}

static enum gospy_code add_segment(struct segments *segments, const Elf64_Phdr *ph,
				   uint64_t file_size, struct gospy_error *err)
{
	uint64_t end, file_end;
	if (!ph->p_memsz)
		return GOSPY_OK;
	if (__builtin_add_overflow(ph->p_vaddr, ph->p_memsz, &end) ||
	    __builtin_add_overflow(ph->p_offset, ph->p_filesz, &file_end) ||
	    ph->p_filesz > ph->p_memsz) {
		segments->bad++;
		return GOSPY_OK;
	}
	uint64_t stored = file_end <= file_size       ? ph->p_filesz
			  : ph->p_offset >= file_size ? 0
						      : file_size - ph->p_offset;
	segments->missing += ph->p_filesz - stored;
	segments->total += ph->p_filesz;
	const struct segment segment = {
		.start = ph->p_vaddr,
		.end = end,
		.offset = ph->p_offset,
		.stored = stored,
		.flags = ph->p_flags,
	};
	return vec_push(&segments->at, segment) ? GOSPY_OK : err_nomem(err);
}

static int compare_start(const void *a, const void *b)
{
	const struct segment *x = a, *y = b;
	return (x->start > y->start) - (x->start < y->start);
}

/* What overlaps says two things about one address: the first of them counts. */
static void make_disjoint(struct segments *segments)
{
	size_t kept = 0;
	if (segments->at.len)
		qsort(segments->at.at, segments->at.len, sizeof(*segments->at.at), compare_start);
	for (size_t i = 0; i < segments->at.len; i++) {
		const struct segment *segment = &segments->at.at[i];
		if (kept && segment->start < segments->at.at[kept - 1].end)
			segments->bad++;
		else
			segments->at.at[kept++] = *segment;
	}
	segments->at.len = kept;
}

static enum gospy_code read_headers(struct input *input, const Elf64_Ehdr *ehdr, size_t count,
				    const char *name, struct segments *segments,
				    struct notes_range *notes, size_t *notes_count,
				    struct gospy_error *err)
{
	Elf64_Phdr phdrs[BATCH];
	const uint64_t size = input_size(input);
	enum gospy_code code = GOSPY_OK;
	for (size_t i = 0; i < count && !code; i++) {
		size_t left = count - i < BATCH ? count - i : BATCH;
		uint64_t offset;
		if (i % BATCH == 0 &&
		    (__builtin_add_overflow(ehdr->e_phoff, i * sizeof(*phdrs), &offset) ||
		     !read_whole(input, offset, phdrs, left * sizeof(*phdrs), err)))
			return err_set(err, GOSPY_E_BAD_DATA,
				       "%s is cut off within its program headers: nothing of it "
				       "can be read",
				       name);
		const Elf64_Phdr *ph = &phdrs[i % BATCH];
		if (ph->p_type == PT_NOTE && *notes_count < NOTES_RANGES_MAX)
			notes[(*notes_count)++] = (struct notes_range){ph->p_offset, ph->p_filesz};
		else if (ph->p_type == PT_LOAD)
			code = add_segment(segments, ph, size, err);
	}
	return code;
}

enum gospy_code segments_read(struct input *input, const char *name, struct segments *ret,
			      struct notes_range *notes_ret, size_t *notes_count_ret,
			      struct gospy_error *err)
{
	Elf64_Ehdr ehdr = {0};
	size_t len = 0, count = 0;
	struct segments segments = {0};
	*notes_count_ret = 0;
	enum gospy_code code = input_read(input, 0, &ehdr, sizeof(ehdr), &len, err);
	if (!code)
		code = check_header(&ehdr, len, name, err);
	if (!code)
		code = count_headers(input, &ehdr, name, &count, err);
	if (!code)
		code = read_headers(input, &ehdr, count, name, &segments, notes_ret,
				    notes_count_ret, err);
	if (code) {
		segments_deinit(&segments);
		return code;
	}
	make_disjoint(&segments);
	*ret = segments;
	return GOSPY_OK;
}

size_t segments_before(const struct segments *segments, uint64_t addr)
{
	size_t low = 0, high = segments->at.len;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (addr < segments->at.at[mid].start)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

const struct segment *segments_find(const struct segments *segments, uint64_t addr)
{
	size_t next = segments_before(segments, addr);
	const struct segment *segment = next ? &segments->at.at[next - 1] : NULL;
	return segment && addr < segment->end ? segment : NULL;
}

size_t segments_stored(const struct segments *segments, struct input *input, uint64_t addr,
		       void *dst, size_t len)
{
	const struct segment *segment = segments_find(segments, addr);
	uint64_t off = segment ? addr - segment->start : 0;
	size_t done = 0;
	if (!segment || off >= segment->stored)
		return 0;
	if (len > segment->stored - off)
		len = (size_t)(segment->stored - off);
	return input_read(input, segment->offset + off, dst, len, &done, NULL) ? 0 : done;
}

void segments_deinit(struct segments *segments)
{
	vec_free(&segments->at);
	*segments = (struct segments){0};
}
