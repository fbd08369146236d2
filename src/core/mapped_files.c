#include "core/mapped_files.h"

#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/error.h"
#include "base/file.h"
#include "base/intern.h"
#include "core/debuginfod.h"

enum {
	HEAD = 4096, /* the first page of a file */
	ID_MAX = 64, /* of a GNU build ID */
	/* Files that servers are asked for: the program, and the libraries of its C code. */
	FETCHES_MAX = 32,
};

static const char deleted[] = " (deleted)";

/* ---- the table */

static int compare_start(const void *a, const void *b)
{
	const struct mapped_range *x = a, *y = b;
	return (x->start > y->start) - (x->start < y->start);
}

/* The path without what the kernel adds to that of a file that was deleted. */
static char *plain_path(const char *path)
{
	size_t len = strlen(path), suffix = sizeof(deleted) - 1;
	if (len > suffix && strcmp(path + len - suffix, deleted) == 0)
		len -= suffix;
	return strndup(path, len);
}

static enum gospy_code list_ranges(struct mapped_files *files, const struct notes *notes,
				   struct intern *paths, struct gospy_error *err)
{
	for (size_t i = 0; i < notes->files.len; i++) {
		const struct note_file *file = &notes->files.at[i];
		uint32_t number;
		if (!intern_put(paths, file->path, &number))
			return err_nomem(err);
		const struct mapped_range range = {
			.start = file->start,
			.end = file->end,
			.offset = file->offset,
			.file = number,
			.path = file->path,
		};
		if (!vec_push(&files->ranges, range))
			return err_nomem(err);
	}
	size_t kept = 0;
	if (files->ranges.len)
		qsort(files->ranges.at, files->ranges.len, sizeof(*files->ranges.at),
		      compare_start);
	for (size_t i = 0; i < files->ranges.len; i++) {
		if (!kept || files->ranges.at[i].start >= files->ranges.at[kept - 1].end)
			files->ranges.at[kept++] = files->ranges.at[i];
	}
	files->ranges.len = kept;
	return GOSPY_OK;
}

static enum gospy_code list_files(struct mapped_files *files, const struct intern *paths,
				  struct gospy_error *err)
{
	files->files = calloc(paths->all.len + 1, sizeof(*files->files));
	if (!files->files)
		return err_nomem(err);
	for (; files->count < paths->all.len; files->count++) {
		struct mapped_file *file = &files->files[files->count];
		file->base = GOSPY_UNKNOWN;
		file->fd = -1;
		file->path = plain_path(paths->all.at[files->count]);
		if (!file->path)
			return err_nomem(err);
	}
	for (size_t i = 0; i < files->ranges.len; i++) {
		const struct mapped_range *range = &files->ranges.at[i];
		struct mapped_file *file = &files->files[range->file];
		if (!range->offset && file->base == GOSPY_UNKNOWN)
			file->base = range->start;
	}
	return GOSPY_OK;
}

enum gospy_code mapped_files_init(struct mapped_files *files, const struct notes *notes,
				  const struct segments *segments, struct input *input,
				  const struct core_options *options, struct gospy_error *err)
{
	struct intern paths = {0};
	*files = (struct mapped_files){
		.program = SIZE_MAX,
		.segments = segments,
		.input = input,
		.bin = options->bin,
		.root = options->root,
	};
	pthread_mutex_init(&files->lock, NULL);
	enum gospy_code code = list_ranges(files, notes, &paths, err);
	if (!code)
		code = list_files(files, &paths, err);
	intern_deinit(&paths);
	const struct mapped_range *range =
		notes->auxv.phdr ? mapped_files_find(files, notes->auxv.phdr) : NULL;
	if (range)
		files->program = range->file;
	if (code)
		mapped_files_deinit(files);
	return code;
}

void mapped_files_deinit(struct mapped_files *files)
{
	for (size_t i = 0; i < files->count; i++) {
		if (files->files[i].fd >= 0)
			close(files->files[i].fd);
		free((void *)(uintptr_t)files->files[i].path);
	}
	free(files->files);
	vec_free(&files->ranges);
	pthread_mutex_destroy(&files->lock);
	*files = (struct mapped_files){0};
}

