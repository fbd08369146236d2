/* elf_relocs.c on hand-made files: what is relocated, wherever a piece begins and ends. */
#include "dwarf/elf_relocs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "elf_image.h"

enum { START = 0x400000, TABLE = 0x600000, PAGE = 4096 };

static struct elf_image image;
static struct elf_file elf;

static void make(const Elf64_Rela *relas, size_t n, const Elf64_Dyn *more)
{
	static const uint8_t content[3 * PAGE];
	Elf64_Dyn dynamic[] = {{DT_RELA, {TABLE}},
			       {DT_RELASZ, {n * sizeof(*relas)}},
			       more ? *more : (Elf64_Dyn){DT_NULL, {0}}};
	elf_image_init(&image, ET_DYN);
	uint64_t off = elf_image_add(&image, content, sizeof(content));
	elf_image_segment(&image, PT_LOAD, PF_R | PF_W, START, off, sizeof(content));
	off = elf_image_add(&image, relas, n * sizeof(*relas));
	elf_image_segment(&image, PT_LOAD, PF_R, TABLE, off, n * sizeof(*relas));
	off = elf_image_add(&image, dynamic, sizeof(dynamic));
	elf_image_segment(&image, PT_DYNAMIC, PF_R, 0x700000, off, sizeof(dynamic));
	elf_image_finish(&image);
	assert_int_equal(
		elf_file_open_span((struct span){image.bytes, image.len}, "prog", &elf, NULL),
		GOSPY_OK);
}

static Elf64_Rela relative(uint64_t at, int64_t value)
{
	return (Elf64_Rela){at, ELF64_R_INFO(0, R_X86_64_RELATIVE), value};
}

static void test_pieces(void **state)
{
	(void)state;
	// In no order; one lies across two pages, one is the last of all.
	const Elf64_Rela relas[] = {
		relative(START + 2 * PAGE + 8, 0x11223344),
		relative(START + PAGE - 4, 0x55667788),
		{START + 16, ELF64_R_INFO(3, R_X86_64_64), 1}, // of a symbol
		relative(START, 0x99aabbcc),
		relative(START + 3 * PAGE - 8, 0x1020304),
	};
	struct elf_relocs relocs;
	make(relas, sizeof(relas) / sizeof(relas[0]), NULL);
	assert_int_equal(elf_relocs_read(&elf, &relocs, NULL), GOSPY_OK);
	assert_true(elf_relocs_bytes(&relocs) >= 4 * sizeof(struct elf_reloc));
	static uint8_t expected[3 * PAGE], bytes[3 * PAGE];
	memset(expected, 0xee, sizeof(expected));
	for (size_t i = 0; i < sizeof(relas) / sizeof(relas[0]); i++) {
		uint64_t value = (uint64_t)relas[i].r_addend;
		if (relas[i].r_info == ELF64_R_INFO(0, R_X86_64_RELATIVE))
			memcpy(expected + (relas[i].r_offset - START), &value, sizeof(value));
	}
	const size_t ends[] = {0,
			       1,
			       4,
			       8,
			       PAGE - 5,
			       PAGE - 4,
			       PAGE - 1,
			       PAGE,
			       PAGE + 3,
			       PAGE + 4,
			       2 * PAGE + 9,
			       3 * PAGE - 8,
			       3 * PAGE - 1,
			       3 * PAGE};
	const size_t count = sizeof(ends) / sizeof(ends[0]);
	for (size_t i = 0; i < count; i++) {
		for (size_t k = i; k < count; k++) {
			memset(bytes, 0xee, sizeof(bytes));
			elf_relocs_apply(&relocs, START + ends[i], bytes, ends[k] - ends[i]);
			assert_memory_equal(bytes, expected + ends[i], ends[k] - ends[i]);
			// Nothing is written behind it.
			assert_true(ends[k] == ends[i] + sizeof(bytes) ||
				    bytes[ends[k] - ends[i]] == 0xee);
		}
	}
	elf_relocs_apply(&relocs, START - PAGE, bytes, PAGE);
	elf_relocs_apply(&relocs, UINT64_MAX - 7, bytes, 8);
	elf_relocs_deinit(&relocs);
	elf_file_close(&elf);
}

static void test_refused(void **state)
{
	(void)state;
	struct elf_relocs relocs = {0};
	const Elf64_Rela outside[] = {relative(START - 8, 1)};
	const Elf64_Rela far[] = {relative(START, INT64_C(1) << 32)};
	const Elf64_Rela fine[] = {relative(START, 1)};
	const Elf64_Dyn packed = {36, {1}}; // DT_RELR
	make(outside, 1, NULL);
	assert_int_equal(elf_relocs_read(&elf, &relocs, NULL), GOSPY_E_UNSUPPORTED);
	elf_file_close(&elf);
	make(far, 1, NULL);
	assert_int_equal(elf_relocs_read(&elf, &relocs, NULL), GOSPY_E_UNSUPPORTED);
	elf_file_close(&elf);
	make(fine, 1, &packed);
	assert_int_equal(elf_relocs_read(&elf, &relocs, NULL), GOSPY_E_UNSUPPORTED);
	elf_file_close(&elf);
	assert_null(relocs.firsts);
	make(fine, 0, NULL);
	assert_int_equal(elf_relocs_read(&elf, &relocs, NULL), GOSPY_OK);
	uint8_t byte = 7;
	elf_relocs_apply(&relocs, START, &byte, 1);
	assert_int_equal(byte, 7);
	elf_relocs_deinit(&relocs);
	elf_file_close(&elf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
