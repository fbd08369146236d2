/*
 * The bytes of a core file, wherever they come from. It may be plain or compressed by zstd, xz, lz4
 * or gzip, which its first bytes say, not its name. A seekable zstd, such as a bundle of gospy's,
 * is read in place; all else that is compressed is unpacked once to a file without a name.
 *
 * An input may be used by several threads at once.
 */
#ifndef GOSPY_CORE_INPUT_H
#define GOSPY_CORE_INPUT_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/error.h"

struct input;

/**
 * Open a regular file; anything else is not touched. The path "-" is standard input, which may be
 * a pipe: that is copied to a file first. `max_unpacked` is how many bytes of the disk
 * unpacking may take; 0: the free space of the folder, $TMPDIR or /var/tmp, less 10 %.
 * GOSPY_E_BAD_DATA: it is no regular file, is empty, or nothing of it can be unpacked;
 * GOSPY_E_LIMIT: there is no room; GOSPY_E_UNSUPPORTED: gospy is built without the library;
 * GOSPY_E_CANCELLED, GOSPY_E_OS, GOSPY_E_PERM.
 */
enum gospy_code input_open(const char *path, uint64_t max_unpacked, struct input **ret,
			   struct gospy_error *err) __attribute__((warn_unused_result));
/** The same of a descriptor, which is called `name` in messages. It belongs to the input, and is
 * closed if there is none. */
enum gospy_code input_open_fd(int fd, const char *name, uint64_t max_unpacked, struct input **ret,
			      struct gospy_error *err) __attribute__((warn_unused_result));
/** NULL is allowed. */
void input_destroy(struct input *input);

/** The same for CLEANUP(). */
static inline void input_free(struct input **input)
{
	input_destroy(*input);
}

/** As many of the `len` bytes at `off` as there are: less at the end of the file, or, with
 * GOSPY_E_BAD_DATA, in front of what is damaged in a packed file, now and for ever. `*done_ret` is
 * set with errors, too. GOSPY_E_OS, GOSPY_E_NOMEM. */
enum gospy_code input_read(struct input *input, uint64_t off, void *dst, size_t len,
			   size_t *done_ret, struct gospy_error *err)
	__attribute__((warn_unused_result));

/** Unpacked. If input_cut(), so much of it as there is. */
uint64_t input_size(const struct input *input);
/** Of these, what is no hole of the file: in holes there are zeros alone. At most input_size(). */
uint64_t input_data_size(const struct input *input);
/** "zstd", "seekable zstd", "xz", "lz4" or "gzip"; NULL: it is not compressed. */
const char *input_format(const struct input *input);
/** Is the file packed, and ended before what was packed did, or is it damaged from there on? */
bool input_cut(const struct input *input);
/** How that shows, for a person: "its xz stream is cut off after 17 MiB"; NULL: it is not cut. */
const char *input_problem(const struct input *input);
/** Of the file as it was opened: its times, say. */
const struct stat *input_stat(const struct input *input);
/** The file as it was opened, for its extended attributes. The input's. */
int input_fd(const struct input *input);

#endif
