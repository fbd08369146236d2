/*
 * A hand-made Go module in memory, for tests and fuzzers: function table, inline tree, type
 * descriptors and moduledata as the linker of Go 1.`minor` lays them out (cmd/link/internal/ld),
 * with three functions and a few structs.
 *
 *   main.main       [0x00, 0x40)  a.go:10, from 0x10 main.inner b.go:77, from 0x18 therein
 *                                 main.innermost c.go:5, from 0x20 a.go:12; sp 0, from 4 on 24;
 *                                 arguments 0x…, {0x…}, from 0x10 on the second is dead
 *                                 (Go 1.17+: ArgInfo; 1.18+: ArgLiveInfo); pointers: from 0x10
 *                                 on the second local and the second argument, before none and
 *                                 the first argument; the first local is a stack object
 *   runtime.goexit  [0x40, 0x60)  no tables but names; known by its funcID
 *   main.main.func1 [0x60, 0x80)  a wrapper of main.main (Go 1.18+: WrapInfo)
 */
#ifndef GOSPY_TESTS_GO_IMAGE_H
#define GOSPY_TESTS_GO_IMAGE_H

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/paged.h"

enum {
	GO_IMAGE_LEN = 12 << 10,
	GO_IMAGE_TEXT = 0x100, /* of 0x80 bytes; the code itself is nothing */
	GO_IMAGE_TEXT_LEN = 0x80,
	GO_IMAGE_MD_WORDS = 74,
	GO_IMAGE_ARGS_LEN = 192, /* room for an ArgInfo and for an ArgLiveInfo */
};

struct go_image {
	uint64_t base; /* target address of byte 0 */
	int minor;
	size_t len;
	uint64_t text, moduledata, pclntab;
	uint64_t type_g, type_stack; /* descriptors of runtime.g and runtime.stack */
	uint64_t arg_info, arg_live; /* of main.main */
	uint64_t arg_maps, local_maps, objects;
	uint64_t type_object, object_mask;
	uint8_t bytes[GO_IMAGE_LEN];
};

static inline uint64_t go_image_put(struct go_image *im, const void *data, size_t len, size_t align)
{
	im->len = (im->len + align - 1) & ~(align - 1);
	assert(im->len + len <= sizeof(im->bytes));
	uint64_t addr = im->base + im->len;
	if (data)
		memcpy(im->bytes + im->len, data, len);
	im->len += len;
	return addr;
}

static inline void go_image_set(struct go_image *im, uint64_t addr, uint64_t value, size_t size)
{
	memcpy(im->bytes + (addr - im->base), &value, size);
}

static inline uint64_t go_image_get(const struct go_image *im, uint64_t addr, size_t size)
{
	uint64_t value = 0;
	memcpy(&value, im->bytes + (addr - im->base), size);
	return value;
}

static inline uint64_t go_image_str(struct go_image *im, const char *s)
{
	return go_image_put(im, s, strlen(s) + 1, 1);
}

/* A pc-value table of `n` (value, end offset) pairs. */
static inline uint64_t go_image_pcvalue(struct go_image *im, const int32_t (*pairs)[2], size_t n)
{
	uint8_t out[64];
	size_t len = 0;
	int32_t value = -1, pc = 0;
	for (size_t i = 0; i < n; i++) {
		int32_t d = pairs[i][0] - value;
		uint32_t deltas[] = {(uint32_t)d << 1 ^ (uint32_t)(d >> 31),
				     (uint32_t)(pairs[i][1] - pc)};
		for (size_t k = 0; k < 2; k++) {
			uint32_t v = deltas[k];
			for (; v >= 0x80; v >>= 7)
				out[len++] = (uint8_t)(v | 0x80);
			out[len++] = (uint8_t)v;
		}
		value = pairs[i][0];
		pc = pairs[i][1];
	}
	out[len++] = 0;
	return go_image_put(im, out, len, 1);
}
#define GO_IMAGE_PCVALUE(im, ...)                                                                  \
	go_image_pcvalue((im), (const int32_t[][2]){__VA_ARGS__},                                  \
			 sizeof((const int32_t[][2]){__VA_ARGS__}) / 8)

