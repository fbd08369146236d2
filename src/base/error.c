#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 5, 0))) static void fill(struct gospy_error *err,
						       enum gospy_code code, int os_errno,
						       uint64_t addr, const char *fmt, va_list ap)
{
	if (!err)
		return;
	err->code = code;
	err->os_errno = os_errno;
	err->addr = addr;
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
}

enum gospy_code err_set(struct gospy_error *err, enum gospy_code code, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fill(err, code, 0, 0, fmt, ap);
	va_end(ap);
	return code;
}

static enum gospy_code code_of_errno(int os_errno)
{
	switch (os_errno) {
	case EPERM:
	case EACCES:
		return GOSPY_E_PERM;
	case ESRCH:
		return GOSPY_E_GONE;
	case ENOMEM:
		return GOSPY_E_NOMEM;
	default:
		return GOSPY_E_OS;
	}
}

enum gospy_code err_os(struct gospy_error *err, int os_errno, const char *fmt, ...)
{
	enum gospy_code code = code_of_errno(os_errno);
	va_list ap;
	va_start(ap, fmt);
	fill(err, code, os_errno, 0, fmt, ap);
	va_end(ap);
	if (err) {
		char text[64];
		size_t len = strlen(err->msg);
		// The GNU strerror_r may return a string of its own instead of filling `text`.
		snprintf(err->msg + len, sizeof(err->msg) - len, ": %s",
			 strerror_r(os_errno, text, sizeof(text)));
	}
	return code;
}

enum gospy_code err_fault(struct gospy_error *err, uint64_t addr, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fill(err, GOSPY_E_FAULT, 0, addr, fmt, ap);
	va_end(ap);
	return GOSPY_E_FAULT;
}

enum gospy_code err_nomem(struct gospy_error *err)
{
	return err_set(err, GOSPY_E_NOMEM, "out of memory");
}

enum gospy_code err_context(struct gospy_error *err, enum gospy_code code, const char *fmt, ...)
{
	if (!err)
		return code;
	char msg[sizeof(err->msg)];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	// What does not fit is cut off; with its result in use, gcc takes that to be meant.
	if (n > 0 && (size_t)n < sizeof(msg) &&
	    snprintf(msg + n, sizeof(msg) - (size_t)n, ": %s", err->msg) > 0)
		memcpy(err->msg, msg, sizeof(msg));
	return code;
}
