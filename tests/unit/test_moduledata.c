#include "dwarf/go/moduledata_find.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "go_image.h"

enum { OLDEST = 12, NEWEST = 27 };

static enum gospy_code read_at(struct go_image *im, uint64_t addr, struct moduledata *md,
			       struct gospy_error *err)
{
	struct paged p = go_image_paged(im);
	return moduledata_read(&p, addr, md, err);
}

static void test_every_version(void **state)
{
	(void)state;
	static struct go_image im;
	for (int minor = OLDEST; minor <= NEWEST; minor++) {
		go_image_init(&im, minor);
		struct moduledata md;
		struct gospy_error err = {0};
		if (read_at(&im, im.moduledata, &md, &err))
			fail_msg("1.%d: %s", minor, err.msg);
		assert_int_equal(md.addr, im.moduledata);
		assert_int_equal(md.pclntab, im.pclntab);
		assert_true(md.pclntab_end > md.pclntab && md.pclntab_end <= im.base + im.len);
		assert_int_equal(md.nftab, 3);
		assert_int_equal(md.minpc, im.text);
		assert_int_equal(md.maxpc, im.text + GO_IMAGE_TEXT_LEN);
		assert_int_equal(md.text, im.text);
		assert_int_equal(md.etext, im.text + GO_IMAGE_TEXT_LEN);
		assert_int_equal(md.noptrdata, im.base + 4);
		assert_int_equal(md.enoptrbss, im.base + 11);
		assert_true(md.types <= im.type_stack && im.type_g < md.etypes);
		assert_int_equal(md.gofunc != 0, minor >= 18);
		// 1.21 and 1.22 cannot be told from 1.23.
		assert_int_equal(md.next, minor == 21 || minor == 22 ? 0 : 0x7f0000001000);
	}
}

static void test_module_at_the_end_of_the_image(void **state)
{
	(void)state;
	static struct go_image im;
	go_image_init(&im, 15);
	im.len = im.moduledata - im.base + 57 * 8; // all that a Go 1.15 has of it
	struct moduledata md;
	assert_int_equal(read_at(&im, im.moduledata, &md, NULL), GOSPY_OK);
}

static void test_unreadable(void **state)
{
	(void)state;
	static struct go_image im;
	go_image_init(&im, 24);
	struct moduledata md = {.addr = 1};
	struct gospy_error err;
	assert_int_equal(read_at(&im, im.base - 8, &md, &err), GOSPY_E_FAULT);
	assert_int_equal(err.addr, im.base - 8);
	assert_int_equal(read_at(&im, im.base + im.len - 4, &md, &err), GOSPY_E_FAULT);
	assert_int_equal(read_at(&im, UINT64_MAX - 3, &md, &err), GOSPY_E_FAULT);
	go_image_set(&im, im.moduledata, 0x1000, 8);
	assert_int_equal(read_at(&im, im.moduledata, &md, &err), GOSPY_E_FAULT);
	assert_int_equal(err.addr, 0x1000);
	assert_int_equal(md.addr, 1); // unchanged by failures
}

static void test_unknown_magic(void **state)
{
	(void)state;
	static struct go_image im;
	static const struct {
		unsigned at;
		uint8_t value;
	} changes[] = {{0, 0xf2}, {3, 0xfe}, {4, 1}, {6, 4}, {7, 4}};
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		go_image_init(&im, 24);
		go_image_set(&im, im.pclntab + changes[i].at, changes[i].value, 1);
		struct moduledata md;
		struct gospy_error err;
		assert_int_equal(read_at(&im, im.moduledata, &md, &err), GOSPY_E_UNSUPPORTED);
		assert_non_null(strstr(err.msg, "function table"));
	}
}

/* Overwrite words that every shape of the magic relies on. */
static void test_contradictions(void **state)
{
	(void)state;
	static struct go_image im;
	static const struct {
		int minor;
		unsigned word;
		uint64_t value;
	} changes[] = {
		{12, 1, 0},               // pclntable is empty
		{12, 3, 0x400000},        // ftab is not behind the header
		{12, 4, 5},               // more functions than the header counts
		{12, 28, 0},              // no text section
		{16, 1, 0x400000},        // funcnametab is elsewhere
		{24, 17, UINT64_MAX},     // len of ftab
		{24, 20, 0},              // minpc outside
		{24, 21, 0x400000},       // maxpc before minpc
		{24, 23, UINT64_MAX},     // etext outside
		{24, 37, 0x500000},       // types outside
		{24, 38, 0},              // etypes before types
		{24, 40, 1},              // gofunc outside
		{24, 42, 1 << 20},        // len of textsectmap is not its cap
		{18, 61, 0x7f0000000000}, // hasmain is a pointer
		{26, 41, 0},              // epclntab
		{27, 39, 0},              // etypes
	};
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		go_image_init(&im, changes[i].minor);
		go_image_set(&im, im.moduledata + changes[i].word * 8, changes[i].value, 8);
		struct moduledata md;
		struct gospy_error err;
		enum gospy_code code = read_at(&im, im.moduledata, &md, &err);
		if (code != GOSPY_E_BAD_DATA)
			fail_msg("1.%d word %u: %d", changes[i].minor, changes[i].word, code);
	}
}

