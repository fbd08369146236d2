#include "heap/seeds.h"

#include <string.h>

#include "base/error.h"
#include "image/variable_types.h"

enum {
	// DWARF that lies may name one variable as often as it likes.
	VARIABLE_MAX = 1 << 20,
	ALL_MAX = 1 << 28,
	SLICE = 3 * sizeof(uint64_t),
};

struct seeding {
	struct image *image;
	struct types *types;
	VEC(uint8_t) room; /* for one variable */
	uint64_t bytes;    /* of all */
	bool no_memory;
};

/* What a variable holds leads to objects of the types that are told of it. */
static void seed(struct types *types, const struct dwinfo_holding *holding, const uint8_t *bytes,
		 uint64_t len)
{
	uint64_t word;
	switch (holding->holds) {
	case DWINFO_VALUE:
		types_variable(types, holding->runtime_type, bytes, len);
		break;
	case DWINFO_SLICE:
		types_slice(types, holding->runtime_type, bytes);
		break;
	case DWINFO_POINTER:
	case DWINFO_STRING:
		memcpy(&word, bytes, sizeof(word));
		if (holding->holds == DWINFO_POINTER)
			types_pointer(types, holding->runtime_type, word);
		else
			types_string(types, word);
		break;
	}
}

static bool take_variable(void *ctx, const struct dwinfo_holding *holding)
{
	struct seeding *s = ctx;
	const uint64_t len = holding->holds == DWINFO_VALUE   ? holding->size
			     : holding->holds == DWINFO_SLICE ? SLICE
							      : sizeof(uint64_t);
	if (!len || len > VARIABLE_MAX)
		return true;
	s->bytes += len;
	if (s->bytes > ALL_MAX)
		return false;
	if (len > s->room.cap && !vec_reserve(&s->room, len)) {
		s->no_memory = true;
		return false;
	}
	if (!mem_read(s->image->mem, holding->addr, s->room.at, len, NULL))
		seed(s->types, holding, s->room.at, len);
	return true;
}

enum gospy_code seeds_take(struct image *image, struct source *source, struct types *types,
			   struct gospy_error *err)
{
	struct seeding s = {.image = image, .types = types};
	enum gospy_code code = variable_types_each(image, source, take_variable, &s, err);
	vec_free(&s.room);
	return !code && s.no_memory ? err_nomem(err) : code;
}
