#include "dwarf/dwarf_info.h"

#include <dwarf.h>
#include <libdwarf.h>
#include <stdlib.h>
#include <string.h>

#include "base/cancel.h"
#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/map.h"
#include "base/vec.h"

/* Limits for DWARF that lies; what Go writes stays far below. */
enum {
	UNITS_MAX = 128 << 10,   /* a package is one or a few */
	ALIASES_MAX = 16,        /* typedefs in a row */
	MEMBERS_MAX = 4096,      /* of one struct; runtime.m has about 100 */
	CANDIDATES_MAX = 4096,   /* places in all where a wanted name occurs; a few for each */
	TOP_LEVEL_MAX = 4 << 20, /* entries walked in all where there is no fast way */
};

/* What libdwarf needs for types and names; as in ELF, no section has index 0. */
enum { SECTION_INFO = 1, SECTION_ABBREV, SECTION_STR, SECTION_COUNT = 6 };
static const char *const section_names[SECTION_COUNT] = {
	"", ".debug_info", ".debug_abbrev", ".debug_str", ".debug_line_str", ".debug_str_offsets",
};

struct member {
	const char *name; /* in a section */
	uint64_t offset;
	uint64_t type; /* DIE offset */
};

/* A type that was looked at, behind its typedefs. */
struct type {
	uint64_t die;  /* offset in .debug_info */
	uint64_t size; /* or GOSPY_UNKNOWN */
	bool is_struct;
	bool members_loaded;
	const struct member *members;
	size_t member_count;
};

/* Releases of libdwarf name its object access interface differently. */
#ifdef DW_LIBDWARF_VERSION
// releases after 20210528; Debian 13 has 0.11
typedef Dwarf_Obj_Access_Interface_a access_interface;
typedef Dwarf_Obj_Access_Methods_a access_methods;
typedef Dwarf_Obj_Access_Section_a access_section;
typedef Dwarf_Unsigned access_index;
typedef Dwarf_Small access_order;
static const access_order little_endian = DW_END_little;
#define ACCESS(prefix, name) prefix##_##name
#define OBJECT_FINISH(dbg)   dwarf_object_finish(dbg)
#else
// 20210528, Debian 12
typedef Dwarf_Obj_Access_Interface access_interface;
typedef Dwarf_Obj_Access_Methods access_methods;
typedef Dwarf_Obj_Access_Section access_section;
typedef Dwarf_Half access_index;
typedef Dwarf_Endianness access_order;
static const access_order little_endian = DW_OBJECT_LSB;
#define ACCESS(prefix, name) name
#define OBJECT_FINISH(dbg)   dwarf_object_finish(dbg, NULL)
#endif

/* A unit of .debug_info: DWARF 4 and 5, 7.5.1. */
struct unit {
	uint64_t end;
	uint64_t first; /* entry; `end` if this unit is of a kind without types of its own */
};

struct dwinfo {
	struct type_source source; /* first: a source is cast back to its dwinfo */
	struct elf_file *elf;
	struct span sections[SECTION_COUNT];
	access_interface access;
	Dwarf_Debug dbg;
	struct arena arena;
	struct map types; /* DIE offset -> struct type */
	uint64_t ready;   /* .debug_info is inflated up to the end of a unit */
	struct unit unit; /* that held the last struct: Go's linker puts all types into one */
	uint32_t candidates, walked;
};

/* ---- the sections, as libdwarf asks for them */

static int access_section_info(void *object, access_index index, access_section *ret, int *error)
{
	const struct dwinfo *dw = object;
	(void)error;
	if (index >= SECTION_COUNT)
		return DW_DLV_NO_ENTRY;
	*ret = (access_section){
		.ACCESS(as, name) = section_names[index],
		.ACCESS(as, type) = index ? SHT_PROGBITS : SHT_NULL,
		.ACCESS(as, size) = dw->sections[index].len,
	};
	return DW_DLV_OK;
}

