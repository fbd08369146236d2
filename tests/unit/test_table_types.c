/* The generated tables and table_types.c over them; and, where GOSPY_FIXTURES names built fixtures,
 * what the tables say of their releases against what their DWARF says. */
#include "dwarf/go/table_types.h"

#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "dwarf/dwarf_info.h"

static struct table_types types_of(const char *text)
{
	struct go_version version;
	struct table_types types;
	if (!go_version_parse(text, &version))
		fail_msg("%s", text);
	table_types_init(&types, &version);
	return types;
}

static struct layout_release newest(void)
{
	return layout_releases[layout_release_count - 1];
}

static void test_rows_are_in_order(void **state)
{
	(void)state;
	for (size_t i = 1; i < layout_release_count; i++)
		assert_int_equal(layout_release_compare(layout_releases[i - 1], layout_releases[i]),
				 -1);
	for (size_t t = 0; t < layout_table_count; t++) {
		const struct layout_table *table = &layout_tables[t];
		for (size_t r = 0; r < table->row_count; r++) {
			const struct layout_row *row = &table->rows[r];
			assert_true(table_types_read(row->from) && table_types_read(row->to));
			assert_true(layout_release_compare(row->from, row->to) <= 0);
			assert_true(!r || layout_release_compare(row[-1].to, row->from) < 0);
			for (size_t p = 0; p < table->path_count; p++)
				assert_true(row->fields[p].off + row->fields[p].size <= row->size);
		}
	}
}

/* All that layout.h asks of structures without a descriptor is in the tables. */
static void test_tables_hold_what_is_asked(void **state)
{
	(void)state;
	size_t n = 0;
#define ASKED_0_(name) assert_string_equal(layout_tables[n++].go_name, name);
#define ASKED_1_(name)
#define ASKED_(member, go_name, fields, required, descriptor) ASKED_##descriptor##_(go_name)
	LAYOUT_STRUCTS(ASKED_)
	assert_int_equal(n, layout_table_count);
}

static void test_released_versions_are_trusted(void **state)
{
	(void)state;
	for (size_t i = 0; i < layout_release_count; i++) {
		char text[64];
		uint64_t type;
		snprintf(text, sizeof(text), "go1.%d.%d", layout_releases[i].minor,
			 layout_releases[i].patch);
		struct table_types types = types_of(text);
		assert_null(types.unchecked);
		assert_string_equal(types.source.ops->name, "layout table");
		assert_true(types.source.ops->find(&types.source, "runtime.schedt", &type));
	}
}

static void test_doubtful_versions_say_why(void **state)
{
	(void)state;
	struct layout_release last = newest();
	char patch[64], minor[64];
	snprintf(patch, sizeof(patch), "go1.%d.%d", last.minor, last.patch + 1);
	snprintf(minor, sizeof(minor), "go1.%d.3", last.minor + 1);
	const struct {
		const char *text, *why;
		struct layout_release release;
	} cases[] = {
		{patch, "the patch release is newer than the table", last},
		{minor, "the Go version is newer than the table", last},
		{"devel go1.25-ab12cd34 Thu Jul 1 2025", "a development version of Go", {25, 0}},
		{"go1.21rc2", "a pre-release of Go", {21, 0}},
		{"go1.24.13 X:nospinbitmutex", "built with GOEXPERIMENT", {24, 13}},
		{"go1.26.5-X:nogreenteagc", "built with GOEXPERIMENT", {26, 5}},
		{"go1.19.4 (Red Hat 1.19.4-1.el9)", "a vendor's version of Go", {19, 4}},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct table_types types = types_of(cases[i].text);
		uint64_t type;
		assert_string_equal(types.unchecked, cases[i].why);
		assert_non_null(strstr(types.source.ops->name, "layout table, unchecked: "));
		assert_non_null(strstr(types.source.ops->name, cases[i].why));
		assert_int_equal(layout_release_compare(types.release, cases[i].release), 0);
		assert_true(types.source.ops->find(&types.source, "runtime.schedt", &type));
	}
}

static void test_what_no_row_covers_is_not_there(void **state)
{
	(void)state;
	uint64_t type;
	struct table_types types = types_of("go1.11.5");
	assert_false(types.source.ops->find(&types.source, "runtime.schedt", &type));
	types = types_of("go1.15.15");
	assert_false(types.source.ops->find(&types.source, "runtime.heapStatsDelta", &type));
	assert_false(types.source.ops->find(&types.source, "runtime.g", &type));
	// Between two releases that differ it may be either way.
	for (size_t t = 0; t < layout_table_count; t++) {
		const struct layout_table *table = &layout_tables[t];
		for (size_t r = 1; r < table->row_count; r++) {
			struct layout_release to = table->rows[r - 1].to;
			struct layout_release from = table->rows[r].from;
			if (to.minor != from.minor || to.patch + 1 == from.patch)
				continue;
			types.release = (struct layout_release){to.minor, to.patch + 1};
			assert_false(types.source.ops->find(&types.source, table->go_name, &type));
		}
	}
}

