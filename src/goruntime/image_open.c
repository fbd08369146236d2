#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "goruntime/object.h"
#include "goruntime/resolve.h"
#include "goruntime/twin.h"

enum gospy_code image_fetch(void *image_, uint64_t addr, void *dst, size_t len,
			    struct gospy_error *err)
{
	const struct image *image = image_;
	if (!image->mem)
		return err_set(err, GOSPY_E_GONE, "the target was closed");
	return mem_read(image->mem, addr, dst, len, err);
}

/* Never GOSPY_E_PERM, which is said of the process. */
static enum gospy_code cannot_open(const char *path, int os_errno, struct gospy_error *err)
{
	enum gospy_code code = err_os(err, os_errno, "cannot open %s", path);
	if (code != GOSPY_E_PERM)
		return code;
	if (err)
		err->code = GOSPY_E_OS;
	return GOSPY_E_OS;
}

static enum gospy_code open_bin(struct image *image, const char *path, struct gospy_error *err)
{
	// Whatever it is, opening it must not block.
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return cannot_open(path, errno, err);
	struct stat st;
	if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))
		return err_set(err, GOSPY_E_BAD_DATA, "%s is not a file", path);
	enum gospy_code code = elf_file_open(fd, path, &image->bin, err);
	image->has_bin = !code;
	return code;
}

/* No file says where the object is loaded, but where its moduledata is, and the file at hand says
 * where it has that. False: it does not. */
static bool bias_by_moduledata(struct elf_file *bin, const struct object *object, uint64_t *ret)
{
	struct elf_symbol symbol = {.name = "runtime.firstmoduledata"};
	if (!object->moduledata || elf_file_symbols(bin, &symbol, 1, NULL) || !symbol.found)
		return false;
	*ret = object->moduledata - symbol.addr;
	return true;
}

/* Is --bin a twin of this object? Sets its bias, if only --bin tells it. */
static enum gospy_code check_bin(struct image *image, struct object *object,
				 struct gospy_error *err)
{
	struct paged window = {0};
	if (object->kind == OBJECT_MEMORY &&
	    !bias_by_moduledata(&image->bin, object, &object->bias))
		return err_set(err, GOSPY_E_BAD_DATA,
			       "%s has no symbol runtime.firstmoduledata, by which alone it could "
			       "be compared with what runs",
			       image->bin.name);
	enum gospy_code code = paged_init(&window, object->start, object->end - object->start,
					  image_fetch, image, err);
	if (!code)
		code = twin_check(&object->elf, &image->bin, &window, object->bias, err);
	paged_deinit(&window);
	return code;
}

/* The object with the build ID of --bin, else the first that --bin is a twin of. */
static enum gospy_code choose_by_bin(struct image *image, struct objects *objects,
				     struct object **ret, struct gospy_error *err)
{
	enum gospy_code code = GOSPY_E_BAD_DATA;
	for (size_t i = 0; i < objects->found.len; i++) {
		*ret = &objects->found.at[i];
		if (twin_same_id(&(*ret)->elf, &image->bin))
			return GOSPY_OK;
	}
	for (size_t i = 0; code == GOSPY_E_BAD_DATA && i < objects->found.len; i++) {
		*ret = &objects->found.at[i];
		// What differs is said of the first.
		code = check_bin(image, *ret, i ? NULL : err);
	}
	return code;
}

static enum gospy_code describe(struct image *image, const struct objects *objects,
				const struct object *object, struct gospy_error *err)
{
	const char *source = "memory";
	if (object->kind == OBJECT_PROGRAM)
		source = "executable";
	else if (object->path)
		source = object->path;
	source = arena_strdup(&image->arena, source);
	if (!source)
		return err_nomem(err);
	for (size_t i = 0; i < objects->found.len; i++) {
		const struct object *other = &objects->found.at[i];
		if (other != object && !vec_push(&image->others, other->start))
			return err_nomem(err);
	}
	if (object->note)
		image_add_note(image, object->note);
	image->object = object->kind == OBJECT_PROGRAM ? NULL : source;
	image_note_source(image, "object", source, object->start);
	return GOSPY_OK;
}

/* Programs have the word with g in front of the thread pointer; a library's is where the dynamic
 * linker had room: -152 in a program in C, say. */
static void find_tls_g(struct image *image)
{
	enum { OF_PROGRAMS = -8 };
	uint64_t slot, value;
	image->tls_g = OF_PROGRAMS;
	if (elf_file_tls_slot(&image->elf, &slot) &&
	    !mem_read_u64(image->mem, slot + image->bias, &value, NULL))
		image->tls_g = (int64_t)value;
}

static enum gospy_code use(struct image *image, const struct objects *objects,
			   struct object *object, struct gospy_error *err)
{
	image->auxv = objects->auxv;
	image->bias = object->bias;
	image->elf = object->elf;
	object->elf = (struct elf_file){0};
	find_tls_g(image);
	// What took a search of memory need not be searched for once more; symbols go before it.
	if (object->moduledata && !image->has_bin) {
		image->globals.firstmoduledata.addr = object->moduledata;
		image_note_source(image, "runtime.firstmoduledata", "scan", object->moduledata);
	}
	enum gospy_code code = describe(image, objects, object, err);
	return code ? code
		    : paged_init(&image->window, object->start, object->end - object->start,
				 image_fetch, image, err);
}

enum gospy_code image_open(struct image *image, const struct process *process, const char *bin_path,
			   struct gospy_error *err)
{
	struct objects objects = {0};
	struct object *object = NULL;
	enum gospy_code code = bin_path ? open_bin(image, bin_path, err) : GOSPY_OK;
	if (!code)
		code = objects_find(process, image->mem, &objects, err);
	if (!code)
		object = &objects.found.at[0];
	if (!code && image->has_bin)
		code = choose_by_bin(image, &objects, &object, err);
	if (!code)
		code = use(image, &objects, object, err);
	objects_deinit(&objects);
	return code;
}
