#include "dwarf/go/moduledata.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "base/cursor.h"

/* By the magic of the function table: debug/gosym/pclntab.go, newer ones in internal/abi/symtab.go.
 */
enum { MAGIC_GO12, MAGIC_GO116, MAGIC_GO118, MAGIC_GO120, MAGIC_COUNT };

/* runtime.pcHeader, or what stands in its place up to Go 1.15 (moduledataverify1):
 * runtime/symtab.go of each version. All begin with magic, 0, 0, minLC, ptrSize and, at 8, the
 * number of functions. */
static const struct header {
	uint32_t magic;
	uint32_t offsets; /* of funcnameOffset, cuOffset, filetabOffset, pctabOffset, pclnOffset */
	uint32_t size;
	uint32_t ftab_entry; /* sizeof(runtime.functab) */
} headers[MAGIC_COUNT] = {
	[MAGIC_GO12] = {0xfffffffb, 0, 16, 16},
	[MAGIC_GO116] = {0xfffffffa, 24, 64, 16},
	[MAGIC_GO118] = {0xfffffff0, 32, 72, 8},
	[MAGIC_GO120] = {0xfffffff1, 32, 72, 8},
};

/* The four bytes behind the magic: 0, 0, minLC (runtime/internal/sys.PCQuantum of amd64), ptrSize.
 */
#define HEADER_REST UINT32_C(0x08010000)

enum {
	HEADER_NFUNC = 8,
	HEADER_MAX = 72,
	PTR_SIZE = 8,   // of amd64
	WORDS_MAX = 74, // of the largest moduledata (Go 1.21: 592 bytes)
	/* Bits that may be set in the word of `hasmain uint8`, which from Go 1.23 on is that of
	 * `bad bool` too. */
	HASMAIN_BAD = 0x0101,
};

/* Which word of runtime.moduledata holds what: the struct in runtime/symtab.go of each version, as
 * laid out by cmd/link/internal/ld/symtab.go. A slice is named by the first of its three words.
 * Words of the ranges from `minpc` to enoptrbss follow each other in all versions. 0: there is
 * none. */
static const struct shape {
	uint8_t header;
	uint8_t pclntable, ftab, filetab, minpc;
	uint8_t types, etypes;
	uint8_t gofunc, epclntab;
	uint8_t textsectmap, hasmain;
	uint8_t next;
} shapes[] = {
	// header, pclntable, ftab, filetab, minpc, types, etypes, gofunc, epclntab, textsectmap,
	// hasmain, next
	{MAGIC_GO12, 0, 3, 6, 10, 25, 26, 0, 0, 27, 49, 56},      // up to Go 1.15
	{MAGIC_GO116, 13, 16, 7, 20, 35, 36, 0, 0, 37, 59, 66},   // Go 1.16, 1.17
	{MAGIC_GO118, 13, 16, 7, 20, 35, 36, 38, 0, 39, 61, 68},  // Go 1.18, 1.19
	{MAGIC_GO120, 13, 16, 7, 20, 37, 39, 43, 44, 45, 64, 70}, // Go 1.27
	{MAGIC_GO120, 13, 16, 7, 20, 37, 38, 40, 41, 42, 67,
	 73}, // Go 1.26 Go 1.21-1.25. In 1.21 and 1.22 the word at `next` is `bad`, 0 or 1, and the
	      // link comes after it. Nothing tells these two from 1.23, so their link stays
	      // unknown.
	{MAGIC_GO120, 13, 16, 7, 20, 37, 38, 40, 0, 41, 66, 72},
	// Go 1.20 differs from the former in its last words only. It comes after it because what
	// it has at 66 (bits of gcbssmask) is no pair of bools, whereas a 1.21 has 0 at 63.
	{MAGIC_GO120, 13, 16, 7, 20, 37, 38, 40, 0, 41, 63, 70},
};

/* From Go 1.16: word of each slice whose start the header repeats, in the header's order. */
static const uint8_t header_tables[] = {1, 4, 7, 10, 13};

/* A moduledata under inspection. */
struct raw {
	const struct paged *image;
	uint64_t words[WORDS_MAX];
};

static bool in_image(const struct raw *raw, uint64_t addr, uint64_t end)
{
	const struct paged *p = raw->image;
	return addr >= p->addr && addr <= end && end - p->addr <= p->len;
}

