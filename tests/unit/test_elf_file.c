#include "dwarf/elf_file.h"
#include "dwarf/elf_symbols.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "dwarf/unzstd.h"
#include "elf_image.h"

static struct elf_image image;
static struct elf_file elf;
static struct gospy_error err;

static enum gospy_code open_image(void)
{
	return elf_file_open_span((struct span){image.bytes, image.len}, "prog", &elf, &err);
}

static void finish_and_open(void)
{
	elf_image_finish(&image);
	assert_int_equal(open_image(), GOSPY_OK);
}

enum { FIRST_PAGE = 4096 };

/* The image as a file, made `size` bytes long if that is more. */
static int image_as_file(uint64_t size)
{
	struct span bytes = elf_image_finish(&image);
	int fd = memfd_create("prog", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes.ptr, bytes.len), bytes.len);
	if (size)
		assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

/* A file with a bit of everything, behind its first page, which is read when it is opened. */
static void make_program(void)
{
	static const uint8_t first_page[FIRST_PAGE];
	static const char text[] = "text bytes", data[] = "data bytes";
	static const uint8_t gnu_note[] = "\x04\0\0\0\x03\0\0\0\x03\0\0\0GNU\0\xaa\xbb\xcc";
	static const uint8_t go_note[] = "\x04\0\0\0\x05\0\0\0\x04\0\0\0Go\0\0ab/cd\0\0";
	static const char names[] = "\0runtime.allgs\0runtime.sched\0main.main\0runtime.gone";
	const Elf64_Sym symbols[] = {
		{0},
		{.st_name = 29, .st_shndx = 1, .st_value = 0x401010, .st_size = 9},
		{.st_name = 15, .st_shndx = 2, .st_value = 0x500020, .st_size = 80},
		{.st_name = 39, .st_shndx = SHN_UNDEF, .st_value = 1},
		{.st_name = 1, .st_shndx = 2, .st_value = 0x500000, .st_size = 24},
		{.st_name = 1, .st_shndx = 2, .st_value = 0x700000, .st_size = 1},
		{.st_name = 9999, .st_shndx = 2},
	};

	elf_image_init(&image, ET_EXEC);
	elf_image_add(&image, first_page, sizeof(first_page));
	uint64_t text_off = elf_image_add(&image, text, sizeof(text));
	uint64_t data_off = elf_image_add(&image, data, sizeof(data));
	elf_image_segment(&image, PT_LOAD, PF_R | PF_X, 0x401000, text_off, sizeof(text));
	elf_image_segment(&image, PT_LOAD, PF_R | PF_W, 0x500000, data_off, sizeof(data))->p_memsz =
		0x1000;
	elf_image_segment(&image, PT_NOTE, PF_R, 0x400100,
			  elf_image_add(&image, gnu_note, sizeof(gnu_note) - 1),
			  sizeof(gnu_note) - 1);
	elf_image_section_at(&image, ".text", SHT_PROGBITS, text_off, sizeof(text));
	elf_image_section_at(&image, ".data", SHT_PROGBITS, data_off, sizeof(data));
	elf_image_section(&image, ".note.go.buildid", SHT_NOTE, go_note, sizeof(go_note) - 1);
	Elf64_Shdr *symtab =
		elf_image_section(&image, ".symtab", SHT_SYMTAB, symbols, sizeof(symbols));
	symtab->sh_link = (uint32_t)image.shnum;
	symtab->sh_entsize = sizeof(Elf64_Sym);
	elf_image_section(&image, ".strtab", SHT_STRTAB, names, sizeof(names));
}

static int teardown(void **state)
{
	(void)state;
	elf_file_close(&elf);
	return 0;
}

static void reads_headers(void **state)
{
	(void)state;
	make_program();
	finish_and_open();
	assert_int_equal(elf.type, ET_EXEC);
	assert_int_equal(elf.entry, 0x401000);
	assert_int_equal(elf.phdr_count, 3);
	assert_non_null(elf_file_section(&elf, ".text"));
	assert_null(elf_file_section(&elf, ".tex"));
	assert_null(elf_file_section(&elf, ".debug_info"));

	uint64_t lo, hi;
	assert_true(elf_file_range(&elf, &lo, &hi));
	assert_int_equal(lo, 0x401000);
	assert_int_equal(hi, 0x501000);
}

static void reads_content(void **state)
{
	(void)state;
	make_program();
	finish_and_open();
	struct span s;
	assert_int_equal(elf_file_section_data(&elf, ".data", &s, &err), GOSPY_OK);
	assert_string_equal((const char *)s.ptr, "data bytes");
	assert_int_equal(elf_file_section_data(&elf, ".nix", &s, &err), GOSPY_E_NOT_FOUND);
	assert_string_equal(err.msg, "prog: has no section .nix");

	char text[8] = "";
	assert_true(elf_file_read_vaddr(&elf, 0x500005, text, 5));
	assert_string_equal(text, "bytes");
	assert_false(elf_file_read_vaddr(&elf, 0x500005, text, 7));
	assert_false(elf_file_read_vaddr(&elf, 0x500020, text, 1)); // bss
	assert_false(elf_file_read_vaddr(&elf, 0x400fff, text, 1));
	assert_false(elf_file_read_vaddr(&elf, UINT64_MAX, text, 1));
	assert_false(elf_file_read_vaddr(&elf, 0x500005, text, SIZE_MAX));
	assert_string_equal(text, "bytes");
}

static void reads_build_ids(void **state)
{
	(void)state;
	make_program();
	finish_and_open();
	struct span id = elf_file_build_id(&elf);
	assert_int_equal(id.len, 3);
	assert_memory_equal(id.ptr, "\xaa\xbb\xcc", 3);
	id = elf_file_go_build_id(&elf);
	assert_int_equal(id.len, 5);
	assert_memory_equal(id.ptr, "ab/cd", 5);
}

