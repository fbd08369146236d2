#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "dwarf/build_info.h"
#include "goruntime/resolve.h"
#include "goruntime/twin.h"

static enum gospy_code fetch(void *ctx, uint64_t addr, void *dst, size_t len,
			     struct gospy_error *err)
{
	const struct image *image = ctx;
	if (!image->mem)
		return err_set(err, GOSPY_E_GONE, "the target was closed");
	return mem_read(image->mem, addr, dst, len, err);
}

static enum gospy_code open_program(struct image *image, const struct process *process,
				    struct gospy_error *err)
{
	CLEANUP_CLOSE int fd = -1;
	enum gospy_code code = procfs_open_exe(process->live_tid, &fd, err);
	if (code)
		return code;
	const char *name = arena_printf(&image->arena, "/proc/%d/exe", process->pid);
	if (!name)
		return err_nomem(err);
	code = elf_file_open(fd, name, &image->elf, err);
	if (code)
		return err_context(err, code, "pid %d (%s)", process->pid, process->comm);
	return GOSPY_OK;
}

static enum gospy_code open_bin(struct image *image, const char *path, struct gospy_error *err)
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_os(err, errno, "cannot open %s", path);
	struct stat st;
	if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))
		return err_set(err, GOSPY_E_USAGE, "%s is not a file", path);
	enum gospy_code code = elf_file_open(fd, path, &image->bin, err);
	if (code)
		return err_context(err, code, "%s", path);
	image->has_bin = true;
	return GOSPY_OK;
}

/* A Go main program is loaded at AT_ENTRY - e_entry, whatever the address of its first segment: an
 * internally linked PIE has that at 0x400000. */
static enum gospy_code map_window(struct image *image, const struct process *process,
				  struct gospy_error *err)
{
	enum gospy_code code = procfs_auxv(process->live_tid, &image->auxv, err);
	if (code)
		return code;
	uint64_t lo, hi;
	if (!image->auxv.entry || !elf_file_range(&image->elf, &lo, &hi))
		return err_set(err, GOSPY_E_BAD_DATA,
			       "pid %d (%s): neither entry point nor loadable segments are known",
			       process->pid, process->comm);
	image->bias = image->auxv.entry - image->elf.entry;
	if (image->elf.type == ET_EXEC && image->bias)
		return err_set(err, GOSPY_E_BAD_DATA,
			       "pid %d (%s) does not run the code of its file (a packed program?)",
			       process->pid, process->comm);
	return paged_init(&image->window, lo + image->bias, hi - lo, fetch, image, err);
}

enum gospy_code image_open(struct image *image, const struct process *process, const char *bin_path,
			   struct gospy_error *err)
{
	enum gospy_code code = open_program(image, process, err);
	if (code)
		return code;
	if (!build_info_is_go(&image->elf))
		return err_set(err, GOSPY_E_NOT_GO,
			       "pid %d (%s) is not a Go program: its executable has no Go build "
			       "information, no function table and no runtime symbols",
			       process->pid, process->comm);
	if ((code = map_window(image, process, err)) || !bin_path)
		return code;
	code = open_bin(image, bin_path, err);
	return code ? code : twin_check(&image->elf, &image->bin, &image->window, image->bias, err);
}
