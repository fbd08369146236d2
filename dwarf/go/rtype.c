#include "dwarf/go/rtype.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/paged_pass.h"

/* Offsets in abi.Type and abi.StructType: internal/abi/type.go, up to Go 1.20 in runtime/type.go
 * (_type, structtype, structfield). They are the same in Go 1.12 to 1.27. */
enum {
	TYPE_SIZE = 0,
	TYPE_PTR_BYTES = 8,
	TYPE_TFLAG = 20,
	TYPE_KIND = 23,
	TYPE_STR = 40,
	STRUCT_PKG_PATH = 48,
	STRUCT_FIELDS = 56,
	STRUCT_LEN = 80,
	FIELD_LEN = 24, // name, type, offset

	TFLAG_EXTRA_STAR = 1 << 1,
	KIND_MASK = (1 << 5) - 1,
	KIND_STRUCT = 25,

	VARINT_NAMES_MINOR = 17,  // names begin with a varint, no longer with two bytes
	PLAIN_OFFSETS_MINOR = 19, // offsets lost their lowest bit, which was "embedded"
};

enum {
	FIELDS_MAX = 4096, // runtime.m, the largest that is looked for, has about a hundred
	/* Up to Go 1.26 the range is all read-only data; that of the largest programs is below. */
	TYPES_MAX = 512 << 20,
};

static struct rtypes *rtypes_of(struct type_source *source)
{
	return (struct rtypes *)((char *)source - offsetof(struct rtypes, source));
}

static const uint8_t *bytes_at(const struct rtypes *r, uint64_t addr, uint64_t len)
{
	const uint8_t *bytes = paged_at_addr(r->image, addr, len);
	for (size_t i = 0; !bytes && r->others && r->others[i]; i++)
		bytes = paged_at_addr(r->others[i], addr, len);
	return bytes;
}

/* abi.Name: a byte of flags, the length, the text. */
static bool name_at(struct rtypes *r, uint64_t addr, size_t *len_ret, uint64_t *text_ret)
{
	const uint8_t *b = bytes_at(r, addr, 3);
	if (!b)
		return false;
	if (r->minor < VARINT_NAMES_MINOR) {
		*len_ret = (size_t)b[1] << 8 | b[2];
		*text_ret = addr + 3;
	} else if (b[1] < 0x80) {
		*len_ret = b[1];
		*text_ret = addr + 2;
	} else {
		// A third byte of length is not read: names sought are shorter than it makes them.
		*len_ret = (size_t)(b[1] & 0x7f) | (size_t)b[2] << 7;
		*text_ret = addr + 3;
	}
	return true;
}

static bool text_is(struct rtypes *r, uint64_t addr, const char *text, size_t len)
{
	const uint8_t *b = bytes_at(r, addr, len);
	return b && memcmp(b, text, len) == 0;
}

static bool name_is(struct rtypes *r, uint64_t addr, const char *text, size_t len)
{
	size_t own;
	uint64_t at;
	return name_at(r, addr, &own, &at) && own == len && text_is(r, at, text, len);
}

/* The fields slice of the struct type at `type`. */
static bool fields_of(struct rtypes *r, uint64_t type, struct cursor *fields_ret)
{
	const uint8_t *b = bytes_at(r, type, STRUCT_LEN);
	if (!b || (b[TYPE_KIND] & KIND_MASK) != KIND_STRUCT)
		return false;
	struct cursor c = cursor_at((struct span){b, STRUCT_LEN}, STRUCT_FIELDS);
	uint64_t addr = cursor_u64(&c), n = cursor_u64(&c);
	if (n > FIELDS_MAX)
		return false;
	size_t len = (size_t)n * FIELD_LEN;
	const uint8_t *fields = bytes_at(r, addr, len);
	if (!fields)
		return false;
	*fields_ret = cursor_at((struct span){fields, len}, 0);
	return true;
}

static bool rtype_find(struct type_source *source, const char *name, uint64_t *type_ret)
{
	const struct rtypes *r = rtypes_of(source);
	for (size_t i = 0; i < r->named_count; i++) {
		if (r->named[i].addr && strcmp(r->named[i].name, name) == 0) {
			*type_ret = r->named[i].addr;
			return true;
		}
	}
	return false;
}

static bool rtype_size(struct type_source *source, uint64_t type, uint64_t *ret)
{
	const uint8_t *b = bytes_at(rtypes_of(source), type + TYPE_SIZE, sizeof(*ret));
	if (b)
		memcpy(ret, b, sizeof(*ret));
	return b;
}

