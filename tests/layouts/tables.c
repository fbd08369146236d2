/*
 * Prints dwarf/go/layout_tables.c: the layouts of the structures without a type descriptor, from
 * the DWARF of Go programs, one of each release that is wanted; see `./dev layouts`.
 *
 * usage: layout_tables [--fresh] PROGRAM...
 *
 * Releases that the tables of this build hold already stay in them, unless --fresh is given.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/vec.h"
#include "dwarf/dwarf_info.h"
#include "dwarf/go/build_info.h"
#include "dwarf/go/table_types.h"

enum { PATHS_MAX = 64, PATH_LEN_MAX = 64, LINE_MAX_LEN = 96 };

struct wanted {
	const char *member, *go_name;
	const char *paths[PATHS_MAX]; /* as in layout.h, with alternatives; ended by NULL */
	bool described;
};

#define PATH_(member, path, required) path,
#define WANTED_(member, go_name, fields, required, descriptor)                                     \
	{#member, go_name, {fields(PATH_)}, descriptor},
static const struct wanted wanted[] = {LAYOUT_STRUCTS(WANTED_)};
enum { STRUCT_COUNT = sizeof(wanted) / sizeof(wanted[0]) };

/* The fields that are asked for of a structure, with alternatives taken apart. */
struct columns {
	char paths[PATHS_MAX][PATH_LEN_MAX];
	size_t count;
};

struct shape {
	uint32_t size; /* 0: the release does not have it */
	struct field fields[PATHS_MAX];
};

struct record {
	struct layout_release release;
	struct shape shapes[STRUCT_COUNT];
};

static VEC(struct record) records;
static struct columns columns[STRUCT_COUNT];

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static void split_paths(void)
{
	for (size_t s = 0; s < STRUCT_COUNT; s++) {
		struct columns *c = &columns[s];
		for (const char *const *path = wanted[s].paths; *path; path++) {
			for (const char *at = *path; *at; at += strspn(at, "|")) {
				size_t len = strcspn(at, "|");
				if (c->count == PATHS_MAX || len >= PATH_LEN_MAX)
					die("%s: limits of this program", wanted[s].go_name);
				memcpy(c->paths[c->count++], at, len);
				at += len;
			}
		}
	}
}

static void record_types(struct type_source *source, struct layout_release release)
{
	struct record record = {.release = release};
	for (size_t s = 0; s < STRUCT_COUNT; s++) {
		struct shape *shape = &record.shapes[s];
		uint64_t type, size;
		if (wanted[s].described || !source->ops->find(source, wanted[s].go_name, &type) ||
		    !source->ops->size(source, type, &size))
			continue;
		shape->size = (uint32_t)size;
		for (size_t i = 0; i < columns[s].count; i++) {
			struct type_field field;
			if (types_path(source, type, columns[s].paths[i], &field))
				shape->fields[i] = (struct field){(uint32_t)field.offset,
								  (uint32_t)field.size};
		}
	}
	for (size_t i = 0; i < records.len; i++) {
		if (layout_release_compare(records.at[i].release, release) != 0)
			continue;
		if (memcmp(&records.at[i], &record, sizeof(record)) != 0)
			die("go1.%d.%d: two programs, two layouts", release.minor, release.patch);
		return;
	}
	if (!vec_push(&records, record))
		die("out of memory");
}

static struct layout_release release_of(const char *path, struct elf_file *elf)
{
	struct arena arena = {0};
	struct build_info_text text = {0};
	struct go_version version;
	struct gospy_error err;
	if (build_info_find(elf, NULL, NULL, 0, &arena, &text, &err))
		die("%s: %s", path, err.msg);
	if (!go_version_parse(text.go_version, &version) || version.devel || version.experiments ||
	    version.prerelease || version.vendor)
		die("%s: not of a release: %s", path, text.go_version);
	arena_deinit(&arena);
	return (struct layout_release){version.minor, version.patch};
}

static void record_program(const char *path)
{
	struct gospy_error err;
	struct elf_file elf;
	struct dwinfo *dwinfo;
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die("%s: %s", path, strerror(errno));
	if (elf_file_open(fd, path, &elf, &err) || dwinfo_create(&elf, &dwinfo, &err))
		die("%s: %s", path, err.msg);
	struct layout_release release = release_of(path, &elf);
	record_types(dwinfo_types(dwinfo), release);
	fprintf(stderr, "read: go1.%d.%d\n", release.minor, release.patch);
	dwinfo_destroy(dwinfo);
	elf_file_close(&elf);
}

static bool same_columns(const struct layout_table *table, size_t s)
{
	if (table->path_count != columns[s].count)
		return false;
	for (size_t i = 0; i < columns[s].count; i++) {
		if (strcmp(table->paths[i], columns[s].paths[i]) != 0)
			return false;
	}
	return true;
}

static void check_columns(void)
{
	size_t t = 0;
	for (size_t s = 0; s < STRUCT_COUNT; s++) {
		if (wanted[s].described)
			continue;
		if (t == layout_table_count || !same_columns(&layout_tables[t], s))
			die("dwarf/go/layout.h asks for what the tables do not hold of %s: read "
			    "all "
			    "releases anew",
			    wanted[s].go_name);
		t++;
	}
}

/* Takes what the tables of this build say, so that it is printed again. */
static void record_tables(void)
{
	check_columns();
	for (size_t i = 0; i < layout_release_count; i++) {
		struct layout_release release = layout_releases[i];
		struct go_version version = {.minor = release.minor, .patch = release.patch};
		struct table_types tables;
		table_types_init(&tables, &version);
		record_types(&tables.source, release);
	}
}

static int by_release(const void *a, const void *b)
{
	const struct record *x = a, *y = b;
	return layout_release_compare(x->release, y->release);
}

/* A row may not hold for releases on one side of which the layout is another. */
static void report_gaps(size_t s)
{
	for (size_t i = 1; i < records.len; i++) {
		const struct record *a = &records.at[i - 1], *b = &records.at[i];
		if (a->release.minor == b->release.minor &&
		    b->release.patch > a->release.patch + 1 &&
		    memcmp(&a->shapes[s], &b->shapes[s], sizeof(a->shapes[s])) != 0)
			fprintf(stderr, "gap: 1.%d.%d 1.%d.%d %s changes somewhere between\n",
				a->release.minor, a->release.patch, b->release.minor,
				b->release.patch, wanted[s].go_name);
	}
}

/* Adds an item to a list that begins a line, or goes on on a new one where that would be too long.
 * `*column`: where the line ends so far. */
static void print_item(size_t *column, const char *item)
{
	size_t len = strlen(item) + 1;
	if (!*column || *column + len > LINE_MAX_LEN) {
		printf(*column ? "\n\t\t%s" : "\t%s", item);
		*column = (*column ? 16 : 8) + len;
	} else {
		printf(" %s", item);
		*column += len;
	}
}

static void print_row(size_t s, size_t first, size_t last)
{
	const struct record *from = &records.at[first], *to = &records.at[last];
	char item[64];
	size_t column = 0;
	snprintf(item, sizeof(item), "{{%d, %d}, {%d, %d}, %" PRIu32 ",", from->release.minor,
		 from->release.patch, to->release.minor, to->release.patch, from->shapes[s].size);
	print_item(&column, item);
	for (size_t i = 0; i < columns[s].count; i++) {
		struct field f = from->shapes[s].fields[i];
		snprintf(item, sizeof(item), "%s{%" PRIu32 ", %" PRIu32 "}%s", i ? "" : "F(", f.off,
			 f.size, i + 1 < columns[s].count ? "," : ")},");
		print_item(&column, item);
	}
	printf("\n");
}

static void print_struct(size_t s)
{
	size_t column = 0;
	char item[PATH_LEN_MAX + 8];
	printf("\nstatic const char *const %s_paths[] = {\n", wanted[s].member);
	for (size_t i = 0; i < columns[s].count; i++) {
		snprintf(item, sizeof(item), "\"%s\",", columns[s].paths[i]);
		print_item(&column, item);
	}
	printf("\n};\nstatic const struct layout_row %s_rows[] = {\n", wanted[s].member);
	for (size_t i = 0, next; i < records.len; i = next) {
		const struct shape *shape = &records.at[i].shapes[s];
		next = i + 1;
		while (next < records.len &&
		       memcmp(shape, &records.at[next].shapes[s], sizeof(*shape)) == 0)
			next++;
		if (shape->size)
			print_row(s, i, next - 1);
	}
	printf("};\n");
	report_gaps(s);
}

static void print_lists(void)
{
	size_t column = 0;
	char item[32];
	printf("\nconst struct layout_table layout_tables[] = {\n");
	for (size_t s = 0; s < STRUCT_COUNT; s++) {
		if (!wanted[s].described)
			printf("\tTABLE(\"%s\", %s),\n", wanted[s].go_name, wanted[s].member);
	}
	printf("};\nconst size_t layout_table_count = COUNT(layout_tables);\n\n"
	       "const struct layout_release layout_releases[] = {\n");
	for (size_t i = 0; i < records.len; i++) {
		snprintf(item, sizeof(item), "{%d, %d},", records.at[i].release.minor,
			 records.at[i].release.patch);
		print_item(&column, item);
	}
	printf("\n};\nconst size_t layout_release_count = COUNT(layout_releases);\n");
}

int main(int argc, char **argv)
{
	bool fresh = argc > 1 && strcmp(argv[1], "--fresh") == 0;
	split_paths();
	for (int i = fresh ? 2 : 1; i < argc; i++)
		record_program(argv[i]);
	if (!fresh)
		record_tables();
	if (records.len)
		qsort(records.at, records.len, sizeof(*records.at), by_release);
	printf("/* Generated by tests/layouts/tables.c from programs of the releases in "
	       "layout_releases\n * (./dev layouts). Do not edit. */\n"
	       "// clang-format off\n"
	       "#include \"dwarf/go/layout_tables.h\"\n\n"
	       "#define F(...) (const struct field[]){__VA_ARGS__}\n"
	       "#define COUNT(array) (sizeof(array) / sizeof((array)[0]))\n"
	       "#define TABLE(name, member) \\\n"
	       "\t{name, member##_paths, COUNT(member##_paths), member##_rows, "
	       "COUNT(member##_rows)}\n");
	for (size_t s = 0; s < STRUCT_COUNT; s++) {
		if (!wanted[s].described)
			print_struct(s);
	}
	print_lists();
	vec_free(&records);
	return 0;
}
