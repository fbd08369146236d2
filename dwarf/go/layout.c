#include "dwarf/go/layout.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The largest structures are heapArena, of two megabytes up to Go 1.19, and mheap, of a hundred
 * kilobytes. */
enum { STRUCT_SIZE_MAX = 1 << 22 };

/* What each member of struct layout begins with; its fields follow, in the order of their list. */
struct head {
	uint64_t size;
	const char *source;
};

struct field_row {
	const char *path;
	bool required;
};

#define FIELD_ROW_(member, path, required) {path, required},
#define FIELD_ROWS_(member, go_name, fields, required, descriptor)                                 \
	static const struct field_row member##_rows[] = {fields(FIELD_ROW_)};                      \
	_Static_assert(sizeof(((struct layout *)0)->member) ==                                     \
			       sizeof(struct head) + sizeof(member##_rows) /                       \
							     sizeof(struct field_row) *            \
							     sizeof(struct field),                 \
		       "fields follow the head of " go_name);

LAYOUT_STRUCTS(FIELD_ROWS_)

static const struct struct_row {
	const char *go_name;
	const struct field_row *fields;
	size_t field_count;
	size_t off, len; /* in struct layout */
	bool required;
} structs[] = {
#define STRUCT_ROW_(member, go_name, fields, required, descriptor)                                 \
	{go_name,                                                                                  \
	 member##_rows,                                                                            \
	 sizeof(member##_rows) / sizeof(member##_rows[0]),                                         \
	 offsetof(struct layout, member),                                                          \
	 sizeof(((struct layout *)0)->member),                                                     \
	 required},
	LAYOUT_STRUCTS(STRUCT_ROW_)};

enum { STRUCT_COUNT = sizeof(structs) / sizeof(structs[0]) };

#define NAME_0_(go_name)
#define NAME_1_(go_name)                                     go_name,
#define NAME_(member, go_name, fields, required, descriptor) NAME_##descriptor##_(go_name)
const char *const layout_struct_names[] = {LAYOUT_STRUCTS(NAME_)};
const size_t layout_struct_count = sizeof(layout_struct_names) / sizeof(layout_struct_names[0]);

static enum gospy_code resolve_field(struct type_source *source, uint64_t type,
				     const struct struct_row *row, const struct field_row *field,
				     uint64_t struct_size, struct field *ret,
				     struct gospy_error *err)
{
	struct type_field found;
	if (!types_path(source, type, field->path, &found) || !found.size) {
		*ret = (struct field){0};
		if (!field->required)
			return GOSPY_OK;
		return err_set(err, GOSPY_E_NOT_FOUND, "%s has no field %s (looked in: %s)",
			       row->go_name, field->path, source->ops->name);
	}
	// Readers hold a copy of the structure and take fields from it without looking again.
	if (found.offset > struct_size || found.size > struct_size - found.offset)
		return err_set(err, GOSPY_E_BAD_DATA,
			       "%s.%s at %" PRIu64 ", %" PRIu64 " bytes, is outside of its %" PRIu64
			       " bytes (%s)",
			       row->go_name, field->path, found.offset, found.size, struct_size,
			       source->ops->name);
	*ret = (struct field){(uint32_t)found.offset, (uint32_t)found.size};
	return GOSPY_OK;
}

static enum gospy_code resolve_struct(struct type_source *source, uint64_t type,
				      const struct struct_row *row, char *dst,
				      struct gospy_error *err)
{
	struct head head = {.source = source->ops->name};
	if (!source->ops->size(source, type, &head.size) || !head.size ||
	    head.size > STRUCT_SIZE_MAX)
		return err_set(err, GOSPY_E_BAD_DATA,
			       "%s has a size of %" PRIu64 " bytes according to its %s",
			       row->go_name, head.size, head.source);
	memcpy(dst, &head, sizeof(head));
	for (size_t i = 0; i < row->field_count; i++) {
		struct field field;
		enum gospy_code code =
			resolve_field(source, type, row, &row->fields[i], head.size, &field, err);
		if (code)
			return code;
		memcpy(dst + sizeof(head) + i * sizeof(field), &field, sizeof(field));
	}
	return GOSPY_OK;
}

/* A structure may matter only because of one field of a structure further up. Where that field is
 * absent the structure is not looked for: to find out that DWARF lacks a structure, all of DWARF
 * has to be inflated. */
static bool is_wanted(const struct struct_row *row, const struct layout *so_far)
{
	const struct {
		size_t off;
		struct field field;
	} conditions[] = {
		{offsetof(struct layout, heapStatsDelta), so_far->mstats.heapStats}, // Go 1.16+
		{offsetof(struct layout, work), so_far->gcController.memoryLimit},   // Go 1.19+
		{offsetof(struct layout, cleanupQueue), so_far->p.cleanupsQueued},   // Go 1.25+
		{offsetof(struct layout, timer), so_far->g.timer},
		{offsetof(struct layout, synctestBubble), so_far->g.bubble},
		{offsetof(struct layout, synctestGroup), so_far->g.syncGroup},
	};
	for (size_t i = 0; i < sizeof(conditions) / sizeof(conditions[0]); i++) {
		if (row->off == conditions[i].off)
			return field_present(conditions[i].field);
	}
	return true;
}

/* "type descriptor, DWARF" */
static enum gospy_code err_nowhere(struct type_source *const *sources, size_t n,
				   const struct struct_row *row, struct gospy_error *err)
{
	char names[160] = "nothing";
	for (size_t i = 0, len = 0; i < n && len < sizeof(names); i++)
		len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s", i ? ", " : "",
					sources[i]->ops->name);
	return err_set(err, GOSPY_E_NOT_FOUND, "%s is described nowhere (looked in: %s)",
		       row->go_name, names);
}

/* The structure of one row, from the first source that has it. */
static enum gospy_code resolve_row(struct type_source *const *sources, size_t n,
				   const struct struct_row *row, char *dst, struct gospy_error *err)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t type;
		if (!sources[i]->ops->find(sources[i], row->go_name, &type))
			continue;
		enum gospy_code code =
			resolve_struct(sources[i], type, row, dst, row->required ? err : NULL);
		if (!code || row->required)
			return code;
		memset(dst, 0, row->len);
	}
	return row->required ? err_nowhere(sources, n, row, err) : GOSPY_OK;
}

