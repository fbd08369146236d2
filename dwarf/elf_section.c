#include "dwarf/elf_section.h"

#include <endian.h>
#include <inttypes.h>
#include <string.h>

#include "base/cancel.h"
#include "dwarf/inflate.h"
#include "dwarf/unzstd.h"

enum { ELF_COMPRESS_ZSTD = 2 /* gABI; elf.h has it since glibc 2.36 */ };

/* What a stream may use beyond what it gives: for headers, and as much as is read ahead of it. */
enum { PACKED_EXTRA = 1 << 20 };

struct elf_section {
	struct elf_section *next;
	const Elf64_Shdr *shdr;
	enum elf_packing packing;
	/* What is still to be read. A copy: struct elf_file may be moved. */
	struct elf_input in;
	uint64_t off, left;
	uint64_t may_use; /* of its bytes in the file, for what is loaded now */
	uint8_t *data;    /* one byte longer than `room`, to see a stream that goes on */
	uint64_t size;
	uint64_t room;        /* `size`, or ELF_KEEP_MAX: the rest is out of reach */
	uint64_t done, given; /* bytes loaded, and of those what somebody asked for */
	bool whole;           /* all was asked for, and is right */
	bool broken;
	/* If the section is compressed, one of these is set. */
	struct inflater *inflater;
	struct unzstd *unzstd;
};

static size_t read_raw(struct elf_section *s, void *dst, size_t len)
{
	size_t n = elf_input_read(&s->in, s->off, dst, len < s->left ? len : (size_t)s->left);
	s->off += n;
	s->left -= n;
	return n;
}

/* An inflate_read_fn. It ends the input of a stream that has used more than it can need for what it
 * gives: gigabytes of a stream may consist of empty blocks, or of frames that are to be skipped. */
static size_t read_packed(void *ctx, void *dst, size_t len)
{
	struct elf_section *s = ctx;
	uint64_t used = s->shdr->sh_size - s->left;
	uint64_t may_use = used < s->may_use ? s->may_use - used : 0;
	return read_raw(s, dst, len < may_use ? len : (size_t)may_use);
}

static bool read_header(struct elf_section *s, void *dst, size_t len)
{
	return read_raw(s, dst, len) == len;
}

static enum gospy_code reserve(struct elf_file *elf, struct elf_section *s, struct gospy_error *err)
{
	s->room = s->size < ELF_KEEP_MAX ? s->size : ELF_KEEP_MAX;
	// Only what is touched becomes memory.
	s->data = arena_alloc(&elf->arena, s->room + 1);
	return s->data ? GOSPY_OK : err_nomem(err);
}

/* Prepare to inflate a zlib stream that says it holds `s->size` bytes. */
static enum gospy_code begin_inflate(struct elf_file *elf, struct elf_section *s,
				     struct gospy_error *err)
{
	// Deflate never does better than 1032:1 (zlib.net/zlib_tech.html): do not reserve for a
	// lie.
	if (s->size / 1032 > s->left)
		return err_set(err, GOSPY_E_BAD_DATA, "says to hold more than it can");
	enum gospy_code code = reserve(elf, s, err);
	s->inflater = code ? NULL : inflater_create(read_packed, s);
	return code || s->inflater ? code : err_nomem(err);
}

static enum gospy_code begin_unzstd(struct elf_file *elf, struct elf_section *s,
				    struct gospy_error *err)
{
	if (!unzstd_available())
		return err_set(err, GOSPY_E_UNSUPPORTED,
			       "compressed by zstd, which this gospy is built without");
	enum gospy_code code = reserve(elf, s, err);
	s->unzstd = code ? NULL : unzstd_create(read_packed, s);
	return code || s->unzstd ? code : err_nomem(err);
}

static enum gospy_code begin_chdr(struct elf_file *elf, struct elf_section *s,
				  struct gospy_error *err)
{
	Elf64_Chdr ch;
	if (!read_header(s, &ch, sizeof(ch)))
		return err_set(err, GOSPY_E_BAD_DATA, "truncated");
	s->size = ch.ch_size;
	if (ch.ch_type == ELFCOMPRESS_ZLIB)
		return begin_inflate(elf, s, err);
	if (ch.ch_type == ELF_COMPRESS_ZSTD)
		return begin_unzstd(elf, s, err);
	return err_set(err, GOSPY_E_UNSUPPORTED, "compressed by method %u, which is unknown",
		       ch.ch_type);
}

/* "ZLIB", size as 8 bytes big-endian, stream: cmd/link/internal/ld/data.go:compressSyms. */
static enum gospy_code begin_zdebug(struct elf_file *elf, struct elf_section *s,
				    struct gospy_error *err)
{
	char magic[4];
	uint64_t size;
	if (!read_header(s, magic, sizeof(magic)) || memcmp(magic, "ZLIB", sizeof(magic)) != 0 ||
	    !read_header(s, &size, sizeof(size)))
		return err_set(err, GOSPY_E_BAD_DATA, "no ZLIB header");
	s->size = be64toh(size);
	return begin_inflate(elf, s, err);
}

static enum gospy_code begin(struct elf_file *elf, struct elf_section *s, struct gospy_error *err)
{
	switch (s->packing) {
	case ELF_PACKING_CHDR:
		return begin_chdr(elf, s, err);
	case ELF_PACKING_ZDEBUG:
		return begin_zdebug(elf, s, err);
	case ELF_PACKING_NONE:
		break;
	}
	s->size = s->left;
	return reserve(elf, s, err);
}

