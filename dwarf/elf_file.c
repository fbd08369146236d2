#include "dwarf/elf_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "dwarf/elf_section.h"

enum {
	HEAD = 4 << 10,   /* of a file: the first page */
	CHUNK = 48 << 10, /* of relocations, read at a time */
	/* So many runs of notes are looked at, and so many bytes of each: programs have three,
	 * below 1 KiB. */
	NOTES_MAX = 64,
	NOTE_RUN_MAX = 16 << 10,
};

_Static_assert(CHUNK % sizeof(Elf64_Rela) == 0, "whole records");

/* Copy `len` bytes at `off`; false: they do not lie within. */
static bool load(const struct elf_input *in, uint64_t off, void *dst, size_t len)
{
	return elf_input_read(in, off, dst, len) == len;
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
	uint8_t ident[sizeof(Elf32_Ehdr)];
	if (!load(&elf->in, 0, ident, sizeof(ident)) || memcmp(ident, ELFMAG, SELFMAG))
		return err_set(err, GOSPY_E_BAD_DATA, "%s: not an ELF file", elf->name);
	bool wide = ident[EI_CLASS] == ELFCLASS64;
	bool big = ident[EI_DATA] == ELFDATA2MSB;
	const uint8_t *m = ident + offsetof(Elf32_Ehdr, e_machine); // the same in Elf64_Ehdr
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
		return load(&elf->in, 0, ret, sizeof(*ret));
	if (!load(&elf->in, 0, &e, sizeof(e)))
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
		return load(&elf->in, off, ret, sizeof(*ret));
	if (!load(&elf->in, off, &s, sizeof(s)))
		return false;
	*ret = widen_shdr(&s);
	return true;
}

/* Aligned copy of `count` headers of `size` bytes at `off`. */
static enum gospy_code load_table(struct elf_file *elf, const char *what, uint64_t off,
				  uint64_t count, uint64_t max, size_t size, const void **ret,
				  struct gospy_error *err)
{
	if (count > max)
		return err_set(err, GOSPY_E_BAD_DATA,
			       "%s: %llu %s headers are more than a program has", elf->name,
			       (unsigned long long)count, what);
	if (!elf_input_holds(&elf->in, off, count * size))
		return err_set(err, GOSPY_E_BAD_DATA, "%s: its %s headers lie outside the file",
			       elf->name, what);
	void *copy = arena_alloc(&elf->arena, count * size);
	if (!copy)
		return err_nomem(err);
	if (!load(&elf->in, off, copy, count * size))
		return err_set(err, GOSPY_E_BAD_DATA, "%s: its %s headers cannot be read",
			       elf->name, what);
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
struct span elf_file_strings(struct elf_file *elf, uint64_t index)
{
	struct span s;
	if (index >= elf->shdr_count || elf->shdrs[index].sh_type == SHT_NOBITS ||
	    elf_section_raw(elf, &elf->shdrs[index], &s, NULL))
		return (struct span){0};
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
		enum gospy_code code = load_table(elf, "program", eh.e_phoff, phnum, ELF_PHDRS_MAX,
						  phdr_size(elf), &table, err);
		if (!code && !set_phdrs(elf, table, (size_t)phnum))
			code = err_nomem(err);
		if (code)
			return code;
	}
	// The kernel runs a file whatever its section headers say, and packers leave rubbish there:
	// a section table that cannot be read counts as none.
	if (sections) {
		enum gospy_code code = load_table(elf, "section", eh.e_shoff, shnum, ELF_SHDRS_MAX,
						  shdr_size(elf), &table, err);
		if (code == GOSPY_E_BAD_DATA)
			return GOSPY_OK;
		if (!code && !set_shdrs(elf, table, (size_t)shnum))
			code = err_nomem(err);
		if (code)
			return code;
		if (shstrndx < shnum && elf->shdrs[shstrndx].sh_size <= ELF_SHSTRTAB_MAX)
			elf->shstrtab = elf_file_strings(elf, shstrndx);
	}
	return GOSPY_OK;
}

