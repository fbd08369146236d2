#include "image/image.h"

#include <stdlib.h>
#include <string.h>

#include "image/programs.h"

enum gospy_code image_fetch(void *image_, uint64_t addr, void *dst, size_t len,
			    struct gospy_error *err)
{
	const struct image *image = image_;
	return mem_read(image->mem, addr, dst, len, err);
}

void image_note_source(struct image *image, const char *name, const char *source, uint64_t addr)
{
	struct gospy_provenance p = {.name = name, .source = source, .addr = addr};
	// It is only reported: running out of memory here costs a line of `-v`.
	if (name && !vec_push(&image->provenance, p))
		return;
}

void image_add_note(struct image *image, const char *text)
{
	image->note = arena_printf(&image->arena, "%s%s%s", image->note ? image->note : "",
				   image->note ? "; " : "", text);
}

struct image *image_ref(struct image *image)
{
	atomic_fetch_add(&image->refs, 1);
	return image;
}

void image_unref(struct image *image)
{
	if (!image || atomic_fetch_sub(&image->refs, 1) > 1)
		return;
	vec_free(&image->others);
	vec_free(&image->provenance);
	vec_free(&image->checks);
	arena_deinit(&image->arena);
	symbolizer_deinit(&image->symbolizer);
	programs_put(image->program);
	free(image);
}

void image_forget_target(struct image *image)
{
	program_forget_memory(image->program);
	image->mem = NULL;
}

enum gospy_code image_set_own(struct image *image, const char *const *own, size_t n,
			      struct gospy_error *err)
{
	struct origin_module *modules = arena_calloc(&image->arena, n, sizeof(*modules));
	for (size_t i = 0; modules && i < n; i++) {
		const char *path = arena_strdup(&image->arena, own[i]);
		if (!path)
			return err_nomem(err);
		modules[i] = (struct origin_module){path, strlen(path), true};
	}
	if (n && !modules)
		return err_nomem(err);
	image->origins.own = modules;
	image->origins.own_count = n;
	return GOSPY_OK;
}

enum gospy_code image_check(const struct image *image, struct source *source,
			    struct gospy_error *err)
{
	struct auxv now;
	enum gospy_code code = source_check(source, err);
	if (!code)
		code = source_auxv(source, &now, err);
	if (code)
		return code;
	// The vDSO and the program headers are placed anew by every exec.
	if (now.entry != image->auxv.entry || now.phdr != image->auxv.phdr ||
	    now.base != image->auxv.base || now.sysinfo_ehdr != image->auxv.sysinfo_ehdr)
		return err_set(err, GOSPY_E_GONE, "%s (%s) has executed a new program meanwhile",
			       source->name, source->comm);
	return GOSPY_OK;
}

const char *image_wait_reason(const struct image *image, unsigned reason)
{
	return reason < image->wait_reason_count ? image->wait_reasons[reason]
						 : "unknown wait reason";
}