static void test_paths(void **state)
{
	(void)state;
	struct table_types types = types_of("go1.26.0");
	struct type_source *source = &types.source;
	struct type_field field, same;
	uint64_t type;
	assert_true(source->ops->find(source, "runtime.schedt", &type));
	assert_true(types_path(source, type, "runq.size", &field));
	assert_true(types_path(source, type, "runq.size|runqsize", &same));
	assert_int_equal(field.offset, same.offset);
	assert_int_equal(field.size, 4);
	assert_false(types_path(source, type, "runqsize", &field));
	assert_false(types_path(source, type, "runq.head", &field));
	assert_false(types_path(source, type, "size", &field));
	assert_false(types_path(source, type, "runq.size.x", &field));
	assert_false(types_path(source, type, "goid", &field));
	assert_false(types_path(source, type, "goidgen2", &field));
}

/* ------------------------------------------------------------------------------ real programs --
 */

/* The linker of Go 1.17 leaves out one structure. */
static bool may_lack(const struct table_types *types, const char *go_name)
{
	return types->release.minor == 17 && strcmp(go_name, "runtime.blockRecord") == 0;
}

static void compare_struct(const char *path, struct type_source *dwarf, struct type_source *tables,
			   const struct layout_table *table)
{
	uint64_t a, b, a_size = 0, b_size = 0;
	bool in_dwarf = dwarf->ops->find(dwarf, table->go_name, &a);
	bool in_table = tables->ops->find(tables, table->go_name, &b);
	if (in_dwarf != in_table)
		fail_msg("%s: %s: in DWARF: %d, in the table: %d", path, table->go_name, in_dwarf,
			 in_table);
	if (!in_dwarf)
		return;
	assert_true(dwarf->ops->size(dwarf, a, &a_size) && tables->ops->size(tables, b, &b_size));
	if (a_size != b_size)
		fail_msg("%s: %s: %" PRIu64 " bytes, in the table %" PRIu64, path, table->go_name,
			 a_size, b_size);
	for (size_t p = 0; p < table->path_count; p++) {
		struct type_field x = {0}, y = {0};
		bool has_x = types_path(dwarf, a, table->paths[p], &x);
		bool has_y = types_path(tables, b, table->paths[p], &y);
		if (has_x != has_y || x.offset != y.offset || x.size != y.size)
			fail_msg("%s: %s.%s: at %" PRIu64 ", %" PRIu64
				 " bytes, in the table at %" PRIu64 ", %" PRIu64,
				 path, table->go_name, table->paths[p], x.offset, x.size, y.offset,
				 y.size);
	}
}

static void compare_program(const char *path, struct table_types *types)
{
	struct gospy_error err;
	struct elf_file elf;
	struct dwinfo *dwinfo;
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (elf_file_open(fd, path, &elf, &err) || dwinfo_create(&elf, &dwinfo, &err))
		fail_msg("%s: %s", path, err.msg);
	struct type_source *dwarf = dwinfo_types(dwinfo);
	for (size_t t = 0; t < layout_table_count; t++) {
		const struct layout_table *table = &layout_tables[t];
		uint64_t type;
		if (!may_lack(types, table->go_name) ||
		    dwarf->ops->find(dwarf, table->go_name, &type))
			compare_struct(path, dwarf, &types->source, table);
	}
	dwinfo_destroy(dwinfo);
	elf_file_close(&elf);
}

static void test_tables_against_dwarf(void **state)
{
	(void)state;
	const char *dir = getenv("GOSPY_FIXTURES");
	char pattern[4096];
	glob_t found;
	size_t compared = 0;
	snprintf(pattern, sizeof(pattern), "%s/1.*/{default,pie,cgo,cgopie,noopt}/*",
		 dir ? dir : "");
	if (!dir || glob(pattern, GLOB_BRACE, NULL, &found) != 0) {
		print_message("no fixtures in GOSPY_FIXTURES\n");
		skip();
		return;
	}
	for (size_t i = 0; i < found.gl_pathc; i++) {
		char version[32];
		snprintf(version, sizeof(version), "go%.*s",
			 (int)strcspn(found.gl_pathv[i] + strlen(dir) + 1, "/"),
			 found.gl_pathv[i] + strlen(dir) + 1);
		struct table_types types = types_of(version);
		if (types.unchecked) {
			print_message("%s: %s\n", version, types.unchecked);
			continue;
		}
		compare_program(found.gl_pathv[i], &types);
		compared++;
	}
	globfree(&found);
	print_message("%zu programs\n", compared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_are_in_order),
		cmocka_unit_test(test_tables_hold_what_is_asked),
		cmocka_unit_test(test_released_versions_are_trusted),
		cmocka_unit_test(test_doubtful_versions_say_why),
		cmocka_unit_test(test_what_no_row_covers_is_not_there),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_tables_against_dwarf),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
