#include "heap/gofields.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cancel.h"
#include "base/cleanup.h"
#include "base/error.h"

enum { DEPTH_MAX = 32 };

static uint64_t size_of(struct gotypes *types, uint64_t addr)
{
	const uint8_t *d = gotypes_descriptor(types, addr);
	return d ? gotypes_word(d, GOTYPE_SIZE) : 0;
}

static bool is_of_sync(struct gotypes *types, uint64_t type)
{
	CLEANUP(strbuf_deinit) struct strbuf name = {0};
	return gotypes_add_name(&name, types, type) && !name.failed &&
	       (strncmp(name.s, "sync.", 5) == 0 || strncmp(name.s, "internal/sync.", 14) == 0);
}

/* The field that the byte is in: its name is added, `*type` and `*off` become those of the field.
 */
static bool step_into(struct strbuf *b, struct gotypes *types, const uint8_t *d, uint64_t *type,
		      uint64_t *off)
{
	uint64_t fields = gotypes_word(d, GOTYPE_FIELDS), n = gotypes_word(d, GOTYPE_FIELDS + 8);
	if (!n || n > GOTYPE_FIELDS_MAX)
		return false;
	CLEANUP_FREE uint8_t *bytes = malloc(n * GOTYPE_FIELD_LEN);
	if (!bytes || mem_read(types->image->mem, fields, bytes, n * GOTYPE_FIELD_LEN, NULL))
		return false;
	for (uint64_t i = 0; i < n; i++) {
		const uint8_t *field = bytes + i * GOTYPE_FIELD_LEN;
		uint64_t of = gotypes_word(field, 8), at = gotypes_field_off(types, field);
		if (*off < at || *off - at >= size_of(types, of))
			continue;
		strbuf_putc(b, '.');
		if (!gotypes_add_text(b, types, gotypes_word(field, 0)))
			strbuf_putc(b, '?');
		*type = of;
		*off -= at;
		return true;
	}
	return false;
}

void gofields_place(struct strbuf *b, struct gotypes *types, uint16_t number, uint64_t off)
{
	const struct gotype *of = &types->all.at[number];
	uint64_t type = of->addr;
	if (of->role != GOROLE_VALUE && of->role != GOROLE_ARRAY)
		return;
	uint64_t size = size_of(types, type);
	// Of a slot that is larger the rest belongs to nobody.
	if (!size || (of->role == GOROLE_VALUE && off >= size))
		return;
	if (of->role == GOROLE_ARRAY) {
		strbuf_printf(b, "[%" PRIu64 "]", off / size);
		off %= size;
	}
	for (unsigned depth = 0; depth < DEPTH_MAX; depth++) {
		const uint8_t *d = gotypes_descriptor(types, type);
		uint8_t kind = d ? gotypes_kind(d) : 0;
		if (kind == GOKIND_STRUCT && !is_of_sync(types, type)) {
			if (!step_into(b, types, d, &type, &off))
				break;
		} else if (kind == GOKIND_ARRAY) {
			uint64_t elem = gotypes_word(d, GOTYPE_ELEM), each = size_of(types, elem);
			if (!each)
				break;
			strbuf_printf(b, "[%" PRIu64 "]", off / each);
			off %= each;
			type = elem;
		} else {
			break;
		}
	}
	if (off)
		strbuf_printf(b, "+0x%" PRIx64, off);
}

/* -------------------------------------------------------------------------------------- values --
 */

enum {
	TEXT_SHOWN = 128,    /* bytes of a string */
	STEPS_MAX = 1 << 16, /* parts that are looked at: types may be made of themselves */
	/* abi.Kind, what gotypes.h does not need. */
	KIND_BOOL = 1,
	KIND_INT = 2,
	KIND_INT8 = 3,
	KIND_INT16 = 4,
	KIND_INT32 = 5,
	KIND_INT64 = 6,
	KIND_UINT = 7,
	KIND_UINT8 = 8,
	KIND_UINT16 = 9,
	KIND_UINT32 = 10,
	KIND_UINT64 = 11,
	KIND_UINTPTR = 12,
	KIND_FLOAT32 = 13,
	KIND_FLOAT64 = 14,
	KIND_COMPLEX64 = 15,
	KIND_COMPLEX128 = 16,
};

