#include "dwarf/dwarf_info.h"

#include <dwarf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "elf_image.h"

/* ---- DWARF written by hand, in the shapes that Go's linker writes */

struct bytes {
	uint8_t at[1024];
	size_t len;
};

static void put(struct bytes *b, const void *data, size_t len)
{
	assert_true(b->len + len <= sizeof(b->at));
	memcpy(b->at + b->len, data, len);
	b->len += len;
}

static void put_u8(struct bytes *b, unsigned value)
{
	uint8_t v = (uint8_t)value;
	put(b, &v, sizeof(v));
}

static void put_u16(struct bytes *b, unsigned value)
{
	uint16_t v = (uint16_t)value;
	put(b, &v, sizeof(v));
}

static void put_u32(struct bytes *b, size_t value)
{
	uint32_t v = (uint32_t)value;
	put(b, &v, sizeof(v));
}

static void put_uleb(struct bytes *b, unsigned value)
{
	for (; value > 0x7f; value >>= 7)
		put_u8(b, value | 0x80);
	put_u8(b, value);
}

static void put_string(struct bytes *b, const char *s)
{
	put(b, s, strlen(s) + 1);
}

/* Abbreviation codes. STRUCT is '*', so that the name of a pointer to a struct looks like one. */
enum {
	UNIT = 1,
	BASE,
	TYPEDEF,
	POINTER,
	ARRAY,
	MEMBER,
	DECLARATION,
	INDIRECT, /* a struct whose name is in .debug_str */
	STRUCT = '*',
	STRUCT_WIDE = 200, /* the same with a code of two bytes */
};

static struct bytes abbrev, info, str;
static size_t unit_start;
/* Stands for .debug_info if `packed_len` is not 0. */
static uint8_t packed[2048];
static uLongf packed_len;
static struct elf_image image;
static struct elf_file elf;
static struct dwinfo *dwinfo;
static struct type_source *types;
static struct gospy_error err;

static void put_abbrev(unsigned code, unsigned tag, bool children, const uint8_t *attrs)
{
	put_uleb(&abbrev, code);
	put_u8(&abbrev, tag);
	put_u8(&abbrev, children);
	for (; *attrs; attrs++)
		put_u8(&abbrev, *attrs);
	put_u16(&abbrev, 0);
}

#define NAME DW_AT_name, DW_FORM_string
#define SIZE DW_AT_byte_size, DW_FORM_udata
#define TYPE DW_AT_type, DW_FORM_ref_addr
// Versions of clang-format disagree on braces in a macro.
// clang-format off
#define ATTRS(...) (const uint8_t[]){__VA_ARGS__, 0}
// clang-format on

