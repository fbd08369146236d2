#include "render/still.h"

#include <string.h>

#include "base/hash.h"

static uint64_t hash_of(const struct gospy_goroutine *g)
{
	if (g->soundness == GOSPY_SOUND_UNREADABLE || g->departures == GOSPY_UNKNOWN)
		return 0;
	uint64_t hash = hash_mix(g->goid, g->addr);
	hash = hash_mix(hash, g->departures);
	hash = hash_mix(hash, g->sp);
	hash = hash_mix(hash, g->stack_hi);
	hash = hash_mix(hash, g->current ? g->current->pc : 0);
	hash = hash_mix(hash, (uint64_t)(uintptr_t)g->wait_reason);
	return hash | 1;
}

bool still_begin(struct still *still, size_t count, uint64_t begin_ns, uint64_t end_ns)
{
	if (!vec_reserve(&still->entries, count))
		return false;
	if (count > still->entries.len)
		memset(still->entries.at + still->entries.len, 0,
		       (count - still->entries.len) * sizeof(*still->entries.at));
	still->entries.len = count;
	still->begin_ns = begin_ns;
	still->end_ns = end_ns;
	return true;
}

uint64_t still_note(struct still *still, const struct gospy_goroutine *g, size_t index)
{
	struct still_entry *entry = &still->entries.at[index];
	uint64_t hash = hash_of(g);
	// It was so at some time of the look: counted is from the end of the first one to the
	// begin of the last.
	if (hash != entry->hash)
		*entry = (struct still_entry){hash, still->end_ns};
	return still_ns(still, index);
}

uint64_t still_ns(const struct still *still, size_t index)
{
	const struct still_entry *entry = &still->entries.at[index];
	return entry->hash && entry->since_ns < still->begin_ns ? still->begin_ns - entry->since_ns
								: GOSPY_UNKNOWN;
}

bool still_look(struct still *still, struct gospy_snapshot *snapshot, uint64_t begin_ns,
		uint64_t end_ns)
{
	size_t n = gospy_snapshot_goroutine_count(snapshot);
	if (!still_begin(still, n, begin_ns, end_ns))
		return false;
	for (size_t i = 0; i < n; i++) {
		struct gospy_goroutine g;
		gospy_snapshot_goroutine(snapshot, i, &g);
		still_note(still, &g, i);
	}
	return true;
}

void still_deinit(struct still *still)
{
	vec_free(&still->entries);
}

struct wait_known wait_known(uint64_t wait_ns, uint64_t still_ns)
{
	static const uint64_t least_ns = 1000000000;
	if (still_ns == GOSPY_UNKNOWN || still_ns < least_ns ||
	    (wait_ns != GOSPY_UNKNOWN && wait_ns >= still_ns))
		return (struct wait_known){wait_ns, false};
	return (struct wait_known){still_ns, true};
}
