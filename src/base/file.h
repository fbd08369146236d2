/*
 * Opening files that others name, made, or may change meanwhile. To open a device, a terminal or a
 * FIFO may do something to it (a watchdog starts), and somebody can put a link to one where a file
 * was. So these functions first find what a path names, without opening it, and open only a regular
 * file.
 */
#ifndef GOSPY_BASE_FILE_H
#define GOSPY_BASE_FILE_H

#include "base/error.h"

/** What `path` names, as a descriptor that cannot be read from (O_PATH). Links are followed, those
 * of /proc too. The message says "cannot open PATH". */
enum gospy_code file_find(const char *path, int *fd_ret, struct gospy_error *err);
/** The same as a process would find it whose root is the directory `root`; AT_FDCWD: as gospy
 * itself does. A link as the last component is not followed, nor a link of /proc anywhere. */
enum gospy_code file_find_below(int root, const char *path, int *fd_ret, struct gospy_error *err);
/** Open for reading what was found, called `name` in messages. Never waits. GOSPY_E_BAD_DATA: it is
 * not a regular file. */
enum gospy_code file_reopen(int found_fd, const char *name, int *fd_ret, struct gospy_error *err);
/** The same of what file_find() has found by this path, also where there is no /proc. */
enum gospy_code file_open_found(int found_fd, const char *path, int *fd_ret,
				struct gospy_error *err);

/** file_find() and file_open_found(). */
enum gospy_code file_open(const char *path, int *fd_ret, struct gospy_error *err);

#endif
