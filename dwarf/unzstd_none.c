/* In place of unzstd.c where gospy is built without libzstd. */
#include "dwarf/unzstd.h"

bool unzstd_available(void)
{
	return false;
}

struct unzstd *unzstd_create(inflate_read_fn read, void *ctx)
{
	(void)read;
	(void)ctx;
	return NULL;
}

void unzstd_destroy(struct unzstd *unzstd)
{
	(void)unzstd;
}

size_t unzstd_run(struct unzstd *unzstd, uint8_t *dst, size_t len)
{
	(void)unzstd;
	(void)dst;
	(void)len;
	return 0;
}

bool unzstd_ended(struct unzstd *unzstd)
{
	(void)unzstd;
	return false;
}

bool unzstd_too_large(const struct unzstd *unzstd)
{
	(void)unzstd;
	return false;
}
