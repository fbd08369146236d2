/* A bundle is what other programs take for a core file, and has what was put into it. */
#include "packed.h"

#include <gelf.h>
#include <stdio.h>

#include "core/core_write.h"
#include "core/exact_ranges.h"

static struct gospy_error err;
static struct mappings no_mappings;

static enum gospy_code take_part(void *ctx, const void *bytes, size_t len,
				 struct gospy_error *error)
{
	(void)error;
	put_bytes(ctx, bytes, len);
	return GOSPY_OK;
}

static enum gospy_code refuse_part(void *ctx, const void *bytes, size_t len,
				   struct gospy_error *error)
{
	(void)bytes;
	(void)len;
	int *left = ctx;
	if (*left == 0)
		return err_set(error, GOSPY_E_LIMIT, "it is full");
	--*left;
	return GOSPY_OK;
}

static struct page_store *create(void)
{
	struct page_store *store = NULL;
	assert_int_equal(page_store_create(&store, &err), GOSPY_OK);
	return store;
}

/* Each byte says where it is. */
static uint8_t value_at(uint64_t addr)
{
	return (uint8_t)(addr * UINT64_C(0x9e3779b97f4a7c15) >> 56) | 1;
}

static void put(struct page_store *store, uint64_t addr, size_t len)
{
	uint8_t *bytes = malloc(len);
	assert_non_null(bytes);
	for (size_t i = 0; i < len; i++)
		bytes[i] = value_at(addr + i);
	assert_int_equal(page_store_put(store, addr, bytes, len, &err), GOSPY_OK);
	free(bytes);
}

/* ---- a bundle that was written */

struct bundle {
	octets file, core; /* as it was written; unpacked */
	struct core_written written;
	Elf *elf;
	size_t headers;
	struct span exact; /* the note */
	struct exact_ranges ranges;
	size_t notes;
};

static octets unpack(const octets *file)
{
	octets core = {0};
	struct input *in;
	size_t done;
	assert_int_equal(open_bytes(file, file->len, &in, &err), GOSPY_OK);
	assert_false(input_cut(in));
	const size_t size = (size_t)input_size(in);
	assert_true(vec_reserve(&core, size));
	assert_int_equal(input_read(in, 0, core.at, size, &done, &err), GOSPY_OK);
	assert_int_equal(done, size);
	core.len = size;
	input_destroy(in);
	return core;
}

static void read_notes(struct bundle *b, const GElf_Phdr *header)
{
	Elf_Data *data = elf_getdata_rawchunk(b->elf, (int64_t)header->p_offset, header->p_filesz,
					      ELF_T_NHDR);
	GElf_Nhdr note;
	size_t name, desc, at = 0, next;
	assert_non_null(data);
	while ((next = gelf_getnote(data, at, &note, &name, &desc)) > 0) {
		const char *bytes = data->d_buf;
		b->notes++;
		b->exact = (struct span){NULL, 0};
		if (note.n_type == EXACT_NOTE && strcmp(bytes + name, "GOSPY") == 0)
			b->exact = (struct span){(const uint8_t *)bytes + desc, note.n_descsz};
		at = next;
	}
	assert_int_equal(at, header->p_filesz);
}

