#include "dwarf/go/rtype.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "go_image.h"

enum { OLDEST = 12, NEWEST = 27 };

struct fixture {
	struct go_image im;
	struct paged paged;
	struct moduledata md;
	struct rtypes rtypes;
	struct rtype_named named[3];
};

static enum gospy_code open_image(struct fixture *f, struct gospy_error *err)
{
	f->paged = go_image_paged(&f->im);
	f->named[0] = (struct rtype_named){.name = "runtime.g", .addr = 1};
	f->named[1] = (struct rtype_named){.name = "runtime.stack"};
	f->named[2] = (struct rtype_named){.name = "runtime.schedt"};
	enum gospy_code code = moduledata_read(&f->paged, f->im.moduledata, &f->md, err);
	return code ? code
		    : rtypes_init(&f->rtypes, &f->paged, &f->md, f->im.minor, f->named, 3, err);
}

static struct fixture *fixture(int minor)
{
	static struct fixture f;
	struct gospy_error err = {0};
	go_image_init(&f.im, minor);
	if (open_image(&f, &err))
		fail_msg("1.%d: %s", minor, err.msg);
	return &f;
}

static void check_path(struct fixture *f, const char *path, uint64_t offset, uint64_t size)
{
	struct type_source *source = &f->rtypes.source;
	struct type_field field;
	uint64_t type;
	assert_true(source->ops->find(source, "runtime.g", &type));
	if (!types_path(source, type, path, &field))
		fail_msg("1.%d: no %s", f->im.minor, path);
	assert_int_equal(field.offset, offset);
	assert_int_equal(field.size, size);
}

static void check_no_path(struct fixture *f, const char *path)
{
	struct type_field field = {.size = 1};
	assert_false(types_path(&f->rtypes.source, f->im.type_g, path, &field));
	assert_int_equal(field.size, 1);
}

static void test_every_version(void **state)
{
	(void)state;
	for (int minor = OLDEST; minor <= NEWEST; minor++) {
		struct fixture *f = fixture(minor);
		struct type_source *source = &f->rtypes.source;
		uint64_t type, size;
		// The one of package runtime, not of example.com/runtime, which comes before it.
		assert_int_equal(f->named[0].addr, f->im.type_g);
		assert_int_equal(f->named[1].addr, f->im.type_stack);
		assert_int_equal(f->named[2].addr, 0);
		assert_true(source->ops->find(source, "runtime.stack", &type));
		assert_true(source->ops->size(source, type, &size));
		assert_int_equal(size, 16);
		assert_false(source->ops->find(source, "runtime.schedt", &type));
		assert_false(source->ops->find(source, "runtime.m", &type));

		check_path(f, "stack", 0, 16);
		check_path(f, "stack.lo", 0, 8);
		check_path(f, "stack.hi", 8, 8);
		check_path(f, "old.hi", 24, 8);
		check_path(f, "goid", 24, 8);
		check_path(f, "atomicstatus", 32, 4);
		check_path(f, "new|goid", 24, 8);
		check_path(f, "goid|atomicstatus", 24, 8);
		check_path(f, "goid.value|stack.lo.value|old.lo", 16, 8);
		check_no_path(f, "goi");
		check_no_path(f, "goidd");
		check_no_path(f, "goid.value");
		check_no_path(f, "stack.");
		check_no_path(f, "|");
		check_no_path(f, "");
		check_no_path(f, ".lo");
	}
}

static void test_long_names(void **state)
{
	(void)state;
	char name[201];
	memset(name, 'n', 200);
	name[200] = 0;
	for (int minor = 16; minor <= 17; minor++) {
		struct fixture *f = fixture(minor);
		uint64_t array = go_image_get(&f->im, f->im.type_g + 56, 8);
		go_image_set(&f->im, array + 24, go_image_name(&f->im, name), 8);
		f->paged = go_image_paged(&f->im);
		check_path(f, name, 24, 8);
		check_no_path(f, name + 1);
		check_no_path(f, "goid");
	}
}

static void test_fields_that_lie(void **state)
{
	(void)state;
	struct fixture *f = fixture(24);
	uint64_t array = go_image_get(&f->im, f->im.type_g + 56, 8);
	go_image_set(&f->im, array + 8, 0x1000, 8); // type of `stack`
	check_no_path(f, "stack");
	check_path(f, "goid", 24, 8);
	go_image_set(&f->im, array + 24, UINT64_MAX - 1, 8); // name of `goid`
	check_no_path(f, "goid");
	check_path(f, "atomicstatus", 32, 4);
	// Offsets add up without wrapping around.
	f = fixture(24);
	array = go_image_get(&f->im, f->im.type_g + 56, 8);
	go_image_set(&f->im, array + 16, UINT64_MAX, 8); // offset of `stack`
	check_no_path(f, "stack.hi");
	// The slice of fields is outside, or longer than a struct can be.
	go_image_set(&f->im, f->im.type_g + 56, UINT64_MAX - 24, 8);
	check_no_path(f, "goid");
	f = fixture(24);
	go_image_set(&f->im, f->im.type_g + 64, UINT64_C(1) << 60, 8);
	check_no_path(f, "goid");
}

static void test_type_within_itself(void **state)
{
	(void)state;
	struct fixture *f = fixture(24);
	uint64_t array = go_image_get(&f->im, f->im.type_g + 56, 8);
	go_image_set(&f->im, array + 8, f->im.type_g, 8);
	check_path(f, "stack.stack.stack.goid", 24, 8);
}

static void test_unreadable_types(void **state)
{
	(void)state;
	struct fixture *f = fixture(24);
	struct gospy_error err;
	f->md.types = f->paged.addr + f->paged.len - 8;
	f->md.etypes = f->md.types + 4096;
	assert_int_equal(rtypes_init(&f->rtypes, &f->paged, &f->md, 24, f->named, 3, &err),
			 GOSPY_E_FAULT);
	f->md.etypes = f->md.types + (UINT64_C(1) << 40);
	assert_int_equal(rtypes_init(&f->rtypes, &f->paged, &f->md, 24, f->named, 3, &err),
			 GOSPY_E_LIMIT);
}

static void test_every_byte(void **state)
{
	(void)state;
	static const int minors[] = {12, 18, 24};
	static const char *const paths[] = {"stack.hi", "goid", "atomicstatus", "old.lo", "none"};
	static struct fixture f;
	for (size_t v = 0; v < sizeof(minors) / sizeof(minors[0]); v++) {
		go_image_init(&f.im, minors[v]);
		for (size_t i = 0; i < f.im.len; i++) {
			f.im.bytes[i] ^= 0xff;
			for (size_t k = 0; k < 5 && open_image(&f, NULL) == GOSPY_OK; k++) {
				struct type_source *source = &f.rtypes.source;
				struct type_field field;
				uint64_t type;
				if (source->ops->find(source, "runtime.g", &type))
					(void)types_path(source, type, paths[k], &field);
			}
			f.im.bytes[i] ^= 0xff;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_version),    cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_fields_that_lie),  cmocka_unit_test(test_type_within_itself),
		cmocka_unit_test(test_unreadable_types), cmocka_unit_test(test_every_byte),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
