/* verify.c on running Go programs, where GOSPY_FIXTURES names built fixtures: what is true of every
 * process is never denied, and layouts of other releases are found out. */
#include "image/verify.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "go_program.h"
#include "image/image_check.h"
#include "image/image_create.h"
#include "live/live.h"

struct opened {
	struct source *source;
	struct image *image;
};

static struct opened open_image(const struct go_program *p)
{
	struct opened o = {0};
	struct gospy_error err;
	if (live_open(p->pid, &o.source, &err) || image_create(o.source, NULL, &o.image, &err))
		fail_msg("%s: %s", p->path, err.msg);
	return o;
}

static void close_image(struct opened *o)
{
	image_forget_target(o->image);
	image_unref(o->image);
	source_destroy(o->source);
}

static bool refused(const struct image *image, const char *what)
{
	for (size_t i = 0; i < image->checks.len; i++) {
		if (strcmp(image->checks.at[i].what, what) == 0 && !image->checks.at[i].ok)
			return true;
	}
	return false;
}

static void expect_truth_of(struct opened *o, const char *path)
{
	assert_int_equal(image_verify(o->image, VERIFY_ALL, NULL), GOSPY_OK);
	assert_true(o->image->checks.len >= 8);
	for (size_t k = 0; k < o->image->checks.len; k++) {
		const struct image_check *check = &o->image->checks.at[k];
		if (!check->ok || check->found)
			fail_msg("%s: %s: %s: %s", path, check->what, check->check, check->found);
	}
}

/* All structures are from descriptors and DWARF, but for one that the linker of Go 1.17 leaves out.
 */
static void expect_no_tables(const struct image *image)
{
	for (size_t i = 0; i < image->checks.len; i++) {
		assert_int_equal(image->version.minor, 17);
		assert_string_equal(image->checks.at[i].what, "runtime.blockRecord");
	}
}

static void expect_truth(struct go_program *p)
{
	enum { TIMES = 100 };
	struct opened o = open_image(p);
	expect_no_tables(o.image);
	for (unsigned i = 0; i < TIMES; i++)
		expect_truth_of(&o, p->path);
	assert_int_equal(image_verify(o.image, VERIFY_TABLES, NULL), GOSPY_OK);
	expect_no_tables(o.image);
	close_image(&o);
}

static void test_a_sound_process_passes(void **state)
{
	(void)state;
	go_program_each("states", expect_truth);
	go_program_each("busy", expect_truth);
	go_program_each("mesh", expect_truth);
	go_program_each("churn", expect_truth);
}

/* A program's lists of profile buckets hold the buckets that they are for. */
static void expect_buckets(struct go_program *p)
{
	struct opened o = open_image(p);
	const struct globals *g = &o.image->globals;
	const uint64_t lists[] = {g->mbuckets.addr, g->bbuckets.addr, g->xbuckets.addr};
	static const char *const names[] = {"runtime.mbuckets", "runtime.bbuckets",
					    "runtime.xbuckets"};
	for (size_t i = 0; i < 3; i++) {
		uint64_t bucket;
		assert_int_equal(mem_read_u64(o.source->mem, lists[i], &bucket, NULL), GOSPY_OK);
		if (!bucket)
			fail_msg("%s: %s at 0x%" PRIx64 " is empty", p->path, names[i], lists[i]);
		for (size_t k = 0; k < 3; k++)
			assert_int_equal(image_check_global(o.image, names[k], lists[i]), i == k);
	}
	expect_truth_of(&o, p->path);
	o.image->globals.bbuckets = o.image->globals.xbuckets;
	assert_int_equal(image_verify(o.image, VERIFY_ALL, NULL), GOSPY_OK);
	assert_true(refused(o.image, "runtime.bucket"));
	assert_true(refused(o.image, "runtime.blockRecord"));
	assert_false(refused(o.image, "runtime.memRecord"));
	close_image(&o);
}

