#include "image/image_create.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/cancel.h"
#include "image/image_globals.h"
#include "image/image_layout.h"
#include "image/image_open.h"

/* Plugins are no binaries of their own. */
static void forget_plugin(struct image *image, const struct plugin *plugin)
{
	for (size_t i = 0; i < image->others.len; i++) {
		uint64_t start = image->others.at[i];
		if (start >= plugin->start && start < plugin->end)
			image->others.at[i] = image->others.at[--image->others.len];
	}
}

/* Binaries of Go that are no part of this runtime have a runtime of their own. */
static void note_others(struct image *image)
{
	for (size_t i = 0; i < image->program->plugins.len; i++)
		forget_plugin(image, image->program->plugins.at[i]);
	if (image->others.len) {
		const char *note = arena_printf(
			&image->arena,
			"%zu objects of this process have a Go runtime: this is %s; --bin FILE "
			"chooses the one that FILE is a twin of",
			image->others.len + 1, image->binary ? image->binary : "the executable");
		if (note)
			image_add_note(image, note);
	}
}

static uint64_t moved(uint64_t addr, uint64_t shift)
{
	return addr ? addr + shift : 0;
}

/* Take over what the program says, with the addresses of this process. */
static void take_facts(struct image *image)
{
	struct program *program = image->program;
	uint64_t shift = image_shift(image);
	image->origins = program->origins;
	symbolizer_init(&image->symbolizer, &program->lock, &program->pcln, shift,
			program->main_main, &image->origins);
	image->go_version = program->go_version;
	image->version = program->version;
	image->globals = program->globals;
	for (size_t i = 0; i < GLOBAL_COUNT; i++) {
		struct global *global = global_at(&image->globals, i);
		global->addr = moved(global->addr, shift);
	}
	image->by_code = program->by_code;
	image->traceback_labels = moved(program->traceback_labels, shift);
	image->traceback_ancestors = moved(program->traceback_ancestors, shift);
	image->profile_depth = moved(program->profile_depth, shift);
	image->layout = program->layout;
	image->tables = program->tables;
	image->wait_reasons = program->wait_reasons;
	image->wait_reason_count = program->wait_reason_count;
	// Facts have brought theirs with them.
	for (size_t i = 0; !program->known && i < program->provenance.len; i++) {
		const struct gospy_provenance *p = &program->provenance.at[i];
		image_note_source(image, p->name, p->source, moved(p->addr, shift));
	}
}

static enum gospy_code check(struct image *image, struct gospy_error *err)
{
	enum gospy_code code = image_check_globals(image, err);
	if (!code)
		code = image_check_layout(image, err);
	if (!code && !image->wait_reason_count)
		code = err_set(err, GOSPY_E_BAD_DATA,
			       "runtime.waitReasonStrings at 0x%" PRIx64 " cannot be read",
			       image->globals.waitReasonStrings.addr);
	if (!code)
		code = cancel_check(err);
	return code;
}

enum gospy_code image_create(struct source *source, const char *bin_path, struct image **ret,
			     struct gospy_error *err)
{
	struct image *image = calloc(1, sizeof(*image));
	if (!image)
		return err_nomem(err);
	atomic_init(&image->refs, 1);
	image->mem = source->mem;
	enum gospy_code code = image_open(image, source, bin_path, err);
	if (!code) {
		take_facts(image);
		note_others(image);
		code = check(image, err);
		if (code)
			err_context(err, code, "%s (%s, %s)", source->name, source->comm,
				    image->go_version);
	}
	if (code) {
		image_unref(image);
		return code;
	}
	*ret = image;
	return GOSPY_OK;
}
