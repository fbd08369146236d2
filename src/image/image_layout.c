#include "image/image_layout.h"

#include <string.h>

#include "image/verify.h"

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

/* A layout that came from a table is used if it fits the process. If the table may be another
 * version's, it is used only if there is something to hold it against. */
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

enum gospy_code image_check_layout(struct image *image, struct gospy_error *err)
{
	enum gospy_code code = check_tables(image, err);
	if (!code)
		layout_each(&image->layout, note_layout, image);
	return code;
}
