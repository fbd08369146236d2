/* A source whose memory is all there is of it: no file of its mappings can be opened. */
#ifndef GOSPY_TESTS_NO_FILES_H
#define GOSPY_TESTS_NO_FILES_H

#include "target/source.h"

static inline enum gospy_code no_exe(struct source *source, int *fd_ret, struct gospy_error *err)
{
	(void)source;
	(void)fd_ret;
	return err_set(err, GOSPY_E_NOT_FOUND, "no file");
}

static inline enum gospy_code no_mapped(struct source *source, const struct mapping *map,
					int *fd_ret, struct gospy_error *err)
{
	(void)map;
	return no_exe(source, fd_ret, err);
}

static const struct source_ops no_files = {.open_exe = no_exe, .open_mapped = no_mapped};

#endif