/* [words[i], words[i + 1]) is a range of the image. */
static bool is_range(const struct raw *raw, unsigned lo, unsigned hi)
{
	return raw->words[lo] < raw->words[hi] && in_image(raw, raw->words[lo], raw->words[hi]);
}

/* A slice the linker wrote: in the image, len == cap, not empty. */
static bool is_slice(const struct raw *raw, unsigned i, uint64_t elem)
{
	uint64_t addr = raw->words[i], len = raw->words[i + 1];
	return len && len == raw->words[i + 2] && len <= raw->image->len / elem &&
	       in_image(raw, addr, addr + len * elem);
}

/* textsectmap, one entry a section of code. A plugin has the sections of its own, but the address
 * of the program's: the dynamic linker binds runtime.textsectionmap to the first of that name. */
static bool is_sections(const struct raw *raw, unsigned i)
{
	enum { SECTIONS_MAX = 256 };
	uint64_t addr = raw->words[i], len = raw->words[i + 1];
	return len && len == raw->words[i + 2] && len <= SECTIONS_MAX && addr &&
	       addr % PTR_SIZE == 0;
}

/* The words that do not depend on the shape agree with the table's header. */
static bool tables_agree(const struct raw *raw, const struct shape *shape, struct span bytes)
{
	const struct header *header = &headers[shape->header];
	uint64_t pclntab = raw->words[0];
	struct cursor c = cursor_at(bytes, HEADER_NFUNC);
	uint64_t nfunc = cursor_u64(&c);
	if (!is_slice(raw, shape->pclntable, 1) ||
	    !is_slice(raw, shape->ftab, header->ftab_entry) || nfunc >= UINT32_MAX ||
	    raw->words[shape->ftab + 1] != nfunc + 1)
		return false;
	if (shape->header == MAGIC_GO12)
		return raw->words[shape->ftab] == pclntab + header->size;
	c = cursor_at(bytes, header->offsets);
	for (size_t i = 0; i < sizeof(header_tables); i++) {
		if (raw->words[header_tables[i]] != pclntab + cursor_u64(&c))
			return false;
	}
	// ld/pcln.go:generatePclntab puts the functab first.
	return raw->words[shape->ftab] == raw->words[shape->pclntable];
}

static bool shape_fits(const struct raw *raw, const struct shape *shape)
{
	return is_range(raw, shape->minpc, shape->minpc + 1) &&
	       is_range(raw, shape->minpc + 2, shape->minpc + 3) &&
	       is_range(raw, shape->types, shape->etypes) && is_sections(raw, shape->textsectmap) &&
	       (raw->words[shape->hasmain] & ~(uint64_t)HASMAIN_BAD) == 0 &&
	       (!shape->gofunc ||
		in_image(raw, raw->words[shape->gofunc], raw->words[shape->gofunc])) &&
	       (!shape->epclntab || is_range(raw, 0, shape->epclntab));
}

static struct moduledata decode(const struct raw *raw, const struct shape *shape, uint64_t addr)
{
	const uint64_t *w = raw->words;
	bool go12 = shape->header == MAGIC_GO12;
	const uint64_t *range = w + shape->minpc;
	uint64_t next = w[shape->next];
	return (struct moduledata){
		.addr = addr,
		.pclntab = w[0],
		.pclntab_end = shape->epclntab ? w[shape->epclntab]
					       : w[shape->pclntable] + w[shape->pclntable + 1],
		.magic = headers[shape->header].magic,
		.funcnametab = go12 ? w[0] : w[1],
		.cutab = go12 ? w[0] : w[4],
		.filetab = w[shape->filetab],
		.pctab = go12 ? w[0] : w[10],
		.pclntable = w[shape->pclntable],
		.ftab = w[shape->ftab],
		.nftab = w[shape->ftab + 1] - 1,
		.minpc = range[0],
		.maxpc = range[1],
		.text = range[2],
		.etext = range[3],
		.noptrdata = range[4],
		.enoptrdata = range[5],
		.data = range[6],
		.edata = range[7],
		.bss = range[8],
		.ebss = range[9],
		.noptrbss = range[10],
		.enoptrbss = range[11],
		.types = w[shape->types],
		.etypes = w[shape->etypes],
		.gofunc = shape->gofunc ? w[shape->gofunc] : 0,
		.rodata = shape->gofunc ? w[shape->gofunc - 1] : 0, // it stands before gofunc
		.gcmasks = addr + (uint64_t)(shape->hasmain + 1) * PTR_SIZE,
		.next = next % PTR_SIZE == 0 ? next : 0,
	};
}

