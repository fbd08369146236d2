#include "heap/gotypes.h"

#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"

/* Offsets in abi.Type and what it begins. */
enum {
	TYPE_SIZE = GOTYPE_SIZE,
	TYPE_PTR_BYTES = 8,
	TYPE_TFLAG = 20,
	TYPE_KIND = 23,
	TYPE_STR = 40,
	TYPE_LEN = 48,
	ELEM = GOTYPE_ELEM,
	MAP_INNER = 64, /* of maps: the type of buckets, from Go 1.24 on of groups */
	STRUCT_FIELDS = GOTYPE_FIELDS,
	GOTYPE_BYTES = 80,
	FIELD_LEN = GOTYPE_FIELD_LEN,
	ITAB_TYPE = 8,

	KIND_MASK = (1 << 5) - 1,
	TFLAG_EXTRA_STAR = 1 << 1,
	VARINT_NAMES_SINCE = 17,
	PLAIN_OFFSETS_SINCE = 19, /* offsets of fields lost their lowest bit, "embedded" */
	SWISS_SINCE = 24,

	/* runtime.hchan.buf; hmap.buckets, .oldbuckets; maps.Map.dirPtr, .dirLen; maps.table's
	 * groups.data. */
	HCHAN_BUF = 16,
	HMAP_BUCKETS = 16,
	HMAP_OLD_BUCKETS = 24,
	MAP_DIR_PTR = 16,
	TABLE_GROUPS = 16,
};

enum {
	LEAVES_MAX = 2048, /* of one type; what an array has beyond that is not followed */
	STEPS_MAX = 8192,  /* fields of structures in structures, of one type */
	DEPTH_MAX = 32,
	FIELDS_MAX = GOTYPE_FIELDS_MAX,
	FIELDS_ALL_MAX = 1 << 22,  /* of all types; large programs have some hundred thousand */
	DESCRIPTORS_MAX = 1 << 18, /* the largest programs have a tenth of it */
};

static uint64_t load_u64(const uint8_t *bytes)
{
	uint64_t v;
	memcpy(&v, bytes, sizeof(v));
	return v;
}

enum gospy_code gotypes_init(struct gotypes *types, struct image *image, struct gospy_error *err)
{
	const char *text = image->go_version;
	*types = (struct gotypes){.image = image};
	types->swiss = image->version.minor >= SWISS_SINCE && !(text && strstr(text, "noswissmap"));
	return vec_push(&types->all, (struct gotype){0}) ? GOSPY_OK : err_nomem(err);
}

void gotypes_deinit(struct gotypes *types)
{
	vec_free(&types->all);
	map_deinit(&types->by_key);
	map_deinit(&types->descriptors);
	arena_deinit(&types->arena);
}

/* --------------------------------------------------------------------------------- descriptors --
 */

static uint8_t kind_of(const uint8_t *d)
{
	return d[TYPE_KIND] & KIND_MASK;
}

static bool is_possible(const uint8_t *d)
{
	uint64_t size = load_u64(d + TYPE_SIZE), ptr_bytes = load_u64(d + TYPE_PTR_BYTES);
	return kind_of(d) && kind_of(d) <= GOKIND_UNSAFE_POINTER && ptr_bytes <= size &&
	       ptr_bytes % 8 == 0 && size < UINT64_C(1) << 47;
}

/* The first bytes of the descriptor; NULL: there is none that makes sense. */
static const uint8_t *descriptor(struct gotypes *types, uint64_t addr)
{
	const uint64_t *known = map_get(&types->descriptors, addr);
	if (known)
		return (const uint8_t *)(uintptr_t)*known;
	if (!addr || addr % 8 || types->read >= DESCRIPTORS_MAX)
		return NULL;
	types->read++;
	uint64_t *slot = map_put(&types->descriptors, addr);
	uint8_t *d = arena_alloc(&types->arena, GOTYPE_BYTES);
	if (!slot || !d) {
		types->no_memory = true;
		return NULL;
	}
	// Descriptors of other kinds than structures are shorter, and may be the last.
	struct mem_req req = {.addr = addr, .dst = d, .len = GOTYPE_BYTES};
	enum gospy_code code = mem_readv(types->image->mem, &req, 1, NULL);
	if ((code && code != GOSPY_E_FAULT) || req.done < TYPE_LEN || !is_possible(d))
		return NULL;
	*slot = (uintptr_t)d;
	return d;
}

