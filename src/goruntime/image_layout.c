#include "dwarf/dwarf_info.h"
#include "dwarf/rtype.h"
#include "goruntime/resolve.h"

static void note_layout(void *ctx, const char *go_name, uint64_t size, const char *source)
{
	struct image *image = ctx;
	(void)size;
	if (source)
		image_note_source(image, arena_printf(&image->arena, "layout %s", go_name), source,
				  0);
}

/* Type descriptors first: they are in every binary and cost next to nothing. DWARF only for what
 * has none, and only where the program carries it. */
enum gospy_code image_find_layout(struct image *image, struct gospy_error *err)
{
	struct rtype_named *named =
		arena_calloc(&image->arena, layout_struct_count, sizeof(*named));
	if (!named)
		return err_nomem(err);
	for (size_t i = 0; i < layout_struct_count; i++)
		named[i].name = layout_struct_names[i];
	struct rtypes rtypes;
	enum gospy_code code = rtypes_init(&rtypes, &image->window, &image->md,
					   image->version.minor, named, layout_struct_count, err);
	if (code)
		return err_context(err, code, "type descriptors");

	struct type_source *sources[2] = {&rtypes.source};
	size_t n = 1;
	struct dwinfo *dwinfo = NULL;
	if (layout_needs_more(&rtypes.source)) {
		struct elf_file *elf = image->has_bin ? &image->bin : &image->elf;
		code = dwinfo_create(elf, &dwinfo, err);
		if (code == GOSPY_OK)
			sources[n++] = dwinfo_types(dwinfo);
		else if (code != GOSPY_E_NOT_FOUND)
			return err_context(err, code, "debug information");
	}
	code = layout_resolve(sources, n, &image->layout, err);
	dwinfo_destroy(dwinfo);
	if (code == GOSPY_OK)
		layout_each(&image->layout, note_layout, image);
	return code;
}