struct listing {
	struct gotypes *types;
	const uint8_t *bytes;
	uint64_t len;
	gofields_fn *fn;
	void *ctx;
	struct strbuf field, type, value;
	unsigned steps;
	bool ended, more;
	enum gospy_code code; /* of what ended it */
	struct gospy_error *err;
};

static void listing_deinit(struct listing *l)
{
	strbuf_deinit(&l->field);
	strbuf_deinit(&l->type);
	strbuf_deinit(&l->value);
}

/* A number of up to 8 bytes, as it is stored. */
static uint64_t load(const struct listing *l, uint64_t off, uint64_t size)
{
	uint64_t v = 0;
	size = size <= sizeof(v) ? size : sizeof(v);
	if (off <= l->len && size <= l->len - off)
		memcpy(&v, l->bytes + off, size);
	return v;
}

static void add_float(struct strbuf *b, const struct listing *l, uint64_t off, uint64_t size)
{
	uint64_t bits = load(l, off, size);
	float f;
	double d;
	memcpy(&f, &bits, sizeof(f));
	if (size == sizeof(d))
		memcpy(&d, &bits, sizeof(d));
	else
		d = (double)f;
	strbuf_printf(b, "%.*g", size == sizeof(d) ? 17 : 9, d);
}

/* Between quotation marks, with its length if it is cut. */
static void add_quoted(struct strbuf *b, const uint8_t *text, uint64_t shown, uint64_t len)
{
	strbuf_putc(b, '"');
	for (uint64_t i = 0; i < shown; i++) {
		if (text[i]) // others are escaped where they are shown
			strbuf_putc(b, (char)text[i]);
		else
			strbuf_puts(b, "\\x00");
	}
	strbuf_putc(b, '"');
	if (shown < len)
		strbuf_printf(b, "... (%" PRIu64 " bytes)", len);
}

static void add_string(struct strbuf *b, const struct listing *l, uint64_t off)
{
	uint8_t text[TEXT_SHOWN];
	uint64_t at = load(l, off, 8), len = load(l, off + 8, 8);
	uint64_t shown = len < sizeof(text) ? len : sizeof(text);
	if (shown && mem_read(l->types->image->mem, at, text, shown, NULL))
		strbuf_printf(b, "%" PRIu64 " bytes at 0x%" PRIx64 ", which cannot be read", len,
			      at);
	else
		add_quoted(b, text, shown, len);
}

static void add_pointer(struct strbuf *b, uint64_t pointer)
{
	if (pointer)
		strbuf_printf(b, "0x%" PRIx64, pointer);
	else
		strbuf_puts(b, "nil");
}

static void add_interface(struct strbuf *b, const struct listing *l, uint64_t off, const uint8_t *d)
{
	// An interface without methods has no itab.
	uint64_t word = load(l, off, 8), dynamic;
	if (!word) {
		strbuf_puts(b, "nil");
		return;
	}
	dynamic = gotypes_dynamic(l->types, word, gotypes_word(d, GOTYPE_METHODS));
	if (!dynamic || !gotypes_add_name(b, l->types, dynamic))
		strbuf_putc(b, '?');
	strbuf_puts(b, " at ");
	add_pointer(b, load(l, off + 8, 8));
}

