#include "dwarf/elf_file.h"

#include <endian.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/cursor.h"
#include "dwarf/inflate.h"

/* A compressed section, inflated as far as somebody asked for. */
struct elf_inflated {
	struct elf_inflated *next;
	const Elf64_Shdr *shdr;
	uint8_t *data; /* one byte longer than `size`, to see a stream that goes on */
	size_t size;
	size_t done, given;        /* bytes inflated, and of those what somebody asked for */
	struct inflater *inflater; /* NULL: the stream is broken */
};

/* Copy `len` bytes at `off`; false: they do not lie within. */
static bool load(struct span bytes, uint64_t off, void *dst, size_t len)
{
	struct span part = span_sub(bytes, off, len);
	if (!part.ptr)
		return false;
	memcpy(dst, part.ptr, len);
	return true;
}

/* Names as GOARCH has them, for people who build Go programs. */
static const char *machine_name(uint16_t machine)
{
	switch (machine) {
	case EM_386:
		return "386";
	case EM_X86_64:
		return "amd64";
	case EM_ARM:
		return "arm";
	case EM_AARCH64:
		return "arm64";
	case EM_MIPS:
		return "mips";
	case EM_PPC64:
		return "ppc64";
	case EM_S390:
		return "s390x";
	case EM_RISCV:
		return "riscv64";
	case EM_LOONGARCH:
		return "loong64";
	default:
		return "an unknown machine";
	}
}

/* ELF specification (gABI), chapter 4, "ELF Identification". */
static enum gospy_code check_ident(struct elf_file *elf, bool narrow_too, struct gospy_error *err)
{
	struct span ident = span_sub(elf->bytes, 0, sizeof(Elf32_Ehdr));
	if (!ident.ptr || memcmp(ident.ptr, ELFMAG, SELFMAG))
		return err_set(err, GOSPY_E_BAD_DATA, "%s: not an ELF file", elf->name);
	bool wide = ident.ptr[EI_CLASS] == ELFCLASS64;
	bool big = ident.ptr[EI_DATA] == ELFDATA2MSB;
	const uint8_t *m = ident.ptr + offsetof(Elf32_Ehdr, e_machine); // the same in Elf64_Ehdr
	uint16_t machine = (uint16_t)(big ? m[0] << 8 | m[1] : m[1] << 8 | m[0]);
	elf->narrow = !wide && !big && machine == EM_386;
	if ((elf->narrow && narrow_too) || (wide && !big && machine == EM_X86_64))
		return GOSPY_OK;
	return err_set(err, GOSPY_E_UNSUPPORTED,
		       "%s: a %d-bit%s program (%s); gospy reads 64-bit x86 only", elf->name,
		       wide ? 64 : 32, big ? " big-endian" : "", machine_name(machine));
}

/* ---- headers, those of 32 bits widened */

static bool load_ehdr(const struct elf_file *elf, Elf64_Ehdr *ret)
{
	Elf32_Ehdr e;
	if (!elf->narrow)
		return load(elf->bytes, 0, ret, sizeof(*ret));
	if (!load(elf->bytes, 0, &e, sizeof(e)))
		return false;
	*ret = (Elf64_Ehdr){
		.e_type = e.e_type,
		.e_entry = e.e_entry,
		.e_phoff = e.e_phoff,
		.e_shoff = e.e_shoff,
		.e_phentsize = e.e_phentsize,
		.e_phnum = e.e_phnum,
		.e_shentsize = e.e_shentsize,
		.e_shnum = e.e_shnum,
		.e_shstrndx = e.e_shstrndx,
	};
	return true;
}

static Elf64_Phdr widen_phdr(const Elf32_Phdr *p)
{
	return (Elf64_Phdr){
		.p_type = p->p_type,
		.p_flags = p->p_flags,
		.p_offset = p->p_offset,
		.p_vaddr = p->p_vaddr,
		.p_paddr = p->p_paddr,
		.p_filesz = p->p_filesz,
		.p_memsz = p->p_memsz,
		.p_align = p->p_align,
	};
}