static struct bundle write_bundle(struct core_parts parts)
{
	struct bundle b = {0};
	octets plain = {0};
	GElf_Phdr header;
	assert_int_equal(page_store_seal(parts.store, &err), GOSPY_OK);
	if (core_write(&parts, take_part, &b.file, &b.written, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(b.written.bytes, b.file.len);
	b.core = unpack(&b.file);
	assert_int_equal(b.written.size, b.core.len);
	parts.plain = true;
	assert_int_equal(core_write(&parts, take_part, &plain, &b.written, &err), GOSPY_OK);
	assert_int_equal(b.written.bytes, b.core.len);
	assert_int_equal(plain.len, b.core.len);
	assert_memory_equal(plain.at, b.core.at, plain.len);
	vec_free(&plain);
	elf_version(EV_CURRENT);
	b.elf = elf_memory((char *)b.core.at, b.core.len);
	assert_non_null(b.elf);
	assert_int_equal(elf_getphdrnum(b.elf, &b.headers), 0);
	assert_int_equal(b.headers, b.written.segments + 1);
	assert_non_null(gelf_getphdr(b.elf, 0, &header));
	assert_int_equal(header.p_type, PT_NOTE);
	read_notes(&b, &header);
	assert_int_equal(exact_ranges_decode(b.exact, &b.ranges, &err), GOSPY_OK);
	return b;
}

static void bundle_end(struct bundle *b)
{
	exact_ranges_deinit(&b->ranges);
	elf_end(b->elf);
	vec_free(&b->file);
	vec_free(&b->core);
}

static GElf_Phdr segment(const struct bundle *b, size_t i)
{
	GElf_Phdr header;
	assert_non_null(gelf_getphdr(b->elf, (int)(i + 1), &header));
	assert_int_equal(header.p_type, PT_LOAD);
	assert_int_equal(header.p_filesz, header.p_memsz);
	assert_int_equal(header.p_align, 4096);
	assert_int_equal(header.p_offset % 4096, 0);
	assert_int_equal(header.p_vaddr % 4096, 0);
	assert_true(header.p_offset <= b->core.len);
	assert_true(header.p_filesz <= b->core.len - header.p_offset);
	return header;
}

static void assert_segment(const struct bundle *b, size_t i, uint64_t addr, uint64_t pages,
			   uint32_t flags)
{
	GElf_Phdr header = segment(b, i);
	assert_int_equal(header.p_vaddr, addr);
	assert_int_equal(header.p_memsz, pages * 4096);
	assert_int_equal(header.p_flags, flags);
}

/* The bytes of an address, or NULL. */
static const uint8_t *at_addr(const struct bundle *b, uint64_t addr)
{
	for (size_t i = 0; i < b->written.segments; i++) {
		GElf_Phdr header = segment(b, i);
		if (addr >= header.p_vaddr && addr - header.p_vaddr < header.p_memsz)
			return b->core.at + header.p_offset + (addr - header.p_vaddr);
	}
	return NULL;
}

static void assert_known(const struct bundle *b, uint64_t addr, size_t len)
{
	assert_int_equal(exact_ranges_known(&b->ranges, addr, len + 1), len);
	assert_int_equal(exact_ranges_known(&b->ranges, addr - 1, 1), 0);
	for (size_t i = 0; i < len; i++) {
		const uint8_t *byte = at_addr(b, addr + i);
		assert_non_null(byte);
		assert_int_equal(*byte, value_at(addr + i));
	}
}

/* ---- tests */

static void header(void **state)
{
	(void)state;
	struct page_store *store = create();
	put(store, 0x1001, 30);
	const struct core_note notes[] = {
		{"CORE", NT_PRSTATUS, {(const uint8_t *)"12345", 5}},
		{"GOSPY", 0x59505347, {(const uint8_t *)"{}", 2}},
		{"", 7, {NULL, 0}},
	};
	struct bundle b = write_bundle((struct core_parts){
		.notes = notes, .note_count = 3, .store = store, .mappings = &no_mappings});
	GElf_Ehdr ehdr;
	GElf_Phdr phdr;
	assert_non_null(gelf_getehdr(b.elf, &ehdr));
	assert_int_equal(ehdr.e_type, ET_CORE);
	assert_int_equal(ehdr.e_machine, EM_X86_64);
	assert_int_equal(ehdr.e_ident[EI_CLASS], ELFCLASS64);
	assert_int_equal(ehdr.e_phnum, 2);
	assert_int_equal(ehdr.e_shnum, 0);
	assert_int_equal(b.notes, 4);
	assert_non_null(gelf_getphdr(b.elf, 0, &phdr));
	const uint8_t *first = b.core.at + phdr.p_offset;
	assert_memory_equal(first, "\5\0\0\0\5\0\0\0\1\0\0\0CORE\0\0\0\00012345\0\0\0", 28);
	assert_segment(&b, 0, 0x1000, 1, PF_R);
	assert_known(&b, 0x1001, 30);
	bundle_end(&b);
	page_store_destroy(store);
}

static void nothing(void **state)
{
	(void)state;
	struct page_store *store = create();
	struct bundle b =
		write_bundle((struct core_parts){.store = store, .mappings = &no_mappings});
	assert_int_equal(b.written.segments, 0);
	assert_int_equal(b.written.pages, 0);
	assert_int_equal(exact_ranges_known(&b.ranges, 0, 1), 0);
	bundle_end(&b);
	page_store_destroy(store);
}

static void add_map(struct mappings *maps, uint64_t start, uint64_t end, const char *mode)
{
	const struct mapping map = {.start = start,
				    .end = end,
				    .read = mode[0] == 'r',
				    .write = mode[1] == 'w',
				    .exec = mode[2] == 'x',
				    .path = ""};
	assert_true(vec_push(&maps->maps, map));
}

/* Neighbours are one segment unless they are mapped otherwise; so are gaps up to 64 KiB. */
static void segments(void **state)
{
	(void)state;
	struct mappings maps = {0};
	add_map(&maps, 0x400000, 0x410000, "r-x");
	add_map(&maps, 0x410000, 0x420000, "r--");
	add_map(&maps, 0x420000, 0x422000, "r--");
	add_map(&maps, 0xc0000000, 0xc1000000, "rw-");
	struct page_store *store = create();
	put(store, 0x400008, 8);
	put(store, 0x40f008, 0x5000); // across two borders, of which one is none
	put(store, 0x421008, 8);      // behind a border, and so another one in spite of its flags
	put(store, 0x423008, 8);      // mapped as nothing
	put(store, 0xc0000008, 8);
	put(store, 0xc0011008, 8); // a gap of 16 pages
	put(store, 0xc0023008, 8); // one of 17
	put(store, 0xc00f8008, 8);
	put(store, 0xc0108008, 8); // into the next chunk
	put(store, 0xc02fe008, 0x3000);
	struct bundle b = write_bundle((struct core_parts){.store = store, .mappings = &maps});
	assert_segment(&b, 0, 0x400000, 16, PF_R | PF_X);
	assert_segment(&b, 1, 0x410000, 5, PF_R);
	assert_segment(&b, 2, 0x421000, 1, PF_R);
	assert_segment(&b, 3, 0x423000, 1, PF_R);
	assert_segment(&b, 4, 0xc0000000, 18, PF_R | PF_W);
	assert_segment(&b, 5, 0xc0023000, 1, PF_R | PF_W);
	assert_segment(&b, 6, 0xc00f8000, 17, PF_R | PF_W);
	assert_segment(&b, 7, 0xc02fe000, 4, PF_R | PF_W);
	assert_int_equal(b.written.segments, 8);
	assert_known(&b, 0x400008, 8);
	assert_known(&b, 0x40f008, 0x5000);
	assert_known(&b, 0x421008, 8);
	assert_known(&b, 0x423008, 8);
	assert_known(&b, 0xc0011008, 8);
	assert_known(&b, 0xc0023008, 8);
	assert_known(&b, 0xc0108008, 8);
	assert_known(&b, 0xc02fe008, 0x3000);
	assert_int_equal(*at_addr(&b, 0xc0005000), 0);
	assert_int_equal(exact_ranges_known(&b.ranges, 0xc0005000, 1), 0);
	bundle_end(&b);
	page_store_destroy(store);
	vec_free(&maps.maps);
}

/* Most of it is packed before it is written. */
static void large(void **state)
{
	enum { MIB = 40 };
	const uint64_t base = UINT64_C(0xc000000000);
	(void)state;
	struct mappings maps = {0};
	add_map(&maps, base, base + ((uint64_t)MIB << 20), "rw-");
	struct page_store *store = create();
	for (uint64_t at = 0; at < (uint64_t)MIB << 20; at += 3 * 4096)
		put(store, base + at + 100, 200);
	struct bundle b = write_bundle((struct core_parts){.store = store, .mappings = &maps});
	assert_int_equal(b.written.segments, 1);
	assert_true(b.file.len < b.core.len / 10);
	const uint8_t *bytes = at_addr(&b, base);
	for (uint64_t at = 0; at < (uint64_t)MIB << 20; at += 3 * 4096) {
		assert_int_equal(exact_ranges_known(&b.ranges, base + at + 100, 201), 200);
		assert_int_equal(exact_ranges_known(&b.ranges, base + at + 99, 1), 0);
		for (unsigned i = 100; i < 300; i++)
			assert_int_equal(bytes[at + i], value_at(base + at + i));
	}
	bundle_end(&b);
	page_store_destroy(store);
	vec_free(&maps.maps);
}

/* More segments than the ELF header can count. */
static void very_many(void **state)
{
	enum { MANY = 66000, EVERY = 18 * 4096 };
	(void)state;
	struct page_store *store = create();
	for (uint64_t i = 0; i < MANY; i++)
		put(store, (i + 1) * EVERY, 8);
	struct bundle b =
		write_bundle((struct core_parts){.store = store, .mappings = &no_mappings});
	GElf_Ehdr ehdr;
	assert_non_null(gelf_getehdr(b.elf, &ehdr));
	assert_int_equal(ehdr.e_phnum, PN_XNUM);
	assert_int_equal(b.written.segments, MANY);
	for (uint64_t i = 0; i < MANY; i += 97)
		assert_segment(&b, i, (i + 1) * EVERY, 1, PF_R);
	assert_known(&b, (uint64_t)(MANY - 1) * EVERY, 8);
	bundle_end(&b);
	page_store_destroy(store);
}

/* What a sink says is what comes back, wherever it says it. */
static void full(void **state)
{
	(void)state;
	struct page_store *store = create();
	for (uint64_t i = 0; i < 3000; i++)
		put(store, i * 4096, 4096);
	assert_int_equal(page_store_seal(store, &err), GOSPY_OK);
	for (int plain = 0; plain < 2; plain++) {
		enum gospy_code code = GOSPY_E_LIMIT;
		for (int i = 0; code; i++) {
			const struct core_parts parts = {
				.store = store, .mappings = &no_mappings, .plain = plain};
			struct core_written written;
			int left = i;
			code = core_write(&parts, refuse_part, &left, &written, &err);
			assert_true(code == GOSPY_OK || code == GOSPY_E_LIMIT);
			assert_true(i < 200);
		}
	}
	page_store_destroy(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header), cmocka_unit_test(nothing),   cmocka_unit_test(segments),
		cmocka_unit_test(large),  cmocka_unit_test(very_many), cmocka_unit_test(full),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
