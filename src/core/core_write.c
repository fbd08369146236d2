#include "core/core_write.h"

#include <elf.h>
#include <string.h>

#include "base/cancel.h"
#include "base/cleanup.h"
#include "core/core_layout.h"
#include "core/exact_ranges.h"
#include "core/record_copy.h"

/* A frame of the store that is smaller is unpacked, and packed with its neighbours: small frames
 * pack badly, and there would be many. */
enum { FRAME_MIN_PAGES = CHUNK_PAGES / 4, NOTE_ALIGN = 4 };

static const char EXACT_OWNER[] = "GOSPY";

struct job {
	const struct core_parts *parts;
	struct core_layout layout;
	struct seekable_writer writer;
	uint64_t notes_at, notes_size, exact_size, data_at;
	uint64_t records_size; /* 0: there is no such note */
};

static uint64_t aligned(uint64_t size, uint64_t to)
{
	return (size + to - 1) & ~(to - 1);
}

static uint64_t note_size(const char *owner, uint64_t len)
{
	return sizeof(Elf64_Nhdr) + aligned(strlen(owner) + 1, NOTE_ALIGN) +
	       aligned(len, NOTE_ALIGN);
}

static size_t header_count(const struct job *job)
{
	return 1 + job->layout.segments.len;
}

static enum gospy_code put(struct job *job, const void *bytes, size_t len, struct gospy_error *err)
{
	return seekable_writer_put(&job->writer, bytes, len, err);
}

/* ---- where everything goes */

static uint64_t measure_records(const struct page_store *store)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < page_store_count(store); i++)
		sum += page_store_block(store, i).records.len;
	return sum ? RECORD_NOTE_HEADER + sum : 0;
}

static enum gospy_code measure(struct job *job, struct gospy_error *err)
{
	const struct core_layout *layout = &job->layout;
	job->exact_size = EXACT_HEADER + layout->runs.len * EXACT_RUN + layout->pages * EXACT_PAGE +
			  layout->parts * EXACT_PART;
	job->notes_size = note_size(EXACT_OWNER, job->exact_size);
	job->records_size = measure_records(job->parts->store);
	// It only saves time.
	if (job->records_size > UINT32_MAX)
		job->records_size = 0;
	if (job->records_size)
		job->notes_size += note_size(EXACT_OWNER, job->records_size);
	bool fits = job->exact_size <= UINT32_MAX;
	for (size_t i = 0; i < job->parts->note_count; i++) {
		const struct core_note *note = &job->parts->notes[i];
		fits &= note->bytes.len <= UINT32_MAX;
		job->notes_size += note_size(note->owner, note->bytes.len);
	}
	job->notes_at = sizeof(Elf64_Ehdr) + header_count(job) * sizeof(Elf64_Phdr);
	if (header_count(job) >= PN_XNUM)
		job->notes_at += sizeof(Elf64_Shdr);
	job->data_at = aligned(job->notes_at + job->notes_size, PAGE_BYTES);
	return fits ? GOSPY_OK : err_set(err, GOSPY_E_LIMIT, "a note would be larger than 4 GiB");
}

/* ---- headers */

static enum gospy_code put_file_header(struct job *job, struct gospy_error *err)
{
	const size_t count = header_count(job);
	Elf64_Ehdr header = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			    EV_CURRENT},
		.e_type = ET_CORE,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(Elf64_Ehdr),
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = count < PN_XNUM ? (Elf64_Half)count : PN_XNUM,
	};
	if (count >= PN_XNUM) {
		header.e_shoff = sizeof(Elf64_Ehdr) + count * sizeof(Elf64_Phdr);
		header.e_shentsize = sizeof(Elf64_Shdr);
		header.e_shnum = 1;
	}
	return put(job, &header, sizeof(header), err);
}

