/* All functions of Go programs by name, for tests of what shows names. */
#ifndef GOSPY_TESTS_GO_NAMES_H
#define GOSPY_TESTS_GO_NAMES_H

#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/cleanup.h"

typedef void go_name_fn(void *ctx, const char *func);

/* Without what is in brackets, and without directories. */
static inline bool go_names_strip(const char *func, char *bare, size_t size)
{
	size_t n = 0, depth = 0;
	if (strlen(func) >= size)
		return false;
	for (const char *s = func; *s; s++) {
		depth += strchr("[{(", *s) != NULL;
		if (!depth)
			bare[n++] = *s;
		if (!depth && *s == '/')
			n = 0;
		if (strchr("]})", *s) && depth)
			depth--;
	}
	bare[n] = '\0';
	return true;
}

/* The method or function by another way than the one that is tested: the third of "pkg..M.func1",
 * which has a receiver, else the third of "pkg.T.M.func1" or the second of "pkg.F.func1". false: it
 * cannot be told so. */
static inline bool go_names_method(const char *func, char *method, size_t size)
{
	char bare[4096], *rest = bare, *parts[8];
	size_t n = 0;
	if (strchr(func, ':') || strncmp(func, "type.", 5) == 0 || strstr(func, "glob..") ||
	    !go_names_strip(func, bare, sizeof(bare)))
		return false;
	bare[strcspn(bare, "-")] = '\0';
	while (n < 8 && (parts[n] = strsep(&rest, ".")))
		n++;
	unsigned number;
	bool third = n > 2 && (!*parts[1] || (sscanf(parts[2], "func%u", &number) != 1 &&
					      sscanf(parts[2], "%u", &number) != 1 &&
					      sscanf(parts[2], "gowrap%u", &number) != 1 &&
					      sscanf(parts[2], "deferwrap%u", &number) != 1));
	// "pkg.F..M.func1": a closure of another method that was inlined.
	if (third && !*parts[2])
		third = false;
	snprintf(method, size, "%s", n > 1 ? parts[third ? 2 : 1] : "");
	return *method;
}

/* The table of names: src/debug/gosym/pclntab.go; Go 1.16, 1.18, 1.20. Older tables have no names
 * of their own. */
static inline bool go_names_table(const uint8_t *tab, size_t len, const char **start_ret,
				  const char **end_ret)
{
	uint32_t magic;
	uint64_t at[2];
	if (len < 80)
		return false;
	memcpy(&magic, tab, sizeof(magic));
	bool has_text = magic == 0xfffffff0 || magic == 0xfffffff1;
	if (!has_text && magic != 0xfffffffa)
		return false;
	memcpy(at, tab + (has_text ? 32 : 24), sizeof(at));
	if (at[0] > at[1] || at[1] > len)
		return false;
	*start_ret = (const char *)tab + at[0];
	*end_ret = (const char *)tab + at[1];
	return true;
}

static inline void go_names_all(go_name_fn *fn, void *ctx, const char *s, const char *end)
{
	while (s < end) {
		size_t len = strnlen(s, (size_t)(end - s));
		if (len == (size_t)(end - s))
			return;
		if (len)
			fn(ctx, s);
		s += len + 1;
	}
}

static inline void go_names_sections(go_name_fn *fn, void *ctx, const uint8_t *file, size_t size)
{
	const Elf64_Ehdr *ehdr = (const Elf64_Ehdr *)file;
	if (size < sizeof(*ehdr) || memcmp(file, ELFMAG, SELFMAG) != 0 || !ehdr->e_shoff ||
	    ehdr->e_shoff + (uint64_t)ehdr->e_shnum * sizeof(Elf64_Shdr) > size)
		return;
	const Elf64_Shdr *sections = (const Elf64_Shdr *)(file + ehdr->e_shoff);
	const char *names = (const char *)file + sections[ehdr->e_shstrndx].sh_offset;
	for (unsigned i = 0; i < ehdr->e_shnum; i++) {
		const char *name = names + sections[i].sh_name, *start, *end;
		size_t len = strlen(name);
		bool found = len >= 9 && strcmp(name + len - 9, "gopclntab") == 0;
		if (found &&
		    go_names_table(file + sections[i].sh_offset, sections[i].sh_size, &start, &end))
			go_names_all(fn, ctx, start, end);
	}
}

/** Call `fn` for each name in the table of a program; none if that is from before Go 1.16. */
static inline void go_names_of(const char *path, go_name_fn *fn, void *ctx)
{
	struct stat st;
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size == 0)
		return;
	void *file = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_true(file != MAP_FAILED);
	go_names_sections(fn, ctx, file, (size_t)st.st_size);
	munmap(file, (size_t)st.st_size);
}

#endif
