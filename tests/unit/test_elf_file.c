#include "dwarf/elf_file.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

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

/* A file with a bit of everything. */
static void make_program(void)
{
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

	s = elf_file_at_vaddr(&elf, 0x500005, 5);
	assert_memory_equal(s.ptr, "bytes", 5);
	assert_null(elf_file_at_vaddr(&elf, 0x500005, 7).ptr);
	assert_null(elf_file_at_vaddr(&elf, 0x500020, 1).ptr); // bss
	assert_null(elf_file_at_vaddr(&elf, 0x400fff, 1).ptr);
	assert_null(elf_file_at_vaddr(&elf, UINT64_MAX, 1).ptr);
	assert_null(elf_file_at_vaddr(&elf, 0x500005, UINT64_MAX).ptr);
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
	assert_null(elf_file_at_vaddr(&elf, 0, 1).ptr);
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
	assert_ptr_equal(elf_file_at_vaddr(&elf, 0x8048004, 4).ptr, bytes.ptr + 4);
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
	assert_null(elf_file_at_vaddr(&elf, 0x401000, 1).ptr);
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
		{ELFCOMPRESS_ZLIB, UINT64_MAX, GOSPY_E_LIMIT,
		 "says to hold 18446744073709551615 bytes"},
		{2, sizeof(plain), GOSPY_E_UNSUPPORTED, "compressed by method 2, not by zlib"},
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(reads_headers, teardown),
		cmocka_unit_test_teardown(reads_content, teardown),
		cmocka_unit_test_teardown(reads_build_ids, teardown),
		cmocka_unit_test_teardown(reads_notes_aligned_to_8, teardown),
		cmocka_unit_test_teardown(survives_lying_notes, teardown),
		cmocka_unit_test_teardown(finds_symbols, teardown),
		cmocka_unit_test_teardown(refuses_broken_symbol_tables, teardown),
		cmocka_unit_test_teardown(finds_the_slot_of_g, teardown),
		cmocka_unit_test_teardown(stands_for_no_file, teardown),
		cmocka_unit_test_teardown(names_what_it_refuses, teardown),
		cmocka_unit_test_teardown(widens_headers_of_32_bits, teardown),
		cmocka_unit_test_teardown(refuses_what_is_not_elf, teardown),
		cmocka_unit_test_teardown(survives_truncation, teardown),
		cmocka_unit_test_teardown(reads_extended_counts, teardown),
		cmocka_unit_test_teardown(does_without_section_headers, teardown),
		cmocka_unit_test_teardown(needs_program_headers_within, teardown),
		cmocka_unit_test_teardown(survives_lying_segments, teardown),
		cmocka_unit_test_teardown(inflates, teardown),
		cmocka_unit_test_teardown(inflates_piece_by_piece, teardown),
		cmocka_unit_test_teardown(refuses_lying_compression, teardown),
		cmocka_unit_test_teardown(skips_sections_left_out, teardown),
		cmocka_unit_test_teardown(opens_itself, teardown),
	};
	return cmocka_run_group_tests_name("elf_file", tests, NULL, NULL);
}
