#include "render/flame_picture.h"

#include <math.h>
#include <string.h>

bool flame_picture_widths(const struct flame_picture *picture, size_t type, flame_widths *ret)
{
	const struct flame *flame = picture->flame;
	size_t n = flame->nodes.len;
	if (!vec_reserve(ret, n))
		return false;
	ret->len = n;
	for (uint32_t i = 0; i < n; i++) {
		int64_t now = flame_value(flame, i, type)->self, base = 0;
		if (picture->diff)
			base = flame_value(flame, i, picture->type_count + type)->self;
		ret->at[i] = (now > 0 ? (double)now : 0) + (base > 0 ? (double)base : 0);
	}
	for (size_t i = n; i-- > 1;)
		ret->at[flame->nodes.at[i].parent] += ret->at[i];
	return true;
}

static void add_below(struct flame_below *below, int64_t value)
{
	if (value >= 0)
		return;
	below->stacks++;
	below->sum = (int64_t)((uint64_t)below->sum + (uint64_t)value);
}

struct flame_below flame_picture_below(const struct flame_picture *picture, size_t type)
{
	struct flame_below below = {0};
	for (uint32_t i = 0; i < picture->flame->nodes.len; i++) {
		add_below(&below, flame_value(picture->flame, i, type)->self);
		if (picture->diff)
			add_below(&below,
				  flame_value(picture->flame, i, picture->type_count + type)->self);
	}
	return below;
}

/* Bytes of "net/http.(*conn).serve" that are its package's; 0: it is in none. */
static size_t package_of(const char *name)
{
	size_t end = strcspn(name, "([");
	const char *slash = memrchr(name, '/', end);
	const char *last = slash ? slash + 1 : name;
	const char *dot = memchr(last, '.', end - (size_t)(last - name));
	return dot ? (size_t)(dot - name) : 0;
}

static bool is_runtime(const char *package, size_t len)
{
	static const char *const roots[] = {"runtime", "internal/runtime"};
	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
		size_t n = strlen(roots[i]);
		if (len >= n && memcmp(package, roots[i], n) == 0 &&
		    (len == n || package[n] == '/'))
			return true;
	}
	return false;
}

/* FNV-1a, which a script can compute as well. */
static uint32_t hash(const char *s, size_t len)
{
	uint32_t h = 2166136261;
	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)s[i]) * 16777619;
	return h ^ h >> 15;
}

struct flame_color flame_color_of(const char *name)
{
	size_t len = package_of(name);
	uint32_t of_package = hash(name, len);
	// Functions of one package differ by a shade.
	struct flame_color color = {.lightness = 70 + hash(name, strlen(name)) % 10};
	if (!len || is_runtime(name, len)) {
		color.hue = 210;
		color.saturation = 8;
		color.lightness += 4;
	} else {
		color.hue = of_package % 360;
		color.saturation = 48 + (of_package >> 9) % 24;
	}
	return color;
}

double flame_change(int64_t now, int64_t base)
{
	double a = (double)now, b = (double)base, most = fmax(fabs(a), fabs(b));
	return most > 0 ? fmax(-1, fmin(1, (a - b) / most)) : 0;
}

struct flame_color flame_color_of_change(double change)
{
	unsigned much = (unsigned)lround(fabs(change) * 100);
	return (struct flame_color){.hue = change > 0 ? 8 : 212,
				    .saturation = much * 85 / 100,
				    .lightness = 88 - much * 22 / 100};
}