static Elf64_Shdr widen_shdr(const Elf32_Shdr *s)
{
	return (Elf64_Shdr){
		.sh_name = s->sh_name,
		.sh_type = s->sh_type,
		.sh_flags = s->sh_flags,
		.sh_addr = s->sh_addr,
		.sh_offset = s->sh_offset,
		.sh_size = s->sh_size,
		.sh_link = s->sh_link,
		.sh_info = s->sh_info,
		.sh_addralign = s->sh_addralign,
		.sh_entsize = s->sh_entsize,
	};
}

static size_t phdr_size(const struct elf_file *elf)
{
	return elf->narrow ? sizeof(Elf32_Phdr) : sizeof(Elf64_Phdr);
}

static size_t shdr_size(const struct elf_file *elf)
{
	return elf->narrow ? sizeof(Elf32_Shdr) : sizeof(Elf64_Shdr);
}

static bool load_shdr(const struct elf_file *elf, uint64_t off, Elf64_Shdr *ret)
{
	Elf32_Shdr s;
	if (!elf->narrow)
		return load(elf->bytes, off, ret, sizeof(*ret));
	if (!load(elf->bytes, off, &s, sizeof(s)))
		return false;
	*ret = widen_shdr(&s);
	return true;
}

/* Aligned copy of `count` headers of `size` bytes at `off`. */
static enum gospy_code load_table(struct elf_file *elf, const char *what, uint64_t off,
				  uint64_t count, size_t size, const void **ret,
				  struct gospy_error *err)
{
	uint64_t len;
	struct span table = {0};
	if (!__builtin_mul_overflow(count, size, &len))
		table = span_sub(elf->bytes, off, len);
	if (!table.ptr)
		return err_set(err, GOSPY_E_BAD_DATA, "%s: its %s headers lie outside the file",
			       elf->name, what);
	void *copy = arena_alloc(&elf->arena, table.len);
	if (!copy)
		return err_nomem(err);
	memcpy(copy, table.ptr, table.len);
	*ret = copy;
	return GOSPY_OK;
}

/* `table` is what load_table copied. */
static bool set_phdrs(struct elf_file *elf, const void *table, size_t count)
{
	elf->phdr_count = count;
	elf->phdrs = table;
	if (!elf->narrow)
		return true;
	const Elf32_Phdr *narrow = table;
	Elf64_Phdr *wide = arena_calloc(&elf->arena, count, sizeof(*wide));
	for (size_t i = 0; wide && i < count; i++)
		wide[i] = widen_phdr(&narrow[i]);
	elf->phdrs = wide;
	return wide;
}

static bool set_shdrs(struct elf_file *elf, const void *table, size_t count)
{
	elf->shdr_count = count;
	elf->shdrs = table;
	if (!elf->narrow)
		return true;
	const Elf32_Shdr *narrow = table;
	Elf64_Shdr *wide = arena_calloc(&elf->arena, count, sizeof(*wide));
	for (size_t i = 0; wide && i < count; i++)
		wide[i] = widen_shdr(&narrow[i]);
	elf->shdrs = wide;
	return wide;
}

// gABI, "String Table"
struct span elf_file_strings(const struct elf_file *elf, uint64_t index)
{
	if (index >= elf->shdr_count || elf->shdrs[index].sh_type == SHT_NOBITS)
		return (struct span){0};
	struct span s =
		span_sub(elf->bytes, elf->shdrs[index].sh_offset, elf->shdrs[index].sh_size);
	return s.len && s.ptr[s.len - 1] == 0 ? s : (struct span){0};
}

