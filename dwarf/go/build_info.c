#include "dwarf/go/build_info.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "dwarf/elf_symbols.h"

/*
 * The blob, src/debug/buildinfo/buildinfo.go: 16-aligned in a writable segment, 32 bytes of header
 *	"\xff Go buildinf:", u8 pointer size, u8 flags, u64 version, u64 modinfo
 * where the last two are addresses of Go string headers up to Go 1.17; since 1.18 (flag 2) they are
 * unused and the two strings follow the header, each after its length as uvarint.
 */
static const uint8_t blob_magic[14] = "\xff Go buildinf:";
enum {
	BLOB_PTRSIZE = 14,
	BLOB_FLAGS = 15,
	BLOB_VERSION = 16,
	BLOB_MODINFO = 24,
	FLAG_INLINE = 2,
};

/* What the strings may measure: vendors add words to versions; ten thousand modules of a hundred
 * bytes are more than any program has. */
enum { VERSION_MAX = 1 << 10, MODINFO_MAX = 4 << 20 };

/* How much is searched of a file that does not say where its build information is: so many bytes of
 * each writable segment (which begins with it: cmd/link/internal/ld/data.go), and so many segments.
 */
enum { SCAN_MAX = 64 << 20, SEGMENTS_MAX = 8 };

struct finder {
	struct elf_file *elf;
	paged_fetch_fn fetch;
	void *ctx;
	uint64_t bias;
	size_t word; /* bytes of a pointer: 8, or 4 in a program of 32 bits */
	struct arena *arena;
	struct build_info_text *ret; /* go_version stays NULL until something was found */
	struct gospy_error *err;
};

/* Where pointers lead: into the file, whose pointers are unbiased, or into the process. */
enum memory { IN_FILE, IN_PROCESS };

static bool read_memory(const struct finder *f, enum memory memory, uint64_t addr, void *dst,
			size_t len)
{
	if (memory == IN_PROCESS)
		return f->fetch && f->fetch(f->ctx, addr, dst, len, NULL) == GOSPY_OK;
	return elf_file_read_vaddr(f->elf, addr, dst, len);
}

/* Two pointers or numbers in a row. */
static bool read_pair(const struct finder *f, enum memory memory, uint64_t addr, uint64_t ret[2])
{
	uint8_t bytes[2 * sizeof(uint64_t)];
	struct cursor c = cursor_at((struct span){bytes, 2 * f->word}, 0);
	if (!read_memory(f, memory, addr, bytes, 2 * f->word))
		return false;
	for (int i = 0; i < 2; i++)
		ret[i] = f->word == sizeof(uint32_t) ? cursor_u32(&c) : cursor_u64(&c);
	return true;
}

/* The Go string whose header is at `addr`; empty if there is none of at most `max` bytes. */
static enum gospy_code read_string(const struct finder *f, enum memory memory, uint64_t addr,
				   uint64_t max, struct span *ret)
{
	uint64_t header[2]; // data, length
	*ret = (struct span){0};
	if (!read_pair(f, memory, addr, header) || !header[1] || header[1] > max)
		return GOSPY_OK;
	uint8_t *text = arena_alloc(f->arena, header[1]);
	if (!text)
		return err_nomem(f->err);
	if (read_memory(f, memory, header[0], text, header[1]))
		*ret = (struct span){text, header[1]};
	return GOSPY_OK;
}

static enum gospy_code store(const struct finder *f, struct span version, struct span modinfo)
{
	// cmd/go/internal/modload/build.go: infoStart and infoEnd, 16 bytes each.
	enum { FRAME = 16 };
	if (!version.len || version.len > VERSION_MAX)
		return GOSPY_OK;
	struct build_info_text text = {0};
	text.go_version = arena_strndup(f->arena, version.ptr, version.len);
	if (!text.go_version)
		return err_nomem(f->err);
	if (modinfo.len > 2 * FRAME && modinfo.ptr[modinfo.len - FRAME - 1] == '\n') {
		text.modinfo =
			arena_strndup(f->arena, modinfo.ptr + FRAME, modinfo.len - 2 * FRAME);
		if (!text.modinfo)
			return err_nomem(f->err);
	}
	*f->ret = text;
	return GOSPY_OK;
}