/* ---------------------------------------------------------------------------- function table -- */

/* What the functions refer to; offsets are from the table they are in. */
struct go_image_tables {
	uint64_t pclntab, names, files, pctab, funcs, ftab, gofunc, cutab;
	uint32_t name[3], inner, innermost; /* names */
	uint32_t pcsp, pcfile, pcln, inl, live, maps;
	uint64_t tree, wrap; /* addresses */
};

/* The parts of runtime._func of Go 1.`minor`; returns its address. */
static inline uint64_t go_image_func(struct go_image *im, const struct go_image_tables *t, int i)
{
	static const uint8_t goexit_ids[] = {
		[12] = 2, [13] = 2, [14] = 2, [15] = 2, [16] = 2, [17] = 7, [18] = 7, [19] = 7,
		[20] = 7, [21] = 7, [22] = 8, [23] = 8, [24] = 8, [25] = 8, [26] = 8, [27] = 8};
	static const uint8_t wrapper_ids[] = {
		[12] = 20, [13] = 20, [14] = 22, [15] = 22, [16] = 22, [17] = 22,
		[18] = 21, [19] = 21, [20] = 21, [21] = 21, [22] = 22, [23] = 22,
		[24] = 22, [25] = 23, [26] = 23, [27] = 23};
	static const uint32_t entries[] = {0, 0x40, 0x60};
	bool offsets = im->minor >= 18;
	uint64_t addr = go_image_put(im, NULL, 0, 8);
	if (offsets)
		go_image_put(im, &entries[i], 4, 4);
	else
		go_image_put(im, &(uint64_t){im->text + entries[i]}, 8, 8);
	bool tables = i == 0;
	bool args = tables && im->minor >= 17, live = tables && im->minor >= 18;
	uint32_t npcdata = live ? 4 : tables ? 3 : 0;
	uint32_t nfuncdata = live ? 7 : args ? 6 : tables ? 5 : i == 2 ? 8 : 0;
	uint32_t words[] = {
		t->name[i],
		16, // args
		0,          tables ? t->pcsp : 0, tables ? t->pcfile : 0, tables ? t->pcln : 0,
		npcdata,
	};
	go_image_put(im, words, sizeof(words), 4);
	if (im->minor >= 16)
		go_image_put(im, &(uint32_t){1}, 4, 4); // cuOffset: the files begin at cutab[1]
	if (im->minor >= 20)
		go_image_put(im, &(uint32_t){9}, 4, 4); // startLine
	uint8_t last[4] = {0};
	last[0] = i == 1 ? goexit_ids[im->minor] : i == 2 ? wrapper_ids[im->minor] : 0;
	last[1] = im->minor >= 17 && i == 1 ? 1 : 0; // TopFrame
	last[3] = (uint8_t)nfuncdata;
	go_image_put(im, last, 4, 1);
	uint32_t inl_pcdata = im->minor == 12 ? 1 : 2;
	uint32_t object_funcdata = im->minor == 12 ? 4 : im->minor < 16 ? 3 : 2;
	for (uint32_t k = 0; k < npcdata; k++)
		go_image_put(im,
			     &(uint32_t){!tables               ? 0
					 : k == inl_pcdata     ? t->inl
					 : k == inl_pcdata - 1 ? t->maps
					 : k == 3              ? t->live
							       : 0},
			     4, 4);
	uint32_t inl_funcdata = im->minor == 12 ? 2 : im->minor < 16 ? 4 : 3;
	for (uint32_t k = 0; k < nfuncdata; k++) {
		uint64_t data = tables && k == inl_funcdata      ? t->tree
				: tables && k == 0               ? im->arg_maps
				: tables && k == 1               ? im->local_maps
				: tables && k == object_funcdata ? im->objects
				: args && k == 5                 ? im->arg_info
				: live && k == 6                 ? im->arg_live
				: i == 2 && k == 7 && offsets    ? t->wrap
								 : 0;
		if (offsets)
			go_image_put(im, &(uint32_t){data ? (uint32_t)(data - t->gofunc) : ~0u}, 4,
				     4);
		else
			go_image_put(im, &data, 8, 8);
	}
	return addr;
}