static int access_load(void *object, access_index index, Dwarf_Small **ret, int *error)
{
	const struct dwinfo *dw = object;
	(void)error;
	if (index >= SECTION_COUNT || !dw->sections[index].ptr)
		return DW_DLV_NO_ENTRY;
	// libdwarf does not write to it: there are no relocations.
	*ret = (Dwarf_Small *)(uintptr_t)dw->sections[index].ptr;
	return DW_DLV_OK;
}

static access_order access_byte_order(void *object)
{
	(void)object;
	return little_endian;
}

static Dwarf_Small access_length_size(void *object)
{
	(void)object;
	return 4; // the 32-bit DWARF format, unless a unit says otherwise
}

static Dwarf_Small access_pointer_size(void *object)
{
	(void)object;
	return 8;
}

static Dwarf_Unsigned access_section_count(void *object)
{
	(void)object;
	return SECTION_COUNT;
}

#ifdef DW_LIBDWARF_VERSION
static Dwarf_Unsigned access_file_size(void *object)
{
	const struct dwinfo *dw = object;
	uint64_t size = 0;
	for (size_t i = 0; i < SECTION_COUNT; i++)
		size += dw->sections[i].len;
	return size;
}
#endif

static const access_methods methods = {
	.ACCESS(om, get_section_info) = access_section_info,
	.ACCESS(om, get_byte_order) = access_byte_order,
	.ACCESS(om, get_length_size) = access_length_size,
	.ACCESS(om, get_pointer_size) = access_pointer_size,
#ifdef DW_LIBDWARF_VERSION
	.om_get_filesize = access_file_size,
#endif
	.ACCESS(om, get_section_count) = access_section_count,
	.ACCESS(om, load_section) = access_load,
};

/* ---- debugging information entries */

/* Did a libdwarf call succeed? If it failed, its error is freed. */
static bool ok(const struct dwinfo *dw, int result, Dwarf_Error error)
{
	if (result == DW_DLV_ERROR)
		dwarf_dealloc_error(dw->dbg, error);
	return result == DW_DLV_OK;
}

static void die_free(const Dwarf_Die *die)
{
	if (*die)
		dwarf_dealloc_die(*die);
}

static void attr_free(const Dwarf_Attribute *attr)
{
	if (*attr)
		dwarf_dealloc_attribute(*attr);
}

/* Have .debug_info inflated up to `end`, which is the end of a unit. */
static bool inflate_units(struct dwinfo *dw, uint64_t end)
{
	if (end <= dw->ready)
		return true;
	struct span info;
	if (elf_file_section_prefix(dw->elf, section_names[SECTION_INFO], end, &info, NULL))
		return false;
	dw->ready = end;
	return true;
}

/* Go on to the unit behind `unit` (all zero: to the first) and inflate it. */
static bool next_unit(struct dwinfo *dw, struct unit *unit)
{
	enum { HEADER_MAX = 24 };
	struct span info = dw->sections[SECTION_INFO];
	uint64_t start = unit->end;
	if (start >= info.len)
		return false;
	size_t want = info.len - start < HEADER_MAX ? info.len : start + HEADER_MAX;
	if (want > dw->ready &&
	    elf_file_section_prefix(dw->elf, section_names[SECTION_INFO], want, &info, NULL))
		return false;

	struct cursor c = cursor_at(info, start);
	uint64_t offset_size = 4;
	uint64_t len = cursor_u32(&c);
	if (len == UINT32_MAX) { // the 64-bit format, 7.4
		len = cursor_u64(&c);
		offset_size = 8;
	}
	if (c.failed || len > cursor_left(&c) || !inflate_units(dw, c.pos + len))
		return false;
	uint64_t end = c.pos + len;
	uint16_t version = cursor_u16(&c);
	bool has_types = version < 5 || cursor_u8(&c) == DW_UT_compile;
	cursor_skip(&c, 1 + offset_size); // size of addresses, offset in .debug_abbrev
	if (c.failed || c.pos > end)
		return false;
	*unit = (struct unit){.end = end, .first = has_types ? c.pos : end};
	return true;
}