/* The section's cache entry, made when first asked for. */
static enum gospy_code find(struct elf_file *elf, const Elf64_Shdr *shdr, enum elf_packing packing,
			    struct elf_section **ret, struct gospy_error *err)
{
	for (struct elf_section *s = elf->sections; s; s = s->next) {
		if (s->shdr == shdr && s->packing == packing) {
			*ret = s;
			return GOSPY_OK;
		}
	}
	if (!elf_input_holds(&elf->in, shdr->sh_offset, shdr->sh_size))
		return err_set(err, GOSPY_E_BAD_DATA, "lies outside the file");
	struct elf_section *s = arena_alloc(&elf->arena, sizeof(*s));
	if (!s)
		return err_nomem(err);
	*s = (struct elf_section){
		.shdr = shdr,
		.packing = packing,
		.in = elf->in,
		.off = shdr->sh_offset,
		.left = shdr->sh_size,
	};
	enum gospy_code code = begin(elf, s, err);
	if (code)
		return code;
	s->next = elf->sections;
	elf->sections = s;
	*ret = s;
	return GOSPY_OK;
}

/* Load up to `end`, as far as it goes, in one piece. */
static void load_piece(struct elf_file *elf, struct elf_section *s, uint64_t end)
{
	uint8_t *dst = s->data + s->done;
	size_t len = (size_t)(end - s->done);
	// What cannot be compressed takes a little more than its size.
	s->may_use = end + end / 64 + PACKED_EXTRA;
	size_t n = s->inflater ? inflater_run(s->inflater, dst, len)
		   : s->unzstd ? unzstd_run(s->unzstd, dst, len)
			       : read_raw(s, dst, len);
	uint64_t left = s->size - s->done;
	elf->kept += n < left ? n : left; // without the byte that belies the size
	s->done += n;
}

/* Load up to `end`, as far as it goes. GOSPY_E_CANCELLED: some of it. */
static enum gospy_code load(struct elf_file *elf, struct elf_section *s, uint64_t end,
			    struct gospy_error *err)
{
	enum { PIECE = 1 << 20 }; // some milliseconds
	enum gospy_code code = GOSPY_OK;
	for (bool goes_on = true; goes_on && s->done < end && !(code = cancel_check(err));) {
		uint64_t next = end - s->done < PIECE ? end : s->done + PIECE;
		load_piece(elf, s, next);
		goes_on = s->done == next;
	}
	return code;
}

/* All was loaded: is it what it should be? */
static bool is_whole(const struct elf_section *s)
{
	return s->done == s->size && (!s->inflater || inflater_ended(s->inflater)) &&
	       (!s->unzstd || unzstd_ended(s->unzstd));
}

static enum gospy_code say_broken(const struct elf_section *s, struct gospy_error *err)
{
	if (s->unzstd && unzstd_too_large(s->unzstd))
		return err_set(err, GOSPY_E_UNSUPPORTED,
			       "compressed by zstd with a window of more than %d MiB",
			       1 << (UNZSTD_WINDOW_LOG_MAX - 20));
	return err_set(err, GOSPY_E_BAD_DATA,
		       s->inflater ? "broken zlib stream"
		       : s->unzstd ? "broken zstd stream"
				   : "became shorter meanwhile");
}

/* Load the first `want` bytes at least. A section that has turned out to be broken gives no more
 * than it gave before. */
static enum gospy_code extend(struct elf_file *elf, struct elf_section *s, uint64_t want,
			      struct gospy_error *err)
{
	enum { STEP = 64 << 10 }; // to go on costs something: a stream's window is copied
	bool all = want >= s->size;
	uint64_t need = all ? s->size : want;
	if (all ? s->whole : want <= s->given)
		return GOSPY_OK;
	uint64_t left = ELF_KEEP_MAX - elf->kept;
	if (need > s->room || (need > s->done && need - s->done > left))
		return err_set(err, GOSPY_E_LIMIT, "holds %" PRIu64 " bytes, which is too much",
			       s->size);
	uint64_t end = need > s->done + STEP ? need : s->done + STEP;
	end = end < s->room ? end : s->room;
	end = end - s->done < left ? end : s->done + left;
	// One byte more, if there is one, belies the size; and behind the last is the checksum.
	end += all;
	if (!s->broken && (all || need > s->done) && load(elf, s, end, err))
		return GOSPY_E_CANCELLED;
	s->broken |= all ? !is_whole(s) : s->done < want;
	if (s->broken)
		return say_broken(s, err);
	s->given = need;
	s->whole = all;
	return GOSPY_OK;
}

enum gospy_code elf_section_load(struct elf_file *elf, const Elf64_Shdr *shdr,
				 enum elf_packing packing, uint64_t want, struct span *ret,
				 struct gospy_error *err)
{
	struct elf_section *s = NULL;
	enum gospy_code code = find(elf, shdr, packing, &s, err);
	if (!code)
		code = extend(elf, s, want, err);
	if (!code)
		*ret = (struct span){s->data, (size_t)s->room};
	return code;
}

enum gospy_code elf_section_raw(struct elf_file *elf, const Elf64_Shdr *shdr, struct span *ret,
				struct gospy_error *err)
{
	return elf_section_load(elf, shdr, ELF_PACKING_NONE, UINT64_MAX, ret, err);
}

void elf_sections_free(struct elf_file *elf)
{
	for (struct elf_section *s = elf->sections; s; s = s->next) {
		inflater_destroy(s->inflater);
		unzstd_destroy(s->unzstd);
	}
	elf->sections = NULL;
}