const uint8_t *gotypes_descriptor(struct gotypes *types, uint64_t addr)
{
	return descriptor(types, addr);
}

uint8_t gotypes_kind(const uint8_t *d)
{
	return kind_of(d);
}

uint64_t gotypes_field_off(const struct gotypes *types, const uint8_t *field)
{
	return load_u64(field + 16) >> (types->image->version.minor < PLAIN_OFFSETS_SINCE);
}

uint16_t gotypes_number(struct gotypes *types, enum gorole role, uint64_t addr)
{
	uint64_t key = addr << 3 | role;
	const uint64_t *known = map_get(&types->by_key, key);
	if (known)
		return (uint16_t)*known;
	if (types->all.len > GOTYPES_MAX) {
		types->full = true;
		return 0;
	}
	struct gotype type = {.addr = addr, .role = role, .known = true};
	const uint8_t *d = role < GOROLE_STRING ? descriptor(types, addr) : NULL;
	if (role < GOROLE_STRING && !d)
		return 0;
	if (d) {
		type.kind = kind_of(d);
		type.size = load_u64(d + TYPE_SIZE);
		type.ptr_bytes = load_u64(d + TYPE_PTR_BYTES);
	}
	uint64_t *slot = map_put(&types->by_key, key);
	if (!slot || !vec_push(&types->all, type)) {
		types->no_memory = true;
		return 0;
	}
	*slot = types->all.len - 1;
	return (uint16_t)*slot;
}

/* -------------------------------------------------------------------------------------- leaves --
 */

struct walk {
	struct gotypes *types;
	VEC(struct goleaf) leaves;
	unsigned steps;
};

static void add(struct walk *w, uint64_t off, enum goleaf_what what, enum gorole role,
		uint64_t type)
{
	const struct goleaf leaf = {(uint32_t)off, (uint8_t)what, (uint8_t)role, type};
	if (off <= UINT32_MAX && w->leaves.len < LEAVES_MAX && !vec_push(&w->leaves, leaf))
		w->types->no_memory = true;
}

static void walk_type(struct walk *w, uint64_t addr, uint64_t off, unsigned depth);

static void walk_struct(struct walk *w, const uint8_t *d, uint64_t off, unsigned depth)
{
	uint64_t fields = load_u64(d + STRUCT_FIELDS), n = load_u64(d + STRUCT_FIELDS + 8);
	if (!n || n > FIELDS_MAX || w->types->fields > FIELDS_ALL_MAX)
		return;
	w->types->fields += n;
	uint8_t *bytes = malloc(n * FIELD_LEN);
	if (!bytes) {
		w->types->no_memory = true;
		return;
	}
	if (!mem_read(w->types->image->mem, fields, bytes, n * FIELD_LEN, NULL)) {
		for (uint64_t i = 0; i < n; i++) {
			const uint8_t *field = bytes + i * FIELD_LEN;
			uint64_t at = gotypes_field_off(w->types, field);
			if (at < load_u64(d + TYPE_PTR_BYTES))
				walk_type(w, load_u64(field + 8), off + at, depth + 1);
		}
	}
	free(bytes);
}

static void walk_array(struct walk *w, const uint8_t *d, uint64_t off, unsigned depth)
{
	uint64_t elem = load_u64(d + ELEM);
	const uint8_t *e = descriptor(w->types, elem);
	uint64_t size = e ? load_u64(e + TYPE_SIZE) : 0;
	for (uint64_t at = 0; size && at + size <= load_u64(d + TYPE_SIZE); at += size) {
		size_t before = w->leaves.len;
		walk_type(w, elem, off + at, depth + 1);
		if (w->leaves.len == before || w->steps > STEPS_MAX)
			return;
	}
}

