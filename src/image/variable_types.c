#include "image/variable_types.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/pairs.h"
#include "image/variables.h"

/* abi.Type: the first word is its size, the kind is at 23 (internal/abi/type.go; up to Go 1.20
 * runtime/type.go). */
enum { TYPE_KIND = 23, TYPE_BYTES = 24, KIND_MASK = 31 };

struct looking {
	struct image *image;
	dwinfo_visit *visit;
	void *ctx;
};

static bool is_root(const struct moduledata *md, uint64_t addr)
{
	return addr - md->data < md->edata - md->data || addr - md->bss < md->ebss - md->bss;
}

static bool is_descriptor(const struct looking *l, const struct dwinfo_holding *holding,
			  uint64_t addr)
{
	uint8_t bytes[TYPE_BYTES];
	uint64_t size;
	if (!addr || addr % sizeof(size) ||
	    mem_read(l->image->mem, addr, bytes, sizeof(bytes), NULL))
		return false;
	memcpy(&size, bytes, sizeof(size));
	return size == holding->size && (bytes[TYPE_KIND] & KIND_MASK) == holding->kind;
}

static bool take_holding(void *ctx, const struct dwinfo_holding *holding)
{
	const struct looking *l = ctx;
	const struct program *program = l->image->program;
	const uint64_t shift = image_shift(l->image), linked = program->bias + shift;
	struct dwinfo_holding found = *holding;
	if (!is_root(&program->md, holding->addr + program->bias))
		return true;
	found.addr += linked;
	if (holding->holds == DWINFO_STRING)
		return l->visit(l->ctx, &found);
	found.runtime_type = program->md.types + shift + holding->runtime_type;
	if (!is_descriptor(l, holding, found.runtime_type))
		found.runtime_type = holding->runtime_type + linked;
	return !is_descriptor(l, holding, found.runtime_type) || l->visit(l->ctx, &found);
}

/* Those of a bundle: variable_facts.h. */
static enum gospy_code each_fact(const struct looking *looking, struct span facts,
				 struct gospy_error *err)
{
	CLEANUP(arena_deinit) struct arena scratch = {0};
	struct pairs pairs = {.text = facts, .arena = &scratch};
	struct pair pair;
	while (pairs_next(&pairs, &pair)) {
		struct dwinfo_holding found;
		uint64_t holds, kind;
		const char *at = pair.value;
		if (strcmp(pair.key, "holding") != 0 || !pair_u64(&at, &found.addr) ||
		    !pair_u64(&at, &holds) || !pair_u64(&at, &kind) ||
		    !pair_u64(&at, &found.size) || !pair_u64(&at, &found.runtime_type) ||
		    holds > DWINFO_STRING || kind > UINT8_MAX)
			continue;
		found.holds = (enum dwinfo_holds)holds;
		found.kind = (uint8_t)kind;
		if ((found.holds == DWINFO_STRING ||
		     is_descriptor(looking, &found, found.runtime_type)) &&
		    !looking->visit(looking->ctx, &found))
			break;
	}
	return pairs.failed ? err_nomem(err) : GOSPY_OK;
}

enum gospy_code variable_types_each(struct image *image, struct source *source, dwinfo_visit *visit,
				    void *ctx, struct gospy_error *err)
{
	struct looking looking = {image, visit, ctx};
	struct elf_file elf;
	struct dwinfo *dwinfo = NULL;
	struct gospy_error why;
	if (source->program_facts.len)
		return each_fact(&looking, source->program_facts, err);
	// A file that is not there, or is broken, tells nothing.
	if (variables_open(image, source, &elf, &why))
		return why.code == GOSPY_E_NOMEM ? err_nomem(err) : GOSPY_OK;
	enum gospy_code code = dwinfo_create(&elf, &dwinfo, &why);
	if (!code)
		code = dwinfo_each_variable(dwinfo, take_holding, &looking, &why);
	dwinfo_destroy(dwinfo);
	elf_file_close(&elf);
	if (code == GOSPY_E_NOMEM || code == GOSPY_E_CANCELLED)
		return err_set(err, code, "%s", why.msg);
	return GOSPY_OK;
}