static enum gospy_code find_strings(const struct finder *f, enum memory memory, uint64_t version,
				    uint64_t modinfo)
{
	struct span version_text, modinfo_text;
	enum gospy_code code = read_string(f, memory, version, VERSION_MAX, &version_text);
	if (!code)
		code = read_string(f, memory, modinfo, MODINFO_MAX, &modinfo_text);
	return code ? code : store(f, version_text, modinfo_text);
}

/* An inline string at `*addr`, which moves behind it; empty if there is none of at most `max`
 * bytes.
 */
static enum gospy_code read_inline(const struct finder *f, enum memory memory, uint64_t max,
				   uint64_t *addr, struct span *ret)
{
	uint8_t head[4]; // MODINFO_MAX takes no more as uvarint
	size_t n = sizeof(head);
	*ret = (struct span){0};
	while (n && !read_memory(f, memory, *addr, head, n))
		n--; // a short string may be the last of all
	struct cursor c = cursor_at((struct span){head, n}, 0);
	uint64_t len = cursor_uleb128(&c);
	if (c.failed || !len || len > max)
		return GOSPY_OK;
	uint8_t *text = arena_alloc(f->arena, len);
	if (!text)
		return err_nomem(f->err);
	if (read_memory(f, memory, *addr + c.pos, text, len)) {
		*ret = (struct span){text, len};
		*addr += c.pos + len;
	}
	return GOSPY_OK;
}

static enum gospy_code decode_inline(const struct finder *f, enum memory memory, uint64_t addr)
{
	struct span version, modinfo;
	enum gospy_code code = read_inline(f, memory, VERSION_MAX, &addr, &version);
	if (!code && version.len)
		code = read_inline(f, memory, MODINFO_MAX, &addr, &modinfo);
	return code || !version.len ? code : store(f, version, modinfo);
}

/* The linker may leave the pointers of a PIE zero in the file: then the process has them. */
static enum gospy_code decode_pointers(const struct finder *f, uint64_t vaddr)
{
	for (enum memory memory = IN_FILE; memory <= IN_PROCESS; memory++) {
		uint64_t pointers[2];
		uint64_t addr = vaddr + BLOB_VERSION + (memory == IN_PROCESS ? f->bias : 0);
		if (!read_pair(f, memory, addr, pointers))
			continue;
		enum gospy_code code = find_strings(f, memory, pointers[0], pointers[1]);
		if (code || f->ret->go_version)
			return code;
	}
	return GOSPY_OK;
}

size_t build_info_scan(struct span bytes, size_t from, size_t word)
{
	for (size_t at = from; at + BUILD_INFO_HEADER <= bytes.len; at += BUILD_INFO_ALIGN) {
		// debug/buildinfo has a copy of the magic among its data; the rest tells them apart
		const uint8_t *blob = bytes.ptr + at;
		if (!memcmp(blob, blob_magic, sizeof(blob_magic)) && blob[BLOB_PTRSIZE] == word &&
		    !(blob[BLOB_FLAGS] & ~FLAG_INLINE))
			return at;
	}
	return SIZE_MAX;
}

/* Where the first blob is in [vaddr, vaddr + len) of the file, and its flags; false: there is none.
 */
static bool find_blob(const struct finder *f, uint64_t vaddr, uint64_t len, uint64_t *vaddr_ret,
		      uint8_t *flags_ret)
{
	enum { CHUNK = 32 << 10 };
	uint64_t off, left, skip = -vaddr % BUILD_INFO_ALIGN;
	if (!elf_file_offset(f->elf, vaddr, &off, &left) || skip >= len)
		return false;
	left = left < len ? left : len;
	left = left < SCAN_MAX ? left : SCAN_MAX;
	CLEANUP_FREE uint8_t *bytes = malloc(CHUNK);
	while (bytes && left > skip) {
		size_t n = left - skip < CHUNK ? (size_t)(left - skip) : CHUNK;
		n = elf_file_read(f->elf, off + skip, bytes, n);
		size_t at = build_info_scan((struct span){bytes, n}, 0, f->word);
		if (at != SIZE_MAX) {
			*vaddr_ret = vaddr + skip + at;
			*flags_ret = bytes[at + BLOB_FLAGS];
			return true;
		}
		if (n < BUILD_INFO_HEADER)
			break;
		// What begins in the last bytes is seen whole in the next ones.
		skip += (n - BUILD_INFO_HEADER) / BUILD_INFO_ALIGN * BUILD_INFO_ALIGN +
			BUILD_INFO_ALIGN;
	}
	return false;
}

