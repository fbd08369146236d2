#include "snapshot/memstats.h"

#include "base/clock.h"
#include "base/error.h"
#include "capture/steady.h"
#include "snapshot/decode_memstats.h"

struct reader {
	struct image *image;
	struct memcopy copies[2];
	unsigned last; /* of the copies */
};

static enum gospy_code copy(void *ctx, struct gospy_error *err)
{
	struct reader *r = ctx;
	r->last = 1 - r->last;
	return memcopy_read(&r->copies[r->last], r->image, err);
}

static bool at_rest(void *ctx)
{
	const struct reader *r = ctx;
	return memcopy_at_rest(&r->copies[r->last], &r->image->layout);
}

static bool is_same(void *ctx)
{
	const struct reader *r = ctx;
	return memcopy_is_same(&r->copies[0], &r->copies[1]);
}

/* Why figures are missing that this Go has, or NULL. */
static const char *find_problem(const struct image *image, const struct memcopy *c,
				const struct gospy_memstats *m)
{
	const struct layout *layout = &image->layout;
#define LEFT_OUT  "figures are left out: "
#define NO_LAYOUT "the program carries no DWARF, and no layout table fits its runtime."
	if (!layout->mstats.size)
		return LEFT_OUT NO_LAYOUT "mstats";
	if (!layout->gcController.size)
		return LEFT_OUT NO_LAYOUT "gcControllerState";
	if (!layout->mheap.size)
		return LEFT_OUT NO_LAYOUT "mheap";
	if (field_present(layout->mstats.heapStats) && !layout->heapStatsDelta.size)
		return LEFT_OUT NO_LAYOUT "heapStatsDelta";
	if (!c->caches_known)
		return LEFT_OUT "what the P's have in their caches cannot be read";
	if (!c->stacks_known || m->stack_inuse == GOSPY_UNKNOWN)
		return LEFT_OUT "the stacks that the P's have in their caches cannot be followed";
	if (m->mallocs == GOSPY_UNKNOWN)
		return LEFT_OUT "the size classes of this runtime are not those that are known";
	if (!c->gcphase_known)
		return LEFT_OUT "runtime.gcphase was not found";
	return NULL;
#undef NO_LAYOUT
#undef LEFT_OUT
}

/* How long the target had run when the reading was made. */
static uint64_t uptime_at(const struct source *source, uint64_t time_unix_ns)
{
	uint64_t real_ns = source_clock_ns(source, SOURCE_REAL);
	uint64_t boot_ns = source_clock_ns(source, SOURCE_BOOT);
	if (real_ns == GOSPY_UNKNOWN || boot_ns == GOSPY_UNKNOWN || time_unix_ns == GOSPY_UNKNOWN)
		return GOSPY_UNKNOWN;
	return source_uptime_ns(source, boot_ns - (real_ns - time_unix_ns));
}

enum gospy_code memstats_read(struct source *source, struct image *image,
			      const struct gospy_read_options *options, struct gospy_memstats *ret,
			      struct gospy_error *err)
{
	struct reader reader = {.image = image};
	const struct steady steady = {copy, at_rest, is_same, &reader};
	struct gospy_reading reading;
	enum gospy_code code = steady_read(source, image, options, &steady, &reading, err);
	if (!code) {
		const struct memcopy *last = &reader.copies[reader.last];
		decode_memstats(last, &image->layout, image->version.minor, ret);
		reading.problem = find_problem(image, last, ret);
		ret->uptime_ns = uptime_at(source, reading.time_unix_ns);
		ret->reading = reading;
	}
	memcopy_deinit(&reader.copies[0]);
	memcopy_deinit(&reader.copies[1]);
	return code;
}
