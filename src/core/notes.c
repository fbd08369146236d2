#include "core/notes.h"

#include <elf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cancel.h"
#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/error.h"
#include "core/bundle_facts.h"

enum {
	THREADS_MAX = 1 << 18,
	/* Each file has 24 bytes and a path; 65,530 mappings are the default of vm.max_map_count.
	 */
	FILES_BYTES_MAX = 256 << 20,
	AUXV_BYTES_MAX = 4096,
	OWN_MAX = 512 << 20, /* of a note of gospy's; in the file there are as many bytes */
	OWNER_MAX = 8,       /* "CORE", "LINUX", "GOSPY" */
	/* include/uapi/linux/elfcore.h, struct elf_prstatus and elf_prpsinfo of x86-64. */
	PRSTATUS_SIZE = 336,
	PRSTATUS_CURSIG = 12,
	PRSTATUS_PID = 32,
	PRSTATUS_REGS = 112,
	PRPSINFO_PID = 24,
	PRPSINFO_FNAME = 40,
	PRPSINFO_FNAME_SIZE = 16,
	/* siginfo_t: asm-generic/siginfo.h. */
	SIGINFO_CODE = 8,
	SIGINFO_ADDR = 16,
	SIGINFO_SIZE = 24,
	/* delve: pkg/elfwriter/delve_core_notes.go, DelveHeaderNoteType. */
	DELVE_HEADER = 0x444C5645,
	DELVE_HEADER_MAX = 1024,
};

struct note {
	uint32_t type;
	char owner[OWNER_MAX + 1];
	uint64_t offset, size; /* of the content */
};

/* The first `len` bytes of a note's content. False: it has not so many, or they are cut off. */
static bool content(struct input *input, const struct note *note, void *dst, size_t len)
{
	size_t done = 0;
	return note->size >= len && !input_read(input, note->offset, dst, len, &done, NULL) &&
	       done == len;
}

static enum gospy_code add_thread(struct input *input, const struct note *note, struct notes *notes,
				  struct gospy_error *err)
{
	uint8_t bytes[PRSTATUS_SIZE];
	struct note_thread thread = {0};
	int16_t signal;
	int32_t tid;
	_Static_assert(PRSTATUS_REGS + sizeof(thread.regs) <= PRSTATUS_SIZE, "struct elf_prstatus");
	if (notes->threads.len == THREADS_MAX || !content(input, note, bytes, sizeof(bytes)))
		return GOSPY_OK;
	memcpy(&tid, bytes + PRSTATUS_PID, sizeof(tid));
	memcpy(&signal, bytes + PRSTATUS_CURSIG, sizeof(signal));
	memcpy(&thread.regs, bytes + PRSTATUS_REGS, sizeof(thread.regs));
	thread.tid = tid;
	if (!notes->threads.len && !notes->signal)
		notes->signal = signal;
	if (tid <= 0)
		return GOSPY_OK;
	return vec_push(&notes->threads, thread) ? GOSPY_OK : err_nomem(err);
}

static void read_psinfo(struct input *input, const struct note *note, struct notes *notes)
{
	uint8_t bytes[PRPSINFO_FNAME + PRPSINFO_FNAME_SIZE];
	int32_t pid;
	if (!content(input, note, bytes, sizeof(bytes)))
		return;
	memcpy(&pid, bytes + PRPSINFO_PID, sizeof(pid));
	if (pid > 0)
		notes->pid = pid;
	memcpy(notes->comm, bytes + PRPSINFO_FNAME, PRPSINFO_FNAME_SIZE);
}

/* si_addr is an address only where the kernel itself found the fault: si_code is above 0 then, and
 * not SI_KERNEL, which is sent where the address is not known. */
static void read_siginfo(struct input *input, const struct note *note, struct notes *notes)
{
	uint8_t bytes[SIGINFO_SIZE];
	int32_t signal, code;
	if (!content(input, note, bytes, sizeof(bytes)))
		return;
	memcpy(&signal, bytes, sizeof(signal));
	memcpy(&code, bytes + SIGINFO_CODE, sizeof(code));
	if (signal > 0 && signal < NSIG)
		notes->signal = signal;
	bool fault = signal == SIGSEGV || signal == SIGBUS || signal == SIGILL || signal == SIGFPE;
	if (fault && code > 0 && code != SI_KERNEL)
		memcpy(&notes->fault_addr, bytes + SIGINFO_ADDR, sizeof(notes->fault_addr));
}

