#include "profile/ticks.h"

#include <x86intrin.h>

#include "base/clock.h"

/* Where .val is, and from Go 1.22 on before it .startTicks and .startTime. */
static uint64_t offset_of_val(const struct image *image)
{
	enum { MUTEX = 8, LOCK_AND_PAD = 16, STARTS_SINCE = 22, NO_PAD_SINCE = 20 };
	int minor = image->version.minor;
	if (minor >= STARTS_SINCE)
		return MUTEX + 2 * sizeof(uint64_t);
	return minor >= NO_PAD_SINCE ? MUTEX : LOCK_AND_PAD;
}

static uint64_t ratio(uint64_t ticks, uint64_t ns)
{
	uint64_t per_second = (uint64_t)((unsigned __int128)ticks * 1000000000 / (ns ? ns : 1));
	return per_second ? per_second : 1;
}

/* As the process would measure it. */
static uint64_t measure(void)
{
	enum { LONG_NS = 100 * 1000 * 1000 };
	uint64_t ns = clock_mono_ns(), ticks = __rdtsc();
	clock_sleep(LONG_NS);
	ns = clock_mono_ns() - ns;
	return ratio(__rdtsc() - ticks, ns);
}

enum gospy_code ticks_per_second(struct image *image, uint64_t ticks, const struct source *source,
				 uint64_t *ret, struct gospy_error *err)
{
	enum { STARTS_SINCE = 22 };
	uint64_t off = offset_of_val(image), start[2];
	// The counter of this processor says nothing about that of another one.
	if (source->frozen) {
		*ret = source->taken.cycles_per_second;
		if (!*ret && ticks && mem_read_u64(image->mem, ticks + off, ret, NULL))
			*ret = 0;
		return *ret ? GOSPY_OK
			    : err_set(err, GOSPY_E_UNSUPPORTED,
				      "times are counted in cycles of the processor, and a core "
				      "file does not tell how many make a second");
	}
	if (!ticks) { // nothing in the program has ever asked
		*ret = measure();
		return GOSPY_OK;
	}
	enum gospy_code code = mem_read_u64(image->mem, ticks + off, ret, err);
	if (code || *ret)
		return code;
	uint64_t now = source_clock_ns(source, SOURCE_MONO);
	if (image->version.minor < STARTS_SINCE || now == GOSPY_UNKNOWN) {
		*ret = measure();
		return GOSPY_OK;
	}
	code = mem_read(image->mem, ticks + off - sizeof(start), start, sizeof(start), err);
	if (!code)
		*ret = ratio(__rdtsc() - start[0], now - start[1]);
	return code;
}