static void finds_the_slot_of_g(void **state)
{
	(void)state;
	uint64_t slot = 0;
	make_program();
	finish_and_open();
	assert_false(elf_file_tls_slot(&elf, &slot));
	elf_file_close(&elf);

	Elf64_Rela relas[] = {
		{0x500000, ELF64_R_INFO(0, R_X86_64_RELATIVE), 0x1234},
		{0x500008, ELF64_R_INFO(7, R_X86_64_TPOFF64), 0}, // a variable of a C library
		{0x500010, ELF64_R_INFO(0, R_X86_64_TPOFF64), 0},
	};
	Elf64_Dyn dynamic[] = {{DT_RELA, {0x600000}},
			       {DT_RELASZ, {sizeof(relas)}},
			       {DT_NULL, {0}},
			       {DT_RELA, {1}}};
	for (size_t part = 0; part < 4; part++) {
		elf_image_init(&image, ET_DYN);
		uint64_t off = elf_image_add(&image, relas, sizeof(relas));
		// A part of the table, and more than there is.
		dynamic[1].d_un.d_val = part < 3 ? part * sizeof(relas[0]) + 8 : UINT64_MAX;
		elf_image_segment(&image, PT_LOAD, PF_R, 0x600000, off, sizeof(relas));
		off = elf_image_add(&image, dynamic, sizeof(dynamic));
		elf_image_segment(&image, PT_DYNAMIC, PF_R, 0x700000, off, sizeof(dynamic));
		finish_and_open();
		assert_false(elf_file_tls_slot(&elf, &slot));
		elf_file_close(&elf);
	}
	dynamic[1].d_un.d_val = sizeof(relas);
	elf_image_init(&image, ET_DYN);
	uint64_t off = elf_image_add(&image, relas, sizeof(relas));
	elf_image_segment(&image, PT_LOAD, PF_R, 0x600000, off, sizeof(relas));
	off = elf_image_add(&image, dynamic, sizeof(dynamic));
	elf_image_segment(&image, PT_DYNAMIC, PF_R, 0x700000, off, sizeof(dynamic));
	finish_and_open();
	assert_true(elf_file_tls_slot(&elf, &slot));
	assert_int_equal(slot, 0x500010);
}

/* A table of which only the first record is not a hole. */
static void bounds_the_table_of_relocations(void **state)
{
	(void)state;
	const Elf64_Rela tlsg = {0x500010, ELF64_R_INFO(0, R_X86_64_TPOFF64), 0};
	for (int over = 0; over < 2; over++) {
		uint64_t slot = 0, len = ELF_RELA_MAX + (over ? sizeof(tlsg) : 0);
		const Elf64_Dyn dynamic[] = {{DT_RELA, {0x600000}}, {DT_RELASZ, {len}}};
		elf_image_init(&image, ET_DYN);
		uint64_t off = elf_image_add(&image, dynamic, sizeof(dynamic));
		elf_image_segment(&image, PT_DYNAMIC, PF_R, 0x400000, off, sizeof(dynamic));
		elf_image_segment(&image, PT_LOAD, PF_R, 0x600000, 64 << 10, len);
		int fd = image_as_file((64 << 10) + len);
		assert_int_equal(pwrite(fd, &tlsg, sizeof(tlsg), 64 << 10), sizeof(tlsg));
		assert_int_equal(elf_file_open(fd, "prog", &elf, &err), GOSPY_OK);
		close(fd);
		assert_int_equal(elf_file_tls_slot(&elf, &slot), !over);
		elf_file_close(&elf);
	}
}

/* Each segment may say that it is a dynamic section, and there may be a thousand. */
static void bounds_the_dynamic_sections(void **state)
{
	(void)state;
	const Elf64_Rela tlsg = {0x500010, ELF64_R_INFO(0, R_X86_64_TPOFF64), 0};
	const Elf64_Dyn dynamic[] = {{DT_RELA, {0x600000}}, {DT_RELASZ, {sizeof(tlsg)}}};
	static Elf64_Dyn rubbish[1023];
	for (size_t i = 0; i < 1023; i++)
		rubbish[i].d_tag = DT_DEBUG;
	for (size_t n = 1022; n <= 1023; n++) {
		uint64_t slot = 0;
		elf_image_init(&image, ET_DYN);
		uint64_t off = elf_image_add(&image, rubbish, n * sizeof(*rubbish));
		elf_image_segment(&image, PT_DYNAMIC, PF_R, 0x400000, off, n * sizeof(*rubbish));
		off = elf_image_add(&image, dynamic, sizeof(dynamic));
		elf_image_segment(&image, PT_DYNAMIC, PF_R, 0x500000, off, sizeof(dynamic));
		off = elf_image_add(&image, &tlsg, sizeof(tlsg));
		elf_image_segment(&image, PT_LOAD, PF_R, 0x600000, off, sizeof(tlsg));
		finish_and_open();
		assert_int_equal(elf_file_tls_slot(&elf, &slot), n == 1022);
		elf_file_close(&elf);
	}
}

static void stands_for_no_file(void **state)
{
	(void)state;
	struct elf_symbol symbol = {.name = "main.main"};
	struct span s;
	uint64_t lo, hi;
	assert_int_equal(elf_file_none("nothing", &elf, &err), GOSPY_OK);
	assert_int_equal(elf_file_symbols(&elf, &symbol, 1, &err), GOSPY_E_NOT_FOUND);
	assert_string_equal(err.msg, "nothing: has no symbol table");
	assert_int_equal(elf_file_section_data(&elf, ".debug_info", &s, &err), GOSPY_E_NOT_FOUND);
	assert_int_equal(elf_file_build_id(&elf).len, 0);
	assert_int_equal(elf_file_go_build_id(&elf).len, 0);
	assert_false(elf_file_read_vaddr(&elf, 0, &lo, 1));
	assert_int_equal(elf_file_read(&elf, 0, &lo, 1), 0);
	assert_false(elf_file_range(&elf, &lo, &hi));
	assert_false(elf_file_tls_slot(&elf, &lo));
}

static void reads_notes_aligned_to_8(void **state)
{
	static const uint8_t notes[] = "\x04\0\0\0\x04\0\0\0\x05\0\0\0GNU\0\1\2\3\4\0\0\0\0"
				       "\x04\0\0\0\x02\0\0\0\x03\0\0\0GNU\0\x12\x34";
	(void)state;
	elf_image_init(&image, ET_DYN);
	elf_image_section(&image, ".note", SHT_NOTE, notes, sizeof(notes) - 1)->sh_addralign = 8;
	finish_and_open();
	struct span id = elf_file_build_id(&elf);
	assert_int_equal(id.len, 2);
	assert_memory_equal(id.ptr, "\x12\x34", 2);
}

static void survives_lying_notes(void **state)
{
	static const uint8_t notes[][16] = {
		"\xff\xff\xff\xff\x04\0\0\0\x03\0\0\0GNU",
		"\x04\0\0\0\xff\xff\xff\xff\x03\0\0\0GNU",
		"\x04\0\0\0\x01\0\0\0\x03\0\0\0GNU",
		"\x02\0\0\0\0\0\0\0\x03\0\0\0GNU",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(notes) / sizeof(*notes); i++) {
		elf_image_init(&image, ET_DYN);
		elf_image_section(&image, ".note", SHT_NOTE, notes[i], sizeof(notes[i]));
		finish_and_open();
		assert_int_equal(elf_file_build_id(&elf).len, 0);
		elf_file_close(&elf);
	}
}

