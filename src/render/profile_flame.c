#include "render/profile_flame.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "render/flame_html.h"
#include "render/flame_svg.h"
#include "render/units.h"

static bool draw(struct out *out, const struct gospy_profile *profile,
		 const struct gospy_profile *base, struct flame_picture *picture,
		 bool (*write)(struct out *out, const struct flame_picture *picture))
{
	CLEANUP(flame_deinit) struct flame flame = {0};
	char samples[40], before[120] = "";
	const struct units_date date = units_date(profile->time_unix_ns);
	const char *facts[] = {picture->facts[0], date.s, samples, before};
	snprintf(samples, sizeof(samples), "%zu sample%s", profile->sample_count,
		 units_plural(profile->sample_count));
	if (base)
		snprintf(before, sizeof(before), "before: %s", units_date(base->time_unix_ns).s);
	picture->flame = &flame;
	picture->diff = base;
	picture->facts = facts;
	picture->fact_count = base ? 4 : 3;
	picture->types = profile->types;
	picture->type_count = profile->type_count;
	picture->note = profile->note;
	return flame_init(&flame, profile->type_count * (base ? 2 : 1)) &&
	       flame_add_profile(&flame, profile, 0) &&
	       (!base || flame_add_profile(&flame, base, profile->type_count)) &&
	       flame_end(&flame) && write(out, picture);
}

bool profile_flame_html(struct out *out, const struct gospy_profile *profile,
			const struct gospy_profile *base, const char *title, const char *go_version,
			size_t type)
{
	struct flame_picture picture = {.title = title, .facts = &go_version, .type = type};
	return draw(out, profile, base, &picture, flame_html);
}

bool profile_flame_svg(struct out *out, const struct gospy_profile *profile,
		       const struct gospy_profile *base, const char *title, const char *go_version,
		       size_t type)
{
	struct flame_picture picture = {.title = title, .facts = &go_version, .type = type};
	return draw(out, profile, base, &picture, flame_svg);
}