/* The leaves of a value whose first byte is `off`. */
static void walk_type(struct walk *w, uint64_t addr, uint64_t off, unsigned depth)
{
	const uint8_t *d =
		depth < DEPTH_MAX && w->steps++ < STEPS_MAX ? descriptor(w->types, addr) : NULL;
	if (!d || !load_u64(d + TYPE_PTR_BYTES))
		return;
	switch (kind_of(d)) {
	case GOKIND_ARRAY:
		walk_array(w, d, off, depth);
		break;
	case GOKIND_STRUCT:
		walk_struct(w, d, off, depth);
		break;
	case GOKIND_CHAN:
		add(w, off, GOLEAF_OBJECT, GOROLE_CHAN, addr);
		break;
	case GOKIND_MAP:
		add(w, off, GOLEAF_OBJECT, GOROLE_MAP, addr);
		break;
	case GOKIND_POINTER:
		add(w, off, GOLEAF_OBJECT, GOROLE_VALUE, load_u64(d + ELEM));
		break;
	case GOKIND_FUNC:
		add(w, off, GOLEAF_OBJECT, GOROLE_CLOSURE, 0);
		break;
	case GOKIND_STRING:
		add(w, off, GOLEAF_OBJECT, GOROLE_STRING, 0);
		break;
	case GOKIND_SLICE:
		add(w, off, GOLEAF_SLICE, GOROLE_ARRAY, load_u64(d + ELEM));
		break;
	case GOKIND_INTERFACE:
		// An interface without methods has no itab: interfacetype.methods is a slice.
		add(w, off, load_u64(d + 64) ? GOLEAF_IFACE : GOLEAF_EMPTY_IFACE, GOROLE_VALUE, 0);
		break;
	default:
		break;
	}
}

static bool add_text(struct strbuf *b, struct gotypes *types, uint64_t addr, const uint8_t *d);

/* Buckets up to Go 1.23 end in a pointer to the next one, which has no type. */
static void walk_bucket(struct walk *w, const struct gotype *type, const uint8_t *d)
{
	static const char prefix[] = "map.bucket[";
	struct strbuf b = {0};
	if (!w->types->swiss && type->kind == GOKIND_STRUCT && type->size == type->ptr_bytes &&
	    type->size && add_text(&b, w->types, type->addr, d) && !b.failed &&
	    strncmp(b.s, prefix, sizeof(prefix) - 1) == 0)
		add(w, type->size - sizeof(uint64_t), GOLEAF_OBJECT, GOROLE_ARRAY, type->addr);
	strbuf_deinit(&b);
}

/* Arrays may be long: what they consist of is looked at once. */
static void walk_elements(struct walk *w, struct gotype *type, const uint8_t *d)
{
	uint64_t addr = type->addr;
	type->step = type->role == GOROLE_ARRAY ? type->size : 0;
	for (unsigned depth = 0; depth < DEPTH_MAX && kind_of(d) == GOKIND_ARRAY; depth++) {
		uint64_t elem = load_u64(d + ELEM);
		const uint8_t *e = descriptor(w->types, elem);
		if (!e || !load_u64(e + TYPE_SIZE))
			break;
		addr = elem;
		d = e;
		type->step = load_u64(e + TYPE_SIZE);
	}
	walk_type(w, addr, 0, 0);
}

static void walk_role(struct walk *w, struct gotype *type)
{
	const uint8_t *d = type->role < GOROLE_STRING ? descriptor(w->types, type->addr) : NULL;
	const uint8_t *elem;
	if (!d)
		return;
	switch (type->role) {
	case GOROLE_VALUE:
	case GOROLE_ARRAY:
		walk_elements(w, type, d);
		walk_bucket(w, type, d);
		break;
	case GOROLE_CHAN:
		elem = descriptor(w->types, load_u64(d + ELEM));
		// Without pointers the buffer is a part of the channel.
		if (elem && load_u64(elem + TYPE_PTR_BYTES))
			add(w, HCHAN_BUF, GOLEAF_OBJECT, GOROLE_ARRAY, load_u64(d + ELEM));
		break;
	case GOROLE_MAP:
		if (w->types->swiss) {
			add(w, MAP_DIR_PTR, GOLEAF_SWISS_MAP, GOROLE_ARRAY, type->addr);
		} else {
			add(w, HMAP_BUCKETS, GOLEAF_OBJECT, GOROLE_ARRAY, load_u64(d + MAP_INNER));
			add(w, HMAP_OLD_BUCKETS, GOLEAF_OBJECT, GOROLE_ARRAY,
			    load_u64(d + MAP_INNER));
		}
		break;
	case GOROLE_MAP_DIR:
		add(w, 0, GOLEAF_OBJECT, GOROLE_MAP_TABLE, type->addr);
		break;
	case GOROLE_MAP_TABLE:
		add(w, TABLE_GROUPS, GOLEAF_OBJECT, GOROLE_ARRAY, load_u64(d + MAP_INNER));
		break;
	case GOROLE_STRING:
	case GOROLE_CLOSURE:
		break;
	}
}

