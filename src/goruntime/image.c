#include "goruntime/image.h"

#include <stdlib.h>

#include "goruntime/resolve.h"

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

static enum gospy_code resolve(struct image *image, const struct process *process,
			       const char *bin_path, struct gospy_error *err)
{
	enum gospy_code code = image_open(image, process, bin_path, err);
	if (!code)
		code = image_find_symbols(image, err);
	if (!code)
		code = image_find_module(image, err);
	if (!code)
		code = image_find_version(image, err);
	if (!code)
		code = pcln_init(&image->pcln, &image->window, &image->md, image->version.minor,
				 err);
	if (!code)
		code = image_find_plugins(image, process, err);
	if (!code)
		code = image_find_globals(image, err);
	if (!code)
		code = image_find_layout(image, err);
	if (!code)
		code = image_check_globals(image, err);
	if (!code)
		code = image_check_layout(image, err);
	if (!code)
		code = image_read_texts(image, err);
	if (code && image->window.len)
		return err_context(err, code, "pid %d (%s%s%s)", process->pid, process->comm,
				   image->go_version ? ", " : "",
				   image->go_version ? image->go_version : "");
	return code;
}

enum gospy_code image_create(const struct process *process, struct mem *mem, const char *bin_path,
			     struct image **ret, struct gospy_error *err)
{
	struct image *image = calloc(1, sizeof(*image));
	if (!image)
		return err_nomem(err);
	atomic_init(&image->refs, 1);
	pthread_mutex_init(&image->lock, NULL);
	image->mem = mem;
	enum gospy_code code = resolve(image, process, bin_path, err);
	if (code) {
		image_unref(image);
		return code;
	}
	*ret = image;
	return GOSPY_OK;
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
	for (size_t i = 0; i < image->plugins.len; i++)
		paged_deinit(&image->plugins.at[i]->window);
	vec_free(&image->plugins);
	vec_free(&image->others);
	paged_deinit(&image->window);
	elf_file_close(&image->elf);
	if (image->has_bin)
		elf_file_close(&image->bin);
	map_deinit(&image->locations);
	map_deinit(&image->sites);
	vec_free(&image->provenance);
	vec_free(&image->checks);
	arena_deinit(&image->arena);
	pthread_mutex_destroy(&image->lock);
	free(image);
}

void image_forget_target(struct image *image)
{
	pthread_mutex_lock(&image->lock);
	image->mem = NULL;
	pthread_mutex_unlock(&image->lock);
}

enum gospy_code image_check(const struct image *image, const struct process *process,
			    struct gospy_error *err)
{
	struct proc_auxv now;
	enum gospy_code code = procfs_auxv(process->live_tid, &now, err);
	if (code)
		return code;
	// The vDSO and the program headers are placed anew by every exec.
	if (now.entry != image->auxv.entry || now.phdr != image->auxv.phdr ||
	    now.base != image->auxv.base || now.sysinfo_ehdr != image->auxv.sysinfo_ehdr)
		return err_set(err, GOSPY_E_GONE,
			       "pid %d (%s) has executed a new program meanwhile", process->pid,
			       process->comm);
	return GOSPY_OK;
}

const char *image_wait_reason(const struct image *image, unsigned reason)
{
	return reason < image->wait_reason_count ? image->wait_reasons[reason]
						 : "unknown wait reason";
}
