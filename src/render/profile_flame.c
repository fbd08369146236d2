#include "render/profile_flame.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "render/flame_html.h"
#include "render/flame_svg.h"
#include "render/units.h"

static bool draw(struct out *out, const struct gospy_profile *profile,
		 struct flame_picture *picture,
		 bool (*write)(struct out *out, const struct flame_picture *picture))
{
	CLEANUP(flame_deinit) struct flame flame = {0};
	char samples[40];
	const struct units_date date = units_date(profile->time_unix_ns);
	const char *facts[] = {picture->facts[0], date.s, samples};
	snprintf(samples, sizeof(samples), "%zu sample%s", profile->sample_count,
		 units_plural(profile->sample_count));
	picture->flame = &flame;
	picture->facts = facts;
	picture->fact_count = sizeof(facts) / sizeof(facts[0]);
	picture->types = profile->types;
	picture->type_count = profile->type_count;
	picture->note = profile->note;
	return flame_init(&flame, profile->type_count) && flame_add_profile(&flame, profile, 0) &&
	       flame_end(&flame) && write(out, picture);
}

bool profile_flame_html(struct out *out, const struct gospy_profile *profile, const char *title,
			const char *go_version, size_t type)
{
	struct flame_picture picture = {.title = title, .facts = &go_version, .type = type};
	return draw(out, profile, &picture, flame_html);
}

bool profile_flame_svg(struct out *out, const struct gospy_profile *profile, const char *title,
		       const char *go_version, size_t type)
{
	struct flame_picture picture = {.title = title, .facts = &go_version, .type = type};
	return draw(out, profile, &picture, flame_svg);
}