static enum gospy_code put_program_headers(struct job *job, struct gospy_error *err)
{
	const Elf64_Phdr notes = {.p_type = PT_NOTE,
				  .p_offset = job->notes_at,
				  .p_filesz = job->notes_size,
				  .p_align = NOTE_ALIGN};
	enum gospy_code code = put(job, &notes, sizeof(notes), err);
	for (size_t i = 0; i < job->layout.segments.len && !code; i++) {
		const struct layout_segment *segment = &job->layout.segments.at[i];
		const Elf64_Phdr header = {.p_type = PT_LOAD,
					   .p_flags = segment->flags,
					   .p_offset = job->data_at + segment->at * PAGE_BYTES,
					   .p_vaddr = segment->addr,
					   .p_filesz = segment->pages * PAGE_BYTES,
					   .p_memsz = segment->pages * PAGE_BYTES,
					   .p_align = PAGE_BYTES};
		code = put(job, &header, sizeof(header), err);
	}
	return code;
}

static enum gospy_code put_headers(struct job *job, struct gospy_error *err)
{
	enum gospy_code code = put_file_header(job, err);
	if (!code)
		code = put_program_headers(job, err);
	if (code || header_count(job) < PN_XNUM)
		return code;
	const Elf64_Shdr section = {.sh_info = (Elf64_Word)header_count(job)};
	return put(job, &section, sizeof(section), err);
}

/* ---- notes */

static enum gospy_code put_padded(struct job *job, const void *bytes, size_t len,
				  struct gospy_error *err)
{
	enum gospy_code code = put(job, bytes, len, err);
	return code ? code
		    : seekable_writer_zeros(&job->writer, aligned(len, NOTE_ALIGN) - len, err);
}

static enum gospy_code put_note_header(struct job *job, const char *owner, uint32_t type,
				       uint64_t len, struct gospy_error *err)
{
	const Elf64_Nhdr header = {.n_namesz = (Elf64_Word)strlen(owner) + 1,
				   .n_descsz = (Elf64_Word)len,
				   .n_type = type};
	enum gospy_code code = put(job, &header, sizeof(header), err);
	return code ? code : put_padded(job, owner, header.n_namesz, err);
}

static enum gospy_code put_exact_pages(struct job *job, struct gospy_error *err)
{
	struct page_store *store = job->parts->store;
	for (size_t i = 0; i < page_store_count(store); i++) {
		struct span known;
		const uint64_t gap = job->layout.gaps.at[i];
		enum gospy_code code = seekable_writer_zeros(&job->writer, gap * EXACT_PAGE, err);
		if (!code)
			code = page_store_known(store, i, &known, err);
		if (!code)
			code = put(job, known.ptr, known.len, err);
		if (!code)
			code = cancel_check(err);
		if (code)
			return code;
	}
	return GOSPY_OK;
}

static enum gospy_code put_exact_parts(struct job *job, struct gospy_error *err)
{
	const struct page_store *store = job->parts->store;
	for (size_t i = 0; i < page_store_count(store); i++) {
		const struct page_block block = page_store_block(store, i);
		for (size_t k = 0; k < block.parts->len; k++) {
			uint8_t bytes[EXACT_PART];
			const uint32_t part = block.parts->at[k];
			exact_put_part(bytes, block.addr + (uint64_t)(part >> 8) * 8,
				       (uint8_t)part);
			enum gospy_code code = put(job, bytes, sizeof(bytes), err);
			if (code)
				return code;
		}
	}
	return GOSPY_OK;
}

_Static_assert((int)EXACT_PAGE == (int)PAGE_KNOWN, "what the store has is what the note has");

static enum gospy_code put_exact(struct job *job, struct gospy_error *err)
{
	uint8_t bytes[EXACT_HEADER];
	const struct core_layout *layout = &job->layout;
	enum gospy_code code = put_note_header(job, EXACT_OWNER, EXACT_NOTE, job->exact_size, err);
	exact_put_header(bytes, layout->runs.len, layout->pages, layout->parts);
	if (!code)
		code = put(job, bytes, EXACT_HEADER, err);
	for (size_t i = 0; i < layout->runs.len && !code; i++) {
		exact_put_run(bytes, layout->runs.at[i].addr, layout->runs.at[i].pages);
		code = put(job, bytes, EXACT_RUN, err);
	}
	if (!code)
		code = put_exact_pages(job, err);
	return code ? code : put_exact_parts(job, err);
}

