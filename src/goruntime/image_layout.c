#include <string.h>

#include "dwarf/dwarf_info.h"
#include "dwarf/rtype.h"
#include "goruntime/resolve.h"
#include "goruntime/verify.h"

static void note_layout(void *ctx, const char *go_name, uint64_t size, const char *source)
{
	struct image *image = ctx;
	(void)size;
	if (source)
		image_note_source(image, arena_printf(&image->arena, "layout %s", go_name), source,
				  0);
}

/* A check of that structure, one that failed if there is one; NULL: there is none. */
static const struct image_check *check_of(const struct image *image, const char *go_name)
{
	const struct image_check *ret = NULL;
	for (size_t i = 0; i < image->checks.len; i++) {
		const struct image_check *check = &image->checks.at[i];
		if (strcmp(check->what, go_name) == 0 && (!ret || ret->ok))
			ret = check;
	}
	return ret;
}

struct verdicts {
	struct image *image;
	const char *failed; /* the structures whose checks failed, or NULL */
	bool doubtful;      /* an unchecked table was used, and fits */
};

/* What came from a table is used if it fits the process; from one that may be another version's,
 * only if there is something to hold it against. */
static void judge(void *ctx, const char *go_name, uint64_t size, const char *source)
{
	struct verdicts *verdicts = ctx;
	struct image *image = verdicts->image;
	const char *table = image->tables.source.ops->name;
	(void)size;
	if (source != table)
		return;
	const struct image_check *check = check_of(image, go_name);
	if (check ? check->ok : !image->tables.unchecked) {
		verdicts->doubtful |= image->tables.unchecked != NULL;
		return;
	}
	layout_drop(&image->layout, go_name);
	const char *why =
		check ? arena_printf(&image->arena, "%s, not used: %s: %s", table, check->check,
				     check->found)
		      : arena_printf(&image->arena, "%s, not used: nothing to check it by", table);
	image_note_source(image, arena_printf(&image->arena, "layout %s", go_name),
			  why ? why : table, 0);
	if (check)
		verdicts->failed = arena_printf(&image->arena, "%s%s%s",
						verdicts->failed ? verdicts->failed : "",
						verdicts->failed ? ", " : "", go_name);
}

static void note_verdicts(struct image *image, const struct verdicts *verdicts)
{
	const struct table_types *tables = &image->tables;
	const char *failed = verdicts->failed
				     ? arena_printf(&image->arena,
						    "what is known of %s does not fit this process "
						    "and is left out",
						    verdicts->failed)
				     : NULL;
	const char *doubtful =
		verdicts->doubtful
			? arena_printf(&image->arena,
				       "%s that the program does not hold are those of Go "
				       "1.%d.%d (%s); they fit this process",
				       failed ? "other layouts" : "layouts", tables->release.minor,
				       tables->release.patch, tables->unchecked)
			: NULL;
	if (failed)
		image_add_note(image, failed);
	if (doubtful)
		image_add_note(image, doubtful);
}

static enum gospy_code check_tables(struct image *image, struct gospy_error *err)
{
	enum gospy_code code = image_verify(image, VERIFY_TABLES, err);
	if (code)
		return code;
	// What is dropped does not come again.
	struct verdicts verdicts = {.image = image};
	layout_each(&image->layout, judge, &verdicts);
	note_verdicts(image, &verdicts);
	return GOSPY_OK;
}

static enum gospy_code find_descriptors(struct image *image, struct rtypes *ret,
					struct gospy_error *err)
{
	struct rtype_named *named =
		arena_calloc(&image->arena, layout_struct_count, sizeof(*named));
	if (!named)
		return err_nomem(err);
	for (size_t i = 0; i < layout_struct_count; i++)
		named[i].name = layout_struct_names[i];
	enum gospy_code code = rtypes_init(ret, &image->window, &image->md, image->version.minor,
					   named, layout_struct_count, err);
	return code ? err_context(err, code, "type descriptors") : GOSPY_OK;
}

/* DWARF that cannot be read is like none; but `-v` says so. */
static enum gospy_code open_dwarf(struct image *image, struct dwinfo **ret, struct gospy_error *err)
{
	struct gospy_error why;
	enum gospy_code code = dwinfo_create(image->has_bin ? &image->bin : &image->elf, ret, &why);
	if (code == GOSPY_E_NOMEM)
		return err_nomem(err);
	if (code && code != GOSPY_E_NOT_FOUND)
		image_note_source(image, "DWARF", arena_printf(&image->arena, "%s", why.msg), 0);
	return GOSPY_OK;
}

/* Type descriptors first: they are in every binary and cost next to nothing. DWARF only for what
 * has none, and only where the program carries it; the tables for what is left. */
enum gospy_code image_find_layout(struct image *image, struct gospy_error *err)
{
	struct rtypes rtypes;
	enum gospy_code code = find_descriptors(image, &rtypes, err);
	if (code)
		return code;
	struct type_source *sources[3] = {&rtypes.source};
	size_t n = 1;
	struct dwinfo *dwinfo = NULL;
	if (layout_needs_more(&rtypes.source) && (code = open_dwarf(image, &dwinfo, err)))
		return code;
	if (dwinfo)
		sources[n++] = dwinfo_types(dwinfo);
	table_types_init(&image->tables, &image->version);
	sources[n++] = &image->tables.source;
	code = layout_resolve(sources, n, &image->layout, err);
	dwinfo_destroy(dwinfo);
	return code;
}

enum gospy_code image_check_layout(struct image *image, struct gospy_error *err)
{
	enum gospy_code code = check_tables(image, err);
	if (!code)
		layout_each(&image->layout, note_layout, image);
	return code;
}
