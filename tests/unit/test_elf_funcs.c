#include "dwarf/elf_funcs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "elf_image.h"

static struct elf_image image;
static struct elf_file elf;
static struct elf_funcs funcs;
static struct gospy_error err;

enum { FUNC = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), OBJECT = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT) };

static const char strings[] = "\0__read\0read\0main\0table\0extern\0endless\0main(.text)";

enum { UU_READ = 1, READ = 8, MAIN = 13, TABLE = 18, EXTERN = 24, ENDLESS = 31, SECTION = 39 };

static const Elf64_Sym symbols[] = {
	{0},
	{MAIN, FUNC, 0, 1, 0x2000, 0x40},
	{UU_READ, FUNC, 0, 1, 0x1000, 0x20},
	{READ, FUNC, 0, 1, 0x1000, 0x20},
	{TABLE, OBJECT, 0, 1, 0x3000, 0x40},
	{EXTERN, FUNC, 0, SHN_UNDEF, 0, 0x10},
	{MAIN, FUNC, 0, 1, 0x4000, 0},
	{9999, FUNC, 0, 1, 0x5000, 0x10},
	{SECTION, FUNC, 0, 1, 0x6000, 0x10},
	{ENDLESS, FUNC, 0, 1, UINT64_MAX - 1, 0x10},
};

static Elf64_Shdr *add_table(uint32_t type, size_t len)
{
	Elf64_Shdr *table = elf_image_section(&image, ".sym", type, symbols, len);
	table->sh_link = (uint32_t)image.shnum;
	table->sh_entsize = sizeof(Elf64_Sym);
	elf_image_section(&image, ".str", SHT_STRTAB, strings, sizeof(strings));
	return table;
}

static enum gospy_code create(void)
{
	elf_image_finish(&image);
	assert_int_equal(
		elf_file_open_span((struct span){image.bytes, image.len}, "lib", &elf, &err),
		GOSPY_OK);
	return elf_funcs_create(&elf, &funcs, &err);
}

static int setup(void **state)
{
	(void)state;
	elf_image_init(&image, ET_DYN);
	funcs = (struct elf_funcs){0};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	elf_funcs_deinit(&funcs);
	elf_file_close(&elf);
	return 0;
}

static void finds_by_size(void **state)
{
	(void)state;
	add_table(SHT_SYMTAB, sizeof(symbols));
	assert_int_equal(create(), GOSPY_OK);
	assert_int_equal(funcs.count, 2);
	assert_string_equal(elf_funcs_find(&funcs, 0x1000)->name, "read");
	assert_string_equal(elf_funcs_find(&funcs, 0x101f)->name, "read");
	assert_string_equal(elf_funcs_find(&funcs, 0x2001)->name, "main");
	assert_null(elf_funcs_find(&funcs, 0xfff));
	assert_null(elf_funcs_find(&funcs, 0x1020));
	assert_null(elf_funcs_find(&funcs, 0x3000)); // no function
	assert_null(elf_funcs_find(&funcs, 0x4000)); // no size
	assert_null(elf_funcs_find(&funcs, 0x6000)); // a section
	assert_null(elf_funcs_find(&funcs, UINT64_MAX));
	assert_null(elf_funcs_find(&(struct elf_funcs){0}, 0x1000));
}

static void takes_dynamic_symbols(void **state)
{
	(void)state;
	add_table(SHT_DYNSYM, 2 * sizeof(Elf64_Sym));
	add_table(SHT_SYMTAB, 3 * sizeof(Elf64_Sym));
	assert_int_equal(create(), GOSPY_OK);
	assert_int_equal(funcs.count, 2);
	elf_funcs_deinit(&funcs);
	elf_file_close(&elf);

	elf_image_init(&image, ET_DYN);
	add_table(SHT_DYNSYM, 2 * sizeof(Elf64_Sym));
	assert_int_equal(create(), GOSPY_OK);
	assert_int_equal(funcs.count, 1);
	assert_string_equal(funcs.at[0].name, "main");
}

static void refuses_broken_tables(void **state)
{
	(void)state;
	assert_int_equal(create(), GOSPY_E_NOT_FOUND);
	elf_file_close(&elf);

	elf_image_init(&image, ET_DYN);
	add_table(SHT_SYMTAB, sizeof(symbols))->sh_entsize = 1;
	assert_int_equal(create(), GOSPY_E_BAD_DATA);
	elf_file_close(&elf);

	elf_image_init(&image, ET_DYN);
	add_table(SHT_SYMTAB, sizeof(symbols))->sh_size = UINT64_MAX;
	assert_int_equal(create(), GOSPY_E_BAD_DATA);
	elf_file_close(&elf);

	elf_image_init(&image, ET_DYN);
	add_table(SHT_SYMTAB, sizeof(symbols))->sh_link = 99;
	assert_int_equal(create(), GOSPY_E_BAD_DATA);
	elf_file_close(&elf);

	// A last entry that is cut off does not count.
	elf_image_init(&image, ET_DYN);
	add_table(SHT_SYMTAB, 2 * sizeof(Elf64_Sym) + 7);
	assert_int_equal(create(), GOSPY_OK);
	assert_int_equal(funcs.count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(finds_by_size, setup, teardown),
		cmocka_unit_test_setup_teardown(takes_dynamic_symbols, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses_broken_tables, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
