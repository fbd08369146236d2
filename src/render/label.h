/* Profiler labels: choosing goroutines by them, and showing them. */
#ifndef GOSPY_RENDER_LABEL_H
#define GOSPY_RENDER_LABEL_H

#include "base/map.h"
#include "base/vec.h"
#include "gospy.h"
#include "render/json.h"

/** A label that is asked for. */
struct label_filter {
	const char *key; /* not terminated */
	size_t key_len;
	const char *value; /* NULL: any */
};

/** Does the goroutine have them all? */
bool label_match(const struct label_filter *filters, size_t n, const struct gospy_goroutine *g);

/** The member "labels", unless there are none. */
void label_json(struct json *json, const struct gospy_goroutine *g);

/** The labels of many goroutines. All zero is empty. */
struct label_tally {
	uint64_t goroutines;
	VEC(struct label_members) sets;
	struct map by_set; /* label_list -> 1 + index in sets */
};
struct label_members {
	const struct gospy_label *list;
	size_t len;
	uint64_t goroutines;
};
void label_tally_deinit(struct label_tally *tally);
/** Count the labels of a goroutine, whose snapshot must stay; false: out of memory. */
bool label_tally_add(struct label_tally *tally, const struct gospy_goroutine *g);

struct label_count {
	const char *key, *value;
	uint64_t goroutines; /* that have it */
};
typedef VEC(struct label_count) label_counts;
/** Each different label once, the most frequent first; false: out of memory. */
bool label_tally_counts(const struct label_tally *tally, label_counts *ret);

#endif
