#include "image/program_facts.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/pairs.h"

enum {
	TEXT_MAX = 16 << 20,
	PROVENANCE_MAX = 4096,
	CHECKS_MAX = 256,
};

/* ---- writing */

static void write_struct(void *ctx, const char *go_name, uint64_t size, const char *source)
{
	if (size)
		pairs_addf(ctx, "struct", "%s %" PRIu64 " %s", go_name, size,
			   source ? source : "?");
}

static void write_field(void *ctx, const char *go_name, const char *path, struct field field)
{
	if (field_present(field))
		pairs_addf(ctx, "field", "%s %s %" PRIu32 " %" PRIu32, go_name, path, field.off,
			   field.size);
}

static void write_globals(const struct image *image, struct strbuf *text)
{
	struct globals globals = image->globals;
	for (size_t i = 0; i < GLOBAL_COUNT; i++) {
		const struct global *global = global_at(&globals, i);
		if (global->addr)
			pairs_addf(text, "global", "%s 0x%" PRIx64 " %" PRIu64 " %u",
				   global_names[i].name, global->addr, global->size,
				   (unsigned)(image->by_code >> i & 1));
	}
}

static void write_optional(struct strbuf *text, const char *key, const char *value)
{
	if (value)
		pairs_add(text, key, value);
}

void program_facts_write(const struct image *image, const struct build_info_text *info,
			 struct strbuf *text)
{
	const struct program *program = image->program;
	uint64_t shift = image_shift(image);
	pairs_addf(text, "range", "0x%" PRIx64 " 0x%" PRIx64, program->window.addr + shift,
		   program->window.addr + program->window.len + shift);
	pairs_addf(text, "bias", "0x%" PRIx64 " %u %u", image->bias, program->described,
		   program->pie);
	write_optional(text, "build_id", program->build_id);
	write_optional(text, "go_build_id", program->go_build_id);
	write_optional(text, "object", image->binary);
	write_optional(text, "note", image->note);
	pairs_add(text, "go_version", image->go_version);
	write_optional(text, "info_version", info ? info->go_version : NULL);
	write_optional(text, "modinfo", info ? info->modinfo : NULL);
	pairs_addf(text, "main_main", "0x%" PRIx64,
		   program->main_main ? program->main_main + shift : 0);
	pairs_addf(text, "tls_g", "%" PRIu64, (uint64_t)image->tls_g);
	write_globals(image, text);
	layout_each(&image->layout, write_struct, text);
	layout_each_field(&image->layout, write_field, text);
	for (size_t i = 0; i < image->provenance.len; i++) {
		const struct gospy_provenance *p = &image->provenance.at[i];
		// These come again when they are checked.
		if (strncmp(p->name, "layout ", 7) == 0 || strcmp(p->source, "code") == 0)
			continue;
		pairs_addf(text, "source", "0x%" PRIx64 " %s\t%s", p->addr, p->name, p->source);
	}
}

void program_facts_write_checks(const struct image *image, uint64_t unlike, struct strbuf *text)
{
	pairs_add(text, "checked", "1");
	for (size_t i = 0; i < image->checks.len; i++) {
		const struct image_check *check = &image->checks.at[i];
		pairs_addf(text, "check", "%s\t%s\t%s", check->what, check->check,
			   check->ok      ? ""
			   : check->found ? check->found
					  : check->check);
	}
	for (size_t i = 0; i < GLOBAL_COUNT; i++) {
		if (unlike >> i & 1)
			pairs_add(text, "unlike", global_names[i].name);
	}
}

/* ---- reading */

static void read_global(const char *at, struct program_facts *facts, struct arena *arena)
{
	struct global global = {0};
	uint64_t by_code = 0;
	const char *name = pair_word(&at, arena);
	if (!name || !pair_u64(&at, &global.addr) || !pair_u64(&at, &global.size) ||
	    !pair_u64(&at, &by_code))
		return;
	for (size_t i = 0; i < GLOBAL_COUNT; i++) {
		if (strcmp(global_names[i].name, name) != 0)
			continue;
		*global_at(&facts->globals, i) = global;
		facts->by_code |= (uint64_t)(by_code != 0) << i;
	}
}

static void read_struct(const char *at, struct program_facts *facts, struct arena *arena)
{
	uint64_t size;
	const char *name = pair_word(&at, arena);
	if (name && pair_u64(&at, &size) && *at == ' ')
		layout_set(&facts->layout, name, size, at + 1);
}

static void read_field(const char *at, struct program_facts *facts, struct arena *arena)
{
	uint64_t off, size;
	const char *name = pair_word(&at, arena);
	const char *path = pair_word(&at, arena);
	if (name && path && pair_u64(&at, &off) && pair_u64(&at, &size) && off <= UINT32_MAX &&
	    size <= UINT32_MAX)
		layout_set_field(&facts->layout, name, path,
				 (struct field){(uint32_t)off, (uint32_t)size});
}

/* "0x4a5b60 runtime.allgs<tab>symtab" */
static bool read_source(const char *at, struct program_facts *facts, struct arena *arena)
{
	struct gospy_provenance p = {0};
	const char *tab = strchr(at, '\t');
	if (!tab || !pair_u64(&at, &p.addr) || *at != ' ' || at + 1 > tab ||
	    facts->provenance.len == PROVENANCE_MAX)
		return true;
	p.name = arena_strndup(arena, at + 1, (size_t)(tab - at - 1));
	p.source = tab + 1;
	return p.name && vec_push(&facts->provenance, p);
}

