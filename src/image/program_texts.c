#include "image/program_texts.h"

#include <string.h>

enum {
	WAIT_REASON_MAX = 256, /* waitReason is a uint8 */
	WAIT_REASON_TEXT_MAX = 128,
};

enum gospy_code program_read_string(struct program *program, uint64_t header, size_t max,
				    const char **ret, struct gospy_error *err)
{
	uint64_t text, len;
	if (!paged_u64(&program->window, header, &text) ||
	    !paged_u64(&program->window, header + 8, &len))
		return err_set(err, GOSPY_E_BAD_DATA, "no string at 0x%llx",
			       (unsigned long long)header);
	if (len > max)
		return err_set(err, GOSPY_E_LIMIT, "a string of %llu bytes at 0x%llx",
			       (unsigned long long)len, (unsigned long long)header);
	const uint8_t *bytes = len ? paged_at_addr(&program->window, text, len) : NULL;
	if (len && !bytes)
		return err_set(err, GOSPY_E_BAD_DATA, "no text of %llu bytes at 0x%llx",
			       (unsigned long long)len, (unsigned long long)text);
	char *s = arena_alloc(&program->arena, len + 1);
	if (!s)
		return err_nomem(err);
	if (len)
		memcpy(s, bytes, len);
	*ret = s;
	return GOSPY_OK;
}

static enum gospy_code read_wait_reasons(struct program *program, struct gospy_error *err)
{
	struct global g = program->globals.waitReasonStrings;
	size_t n = (size_t)(g.size / 16); // an array of Go strings
	if (n < 2 || n > WAIT_REASON_MAX)
		return err_set(err, GOSPY_E_BAD_DATA,
			       "runtime.waitReasonStrings has a size of %llu bytes",
			       (unsigned long long)g.size);
	program->wait_reasons = arena_calloc(&program->arena, n, sizeof(*program->wait_reasons));
	if (!program->wait_reasons)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++) {
		enum gospy_code code =
			program_read_string(program, g.addr + i * 16, WAIT_REASON_TEXT_MAX,
					    &program->wait_reasons[i], err);
		if (code)
			return err_context(err, code, "runtime.waitReasonStrings[%zu]", i);
	}
	program->wait_reason_count = n;
	return GOSPY_OK;
}

/* Address of the value of a GODEBUG setting, or 0. src/runtime/runtime1.go: dbgvars is a slice of
 * dbgVar{name string; value *int32}, from Go 1.21 on of *dbgVar{..., atomic *int32; def int32}. */
static uint64_t find_dbgvar(struct program *program, const char *name)
{
	enum { POINTERS_SINCE = 21, VARS_MAX = 1024, VAR_LEN = 3 * 8 };
	bool pointers = program->version.minor >= POINTERS_SINCE;
	struct paged *window = &program->window;
	uint64_t dbgvars = program->globals.dbgvars.addr, array, count;
	size_t len = strlen(name);
	if (!dbgvars || !paged_u64(window, dbgvars, &array) ||
	    !paged_u64(window, dbgvars + 8, &count) || count > VARS_MAX)
		return 0;
	for (uint64_t i = 0; i < count; i++) {
		uint64_t addr = array + i * (pointers ? sizeof(addr) : VAR_LEN);
		uint64_t text, text_len, value, atomic = 0;
		if ((pointers && !paged_u64(window, addr, &addr)) ||
		    !paged_u64(window, addr, &text) || !paged_u64(window, addr + 8, &text_len) ||
		    !paged_u64(window, addr + 16, &value) ||
		    (pointers && !paged_u64(window, addr + 24, &atomic)))
			return 0;
		const uint8_t *bytes =
			text_len == len ? paged_at_addr(window, text, text_len) : NULL;
		if (bytes && memcmp(bytes, name, len) == 0)
			return atomic ? atomic : value;
	}
	return 0;
}

static void find_settings(struct program *program)
{
	program->traceback_labels = find_dbgvar(program, "tracebacklabels");
	program->traceback_ancestors = find_dbgvar(program, "tracebackancestors");
	program->profile_depth = find_dbgvar(program, "profstackdepth");
}

enum gospy_code program_read_texts(struct program *program, struct gospy_error *err)
{
	enum gospy_code code = read_wait_reasons(program, err);
	// Where code led to it, it may be something else; each process is asked (image_check.h).
	if (code && code != GOSPY_E_NOMEM && program->by_code >> GLOBAL_waitReasonStrings & 1)
		code = GOSPY_OK;
	if (!code)
		find_settings(program);
	return code;
}