static void read_auxv(struct input *input, const struct note *note, struct notes *notes)
{
	Elf64_auxv_t entries[AUXV_BYTES_MAX / sizeof(Elf64_auxv_t)];
	size_t len = note->size < sizeof(entries) ? (size_t)note->size : sizeof(entries);
	struct auxv *auxv = &notes->auxv;
	if (notes->has_auxv || !content(input, note, entries, len))
		return;
	notes->has_auxv = true;
	for (size_t i = 0; i < len / sizeof(*entries) && entries[i].a_type != AT_NULL; i++) {
		const uint64_t value = entries[i].a_un.a_val;
		switch (entries[i].a_type) {
		case AT_ENTRY:
			auxv->entry = value;
			break;
		case AT_PHDR:
			auxv->phdr = value;
			break;
		case AT_PHENT:
			auxv->phent = value;
			break;
		case AT_PHNUM:
			auxv->phnum = value;
			break;
		case AT_BASE:
			auxv->base = value;
			break;
		case AT_SYSINFO_EHDR:
			auxv->sysinfo_ehdr = value;
			break;
		case AT_EXECFN:
			notes->execfn = value;
			break;
		}
	}
}

/* Count and page size, then start, end and offset in pages of each, then their names. */
static enum gospy_code parse_files(struct span span, struct notes *notes, struct gospy_error *err)
{
	enum { EACH = 24 };
	struct cursor c = cursor_at(span, 0);
	uint64_t count = cursor_u64(&c), page = cursor_u64(&c);
	if (c.failed || count > cursor_left(&c) / EACH || !page || page > 1 << 30)
		return GOSPY_OK;
	struct cursor names = cursor_at(span, c.pos + count * EACH);
	for (uint64_t i = 0; i < count; i++) {
		struct note_file file = {.start = cursor_u64(&c), .end = cursor_u64(&c)};
		bool fits = !__builtin_mul_overflow(cursor_u64(&c), page, &file.offset);
		const char *path = cursor_cstr(&names);
		if (!path)
			return GOSPY_OK;
		if (!fits || file.start >= file.end || !*path)
			continue;
		file.path = arena_strdup(&notes->arena, path);
		if (!file.path || !vec_push(&notes->files, file))
			return err_nomem(err);
	}
	return GOSPY_OK;
}

static enum gospy_code read_files(struct input *input, const struct note *note, struct notes *notes,
				  struct gospy_error *err)
{
	uint64_t left = input_size(input);
	left = note->offset < left ? left - note->offset : 0;
	if (notes->has_files || note->size > FILES_BYTES_MAX || note->size > left)
		return GOSPY_OK;
	CLEANUP_FREE uint8_t *bytes = malloc(note->size + 1);
	if (!bytes)
		return err_nomem(err);
	if (!content(input, note, bytes, note->size))
		return GOSPY_OK;
	notes->has_files = true;
	return parse_files((struct span){bytes, note->size}, notes, err);
}

/* Text with a line each: "linux/amd64", delve's version, "Target Pid: 1", "Entry Point: 0x1". */
static void read_delve_header(struct input *input, const struct note *note, struct notes *notes)
{
	char text[DELVE_HEADER_MAX + 1] = "";
	size_t len = note->size < DELVE_HEADER_MAX ? (size_t)note->size : DELVE_HEADER_MAX;
	if (!content(input, note, text, len))
		return;
	const char *pid = strstr(text, "Target Pid: "), *entry = strstr(text, "Entry Point: ");
	long number = pid ? strtol(strchr(pid, ':') + 1, NULL, 10) : 0;
	if (number > 0 && number <= INT32_MAX)
		notes->pid = (pid_t)number;
	if (entry && !notes->has_auxv)
		notes->auxv.entry = strtoull(strchr(entry, ':') + 1, NULL, 0);
}

