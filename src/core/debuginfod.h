/*
 * Files by their build ID, from the servers that the user names in DEBUGINFOD_URLS: a core file is
 * often opened where its program is not. Without that variable nobody is asked. What comes is to be
 * proved like any other file.
 *
 * libdebuginfod does it, which is looked for when it is needed: it brings an HTTP client along, and
 * few have use for it. It keeps what it has fetched in the user's cache.
 */
#ifndef GOSPY_CORE_DEBUGINFOD_H
#define GOSPY_CORE_DEBUGINFOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/** Has the user named servers? */
bool debuginfod_is_set(void);
/** The executable or library with this GNU build ID. The caller closes it. GOSPY_E_NOT_FOUND: no
 * server has it, or there is no libdebuginfod; GOSPY_E_OS, _PERM, _NOMEM: they could not be asked.
 * `err` says why, as a part of a sentence. GOSPY_E_CANCELLED. */
enum gospy_code debuginfod_executable(const uint8_t *id, size_t len, int *fd_ret,
				      struct gospy_error *err);

#endif