/* Search the section, or else the writable segments, as debug/buildinfo does. */
static bool find_in_file(const struct finder *f, uint64_t *vaddr_ret, uint8_t *flags_ret)
{
	const Elf64_Shdr *shdr = elf_file_section(f->elf, ".go.buildinfo");
	if (shdr && find_blob(f, shdr->sh_addr, shdr->sh_size, vaddr_ret, flags_ret))
		return true;
	for (size_t i = 0, segments = 0; i < f->elf->phdr_count && segments < SEGMENTS_MAX; i++) {
		const Elf64_Phdr *ph = &f->elf->phdrs[i];
		if (ph->p_type != PT_LOAD || (ph->p_flags & (PF_W | PF_X)) != PF_W)
			continue;
		segments++;
		if (find_blob(f, ph->p_vaddr, ph->p_filesz, vaddr_ret, flags_ret))
			return true;
	}
	return false;
}

/* Go 1.12 has no blob, but the variables that it would point to. */
static enum gospy_code find_variables(const struct finder *f)
{
	enum { VERSION, MODINFO, COUNT };
	struct elf_symbol symbols[COUNT] = {
		[VERSION] = {.name = "runtime.buildVersion"},
		[MODINFO] = {.name = "runtime/debug.modinfo"},
	};
	if (elf_file_symbols(f->elf, symbols, COUNT, NULL) || !symbols[VERSION].found)
		return GOSPY_OK;
	enum gospy_code code =
		find_strings(f, IN_FILE, symbols[VERSION].addr, symbols[MODINFO].addr);
	if (code || f->ret->go_version)
		return code;
	return find_strings(f, IN_PROCESS, symbols[VERSION].addr + f->bias,
			    symbols[MODINFO].addr + f->bias);
}

enum gospy_code build_info_find(struct elf_file *elf, paged_fetch_fn fetch, void *ctx,
				uint64_t bias, struct arena *arena, struct build_info_text *ret,
				struct gospy_error *err)
{
	struct build_info_text text = {0};
	const struct finder f = {
		.elf = elf,
		.fetch = fetch,
		.ctx = ctx,
		.bias = bias,
		.word = elf->narrow ? sizeof(uint32_t) : sizeof(uint64_t),
		.arena = arena,
		.ret = &text,
		.err = err,
	};
	uint64_t vaddr = 0;
	uint8_t flags = 0;
	enum gospy_code code;
	if (!find_in_file(&f, &vaddr, &flags))
		code = find_variables(&f);
	else if (flags & FLAG_INLINE)
		code = decode_inline(&f, IN_FILE, vaddr + BUILD_INFO_HEADER);
	else
		code = decode_pointers(&f, vaddr);
	if (code)
		return code;
	if (!text.go_version)
		return err_set(err, GOSPY_E_NOT_FOUND, "%s: has no Go build information",
			       elf->name);
	*ret = text;
	return GOSPY_OK;
}