enum gospy_code layout_resolve(struct type_source *const *sources, size_t n, struct layout *ret,
			       struct gospy_error *err)
{
	struct layout layout = {0};
	for (size_t i = 0; i < STRUCT_COUNT; i++) {
		if (!is_wanted(&structs[i], &layout))
			continue;
		enum gospy_code code =
			resolve_row(sources, n, &structs[i], (char *)&layout + structs[i].off, err);
		if (code)
			return code;
	}
	*ret = layout;
	return GOSPY_OK;
}

bool layout_needs_more(struct type_source *source)
{
	for (size_t i = 0; i < STRUCT_COUNT; i++) {
		uint64_t type;
		if (!source->ops->find(source, structs[i].go_name, &type))
			return true;
	}
	return false;
}

void layout_drop(struct layout *layout, const char *go_name)
{
	for (size_t i = 0; i < STRUCT_COUNT; i++) {
		if (strcmp(structs[i].go_name, go_name) == 0)
			memset((char *)layout + structs[i].off, 0, structs[i].len);
	}
}

void layout_each(const struct layout *layout,
		 void (*fn)(void *ctx, const char *go_name, uint64_t size, const char *source),
		 void *ctx)
{
	for (size_t i = 0; i < STRUCT_COUNT; i++) {
		struct head head;
		memcpy(&head, (const char *)layout + structs[i].off, sizeof(head));
		fn(ctx, structs[i].go_name, head.size, head.source);
	}
}

static struct head head_of(const struct layout *layout, const struct struct_row *row)
{
	struct head head;
	memcpy(&head, (const char *)layout + row->off, sizeof(head));
	return head;
}

static size_t field_off(const struct struct_row *row, size_t i)
{
	return row->off + sizeof(struct head) + i * sizeof(struct field);
}

static struct field field_of(const struct layout *layout, const struct struct_row *row, size_t i)
{
	struct field field;
	memcpy(&field, (const char *)layout + field_off(row, i), sizeof(field));
	return field;
}

void layout_each_field(const struct layout *layout,
		       void (*fn)(void *ctx, const char *go_name, const char *path,
				  struct field field),
		       void *ctx)
{
	for (const struct struct_row *row = structs; row < structs + STRUCT_COUNT; row++) {
		for (size_t i = 0; head_of(layout, row).size && i < row->field_count; i++)
			fn(ctx, row->go_name, row->fields[i].path, field_of(layout, row, i));
	}
}

static const struct struct_row *row_of(const char *go_name)
{
	for (const struct struct_row *row = structs; row < structs + STRUCT_COUNT; row++) {
		if (strcmp(row->go_name, go_name) == 0)
			return row;
	}
	return NULL;
}

bool layout_set(struct layout *layout, const char *go_name, uint64_t size, const char *source)
{
	const struct struct_row *row = row_of(go_name);
	const struct head head = {size, source};
	if (!row || !size || size > STRUCT_SIZE_MAX)
		return false;
	memset((char *)layout + row->off, 0, row->len);
	memcpy((char *)layout + row->off, &head, sizeof(head));
	return true;
}

bool layout_set_field(struct layout *layout, const char *go_name, const char *path,
		      struct field field)
{
	const struct struct_row *row = row_of(go_name);
	uint64_t size = row ? head_of(layout, row).size : 0;
	if (field.off > size || field.size > size - field.off)
		return false;
	for (size_t i = 0; row && i < row->field_count; i++) {
		if (strcmp(row->fields[i].path, path) != 0)
			continue;
		memcpy((char *)layout + field_off(row, i), &field, sizeof(field));
		return true;
	}
	return false;
}

bool layout_complete(const struct layout *layout, const char **missing_ret)
{
	for (const struct struct_row *row = structs; row < structs + STRUCT_COUNT; row++) {
		bool there = head_of(layout, row).size;
		*missing_ret = row->go_name;
		if (row->required && !there)
			return false;
		for (size_t i = 0; there && i < row->field_count; i++) {
			if (row->fields[i].required && !field_present(field_of(layout, row, i)))
				return false;
		}
	}
	return true;
}