static enum gospy_code load_headers(struct elf_file *elf, struct gospy_error *err)
{
	Elf64_Ehdr eh;
	if (!load_ehdr(elf, &eh))
		return err_set(err, GOSPY_E_BAD_DATA, "%s: truncated", elf->name);
	if (eh.e_type != ET_EXEC && eh.e_type != ET_DYN)
		return err_set(err, GOSPY_E_UNSUPPORTED, "%s: %s, not a program", elf->name,
			       eh.e_type == ET_CORE ? "a core file" : "an object file");
	elf->type = eh.e_type;
	elf->entry = eh.e_entry;

	// Counts too large for the ELF header are in section header 0 (gABI, "ELF Header").
	Elf64_Shdr first = {0};
	bool sections = eh.e_shoff && eh.e_shentsize == shdr_size(elf) &&
			load_shdr(elf, eh.e_shoff, &first);
	uint64_t phnum = eh.e_phnum == PN_XNUM ? first.sh_info : eh.e_phnum;
	uint64_t shnum = eh.e_shnum ? eh.e_shnum : first.sh_size;
	uint64_t shstrndx = eh.e_shstrndx == SHN_XINDEX ? first.sh_link : eh.e_shstrndx;

	const void *table = NULL;
	if (phnum) {
		if (eh.e_phentsize != phdr_size(elf))
			return err_set(err, GOSPY_E_BAD_DATA,
				       "%s: program headers of %u bytes each", elf->name,
				       eh.e_phentsize);
		enum gospy_code code =
			load_table(elf, "program", eh.e_phoff, phnum, phdr_size(elf), &table, err);
		if (!code && !set_phdrs(elf, table, (size_t)phnum))
			code = err_nomem(err);
		if (code)
			return code;
	}
	// The kernel runs a file whatever its section headers say, and packers leave rubbish there:
	// a section table that cannot be read counts as none.
	if (sections) {
		enum gospy_code code =
			load_table(elf, "section", eh.e_shoff, shnum, shdr_size(elf), &table, err);
		if (code == GOSPY_E_BAD_DATA)
			return GOSPY_OK;
		if (!code && !set_shdrs(elf, table, (size_t)shnum))
			code = err_nomem(err);
		if (code)
			return code;
		elf->shstrtab = elf_file_strings(elf, shstrndx);
	}
	return GOSPY_OK;
}

static enum gospy_code open_bytes(struct span bytes, const char *name, bool narrow_too,
				  struct elf_file *ret, struct gospy_error *err)
{
	struct elf_file elf = {.bytes = bytes};
	elf.name = arena_strdup(&elf.arena, name);
	enum gospy_code code = elf.name ? check_ident(&elf, narrow_too, err) : err_nomem(err);
	if (!code)
		code = load_headers(&elf, err);
	if (code) {
		arena_deinit(&elf.arena);
		return code;
	}
	*ret = elf;
	return GOSPY_OK;
}

enum gospy_code elf_file_open_span(struct span bytes, const char *name, struct elf_file *ret,
				   struct gospy_error *err)
{
	return open_bytes(bytes, name, false, ret, err);
}

enum gospy_code elf_file_open_span_any(struct span bytes, const char *name, struct elf_file *ret,
				       struct gospy_error *err)
{
	return open_bytes(bytes, name, true, ret, err);
}

static enum gospy_code open_file(int fd, const char *name, bool narrow_too, struct elf_file *ret,
				 struct gospy_error *err)
{
	struct stat st;
	if (fstat(fd, &st))
		return err_os(err, errno, "%s", name);
	if (!S_ISREG(st.st_mode) || !st.st_size)
		return err_set(err, GOSPY_E_BAD_DATA, "%s: not an ELF file", name);
	size_t len = (size_t)st.st_size;
	void *map = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return err_os(err, errno, "%s: cannot map it", name);
	enum gospy_code code = open_bytes((struct span){map, len}, name, narrow_too, ret, err);
	if (code) {
		munmap(map, len);
		return code;
	}
	ret->map = map;
	ret->mtime_s = st.st_mtim.tv_sec;
	return GOSPY_OK;
}