const struct gotype *gotypes_walked(struct gotypes *types, uint16_t number)
{
	struct gotype *type = &types->all.at[number];
	if (type->walked)
		return type;
	struct walk w = {.types = types};
	walk_role(&w, type);
	type->leaves = arena_calloc(&types->arena, w.leaves.len + 1, sizeof(*type->leaves));
	if (type->leaves && w.leaves.len) {
		memcpy(type->leaves, w.leaves.at, w.leaves.len * sizeof(*type->leaves));
		type->leaf_count = w.leaves.len;
	}
	types->no_memory |= !type->leaves;
	vec_free(&w.leaves);
	if (type->role == GOROLE_MAP_DIR)
		type->step = sizeof(uint64_t);
	type->walked = true;
	return type;
}

uint64_t gotypes_inner(struct gotypes *types, uint64_t map)
{
	const uint8_t *d = descriptor(types, map);
	return d && kind_of(d) == GOKIND_MAP ? load_u64(d + MAP_INNER) : 0;
}

/* ---------------------------------------------------------------------------------- interfaces --
 */

uint64_t gotypes_dynamic(struct gotypes *types, uint64_t word, bool has_itab)
{
	uint64_t type = word;
	if (!word || (has_itab && mem_read_u64(types->image->mem, word + ITAB_TYPE, &type, NULL)))
		return 0;
	return descriptor(types, type) ? type : 0;
}

static bool has_text(const struct gotypes *types, uint64_t addr, const uint8_t *d);

uint64_t gotypes_guess(struct gotypes *types, uint64_t word)
{
	uint64_t itab[2];
	if (word % 8 || mem_read(types->image->mem, word, itab, sizeof(itab), NULL))
		return 0;
	// A descriptor begins with a size, which is no address.
	const uint8_t *inter = itab[0] >> 20 ? descriptor(types, itab[0]) : NULL;
	if (inter)
		return kind_of(inter) == GOKIND_INTERFACE && has_text(types, itab[0], inter) &&
				       descriptor(types, itab[1])
			       ? itab[1]
			       : 0;
	const uint8_t *d = descriptor(types, word);
	return d && has_text(types, word, d) ? word : 0;
}

bool gotypes_boxed(struct gotypes *types, uint64_t type, enum gorole *role_ret, uint64_t *type_ret)
{
	const uint8_t *d = descriptor(types, type);
	if (!d)
		return false;
	*type_ret = type;
	*role_ret = GOROLE_VALUE;
	switch (kind_of(d)) {
	case GOKIND_POINTER:
		*type_ret = load_u64(d + ELEM);
		return true;
	case GOKIND_CHAN:
		*role_ret = GOROLE_CHAN;
		return true;
	case GOKIND_MAP:
		*role_ret = GOROLE_MAP;
		return true;
	case GOKIND_FUNC:
		*role_ret = GOROLE_CLOSURE;
		*type_ret = 0;
		return true;
	case GOKIND_UNSAFE_POINTER:
		return false;
	case GOKIND_STRUCT:
	case GOKIND_ARRAY:
		// One that is but a pointer may be the pointer itself.
		return load_u64(d + TYPE_SIZE) != 8 || !load_u64(d + TYPE_PTR_BYTES);
	default:
		return true;
	}
}

/* --------------------------------------------------------------------------------------- names --
 */

/* Where the name of the descriptor is; 0: it is of no module. Those that reflect makes are not. */
static uint64_t text_at(const struct gotypes *types, uint64_t addr, const uint8_t *d)
{
	const struct program *program = types->image->program;
	uint64_t shift = image_shift(types->image), at = addr - shift;
	uint32_t str;
	memcpy(&str, d + TYPE_STR, sizeof(str));
	if (at - program->md.types < program->md.etypes - program->md.types)
		return str < program->md.etypes - program->md.types
			       ? program->md.types + shift + str
			       : 0;
	for (const struct pclntab *p = program->pcln.next; p; p = p->next) {
		if (at - p->md.types < p->md.etypes - p->md.types)
			return str < p->md.etypes - p->md.types ? p->md.types + shift + str : 0;
	}
	return 0;
}

static bool has_text(const struct gotypes *types, uint64_t addr, const uint8_t *d)
{
	return text_at(types, addr, d);
}