static void test_lists_of_profile_buckets(void **state)
{
	(void)state;
	go_program_each("server", expect_buckets);
}

/* ------------------------------------------------------------------------------ wrong layouts --
 */

#define TAKE_FIELD_(member, path, required)                                                        \
	if (types_path(source, type, path, &field))                                                \
		L->member = (struct field){(uint32_t)field.offset, (uint32_t)field.size};
#define TAKE_0_(member, go_name, fields)                                                           \
	{                                                                                          \
		__typeof__(layout->member) *L = &layout->member;                                   \
		memset(L, 0, sizeof(*L));                                                          \
		if (source->ops->find(source, go_name, &type) &&                                   \
		    source->ops->size(source, type, &L->size)) {                                   \
			L->source = source->ops->name;                                             \
			fields(TAKE_FIELD_)                                                        \
		}                                                                                  \
	}
#define TAKE_1_(member, go_name, fields)
#define TAKE_(member, go_name, fields, required, descriptor)                                       \
	TAKE_##descriptor##_(member, go_name, fields)

static void take_tables(struct layout *layout, struct layout_release release, struct image *image)
{
	struct go_version version = {.minor = release.minor, .patch = release.patch};
	struct type_source *source = &image->tables.source;
	struct type_field field;
	uint64_t type;
	table_types_init(&image->tables, &version);
	LAYOUT_STRUCTS(TAKE_)
}

static unsigned wrong, found;

/* Are there fields, which come after the size and the name of the source, that are elsewhere? */
static bool misleads(const void *layout, const void *right, size_t len)
{
	const struct field *a = (const struct field *)((const char *)layout + 16);
	const struct field *b = (const struct field *)((const char *)right + 16);
	for (size_t i = 0; i < (len - 16) / sizeof(*a); i++) {
		if (field_present(a[i]) && (a[i].off != b[i].off || a[i].size != b[i].size))
			return true;
	}
	return false;
}

static void expect_untruth_to_be_found(struct go_program *p)
{
	struct opened o = open_image(p);
	const struct layout right = o.image->layout;
	for (size_t i = 0; i < layout_release_count; i++) {
		if (layout_releases[i].patch)
			continue; // it would take long
		struct layout all = right;
		take_tables(&all, layout_releases[i], o.image);
		// They are judged one at a time: memory that a wrong size makes unreadable ends all
		// checks.
#define JUDGE_(member, go_name)                                                                    \
	o.image->layout = right;                                                                   \
	o.image->layout.member = all.member;                                                       \
	assert_int_equal(image_verify(o.image, VERIFY_TABLES, NULL), GOSPY_OK);                    \
	all.member.source = right.member.source;                                                   \
	if (memcmp(&all.member, &right.member, sizeof(right.member)) == 0) {                       \
		if (refused(o.image, go_name))                                                     \
			fail_msg("%s: right, but refused: %s", p->path, go_name);                  \
	} else if (misleads(&all.member, &right.member, sizeof(right.member))) {                   \
		wrong++;                                                                           \
		found += refused(o.image, go_name);                                                \
		if (!refused(o.image, go_name))                                                    \
			print_message("%s: not found out: %s of 1.%d.%d\n", p->path, go_name,      \
				      layout_releases[i].minor, layout_releases[i].patch);         \
	}
		JUDGE_(schedt, "runtime.schedt")
		JUDGE_(mstats, "runtime.mstats")
		JUDGE_(gcController, "runtime.gcControllerState")
		JUDGE_(heapStatsDelta, "runtime.heapStatsDelta")
	}
	close_image(&o);
}

static void test_layouts_of_other_releases_are_found_out(void **state)
{
	(void)state;
	go_program_each("states", expect_untruth_to_be_found);
	print_message("%u of %u wrong layouts were found out\n", found, wrong);
	assert_true(found >= wrong / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_sound_process_passes),
		cmocka_unit_test(test_lists_of_profile_buckets),
		cmocka_unit_test(test_layouts_of_other_releases_are_found_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