static enum gospy_code put_records(struct job *job, struct gospy_error *err)
{
	uint8_t head[RECORD_NOTE_HEADER];
	const struct page_store *store = job->parts->store;
	if (!job->records_size)
		return GOSPY_OK;
	record_note_header(head, page_store_record_words(store));
	enum gospy_code code =
		put_note_header(job, EXACT_OWNER, RECORD_NOTE, job->records_size, err);
	if (!code)
		code = put(job, head, sizeof(head), err);
	for (size_t i = 0; i < page_store_count(store) && !code; i++) {
		const struct span records = page_store_block(store, i).records;
		if (records.len)
			code = put(job, records.ptr, records.len, err);
	}
	const uint64_t padding = aligned(job->records_size, NOTE_ALIGN) - job->records_size;
	return code ? code : seekable_writer_zeros(&job->writer, padding, err);
}

static enum gospy_code put_notes(struct job *job, struct gospy_error *err)
{
	for (size_t i = 0; i < job->parts->note_count; i++) {
		const struct core_note *note = &job->parts->notes[i];
		enum gospy_code code =
			put_note_header(job, note->owner, note->type, note->bytes.len, err);
		if (!code)
			code = put_padded(job, note->bytes.ptr, note->bytes.len, err);
		if (code)
			return code;
	}
	enum gospy_code code = put_records(job, err);
	return code ? code : put_exact(job, err);
}

/* ---- pages */

static enum gospy_code put_block(struct job *job, size_t i, struct gospy_error *err)
{
	struct span pages;
	struct page_store *store = job->parts->store;
	const struct page_block block = page_store_block(store, i);
	const struct span packed = block.pages_packed;
	enum gospy_code code = seekable_writer_zeros(
		&job->writer, (uint64_t)job->layout.gaps.at[i] * PAGE_BYTES, err);
	if (code)
		return code;
	if (!job->parts->plain && packed.len && block.pages >= FRAME_MIN_PAGES)
		return seekable_writer_put_frame(&job->writer, packed.ptr, packed.len,
						 block.pages * PAGE_BYTES, err);
	code = page_store_pages(store, i, &pages, err);
	return code ? code : put(job, pages.ptr, pages.len, err);
}

static enum gospy_code put_pages(struct job *job, struct gospy_error *err)
{
	enum gospy_code code =
		seekable_writer_zeros(&job->writer, job->data_at - job->writer.size, err);
	for (size_t i = 0; i < page_store_count(job->parts->store) && !code; i++) {
		code = put_block(job, i, err);
		if (!code)
			code = cancel_check(err);
	}
	return code;
}

/* ---- the whole */

static enum gospy_code write_all(struct job *job, struct gospy_error *err)
{
	enum gospy_code code = put_headers(job, err);
	if (!code)
		code = put_notes(job, err);
	if (!code)
		code = put_pages(job, err);
	return code ? code : seekable_writer_end(&job->writer, err);
}

static void job_deinit(struct job *job)
{
	core_layout_deinit(&job->layout);
	seekable_writer_deinit(&job->writer);
}

enum gospy_code core_write(const struct core_parts *parts, seekable_sink_fn sink, void *ctx,
			   struct core_written *ret, struct gospy_error *err)
{
	CLEANUP(job_deinit) struct job job = {.parts = parts};
	enum gospy_code code = core_layout_make(parts->store, parts->mappings, &job.layout, err);
	if (!code)
		code = measure(&job, err);
	if (!code)
		code = seekable_writer_begin(&job.writer, !parts->plain, sink, ctx, err);
	if (!code)
		code = write_all(&job, err);
	if (code)
		return code;
	*ret = (struct core_written){.size = job.writer.size,
				     .bytes = job.writer.written,
				     .pages = job.layout.pages,
				     .segments = job.layout.segments.len};
	return GOSPY_OK;
}
