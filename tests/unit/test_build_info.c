#include "dwarf/go/build_info.h"

#include <fcntl.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "elf_image.h"

#define FRAME_START "\x30\x77\xaf\x0c\x92\x74\x08\x02\x41\xe1\xc1\x07\xe6\xd6\x18\xe6"
#define FRAME_END   "\xf9\x32\x43\x31\x86\x18\x20\x72\x00\x82\x42\x10\x41\x16\xd8\xf2"
#define MODINFO     "path\texample.com/x\nmod\texample.com/x\t(devel)\t\n"

enum { DATA_ADDR = 0x500000 };

static struct elf_image image;
static struct elf_file elf;
static struct arena arena;
static struct gospy_error err;
static struct build_info_text text;
static uint8_t data[4096];

static int setup(void **state)
{
	(void)state;
	memset(data, 0, sizeof(data));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	elf_file_close(&elf);
	arena_deinit(&arena);
	return 0;
}

static void put_u64(size_t off, uint64_t value)
{
	memcpy(data + off, &value, sizeof(value));
}

static void put_header(size_t off, uint8_t flags)
{
	memcpy(data + off, "\xff Go buildinf:", 14);
	data[off + 14] = 8;
	data[off + 15] = flags;
}

/* A blob in the format of Go 1.18+, with one-byte lengths. */
static void put_inline(size_t off, const char *version, const char *modinfo, size_t modinfo_len)
{
	put_header(off, 2);
	uint8_t *p = data + off + 32;
	*p++ = (uint8_t)strlen(version);
	memcpy(p, version, strlen(version));
	p += strlen(version);
	*p++ = (uint8_t)modinfo_len;
	memcpy(p, modinfo, modinfo_len);
}

/* A Go string header at `off` and its text behind it; addresses as from `base`. */
static void put_string(size_t off, uint64_t base, const char *s, size_t len)
{
	put_u64(off, base + off + 16);
	put_u64(off + 8, len);
	memcpy(data + off + 16, s, len);
}

/* A blob in the format up to Go 1.17 at `off`. */
static void put_pointers(size_t off, uint64_t base)
{
	static const char modinfo[] = FRAME_START MODINFO FRAME_END;
	put_header(off, 0);
	put_u64(off + 16, base + 0x400);
	put_u64(off + 24, base + 0x800);
	put_string(0x400, base, "go1.16.15", 9);
	put_string(0x800, base, modinfo, sizeof(modinfo) - 1);
}

/* Open a program that has `data` as its data segment, and a section .go.buildinfo over
 * [section, end) of it unless `section` is negative. */
static void open_program(uint16_t type, int section)
{
	elf_file_close(&elf);
	elf_image_init(&image, type);
	uint64_t off = elf_image_add(&image, data, sizeof(data));
	elf_image_segment(&image, PT_LOAD, PF_R | PF_W, DATA_ADDR, off, sizeof(data));
	if (section >= 0) {
		uint64_t skip = (uint64_t)section;
		elf_image_section_at(&image, ".go.buildinfo", SHT_PROGBITS, off + skip,
				     sizeof(data) - skip)
			->sh_addr = DATA_ADDR + skip;
	}
	assert_int_equal(elf_file_open_span(elf_image_finish(&image), "prog", &elf, &err),
			 GOSPY_OK);
}

static enum gospy_code find(void)
{
	return build_info_find(&elf, NULL, NULL, 0, &arena, &text, &err);
}

/* A process that has `data` loaded with a bias. */
static enum gospy_code fetch(void *ctx, uint64_t addr, void *dst, size_t len,
			     struct gospy_error *fetch_err)
{
	struct span s = {data, sizeof(data)};
	uint64_t bias = *(const uint64_t *)ctx;
	s = span_sub(s, addr - bias - DATA_ADDR, len);
	if (!s.ptr)
		return err_fault(fetch_err, addr, "no memory there");
	memcpy(dst, s.ptr, len);
	return GOSPY_OK;
}

static void reads_inline_strings(void **state)
{
	static const char modinfo[] = FRAME_START MODINFO FRAME_END;
	(void)state;
	put_inline(0x40, "go1.24.4", modinfo, sizeof(modinfo) - 1);
	open_program(ET_EXEC, 0x40);
	assert_int_equal(find(), GOSPY_OK);
	assert_string_equal(text.go_version, "go1.24.4");
	assert_string_equal(text.modinfo, MODINFO);
	assert_int_equal(build_info_sign(&elf), GO_SIGN_YES);
}