/* Read the beginning of a file once. */
static bool read_head(struct elf_file *elf)
{
	uint8_t *head = arena_alloc(&elf->arena, HEAD);
	if (head)
		elf->in.bytes = (struct span){head, elf_input_read(&elf->in, 0, head, HEAD)};
	return head;
}

/* If it succeeds, `ret` owns what is to be closed of `in`. */
static enum gospy_code open_input(const struct elf_input *in, const char *name, bool narrow_too,
				  struct elf_file *ret, struct gospy_error *err)
{
	struct elf_file elf = {.in = *in};
	elf.name = arena_strdup(&elf.arena, name);
	bool ok = elf.name && (!elf.in.is_file || read_head(&elf));
	enum gospy_code code = ok ? check_ident(&elf, narrow_too, err) : err_nomem(err);
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
	const struct elf_input in = {.bytes = bytes, .size = bytes.len};
	return open_input(&in, name, false, ret, err);
}

enum gospy_code elf_file_open_span_any(struct span bytes, const char *name, struct elf_file *ret,
				       struct gospy_error *err)
{
	const struct elf_input in = {.bytes = bytes, .size = bytes.len};
	return open_input(&in, name, true, ret, err);
}

static struct elf_identity identify(const struct stat *st)
{
	return (struct elf_identity){
		.dev = st->st_dev,
		.ino = st->st_ino,
		.size = (uint64_t)st->st_size,
		.mtime_s = st->st_mtim.tv_sec,
		.mtime_ns = st->st_mtim.tv_nsec,
		.ctime_s = st->st_ctim.tv_sec,
		.ctime_ns = st->st_ctim.tv_nsec,
	};
}

static enum gospy_code open_file(int fd, const char *name, bool narrow_too, struct elf_file *ret,
				 struct gospy_error *err)
{
	struct stat st;
	if (fstat(fd, &st))
		return err_os(err, errno, "%s", name);
	if (!S_ISREG(st.st_mode) || st.st_size <= 0)
		return err_set(err, GOSPY_E_BAD_DATA, "%s: not an ELF file", name);
	struct elf_input in = {.is_file = true, .size = (uint64_t)st.st_size};
	in.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (in.fd < 0)
		return err_os(err, errno, "%s", name);
	enum gospy_code code = open_input(&in, name, narrow_too, ret, err);
	if (code)
		elf_input_close(&in);
	else
		ret->identity = identify(&st);
	return code;
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
	elf_sections_free(elf);
	elf_input_close(&elf->in);
	arena_deinit(&elf->arena);
	*elf = (struct elf_file){0};
}

void elf_file_release(struct elf_file *elf)
{
	elf_input_close(&elf->in);
}

bool elf_file_open_again(struct elf_file *elf, const struct elf_file *same)
{
	int fd = fcntl(same->in.fd, F_DUPFD_CLOEXEC, 0);
	if (fd >= 0)
		elf->in = (struct elf_input){.is_file = true, .fd = fd, .size = same->in.size};
	return fd >= 0;
}

void elf_file_forget_sections(struct elf_file *elf)
{
	struct arena arena = {0};
	size_t len = elf->phdr_count * sizeof(*elf->phdrs);
	char *name = arena_strdup(&arena, elf->name);
	Elf64_Phdr *phdrs = arena_alloc(&arena, len);
	if (!name || !phdrs) {
		arena_deinit(&arena);
		return;
	}
	if (len)
		memcpy(phdrs, elf->phdrs, len);
	elf_sections_free(elf);
	arena_deinit(&elf->arena);
	elf->arena = arena;
	elf->name = name;
	elf->phdrs = phdrs;
	elf->shdrs = NULL;
	elf->shdr_count = 0;
	elf->shstrtab = (struct span){0};
	// Of a file, the beginning was in the arena.
	if (elf->in.is_file)
		elf->in.bytes = (struct span){0};
}

