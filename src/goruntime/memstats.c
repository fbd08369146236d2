#include "base/clock.h"
#include "base/error.h"
#include "goruntime/decode.h"
#include "goruntime/steady.h"

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

enum gospy_code gospy_memstats_read(struct gospy_target *target,
				    const struct gospy_read_options *options,
				    struct gospy_memstats *ret, struct gospy_error *err)
{
	if (!target || !ret || (options && options->size < sizeof(*options)))
		return err_set(err, GOSPY_E_USAGE, "gospy_memstats_read: bad argument");
	struct image *image = target->image;
	struct reader reader = {.image = image};
	const struct steady steady = {copy, at_rest, is_same, &reader};
	struct gospy_reading reading;
	enum gospy_code code = steady_read(target, options, &steady, &reading, err);
	if (!code) {
		const struct memcopy *last = &reader.copies[reader.last];
		decode_memstats(last, &image->layout, image->version.minor, ret);
		reading.problem = find_problem(image, last, ret);
		uint64_t age_ns = clock_real_ns() - reading.time_unix_ns;
		ret->uptime_ns = clock_boot_ns() - age_ns - target->info.start_ns;
		ret->reading = reading;
	}
	memcopy_deinit(&reader.copies[0]);
	memcopy_deinit(&reader.copies[1]);
	return code;
}