/* The entry at `offset` in .debug_info, or NULL. */
static Dwarf_Die die_at(struct dwinfo *dw, uint64_t offset)
{
	Dwarf_Die die;
	Dwarf_Error error = NULL;
	if (offset >= dw->ready && !inflate_units(dw, dw->sections[SECTION_INFO].len))
		return NULL;
	return ok(dw, dwarf_offdie_b(dw->dbg, offset, true, &die, &error), error) ? die : NULL;
}

static Dwarf_Die die_child(const struct dwinfo *dw, Dwarf_Die parent)
{
	Dwarf_Die die;
	Dwarf_Error error = NULL;
	return ok(dw, dwarf_child(parent, &die, &error), error) ? die : NULL;
}

/* Replace `*die` by its next sibling, or by NULL behind the last. */
static void die_next(const struct dwinfo *dw, Dwarf_Die *die)
{
	Dwarf_Die next;
	Dwarf_Error error = NULL;
	if (!ok(dw, dwarf_siblingof_b(dw->dbg, *die, true, &next, &error), error))
		next = NULL;
	dwarf_dealloc_die(*die);
	*die = next;
}

/* 0, which is no tag, if it cannot be read. */
static Dwarf_Half die_tag(const struct dwinfo *dw, Dwarf_Die die)
{
	Dwarf_Half tag;
	Dwarf_Error error = NULL;
	return ok(dw, dwarf_tag(die, &tag, &error), error) ? tag : 0;
}

/* The name, which lies in a section, or NULL. */
static const char *die_name(const struct dwinfo *dw, Dwarf_Die die)
{
	char *name;
	Dwarf_Error error = NULL;
	return ok(dw, dwarf_diename(die, &name, &error), error) ? name : NULL;
}

/* An attribute of a constant form (`read` is dwarf_formudata), or of a reference form as an offset
 * in .debug_info (dwarf_global_formref). */
static bool die_attr(const struct dwinfo *dw, Dwarf_Die die, Dwarf_Half number,
		     int (*read)(Dwarf_Attribute, Dwarf_Unsigned *, Dwarf_Error *), uint64_t *ret)
{
	CLEANUP(attr_free) Dwarf_Attribute attr = NULL;
	Dwarf_Unsigned value;
	Dwarf_Error error = NULL;
	if (!ok(dw, dwarf_attr(die, number, &attr, &error), error))
		return false;
	if (!ok(dw, read(attr, &value, &error), error))
		return false;
	*ret = value;
	return true;
}

/* ---- types */

static bool is_alias(Dwarf_Half tag)
{
	return tag == DW_TAG_typedef || tag == DW_TAG_const_type || tag == DW_TAG_volatile_type;
}

/* What the entry at `offset` describes; NULL: it cannot be read. */
static struct type *type_at(struct dwinfo *dw, uint64_t offset)
{
	const uint64_t *cached = map_get(&dw->types, offset);
	if (cached)
		return (struct type *)(uintptr_t)*cached;

	uint64_t at = offset;
	for (int i = 0; i < ALIASES_MAX; i++) {
		CLEANUP(die_free) Dwarf_Die die = die_at(dw, at);
		if (!die)
			return NULL;
		Dwarf_Half tag = die_tag(dw, die);
		if (is_alias(tag)) {
			if (!die_attr(dw, die, DW_AT_type, dwarf_global_formref, &at))
				return NULL;
			continue;
		}
		struct type *type = arena_alloc(&dw->arena, sizeof(*type));
		uint64_t *slot = type ? map_put(&dw->types, offset) : NULL;
		if (!slot)
			return NULL;
		*slot = (uintptr_t)type;
		type->die = at;
		type->is_struct = tag == DW_TAG_structure_type;
		// Go gives pointers no size: cmd/internal/dwarf/dwarf.go, DW_ABRV_PTRTYPE.
		if (tag == DW_TAG_pointer_type)
			type->size = 8;
		else if (!die_attr(dw, die, DW_AT_byte_size, dwarf_formudata, &type->size))
			type->size = GOSPY_UNKNOWN;
		return type;
	}
	return NULL;
}