static inline uint64_t go_image_tree(struct go_image *im, const struct go_image_tables *t)
{
	const uint32_t name[] = {t->inner, t->innermost}, parent[] = {0x08, 0x10};
	uint64_t addr = go_image_put(im, NULL, 0, 8);
	for (size_t i = 0; i < 2; i++) {
		if (im->minor >= 20)
			go_image_put(im, (uint32_t[]){0, name[i], parent[i], 1}, 16, 4);
		else
			go_image_put(im, (uint32_t[]){0xffff, 1, 1, name[i], parent[i]}, 20, 4);
	}
	return addr;
}

/* The stack maps and the stack object of main.main. */
static inline void go_image_maps(struct go_image *im, struct go_image_tables *t)
{
	t->maps = (uint32_t)(GO_IMAGE_PCVALUE(im, {-1, 0x10}, {1, 0x40}) - t->pctab);
	static const uint8_t args[] = {2, 0, 0, 0, 2, 0, 0, 0, 1, 2},
			     locals[] = {2, 0, 0, 0, 2, 0, 0, 0, 0, 2};
	im->arg_maps = go_image_put(im, args, sizeof(args), 4);
	im->local_maps = go_image_put(im, locals, sizeof(locals), 4);
	im->objects = go_image_put(im, &(uint64_t){1}, 8, 8);
	if (im->minor < 17) {
		go_image_put(im, (uint64_t[]){(uint64_t)-16, im->type_object}, 16, 8);
		return;
	}
	go_image_put(im, (int32_t[]){-16, 8, 8}, 12, 4);
	if (im->minor < 18)
		go_image_put(im, &im->object_mask, 8, 8);
	else
		go_image_put(im, &(uint32_t){(uint32_t)(im->object_mask - im->base)}, 4, 4);
}