static void finds_symbols(void **state)
{
	(void)state;
	make_program();
	finish_and_open();
	struct elf_symbol symbols[] = {
		{.name = "runtime.sched"}, {.name = "runtime.allgs"}, {.name = "runtime.all"},
		{.name = "runtime.gone"},  {.name = "main.main"},
	};
	assert_int_equal(elf_file_symbols(&elf, symbols, 5, &err), GOSPY_OK);
	assert_true(symbols[0].found);
	assert_int_equal(symbols[0].addr, 0x500020);
	assert_int_equal(symbols[0].size, 80);
	assert_int_equal(symbols[1].addr, 0x500000); // the first of that name
	assert_false(symbols[2].found);
	assert_false(symbols[3].found); // undefined
	assert_int_equal(symbols[4].addr, 0x401010);
}

/* Many symbols, whose names are in their order or in none. */
static void finds_among_many_symbols(void **state)
{
	(void)state;
	enum { COUNT = 20000, NAME = 24, STEP = 97, FOUND = COUNT / STEP, LONG = 100 << 10 };
	static char names[1 + LONG + COUNT * NAME + 1], wanted[FOUND][NAME];
	static Elf64_Sym symbols[COUNT + 1];
	static struct elf_symbol found[FOUND];
	memset(names + 1, 'x', LONG - 1); // a name longer than what is read at a time
	symbols[COUNT] = (Elf64_Sym){.st_name = 1, .st_shndx = 1};
	for (size_t i = 0; i < COUNT; i++)
		snprintf(names + 1 + LONG + i * NAME, NAME, "x%0*zu", (int)(i % (NAME - 8)), i);
	for (size_t stride = 1; stride < COUNT; stride += 7918) {
		for (size_t i = 0; i < COUNT; i++) {
			size_t name = i * stride % COUNT;
			symbols[i] = (Elf64_Sym){.st_name = (uint32_t)(1 + LONG + name * NAME),
						 .st_shndx = 1,
						 .st_value = 0x1000 + name};
		}
		for (size_t i = 0; i < FOUND; i++) {
			snprintf(wanted[i], NAME, "x%0*zu", (int)(i * STEP % (NAME - 8)), i * STEP);
			found[i] = (struct elf_symbol){.name = wanted[i]};
		}
		elf_image_init(&image, ET_EXEC);
		Elf64_Shdr *symtab = elf_image_section_at(&image, ".symtab", SHT_SYMTAB, 64 << 10,
							  sizeof(symbols));
		symtab->sh_link = (uint32_t)image.shnum;
		symtab->sh_entsize = sizeof(Elf64_Sym);
		elf_image_section_at(&image, ".strtab", SHT_STRTAB, 1 << 20, sizeof(names));
		int fd = image_as_file(0);
		assert_int_equal(pwrite(fd, symbols, sizeof(symbols), 64 << 10), sizeof(symbols));
		assert_int_equal(pwrite(fd, names, sizeof(names), 1 << 20), sizeof(names));
		assert_int_equal(elf_file_open(fd, "prog", &elf, &err), GOSPY_OK);
		close(fd);
		assert_int_equal(elf_file_symbols(&elf, found, FOUND, &err), GOSPY_OK);
		for (size_t i = 0; i < FOUND; i++) {
			assert_true(found[i].found);
			assert_int_equal(found[i].addr, 0x1000 + i * STEP);
		}
		// Names that are in order pass by; otherwise they are loaded.
		assert_int_equal(elf.kept > sizeof(names), stride > 1);
		elf_file_close(&elf);
	}
}

static void refuses_broken_symbol_tables(void **state)
{
	(void)state;
	struct elf_symbol symbol = {.name = "main.main"};
	elf_image_init(&image, ET_DYN);
	finish_and_open();
	assert_int_equal(elf_file_symbols(&elf, &symbol, 1, &err), GOSPY_E_NOT_FOUND);
	elf_file_close(&elf);

	for (int i = 0; i < 4; i++) {
		make_program();
		Elf64_Shdr *symtab = &image.shdrs[4], *strtab = &image.shdrs[5];
		if (i == 0)
			symtab->sh_entsize = 1;
		else if (i == 1)
			symtab->sh_size = UINT64_MAX;
		else if (i == 2)
			symtab->sh_link = 77;
		else
			strtab->sh_size--; // ends without NUL
		finish_and_open();
		assert_int_equal(elf_file_symbols(&elf, &symbol, 1, &err), GOSPY_E_BAD_DATA);
		elf_file_close(&elf);
	}
}

/* A string table of which all but the names is a hole. */
static void bounds_the_names_of_symbols(void **state)
{
	(void)state;
	for (uint64_t over = 0; over < 2; over++) {
		struct elf_symbol symbol = {.name = "main.main"};
		make_program();
		image.shdrs[5].sh_size = ELF_KEEP_MAX + over;
		int fd = image_as_file(UINT64_C(1) << 30);
		assert_int_equal(elf_file_open(fd, "prog", &elf, &err), GOSPY_OK);
		close(fd);
		assert_int_equal(elf_file_symbols(&elf, &symbol, 1, &err),
				 over ? GOSPY_E_BAD_DATA : GOSPY_OK);
		assert_int_equal(symbol.found, !over);
		elf_file_close(&elf);
	}
}

static void names_what_it_refuses(void **state)
{
	static const struct {
		uint8_t class, data;
		uint16_t machine;
		const char *expect;
	} cases[] = {
		{ELFCLASS32, ELFDATA2LSB, EM_386, "prog: a 32-bit program (386); "},
		{ELFCLASS32, ELFDATA2LSB, EM_X86_64, "prog: a 32-bit program (amd64); "},
		{ELFCLASS64, ELFDATA2LSB, EM_AARCH64, "prog: a 64-bit program (arm64); "},
		{ELFCLASS64, ELFDATA2MSB, EM_S390 << 8,
		 "prog: a 64-bit big-endian program (s390x)"},
		{ELFCLASS64, ELFDATA2LSB, 4711, "prog: a 64-bit program (an unknown machine)"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		elf_image_init(&image, ET_EXEC);
		image.eh.e_ident[EI_CLASS] = cases[i].class;
		image.eh.e_ident[EI_DATA] = cases[i].data;
		image.eh.e_machine = cases[i].machine;
		elf_image_finish(&image);
		assert_int_equal(open_image(), GOSPY_E_UNSUPPORTED);
		assert_memory_equal(err.msg, cases[i].expect, strlen(cases[i].expect));
	}
	elf_image_init(&image, ET_CORE);
	elf_image_finish(&image);
	assert_int_equal(open_image(), GOSPY_E_UNSUPPORTED);
	assert_string_equal(err.msg, "prog: a core file, not a program");
}

/* A file of 32 bits: a segment that is all of it, and ".note". */
struct narrow_file {
	Elf32_Ehdr head;
	Elf32_Phdr segment;
	Elf32_Shdr sections[3];
	char names[24];
};

static struct narrow_file narrow_file(void)
{
	struct narrow_file f = {
		.head =
			{
				.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS32,
					    ELFDATA2LSB, EV_CURRENT},
				.e_type = ET_EXEC,
				.e_machine = EM_386,
				.e_entry = 0x8049000,
				.e_phoff = offsetof(struct narrow_file, segment),
				.e_phentsize = sizeof(Elf32_Phdr),
				.e_phnum = 1,
				.e_shoff = offsetof(struct narrow_file, sections),
				.e_shentsize = sizeof(Elf32_Shdr),
				.e_shnum = 3,
				.e_shstrndx = 1,
			},
		.segment = {.p_type = PT_LOAD,
			    .p_flags = PF_R | PF_W,
			    .p_vaddr = 0x8048000,
			    .p_filesz = sizeof(f),
			    .p_memsz = sizeof(f)},
		.sections = {[1] = {.sh_name = 1,
				    .sh_type = SHT_STRTAB,
				    .sh_offset = offsetof(struct narrow_file, names),
				    .sh_size = sizeof(f.names)},
			     [2] = {.sh_name = 11,
				    .sh_type = SHT_PROGBITS,
				    .sh_addr = 0x8048123,
				    .sh_offset = offsetof(struct narrow_file, names),
				    .sh_size = 4}},
		.names = "\0.shstrtab\0.data",
	};
	return f;
}

