#include <stdlib.h>
#include <string.h>

#include "core/debuginfod.h"

bool debuginfod_is_set(void)
{
	const char *urls = secure_getenv("DEBUGINFOD_URLS");
	return urls && urls[strspn(urls, " ")];
}

enum gospy_code debuginfod_executable(const uint8_t *id, size_t len, int *fd_ret,
				      struct gospy_error *err)
{
	(void)id;
	(void)len;
	(void)fd_ret;
	return err_set(err, GOSPY_E_NOT_FOUND,
		       "DEBUGINFOD_URLS takes a library, and this gospy is static");
}
