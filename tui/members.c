#include "tui/members.h"

#include "base/clock.h"
#include "tui/alloc.h"
#include "tui/model_rows.h"
#include "tui/model_state.h"

enum { SLICE = 4096 /* goroutines between two looks at the clock */ };

void members_deinit(struct members *members)
{
	vec_free(&members->indexes);
	*members = (struct members){0};
}

static bool belongs_to_row(const struct members *members, const struct sample *sample,
			   enum group_key key, size_t i)
{
	const struct groups *groups = &sample->groups[key];
	uint32_t class = sample->census.class_of[i];
	return class != CENSUS_NOT_COUNTED &&
	       groups->groups.at[groups->group_of[class]].id == members->id;
}

static bool waits_for(const struct members *members, const struct sample *sample, size_t i)
{
	struct gospy_goroutine g;
	if (sample->census.class_of[i] == CENSUS_NOT_COUNTED)
		return false;
	gospy_snapshot_goroutine(sample->snapshot, i, &g);
	return waited_is_shared(&members->waited, &g);
}

static bool is_member(const struct members *members, const struct model *model, size_t i)
{
	switch (members->what) {
	case MEMBERS_OF_ROW:
		return belongs_to_row(members, model->sample, model->key, i);
	case MEMBERS_OF_OBJECT:
		return waits_for(members, model->sample, i);
	case MEMBERS_ALL:
		break;
	}
	return model->sample->census.class_of[i] != CENSUS_NOT_COUNTED;
}

static void scan(struct members *members, const struct model *model, size_t end)
{
	for (size_t i = members->scanned; i < end; i++) {
		if (is_member(members, model, i))
			alloc_check(vec_push(&members->indexes, (uint32_t)i));
	}
	members->scanned = end;
}

void members_step(struct members *members, const struct model *model, uint64_t budget_ns)
{
	size_t n = model->sample ? model->sample->census.goroutine_count : 0;
	if (members->what == MEMBERS_OF_ROW && !model_key_known(model))
		n = 0;
	uint64_t until = clock_mono_ns() + budget_ns;
	if (members->scanned > n)
		members->scanned = n;
	do {
		scan(members, model, n - members->scanned < SLICE ? n : members->scanned + SLICE);
		members->done = members->scanned >= n;
	} while (!members->done && clock_mono_ns() < until);
}
