/* Files of pprof. What can be read can be merged, and a merged one stays what it is. */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "gospy.h"
#include "profile/decode.h"
#include "profile/made.h"
#include "profile/merge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each number that refers to something can be followed. */
static void follow(const struct gospy_profile *p)
{
	for (size_t i = 0; i < p->sample_count; i++) {
		const struct gospy_profile_sample *sample = &p->samples[i];
		for (size_t k = 0; k < sample->location_count; k++) {
			if (sample->locations[k] >= p->location_count)
				__builtin_trap();
		}
	}
	for (size_t i = 0; i < p->location_count; i++) {
		const struct gospy_profile_location *location = &p->locations[i];
		if (location->mapping > p->mapping_count)
			__builtin_trap();
		for (size_t k = 0; k < location->line_count; k++) {
			if (location->lines[k].function >= p->function_count)
				__builtin_trap();
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct gospy_label tag = {"pprof::base", "true"};
	struct gospy_profile *profile, *once = NULL, *twice = NULL;
	if (profile_decode(data, size, &profile, NULL))
		return 0;
	follow(profile);
	const struct gospy_profile_part parts[] = {{.profile = profile, .factor = 1},
						   {profile, -1, &tag, 1}};
	bool failed = profile_merge(parts, 2, &once, NULL);
	const struct gospy_profile_part again = {.profile = once, .factor = 1};
	if (failed || profile_merge(&again, 1, &twice, NULL))
		__builtin_trap();
	follow(once);
	if (once->sample_count != twice->sample_count ||
	    once->location_count != twice->location_count ||
	    once->function_count != twice->function_count ||
	    once->mapping_count != twice->mapping_count)
		__builtin_trap();
	made_destroy(profile);
	made_destroy(once);
	made_destroy(twice);
	return 0;
}