/* "runtime.schedt<tab>npidle is the number of idle P's<tab>" and what contradicts it. */
static bool read_check(const char *at, struct program_facts *facts, struct arena *arena)
{
	const char *first = strchr(at, '\t'), *second = first ? strchr(first + 1, '\t') : NULL;
	if (!second || facts->checks.len == CHECKS_MAX)
		return true;
	struct image_check check = {
		.what = arena_strndup(arena, at, (size_t)(first - at)),
		.check = arena_strndup(arena, first + 1, (size_t)(second - first - 1)),
		.found = second[1] ? second + 1 : NULL,
		.ok = !second[1],
	};
	return check.what && check.check && vec_push(&facts->checks, check);
}

static void read_unlike(const char *name, struct program_facts *facts)
{
	for (size_t i = 0; i < GLOBAL_COUNT; i++)
		facts->unlike |= (uint64_t)(strcmp(global_names[i].name, name) == 0) << i;
}

static void read_bias(const char *at, struct program_facts *facts)
{
	uint64_t described = 0, pie = 0;
	if (!pair_u64(&at, &facts->bias) || !pair_u64(&at, &described) || !pair_u64(&at, &pie))
		facts->bias = 0;
	facts->described = described;
	facts->pie = pie;
}

static bool take_pair(const struct pair *pair, struct program_facts *facts, struct arena *arena)
{
	const struct {
		const char *key;
		const char **value;
	} texts[] = {
		{"build_id", &facts->build_id},     {"go_build_id", &facts->go_build_id},
		{"object", &facts->object},         {"note", &facts->note},
		{"go_version", &facts->go_version}, {"info_version", &facts->info_version},
		{"modinfo", &facts->modinfo},
	};
	const char *at = pair->value;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		if (strcmp(pair->key, texts[i].key) == 0)
			*texts[i].value = pair->value;
	}
	if (strcmp(pair->key, "range") == 0 &&
	    !(pair_u64(&at, &facts->start) && pair_u64(&at, &facts->end)))
		facts->start = facts->end = 0;
	else if (strcmp(pair->key, "bias") == 0)
		read_bias(at, facts);
	else if (strcmp(pair->key, "main_main") == 0)
		facts->main_main = pair_u64(&at, &facts->main_main) ? facts->main_main : 0;
	else if (strcmp(pair->key, "tls_g") == 0) {
		uint64_t tls_g = 0;
		facts->tls_g = pair_u64(&at, &tls_g) ? (int64_t)tls_g : 0;
	} else if (strcmp(pair->key, "global") == 0)
		read_global(at, facts, arena);
	else if (strcmp(pair->key, "struct") == 0)
		read_struct(at, facts, arena);
	else if (strcmp(pair->key, "field") == 0)
		read_field(at, facts, arena);
	else if (strcmp(pair->key, "checked") == 0)
		facts->checked = true;
	else if (strcmp(pair->key, "unlike") == 0)
		read_unlike(at, facts);
	else if (strcmp(pair->key, "check") == 0)
		return read_check(at, facts, arena);
	else if (strcmp(pair->key, "source") == 0)
		return read_source(at, facts, arena);
	return true;
}

enum gospy_code program_facts_read(struct span text, struct arena *arena, struct program_facts *ret,
				   struct gospy_error *err)
{
	struct program_facts facts = {0};
	struct pairs pairs = {.text = text, .arena = arena};
	struct pair pair;
	const char *missing = NULL;
	bool ok = true;
	if (text.len > TEXT_MAX)
		return err_set(err, GOSPY_E_LIMIT, "its facts about the program are too long");
	while (ok && pairs_next(&pairs, &pair))
		ok = take_pair(&pair, &facts, arena);
	if (!ok || pairs.failed) {
		program_facts_deinit(&facts);
		return err_nomem(err);
	}
	bool complete = globals_complete(&facts.globals, &missing) &&
			layout_complete(&facts.layout, &missing);
	if (!facts.go_version)
		missing = "the version of Go";
	if (facts.start >= facts.end)
		missing = "where the program is";
	if (!complete || !facts.go_version || facts.start >= facts.end) {
		program_facts_deinit(&facts);
		return err_set(err, GOSPY_E_BAD_DATA, "its facts about the program do not tell %s",
			       missing);
	}
	*ret = facts;
	return GOSPY_OK;
}

void program_facts_write_file(const char *path, const char *build_id, struct strbuf *text)
{
	pairs_addf(text, "file_id", "%s %s", build_id, path);
}

const char *program_facts_file(struct span text, const char *path, struct arena *arena)
{
	CLEANUP(arena_deinit) struct arena scratch = {0};
	struct pairs pairs = {.text = text, .arena = &scratch};
	struct pair pair;
	while (text.len <= TEXT_MAX && pairs_next(&pairs, &pair)) {
		const char *space = strchr(pair.value, ' ');
		if (strcmp(pair.key, "file_id") == 0 && space && strcmp(space + 1, path) == 0)
			return arena_strndup(arena, pair.value, (size_t)(space - pair.value));
	}
	return pairs.failed ? NULL : "";
}

void program_facts_deinit(struct program_facts *facts)
{
	vec_free(&facts->provenance);
	vec_free(&facts->checks);
	*facts = (struct program_facts){0};
}