static void reads_from_memory(void **state)
{
	static const char modinfo[] = FRAME_START MODINFO FRAME_END;
	(void)state;
	uint64_t bias = 0x1000;
	uint64_t base = DATA_ADDR + bias;
	put_inline(0x40, "go1.24.4", modinfo, sizeof(modinfo) - 1);
	assert_int_equal(build_info_at(fetch, &bias, base + 0x40, &arena, &text, &err), GOSPY_OK);
	assert_string_equal(text.go_version, "go1.24.4");
	assert_string_equal(text.modinfo, MODINFO);
	assert_int_equal(build_info_at(fetch, &bias, base + 0x50, &arena, &text, &err),
			 GOSPY_E_NOT_FOUND);
	put_pointers(0x40, base);
	assert_int_equal(build_info_at(fetch, &bias, base + 0x40, &arena, &text, &err), GOSPY_OK);
	assert_string_equal(text.go_version, "go1.16.15");
	assert_string_equal(text.modinfo, MODINFO);
	// Lengths that lead out of memory, or are none at all.
	put_header(0xfc0, 2);
	memset(data + 0xfe0, 0xff, 0x20);
	assert_int_equal(build_info_at(fetch, &bias, base + 0xfc0, &arena, &text, &err),
			 GOSPY_E_NOT_FOUND);
	assert_int_equal(build_info_at(fetch, &bias, base + 0xff0, &arena, &text, &err),
			 GOSPY_E_NOT_FOUND);
}

static void reads_without_modules(void **state)
{
	(void)state;
	put_inline(0, "go1.27.3", "", 0);
	open_program(ET_DYN, 0);
	assert_int_equal(find(), GOSPY_OK);
	assert_string_equal(text.go_version, "go1.27.3");
	assert_null(text.modinfo);
}

static void scans_segments(void **state)
{
	(void)state;
	// A misaligned copy and one with an impossible header come first.
	memcpy(data + 0x18, "\xff Go buildinf:\x08\x02", 16);
	memcpy(data + 0x40, "\xff Go buildinf:\x2a\x2a", 16);
	put_inline(0x240, "go1.25.4", "", 0);
	open_program(ET_EXEC, -1);
	assert_int_equal(find(), GOSPY_OK);
	assert_string_equal(text.go_version, "go1.25.4");
	// Data may say anything: this alone proves nothing.
	assert_int_equal(build_info_sign(&elf), GO_SIGN_UNCLEAR);
}

static void reads_pointers(void **state)
{
	(void)state;
	put_pointers(0, DATA_ADDR);
	open_program(ET_EXEC, 0);
	assert_int_equal(find(), GOSPY_OK);
	assert_string_equal(text.go_version, "go1.16.15");
	assert_string_equal(text.modinfo, MODINFO);
}

static void reads_relocated_pointers(void **state)
{
	(void)state;
	uint64_t bias = 0x7f0000000000;
	put_pointers(0, DATA_ADDR + bias);
	open_program(ET_DYN, 0);
	assert_int_equal(find(), GOSPY_E_NOT_FOUND);
	assert_int_equal(build_info_find(&elf, fetch, &bias, bias, &arena, &text, &err), GOSPY_OK);
	assert_string_equal(text.go_version, "go1.16.15");
	assert_string_equal(text.modinfo, MODINFO);
}

static void refuses_lying_lengths(void **state)
{
	static const uint64_t lengths[] = {0, 1 << 20, UINT64_MAX, INT64_MAX};
	uint64_t bias = 0;
	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		put_pointers(0, DATA_ADDR);
		put_u64(0x408, lengths[i]);
		open_program(ET_EXEC, 0);
		assert_int_equal(build_info_find(&elf, fetch, &bias, bias, &arena, &text, &err),
				 GOSPY_E_NOT_FOUND);
	}
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		put_pointers(0, DATA_ADDR);
		put_u64(0x808, lengths[i]);
		open_program(ET_EXEC, 0);
		assert_int_equal(find(), GOSPY_OK);
		assert_null(text.modinfo);
	}
	put_inline(0, "go1.24.4", "", 0);
	memset(data + 32, 0xff, 11);
	open_program(ET_EXEC, 0);
	assert_int_equal(find(), GOSPY_E_NOT_FOUND);
	memcpy(data + 32, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10);
	open_program(ET_EXEC, 0);
	assert_int_equal(find(), GOSPY_E_NOT_FOUND);
}

static void refuses_a_blob_cut_short(void **state)
{
	(void)state;
	put_header(sizeof(data) - 16, 2);
	open_program(ET_EXEC, -1);
	assert_int_equal(find(), GOSPY_E_NOT_FOUND);
	put_header(sizeof(data) - 32, 2);
	open_program(ET_EXEC, -1);
	assert_int_equal(find(), GOSPY_E_NOT_FOUND);
	put_header(sizeof(data) - 32, 0);
	open_program(ET_EXEC, -1);
	assert_int_equal(find(), GOSPY_E_NOT_FOUND);
	assert_string_equal(err.msg, "prog: has no Go build information");
}