/* Read the members of a struct, once. */
static void load_members(struct dwinfo *dw, struct type *type)
{
	if (!type->is_struct || type->members_loaded)
		return;
	type->members_loaded = true;

	VEC(struct member) members = {0};
	CLEANUP(die_free) Dwarf_Die parent = die_at(dw, type->die);
	CLEANUP(die_free) Dwarf_Die die = parent ? die_child(dw, parent) : NULL;
	for (int i = 0; die && i < MEMBERS_MAX; i++, die_next(dw, &die)) {
		struct member member = {.name = die_name(dw, die)};
		if (!member.name || die_tag(dw, die) != DW_TAG_member ||
		    !die_attr(dw, die, DW_AT_data_member_location, dwarf_formudata,
			      &member.offset) ||
		    !die_attr(dw, die, DW_AT_type, dwarf_global_formref, &member.type))
			continue;
		if (!vec_push(&members, member))
			break;
	}
	struct member *copy = arena_calloc(&dw->arena, members.len, sizeof(*copy));
	if (copy && members.len) {
		memcpy(copy, members.at, members.len * sizeof(*copy));
		type->members = copy;
		type->member_count = members.len;
	}
	vec_free(&members);
}

/* ---- finding a struct */

/* Is `offset` the entry of struct `name`, and no other bytes that look alike? */
static bool is_struct_named(struct dwinfo *dw, uint64_t offset, const char *name)
{
	CLEANUP(die_free) Dwarf_Die die = die_at(dw, offset);
	if (!die || die_tag(dw, die) != DW_TAG_structure_type)
		return false;
	const char *die_says = die_name(dw, die);
	if (!die_says || strcmp(die_says, name))
		return false;
	// A declaration has neither size nor members.
	struct type *type = type_at(dw, offset);
	if (!type || type->size == GOSPY_UNKNOWN)
		return false;
	load_members(dw, type);
	for (size_t i = 0; i < type->member_count; i++)
		if (type->members[i].offset > type->size)
			return false;
	return type->member_count;
}

/*
 * Go writes names into the entries (DW_FORM_string) and the name of a type first, right behind the
 * abbreviation code (cmd/internal/dwarf/dwarf.go, Go 1.12 to 1.27): so a struct is found by looking
 * for its name in the bytes of a unit, rather than by walking through all entries.
 */
static bool find_inline_name(struct dwinfo *dw, const struct unit *unit, const char *name,
			     uint64_t *ret)
{
	const uint8_t *info = dw->sections[SECTION_INFO].ptr;
	size_t size = strlen(name) + 1;
	uint64_t from = unit->first;
	while (from < unit->end && dw->candidates < CANDIDATES_MAX) {
		const uint8_t *hit = memmem(info + from, unit->end - from, name, size);
		if (!hit)
			return false;
		dw->candidates++;
		uint64_t at = (uint64_t)(hit - info);
		// Codes are numbered from 1 up and take one byte, two from 128 on.
		for (uint64_t code_len = 1; code_len <= 2 && code_len <= at; code_len++) {
			if (is_struct_named(dw, at - code_len, name)) {
				*ret = at - code_len;
				return true;
			}
		}
		from = at + 1;
	}
	return false;
}

/* Is the name among those that entries refer to? */
static bool is_indirect_name(const struct dwinfo *dw, const char *name)
{
	struct span str = dw->sections[SECTION_STR];
	return str.len && memmem(str.ptr, str.len, name, strlen(name) + 1);
}

/* Look at the top-level entries of a unit. */
static bool find_indirect_name(struct dwinfo *dw, const struct unit *unit, const char *name,
			       uint64_t *ret)
{
	CLEANUP(die_free)
	Dwarf_Die parent = unit->first < unit->end ? die_at(dw, unit->first) : NULL;
	CLEANUP(die_free) Dwarf_Die die = parent ? die_child(dw, parent) : NULL;
	for (; die && dw->walked < TOP_LEVEL_MAX && !cancel_asked();
	     dw->walked++, die_next(dw, &die)) {
		Dwarf_Off offset;
		Dwarf_Error error = NULL;
		if (die_tag(dw, die) == DW_TAG_structure_type &&
		    ok(dw, dwarf_dieoffset(die, &offset, &error), error) &&
		    is_struct_named(dw, offset, name)) {
			*ret = offset;
			return true;
		}
	}
	return false;
}