enum gospy_code elf_file_open(int fd, const char *name, struct elf_file *ret,
			      struct gospy_error *err)
{
	return open_file(fd, name, false, ret, err);
}

enum gospy_code elf_file_open_any(int fd, const char *name, struct elf_file *ret,
				  struct gospy_error *err)
{
	return open_file(fd, name, true, ret, err);
}

enum gospy_code elf_file_none(const char *name, struct elf_file *ret, struct gospy_error *err)
{
	struct elf_file elf = {0};
	elf.name = arena_strdup(&elf.arena, name);
	if (!elf.name)
		return err_nomem(err);
	*ret = elf;
	return GOSPY_OK;
}

void elf_file_close(struct elf_file *elf)
{
	for (struct elf_inflated *z = elf->inflated; z; z = z->next)
		inflater_destroy(z->inflater);
	if (elf->map)
		munmap(elf->map, elf->bytes.len);
	arena_deinit(&elf->arena);
	*elf = (struct elf_file){0};
}

const Elf64_Shdr *elf_file_section(const struct elf_file *elf, const char *name)
{
	for (size_t i = 0; i < elf->shdr_count; i++) {
		const Elf64_Shdr *shdr = &elf->shdrs[i];
		if (shdr->sh_name < elf->shstrtab.len &&
		    !strcmp((const char *)elf->shstrtab.ptr + shdr->sh_name, name))
			return shdr;
	}
	return NULL;
}

/* Prepare to inflate a zlib stream that says it holds `size` bytes. */
static enum gospy_code begin_inflate(struct elf_file *elf, struct span in, uint64_t size,
				     struct elf_inflated *z, struct gospy_error *err)
{
	if (size > UINT32_MAX - 1 || in.len > UINT32_MAX)
		return err_set(err, GOSPY_E_LIMIT, "says to hold %llu bytes",
			       (unsigned long long)size);
	// Deflate never does better than 1032:1 (zlib.net/zlib_tech.html): do not allocate for a
	// lie.
	if (size / 1032 > in.len)
		return err_set(err, GOSPY_E_BAD_DATA, "says to hold more than it can");
	z->size = size;
	z->data = arena_alloc(&elf->arena, size + 1);
	z->inflater = z->data ? inflater_create(in) : NULL;
	if (!z->inflater)
		return err_nomem(err);
	return GOSPY_OK;
}

/* SHF_COMPRESSED: gABI, "Compressed Sections"; what Go's linker writes since 1.19. */
static enum gospy_code begin_chdr(struct elf_file *elf, struct span raw, struct elf_inflated *z,
				  struct gospy_error *err)
{
	Elf64_Chdr ch;
	if (!load(raw, 0, &ch, sizeof(ch)))
		return err_set(err, GOSPY_E_BAD_DATA, "truncated");
	if (ch.ch_type != ELFCOMPRESS_ZLIB)
		return err_set(err, GOSPY_E_UNSUPPORTED, "compressed by method %u, not by zlib",
			       ch.ch_type);
	struct span in = span_sub(raw, sizeof(ch), raw.len - sizeof(ch));
	return begin_inflate(elf, in, ch.ch_size, z, err);
}

/* ".zdebug_x": "ZLIB", size as 8 bytes big-endian, stream; Go's linker up to 1.18
 * (cmd/link/internal/ld/data.go:compressSyms). */
static enum gospy_code begin_zdebug(struct elf_file *elf, struct span raw, struct elf_inflated *z,
				    struct gospy_error *err)
{
	enum { HEADER = 12 };
	uint64_t size;
	if (raw.len < HEADER || memcmp(raw.ptr, "ZLIB", 4) || !load(raw, 4, &size, sizeof(size)))
		return err_set(err, GOSPY_E_BAD_DATA, "no ZLIB header");
	return begin_inflate(elf, span_sub(raw, HEADER, raw.len - HEADER), be64toh(size), z, err);
}

