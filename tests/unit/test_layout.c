/* layout.c over type sources made of tables; and, where GOSPY_FIXTURES names built fixtures, the
 * layouts that running programs carry in their type descriptors against those in their DWARF. */
#include "dwarf/go/layout.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "dwarf/dwarf_info.h"
#include "dwarf/go/rtype.h"
#include "go_program.h"

/* ------------------------------------------------------------------------------ table sources --
 */

/* A struct of which each path has the next eight bytes, except the paths that are left out. */
struct table {
	struct type_source source;
	const char *const *structs;
	size_t count;
	const char *without; /* field that it does not have, or NULL */
	uint64_t size, field_size;
};

static struct table *table_of(struct type_source *source)
{
	return (struct table *)source;
}

static bool table_find(struct type_source *source, const char *name, uint64_t *type_ret)
{
	const struct table *t = table_of(source);
	for (size_t i = 0; i < t->count; i++) {
		if (strcmp(t->structs[i], name) == 0) {
			*type_ret = i + 1;
			return true;
		}
	}
	return false;
}

static bool table_field(struct type_source *source, uint64_t type, const char *name,
			size_t name_len, struct type_field *ret)
{
	const struct table *t = table_of(source);
	if (t->without && strlen(t->without) == name_len && memcmp(t->without, name, name_len) == 0)
		return false;
	*ret = (struct type_field){.offset = 16, .size = t->field_size, .type = type};
	return true;
}

static bool table_size(struct type_source *source, uint64_t type, uint64_t *ret)
{
	(void)type;
	*ret = table_of(source)->size;
	return true;
}

static const struct type_source_ops first_ops = {"first", table_find, table_field, table_size};
static const struct type_source_ops second_ops = {"second", table_find, table_field, table_size};

static const char *const all[] = {
	"runtime.g",
	"runtime.m",
	"runtime.p",
	"runtime.sudog",
	"runtime.hchan",
	"runtime.mcache",
	"runtime.mspan",
	"runtime.special",
	"runtime.timer",
	"runtime._defer",
	"runtime.xRegState",
	"runtime.schedt",
	"runtime.mstats",
	"runtime.heapStatsDelta",
	"runtime.gcControllerState",
	"runtime.mheap",
	"runtime.mcentral",
	"runtime.heapArena",
	"runtime.workType",
	"runtime.cleanupQueue",
	"runtime.bucket",
	"runtime.memRecord",
	"runtime.blockRecord",
	"runtime.synctestBubble",
	"runtime.synctestGroup",
};
enum { ALL = sizeof(all) / sizeof(all[0]), DESCRIBED = 11 };

static struct table table(const struct type_source_ops *ops, size_t count)
{
	return (struct table){
		.source = {ops}, .structs = all, .count = count, .size = 64, .field_size = 8};
}

static void test_names_with_descriptors(void **state)
{
	(void)state;
	assert_int_equal(layout_struct_count, DESCRIBED);
	for (size_t i = 0; i < DESCRIBED; i++)
		assert_string_equal(layout_struct_names[i], all[i]);
}

static void test_first_source_wins(void **state)
{
	(void)state;
	struct table first = table(&first_ops, DESCRIBED), second = table(&second_ops, ALL);
	second.size = 128;
	struct type_source *sources[] = {&first.source, &second.source};
	struct layout layout;
	assert_int_equal(layout_resolve(sources, 2, &layout, NULL), GOSPY_OK);
	assert_int_equal(layout.g.size, 64);
	assert_string_equal(layout.g.source, "first");
	assert_int_equal(layout.g.goid.off, 16);
	assert_int_equal(layout.g.stack_lo.off, 32); // "stack.lo": two steps
	assert_int_equal(layout.g.goid.size, 8);
	assert_int_equal(layout.mspan.allocCountBeforeCache.off, 16); // the last of a list
	assert_int_equal(layout.schedt.size, 128);
	assert_string_equal(layout.schedt.source, "second");
	assert_int_equal(layout.mcentral.nmalloc.off, 16);
	assert_true(layout_needs_more(&first.source));
	assert_false(layout_needs_more(&second.source));
}

/* A structure comes whole from one source: what the first does not have of it stays away. */
static void test_structs_are_not_mixed(void **state)
{
	(void)state;
	struct table first = table(&first_ops, DESCRIBED), second = table(&second_ops, ALL);
	first.without = "parentGoid";
	struct type_source *sources[] = {&first.source, &second.source};
	struct layout layout;
	assert_int_equal(layout_resolve(sources, 2, &layout, NULL), GOSPY_OK);
	assert_false(field_present(layout.g.parentGoid));
	assert_true(field_present(layout.g.goid));
}

/* Asking DWARF for something that a version does not have costs more than all that it has. */
static void test_a_part_without_its_whole_is_not_looked_for(void **state)
{
	(void)state;
	struct table only = table(&first_ops, ALL);
	struct type_source *sources[] = {&only.source};
	struct layout layout;
	assert_int_equal(layout_resolve(sources, 1, &layout, NULL), GOSPY_OK);
	assert_int_equal(layout.heapStatsDelta.size, 64);
	only.without = "heapStats";
	assert_int_equal(layout_resolve(sources, 1, &layout, NULL), GOSPY_OK);
	assert_int_equal(layout.heapStatsDelta.size, 0);
	assert_int_equal(layout.mstats.size, 64);
	assert_int_equal(layout.synctestBubble.size, 64);
	only.without = "bubble";
	assert_int_equal(layout_resolve(sources, 1, &layout, NULL), GOSPY_OK);
	assert_int_equal(layout.synctestBubble.size, 0);
	assert_int_equal(layout.synctestGroup.size, 64);
}

