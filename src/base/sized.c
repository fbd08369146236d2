#include "base/sized.h"

#include <inttypes.h>
#include <string.h>

/* Larger than options will ever be: a size above is some other number, and there may be no memory
 * up to it. */
enum { SIZE_MOST = 4096 };

/* Every option struct has members of eight bytes, so that its size is a multiple of that. */
static bool is_a_size(size_t size)
{
	return size >= sizeof(size_t) && size <= SIZE_MOST && size % sizeof(size_t) == 0;
}

static bool is_zero(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i])
			return false;
	}
	return true;
}

enum gospy_code sized_read(void *own, size_t own_size, const void *given, const char *function,
			   struct gospy_error *err)
{
	size_t size;
	memset(own, 0, own_size);
	memcpy(own, &own_size, sizeof(own_size));
	if (!given)
		return GOSPY_OK;
	memcpy(&size, given, sizeof(size));
	if (!is_a_size(size))
		return err_set(err, GOSPY_E_USAGE,
			       "%s: no options are %zu bytes long: set their .size to their sizeof",
			       function, size);
	if (size > own_size && !is_zero((const uint8_t *)given + own_size, size - own_size))
		return err_set(err, GOSPY_E_USAGE,
			       "%s: an option is set that gospy %s does not know of", function,
			       GOSPY_VERSION);
	memcpy(own, given, size < own_size ? size : own_size);
	memcpy(own, &own_size, sizeof(own_size));
	return GOSPY_OK;
}

void sized_write(void *ret, size_t ret_size, const void *own, size_t own_size)
{
	size_t common = ret_size < own_size ? ret_size : own_size;
	memcpy(ret, own, common);
	memset((uint8_t *)ret + common, 0, ret_size - common);
}