static void add_value(struct strbuf *b, const struct listing *l, const uint8_t *d, uint64_t off)
{
	uint64_t size = gotypes_word(d, GOTYPE_SIZE), bits = 64 - 8 * (size < 8 ? size : 8);
	uint8_t kind = gotypes_kind(d);
	if (kind == KIND_BOOL)
		strbuf_puts(b, load(l, off, 1) ? "true" : "false");
	else if (kind >= KIND_INT && kind <= KIND_INT64)
		strbuf_printf(b, "%" PRId64, (int64_t)(load(l, off, size) << bits) >> bits);
	else if (kind < KIND_UINTPTR)
		strbuf_printf(b, "%" PRIu64, load(l, off, size));
	else if (kind == KIND_UINTPTR)
		strbuf_printf(b, "0x%" PRIx64, load(l, off, size));
	else if (kind == KIND_FLOAT32 || kind == KIND_FLOAT64)
		add_float(b, l, off, size);
	else if (kind == KIND_COMPLEX64 || kind == KIND_COMPLEX128) {
		add_float(b, l, off, size / 2);
		strbuf_puts(b, ", ");
		add_float(b, l, off + size / 2, size / 2);
		strbuf_putc(b, 'i');
	} else if (kind == GOKIND_STRING) {
		add_string(b, l, off);
	} else if (kind == GOKIND_SLICE) {
		strbuf_printf(b, "len %" PRIu64 " cap %" PRIu64 " at ", load(l, off + 8, 8),
			      load(l, off + 16, 8));
		add_pointer(b, load(l, off, 8));
	} else if (kind == GOKIND_INTERFACE) {
		add_interface(b, l, off, d);
	} else {
		add_pointer(b, load(l, off, 8));
	}
}

/* Of a value of that kind, which is not made of others; 0: there are no such values. */
static uint64_t size_of_kind(uint8_t kind)
{
	static const uint8_t sizes[] = {
		[KIND_BOOL] = 1,         [KIND_INT] = 8,       [KIND_INT8] = 1,
		[KIND_INT16] = 2,        [KIND_INT32] = 4,     [KIND_INT64] = 8,
		[KIND_UINT] = 8,         [KIND_UINT8] = 1,     [KIND_UINT16] = 2,
		[KIND_UINT32] = 4,       [KIND_UINT64] = 8,    [KIND_UINTPTR] = 8,
		[KIND_FLOAT32] = 4,      [KIND_FLOAT64] = 8,   [KIND_COMPLEX64] = 8,
		[KIND_COMPLEX128] = 16,  [GOKIND_CHAN] = 8,    [GOKIND_FUNC] = 8,
		[GOKIND_INTERFACE] = 16, [GOKIND_MAP] = 8,     [GOKIND_POINTER] = 8,
		[GOKIND_SLICE] = 24,     [GOKIND_STRING] = 16, [GOKIND_UNSAFE_POINTER] = 8,
	};
	return kind < sizeof(sizes) ? sizes[kind] : 0;
}

static void tell(struct listing *l, uint64_t type, const uint8_t *d, uint64_t off)
{
	strbuf_clear(&l->type);
	strbuf_clear(&l->value);
	gotypes_add_name(&l->type, l->types, type);
	add_value(&l->value, l, d, off);
	if (l->field.failed || l->type.failed || l->value.failed ||
	    !l->fn(l->ctx, l->field.s && l->field.len ? l->field.s : "",
		   l->type.s && l->type.len ? l->type.s : "", l->value.s ? l->value.s : ""))
		l->ended = true;
}

static void cut(struct strbuf *b, size_t len)
{
	if (b->s && b->len >= len) {
		b->s[len] = 0;
		b->len = len;
	}
}

static void list(struct listing *l, uint64_t type, uint64_t off, unsigned depth);

static void list_struct(struct listing *l, const uint8_t *d, uint64_t off, unsigned depth)
{
	uint64_t fields = gotypes_word(d, GOTYPE_FIELDS), n = gotypes_word(d, GOTYPE_FIELDS + 8);
	size_t len = l->field.len;
	if (!n || n > GOTYPE_FIELDS_MAX)
		return;
	CLEANUP_FREE uint8_t *bytes = malloc(n * GOTYPE_FIELD_LEN);
	if (!bytes || mem_read(l->types->image->mem, fields, bytes, n * GOTYPE_FIELD_LEN, NULL))
		return;
	for (uint64_t i = 0; i < n && !l->ended; i++) {
		const uint8_t *field = bytes + i * GOTYPE_FIELD_LEN;
		uint64_t at = gotypes_field_off(l->types, field);
		strbuf_putc(&l->field, '.');
		if (!gotypes_add_text(&l->field, l->types, gotypes_word(field, 0)))
			strbuf_putc(&l->field, '?');
		list(l, gotypes_word(field, 8), at <= l->len ? off + at : UINT64_MAX, depth + 1);
		cut(&l->field, len);
	}
}