static int setup(void **state)
{
	(void)state;
	abbrev.len = info.len = str.len = packed_len = 0;
	put_abbrev(UNIT, DW_TAG_compile_unit, true, ATTRS(NAME));
	put_abbrev(BASE, DW_TAG_base_type, false, ATTRS(NAME, SIZE));
	put_abbrev(TYPEDEF, DW_TAG_typedef, false, ATTRS(NAME, TYPE));
	put_abbrev(POINTER, DW_TAG_pointer_type, false, ATTRS(NAME, TYPE));
	put_abbrev(ARRAY, DW_TAG_array_type, false, ATTRS(NAME, TYPE, SIZE));
	put_abbrev(MEMBER, DW_TAG_member, false,
		   ATTRS(NAME, DW_AT_data_member_location, DW_FORM_udata, TYPE));
	put_abbrev(DECLARATION, DW_TAG_structure_type, false,
		   ATTRS(NAME, DW_AT_declaration, DW_FORM_flag_present));
	put_abbrev(INDIRECT, DW_TAG_structure_type, true, ATTRS(DW_AT_name, DW_FORM_strp, SIZE));
	put_abbrev(STRUCT, DW_TAG_structure_type, true, ATTRS(NAME, SIZE));
	put_abbrev(STRUCT_WIDE, DW_TAG_structure_type, true, ATTRS(NAME, SIZE));
	put_u8(&abbrev, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	dwinfo_destroy(dwinfo);
	dwinfo = NULL;
	elf_file_close(&elf);
	return 0;
}

static void begin_unit(unsigned version)
{
	unit_start = info.len;
	put_u32(&info, 0);
	put_u16(&info, version);
	if (version >= 5) {
		put_u8(&info, DW_UT_compile);
		put_u8(&info, 8);
		put_u32(&info, 0);
	} else {
		put_u32(&info, 0);
		put_u8(&info, 8);
	}
	put_uleb(&info, UNIT);
	put_string(&info, "runtime");
}

static void end_unit(void)
{
	put_u8(&info, 0);
	uint32_t len = (uint32_t)(info.len - unit_start - 4);
	memcpy(info.at + unit_start, &len, sizeof(len));
}

/* Each returns the offset of its entry. */
static size_t put_base(const char *name, unsigned size)
{
	size_t offset = info.len;
	put_uleb(&info, BASE);
	put_string(&info, name);
	put_uleb(&info, size);
	return offset;
}

static size_t put_reference(unsigned code, const char *name, size_t type)
{
	size_t offset = info.len;
	put_uleb(&info, code);
	put_string(&info, name);
	put_u32(&info, type);
	return offset;
}

static size_t put_array(const char *name, size_t type, unsigned size)
{
	size_t offset = put_reference(ARRAY, name, type);
	put_uleb(&info, size);
	return offset;
}

static size_t begin_struct(unsigned code, const char *name, unsigned size)
{
	size_t offset = info.len;
	put_uleb(&info, code);
	if (code == INDIRECT) {
		put_u32(&info, str.len);
		put_string(&str, name);
	} else {
		put_string(&info, name);
	}
	put_uleb(&info, size);
	return offset;
}

static void put_member(const char *name, unsigned offset, size_t type)
{
	put_uleb(&info, MEMBER);
	put_string(&info, name);
	put_uleb(&info, offset);
	put_u32(&info, type);
}

static void end_struct(void)
{
	put_u8(&info, 0);
}

static void pack_info(void)
{
	const Elf64_Chdr ch = {.ch_type = ELFCOMPRESS_ZLIB, .ch_size = info.len};
	memcpy(packed, &ch, sizeof(ch));
	packed_len = sizeof(packed) - sizeof(ch);
	assert_int_equal(compress(packed + sizeof(ch), &packed_len, info.at, info.len), Z_OK);
	packed_len += sizeof(ch);
}

static enum gospy_code open_dwarf(void)
{
	elf_image_init(&image, ET_EXEC);
	elf_image_section(&image, ".debug_abbrev", SHT_PROGBITS, abbrev.at, abbrev.len);
	if (packed_len)
		elf_image_section(&image, ".debug_info", SHT_PROGBITS, packed, packed_len)
			->sh_flags = SHF_COMPRESSED;
	else
		elf_image_section(&image, ".debug_info", SHT_PROGBITS, info.at, info.len);
	if (str.len)
		elf_image_section(&image, ".debug_str", SHT_PROGBITS, str.at, str.len);
	assert_int_equal(elf_file_open_span(elf_image_finish(&image), "prog", &elf, &err),
			 GOSPY_OK);
	enum gospy_code code = dwinfo_create(&elf, &dwinfo, &err);
	types = code ? NULL : dwinfo_types(dwinfo);
	return code;
}

static bool find(const char *name, uint64_t *ret)
{
	return types->ops->find(types, name, ret);
}

static bool field(uint64_t type, const char *name, struct type_field *ret)
{
	return types->ops->field(types, type, name, strlen(name), ret);
}

/* Field `name` of struct `type` must be there like this. */
static uint64_t expect_field(uint64_t type, const char *name, uint64_t offset, uint64_t size)
{
	struct type_field f;
	assert_true(field(type, name, &f));
	assert_int_equal(f.offset, offset);
	assert_int_equal(f.size, size);
	return f.type;
}

/* schedt as in Go, but smaller: names, wrappers, arrays, pointers. */
static void put_schedt(unsigned code)
{
	size_t u32 = put_base("uint32", 4);
	size_t u64 = put_base("uint64", 8);
	size_t array = put_array("[3]uint64", u64, 24);
	size_t inner = begin_struct(STRUCT, "runtime/internal/atomic.Uint32", 4);
	put_member("noCopy", 0, u32);
	put_member("value", 0, u32);
	end_struct();
	size_t alias = put_reference(TYPEDEF, "runtime/internal/atomic.Uint32", inner);
	size_t pointer = put_reference(POINTER, "*runtime.schedt", u64);
	put_reference(TYPEDEF, "runtime.schedt", u64);
	begin_struct(code, "runtime.schedt", 300);
	put_member("goidgen", 0, u64);
	put_member("npidle", 8, alias);
	put_member("buckets", 16, array);
	put_member("self", 296, pointer);
	end_struct();
}

static void expect_schedt(void)
{
	uint64_t schedt, size;
	struct type_field f;
	assert_true(find("runtime.schedt", &schedt));
	assert_true(types->ops->size(types, schedt, &size));
	assert_int_equal(size, 300);
	expect_field(schedt, "goidgen", 0, 8);
	uint64_t npidle = expect_field(schedt, "npidle", 8, 4);
	expect_field(npidle, "value", 0, 4);
	uint64_t array = expect_field(schedt, "buckets", 16, 24);
	expect_field(schedt, "self", 296, 8);
	assert_false(field(schedt, "nmidle", &f));
	assert_false(field(schedt, "goid", &f));
	assert_false(field(schedt, "goidgen2", &f));
	assert_false(field(array, "goidgen", &f));
}

static void reads_dwarf_4(void **state)
{
	(void)state;
	begin_unit(4);
	put_schedt(STRUCT);
	end_unit();
	assert_int_equal(open_dwarf(), GOSPY_OK);
	assert_string_equal(types->ops->name, "DWARF");
	expect_schedt();
	expect_schedt(); // from the cache
	uint64_t type;
	assert_false(find("runtime.mstats", &type));
	assert_false(find("schedt", &type));
	assert_false(find("runtime.sched", &type));
	assert_false(find("", &type));
}

static void reads_dwarf_5(void **state)
{
	(void)state;
	begin_unit(5);
	put_schedt(STRUCT);
	end_unit();
	assert_int_equal(open_dwarf(), GOSPY_OK);
	expect_schedt();
}

static void reads_wide_codes(void **state)
{
	(void)state;
	begin_unit(4);
	put_schedt(STRUCT_WIDE);
	end_unit();
	assert_int_equal(open_dwarf(), GOSPY_OK);
	expect_schedt();
}

/* Three units, of which the second holds schedt and the third mheap. */
static void put_units(void)
{
	begin_unit(4);
	put_base("int", 8);
	end_unit();
	begin_unit(5);
	put_schedt(STRUCT);
	end_unit();
	begin_unit(4);
	size_t u64 = put_base("uint64", 8);
	begin_struct(STRUCT, "runtime.mheap", 8);
	put_member("nlargealloc", 0, u64);
	end_struct();
	end_unit();
}

static void expect_mheap(void)
{
	uint64_t mheap;
	assert_true(find("runtime.mheap", &mheap));
	expect_field(mheap, "nlargealloc", 0, 8);
}

static void finds_in_any_unit(void **state)
{
	(void)state;
	put_units();
	assert_int_equal(open_dwarf(), GOSPY_OK);
	expect_mheap();
	expect_schedt();
}

static void inflates_what_it_needs(void **state)
{
	(void)state;
	put_units();
	pack_info();
	assert_int_equal(open_dwarf(), GOSPY_OK);
	expect_schedt();
	expect_mheap();
	expect_schedt();
	teardown(NULL);

	// A broken end spoils only what lies there.
	packed[packed_len - 1] ^= 1;
	assert_int_equal(open_dwarf(), GOSPY_OK);
	expect_schedt();
	uint64_t type;
	assert_false(find("runtime.mheap", &type));
	expect_schedt();
}

static void reads_indirect_names(void **state)
{
	(void)state;
	put_u8(&str, 0);
	begin_unit(4);
	put_base("int", 8);
	end_unit();
	begin_unit(4);
	put_schedt(INDIRECT);
	end_unit();
	assert_int_equal(open_dwarf(), GOSPY_OK);
	expect_schedt();
	uint64_t type;
	assert_false(find("runtime.mheap", &type));
}

static void passes_over_declarations(void **state)
{
	(void)state;
	begin_unit(4);
	put_uleb(&info, DECLARATION);
	put_string(&info, "runtime.schedt");
	put_schedt(STRUCT);
	end_unit();
	assert_int_equal(open_dwarf(), GOSPY_OK);
	expect_schedt();
}

static void survives_lying_types(void **state)
{
	(void)state;
	uint64_t type;
	struct type_field f;
	begin_unit(4);
	size_t u64 = put_base("uint64", 8);
	size_t loop = put_reference(TYPEDEF, "loop", info.len);
	begin_struct(STRUCT, "runtime.p", 64);
	put_member("loop", 0, loop);
	put_member("outside", 8, 0xfffffff0);
	put_member("header", 16, 2);
	put_member("fine", 24, u64);
	end_struct();
	begin_struct(STRUCT, "runtime.g", 8);
	put_member("behind", 9, u64);
	end_struct();
	begin_struct(STRUCT, "runtime.m", 8);
	end_struct();
	end_unit();
	assert_int_equal(open_dwarf(), GOSPY_OK);
	assert_true(find("runtime.p", &type));
	assert_false(field(type, "loop", &f));
	assert_false(field(type, "outside", &f));
	expect_field(type, "fine", 24, 8);
	assert_false(find("runtime.g", &type)); // a member that lies outside
	assert_false(find("runtime.m", &type)); // none
	assert_false(field(UINT64_MAX, "fine", &f));
	assert_false(types->ops->size(types, info.len, &type));
}

static void refuses_what_is_not_there(void **state)
{
	(void)state;
	elf_image_init(&image, ET_EXEC);
	assert_int_equal(elf_file_open_span(elf_image_finish(&image), "prog", &elf, &err),
			 GOSPY_OK);
	assert_int_equal(dwinfo_create(&elf, &dwinfo, &err), GOSPY_E_NOT_FOUND);
	elf_file_close(&elf);
	elf_image_init(&image, ET_EXEC);
	elf_image_section(&image, ".debug_info", SHT_PROGBITS, "x", 1);
	assert_int_equal(elf_file_open_span(elf_image_finish(&image), "prog", &elf, &err),
			 GOSPY_OK);
	assert_int_equal(dwinfo_create(&elf, &dwinfo, &err), GOSPY_E_NOT_FOUND);
	elf_file_close(&elf);
	// Sections that are there and empty.
	abbrev.len = info.len = 0;
	if (open_dwarf() == GOSPY_OK) {
		uint64_t type;
		assert_false(find("runtime.schedt", &type));
	}
}

/* Whatever the bytes say: no crash, no endless loop, no leak. */
static void look_around(void)
{
	uint64_t type, size;
	struct type_field f;
	if (open_dwarf() == GOSPY_OK && find("runtime.schedt", &type)) {
		types->ops->size(types, type, &size);
		field(type, "goidgen", &f);
		if (field(type, "npidle", &f))
			field(f.type, "value", &f);
		field(type, "buckets", &f);
		field(type, "self", &f);
	}
	teardown(NULL);
}

static void survives_flipped_bytes(void **state)
{
	(void)state;
	put_u8(&str, 0);
	begin_unit(5);
	put_schedt(STRUCT);
	end_unit();
	begin_unit(4);
	put_schedt(INDIRECT);
	end_unit();
	struct bytes *const sections[] = {&abbrev, &info};
	for (size_t i = 0; i < 2; i++) {
		for (size_t at = 0; at < sections[i]->len; at++) {
			uint8_t *byte = &sections[i]->at[at], good = *byte;
			static const uint8_t flips[] = {0x01, 0x02, 0x10, 0x40, 0x80, 0xff};
			for (size_t flip = 0; flip < sizeof(flips); flip++) {
				*byte = good ^ flips[flip];
				look_around();
			}
			*byte = good;
		}
		size_t len = sections[i]->len;
		while (sections[i]->len) {
			sections[i]->len--;
			look_around();
		}
		sections[i]->len = len;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(reads_dwarf_4, setup, teardown),
		cmocka_unit_test_setup_teardown(reads_dwarf_5, setup, teardown),
		cmocka_unit_test_setup_teardown(reads_wide_codes, setup, teardown),
		cmocka_unit_test_setup_teardown(finds_in_any_unit, setup, teardown),
		cmocka_unit_test_setup_teardown(inflates_what_it_needs, setup, teardown),
		cmocka_unit_test_setup_teardown(reads_indirect_names, setup, teardown),
		cmocka_unit_test_setup_teardown(passes_over_declarations, setup, teardown),
		cmocka_unit_test_setup_teardown(survives_lying_types, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses_what_is_not_there, setup, teardown),
		cmocka_unit_test_setup_teardown(survives_flipped_bytes, setup, teardown),
	};
	return cmocka_run_group_tests_name("dwarf_info", tests, NULL, NULL);
}
