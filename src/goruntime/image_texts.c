#include <string.h>

#include "goruntime/resolve.h"

enum {
	WAIT_REASON_MAX = 256, /* waitReason is a uint8 */
	WAIT_REASON_TEXT_MAX = 128,
};

enum gospy_code image_read_string(struct image *image, uint64_t header, size_t max,
				  const char **ret, struct gospy_error *err)
{
	uint64_t words[2]; // a Go string: pointer, length
	enum gospy_code code = mem_read(image->mem, header, words, sizeof(words), err);
	if (code)
		return code;
	if (words[1] > max)
		return err_set(err, GOSPY_E_LIMIT, "a string of %llu bytes at 0x%llx",
			       (unsigned long long)words[1], (unsigned long long)header);
	char *s = arena_alloc(&image->arena, words[1] + 1);
	if (!s)
		return err_nomem(err);
	if (words[1] && (code = mem_read(image->mem, words[0], s, words[1], err)))
		return code;
	*ret = s;
	return GOSPY_OK;
}

static enum gospy_code read_wait_reasons(struct image *image, struct gospy_error *err)
{
	struct global g = image->globals.waitReasonStrings;
	size_t n = (size_t)(g.size / 16); // an array of Go strings
	if (n < 2 || n > WAIT_REASON_MAX)
		return err_set(err, GOSPY_E_BAD_DATA,
			       "runtime.waitReasonStrings has a size of %llu bytes",
			       (unsigned long long)g.size);
	image->wait_reasons = arena_calloc(&image->arena, n, sizeof(*image->wait_reasons));
	if (!image->wait_reasons)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++) {
		enum gospy_code code = image_read_string(
			image, g.addr + i * 16, WAIT_REASON_TEXT_MAX, &image->wait_reasons[i], err);
		if (code)
			return err_context(err, code, "runtime.waitReasonStrings[%zu]", i);
	}
	image->wait_reason_count = n;
	return GOSPY_OK;
}

/* Address of the value of a GODEBUG setting, or 0. src/runtime/runtime1.go: dbgvars is a slice of
 * dbgVar{name string; value *int32}, from Go 1.21 on of *dbgVar{..., atomic *int32; def int32}. */
static uint64_t find_dbgvar(const struct image *image, const char *name)
{
	enum { POINTERS_SINCE = 21, VARS_MAX = 1024, NAME_MAX_LEN = 32, VAR_LEN = 3 * 8 };
	bool pointers = image->version.minor >= POINTERS_SINCE;
	size_t len = strlen(name);
	uint64_t vars[2]; // array, len
	if (!image->globals.dbgvars.addr ||
	    mem_read(image->mem, image->globals.dbgvars.addr, vars, sizeof(vars), NULL) ||
	    vars[1] > VARS_MAX)
		return 0;
	for (uint64_t i = 0; i < vars[1]; i++) {
		uint64_t addr = vars[0] + i * (pointers ? sizeof(addr) : VAR_LEN);
		uint64_t var[4] = {0}; // name, len, value, atomic
		char text[NAME_MAX_LEN];
		if ((pointers && mem_read_u64(image->mem, addr, &addr, NULL)) ||
		    mem_read(image->mem, addr, var, pointers ? sizeof(var) : VAR_LEN, NULL))
			return 0;
		if (var[1] == len && len <= sizeof(text) &&
		    !mem_read(image->mem, var[0], text, len, NULL) && memcmp(text, name, len) == 0)
			return var[3] ? var[3] : var[2];
	}
	return 0;
}

static void find_traceback_settings(struct image *image)
{
	image->traceback_labels = find_dbgvar(image, "tracebacklabels");
	image->traceback_ancestors = find_dbgvar(image, "tracebackancestors");
}

enum gospy_code image_read_texts(struct image *image, struct gospy_error *err)
{
	enum gospy_code code = read_wait_reasons(image, err);
	if (!code)
		find_traceback_settings(image);
	return code;
}