static inline void go_image_pclntab(struct go_image *im, struct go_image_tables *t)
{
	bool go12 = im->minor < 16, offsets = im->minor >= 18;
	static const uint32_t magics[] = {0xfffffffb, 0xfffffffa, 0xfffffff0, 0xfffffff1};
	size_t header_len = go12 ? 16 : offsets ? 72 : 64, entry_len = offsets ? 8 : 16;
	t->pclntab = im->pclntab = go_image_put(im, NULL, header_len, 32);
	go_image_set(im, t->pclntab,
		     magics[(im->minor >= 16) + (im->minor >= 18) + (im->minor >= 20)] |
			     UINT64_C(0x08010000) << 32,
		     8);
	go_image_set(im, t->pclntab + 8, 3, 8);
	if (go12) {
		t->ftab = go_image_put(im, NULL, 4 * entry_len, 8);
		t->names = t->pctab = t->funcs = t->pclntab;
	} else {
		t->names = go_image_put(im, "", 1, 8);
	}
	const char *names[] = {"main.main", "runtime.goexit", "main.main.func1"};
	for (size_t i = 0; i < 3; i++)
		t->name[i] = (uint32_t)(go_image_str(im, names[i]) - t->names);
	t->inner = (uint32_t)(go_image_str(im, "main.inner") - t->names);
	t->innermost = (uint32_t)(go_image_str(im, "main.innermost") - t->names);

	uint64_t slots = go12 ? 0 : go_image_put(im, NULL, 5 * 4, 8);
	uint64_t files = go_image_put(im, NULL, 0, 8), at[3];
	for (size_t i = 0; i < 3; i++)
		at[i] = go_image_str(im, (const char *[]){"a.go", "b.go", "c.go"}[i]);
	if (go12) {
		slots = go_image_put(im, NULL, 5 * 4, 4);
		// File numbers begin with 1; the slot before them is their count.
		t->files = slots;
		go_image_set(im, slots, 4, 4);
		for (size_t i = 0; i < 3; i++)
			go_image_set(im, slots + 4 + i * 4, at[i] - t->pclntab, 4);
	} else {
		t->cutab = slots;
		t->files = files;
		for (size_t i = 0; i < 3; i++)
			go_image_set(im, slots + 8 + i * 4, at[i] - files, 4);
		go_image_set(im, slots + 4, ~0u, 4); // file 0 of the unit was dropped
		t->pctab = go_image_put(im, "", 1, 8);
	}
	t->pcsp = (uint32_t)(GO_IMAGE_PCVALUE(im, {0, 4}, {24, 0x40}) - t->pctab);
	t->pcfile = (uint32_t)(GO_IMAGE_PCVALUE(im, {1, 0x10}, {2, 0x18}, {3, 0x20}, {1, 0x40}) -
			       t->pctab);
	t->pcln = (uint32_t)(GO_IMAGE_PCVALUE(im, {10, 0x10}, {77, 0x18}, {5, 0x20}, {12, 0x40}) -
			     t->pctab);
	t->inl = (uint32_t)(GO_IMAGE_PCVALUE(im, {-1, 0x10}, {0, 0x18}, {1, 0x20}, {-1, 0x40}) -
			    t->pctab);
	t->live = (uint32_t)(GO_IMAGE_PCVALUE(im, {-1, 0x10}, {1, 0x40}) - t->pctab);
	t->gofunc = go_image_put(im, "", 1, 8);
	static const uint8_t arg_info[GO_IMAGE_ARGS_LEN] = {0, 8, 0xfe, 8, 8, 0xfd, 0xff};
	static const uint8_t arg_live[GO_IMAGE_ARGS_LEN] = {0, 1};
	im->arg_info = go_image_put(im, arg_info, sizeof(arg_info), 1);
	im->arg_live = go_image_put(im, arg_live, sizeof(arg_live), 1);
	go_image_maps(im, t);
	t->tree = go_image_tree(im, t);
	t->wrap = go_image_put(im, &(uint32_t){0}, 4, 4); // main.main
	if (!go12)
		t->funcs = t->ftab = go_image_put(im, NULL, 4 * entry_len, 8);
	static const uint32_t entries[] = {0, 0x40, 0x60, GO_IMAGE_TEXT_LEN};
	for (int i = 0; i < 4; i++) {
		uint64_t func = i < 3 ? go_image_func(im, t, i) - t->funcs : 0;
		uint64_t entry = offsets ? entries[i] : im->text + entries[i];
		go_image_set(im, t->ftab + (uint64_t)i * entry_len, entry, entry_len / 2);
		go_image_set(im, t->ftab + (uint64_t)i * entry_len + entry_len / 2, func,
			     entry_len / 2);
	}
	if (!go12) {
		uint64_t offs[] = {t->names, t->cutab, t->files, t->pctab, t->funcs};
		for (size_t i = 0; i < 5; i++)
			go_image_set(im, t->pclntab + (offsets ? 32 : 24) + i * 8,
				     offs[i] - t->pclntab, 8);
	}
}

/* --------------------------------------------------------------------------------------- types --
 */

static inline uint64_t go_image_name(struct go_image *im, const char *name)
{
	size_t len = strlen(name);
	uint8_t head[] = {0, (uint8_t)(len >> 8), (uint8_t)len};
	uint64_t addr;
	if (im->minor < 17)
		addr = go_image_put(im, head, 3, 1);
	else if (len < 0x80)
		addr = go_image_put(im, (uint8_t[]){0, (uint8_t)len}, 2, 1);
	else
		addr = go_image_put(im, (uint8_t[]){0, (uint8_t)(len | 0x80), (uint8_t)(len >> 7)},
				    3, 1);
	go_image_put(im, name, len, 1);
	return addr;
}