/* Inflate the first `want` bytes at least. Of a stream that has turned out to be broken no more is
 * given than was before. */
static enum gospy_code continue_inflate(struct elf_inflated *z, size_t want,
					struct gospy_error *err)
{
	enum { STEP = 64 << 10 }; // to go on costs something: the window is copied
	bool all = want >= z->size;
	if (want <= z->given && !all)
		return GOSPY_OK;
	size_t need = all ? z->size + 1 : want;
	if (z->inflater && need > z->done) {
		size_t end = need > z->done + STEP ? need : z->done + STEP;
		if (end > z->size + 1)
			end = z->size + 1;
		z->done += inflater_run(z->inflater, z->data + z->done, end - z->done);
	}
	if (!z->inflater ||
	    (all ? z->done != z->size || !inflater_ended(z->inflater) : z->done < want)) {
		inflater_destroy(z->inflater);
		z->inflater = NULL;
		return err_set(err, GOSPY_E_BAD_DATA, "broken zlib stream");
	}
	z->given = all ? z->size : want;
	return GOSPY_OK;
}

/* The section's cache entry, made when first asked for. */
static enum gospy_code find_inflated(struct elf_file *elf, const Elf64_Shdr *shdr, struct span raw,
				     bool zdebug, struct elf_inflated **ret,
				     struct gospy_error *err)
{
	for (struct elf_inflated *z = elf->inflated; z; z = z->next) {
		if (z->shdr == shdr) {
			*ret = z;
			return GOSPY_OK;
		}
	}
	struct elf_inflated *z = arena_alloc(&elf->arena, sizeof(*z));
	if (!z)
		return err_nomem(err);
	enum gospy_code code =
		zdebug ? begin_zdebug(elf, raw, z, err) : begin_chdr(elf, raw, z, err);
	if (code)
		return code;
	z->shdr = shdr;
	z->next = elf->inflated;
	elf->inflated = z;
	*ret = z;
	return GOSPY_OK;
}

static enum gospy_code load_section(struct elf_file *elf, const Elf64_Shdr *shdr, bool zdebug,
				    size_t want, struct span *ret, struct gospy_error *err)
{
	struct span raw = span_sub(elf->bytes, shdr->sh_offset, shdr->sh_size);
	if (!raw.ptr)
		return err_set(err, GOSPY_E_BAD_DATA, "lies outside the file");
	if (!zdebug && !(shdr->sh_flags & SHF_COMPRESSED)) {
		*ret = raw;
		return GOSPY_OK;
	}
	struct elf_inflated *z = NULL;
	enum gospy_code code = find_inflated(elf, shdr, raw, zdebug, &z, err);
	if (!code)
		code = continue_inflate(z, want, err);
	if (!code)
		*ret = (struct span){z->data, z->size};
	return code;
}

enum gospy_code elf_file_section_prefix(struct elf_file *elf, const char *name, size_t want,
					struct span *ret, struct gospy_error *err)
{
	const Elf64_Shdr *shdr = elf_file_section(elf, name);
	bool zdebug = false;
	if (!shdr && !strncmp(name, ".debug_", 7)) {
		char old[32];
		snprintf(old, sizeof(old), ".z%s", name + 1);
		shdr = elf_file_section(elf, old);
		zdebug = true;
	}
	// A file of debug information alone keeps the headers of the sections it left out.
	if (!shdr || shdr->sh_type == SHT_NOBITS)
		return err_set(err, GOSPY_E_NOT_FOUND, "%s: has no section %s", elf->name, name);
	enum gospy_code code = load_section(elf, shdr, zdebug, want, ret, err);
	return code ? err_context(err, code, "%s: section %s", elf->name, name) : GOSPY_OK;
}