static void test_what_is_missing(void **state)
{
	(void)state;
	struct table t = table(&first_ops, 3);
	struct type_source *sources[] = {&t.source};
	struct layout layout = {.g.size = 1};
	struct gospy_error err;
	assert_int_equal(layout_resolve(sources, 1, &layout, &err), GOSPY_E_NOT_FOUND);
	assert_non_null(strstr(err.msg, "runtime.sudog"));
	t = table(&first_ops, ALL);
	t.without = "goid";
	assert_int_equal(layout_resolve(sources, 1, &layout, &err), GOSPY_E_NOT_FOUND);
	assert_non_null(strstr(err.msg, "runtime.g has no field goid"));
	assert_int_equal(layout_resolve(sources, 0, &layout, &err), GOSPY_E_NOT_FOUND);
	assert_int_equal(layout.g.size, 1); // unchanged by failures
	t = table(&first_ops, DESCRIBED);
	assert_int_equal(layout_resolve(sources, 1, &layout, &err), GOSPY_OK);
	assert_int_equal(layout.mheap.size, 0);
	assert_null(layout.mheap.source);
	assert_false(field_present(layout.mheap.central));
}

static void test_sizes_that_lie(void **state)
{
	(void)state;
	struct table t = table(&first_ops, ALL);
	struct type_source *sources[] = {&t.source};
	struct layout layout;
	struct gospy_error err;
	static const uint64_t struct_sizes[] = {0, 8 << 20, UINT64_MAX, 20};
	for (size_t i = 0; i < sizeof(struct_sizes) / sizeof(struct_sizes[0]); i++) {
		t.size = struct_sizes[i]; // 20: the fields reach out of it
		assert_int_equal(layout_resolve(sources, 1, &layout, &err), GOSPY_E_BAD_DATA);
	}
	t.size = 64;
	t.field_size = UINT64_MAX;
	assert_int_equal(layout_resolve(sources, 1, &layout, &err), GOSPY_E_BAD_DATA);
	t.field_size = 0;
	assert_int_equal(layout_resolve(sources, 1, &layout, &err), GOSPY_E_NOT_FOUND);
}

static void count_structs(void *ctx, const char *go_name, uint64_t size, const char *source)
{
	size_t *n = ctx;
	assert_string_equal(go_name, all[*n]);
	assert_int_equal(size, 64);
	assert_string_equal(source, "first");
	++*n;
}

static void test_each(void **state)
{
	(void)state;
	struct table t = table(&first_ops, ALL);
	struct type_source *sources[] = {&t.source};
	struct layout layout;
	assert_int_equal(layout_resolve(sources, 1, &layout, NULL), GOSPY_OK);
	size_t n = 0;
	layout_each(&layout, count_structs, &n);
	assert_int_equal(n, ALL);
}

/* --------------------------------------------------------------------------- running programs --
 */

static void compare_layouts(const char *path, const struct layout *a, const struct layout *b)
{
#define SAME_FIELD_(member, go_path, required)                                                     \
	if (x->member.off != y->member.off || x->member.size != y->member.size)                    \
		fail_msg("%s: %s.%s: at %u, %u bytes, but DWARF: at %u, %u bytes", path, name,     \
			 go_path, x->member.off, x->member.size, y->member.off, y->member.size);
#define SAME_STRUCT_(member, go_name, fields, required, descriptor)                                \
	{                                                                                          \
		const char *name = go_name;                                                        \
		const __typeof__(a->member) *x = &a->member;                                       \
		const __typeof__(b->member) *y = &b->member;                                       \
		if (x->size != y->size)                                                            \
			fail_msg("%s: %s: %" PRIu64 " bytes, but DWARF: %" PRIu64, path, name,     \
				 x->size, y->size);                                                \
		if (descriptor && y->size &&                                                       \
		    (!x->source || strcmp(x->source, "type descriptor") != 0))                     \
			fail_msg("%s: %s has no type descriptor", path, name);                     \
		fields(SAME_FIELD_)                                                                \
	}
	LAYOUT_STRUCTS(SAME_STRUCT_)
}

static void compare_program(struct go_program *p)
{
	struct gospy_error err;
	struct rtypes rtypes;
	struct rtype_named named[DESCRIBED];
	struct dwinfo *dwinfo = NULL;
	struct layout both, dwarf;

	for (size_t i = 0; i < DESCRIBED; i++)
		named[i].name = layout_struct_names[i];
	if (rtypes_init(&rtypes, &p->image, &p->md, p->minor, named, DESCRIBED, &err) ||
	    dwinfo_create(&p->elf, &dwinfo, &err))
		fail_msg("%s: %s", p->path, err.msg);
	struct type_source *sources[] = {&rtypes.source, dwinfo_types(dwinfo)};
	if (layout_resolve(sources, 2, &both, &err) || layout_resolve(sources + 1, 1, &dwarf, &err))
		fail_msg("%s: %s", p->path, err.msg);
	compare_layouts(p->path, &both, &dwarf);
	dwinfo_destroy(dwinfo);
}

static void test_descriptors_against_dwarf(void **state)
{
	(void)state;
	go_program_each("states", compare_program);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_with_descriptors),
		cmocka_unit_test(test_first_source_wins),
		cmocka_unit_test(test_structs_are_not_mixed),
		cmocka_unit_test(test_a_part_without_its_whole_is_not_looked_for),
		cmocka_unit_test(test_what_is_missing),
		cmocka_unit_test(test_sizes_that_lie),
		cmocka_unit_test(test_each),
		cmocka_unit_test(test_descriptors_against_dwarf),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