static void widens_headers_of_32_bits(void **state)
{
	(void)state;
	struct narrow_file file = narrow_file();
	struct span bytes = {(const uint8_t *)&file, sizeof(file)}, data;
	assert_int_equal(elf_file_open_span(bytes, "prog", &elf, &err), GOSPY_E_UNSUPPORTED);
	assert_int_equal(elf_file_open_span_any(bytes, "prog", &elf, &err), GOSPY_OK);
	assert_true(elf.narrow);
	assert_int_equal(elf.entry, 0x8049000);
	assert_int_equal(elf.phdr_count, 1);
	assert_int_equal(elf.phdrs[0].p_flags, PF_R | PF_W);
	uint8_t four[4];
	assert_true(elf_file_read_vaddr(&elf, 0x8048004, four, sizeof(four)));
	assert_memory_equal(four, bytes.ptr + 4, sizeof(four));
	assert_int_equal(elf_file_section(&elf, ".data")->sh_addr, 0x8048123);
	assert_int_equal(elf_file_section_data(&elf, ".data", &data, &err), GOSPY_OK);
	assert_memory_equal(data.ptr, "\0.sh", 4);
	elf_file_close(&elf);
	for (size_t n = 0; n < sizeof(file); n++) {
		uint8_t *part = malloc(n + 1); // so that a sanitizer sees a read behind the end
		assert_non_null(part);
		memcpy(part, &file, n);
		if (elf_file_open_span_any((struct span){part, n}, "prog", &elf, &err) == GOSPY_OK)
			elf_file_close(&elf);
		free(part);
	}
	file.head.e_machine = EM_ARM;
	assert_int_equal(elf_file_open_span_any(bytes, "prog", &elf, &err), GOSPY_E_UNSUPPORTED);
	elf = (struct elf_file){0};
}

static void refuses_what_is_not_elf(void **state)
{
	(void)state;
	static const char script[] =
		"#!/bin/sh\necho a script that is longer than an ELF header is\n";
	struct span s = {(const uint8_t *)script, sizeof(script)};
	assert_int_equal(elf_file_open_span(s, "script", &elf, &err), GOSPY_E_BAD_DATA);
	assert_string_equal(err.msg, "script: not an ELF file");
	assert_int_equal(elf_file_open_span((struct span){0}, "void", &elf, &err),
			 GOSPY_E_BAD_DATA);
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(elf_file_open(fd, "/dev/null", &elf, &err), GOSPY_E_BAD_DATA);
	close(fd);
}

static void survives_truncation(void **state)
{
	(void)state;
	make_program();
	size_t len = elf_image_finish(&image).len;
	struct elf_symbol symbol = {.name = "main.main"};
	for (size_t n = 0; n < len; n++) {
		// Bytes of their own, so that a sanitizer sees a read behind the end.
		uint8_t *copy = malloc(n + !n);
		assert_non_null(copy);
		memcpy(copy, image.bytes, n);
		struct span s;
		if (elf_file_open_span((struct span){copy, n}, "prog", &elf, &err) == GOSPY_OK) {
			assert_int_equal(elf.shdr_count, 0);
			(void)!elf_file_section_data(&elf, ".data", &s, &err);
			(void)!elf_file_symbols(&elf, &symbol, 1, &err);
			elf_file_build_id(&elf);
			elf_file_close(&elf);
		}
		free(copy);
	}
}

static void reads_extended_counts(void **state)
{
	(void)state;
	make_program();
	elf_image_finish(&image);
	Elf64_Shdr first = {.sh_size = image.shnum,
			    .sh_link = image.eh.e_shstrndx,
			    .sh_info = (uint32_t)image.phnum};
	memcpy(image.bytes + image.eh.e_shoff, &first, sizeof(first));
	image.eh.e_shnum = 0;
	image.eh.e_shstrndx = SHN_XINDEX;
	image.eh.e_phnum = PN_XNUM;
	memcpy(image.bytes, &image.eh, sizeof(image.eh));
	assert_int_equal(open_image(), GOSPY_OK);
	assert_int_equal(elf.shdr_count, image.shnum);
	assert_int_equal(elf.phdr_count, image.phnum);
	assert_non_null(elf_file_section(&elf, ".strtab"));
}

static void does_without_section_headers(void **state)
{
	(void)state;
	static const uint64_t offsets[] = {0, 1 << 20, UINT64_MAX - 8};
	for (size_t i = 0; i < sizeof(offsets) / sizeof(*offsets); i++) {
		make_program();
		elf_image_finish(&image);
		image.eh.e_shoff = offsets[i];
		memcpy(image.bytes, &image.eh, sizeof(image.eh));
		assert_int_equal(open_image(), GOSPY_OK);
		assert_int_equal(elf.shdr_count, 0);
		assert_int_equal(elf_file_build_id(&elf).len, 3);
		elf_file_close(&elf);
	}
}

/* They may be as large as the file. */
static void bounds_the_names_of_sections(void **state)
{
	(void)state;
	for (uint64_t over = 0; over < 2; over++) {
		make_program();
		elf_image_finish(&image);
		Elf64_Shdr names = image.shdrs[image.eh.e_shstrndx];
		names.sh_size = ELF_SHSTRTAB_MAX + over;
		memcpy(image.bytes + image.eh.e_shoff + image.eh.e_shstrndx * sizeof(names), &names,
		       sizeof(names));
		int fd = memfd_create("prog", MFD_CLOEXEC);
		assert_int_equal(write(fd, image.bytes, image.len), image.len);
		assert_int_equal(ftruncate(fd, 64 << 20), 0);
		assert_int_equal(elf_file_open(fd, "prog", &elf, &err), GOSPY_OK);
		close(fd);
		assert_int_equal(elf_file_section(&elf, ".text") != NULL, !over);
		assert_int_equal(elf.kept, over ? 0 : ELF_SHSTRTAB_MAX);
		assert_int_equal(elf.shdr_count, image.shnum);
		elf_file_close(&elf);
	}
}

