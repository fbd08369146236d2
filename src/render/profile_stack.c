#include "render/profile_stack.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"

size_t profile_call_limit(const struct gospy_profile *profile)
{
	return profile->function_count + profile->location_count;
}

bool profile_stack(const struct gospy_profile *profile, const struct gospy_profile_sample *sample,
		   profile_calls *ret)
{
	ret->len = 0;
	for (size_t i = sample->location_count; i-- > 0;) {
		uint32_t index = sample->locations[i];
		const struct gospy_profile_location *location = &profile->locations[index];
		const uint32_t unknown = (uint32_t)profile->function_count + index;
		bool is_code = location->addr != UINT64_MAX;
		if (!location->line_count && is_code && !vec_push(ret, unknown))
			return false;
		for (size_t k = location->line_count; k-- > 0;) {
			uint32_t call = location->lines[k].function;
			bool known = *profile->functions[call].name;
			if ((known || is_code) && !vec_push(ret, known ? call : unknown))
				return false;
		}
	}
	return true;
}

void profile_call_name(const struct gospy_profile *profile, uint32_t call, struct strbuf *b)
{
	if (call < profile->function_count)
		strbuf_puts(b, profile->functions[call].printed);
	else
		strbuf_printf(b, "0x%" PRIx64,
			      profile->locations[call - profile->function_count].addr);
}

enum gospy_code profile_find_type(const struct gospy_profile *profile, const char *name,
				  size_t *ret, struct gospy_error *err)
{
	CLEANUP(strbuf_deinit) struct strbuf names = {0};
	const char *wanted = name ? name : profile->default_type;
	*ret = profile->type_count - 1;
	if (!wanted)
		return GOSPY_OK;
	for (size_t i = 0; i < profile->type_count; i++) {
		if (strcmp(profile->types[i].type, wanted) == 0) {
			*ret = i;
			return GOSPY_OK;
		}
		strbuf_printf(&names, "%s%s", i ? ", " : "", profile->types[i].type);
	}
	return err_set(err, GOSPY_E_USAGE, "the %s profile has no '%s'; it has %s", profile->name,
		       wanted, names.s ? names.s : "nothing");
}
