/*
 * The room src/base/: tools that know nothing of Go, processes or files of programs.
 *
 * Enters: bytes, text and descriptors of whoever calls.
 * Leaves: errors, containers, windows on bytes that live elsewhere (paged.h), budgets, files that
 *   appear whole (save.h).
 * Owner: the caller owns each struct and ends it by its _deinit, _free or guard. The room keeps
 *   nothing but the secret of its hashes (hash.h), and which call each thread works for (cancel.h).
 *
 * This file fills a struct gospy_error. Every function returns the code it stored, so that
 * `return err_set(err, ...)` is the usual form; `err` may be NULL everywhere.
 */
#ifndef GOSPY_BASE_ERROR_H
#define GOSPY_BASE_ERROR_H

#include "gospy.h"

/** Store `code` and the message; errno and address become 0. */
enum gospy_code err_set(struct gospy_error *err, enum gospy_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** A failed system call. The code follows from `os_errno` (EPERM and EACCES: _PERM, ESRCH: _GONE,
 * ENOMEM: _NOMEM, else _OS); ": " and the errno's text are appended to the message. */
enum gospy_code err_os(struct gospy_error *err, int os_errno, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** GOSPY_E_FAULT at target address `addr`. */
enum gospy_code err_fault(struct gospy_error *err, uint64_t addr, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** GOSPY_E_NOMEM with its fixed message. */
enum gospy_code err_nomem(struct gospy_error *err);

/** Put "text: " before the message of an error that is passed on. `code` is returned. */
enum gospy_code err_context(struct gospy_error *err, enum gospy_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
