/* What a goroutine waits for: one name for one thing, in all reports and views. */
#ifndef GOSPY_RENDER_WAIT_H
#define GOSPY_RENDER_WAIT_H

#include "base/map.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "gospy.h"
#include "render/json.h"

/** "sync.Mutex", "channel", "fd", ...; NULL for GOSPY_WAIT_NONE. */
const char *wait_kind_name(enum gospy_wait_kind kind);

/** The name of what it waits for: "sync.Mutex 0xc000012348", "nil channel", "fd 7 10.0.0.1:80 from
 * 10.0.0.2:4711", "select of 0xc000012345 (receive), 0xc000012389 (send)". Appended, unescaped;
 * nothing if that is not known. */
void wait_name(const struct gospy_goroutine *g, struct strbuf *text);
/** Such a name, or what a terminal shows instead: a select without cases has the name of the state
 * there. `name` may be escaped. */
const char *wait_on_terminal(const char *name);
/** "channel 0xc000012345, cap 1 len 0, closed". Appended. */
void wait_channel(const struct gospy_channel *channel, struct strbuf *text);
/** "0xc000012345, cap 1 len 0 (receive), timer in 3.2s". Appended. */
void wait_case(const struct gospy_select_case *c, struct strbuf *text);
/** Behind the state of a goroutine: " on sync.Mutex 0xc000012348", ", 3.2s to go". Appended,
 * unescaped. Of a channel it is only what its timer says. */
void wait_detail(const struct gospy_goroutine *g, struct strbuf *text);
/** The member "waits_for", unless that is not known. */
void wait_json(struct json *json, const struct gospy_goroutine *g);

/** The same for all goroutines that wait for the same, and another one for others. With .wait_kind,
 * since there are but 64 bits. All sleeps are one. */
uint64_t wait_id(const struct gospy_goroutine *g);

/* What the goroutines of a group wait for. All zero is empty. */
struct wait_tally {
	VEC(struct wait_count) counts;
	struct map by_id; /* hash of kind and id -> 1 + index in counts */
	uint64_t others;  /* goroutines that wait for more things than are counted */
};
struct wait_count {
	enum gospy_wait_kind kind;
	uint64_t id;
	uint64_t goroutines;
	size_t example; /* index of one of them in the snapshot */
};
void wait_tally_deinit(struct wait_tally *tally);
/** Count a goroutine, number `index` of its snapshot; false: out of memory. */
bool wait_tally_add(struct wait_tally *tally, const struct gospy_goroutine *g, size_t index);
/** The most frequent first. */
void wait_tally_sort(struct wait_tally *tally);

#endif