/* With the star in front left out: there is always a pointer type, whose name has it. */
static bool add_bytes(struct strbuf *b, const struct gotypes *types, uint64_t at, bool star)
{
	uint8_t bytes[3 + GOTYPE_NAME_MAX];
	struct mem_req req = {.addr = at, .dst = bytes, .len = sizeof(bytes)};
	enum gospy_code code = at ? mem_readv(types->image->mem, &req, 1, NULL) : GOSPY_E_FAULT;
	if ((code && code != GOSPY_E_FAULT) || req.done < 3)
		return false;
	size_t len, from;
	if (types->image->version.minor < VARINT_NAMES_SINCE) {
		len = (size_t)bytes[1] << 8 | bytes[2];
		from = 3;
	} else {
		bool more = bytes[1] & 0x80;
		len = (size_t)(bytes[1] & 0x7f) | (more ? (size_t)bytes[2] << 7 : 0);
		from = more ? 3 : 2;
	}
	star = star && len;
	const char *text = (const char *)bytes + from + star;
	len -= star;
	bool cut = len > req.done - from - star;
	len = cut ? req.done - from - star : len;
	// The compiler's own: types that are never compared or hashed.
	if (len > 6 && memcmp(text, "noalg.", 6) == 0) {
		text += 6;
		len -= 6;
	}
	strbuf_add(b, text, len);
	if (cut)
		strbuf_puts(b, "...");
	return len;
}

static bool add_text(struct strbuf *b, struct gotypes *types, uint64_t addr, const uint8_t *d)
{
	return add_bytes(b, types, text_at(types, addr, d), d[TYPE_TFLAG] & TFLAG_EXTRA_STAR);
}

bool gotypes_add_text(struct strbuf *b, const struct gotypes *types, uint64_t name)
{
	return add_bytes(b, types, name, false);
}

static const char *const kind_names[] = {
	NULL,      "bool",      "int",        "int8",   "int16",  "int32",         "int64",
	"uint",    "uint8",     "uint16",     "uint32", "uint64", "uintptr",       "float32",
	"float64", "complex64", "complex128", "array",  "chan",   "func",          "interface",
	"map",     "pointer",   "slice",      "string", "struct", "unsafe.Pointer"};

bool gotypes_add_name(struct strbuf *b, struct gotypes *types, uint64_t addr)
{
	const uint8_t *d = descriptor(types, addr);
	return d && add_text(b, types, addr, d);
}

static void add_closure(struct strbuf *b, struct gotypes *types, uint64_t entry)
{
	struct symbols *symbols = entry ? symbolizer_hold(&types->image->symbolizer) : NULL;
	const struct location *location =
		symbols ? symbols_location(symbols, entry, LOCATION_EXACT) : NULL;
	strbuf_puts(b, "func");
	if (location && location->pub.func) {
		strbuf_putc(b, ' ');
		strbuf_puts(b, location->pub.func);
	}
	symbols_release(symbols);
}

char *gotypes_name(struct gotypes *types, uint16_t number)
{
	static const char *const suffixes[] = {[GOROLE_VALUE] = "",
					       [GOROLE_ARRAY] = "",
					       [GOROLE_CHAN] = "",
					       [GOROLE_MAP] = "",
					       [GOROLE_MAP_DIR] = " (directory)",
					       [GOROLE_MAP_TABLE] = " (table)",
					       [GOROLE_STRING] = "",
					       [GOROLE_CLOSURE] = ""};
	const struct gotype *type = &types->all.at[number];
	struct strbuf b = {0};
	if (type->role == GOROLE_STRING) {
		strbuf_puts(&b, "string");
	} else if (type->role == GOROLE_CLOSURE) {
		add_closure(&b, types, type->addr);
	} else {
		const uint8_t *d = descriptor(types, type->addr);
		if (type->role == GOROLE_ARRAY)
			strbuf_puts(&b, "[]");
		if (d && !add_text(&b, types, type->addr, d))
			strbuf_puts(&b, kind_names[kind_of(d)]);
		strbuf_puts(&b, suffixes[type->role]);
		// Not what they lead to.
		if (type->role == GOROLE_VALUE &&
		    (type->kind == GOKIND_SLICE || type->kind == GOKIND_STRING))
			strbuf_puts(&b, " (header)");
	}
	if (b.failed) {
		strbuf_deinit(&b);
		return NULL;
	}
	return b.s;
}