/* ---- variables */

/* What cmd/internal/dwarf/dwarf.go calls DW_AT_go_*; Go 1.12-1.27. */
enum { AT_GO_KIND = 0x2900, AT_GO_ELEM = 0x2902, AT_GO_RUNTIME_TYPE = 0x2904 };
/* abi.Kind. */
enum { KIND_ARRAY = 17, KIND_POINTER = 22, KIND_SLICE = 23, KIND_STRING = 24, KIND_STRUCT = 25 };
enum {
	POINTER_SIZE = 8,
	VARIABLE_DEPTH_MAX = 16,
	VARIABLE_STEPS_MAX = 1 << 22, /* members and elements of all variables */
	VARIABLE_ELEMENTS_MAX = 1024, /* of one array */
	VARIABLE_LOOK = 1024,         /* steps between two looks whether it was called off */
};

/* What an entry says of a type of Go. */
struct gotype_die {
	uint64_t kind, size, runtime_type;
};

struct variables {
	struct dwinfo *dw;
	dwinfo_visit *visit;
	void *ctx;
	uint32_t steps;
	bool stop;
};

/* False: it says nothing. */
static bool gotype_of(const struct dwinfo *dw, Dwarf_Die die, struct gotype_die *ret)
{
	*ret = (struct gotype_die){0};
	if (!die_attr(dw, die, AT_GO_KIND, dwarf_formudata, &ret->kind))
		return false;
	if (!die_attr(dw, die, DW_AT_byte_size, dwarf_formudata, &ret->size))
		ret->size = POINTER_SIZE; // as above: pointers, and what is one
	(void)die_attr(dw, die, AT_GO_RUNTIME_TYPE, dwarf_formaddr, &ret->runtime_type);
	return true;
}

/* The entry of a type, behind names that stand for others. */
static Dwarf_Die gotype_at(struct dwinfo *dw, uint64_t offset)
{
	Dwarf_Die die = die_at(dw, offset);
	for (int i = 0; die && i < ALIASES_MAX; i++) {
		uint64_t kind, next;
		if (!is_alias(die_tag(dw, die)) ||
		    die_attr(dw, die, AT_GO_KIND, dwarf_formudata, &kind) ||
		    !die_attr(dw, die, DW_AT_type, dwarf_global_formref, &next))
			return die;
		dwarf_dealloc_die(die);
		die = die_at(dw, next);
	}
	return die;
}

static void tell(struct variables *v, enum dwinfo_holds holds, uint64_t addr,
		 const struct gotype_die *type)
{
	const struct dwinfo_holding holding = {.holds = holds,
					       .addr = addr,
					       .runtime_type = type->runtime_type,
					       .kind = (uint8_t)type->kind,
					       .size = type->size};
	v->stop |= !v->visit(v->ctx, &holding);
}

/* The type that an attribute of this one names, if it has a descriptor. */
static void tell_elem(struct variables *v, enum dwinfo_holds holds, uint64_t addr, Dwarf_Die die,
		      Dwarf_Half attribute)
{
	uint64_t offset;
	struct gotype_die elem;
	if (!die_attr(v->dw, die, attribute, dwarf_global_formref, &offset))
		return;
	CLEANUP(die_free) Dwarf_Die to = gotype_at(v->dw, offset);
	if (to && gotype_of(v->dw, to, &elem) && elem.runtime_type)
		tell(v, holds, addr, &elem);
}

static void visit_type(struct variables *v, uint64_t type, uint64_t addr, unsigned depth);

static void visit_members(struct variables *v, Dwarf_Die parent, uint64_t addr, unsigned depth)
{
	CLEANUP(die_free) Dwarf_Die die = die_child(v->dw, parent);
	for (int i = 0; die && i < MEMBERS_MAX && !v->stop; i++, die_next(v->dw, &die)) {
		uint64_t offset, type;
		if (die_tag(v->dw, die) == DW_TAG_member &&
		    die_attr(v->dw, die, DW_AT_data_member_location, dwarf_formudata, &offset) &&
		    die_attr(v->dw, die, DW_AT_type, dwarf_global_formref, &type))
			visit_type(v, type, addr + offset, depth + 1);
	}
}