static void needs_program_headers_within(void **state)
{
	(void)state;
	make_program();
	elf_image_finish(&image);
	image.eh.e_phoff = UINT64_MAX - 100;
	memcpy(image.bytes, &image.eh, sizeof(image.eh));
	assert_int_equal(open_image(), GOSPY_E_BAD_DATA);
	assert_string_equal(err.msg, "prog: its program headers lie outside the file");
}

static void survives_lying_segments(void **state)
{
	(void)state;
	make_program();
	image.phdrs[0].p_offset = UINT64_MAX;
	image.phdrs[1].p_vaddr = UINT64_MAX - 4;
	image.phdrs[2].p_filesz = UINT64_MAX;
	finish_and_open();
	uint64_t lo, hi;
	assert_true(elf_file_range(&elf, &lo, &hi));
	assert_int_equal(lo, 0x401000);
	assert_false(elf_file_read_vaddr(&elf, 0x401000, &lo, 1));
	assert_int_equal(elf_file_build_id(&elf).len, 0);
}

/* ---- compressed sections */

static const char plain[] = "aaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbb";
static uint8_t packed[sizeof(Elf64_Chdr) + 256];

/* `packed` = header, then `plain` deflated; its length. */
static size_t pack(const void *header, size_t header_len)
{
	uLongf len = sizeof(packed) - header_len;
	memcpy(packed, header, header_len);
	assert_int_equal(compress(packed + header_len, &len, (const Bytef *)plain, sizeof(plain)),
			 Z_OK);
	return header_len + len;
}

static enum gospy_code unpack(const char *section, uint64_t flags, size_t len, struct span *ret)
{
	elf_file_close(&elf);
	elf_image_init(&image, ET_EXEC);
	elf_image_section(&image, section, SHT_PROGBITS, packed, len)->sh_flags = flags;
	finish_and_open();
	return elf_file_section_data(&elf, ".debug_info", ret, &err);
}

static void inflates(void **state)
{
	(void)state;
	const Elf64_Chdr ch = {.ch_type = ELFCOMPRESS_ZLIB, .ch_size = sizeof(plain)};
	struct span s, again;
	size_t len = pack(&ch, sizeof(ch));
	assert_int_equal(unpack(".debug_info", SHF_COMPRESSED, len, &s), GOSPY_OK);
	assert_int_equal(s.len, sizeof(plain));
	assert_string_equal((const char *)s.ptr, plain);
	assert_int_equal(elf_file_section_data(&elf, ".debug_info", &again, &err), GOSPY_OK);
	assert_ptr_equal(s.ptr, again.ptr);

	static const uint8_t header[] = {'Z', 'L', 'I', 'B', 0, 0, 0, 0, 0, 0, 0, sizeof(plain)};
	len = pack(header, sizeof(header));
	assert_int_equal(unpack(".zdebug_info", 0, len, &s), GOSPY_OK);
	assert_string_equal((const char *)s.ptr, plain);
}

static void inflates_piece_by_piece(void **state)
{
	(void)state;
	const Elf64_Chdr ch = {.ch_type = ELFCOMPRESS_ZLIB, .ch_size = sizeof(plain)};
	struct span all, s;
	size_t len = pack(&ch, sizeof(ch));
	elf_image_init(&image, ET_EXEC);
	elf_image_section(&image, ".debug_info", SHT_PROGBITS, packed, len)->sh_flags =
		SHF_COMPRESSED;
	finish_and_open();
	for (size_t want = 0; want <= sizeof(plain) + 1; want += 7) {
		assert_int_equal(elf_file_section_prefix(&elf, ".debug_info", want, &s, &err),
				 GOSPY_OK);
		assert_int_equal(s.len, sizeof(plain));
		assert_memory_equal(s.ptr, plain, want < sizeof(plain) ? want : sizeof(plain));
	}
	assert_int_equal(elf_file_section_data(&elf, ".debug_info", &all, &err), GOSPY_OK);
	assert_ptr_equal(all.ptr, s.ptr);
	assert_string_equal((const char *)all.ptr, plain);
	// Later bytes do not spoil earlier ones.
	elf_file_close(&elf);
	packed[len - 1] ^= 1;
	elf_image_init(&image, ET_EXEC);
	elf_image_section(&image, ".debug_info", SHT_PROGBITS, packed, len)->sh_flags =
		SHF_COMPRESSED;
	finish_and_open();
	assert_int_equal(elf_file_section_prefix(&elf, ".debug_info", 20, &s, &err), GOSPY_OK);
	for (int i = 0; i < 2; i++)
		assert_int_equal(elf_file_section_data(&elf, ".debug_info", &s, &err),
				 GOSPY_E_BAD_DATA);
	assert_int_equal(elf_file_section_prefix(&elf, ".debug_info", 20, &s, &err), GOSPY_OK);
	assert_memory_equal(s.ptr, plain, 20);
	assert_int_equal(elf_file_section_prefix(&elf, ".debug_info", 21, &s, &err),
			 GOSPY_E_BAD_DATA);
}

static void refuses_lying_compression(void **state)
{
	static const struct {
		uint32_t type;
		uint64_t size;
		enum gospy_code code;
		const char *msg;
	} cases[] = {
		{ELFCOMPRESS_ZLIB, sizeof(plain) - 1, GOSPY_E_BAD_DATA, "broken zlib stream"},
		{ELFCOMPRESS_ZLIB, sizeof(plain) + 1, GOSPY_E_BAD_DATA, "broken zlib stream"},
		{ELFCOMPRESS_ZLIB, 0, GOSPY_E_BAD_DATA, "broken zlib stream"},
		{ELFCOMPRESS_ZLIB, 1 << 30, GOSPY_E_BAD_DATA, "says to hold more than it can"},
		{ELFCOMPRESS_ZLIB, UINT64_MAX, GOSPY_E_BAD_DATA, "says to hold more than it can"},
		{3, sizeof(plain), GOSPY_E_UNSUPPORTED, "compressed by method 3, which is unknown"},
	};
	(void)state;
	struct span s;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const Elf64_Chdr ch = {.ch_type = cases[i].type, .ch_size = cases[i].size};
		size_t len = pack(&ch, sizeof(ch));
		assert_int_equal(unpack(".debug_info", SHF_COMPRESSED, len, &s), cases[i].code);
		static const char prefix[] = "prog: section .debug_info: ";
		assert_memory_equal(err.msg, prefix, strlen(prefix));
		assert_string_equal(err.msg + strlen(prefix), cases[i].msg);
	}
	assert_int_equal(unpack(".debug_info", SHF_COMPRESSED, 10, &s), GOSPY_E_BAD_DATA);
	assert_int_equal(unpack(".zdebug_info", 0, 10, &s), GOSPY_E_BAD_DATA);
	static const uint8_t header[] = {'Z', 'L', 'I', 'C', 0, 0, 0, 0, 0, 0, 0, sizeof(plain)};
	assert_int_equal(unpack(".zdebug_info", 0, pack(header, sizeof(header)), &s),
			 GOSPY_E_BAD_DATA);
}