enum gospy_code build_info_at(paged_fetch_fn fetch, void *ctx, uint64_t addr, struct arena *arena,
			      struct build_info_text *ret, struct gospy_error *err)
{
	struct build_info_text text = {0};
	const struct finder f = {
		.fetch = fetch,
		.ctx = ctx,
		.word = sizeof(uint64_t),
		.arena = arena,
		.ret = &text,
		.err = err,
	};
	uint8_t header[BUILD_INFO_HEADER];
	struct span blob = {header, sizeof(header)};
	enum gospy_code code = GOSPY_OK;
	if (read_memory(&f, IN_PROCESS, addr, header, sizeof(header)) &&
	    build_info_scan(blob, 0, f.word) == 0) {
		struct cursor c = cursor_at(blob, BLOB_VERSION);
		uint64_t version = cursor_u64(&c), modinfo = cursor_u64(&c);
		code = header[BLOB_FLAGS] & FLAG_INLINE
			       ? decode_inline(&f, IN_PROCESS, addr + sizeof(header))
			       : find_strings(&f, IN_PROCESS, version, modinfo);
	}
	if (code)
		return code;
	if (!text.go_version)
		return err_set(err, GOSPY_E_NOT_FOUND, "no Go build information at %#llx",
			       (unsigned long long)addr);
	*ret = text;
	return GOSPY_OK;
}

/* Section headers that are right have the code where the segments have it. */
static bool has_code_section(const struct elf_file *elf)
{
	const Elf64_Shdr *text = elf_file_section(elf, ".text");
	for (size_t i = 0; text && i < elf->phdr_count; i++) {
		const Elf64_Phdr *ph = &elf->phdrs[i];
		if (ph->p_type == PT_LOAD && (ph->p_flags & PF_X) && text->sh_addr >= ph->p_vaddr &&
		    text->sh_addr - ph->p_vaddr < ph->p_memsz)
			return true;
	}
	return false;
}

enum go_sign build_info_sign(struct elf_file *elf)
{
	// .gopclntab is .data.rel.ro.gopclntab in PIE up to Go 1.25.
	if (elf_file_section(elf, ".go.buildinfo") || elf_file_section(elf, ".gopclntab") ||
	    elf_file_section(elf, ".data.rel.ro.gopclntab") || elf_file_go_build_id(elf).len)
		return GO_SIGN_YES;
	// Few programs in C have symbols of their own; the many that they import need not be looked
	// through.
	struct elf_symbol symbol = {.name = "runtime.firstmoduledata"};
	if (elf_file_section(elf, ".symtab") &&
	    elf_file_symbols(elf, &symbol, 1, NULL) == GOSPY_OK && symbol.found)
		return GO_SIGN_YES;
	return has_code_section(elf) ? GO_SIGN_NO : GO_SIGN_UNCLEAR;
}

/* False: it is found, and the walk ends. */
static bool is_no_import(void *found, const Elf64_Sym *symbols, size_t n, struct span names)
{
	static const char add[] = "runtime.addmoduledata", last[] = "runtime.lastmoduledatap";
	for (size_t i = 0; i < n; i++) {
		if (symbols[i].st_shndx != SHN_UNDEF || symbols[i].st_name >= names.len)
			continue;
		const char *name = (const char *)names.ptr + symbols[i].st_name;
		// The ABI may follow the name of a function: ".abi0".
		if (strncmp(name, add, sizeof(add) - 1) && strcmp(name, last))
			continue;
		*(bool *)found = true;
		return false;
	}
	return true;
}

bool build_info_imports_runtime(struct elf_file *elf)
{
	bool found = false;
	return !elf_file_each_symbol(elf, SHT_DYNSYM, is_no_import, &found, NULL) && found;
}

