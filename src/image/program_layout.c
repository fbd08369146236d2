#include "image/program_layout.h"

#include "dwarf/dwarf_info.h"
#include "dwarf/go/rtype.h"

static enum gospy_code find_descriptors(struct program *program, struct rtypes *ret,
					struct gospy_error *err)
{
	struct rtype_named *named =
		arena_calloc(&program->arena, layout_struct_count, sizeof(*named));
	if (!named)
		return err_nomem(err);
	for (size_t i = 0; i < layout_struct_count; i++)
		named[i].name = layout_struct_names[i];
	struct paged **others =
		arena_calloc(&program->arena, program->plugins.len + 1, sizeof(*others));
	if (!others)
		return err_nomem(err);
	for (size_t i = 0; i < program->plugins.len; i++)
		others[i] = &program->plugins.at[i]->window;
	enum gospy_code code = rtypes_init(ret, &program->window, &program->md,
					   program->version.minor, named, layout_struct_count, err);
	ret->others = others;
	return code ? err_context(err, code, "type descriptors") : GOSPY_OK;
}

/* DWARF that cannot be read is like none; but `-v` says so. */
static enum gospy_code open_dwarf(struct program *program, struct dwinfo **ret,
				  struct gospy_error *err)
{
	struct gospy_error why;
	enum gospy_code code =
		dwinfo_create(program->has_bin ? &program->bin : &program->elf, ret, &why);
	if (code == GOSPY_E_NOMEM)
		return err_nomem(err);
	if (code && code != GOSPY_E_NOT_FOUND)
		program_note_source(program, "DWARF", arena_printf(&program->arena, "%s", why.msg),
				    0);
	return GOSPY_OK;
}

/* Type descriptors come first: they are in every binary and cost next to nothing. DWARF is read
 * only for what has none, and only where the program carries it. The tables are for what is left.
 */
enum gospy_code program_find_layout(struct program *program, struct gospy_error *err)
{
	struct rtypes rtypes;
	enum gospy_code code = find_descriptors(program, &rtypes, err);
	if (code)
		return code;
	struct type_source *sources[3] = {&rtypes.source};
	size_t n = 1;
	struct dwinfo *dwinfo = NULL;
	if (layout_needs_more(&rtypes.source) && (code = open_dwarf(program, &dwinfo, err)))
		return code;
	if (dwinfo)
		sources[n++] = dwinfo_types(dwinfo);
	table_types_init(&program->tables, &program->version);
	sources[n++] = &program->tables.source;
	code = layout_resolve(sources, n, &program->layout, err);
	dwinfo_destroy(dwinfo);
	return code;
}