static void reads_go_1_12(void **state)
{
	static const char names[] = "\0runtime.buildVersion\0runtime/debug.modinfo";
	static const char modinfo[] = FRAME_START MODINFO FRAME_END;
	(void)state;
	put_string(0x100, DATA_ADDR, "go1.12.17", 9);
	put_string(0x200, DATA_ADDR, modinfo, sizeof(modinfo) - 1);
	const Elf64_Sym symbols[] = {
		{0},
		{.st_name = 1, .st_shndx = 1, .st_value = DATA_ADDR + 0x100},
		{.st_name = 22, .st_shndx = 1, .st_value = DATA_ADDR + 0x200},
	};
	elf_image_init(&image, ET_EXEC);
	uint64_t off = elf_image_add(&image, data, sizeof(data));
	elf_image_segment(&image, PT_LOAD, PF_R | PF_W, DATA_ADDR, off, sizeof(data));
	Elf64_Shdr *symtab =
		elf_image_section(&image, ".symtab", SHT_SYMTAB, symbols, sizeof(symbols));
	symtab->sh_entsize = sizeof(Elf64_Sym);
	symtab->sh_link = (uint32_t)image.shnum;
	elf_image_section(&image, ".strtab", SHT_STRTAB, names, sizeof(names));
	assert_int_equal(elf_file_open_span(elf_image_finish(&image), "prog", &elf, &err),
			 GOSPY_OK);
	assert_int_equal(find(), GOSPY_OK);
	assert_string_equal(text.go_version, "go1.12.17");
	assert_string_equal(text.modinfo, MODINFO);

	// In a PIE the file's pointers lead nowhere.
	uint64_t bias = 0x10000;
	put_u64(0x100, DATA_ADDR + bias + 0x110);
	put_u64(0x200, DATA_ADDR + bias + 0x210);
	memset(image.bytes + off, 0, sizeof(data));
	assert_int_equal(find(), GOSPY_E_NOT_FOUND);
	assert_int_equal(build_info_find(&elf, fetch, &bias, bias, &arena, &text, &err), GOSPY_OK);
	assert_string_equal(text.go_version, "go1.12.17");
	assert_string_equal(text.modinfo, MODINFO);
}

static void knows_what_is_not_go(void **state)
{
	(void)state;
	open_program(ET_EXEC, -1);
	assert_int_equal(build_info_sign(&elf), GO_SIGN_UNCLEAR);
	assert_int_equal(find(), GOSPY_E_NOT_FOUND);
	elf_file_close(&elf);

	// Code where its section says that it is: the headers of a program that is not Go.
	elf_image_init(&image, ET_EXEC);
	uint64_t off = elf_image_add(&image, data, 64);
	elf_image_segment(&image, PT_LOAD, PF_R | PF_X, 0x400000, off, 64);
	elf_image_section_at(&image, ".text", SHT_PROGBITS, off, 64)->sh_addr = 0x400000;
	assert_int_equal(elf_file_open_span(elf_image_finish(&image), "prog", &elf, &err),
			 GOSPY_OK);
	assert_int_equal(build_info_sign(&elf), GO_SIGN_NO);
	elf_file_close(&elf);

	elf_image_init(&image, ET_DYN);
	elf_image_section(&image, ".gopclntab", SHT_PROGBITS, data, 1);
	assert_int_equal(elf_file_open_span(elf_image_finish(&image), "prog", &elf, &err),
			 GOSPY_OK);
	assert_int_equal(build_info_sign(&elf), GO_SIGN_YES);
}

