#include "image/twin.h"

#include <stdlib.h>
#include <string.h>

#include "base/cancel.h"
#include "base/cleanup.h"

static bool same(struct span a, struct span b)
{
	return a.len && a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

/* Go's build ID is "actionID/.../contentID" in text: its ends tell two builds apart. */
enum { ID_SHOWN = 24 };

/* An ID that was set by hand (-ldflags=-buildid=redacted, as Bazel does for every program) tells
 * nothing. Neither does the GNU build ID, which Go 1.24 and later make of it. */
static bool set_by_hand(struct span go_id)
{
	return go_id.len && !memchr(go_id.ptr, '/', go_id.len);
}

bool twin_same_id(struct elf_file *running, struct elf_file *bin)
{
	struct span id = elf_file_go_build_id(running);
	return !set_by_hand(id) && (same(elf_file_build_id(running), elf_file_build_id(bin)) ||
				    same(id, elf_file_go_build_id(bin)));
}

static const char *show_go_id(struct span id, char *buf, size_t size)
{
	if (!id.len)
		return "none";
	size_t n = id.len < ID_SHOWN ? id.len : ID_SHOWN;
	size_t out = 0;
	for (size_t i = 0; i < n && out + 1 < size; i++)
		buf[out++] = id.ptr[i] >= 0x21 && id.ptr[i] < 0x7f ? (char)id.ptr[i] : '?';
	buf[out] = '\0';
	return buf;
}

/* Is [vaddr, vaddr + len) of the file what is mapped? */
static bool same_bytes(const struct elf_file *bin, struct paged *window, uint64_t vaddr,
		       uint64_t len, uint64_t bias)
{
	enum { CHUNK = 64 << 10 };
	CLEANUP_FREE uint8_t *stored = malloc(CHUNK);
	bool same = stored;
	for (uint64_t at = 0; same && at < len && !cancel_asked(); at += CHUNK) {
		size_t n = len - at < CHUNK ? (size_t)(len - at) : CHUNK;
		const uint8_t *mapped = paged_at_addr(window, vaddr + at + bias, n);
		same = mapped && elf_file_read_vaddr(bin, vaddr + at, stored, n) &&
		       memcmp(stored, mapped, n) == 0;
	}
	return same;
}

/* Compare the executable segments of the file with what is mapped. */
static bool same_code(const struct elf_file *bin, struct paged *window, uint64_t bias)
{
	bool compared = false;
	for (size_t i = 0; i < bin->phdr_count; i++) {
		const Elf64_Phdr *ph = &bin->phdrs[i];
		if (ph->p_type != PT_LOAD || !(ph->p_flags & PF_X))
			continue;
		// A file's own headers lie in front of the code in some layouts; they are part of
		// the mapping as well, so a strip that rewrites them must not count: compare
		// from the first section's worth of code on.
		uint64_t skip = ph->p_offset == 0 ? sizeof(Elf64_Ehdr) : 0;
		const Elf64_Shdr *text = elf_file_section(bin, ".text");
		if (text && text->sh_addr > ph->p_vaddr &&
		    text->sh_addr - ph->p_vaddr < ph->p_filesz)
			skip = text->sh_addr - ph->p_vaddr;
		if (skip >= ph->p_filesz || ph->p_filesz > window->len ||
		    !same_bytes(bin, window, ph->p_vaddr + skip, ph->p_filesz - skip, bias))
			return false;
		compared = true;
	}
	return compared;
}

enum gospy_code twin_check(struct elf_file *running, struct elf_file *bin, struct paged *window,
			   uint64_t bias, struct gospy_error *err)
{
	if (twin_same_id(running, bin) || same_code(bin, window, bias))
		return GOSPY_OK;
	char a[ID_SHOWN + 1], b[ID_SHOWN + 1];
	return err_set(err, GOSPY_E_BAD_DATA,
		       "%s is not a twin of the program that runs: neither its build ID nor its "
		       "code is the same (Go build ID %s there, %s running)",
		       bin->name, show_go_id(elf_file_go_build_id(bin), a, sizeof(a)),
		       show_go_id(elf_file_go_build_id(running), b, sizeof(b)));
}