static bool rtype_field(struct type_source *source, uint64_t type, const char *name,
			size_t name_len, struct type_field *ret)
{
	struct rtypes *r = rtypes_of(source);
	struct cursor c;
	if (!fields_of(r, type, &c))
		return false;
	while (cursor_left(&c)) {
		struct type_field field = {0};
		uint64_t field_name = cursor_u64(&c);
		field.type = cursor_u64(&c);
		field.offset = cursor_u64(&c);
		if (!name_is(r, field_name, name, name_len))
			continue;
		if (r->minor < PLAIN_OFFSETS_MINOR)
			field.offset >>= 1;
		if (!rtype_size(source, field.type, &field.size))
			return false;
		*ret = field;
		return true;
	}
	return false;
}

static const struct type_source_ops rtype_ops = {
	.name = "type descriptor",
	.find = rtype_find,
	.field = rtype_field,
	.size = rtype_size,
};

static uint64_t load_u64(const uint8_t *b)
{
	uint64_t v;
	memcpy(&v, b, sizeof(v));
	return v;
}

/* Can these STRUCT_LEN bytes be a struct's descriptor? Most of what a scan meets ends here. */
static bool looks_like_struct(const uint8_t *b)
{
	uint64_t fields = load_u64(b + STRUCT_FIELDS), n = load_u64(b + STRUCT_FIELDS + 8);
	return (b[TYPE_KIND] & KIND_MASK) == KIND_STRUCT && n && n <= FIELDS_MAX &&
	       n == load_u64(b + STRUCT_FIELDS + 16) && fields &&
	       load_u64(b + TYPE_PTR_BYTES) <= load_u64(b + TYPE_SIZE);
}

/* "runtime.g" is also what a `g` in some.where/runtime is called: PkgPath tells. */
static bool is_named(struct rtypes *r, const uint8_t *b, uint64_t text, size_t len,
		     const char *name)
{
	const char *dot = strchr(name, '.');
	return strlen(name) == len && text_is(r, text, name, len) && dot &&
	       name_is(r, load_u64(b + STRUCT_PKG_PATH), name, (size_t)(dot - name));
}

/* Compare the descriptor at `addr` with the names not found so far; returns how many it is. */
static size_t match(struct rtypes *r, uint64_t addr, const uint8_t *b, struct rtype_named *named,
		    size_t n)
{
	uint32_t str;
	memcpy(&str, b + TYPE_STR, sizeof(str));
	size_t len;
	uint64_t text;
	if (str >= r->etypes - r->types || !name_at(r, r->types + str, &len, &text) || !len)
		return 0;
	if (b[TYPE_TFLAG] & TFLAG_EXTRA_STAR) {
		text++;
		len--;
	}
	for (size_t i = 0; i < n; i++) {
		if (!named[i].addr && is_named(r, b, text, len, named[i].name)) {
			named[i].addr = addr;
			return 1;
		}
	}
	return 0;
}

enum gospy_code rtypes_init(struct rtypes *rtypes, struct paged *image, const struct moduledata *md,
			    int minor, struct rtype_named *named, size_t n, struct gospy_error *err)
{
	*rtypes = (struct rtypes){
		.source = {&rtype_ops},
		.image = image,
		.types = md->types,
		.etypes = md->etypes,
		.minor = minor,
		.named = named,
		.named_count = n,
	};
	for (size_t i = 0; i < n; i++)
		named[i].addr = 0;
	if (md->etypes - md->types > TYPES_MAX)
		return err_set(err, GOSPY_E_LIMIT, "%" PRIu64 " bytes of type descriptors",
			       md->etypes - md->types);
	size_t left = n;
	CLEANUP(paged_pass_deinit) struct paged_pass pass = paged_pass_of(image);
	// Descriptors are aligned to pointers: cmd/compile/internal/reflectdata.
	for (uint64_t at = (md->types + 7) & ~UINT64_C(7), end = md->etypes;
	     left && at < end && end - at >= STRUCT_LEN;) {
		struct span bytes = paged_pass_at(&pass, at, STRUCT_LEN);
		if (!bytes.ptr)
			return err_fault(err, at, "cannot read the type descriptors at 0x%" PRIx64,
					 at);
		if (bytes.len > end - at)
			bytes.len = (size_t)(end - at);
		size_t off = 0;
		for (; left && off + STRUCT_LEN <= bytes.len; off += 8) {
			if (looks_like_struct(bytes.ptr + off))
				left -= match(rtypes, at + off, bytes.ptr + off, named, n);
		}
		at += off;
	}
	return GOSPY_OK;
}