static void list_array(struct listing *l, uint64_t elem, uint64_t off, uint64_t bytes,
		       unsigned depth)
{
	const uint8_t *d = gotypes_descriptor(l->types, elem);
	uint64_t each = d ? gotypes_word(d, GOTYPE_SIZE) : 0;
	size_t len = l->field.len;
	uint64_t here = bytes < l->len - off ? bytes : l->len - off;
	if (each == 1 && gotypes_kind(d) == KIND_UINT8) {
		strbuf_clear(&l->type);
		strbuf_clear(&l->value);
		strbuf_puts(&l->type, "[]uint8");
		add_quoted(&l->value, l->bytes + off, here < TEXT_SHOWN ? here : TEXT_SHOWN, bytes);
		l->ended |= l->type.failed || l->value.failed ||
			    !l->fn(l->ctx, len ? l->field.s : "", l->type.s, l->value.s);
		return;
	}
	for (uint64_t i = 0; each && i < bytes / each && !l->ended; i++) {
		if (i * each >= here) {
			l->more = true;
			return;
		}
		strbuf_printf(&l->field, "[%" PRIu64 "]", i);
		list(l, elem, off + i * each, depth + 1);
		cut(&l->field, len);
	}
}

/* May another part be looked at? */
static bool step(struct listing *l)
{
	l->code = l->code ? l->code : cancel_check(l->err);
	if (!l->code && l->steps++ < STEPS_MAX)
		return true;
	l->more = l->ended = true;
	return false;
}

static void list(struct listing *l, uint64_t type, uint64_t off, unsigned depth)
{
	if (!step(l))
		return;
	const uint8_t *d = depth < DEPTH_MAX ? gotypes_descriptor(l->types, type) : NULL;
	uint64_t size = d ? gotypes_word(d, GOTYPE_SIZE) : 0;
	if (!size)
		return;
	// The rest of a large object is not here.
	if (off >= l->len) {
		l->more = true;
		return;
	}
	switch (gotypes_kind(d)) {
	case GOKIND_STRUCT:
		list_struct(l, d, off, depth);
		break;
	case GOKIND_ARRAY:
		list_array(l, gotypes_word(d, GOTYPE_ELEM), off, size, depth);
		break;
	default:
		if (size > l->len - off)
			l->more = true;
		else if (size == size_of_kind(gotypes_kind(d)))
			tell(l, type, d, off);
		break;
	}
}

/* The bytes of a string, whose length is where it is referred to from. Behind them is what was in
 * the slot before. */
static void tell_text(struct listing *l, uint64_t slot)
{
	uint64_t len = strnlen((const char *)l->bytes, l->len);
	strbuf_puts(&l->type, "string");
	add_quoted(&l->value, l->bytes, len < TEXT_SHOWN ? len : TEXT_SHOWN, len);
	strbuf_printf(&l->value, " or a part of it, in a slot of %" PRIu64 " bytes", slot);
	if (!l->type.failed && !l->value.failed)
		l->fn(l->ctx, "", l->type.s, l->value.s);
}

enum gospy_code gofields_each(struct gotypes *types, uint16_t number, const uint8_t *bytes,
			      uint64_t len, uint64_t slot, gofields_fn *fn, void *ctx,
			      bool *more_ret, struct gospy_error *err)
{
	CLEANUP(listing_deinit)
	struct listing l = {
		.types = types, .bytes = bytes, .len = len, .fn = fn, .ctx = ctx, .err = err};
	const struct gotype *of = &types->all.at[number];
	if (of->role == GOROLE_VALUE) {
		list(&l, of->addr, 0, 0);
	} else if (of->role == GOROLE_ARRAY) {
		list_array(&l, of->addr, 0, slot, 0);
	} else if (of->role == GOROLE_STRING) {
		tell_text(&l, slot);
	}
	*more_ret = l.more;
	return l.field.failed || l.type.failed || l.value.failed ? err_nomem(err) : l.code;
}