struct go_image_field {
	const char *name;
	uint64_t type, offset;
};

/* A descriptor; `kind` 25 is a struct. `str` begins with `*`, as most do. */
static inline uint64_t go_image_type(struct go_image *im, uint64_t types, int kind, uint64_t size,
				     const char *str, const char *pkg,
				     const struct go_image_field *fields, size_t n)
{
	uint64_t name_addrs[8] = {0};
	uint64_t str_addr = go_image_name(im, str), pkg_addr = pkg ? go_image_name(im, pkg) : 0;
	for (size_t i = 0; i < n; i++)
		name_addrs[i] = go_image_name(im, fields[i].name);
	uint64_t array = go_image_put(im, NULL, n * 24, 8);
	for (size_t i = 0; i < n; i++) {
		uint64_t off = im->minor < 19 ? fields[i].offset << 1 | (i & 1) : fields[i].offset;
		go_image_set(im, array + i * 24, name_addrs[i], 8);
		go_image_set(im, array + i * 24 + 8, fields[i].type, 8);
		go_image_set(im, array + i * 24 + 16, off, 8);
	}
	uint64_t type = go_image_put(im, NULL, 80, 8);
	go_image_set(im, type, size, 8);
	go_image_set(im, type + 20, str[0] == '*' ? 1 << 1 : 0, 1);
	go_image_set(im, type + 23, (uint64_t)kind | (im->minor & 1 ? 1 << 5 : 0), 1);
	go_image_set(im, type + 40, str_addr - types, 4);
	go_image_set(im, type + 48, pkg_addr, 8);
	go_image_set(im, type + 56, array, 8);
	go_image_set(im, type + 64, n, 8);
	go_image_set(im, type + 72, n, 8);
	return type;
}

/* uint64, runtime.stack, a user's runtime.g, the true one; returns where the types begin. */
static inline uint64_t go_image_types(struct go_image *im)
{
	uint64_t types = go_image_put(im, "", 1, 32);
	uint64_t u64 = go_image_type(im, types, 11, 8, "*uint64", NULL, NULL, 0);
	uint64_t u32 = go_image_type(im, types, 10, 4, "*uint32", NULL, NULL, 0);
	im->type_stack =
		go_image_type(im, types, 25, 16, "*runtime.stack", "runtime",
			      (struct go_image_field[]){{"lo", u64, 0}, {"hi", u64, 8}}, 2);
	go_image_type(im, types, 25, 8, "*runtime.g", "example.com/runtime",
		      (struct go_image_field[]){{"goid", u64, 0}}, 1);
	im->type_g = go_image_type(im, types, 25, 48, "*runtime.g", "runtime",
				   (struct go_image_field[]){{"stack", im->type_stack, 0},
							     {"goid", u64, 24},
							     {"atomicstatus", u32, 32},
							     {"old", im->type_stack, 16}},
				   4);
	im->object_mask = go_image_put(im, (uint8_t[]){1}, 1, 1);
	im->type_object = go_image_type(im, types, 25, 8, "*main.object", "main",
					(struct go_image_field[]){{"p", u64, 0}}, 1);
	go_image_set(im, im->type_object + 8, 8, 8);
	go_image_set(im, im->type_object + 32, im->object_mask, 8);
	return types;
}

/* --------------------------------------------------------------------------------- moduledata --
 */

static inline void go_image_slice(uint64_t *words, unsigned at, uint64_t addr, uint64_t len)
{
	words[at] = addr;
	words[at + 1] = words[at + 2] = len;
}

