#include "dwarf/go/table_types.h"

/*
 * The handle of a type names a table and a row. It also says what precedes the names of the type's
 * fields in the table's paths: the first `len` characters of path `path`, none for the structure
 * itself. Fields within it ("runq" of "runq.size") are all at 0, since the path as a whole has the
 * offset.
 */
struct handle {
	unsigned table, row, path, len;
};

enum { HANDLE_BITS = 16 }; // of each member; generated tables are far from that

static uint64_t pack(struct handle h)
{
	return ((uint64_t)h.table << 3 * HANDLE_BITS) | ((uint64_t)h.row << 2 * HANDLE_BITS) |
	       ((uint64_t)h.path << HANDLE_BITS) | h.len;
}

static struct handle unpack(uint64_t type)
{
	enum { MASK = (1 << HANDLE_BITS) - 1 };
	return (struct handle){
		.table = (unsigned)(type >> 3 * HANDLE_BITS) & MASK,
		.row = (unsigned)(type >> 2 * HANDLE_BITS) & MASK,
		.path = (unsigned)(type >> HANDLE_BITS) & MASK,
		.len = (unsigned)type & MASK,
	};
}

int layout_release_compare(struct layout_release a, struct layout_release b)
{
	if (a.minor != b.minor)
		return a.minor < b.minor ? -1 : 1;
	return a.patch < b.patch ? -1 : a.patch > b.patch;
}

static bool find(struct type_source *source, const char *name, uint64_t *type_ret)
{
	const struct table_types *types = (const struct table_types *)source;
	for (unsigned t = 0; t < layout_table_count; t++) {
		const struct layout_table *table = &layout_tables[t];
		if (strcmp(table->go_name, name) != 0)
			continue;
		for (unsigned r = 0; r < table->row_count; r++) {
			if (layout_release_compare(table->rows[r].from, types->release) <= 0 &&
			    layout_release_compare(types->release, table->rows[r].to) <= 0) {
				*type_ret = pack((struct handle){.table = t, .row = r});
				return true;
			}
		}
	}
	return false;
}

static bool field(struct type_source *source, uint64_t type, const char *name, size_t name_len,
		  struct type_field *ret)
{
	(void)source;
	struct handle h = unpack(type);
	const struct layout_table *table = &layout_tables[h.table];
	const struct layout_row *row = &table->rows[h.row];
	for (unsigned p = 0; p < table->path_count; p++) {
		const char *path = table->paths[p];
		if (!field_present(row->fields[p]) ||
		    strncmp(path, table->paths[h.path], h.len) != 0 ||
		    strncmp(path + h.len, name, name_len) != 0)
			continue;
		struct handle next = {h.table, h.row, p, h.len + (unsigned)name_len};
		char end = path[next.len];
		if (end == '.') {
			next.len++;
			*ret = (struct type_field){.size = row->size, .type = pack(next)};
			return true;
		}
		if (!end) {
			*ret = (struct type_field){row->fields[p].off, row->fields[p].size,
						   pack(next)};
			return true;
		}
	}
	return false;
}

static bool size(struct type_source *source, uint64_t type, uint64_t *ret)
{
	(void)source;
	struct handle h = unpack(type);
	*ret = layout_tables[h.table].rows[h.row].size;
	return true;
}

enum trust { KNOWN, NEWER, NEWER_PATCH, DEVELOPMENT, PRERELEASE, EXPERIMENTS, VENDOR, TRUSTS };

#define NAME "layout table"

static const struct {
	const char *unchecked;
	struct type_source_ops ops;
} trusts[TRUSTS] = {
	[KNOWN] = {NULL, {NAME, find, field, size}},
#define TRUST(trust, why) [trust] = {why, {NAME ", unchecked: " why, find, field, size}}
	TRUST(NEWER, "the Go version is newer than the table"),
	TRUST(NEWER_PATCH, "the patch release is newer than the table"),
	TRUST(DEVELOPMENT, "a development version of Go"),
	TRUST(PRERELEASE, "a pre-release of Go"),
	TRUST(EXPERIMENTS, "built with GOEXPERIMENT"),
	TRUST(VENDOR, "a vendor's version of Go"),
};

/* The newest release of that minor version that was read, or the newest of all; minor 0: none. */
static struct layout_release newest_read(int minor)
{
	struct layout_release ret = {0};
	for (size_t i = 0; i < layout_release_count; i++) {
		if (!minor || layout_releases[i].minor == minor)
			ret = layout_releases[i];
	}
	return ret;
}

static enum trust choose(const struct go_version *version, struct layout_release *ret)
{
	struct layout_release newest = newest_read(version->minor), last = newest_read(0);
	*ret = (struct layout_release){version->minor, version->patch};
	if (version->minor > last.minor) {
		*ret = last;
		return NEWER;
	}
	// A version that precedes its first release may look like that release or like the one
	// before it.
	if (version->devel)
		return DEVELOPMENT;
	if (version->prerelease)
		return PRERELEASE;
	if (version->patch > newest.patch) {
		ret->patch = newest.patch;
		return NEWER_PATCH;
	}
	return version->experiments ? EXPERIMENTS : version->vendor ? VENDOR : KNOWN;
}

void table_types_init(struct table_types *tables, const struct go_version *version)
{
	enum trust trust = choose(version, &tables->release);
	tables->source.ops = &trusts[trust].ops;
	tables->unchecked = trusts[trust].unchecked;
}

bool table_types_read(struct layout_release release)
{
	for (size_t i = 0; i < layout_release_count; i++) {
		if (layout_release_compare(layout_releases[i], release) == 0)
			return true;
	}
	return false;
}