enum gospy_code elf_file_section_data(struct elf_file *elf, const char *name, struct span *ret,
				      struct gospy_error *err)
{
	return elf_file_section_prefix(elf, name, SIZE_MAX, ret, err);
}

struct span elf_file_at_vaddr(const struct elf_file *elf, uint64_t vaddr, uint64_t len)
{
	for (size_t i = 0; i < elf->phdr_count; i++) {
		const Elf64_Phdr *ph = &elf->phdrs[i];
		if (ph->p_type != PT_LOAD || vaddr < ph->p_vaddr ||
		    vaddr - ph->p_vaddr >= ph->p_filesz)
			continue;
		struct span segment = span_sub(elf->bytes, ph->p_offset, ph->p_filesz);
		return span_sub(segment, vaddr - ph->p_vaddr, len);
	}
	return (struct span){0};
}

bool elf_file_range(const struct elf_file *elf, uint64_t *lo_ret, uint64_t *hi_ret)
{
	uint64_t lo = UINT64_MAX, hi = 0;
	for (size_t i = 0; i < elf->phdr_count; i++) {
		const Elf64_Phdr *ph = &elf->phdrs[i];
		uint64_t end;
		if (ph->p_type != PT_LOAD || !ph->p_memsz ||
		    __builtin_add_overflow(ph->p_vaddr, ph->p_memsz, &end))
			continue;
		lo = ph->p_vaddr < lo ? ph->p_vaddr : lo;
		hi = end > hi ? end : hi;
	}
	if (lo >= hi)
		return false;
	*lo_ret = lo;
	*hi_ret = hi;
	return true;
}

/* Value of an entry of the dynamic section, or 0. */
static uint64_t dynamic_value(const struct elf_file *elf, int64_t tag)
{
	for (size_t i = 0; i < elf->phdr_count; i++) {
		const Elf64_Phdr *ph = &elf->phdrs[i];
		struct span dynamic = {0};
		if (ph->p_type == PT_DYNAMIC)
			dynamic = span_sub(elf->bytes, ph->p_offset, ph->p_filesz);
		Elf64_Dyn entry;
		for (uint64_t off = 0; load(dynamic, off, &entry, sizeof(entry));
		     off += sizeof(entry)) {
			if (entry.d_tag == tag)
				return entry.d_un.d_val;
			if (entry.d_tag == DT_NULL)
				break;
		}
	}
	return 0;
}

bool elf_file_tls_slot(const struct elf_file *elf, uint64_t *vaddr_ret)
{
	struct span relocs =
		elf_file_at_vaddr(elf, dynamic_value(elf, DT_RELA), dynamic_value(elf, DT_RELASZ));
	Elf64_Rela rela;
	for (uint64_t off = 0; load(relocs, off, &rela, sizeof(rela)); off += sizeof(rela)) {
		if (rela.r_info == ELF64_R_INFO(0, R_X86_64_TPOFF64)) {
			*vaddr_ret = rela.r_offset;
			return true;
		}
	}
	return false;
}

static void skip_padding(struct cursor *c, uint64_t align)
{
	uint64_t padding = -c->pos & (align - 1);
	// The last note may go without.
	cursor_skip(c, padding < cursor_left(c) ? padding : cursor_left(c));
}

/* Descriptor of the first note of this owner and type in a run of notes (gABI, "Note Section"). */
static struct span note_in(struct span notes, uint64_t align, const char *owner, uint32_t type)
{
	// 4 is the rule; GNU property notes are aligned to 8 and say so.
	align = align == 8 ? 8 : 4;
	struct cursor c = cursor_at(notes, 0);
	while (cursor_left(&c)) {
		uint32_t owner_len = cursor_u32(&c);
		uint32_t desc_len = cursor_u32(&c);
		uint32_t note_type = cursor_u32(&c);
		const uint8_t *note_owner = cursor_bytes(&c, owner_len);
		skip_padding(&c, align);
		const uint8_t *desc = cursor_bytes(&c, desc_len);
		skip_padding(&c, align);
		if (desc && note_type == type && owner_len > strlen(owner) &&
		    !memcmp(note_owner, owner, strlen(owner) + 1))
			return (struct span){desc, desc_len};
	}
	return (struct span){0};
}

