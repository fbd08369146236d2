#include "render/measure.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct unit {
	const char *name;
	double factor;
};

/* Units of one kind, the smallest first; a NULL ends them. */
struct kind {
	const char *base;     /* what profiles call the smallest */
	struct unit fallback; /* of what is less than the smallest */
	struct unit units[7];
};

static const struct kind kinds[] = {
	{"bytes",
	 {"B", 1},
	 {{"B", 1},
	  {"kB", 0x1p10},
	  {"MB", 0x1p20},
	  {"GB", 0x1p30},
	  {"TB", 0x1p40},
	  {"PB", 0x1p50},
	  {0}}},
	{"nanoseconds",
	 {"s", 1e9},
	 {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"hrs", 3600e9}, {0}}},
};

static const struct unit *find(const struct kind *kind, const char *name)
{
	if (strcmp(kind->base, name) == 0)
		return &kind->units[0];
	for (const struct unit *unit = kind->units; unit->name; unit++) {
		if (strcasecmp(unit->name, name) == 0)
			return unit;
	}
	return NULL;
}

static const struct unit *fitting(const struct kind *kind, double value)
{
	const struct unit *found = &kind->fallback;
	for (const struct unit *unit = kind->units; unit->name; unit++) {
		if (value / unit->factor >= 1)
			found = unit;
	}
	return found;
}

/* Is the unit not worth printing? */
static bool is_dull(const char *unit)
{
	static const char *const dull[] = {"count", "sample", "unit", "minimum", "auto"};
	for (size_t i = 0; i < sizeof(dull) / sizeof(dull[0]); i++) {
		if (strcmp(unit, dull[i]) == 0)
			return true;
	}
	return false;
}

double measure_scale(int64_t value, const char *from, const char *to, const char **unit_ret)
{
	if (value < 0 && value != INT64_MIN)
		return -measure_scale(-value, from, to, unit_ret);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const struct unit *is = find(&kinds[i], from);
		if (!is)
			continue;
		double base = (double)value * is->factor;
		const struct unit *unit =
			strcmp(to, "minimum") == 0 ? fitting(&kinds[i], base) : find(&kinds[i], to);
		unit = unit ? unit : &kinds[i].fallback;
		*unit_ret = unit->name;
		return base / unit->factor;
	}
	*unit_ret = is_dull(to) ? "" : to;
	return (double)value;
}

struct measure_text measure_label(int64_t value, const char *from, const char *to)
{
	struct measure_text text;
	const char *unit;
	int n = snprintf(text.s, sizeof(text.s), "%.2f", measure_scale(value, from, to, &unit));
	if (n > 3 && strcmp(text.s + n - 3, ".00") == 0)
		text.s[n -= 3] = '\0';
	if (strcmp(text.s, "0") == 0 || strcmp(text.s, "-0") == 0)
		return (struct measure_text){"0"};
	snprintf(text.s + n, sizeof(text.s) - (size_t)n, "%s", unit);
	return text;
}

struct measure_text measure_percent(int64_t value, int64_t total)
{
	struct measure_text text;
	double percent = total ? fabs((double)value / (double)total) * 100 : 0;
	if (percent >= 99.95 && percent <= 100.05)
		return (struct measure_text){"  100%"};
	snprintf(text.s, sizeof(text.s), percent >= 1 ? "%5.2f%%" : "%5.2g%%", percent);
	return text;
}