/* `plain` by `zstd --no-check`. */
static const uint8_t zstd_frame[] = {
	0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x3d, 0xa5, 0x00, 0x00, 0x40, 0x61, 0x61, 0x62, 0x61, 0x62,
	0x61, 0x62, 0x00, 0x06, 0x10, 0x00, 0x45, 0xca, 0x15, 0x56, 0xa4, 0x5c, 0x02, 0x0b,
};

/* A section that says it holds `size` bytes, of so many frames, the last `cut` bytes left out. */
static enum gospy_code unpack_zstd(uint64_t size, size_t frames, size_t cut, struct span *ret)
{
	const Elf64_Chdr ch = {.ch_type = 2, .ch_size = size};
	size_t len = sizeof(ch);
	memcpy(packed, &ch, sizeof(ch));
	for (size_t i = 0; i < frames; i++, len += sizeof(zstd_frame))
		memcpy(packed + len, zstd_frame, sizeof(zstd_frame));
	return unpack(".debug_info", SHF_COMPRESSED, len - cut, ret);
}

static void reads_zstd(void **state)
{
	(void)state;
	struct span s;
	if (!unzstd_available()) {
		assert_int_equal(unpack_zstd(sizeof(plain), 1, 0, &s), GOSPY_E_UNSUPPORTED);
		print_message("skipped: built without libzstd\n");
		skip();
	}
	assert_int_equal(unpack_zstd(sizeof(plain), 1, 0, &s), GOSPY_OK);
	assert_int_equal(s.len, sizeof(plain));
	assert_string_equal((const char *)s.ptr, plain);
	assert_int_equal(unpack_zstd(2 * sizeof(plain), 2, 0, &s), GOSPY_OK);
	assert_string_equal((const char *)s.ptr + sizeof(plain), plain);
	for (size_t cut = 1; cut <= sizeof(zstd_frame); cut++) {
		assert_int_equal(unpack_zstd(sizeof(plain), 1, cut, &s), GOSPY_E_BAD_DATA);
		assert_string_equal(err.msg, "prog: section .debug_info: broken zstd stream");
	}
	for (uint64_t size = 0; size < 3 * sizeof(plain); size++)
		assert_int_equal(unpack_zstd(size, 2, 0, &s),
				 size == 2 * sizeof(plain) ? GOSPY_OK : GOSPY_E_BAD_DATA);
	assert_int_equal(unpack_zstd(UINT64_MAX, 1, 0, &s), GOSPY_E_LIMIT);
	assert_int_equal(elf_file_section_prefix(&elf, ".debug_info", 20, &s, &err), GOSPY_OK);
	assert_memory_equal(s.ptr, plain, 20);
}

/* A section that says it holds `size` bytes, and is `stream` and zeros up to `len` bytes. */
static void open_packed(uint32_t type, uint64_t size, const void *stream, size_t stream_len,
			uint64_t len)
{
	const Elf64_Chdr ch = {.ch_type = type, .ch_size = size};
	elf_image_init(&image, ET_EXEC);
	elf_image_section_at(&image, ".debug_info", SHT_PROGBITS, 64 << 10, sizeof(ch) + len)
		->sh_flags = SHF_COMPRESSED;
	int fd = image_as_file((64 << 10) + sizeof(ch) + len);
	assert_int_equal(pwrite(fd, &ch, sizeof(ch), 64 << 10), sizeof(ch));
	assert_int_equal(pwrite(fd, stream, stream_len, (64 << 10) + sizeof(ch)), stream_len);
	assert_int_equal(elf_file_open(fd, "prog", &elf, &err), GOSPY_OK);
	close(fd);
}

/* What cannot be compressed takes more room than it has bytes. */
static void inflates_what_is_only_stored(void **state)
{
	(void)state;
	enum { SIZE = 3 << 20, STEP = 100 << 10 };
	struct span s;
	uLongf len = compressBound(SIZE) + SIZE / 16;
	uint8_t *bytes = malloc(SIZE), *stream = malloc(len);
	assert_true(bytes && stream);
	for (uint32_t i = 0, x = 1; i < SIZE; i++, x = x * 1664525 + 1013904223)
		bytes[i] = (uint8_t)(x >> 24);
	assert_int_equal(compress2(stream, &len, bytes, SIZE, Z_NO_COMPRESSION), Z_OK);
	open_packed(ELFCOMPRESS_ZLIB, SIZE, stream, len, len);
	for (size_t want = 0; want < SIZE; want += STEP) {
		assert_int_equal(elf_file_section_prefix(&elf, ".debug_info", want, &s, &err),
				 GOSPY_OK);
		assert_memory_equal(s.ptr, bytes, want);
	}
	assert_int_equal(elf_file_section_data(&elf, ".debug_info", &s, &err), GOSPY_OK);
	assert_memory_equal(s.ptr, bytes, SIZE);
	free(bytes);
	free(stream);
}

/* A stream whose first 5 MB are empty blocks. */
static void bounds_what_zlib_reads(void **state)
{
	(void)state;
	enum { EMPTY = 1 << 20, BLOCK = 5, HEAD = 2 };
	static uint8_t stream[HEAD + EMPTY * BLOCK + 64] = {0x78, 0x9c};
	struct span s;
	for (size_t i = 0; i < EMPTY; i++)
		memcpy(stream + HEAD + i * BLOCK, "\0\0\0\xff\xff", BLOCK);
	uint8_t *end = stream + HEAD + EMPTY * BLOCK;
	uLongf len = 64 + HEAD;
	uint8_t last[64 + HEAD]; // the same without them
	assert_int_equal(compress(last, &len, (const Bytef *)plain, sizeof(plain)), Z_OK);
	memcpy(end, last + HEAD, len - HEAD);
	len = HEAD + EMPTY * BLOCK + len - HEAD;
	open_packed(ELFCOMPRESS_ZLIB, sizeof(plain), stream, len, len);
	assert_int_equal(elf_file_section_data(&elf, ".debug_info", &s, &err), GOSPY_E_BAD_DATA);
	assert_string_equal(err.msg, "prog: section .debug_info: broken zlib stream");
	elf_file_close(&elf);
	// Only the bytes that are wanted of it count, whatever its size.
	open_packed(ELFCOMPRESS_ZLIB, 16 << 20, stream, len, len);
	assert_int_equal(elf_file_section_prefix(&elf, ".debug_info", 20, &s, &err),
			 GOSPY_E_BAD_DATA);
}

