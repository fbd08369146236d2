#include "snapshot/decode_objects.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "capture/object_state.h"
#include "image/data_symbols.h"

static void decode_one(int go_minor, const struct object_rec *rec,
		       const struct gospy_holder *holders, struct gospy_object *ret)
{
	const struct object_state state = object_state(rec, go_minor);
	*ret = (struct gospy_object){
		.addr = rec->addr,
		.kind = (enum gospy_wait_kind)rec->kind,
		.locked = state.locked,
		.waiters = state.waiters,
		.readers = state.readers,
		.readers_waiting = state.readers_waiting,
		.counter = state.counter,
		.lock = state.lock,
		.holders = rec->count ? holders + rec->first : NULL,
		.holder_count = rec->count,
	};
}

static bool is_of_locks(const char *func)
{
	static const char *const packages[] = {"sync.", "internal/sync.", "sync/atomic.",
					       "internal/runtime/atomic.",
					       "runtime/internal/atomic."};
	for (size_t i = 0; i < sizeof(packages) / sizeof(packages[0]); i++) {
		if (strncmp(func, packages[i], strlen(packages[i])) == 0)
			return true;
	}
	return false;
}

/* The call in which it was taken, without what was inlined there of package sync. NULL: it is not
 * known, or there is no room. */
static const struct gospy_location *place_of(const struct capture *c, uint64_t pc,
					     struct gospy_location *room)
{
	const struct frame_site *site = symbols_frames(c->symbols, pc, true);
	for (size_t i = 0; i < site->call_count; i++) {
		const struct frame_call *call = &site->calls[i];
		if (!call->func || (is_of_locks(call->func) && i + 1 < site->call_count))
			continue;
		*room = (struct gospy_location){
			.pc = pc, .func = call->func, .file = call->file, .line = call->line};
		return room;
	}
	return NULL;
}

static void decode_holders(const struct capture *c, struct gospy_location *places,
			   struct gospy_holder *ret)
{
	for (size_t i = 0; i < c->holders.len; i++) {
		const struct holder_rec *rec = &c->holders.at[i];
		ret[i] = (struct gospy_holder){
			.goroutine = c->recs[rec->g].index,
			.reader = rec->reader,
			.doubt = (enum gospy_doubt)rec->doubt,
			.at = place_of(c, rec->pc, &places[i]),
		};
	}
}

static int compare_objects(const void *a, const void *b)
{
	const struct gospy_object *x = a, *y = b;
	return (x->addr > y->addr) - (x->addr < y->addr);
}

static enum gospy_code name_objects(struct source *source, const struct image *image,
				    struct gospy_object *objects, size_t n, struct arena *arena,
				    struct gospy_error *err)
{
	struct data_symbol *symbols = n ? arena_calloc(arena, n, sizeof(*symbols)) : NULL;
	if (n && !symbols)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++)
		symbols[i].addr = objects[i].addr;
	enum gospy_code code = data_symbols_find(source, image, symbols, n, arena, err);
	for (size_t i = 0; i < n; i++) {
		objects[i].symbol = symbols[i].name;
		objects[i].symbol_off = symbols[i].off;
	}
	return code;
}

enum gospy_code decode_objects(const struct capture *c, struct source *source,
			       const struct image *image, struct arena *arena,
			       struct gospy_objects *ret, struct gospy_error *err)
{
	size_t n = c->objects.len, m = c->holders.len, k = c->releasers.len;
	struct gospy_object *objects = n ? arena_calloc(arena, n, sizeof(*objects)) : NULL;
	struct gospy_holder *holders = m ? arena_calloc(arena, m, sizeof(*holders)) : NULL;
	struct gospy_location *places = m ? arena_calloc(arena, m, sizeof(*places)) : NULL;
	size_t *releasers = k ? arena_calloc(arena, k, sizeof(*releasers)) : NULL;
	if ((n && !objects) || (m && (!holders || !places)) || (k && !releasers))
		return err_nomem(err);
	decode_holders(c, places, holders);
	for (size_t i = 0; i < n; i++)
		decode_one(image->version.minor, &c->objects.at[i], holders, &objects[i]);
	if (n)
		qsort(objects, n, sizeof(*objects), compare_objects);
	enum gospy_code code = name_objects(source, image, objects, n, arena, err);
	if (code)
		return code;
	for (size_t i = 0; i < k; i++)
		releasers[i] = c->recs[c->releasers.at[i]].index;
	*ret = (struct gospy_objects){
		.objects = objects,
		.count = n,
		.releasers = releasers,
		.releaser_count = k,
		.cut = c->holders_cut,
	};
	return GOSPY_OK;
}