static void visit_elements(struct variables *v, Dwarf_Die die, const struct gotype_die *array,
			   uint64_t addr, unsigned depth)
{
	uint64_t type;
	struct gotype_die elem;
	if (!die_attr(v->dw, die, DW_AT_type, dwarf_global_formref, &type))
		return;
	CLEANUP(die_free) Dwarf_Die of = gotype_at(v->dw, type);
	if (!of || !gotype_of(v->dw, of, &elem) || !elem.size)
		return;
	uint64_t n = array->size / elem.size;
	n = n < VARIABLE_ELEMENTS_MAX ? n : VARIABLE_ELEMENTS_MAX;
	for (uint64_t i = 0; i < n && !v->stop; i++)
		visit_type(v, type, addr + i * elem.size, depth + 1);
}

/* A value of the type is at `addr`. Of a type that no descriptor describes its parts may have one.
 */
static void visit_type(struct variables *v, uint64_t type, uint64_t addr, unsigned depth)
{
	struct gotype_die go;
	if (depth > VARIABLE_DEPTH_MAX || v->stop || ++v->steps > VARIABLE_STEPS_MAX)
		return;
	if (v->steps % VARIABLE_LOOK == 0 && cancel_asked())
		v->stop = true;
	CLEANUP(die_free) Dwarf_Die die = gotype_at(v->dw, type);
	if (!die || !gotype_of(v->dw, die, &go))
		return;
	if (go.runtime_type) {
		tell(v, DWINFO_VALUE, addr, &go);
		return;
	}
	switch (go.kind) {
	case KIND_POINTER:
		tell_elem(v, DWINFO_POINTER, addr, die, DW_AT_type);
		break;
	case KIND_SLICE:
		tell_elem(v, DWINFO_SLICE, addr, die, AT_GO_ELEM);
		break;
	case KIND_STRING:
		tell(v, DWINFO_STRING, addr, &go);
		break;
	case KIND_ARRAY:
		visit_elements(v, die, &go, addr, depth);
		break;
	case KIND_STRUCT:
		visit_members(v, die, addr, depth);
		break;
	default:
		break;
	}
}

/* DW_OP_addr and nothing else. */
static bool address_of(const struct dwinfo *dw, Dwarf_Die die, uint64_t *ret)
{
	CLEANUP(attr_free) Dwarf_Attribute attr = NULL;
	Dwarf_Block *block;
	Dwarf_Error error = NULL;
	if (!ok(dw, dwarf_attr(die, DW_AT_location, &attr, &error), error) ||
	    !ok(dw, dwarf_formblock(attr, &block, &error), error))
		return false;
	const uint8_t *bytes = block->bl_data;
	bool found = block->bl_len == 1 + sizeof(*ret) && bytes[0] == DW_OP_addr;
	if (found)
		memcpy(ret, bytes + 1, sizeof(*ret));
	dwarf_dealloc(dw->dbg, block, DW_DLA_BLOCK);
	return found;
}

static void visit_unit(struct variables *v, const struct unit *unit)
{
	CLEANUP(die_free)
	Dwarf_Die parent = unit->first < unit->end ? die_at(v->dw, unit->first) : NULL;
	CLEANUP(die_free) Dwarf_Die die = parent ? die_child(v->dw, parent) : NULL;
	for (; die && !v->stop && v->dw->walked < TOP_LEVEL_MAX && !cancel_asked();
	     v->dw->walked++, die_next(v->dw, &die)) {
		uint64_t addr, type;
		if (die_tag(v->dw, die) == DW_TAG_variable && address_of(v->dw, die, &addr) &&
		    die_attr(v->dw, die, DW_AT_type, dwarf_global_formref, &type))
			visit_type(v, type, addr, 0);
	}
}