size_t mapped_files_before(const struct mapped_files *files, uint64_t addr)
{
	size_t low = 0, high = files->ranges.len;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (addr < files->ranges.at[mid].start)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

const struct mapped_range *mapped_files_find(const struct mapped_files *files, uint64_t addr)
{
	size_t next = mapped_files_before(files, addr);
	const struct mapped_range *range = next ? &files->ranges.at[next - 1] : NULL;
	return range && addr < range->end ? range : NULL;
}

/* ---- proving */

/* The first page as the core has it; 0: it has not even the headers. */
static size_t read_head(const struct mapped_files *files, const struct mapped_file *file,
			uint8_t head[HEAD])
{
	size_t len = file->base == GOSPY_UNKNOWN ? 0
						 : segments_stored(files->segments, files->input,
								   file->base, head, HEAD);
	return len < sizeof(Elf64_Ehdr) ? 0 : len;
}

/* Is the file behind `fd` the one that was mapped? */
static enum file_state prove(const struct mapped_files *files, const struct mapped_file *file,
			     int fd)
{
	uint8_t mapped[HEAD], stored[HEAD];
	size_t len = read_head(files, file, mapped);
	ssize_t n = pread(fd, stored, len, 0);
	if (!len)
		return FILE_UNKNOWN;
	// Behind the end of a file its page is zero.
	if (n < (ssize_t)sizeof(Elf64_Ehdr))
		return FILE_OTHER;
	for (size_t i = (size_t)n; i < len; i++) {
		if (mapped[i])
			return FILE_OTHER;
	}
	return memcmp(mapped, stored, (size_t)n) == 0 ? FILE_PROVED : FILE_OTHER;
}

/* ---- build IDs */

/* Of a program's headers. */
struct ids {
	uint8_t gnu[ID_MAX];
	size_t gnu_len; /* 0: it has none */
	char go[121];   /* "": it has none */
};

/* A note of the program: elf.h, NT_GNU_BUILD_ID; src/cmd/link/internal/ld/elf.go,
 * ELF_NOTE_GOBUILDID_TAG. */
static void take_id(struct ids *ids, const uint8_t *owner, uint32_t owner_len, uint32_t type,
		    const uint8_t *id, uint32_t len)
{
	enum { GO_BUILD_ID = 4 };
	if (owner_len == 4 && memcmp(owner, "GNU", 4) == 0 && type == NT_GNU_BUILD_ID && len &&
	    len <= sizeof(ids->gnu)) {
		memcpy(ids->gnu, id, len);
		ids->gnu_len = len;
	} else if (owner_len == 4 && memcmp(owner, "Go\0", 4) == 0 && type == GO_BUILD_ID && len &&
		   len < sizeof(ids->go)) {
		memcpy(ids->go, id, len);
		ids->go[len] = '\0';
	}
}

static void take_notes(struct ids *ids, struct span notes)
{
	struct cursor c = cursor_at(notes, 0);
	while (cursor_left(&c) >= sizeof(Elf64_Nhdr)) {
		uint32_t owner_len = cursor_u32(&c), len = cursor_u32(&c), type = cursor_u32(&c);
		const uint8_t *owner = cursor_bytes(&c, ((uint64_t)owner_len + 3) / 4 * 4);
		const uint8_t *id = cursor_bytes(&c, ((uint64_t)len + 3) / 4 * 4);
		if (!owner || !id)
			return;
		take_id(ids, owner, owner_len, type, id, len);
	}
}

/* The IDs of a file, as far as the core has them. */
static struct ids ids_of(const struct mapped_files *files, const struct mapped_file *file)
{
	struct ids ids = {.gnu_len = 0};
	uint8_t head[HEAD];
	Elf64_Ehdr ehdr;
	size_t len = read_head(files, file, head);
	if (len < sizeof(ehdr))
		return ids;
	memcpy(&ehdr, head, sizeof(ehdr));
	for (size_t i = 0; i < ehdr.e_phnum; i++) {
		Elf64_Phdr ph;
		uint64_t at = ehdr.e_phoff + i * sizeof(ph);
		if (ehdr.e_phoff > len || at > len - sizeof(ph))
			break;
		memcpy(&ph, head + at, sizeof(ph));
		if (ph.p_type != PT_NOTE || ph.p_offset > len || ph.p_filesz > len - ph.p_offset)
			continue;
		take_notes(&ids, (struct span){head + ph.p_offset, ph.p_filesz});
		// Go's linker ends the segment before the GNU build ID, which comes next
		// (1.24-1.27).
		uint64_t end = ph.p_offset + (ph.p_filesz + 3) / 4 * 4;
		if (!ids.gnu_len && end < len)
			take_notes(&ids, (struct span){head + end, len - end});
	}
	return ids;
}

/* ---- looking */

static enum gospy_code open_below(const char *root, const char *path, int *fd_ret)
{
	CLEANUP_CLOSE int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	CLEANUP_CLOSE int found = -1;
	enum gospy_code code =
		dir < 0 ? GOSPY_E_NOT_FOUND : file_find_below(dir, path, &found, NULL);
	return code ? code : file_reopen(found, path, fd_ret, NULL);
}

/* Try one candidate. What was learnt before is forgotten if this says more. */
static bool try_file(const struct mapped_files *files, struct mapped_file *file, int fd,
		     enum file_state *state)
{
	enum file_state result = prove(files, file, fd);
	if (*state == FILE_ABSENT || result == FILE_PROVED)
		*state = result;
	return result == FILE_PROVED;
}

static bool is_program(const struct mapped_files *files, const struct mapped_file *file)
{
	return files->program != SIZE_MAX && file == &files->files[files->program];
}

/* Ask the servers that the user has named. FILE_UNTRIED: the call was called off meanwhile, and
 * another one may ask again. */
static enum file_state fetch(struct mapped_files *files, struct mapped_file *file,
			     enum file_state state)
{
	CLEANUP_CLOSE int fd = -1;
	struct gospy_error err = {0};
	if (!debuginfod_is_set() || files->fetches >= FETCHES_MAX)
		return state;
	const struct ids ids = ids_of(files, file);
	if (!ids.gnu_len)
		return state;
	files->fetches++;
	enum gospy_code code = debuginfod_executable(ids.gnu, ids.gnu_len, &fd, &err);
	if (code == GOSPY_E_CANCELLED)
		return FILE_UNTRIED;
	if (!code && !try_file(files, file, fd, &state))
		code = err_set(&err, GOSPY_E_NOT_FOUND,
			       "what DEBUGINFOD_URLS has for it is another one");
	if (code && is_program(files, file))
		files->not_fetched = err;
	if (code)
		return state;
	file->fd = take_fd(&fd);
	return FILE_PROVED;
}

static enum file_state look_for(struct mapped_files *files, struct mapped_file *file)
{
	enum file_state state = FILE_ABSENT;
	CLEANUP_CLOSE int named = -1;
	CLEANUP_CLOSE int fd = -1;
	if (files->bin && !file_open(files->bin, &named, NULL) &&
	    try_file(files, file, named, &state)) {
		file->fd = take_fd(&named);
		return FILE_PROVED;
	}
	bool believed = state == FILE_UNKNOWN && is_program(files, file);
	enum gospy_code code = files->root ? open_below(files->root, file->path, &fd)
					   : file_open(file->path, &fd, NULL);
	if (!code && try_file(files, file, fd, &state)) {
		file->fd = take_fd(&fd);
		return FILE_PROVED;
	}
	if (believed) {
		file->fd = take_fd(&named);
		return FILE_BELIEVED;
	}
	return fetch(files, file, state);
}

int mapped_files_fd(struct mapped_files *files, size_t number)
{
	struct mapped_file *file = &files->files[number];
	int state = atomic_load_explicit(&file->state, memory_order_acquire);
	if (state == FILE_UNTRIED) {
		pthread_mutex_lock(&files->lock);
		state = atomic_load_explicit(&file->state, memory_order_relaxed);
		if (state == FILE_UNTRIED) {
			state = look_for(files, file);
			atomic_store_explicit(&file->state, state, memory_order_release);
		}
		pthread_mutex_unlock(&files->lock);
	}
	return state == FILE_PROVED || state == FILE_BELIEVED ? file->fd : -1;
}

/* ---- explaining */

/* "build ID 1234, Go build ID abc" */
static void add_ids(const struct ids *ids, struct strbuf *text)
{
	if (ids->gnu_len)
		strbuf_puts(text, "build ID ");
	for (size_t i = 0; i < ids->gnu_len; i++)
		strbuf_printf(text, "%02x", ids->gnu[i]);
	if (*ids->go)
		strbuf_printf(text, "%sGo build ID %s", text->len ? ", " : "", ids->go);
}

void mapped_files_explain(struct mapped_files *files, struct strbuf *text)
{
	if (files->program == SIZE_MAX) {
		strbuf_puts(text, "it does not say of which program it is");
		return;
	}
	mapped_files_fd(files, files->program);
	const struct mapped_file *file = &files->files[files->program];
	CLEANUP(strbuf_deinit) struct strbuf named = {0};
	const struct ids ids = ids_of(files, file);
	add_ids(&ids, &named);
	const char *open = named.len ? " (" : "", *close = named.len ? ")" : "";
	const char *what = named.len ? named.s : "";
	switch ((enum file_state)atomic_load(&file->state)) {
	case FILE_OTHER:
		strbuf_printf(text, "the file at %s%s is not its program %s%s%s%s",
			      files->root ? files->root : "", file->path, file->path, open, what,
			      close);
		break;
	case FILE_UNKNOWN:
		strbuf_printf(text,
			      "it does not hold the headers of its program %s, so nothing proves "
			      "that the file there is that program",
			      file->path);
		break;
	case FILE_UNTRIED:
	case FILE_PROVED:
	case FILE_BELIEVED:
	case FILE_ABSENT:
		strbuf_printf(text, "its program %s%s%s%s is not %s", file->path, open, what, close,
			      files->root ? "below " : "here");
		strbuf_puts(text, files->root ? files->root : "");
		break;
	}
	if (files->not_fetched.code)
		strbuf_printf(text, ", and %s", files->not_fetched.msg);
	else if (debuginfod_is_set() && !ids.gnu_len)
		strbuf_puts(text, ", and has no GNU build ID to ask DEBUGINFOD_URLS by");
}