/* runtime.moduledata as runtime/symtab.go of the version declares it, one row a version. */
static inline void go_image_moduledata(struct go_image *im, const struct go_image_tables *t,
				       uint64_t types, uint64_t etypes)
{
	uint64_t w[GO_IMAGE_MD_WORDS] = {0};
	bool go12 = im->minor < 16;
	uint64_t end = im->base + im->len;
	unsigned minpc = go12 ? 10 : 20;
	if (go12) {
		go_image_slice(w, 0, t->pclntab, end - t->pclntab);
		go_image_slice(w, 3, t->ftab, 4);
		go_image_slice(w, 6, t->files, 4);
	} else {
		w[0] = t->pclntab;
		go_image_slice(w, 1, t->names, t->files - t->names);
		go_image_slice(w, 4, t->cutab, 5);
		go_image_slice(w, 7, t->files, t->pctab - t->files);
		go_image_slice(w, 10, t->pctab, t->funcs - t->pctab);
		go_image_slice(w, 13, t->funcs, end - t->funcs);
		go_image_slice(w, 16, t->ftab, 4);
	}
	w[minpc] = w[minpc + 2] = im->text;
	w[minpc + 1] = w[minpc + 3] = im->text + GO_IMAGE_TEXT_LEN;
	for (unsigned i = 4; i < 12; i++)
		w[minpc + i] = im->base + i; // noptrdata to enoptrbss
	// types, etypes, gofunc, textsectmap, hasmain, gcdatamask.n, next
	static const struct {
		int minor;
		uint8_t types, etypes, gofunc, textsectmap, hasmain, gcdatamask, next;
	} rows[] = {
		{12, 25, 26, 0, 27, 49, 50, 56},  {16, 35, 36, 0, 37, 59, 60, 66},
		{18, 35, 36, 38, 39, 61, 62, 68}, {20, 37, 38, 40, 41, 63, 64, 70},
		{21, 37, 38, 40, 41, 66, 67, 73}, {23, 37, 38, 40, 41, 66, 67, 72},
		{26, 37, 38, 40, 42, 67, 68, 73}, {27, 37, 39, 43, 45, 64, 65, 70},
	};
	size_t r = sizeof(rows) / sizeof(rows[0]) - 1;
	while (rows[r].minor > im->minor)
		r--;
	w[rows[r].types] = types;
	w[rows[r].etypes] = etypes;
	if (rows[r].gofunc) {
		w[rows[r].gofunc - 1] = im->base; // rodata
		w[rows[r].gofunc] = t->gofunc;
	}
	if (im->minor >= 26)
		w[rows[r].gofunc + 1] = end; // epclntab
	go_image_slice(w, rows[r].textsectmap, im->base, 1);
	w[rows[r].hasmain] = 1;
	w[rows[r].gcdatamask] = 4711;
	w[rows[r].gcdatamask + 2] = 4712; // gcbssmask.n
	w[rows[r].next] = 0x7f0000001000;
	im->moduledata = go_image_put(im, w, sizeof(w), 32);
}

static inline void go_image_init_at(struct go_image *im, int minor, uint64_t base)
{
	memset(im, 0, sizeof(*im));
	im->base = base;
	im->minor = minor;
	im->text = im->base + GO_IMAGE_TEXT;
	im->len = GO_IMAGE_TEXT + GO_IMAGE_TEXT_LEN;
	struct go_image_tables t = {0};
	uint64_t types = go_image_types(im), etypes = im->base + im->len;
	go_image_pclntab(im, &t);
	go_image_moduledata(im, &t, types, etypes);
}

static inline void go_image_init(struct go_image *im, int minor)
{
	go_image_init_at(im, minor, 0x400000);
}

/** A window on its bytes. */
static inline struct paged go_image_paged(const struct go_image *im)
{
	struct paged p;
	paged_init_span(&p, im->base, (struct span){im->bytes, im->len});
	return p;
}

#endif