enum gospy_code dwinfo_each_variable(struct dwinfo *dwinfo, dwinfo_visit *visit, void *ctx,
				     struct gospy_error *err)
{
	struct variables v = {.dw = dwinfo, .visit = visit, .ctx = ctx};
	struct unit unit = {0};
	for (int i = 0; i < UNITS_MAX && !v.stop && !cancel_asked() && next_unit(dwinfo, &unit);
	     i++)
		visit_unit(&v, &unit);
	return cancel_check(err);
}

/* ---- struct type_source */

static bool dwinfo_find(struct type_source *source, const char *name, uint64_t *ret)
{
	struct dwinfo *dw = (struct dwinfo *)source;
	if (find_inline_name(dw, &dw->unit, name, ret))
		return true;
	bool indirect = is_indirect_name(dw, name);
	struct unit unit = {0};
	for (int i = 0; i < UNITS_MAX && !cancel_asked() && next_unit(dw, &unit); i++) {
		if (find_inline_name(dw, &unit, name, ret) ||
		    (indirect && find_indirect_name(dw, &unit, name, ret))) {
			dw->unit = unit;
			return true;
		}
	}
	return false;
}

static bool dwinfo_size(struct type_source *source, uint64_t type, uint64_t *ret)
{
	const struct type *t = type_at((struct dwinfo *)source, type);
	if (!t || t->size == GOSPY_UNKNOWN)
		return false;
	*ret = t->size;
	return true;
}

static bool dwinfo_field(struct type_source *source, uint64_t type, const char *name,
			 size_t name_len, struct type_field *ret)
{
	struct dwinfo *dw = (struct dwinfo *)source;
	struct type *t = type_at(dw, type);
	if (!t)
		return false;
	load_members(dw, t);
	for (size_t i = 0; i < t->member_count; i++) {
		const struct member *m = &t->members[i];
		if (strlen(m->name) != name_len || memcmp(m->name, name, name_len))
			continue;
		struct type_field field = {.offset = m->offset, .type = m->type};
		if (!dwinfo_size(source, m->type, &field.size))
			return false;
		*ret = field;
		return true;
	}
	return false;
}

static const struct type_source_ops dwinfo_ops = {
	.name = "DWARF",
	.find = dwinfo_find,
	.field = dwinfo_field,
	.size = dwinfo_size,
};

/* ---- */

void dwinfo_destroy(struct dwinfo *dwinfo)
{
	if (!dwinfo)
		return;
	if (dwinfo->dbg)
		OBJECT_FINISH(dwinfo->dbg);
	map_deinit(&dwinfo->types);
	arena_deinit(&dwinfo->arena);
	free(dwinfo);
}

static void dwinfo_free(struct dwinfo **dwinfo)
{
	dwinfo_destroy(*dwinfo);
}

enum gospy_code dwinfo_create(struct elf_file *elf, struct dwinfo **ret, struct gospy_error *err)
{
	CLEANUP(dwinfo_free) struct dwinfo *dw = calloc(1, sizeof(*dw));
	if (!dw)
		return err_nomem(err);
	for (size_t i = SECTION_INFO; i < SECTION_COUNT; i++) {
		enum gospy_code code = elf_file_section_prefix(elf, section_names[i],
							       i == SECTION_INFO ? 0 : SIZE_MAX,
							       &dw->sections[i], err);
		if (code && (i <= SECTION_ABBREV || code != GOSPY_E_NOT_FOUND))
			return code;
	}
	dw->source.ops = &dwinfo_ops;
	dw->elf = elf;
	dw->access.ACCESS(ai, object) = dw;
	dw->access.ACCESS(ai, methods) = &methods;
	Dwarf_Error error = NULL;
	int result = dwarf_object_init_b(&dw->access, NULL, NULL, 0, &dw->dbg, &error);
	if (result != DW_DLV_OK) {
		err_set(err, GOSPY_E_BAD_DATA, "%s: broken debug information%s%s", elf->name,
			error ? ": " : "", error ? dwarf_errmsg(error) : "");
		(void)ok(dw, result, error);
		return GOSPY_E_BAD_DATA;
	}
	*ret = take(dw);
	return GOSPY_OK;
}

struct type_source *dwinfo_types(struct dwinfo *dwinfo)
{
	return &dwinfo->source;
}
