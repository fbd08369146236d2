#include "tui/waited.h"

#include <string.h>

#include "render/wait.h"
#include "tui/alloc.h"

static uint64_t *new_channels(struct arena *arena, size_t n)
{
	uint64_t *channels = n ? arena_calloc(arena, n, sizeof(*channels)) : NULL;
	alloc_check(!n || channels);
	return channels;
}

static void copy_channels(struct arena *arena, const struct gospy_goroutine *g, struct waited *ret)
{
	bool one = g->wait_kind == GOSPY_WAIT_CHANNEL;
	size_t n = one ? 1 : g->select_case_count;
	uint64_t *channels = new_channels(arena, n);
	for (size_t i = 0; i < n; i++)
		channels[i] = one ? g->wait_addr : g->select_cases[i].channel.addr;
	ret->channels = channels;
	ret->channel_count = n;
}

struct waited waited_of(struct arena *arena, const struct gospy_goroutine *g)
{
	struct waited waited = {.kind = g->wait_kind};
	struct strbuf text = {0};
	if (!wait_kind_name(g->wait_kind))
		return (struct waited){0};
	waited.id = wait_id(g);
	wait_name(g, &text);
	alloc_check(!text.failed);
	waited.name = arena_strndup(arena, text.s ? text.s : "", text.len);
	alloc_check(waited.name);
	strbuf_deinit(&text);
	copy_channels(arena, g, &waited);
	return waited;
}

struct waited waited_copy(struct arena *arena, const struct waited *from)
{
	struct waited waited = *from;
	uint64_t *channels = new_channels(arena, from->channel_count);
	if (channels)
		memcpy(channels, from->channels, from->channel_count * sizeof(*channels));
	waited.channels = channels;
	waited.name = arena_strdup(arena, from->name ? from->name : "");
	alloc_check(waited.name);
	return waited;
}

static bool has_channel(const struct waited *waited, uint64_t addr)
{
	for (size_t i = 0; i < waited->channel_count; i++) {
		if (waited->channels[i] == addr)
			return true;
	}
	return false;
}

bool waited_is_shared(const struct waited *waited, const struct gospy_goroutine *g)
{
	if (!waited->channel_count)
		return waited->kind && g->wait_kind == waited->kind && wait_id(g) == waited->id;
	if (g->wait_kind == GOSPY_WAIT_CHANNEL)
		return has_channel(waited, g->wait_addr);
	for (size_t i = 0; i < g->select_case_count; i++) {
		if (has_channel(waited, g->select_cases[i].channel.addr))
			return true;
	}
	return false;
}

bool waited_same(const struct waited *a, const struct waited *b)
{
	return a->kind == b->kind && a->id == b->id;
}