static void parses_modules(void **state)
{
	(void)state;
	struct gospy_build_info info = {0};
	static const char modinfo[] =
		"path\texample.com/cmd/x\n"
		"mod\texample.com\t(devel)\t\n"
		"dep\tgolang.org/x/sys\tv0.1.0\th1:abc=\n"
		"dep\tgolang.org/x/net\tv0.2.0\n"
		"=>\t../net\t(devel)\t\n"
		"dep\tgolang.org/x/mod\tv0.3.0\th1:def=\n"
		"something\tnew\n"
		"build\t-ldflags=\"-s -w -X 'main.v=\\\"1\\\"'\\t\\u00e9\\U0001f600\\x7f\"\n"
		"build\tCGO_ENABLED=0\n"
		"build\t\"odd = key\"=v\n"
		"build\tempty=\n"
		"build\tbroken\n"
		"build\tx=\"unterminated\n"
		"build\tx=\"\\q\"\n";
	assert_int_equal(build_info_parse_modules(modinfo, &arena, &info, &err), GOSPY_OK);
	assert_string_equal(info.path, "example.com/cmd/x");
	assert_string_equal(info.main->path, "example.com");
	assert_string_equal(info.main->version, "(devel)");
	assert_null(info.main->sum);
	assert_int_equal(info.dep_count, 3);
	assert_string_equal(info.deps[0].path, "golang.org/x/sys");
	assert_string_equal(info.deps[0].version, "v0.1.0");
	assert_string_equal(info.deps[0].sum, "h1:abc=");
	assert_null(info.deps[0].replace);
	assert_null(info.deps[1].sum);
	assert_string_equal(info.deps[1].replace->path, "../net");
	assert_null(info.deps[2].replace);
	assert_int_equal(info.setting_count, 4);
	assert_string_equal(info.settings[0].key, "-ldflags");
	assert_string_equal(info.settings[0].value,
			    "-s -w -X 'main.v=\"1\"'\t\xc3\xa9\xf0\x9f\x98\x80\x7f");
	assert_string_equal(info.settings[1].key, "CGO_ENABLED");
	assert_string_equal(info.settings[1].value, "0");
	assert_string_equal(info.settings[2].key, "odd = key");
	assert_string_equal(info.settings[3].value, "");
}

static void parses_odd_modules(void **state)
{
	static const char *const texts[] = {
		"",
		"\n\n",
		"path",
		"mod",
		"mod\t",
		"dep\t\n=>\t\n=>\tx",
		"=>\ta\tb\n",
		"build\t",
		"build\t\"",
		"build\t=",
		"build\t\"\\",
		"build\t\"\\u12",
		"build\tx=\"\\U0001f60",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct gospy_build_info info = {0};
		assert_int_equal(build_info_parse_modules(texts[i], &arena, &info, &err), GOSPY_OK);
	}
}

/* Real programs: <fixtures>/<version>/<variant>/parked. */
static void reads_fixtures(void **state)
{
	(void)state;
	const char *dir = getenv("GOSPY_FIXTURES");
	char *pattern = arena_printf(&arena, "%s/1.*/*/parked", dir ? dir : "");
	glob_t found = {0};
	if (!dir || glob(pattern, 0, NULL, &found)) {
		print_message("no fixtures in GOSPY_FIXTURES\n");
		skip();
	}
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *path = found.gl_pathv[i];
		char version[32], variant[32];
		assert_int_equal(sscanf(path + strlen(dir), "/%31[^/]/%31[^/]/", version, variant),
				 2);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		assert_true(fd >= 0);
		enum gospy_code code = elf_file_open(fd, path, &elf, &err);
		close(fd);
		if (!strcmp(variant, "386")) {
			assert_int_equal(code, GOSPY_E_UNSUPPORTED);
			continue;
		}
		assert_int_equal(code, GOSPY_OK);
		assert_int_equal(build_info_sign(&elf), GO_SIGN_YES);
		bool stripped = !strcmp(variant, "stripped") || !strcmp(variant, "sw");
		if (!strncmp(version, "1.12.", 5) && stripped) {
			assert_int_equal(find(), GOSPY_E_NOT_FOUND);
		} else {
			assert_int_equal(find(), GOSPY_OK);
			assert_memory_equal(text.go_version, "go", 2);
			assert_string_equal(text.go_version + 2, version);
			assert_non_null(text.modinfo);
		}
		elf_file_close(&elf);
	}
	globfree(&found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(reads_inline_strings, setup, teardown),
		cmocka_unit_test_setup_teardown(reads_from_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(reads_without_modules, setup, teardown),
		cmocka_unit_test_setup_teardown(scans_segments, setup, teardown),
		cmocka_unit_test_setup_teardown(reads_pointers, setup, teardown),
		cmocka_unit_test_setup_teardown(reads_relocated_pointers, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses_lying_lengths, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses_a_blob_cut_short, setup, teardown),
		cmocka_unit_test_setup_teardown(reads_go_1_12, setup, teardown),
		cmocka_unit_test_setup_teardown(knows_what_is_not_go, setup, teardown),
		cmocka_unit_test_setup_teardown(parses_modules, setup, teardown),
		cmocka_unit_test_setup_teardown(parses_odd_modules, setup, teardown),
		cmocka_unit_test_setup_teardown(reads_fixtures, setup, teardown),
	};
	return cmocka_run_group_tests_name("build_info", tests, NULL, NULL);
}