/* A note of gospy's own, whole. */
static enum gospy_code read_own(struct input *input, const struct note *note, struct notes *notes,
				struct gospy_error *err)
{
	struct span *const spans[] = {&notes->facts, &notes->exact, &notes->marks, &notes->program,
				      &notes->records};
	const uint32_t types[] = {BUNDLE_NOTE_FACTS, BUNDLE_NOTE_EXACT, BUNDLE_NOTE_MARKS,
				  BUNDLE_NOTE_PROGRAM, BUNDLE_NOTE_RECORDS};
	uint64_t left = input_size(input);
	left = note->offset < left ? left - note->offset : 0;
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		if (note->type != types[i] || spans[i]->len || !note->size ||
		    note->size > OWN_MAX || note->size > left)
			continue;
		uint8_t *bytes = arena_alloc(&notes->arena, note->size);
		if (!bytes)
			return err_nomem(err);
		if (content(input, note, bytes, note->size))
			*spans[i] = (struct span){bytes, note->size};
	}
	return GOSPY_OK;
}

/* Of the thread whose registers came last. */
static void note_vectors(const struct note *note, struct notes *notes)
{
	enum { MOST = 16 << 10 };
	if (!notes->threads.len || note->size > MOST)
		return;
	struct note_thread *thread = &notes->threads.at[notes->threads.len - 1];
	thread->vectors = note->offset;
	thread->vector_bytes = note->size;
}

static enum gospy_code take_note(struct input *input, const struct note *note, struct notes *notes,
				 struct gospy_error *err)
{
	bool core = !*note->owner || strcmp(note->owner, "CORE") == 0;
	if (!*note->owner && note->type == DELVE_HEADER)
		read_delve_header(input, note, notes);
	if (strcmp(note->owner, BUNDLE_OWNER) == 0)
		return read_own(input, note, notes, err);
	if (strcmp(note->owner, "LINUX") == 0 && note->type == NT_X86_XSTATE)
		note_vectors(note, notes);
	if (!core)
		return GOSPY_OK;
	switch (note->type) {
	case NT_PRSTATUS:
		return add_thread(input, note, notes, err);
	case NT_PRPSINFO:
		read_psinfo(input, note, notes);
		break;
	case NT_SIGINFO:
		read_siginfo(input, note, notes);
		break;
	case NT_AUXV:
		read_auxv(input, note, notes);
		break;
	case NT_FILE:
		return read_files(input, note, notes, err);
	}
	return GOSPY_OK;
}

static uint64_t align_up(uint64_t n)
{
	return (n + 3) & ~UINT64_C(3);
}

enum gospy_code notes_read(struct input *input, const struct notes_range *range,
			   struct notes *notes, struct gospy_error *err)
{
	uint64_t at = range->offset, end;
	if (__builtin_add_overflow(range->offset, range->size, &end))
		return GOSPY_OK;
	if (!notes->threads.len && !notes->has_auxv)
		notes->fault_addr = GOSPY_UNKNOWN;
	if (end > input_size(input)) {
		notes->cut = true;
		end = input_size(input);
	}
	while (at < end && end - at >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr header;
		struct note note = {0};
		size_t done = 0;
		enum gospy_code code = cancel_check(err);
		if (code)
			return code;
		if (input_read(input, at, &header, sizeof(header), &done, NULL) ||
		    done != sizeof(header))
			break;
		at += sizeof(header);
		uint64_t owner = align_up(header.n_namesz), size = align_up(header.n_descsz);
		if (owner > end - at)
			break;
		if (header.n_namesz <= OWNER_MAX &&
		    (input_read(input, at, note.owner, header.n_namesz, &done, NULL) ||
		     done != header.n_namesz))
			break;
		note.type = header.n_type;
		note.offset = at + owner;
		note.size = header.n_descsz;
		// Of an unknown owner.
		if (header.n_namesz > OWNER_MAX)
			note.owner[0] = '?';
		at = note.offset;
		if (note.size > end - at)
			break;
		code = take_note(input, &note, notes, err);
		if (code)
			return code;
		at += size < end - at ? size : end - at;
	}
	return GOSPY_OK;
}

void notes_deinit(struct notes *notes)
{
	vec_free(&notes->threads);
	vec_free(&notes->files);
	arena_deinit(&notes->arena);
	*notes = (struct notes){0};
}