static void test_odd_next_is_no_module(void **state)
{
	(void)state;
	static struct go_image im;
	go_image_init(&im, 20);
	go_image_set(&im, im.moduledata + 70 * 8, 1, 8);
	struct moduledata md;
	assert_int_equal(read_at(&im, im.moduledata, &md, NULL), GOSPY_OK);
	assert_int_equal(md.next, 0);
}

/* If any single byte is wrong, the result is an error or ranges that are in the image. */
static void test_every_byte(void **state)
{
	(void)state;
	static struct go_image im;
	static const int minors[] = {12, 16, 18, 20, 24, 27};
	for (size_t v = 0; v < sizeof(minors) / sizeof(minors[0]); v++) {
		go_image_init(&im, minors[v]);
		for (size_t i = 0; i < im.len; i++) {
			im.bytes[i] ^= 0xff;
			struct moduledata md;
			struct gospy_error err;
			if (read_at(&im, im.moduledata, &md, &err) == GOSPY_OK) {
				uint64_t end = im.base + im.len;
				assert_true(md.minpc < md.maxpc && md.maxpc <= end);
				assert_true(md.types < md.etypes && md.etypes <= end);
				assert_true(md.nftab == 3);
			}
			im.bytes[i] ^= 0xff;
		}
	}
}

/* --------------------------------------------------------------------------------- the search --
 */

static enum gospy_code find(struct go_image *im, const struct elf_file *elf, size_t *n,
			    struct moduledata *md, struct gospy_error *err)
{
	struct paged p = go_image_paged(im);
	return moduledata_find(&p, elf, 0, md, 1, n, err);
}

static void test_search_in_every_version(void **state)
{
	(void)state;
	static struct go_image im;
	for (int minor = OLDEST; minor <= NEWEST; minor++) {
		go_image_init(&im, minor);
		struct moduledata md;
		struct gospy_error err = {0};
		size_t n = 0;
		if (find(&im, NULL, &n, &md, &err))
			fail_msg("1.%d: %s", minor, err.msg);
		assert_int_equal(n, 1);
		assert_int_equal(md.addr, im.moduledata);
	}
}

static void test_search_in_vain(void **state)
{
	(void)state;
	static struct go_image im;
	struct moduledata md;
	struct gospy_error err;
	size_t n = 7;
	go_image_init(&im, 26);
	go_image_set(&im, im.moduledata, im.pclntab + 8, 8);
	assert_int_equal(find(&im, NULL, &n, &md, &err), GOSPY_E_NOT_FOUND);
	assert_non_null(strstr(err.msg, "moduledata"));
	go_image_set(&im, im.pclntab, 0, 8);
	assert_int_equal(find(&im, NULL, &n, &md, &err), GOSPY_E_UNSUPPORTED);
	assert_non_null(strstr(err.msg, "pclntab"));
	assert_int_equal(n, 7);
}

/* Text, or a copy of a program among data: nothing refers to it as a moduledata does. */
static void test_search_among_other_tables(void **state)
{
	(void)state;
	static struct go_image im;
	struct moduledata md;
	size_t n;
	go_image_init(&im, 26);
	uint64_t magic = go_image_get(&im, im.pclntab, 8);
	uint64_t stray = go_image_put(&im, &magic, sizeof(magic), 8);
	go_image_put(&im, &stray, sizeof(stray), 8);
	assert_int_equal(find(&im, NULL, &n, &md, NULL), GOSPY_OK);
	assert_int_equal(n, 1);
	assert_int_equal(md.addr, im.moduledata);
}

static void test_search_with_headers_that_lie(void **state)
{
	(void)state;
	static struct go_image im;
	struct moduledata md;
	size_t n;
	go_image_init(&im, 26);
	static const char names[] = "\0.gopclntab\0.go.module\0.data";
	const uint64_t lies[] = {0, 1, im.text, im.base - 8, im.base + im.len, UINT64_MAX - 7};
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		const Elf64_Phdr phdr = {.p_type = PT_LOAD,
					 .p_flags = PF_R | PF_W,
					 .p_vaddr = lies[i],
					 .p_filesz = lies[sizeof(lies) / sizeof(lies[0]) - 1 - i]};
		const Elf64_Shdr shdrs[] = {
			{.sh_name = 1, .sh_addr = lies[i], .sh_size = 64},
			{.sh_name = 12, .sh_addr = lies[i], .sh_size = UINT64_MAX},
			{.sh_name = 23, .sh_addr = lies[i], .sh_size = im.len},
		};
		const struct elf_file elf = {
			.phdrs = &phdr,
			.phdr_count = 1,
			.shdrs = shdrs,
			.shdr_count = 3,
			.shstrtab = {(const uint8_t *)names, sizeof(names)},
		};
		assert_int_equal(find(&im, &elf, &n, &md, NULL), GOSPY_OK);
		assert_int_equal(md.addr, im.moduledata);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_version),
		cmocka_unit_test(test_module_at_the_end_of_the_image),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_unknown_magic),
		cmocka_unit_test(test_contradictions),
		cmocka_unit_test(test_odd_next_is_no_module),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_search_in_every_version),
		cmocka_unit_test(test_search_in_vain),
		cmocka_unit_test(test_search_among_other_tables),
		cmocka_unit_test(test_search_with_headers_that_lie),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