static bool parse_hex(const char **s, int digits, uint32_t *ret)
{
	uint32_t value = 0;
	for (; digits; digits--, (*s)++) {
		char c = **s;
		if (c >= '0' && c <= '9')
			value = value << 4 | (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value << 4 | (uint32_t)(c - 'a' + 10);
		else
			return false;
	}
	*ret = value;
	return true;
}

static char *put_utf8(char *out, uint32_t rune)
{
	if (rune < 0x80) {
		*out++ = (char)rune;
	} else if (rune < 0x800) {
		*out++ = (char)(0xc0 | rune >> 6);
		*out++ = (char)(0x80 | (rune & 0x3f));
	} else if (rune < 0x10000) {
		*out++ = (char)(0xe0 | rune >> 12);
		*out++ = (char)(0x80 | (rune >> 6 & 0x3f));
		*out++ = (char)(0x80 | (rune & 0x3f));
	} else {
		*out++ = (char)(0xf0 | (rune >> 18 & 7));
		*out++ = (char)(0x80 | (rune >> 12 & 0x3f));
		*out++ = (char)(0x80 | (rune >> 6 & 0x3f));
		*out++ = (char)(0x80 | (rune & 0x3f));
	}
	return out;
}

/* Undo strconv.Quote in place (no escape is shorter than what it stands for). The text's end,
 * behind the closing quote, or NULL: malformed. */
static char *unquote(char *s)
{
	static const char letters[] = "abfnrtv\\\"", meaning[] = "\a\b\f\n\r\t\v\\\"";
	char *out = s;
	const char *in = s + 1;
	while (*in && *in != '"') {
		if (*in != '\\') {
			*out++ = *in++;
			continue;
		}
		char c = in[1];
		uint32_t rune;
		const char *letter = c ? strchr(letters, c) : NULL;
		if (!c)
			return NULL;
		in += 2;
		if (letter)
			*out++ = meaning[letter - letters];
		else if (c == 'x' && parse_hex(&in, 2, &rune))
			*out++ = (char)rune;
		else if ((c == 'u' && parse_hex(&in, 4, &rune)) ||
			 (c == 'U' && parse_hex(&in, 8, &rune)))
			out = put_utf8(out, rune);
		else
			return NULL;
	}
	if (*in != '"')
		return NULL;
	char *end = s + (in - s) + 1;
	*out = 0;
	return end;
}

/* "key=value", either of which may be quoted: src/runtime/debug/mod.go, BuildInfo.String. */
static bool parse_setting(char *s, struct gospy_build_setting *ret)
{
	char *key = s;
	char *equals = *s == '"' ? unquote(s) : strchr(s, '=');
	if (!equals || *equals != '=')
		return false;
	*equals = 0;
	char *value = equals + 1;
	if (*value == '"' && !unquote(value))
		return false;
	*ret = (struct gospy_build_setting){key, value};
	return true;
}

/* "path\tversion[\tsum]" */
static struct gospy_module parse_module(char *s)
{
	struct gospy_module module = {.path = strsep(&s, "\t")};
	module.version = strsep(&s, "\t");
	if (s && *s)
		module.sum = s;
	return module;
}

static size_t count_lines(const char *text, const char *prefix)
{
	size_t n = 0;
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		n += !strncmp(line, prefix, strlen(prefix));
	}
	return n;
}

enum gospy_code build_info_parse_modules(const char *modinfo, struct arena *arena,
					 struct gospy_build_info *info, struct gospy_error *err)
{
	char *text = arena_strdup(arena, modinfo);
	struct gospy_module *main = arena_alloc(arena, sizeof(*main));
	struct gospy_module *deps =
		arena_calloc(arena, count_lines(modinfo, "dep\t"), sizeof(*deps));
	struct gospy_module *replacements =
		arena_calloc(arena, count_lines(modinfo, "=>\t"), sizeof(*replacements));
	struct gospy_build_setting *settings =
		arena_calloc(arena, count_lines(modinfo, "build\t"), sizeof(*settings));
	if (!text || !main || !deps || !replacements || !settings)
		return err_nomem(err);

	info->deps = deps;
	info->settings = settings;
	info->dep_count = info->setting_count = 0;
	struct gospy_module *last = NULL; // the one that a "=>" line replaces
	for (char *line; (line = strsep(&text, "\n"));) {
		const char *kind = strsep(&line, "\t");
		if (!line)
			continue;
		if (!strcmp(kind, "path")) {
			info->path = line;
		} else if (!strcmp(kind, "mod")) {
			last = main;
			*last = parse_module(line);
			info->main = main;
		} else if (!strcmp(kind, "dep")) {
			last = &deps[info->dep_count++];
			*last = parse_module(line);
		} else if (!strcmp(kind, "=>") && last) {
			*replacements = parse_module(line);
			last->replace = replacements++;
			last = NULL;
		} else if (!strcmp(kind, "build")) {
			info->setting_count += parse_setting(line, &settings[info->setting_count]);
		}
	}
	return GOSPY_OK;
}