/* Words of the moduledata, as many as can be read: the shorter shapes may end the image. */
static enum gospy_code read_words(struct paged *image, uint64_t addr, struct raw *raw,
				  struct gospy_error *err)
{
	raw->image = image;
	for (size_t i = 0; i < WORDS_MAX; i++) {
		raw->words[i] = 0;
		if (!paged_u64(image, addr + i * PTR_SIZE, &raw->words[i]) && i == 0)
			return err_fault(err, addr, "cannot read runtime.moduledata at 0x%" PRIx64,
					 addr);
	}
	return GOSPY_OK;
}

bool moduledata_is_table(uint64_t word)
{
	for (size_t i = 0; i < MAGIC_COUNT; i++) {
		if (word == (headers[i].magic | (uint64_t)HEADER_REST << 32))
			return true;
	}
	return false;
}

enum gospy_code moduledata_read(struct paged *image, uint64_t addr, struct moduledata *ret,
				struct gospy_error *err)
{
	struct raw raw;
	enum gospy_code code = read_words(image, addr, &raw, err);
	if (code)
		return code;
	const uint8_t *bytes = paged_at_addr(image, raw.words[0], HEADER_MAX);
	if (!bytes)
		return err_fault(err, raw.words[0],
				 "cannot read the function table's header at 0x%" PRIx64
				 " (first word of runtime.moduledata at 0x%" PRIx64 ")",
				 raw.words[0], addr);
	struct span span = {bytes, HEADER_MAX};
	struct cursor c = cursor_at(span, 0);
	uint32_t magic = cursor_u32(&c), rest = cursor_u32(&c);
	bool known = false, tables = false;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		const struct shape *shape = &shapes[i];
		if (headers[shape->header].magic != magic || rest != HEADER_REST)
			continue;
		known = true;
		if (!tables_agree(&raw, shape, span))
			continue;
		tables = true;
		if (shape_fits(&raw, shape)) {
			*ret = decode(&raw, shape, addr);
			return GOSPY_OK;
		}
	}
	if (!known)
		return err_set(err, GOSPY_E_UNSUPPORTED,
			       "0x%08" PRIx32 " %08" PRIx32 " at 0x%" PRIx64
			       " does not begin a function table of Go 1.2 or later for amd64",
			       magic, rest, raw.words[0]);
	if (!tables)
		return err_set(err, GOSPY_E_BAD_DATA,
			       "the tables of runtime.moduledata at 0x%" PRIx64
			       " are not where the header at 0x%" PRIx64 " (magic 0x%08" PRIx32
			       ") has them",
			       addr, raw.words[0], magic);
	return err_set(err, GOSPY_E_BAD_DATA,
		       "runtime.moduledata at 0x%" PRIx64 " (magic 0x%08" PRIx32
		       ") has no known shape: pc ranges, types, textsectmap and hasmain fit none",
		       addr, magic);
}

bool moduledata_is_moved(const struct moduledata *md, const struct moduledata *moved,
			 uint64_t shift)
{
	static const size_t addresses[] = {
#define AT(member) offsetof(struct moduledata, member)
		AT(addr),      AT(pclntab), AT(pclntab_end), AT(funcnametab), AT(cutab),
		AT(filetab),   AT(pctab),   AT(pclntable),   AT(ftab),        AT(minpc),
		AT(maxpc),     AT(text),    AT(etext),       AT(noptrdata),   AT(enoptrdata),
		AT(data),      AT(edata),   AT(bss),         AT(ebss),        AT(noptrbss),
		AT(enoptrbss), AT(types),   AT(etypes),      AT(gofunc),      AT(rodata),
#undef AT
	};
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		uint64_t a, b;
		memcpy(&a, (const char *)md + addresses[i], sizeof(a));
		memcpy(&b, (const char *)moved + addresses[i], sizeof(b));
		if (a ? a + shift != b : b != 0)
			return false;
	}
	return md->magic == moved->magic && md->nftab == moved->nftab;
}

uint64_t moduledata_next(struct paged *image, const struct moduledata *md, int minor)
{
	enum { NEXT_WORD = 73 };
	uint64_t next;
	if (minor != 21 && minor != 22)
		return md->next;
	return paged_u64(image, md->addr + NEXT_WORD * PTR_SIZE, &next) ? next : 0;
}