/* 8 MB to be skipped come before what it holds. */
static void bounds_what_zstd_reads(void **state)
{
	(void)state;
	enum { SKIP = 8 << 20, HEAD = 8 }; // RFC 8878, 3.1.2
	static uint8_t stream[HEAD + SKIP + sizeof(zstd_frame)] = {0x50, 0x2a, 0x4d, 0x18,
								   0,    0,    0x80, 0};
	static const uint64_t sizes[] = {sizeof(plain), 1 << 20, UINT64_C(1) << 40};
	struct span s;
	if (!unzstd_available())
		skip();
	memcpy(stream + HEAD + SKIP, zstd_frame, sizeof(zstd_frame));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		open_packed(2, sizes[i], stream, sizeof(stream), sizeof(stream));
		assert_int_equal(elf_file_section_prefix(&elf, ".debug_info", 20, &s, &err),
				 GOSPY_E_BAD_DATA);
		assert_string_equal(err.msg, "prog: section .debug_info: broken zstd stream");
		elf_file_close(&elf);
	}
	// A little of it may be.
	stream[5] = 0x10, stream[6] = 0;
	memcpy(stream + HEAD + 0x1000, zstd_frame, sizeof(zstd_frame));
	size_t len = HEAD + 0x1000 + sizeof(zstd_frame);
	open_packed(2, sizeof(plain), stream, len, len);
	assert_int_equal(elf_file_section_data(&elf, ".debug_info", &s, &err), GOSPY_OK);
	assert_string_equal((const char *)s.ptr, plain);
}

/* It is well formed, as `zstd --ultra --long=25` would write it. */
static void names_windows_of_zstd_that_are_too_large(void **state)
{
	(void)state;
	struct span s;
	if (!unzstd_available())
		skip();
	for (uint8_t log = 24; log <= 25; log++) {
		// RFC 8878, 3.1.1: magic, no flags, window, and the header of a last, raw block.
		const uint8_t head[] = {0x28,
					0xb5,
					0x2f,
					0xfd,
					0,
					(uint8_t)((log - 10) << 3),
					1 | (sizeof(plain) << 3 & 0xff),
					sizeof(plain) >> 5,
					0};
		uint8_t stream[sizeof(head) + sizeof(plain)];
		memcpy(stream, head, sizeof(head));
		memcpy(stream + sizeof(head), plain, sizeof(plain));
		open_packed(2, sizeof(plain), stream, sizeof(stream), sizeof(stream));
		for (int i = 0; i < 2; i++)
			assert_int_equal(elf_file_section_data(&elf, ".debug_info", &s, &err),
					 log > UNZSTD_WINDOW_LOG_MAX ? GOSPY_E_UNSUPPORTED
								     : GOSPY_OK);
		if (log > UNZSTD_WINDOW_LOG_MAX)
			assert_string_equal(err.msg,
					    "prog: section .debug_info: compressed by zstd with a "
					    "window of more than 16 MiB");
		else
			assert_string_equal((const char *)s.ptr, plain);
		elf_file_close(&elf);
	}
}

static void skips_sections_left_out(void **state)
{
	(void)state;
	elf_image_init(&image, ET_EXEC);
	elf_image_section_at(&image, ".debug_info", SHT_NOBITS, 0, 10);
	elf_image_section_at(&image, ".debug_abbrev", SHT_PROGBITS, 1 << 20, 10);
	finish_and_open();
	struct span s;
	assert_int_equal(elf_file_section_data(&elf, ".debug_info", &s, &err), GOSPY_E_NOT_FOUND);
	assert_int_equal(elf_file_section_data(&elf, ".debug_abbrev", &s, &err), GOSPY_E_BAD_DATA);
}

static void opens_itself(void **state)
{
	(void)state;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(elf_file_open(fd, "/proc/self/exe", &elf, &err), GOSPY_OK);
	close(fd);
	struct elf_symbol symbol = {.name = "main"};
	assert_int_equal(elf_file_symbols(&elf, &symbol, 1, &err), GOSPY_OK);
	assert_true(symbol.found);
}

/* ---- files that change, and files that claim to be large */

/* Somebody writes to the file, say a compiler. That leads to errors, and what was read stays. */
static void survives_files_cut_short(void **state)
{
	(void)state;
	struct elf_symbol symbol = {.name = "main.main"};
	struct span s, kept;
	for (off_t len = 0; len < 2 * FIRST_PAGE; len += 64) {
		make_program();
		int fd = image_as_file(0);
		assert_int_equal(elf_file_open(fd, "prog", &elf, &err), GOSPY_OK);
		assert_int_equal(elf_file_section_data(&elf, ".data", &kept, &err), GOSPY_OK);
		assert_int_equal(ftruncate(fd, len), 0);
		close(fd);
		assert_int_equal(elf_file_section_data(&elf, ".data", &s, &err), GOSPY_OK);
		assert_ptr_equal(s.ptr, kept.ptr);
		assert_string_equal((const char *)s.ptr, "data bytes");
		enum gospy_code code = elf_file_symbols(&elf, &symbol, 1, &err);
		assert_true(code == GOSPY_OK || code == GOSPY_E_BAD_DATA);
		code = elf_file_section_data(&elf, ".text", &s, &err);
		assert_true(code == GOSPY_OK || code == GOSPY_E_BAD_DATA);
		if (len == 0) {
			assert_int_equal(code, GOSPY_E_BAD_DATA);
			assert_string_equal(err.msg,
					    "prog: section .text: became shorter meanwhile");
			assert_int_equal(elf_file_build_id(&elf).len, 0);
			assert_false(elf_file_read_vaddr(&elf, 0x500000, &symbol, 1));
		}
		elf_file_close(&elf);
	}
}

/* 1.5 GB of section headers, as section header 0 has it; and as many bytes are there. */
static void bounds_the_number_of_headers(void **state)
{
	(void)state;
	make_program();
	elf_image_finish(&image);
	Elf64_Shdr first = {.sh_size = 24 << 20, .sh_link = image.eh.e_shstrndx};
	memcpy(image.bytes + image.eh.e_shoff, &first, sizeof(first));
	image.eh.e_shnum = 0;
	memcpy(image.bytes, &image.eh, sizeof(image.eh));
	int fd = memfd_create("prog", MFD_CLOEXEC);
	assert_int_equal(write(fd, image.bytes, image.len), image.len);
	assert_int_equal(ftruncate(fd, INT64_C(1) << 32), 0);
	assert_int_equal(elf_file_open(fd, "prog", &elf, &err), GOSPY_OK);
	assert_int_equal(elf.shdr_count, 0);
	elf_file_close(&elf);

	first.sh_info = 24 << 20;
	memcpy(image.bytes + image.eh.e_shoff, &first, sizeof(first));
	image.eh.e_phnum = PN_XNUM;
	memcpy(image.bytes, &image.eh, sizeof(image.eh));
	assert_int_equal(pwrite(fd, image.bytes, image.len, 0), image.len);
	assert_int_equal(elf_file_open(fd, "prog", &elf, &err), GOSPY_E_BAD_DATA);
	assert_string_equal(err.msg, "prog: 25165824 program headers are more than a program has");
	close(fd);
}

