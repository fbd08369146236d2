#include "capture/scatter.h"

#include <stddef.h>

_Static_assert(offsetof(struct radix_item, key) == 0 && offsetof(struct radix_item, tag) == 8,
	       "items of a bulk with lengths");

struct reading {
	const struct scatter *scatter;
	void (*visit)(void *ctx, uint32_t index, const uint8_t *bytes);
	void *ctx;
};

static void visit_item(void *ctx, unsigned worker, size_t i, const uint8_t *bytes,
		       const uint8_t *again)
{
	const struct reading *reading = ctx;
	(void)worker;
	(void)again;
	reading->visit(reading->ctx, reading->scatter->items.at[i].index, bytes);
}

enum gospy_code scatter_read(struct scatter *scatter, struct passes *p,
			     void (*visit)(void *ctx, uint32_t index, const uint8_t *bytes),
			     void *ctx, struct gospy_error *err)
{
	struct reading reading = {scatter, visit, ctx};
	struct bulk bulk = {
		.mem = p->image->mem,
		.room = p->room,
		.items = scatter->items.at,
		.stride = sizeof(*scatter->items.at),
		.count = scatter->items.len,
		.lengths = true,
		.visit = visit_item,
		.ctx = &reading,
	};
	if (!bulk.count)
		return GOSPY_OK;
	if (!radix_sort(scatter->items.at, scatter->items.len))
		return err_nomem(err);
	for (size_t i = 0; i < scatter->items.len; i++) {
		if (scatter->items.at[i].tag > bulk.len)
			bulk.len = scatter->items.at[i].tag;
	}
	enum gospy_code code = bulk_run(&bulk, NULL, err);
	scatter->items.len = 0;
	return code;
}
