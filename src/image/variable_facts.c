#include "image/variable_facts.h"

#include <inttypes.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/pairs.h"
#include "image/variable_types.h"
#include "image/variables.h"

/* The facts as a whole may have twice as much: program_facts.c. */
enum { TEXT_MAX = 8 << 20 };

static bool is_root(const struct moduledata *md, uint64_t addr)
{
	return addr - md->data < md->edata - md->data || addr - md->bss < md->ebss - md->bss;
}

/* "0x5a1b20 8 main.cache" */
static enum gospy_code write_names(struct image *image, struct source *source, struct strbuf *text,
				   struct gospy_error *err)
{
	CLEANUP(variables_deinit) struct variables variables = {0};
	CLEANUP(strbuf_deinit) struct strbuf line = {0};
	const uint64_t shift = image_shift(image);
	enum gospy_code code = variables_read(image, source, &variables, err);
	for (size_t i = 0; i < variables.all.len && !code && text->len < TEXT_MAX; i++) {
		const struct variable *v = &variables.all.at[i];
		if (!is_root(&image->program->md, v->addr - shift))
			continue;
		strbuf_clear(&line);
		strbuf_printf(&line, "0x%" PRIx64 " %" PRIu64 " %s", v->addr, v->size, v->name);
		if (line.failed)
			return err_nomem(err);
		pairs_add(text, "variable", line.s);
	}
	return code;
}

/* "0x5a1b20 1 22 8 0x4f1000": where it is, what it holds, of which kind and size, and its type. */
static bool write_type(void *ctx, const struct dwinfo_holding *holding)
{
	struct strbuf *text = ctx;
	pairs_addf(text, "holding", "0x%" PRIx64 " %d %d %" PRIu64 " 0x%" PRIx64, holding->addr,
		   (int)holding->holds, (int)holding->kind, holding->size, holding->runtime_type);
	return text->len < TEXT_MAX && !text->failed;
}

enum gospy_code variable_facts_write(struct image *image, struct source *source,
				     struct strbuf *text, struct gospy_error *err)
{
	enum gospy_code code = write_names(image, source, text, err);
	if (!code && text->len < TEXT_MAX)
		code = variable_types_each(image, source, write_type, text, err);
	return !code && text->failed ? err_nomem(err) : code;
}