static void reads_files_of_any_size(void **state)
{
	(void)state;
	struct span s;
	struct elf_symbol symbol = {.name = "main.main"};
	make_program();
	int fd = image_as_file(UINT64_C(1) << 60);
	assert_int_equal(elf_file_open(fd, "prog", &elf, &err), GOSPY_OK);
	close(fd);
	assert_int_equal(elf_file_symbols(&elf, &symbol, 1, &err), GOSPY_OK);
	assert_true(symbol.found);
	assert_int_equal(elf_file_build_id(&elf).len, 3);
	elf_file_close(&elf);

	// A section that is really there, all of it zero.
	elf_image_init(&image, ET_EXEC);
	elf_image_section_at(&image, ".debug_info", SHT_PROGBITS, 4096, UINT64_C(1) << 40);
	elf_image_section_at(&image, ".debug_str", SHT_PROGBITS, 4096, ELF_KEEP_MAX - 100);
	fd = image_as_file(UINT64_C(1) << 41);
	assert_int_equal(elf_file_open(fd, "prog", &elf, &err), GOSPY_OK);
	close(fd);
	assert_int_equal(elf_file_section_prefix(&elf, ".debug_info", 1 << 20, &s, &err), GOSPY_OK);
	assert_int_equal(s.len, ELF_KEEP_MAX);
	assert_int_equal(s.ptr[(1 << 20) - 1], 0);
	assert_int_equal(elf_file_section_data(&elf, ".debug_info", &s, &err), GOSPY_E_LIMIT);
	assert_string_equal(err.msg, "prog: section .debug_info: holds 1099511627776 bytes, which "
				     "is too much");
	// The limit is one of the whole file.
	assert_int_equal(elf_file_section_data(&elf, ".debug_str", &s, &err), GOSPY_E_LIMIT);
	assert_true(elf.kept <= 2 << 20);
}

/* Bytes that are read ahead of what was asked for count, too. */
static void keeps_no_more_than_the_limit(void **state)
{
	(void)state;
	struct span s;
	elf_image_init(&image, ET_EXEC);
	elf_image_section_at(&image, ".debug_info", SHT_PROGBITS, 4096, 1 << 20);
	elf_image_section_at(&image, ".debug_str", SHT_PROGBITS, 4096, 1 << 20);
	elf_image_section_at(&image, ".debug_abbrev", SHT_PROGBITS, 4096, 0);
	int fd = image_as_file(2 << 20);
	assert_int_equal(elf_file_open(fd, "prog", &elf, &err), GOSPY_OK);
	close(fd);
	elf.kept = ELF_KEEP_MAX - 100; // as if it were in other sections
	assert_int_equal(elf_file_section_prefix(&elf, ".debug_info", 50, &s, &err), GOSPY_OK);
	assert_int_equal(elf.kept, ELF_KEEP_MAX);
	assert_int_equal(elf_file_section_prefix(&elf, ".debug_info", 100, &s, &err), GOSPY_OK);
	assert_int_equal(elf_file_section_prefix(&elf, ".debug_info", 101, &s, &err),
			 GOSPY_E_LIMIT);
	assert_int_equal(elf_file_section_prefix(&elf, ".debug_str", 1, &s, &err), GOSPY_E_LIMIT);
	assert_int_equal(elf_file_section_data(&elf, ".debug_str", &s, &err), GOSPY_E_LIMIT);
	assert_int_equal(elf_file_section_data(&elf, ".debug_abbrev", &s, &err), GOSPY_OK);
	assert_int_equal(elf.kept, ELF_KEEP_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(reads_headers, teardown),
		cmocka_unit_test_teardown(reads_content, teardown),
		cmocka_unit_test_teardown(reads_build_ids, teardown),
		cmocka_unit_test_teardown(reads_notes_aligned_to_8, teardown),
		cmocka_unit_test_teardown(survives_lying_notes, teardown),
		cmocka_unit_test_teardown(finds_symbols, teardown),
		cmocka_unit_test_teardown(finds_among_many_symbols, teardown),
		cmocka_unit_test_teardown(refuses_broken_symbol_tables, teardown),
		cmocka_unit_test_teardown(bounds_the_names_of_symbols, teardown),
		cmocka_unit_test_teardown(finds_the_slot_of_g, teardown),
		cmocka_unit_test_teardown(bounds_the_table_of_relocations, teardown),
		cmocka_unit_test_teardown(bounds_the_dynamic_sections, teardown),
		cmocka_unit_test_teardown(stands_for_no_file, teardown),
		cmocka_unit_test_teardown(names_what_it_refuses, teardown),
		cmocka_unit_test_teardown(widens_headers_of_32_bits, teardown),
		cmocka_unit_test_teardown(refuses_what_is_not_elf, teardown),
		cmocka_unit_test_teardown(survives_truncation, teardown),
		cmocka_unit_test_teardown(reads_extended_counts, teardown),
		cmocka_unit_test_teardown(does_without_section_headers, teardown),
		cmocka_unit_test_teardown(bounds_the_names_of_sections, teardown),
		cmocka_unit_test_teardown(needs_program_headers_within, teardown),
		cmocka_unit_test_teardown(survives_lying_segments, teardown),
		cmocka_unit_test_teardown(inflates, teardown),
		cmocka_unit_test_teardown(inflates_piece_by_piece, teardown),
		cmocka_unit_test_teardown(refuses_lying_compression, teardown),
		cmocka_unit_test_teardown(reads_zstd, teardown),
		cmocka_unit_test_teardown(inflates_what_is_only_stored, teardown),
		cmocka_unit_test_teardown(bounds_what_zlib_reads, teardown),
		cmocka_unit_test_teardown(bounds_what_zstd_reads, teardown),
		cmocka_unit_test_teardown(names_windows_of_zstd_that_are_too_large, teardown),
		cmocka_unit_test_teardown(skips_sections_left_out, teardown),
		cmocka_unit_test_teardown(opens_itself, teardown),
		cmocka_unit_test_teardown(survives_files_cut_short, teardown),
		cmocka_unit_test_teardown(bounds_the_number_of_headers, teardown),
		cmocka_unit_test_teardown(reads_files_of_any_size, teardown),
		cmocka_unit_test_teardown(keeps_no_more_than_the_limit, teardown),
	};
	return cmocka_run_group_tests_name("elf_file", tests, NULL, NULL);
}