static struct span find_note(const struct elf_file *elf, const char *owner, uint32_t type)
{
	for (size_t i = 0; i < elf->phdr_count; i++) {
		const Elf64_Phdr *ph = &elf->phdrs[i];
		if (ph->p_type != PT_NOTE)
			continue;
		struct span desc = note_in(span_sub(elf->bytes, ph->p_offset, ph->p_filesz),
					   ph->p_align, owner, type);
		if (desc.len)
			return desc;
	}
	for (size_t i = 0; i < elf->shdr_count; i++) {
		const Elf64_Shdr *sh = &elf->shdrs[i];
		if (sh->sh_type != SHT_NOTE)
			continue;
		struct span desc = note_in(span_sub(elf->bytes, sh->sh_offset, sh->sh_size),
					   sh->sh_addralign, owner, type);
		if (desc.len)
			return desc;
	}
	return (struct span){0};
}

struct span elf_file_build_id(const struct elf_file *elf)
{
	return find_note(elf, ELF_NOTE_GNU, NT_GNU_BUILD_ID);
}

struct span elf_file_go_build_id(const struct elf_file *elf)
{
	// cmd/link/internal/ld/elf.go: ELF_NOTE_GOBUILDID_TAG, owner "Go\0\0", Go 1.5+
	return find_note(elf, "Go", 4);
}

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

static const Elf64_Shdr *find_symtab(const struct elf_file *elf)
{
	for (size_t i = 0; i < elf->shdr_count; i++)
		if (elf->shdrs[i].sh_type == SHT_SYMTAB)
			return &elf->shdrs[i];
	return NULL;
}

enum gospy_code elf_file_symbols(struct elf_file *elf, struct elf_symbol *symbols, size_t n,
				 struct gospy_error *err)
{
	const Elf64_Shdr *symtab = find_symtab(elf);
	if (!symtab)
		return err_set(err, GOSPY_E_NOT_FOUND, "%s: has no symbol table", elf->name);
	struct span table = span_sub(elf->bytes, symtab->sh_offset, symtab->sh_size);
	struct span names = elf_file_strings(elf, symtab->sh_link);
	if (!table.ptr || !names.ptr || symtab->sh_entsize != sizeof(Elf64_Sym))
		return err_set(err, GOSPY_E_BAD_DATA, "%s: broken symbol table", elf->name);

	struct elf_symbol **wanted = arena_calloc(&elf->arena, n, sizeof(*wanted));
	if (!wanted)
		return err_nomem(err);
	// Most symbols are told apart by their first byte.
	bool begins[UINT8_MAX + 1] = {false};
	for (size_t i = 0; i < n; i++) {
		symbols[i].found = false;
		wanted[i] = &symbols[i];
		begins[(uint8_t)symbols[i].name[0]] = true;
	}
	qsort(wanted, n, sizeof(*wanted), compare_names);

	size_t left = n;
	for (uint64_t off = 0; left && off < table.len; off += sizeof(Elf64_Sym)) {
		Elf64_Sym sym;
		if (!load(table, off, &sym, sizeof(sym)))
			break;
		if (sym.st_shndx == SHN_UNDEF || sym.st_name >= names.len ||
		    !begins[names.ptr[sym.st_name]])
			continue;
		struct elf_symbol **match = bsearch(names.ptr + sym.st_name, wanted, n,
						    sizeof(*wanted), compare_to_name);
		if (!match || (*match)->found)
			continue;
		(*match)->addr = sym.st_value;
		(*match)->size = sym.st_size;
		(*match)->found = true;
		left--;
	}
	return GOSPY_OK;
}