bool elf_file_is_unchanged(const struct elf_file *elf)
{
	struct stat st;
	if (!elf->in.is_file || fstat(elf->in.fd, &st))
		return false;
	const struct elf_identity now = identify(&st), *then = &elf->identity;
	return now.size == then->size && now.mtime_s == then->mtime_s &&
	       now.mtime_ns == then->mtime_ns;
}

size_t elf_file_read(const struct elf_file *elf, uint64_t off, void *dst, size_t len)
{
	return elf_input_read(&elf->in, off, dst, len);
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

enum gospy_code elf_file_section_prefix(struct elf_file *elf, const char *name, size_t want,
					struct span *ret, struct gospy_error *err)
{
	const Elf64_Shdr *shdr = elf_file_section(elf, name);
	enum elf_packing packing =
		shdr && shdr->sh_flags & SHF_COMPRESSED ? ELF_PACKING_CHDR : ELF_PACKING_NONE;
	if (!shdr && !strncmp(name, ".debug_", 7)) {
		char old[32];
		snprintf(old, sizeof(old), ".z%s", name + 1);
		shdr = elf_file_section(elf, old);
		packing = ELF_PACKING_ZDEBUG;
	}
	// A file of debug information alone keeps the headers of the sections it left out.
	if (!shdr || shdr->sh_type == SHT_NOBITS)
		return err_set(err, GOSPY_E_NOT_FOUND, "%s: has no section %s", elf->name, name);
	enum gospy_code code = elf_section_load(elf, shdr, packing, want, ret, err);
	return code ? err_context(err, code, "%s: section %s", elf->name, name) : GOSPY_OK;
}

enum gospy_code elf_file_section_data(struct elf_file *elf, const char *name, struct span *ret,
				      struct gospy_error *err)
{
	return elf_file_section_prefix(elf, name, SIZE_MAX, ret, err);
}

bool elf_file_offset(const struct elf_file *elf, uint64_t vaddr, uint64_t *off_ret,
		     uint64_t *len_ret)
{
	for (size_t i = 0; i < elf->phdr_count; i++) {
		const Elf64_Phdr *ph = &elf->phdrs[i];
		if (ph->p_type != PT_LOAD || vaddr < ph->p_vaddr ||
		    vaddr - ph->p_vaddr >= ph->p_filesz ||
		    !elf_input_holds(&elf->in, ph->p_offset, ph->p_filesz))
			continue;
		*off_ret = ph->p_offset + (vaddr - ph->p_vaddr);
		*len_ret = ph->p_filesz - (vaddr - ph->p_vaddr);
		return true;
	}
	return false;
}

bool elf_file_read_vaddr(const struct elf_file *elf, uint64_t vaddr, void *dst, size_t len)
{
	uint64_t off, left;
	return elf_file_offset(elf, vaddr, &off, &left) && len <= left &&
	       load(&elf->in, off, dst, len);
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

uint64_t elf_file_dynamic(const struct elf_file *elf, int64_t tag)
{
	enum { ENTRIES_MAX = 1024 }; // looked at, of all segments: programs have some thirty
	uint64_t seen = 0;
	for (size_t i = 0; i < elf->phdr_count; i++) {
		const Elf64_Phdr *ph = &elf->phdrs[i];
		Elf64_Dyn entry;
		for (uint64_t n = 0;
		     ph->p_type == PT_DYNAMIC && n < ph->p_filesz / sizeof(entry) &&
		     seen++ < ENTRIES_MAX &&
		     load(&elf->in, ph->p_offset + n * sizeof(entry), &entry, sizeof(entry));
		     n++) {
			if (entry.d_tag == tag)
				return entry.d_un.d_val;
			if (entry.d_tag == DT_NULL)
				break;
		}
	}
	return 0;
}

/* The first relocation of runtime.tlsg among some. */
static bool find_tlsg(const Elf64_Rela *relocs, size_t n, uint64_t *vaddr_ret)
{
	for (size_t i = 0; i < n; i++) {
		if (relocs[i].r_info == ELF64_R_INFO(0, R_X86_64_TPOFF64)) {
			*vaddr_ret = relocs[i].r_offset;
			return true;
		}
	}
	return false;
}

bool elf_file_rela(const struct elf_file *elf, uint64_t *off_ret, uint64_t *len_ret)
{
	uint64_t left, len = elf_file_dynamic(elf, DT_RELASZ);
	if (!len || len > ELF_RELA_MAX ||
	    !elf_file_offset(elf, elf_file_dynamic(elf, DT_RELA), off_ret, &left) || len > left)
		return false;
	*len_ret = len;
	return true;
}

bool elf_file_tls_slot(const struct elf_file *elf, uint64_t *vaddr_ret)
{
	uint64_t off, len;
	if (!elf_file_rela(elf, &off, &len))
		return false;
	CLEANUP_FREE Elf64_Rela *relocs = malloc(CHUNK);
	bool found = false;
	for (size_t n = 1; relocs && n && !found; off += n, len -= n) {
		n = elf_file_read(elf, off, relocs, len < CHUNK ? (size_t)len : CHUNK);
		n -= n % sizeof(*relocs);
		found = find_tlsg(relocs, n / sizeof(*relocs), vaddr_ret);
	}
	return found;
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

/* The notes of a segment or section, in a buffer of NOTE_RUN_MAX bytes. */
struct notes {
	uint8_t *buffer;
	size_t runs; /* looked at so far */
};

static struct span note_at(const struct elf_file *elf, struct notes *notes, uint64_t off,
			   uint64_t len, uint64_t align, const char *owner, uint32_t type)
{
	if (notes->runs++ >= NOTES_MAX || !elf_input_holds(&elf->in, off, len))
		return (struct span){0};
	size_t n = len < NOTE_RUN_MAX ? (size_t)len : NOTE_RUN_MAX;
	n = elf_file_read(elf, off, notes->buffer, n);
	return note_in((struct span){notes->buffer, n}, align, owner, type);
}

/* In the buffer. */
static struct span find_note_in(const struct elf_file *elf, struct notes *notes, const char *owner,
				uint32_t type)
{
	struct span desc = {0};
	for (size_t i = 0; !desc.len && i < elf->phdr_count; i++) {
		const Elf64_Phdr *ph = &elf->phdrs[i];
		if (ph->p_type == PT_NOTE)
			desc = note_at(elf, notes, ph->p_offset, ph->p_filesz, ph->p_align, owner,
				       type);
	}
	for (size_t i = 0; !desc.len && i < elf->shdr_count; i++) {
		const Elf64_Shdr *sh = &elf->shdrs[i];
		if (sh->sh_type == SHT_NOTE)
			desc = note_at(elf, notes, sh->sh_offset, sh->sh_size, sh->sh_addralign,
				       owner, type);
	}
	return desc;
}

static struct span find_note(struct elf_file *elf, const char *owner, uint32_t type)
{
	CLEANUP_FREE uint8_t *buffer = malloc(NOTE_RUN_MAX);
	struct notes notes = {.buffer = buffer};
	struct span desc = buffer ? find_note_in(elf, &notes, owner, type) : (struct span){0};
	const void *copy = desc.len ? arena_strndup(&elf->arena, desc.ptr, desc.len) : NULL;
	return copy ? (struct span){copy, desc.len} : (struct span){0};
}

struct span elf_file_build_id(struct elf_file *elf)
{
	return find_note(elf, ELF_NOTE_GNU, NT_GNU_BUILD_ID);
}

struct span elf_file_go_build_id(struct elf_file *elf)
{
	// cmd/link/internal/ld/elf.go: ELF_NOTE_GOBUILDID_TAG, owner "Go\0\0", Go 1.5+
	return find_note(elf, "Go", 4);
}
