/* Running Go programs for tests of what reads their tables: a fixture is started, its ready line
 * awaited, its image opened through /proc/PID/mem. All that goes wrong fails the test. */
#ifndef GOSPY_TESTS_GO_PROGRAM_H
#define GOSPY_TESTS_GO_PROGRAM_H

#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/paged.h"
#include "dwarf/elf_file.h"
#include "dwarf/elf_symbols.h"
#include "dwarf/go/moduledata.h"

struct go_program {
	const char *path;
	const char *const *args; /* from the program's name on; NULL: there are no more */
	int minor;
	pid_t pid;
	FILE *to, *from; /* its input, with the end of which it ends, and its output */
	int mem;
	struct elf_file elf;
	uint64_t bias;
	struct paged image;
	struct moduledata md;
};

static inline void go_program_start(struct go_program *p)
{
	int in[2], out[2];
	assert_true(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
	p->pid = fork();
	assert_true(p->pid >= 0);
	if (p->pid == 0) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		const char *const none[] = {p->path, NULL};
		execv(p->path, (char *const *)(uintptr_t)(p->args ? p->args : none));
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	p->to = fdopen(in[1], "w");
	p->from = fdopen(out[0], "r");
	assert_true(p->to && p->from);
	CLEANUP_FREE char *line = NULL;
	size_t cap = 0;
	if (getline(&line, &cap, p->from) <= 0)
		fail_msg("%s: no ready line", p->path);
}

static inline enum gospy_code go_program_fetch(void *ctx, uint64_t addr, void *dst, size_t len,
					       struct gospy_error *err)
{
	const struct go_program *p = ctx;
	if (pread(p->mem, dst, len, (off_t)addr) != (ssize_t)len)
		return err_fault(err, addr, "cannot read 0x%" PRIx64, addr);
	return GOSPY_OK;
}

/* AT_ENTRY of the process less e_entry of its file. */
static inline uint64_t go_program_bias(const struct go_program *p)
{
	char path[64];
	Elf64_auxv_t aux;
	snprintf(path, sizeof(path), "/proc/%d/auxv", (int)p->pid);
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	while (read(fd, &aux, sizeof(aux)) == (ssize_t)sizeof(aux)) {
		if (aux.a_type == AT_ENTRY)
			return aux.a_un.a_val - p->elf.entry;
	}
	fail_msg("%s has no AT_ENTRY", path);
	return 0;
}

/** Start the program at `path`, of Go 1.`minor`, up to having read its moduledata. */
static inline void go_program_open(struct go_program *p, const char *path, int minor)
{
	*p = (struct go_program){.path = path, .minor = minor};
	go_program_start(p);
	char name[64];
	snprintf(name, sizeof(name), "/proc/%d/mem", (int)p->pid);
	p->mem = open(name, O_RDONLY | O_CLOEXEC);
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct gospy_error err = {0};
	if (elf_file_open(fd, path, &p->elf, &err))
		fail_msg("%s", err.msg);
	p->bias = go_program_bias(p);
	struct elf_symbol symbol = {.name = "runtime.firstmoduledata"};
	uint64_t lo = 0, hi = 0;
	if (elf_file_symbols(&p->elf, &symbol, 1, &err) || !symbol.found ||
	    !elf_file_range(&p->elf, &lo, &hi) ||
	    paged_init(&p->image, lo + p->bias, hi - lo, go_program_fetch, p, &err) ||
	    moduledata_read(&p->image, symbol.addr + p->bias, &p->md, &err))
		fail_msg("%s: moduledata: %s", path, err.msg);
}

static inline void go_program_close(struct go_program *p)
{
	fclose(p->to);
	fclose(p->from);
	close(p->mem);
	paged_deinit(&p->image);
	elf_file_close(&p->elf);
	waitpid(p->pid, NULL, 0);
}

/** Start the newest build of fixture `name` in the directory GOSPY_FIXTURES, of a variant of
 * fixtures/build; skips the test where there is none. To be ended by go_program_end(). */
static inline void go_program_start_variant(struct go_program *p, const char *variant,
					    const char *name, const char *const *args)
{
	const char *dir = getenv("GOSPY_FIXTURES");
	CLEANUP_FREE char *pattern = NULL;
	glob_t found;
	if (!dir || asprintf(&pattern, "%s/1.*/%s/%s", dir, variant, name) < 0 ||
	    glob(pattern, 0, NULL, &found) != 0) {
		print_message("no fixture %s in GOSPY_FIXTURES\n", name);
		skip();
		return;
	}
	*p = (struct go_program){.path = strdup(found.gl_pathv[found.gl_pathc - 1]), .args = args};
	globfree(&found);
	go_program_start(p);
}

/** The same for the usual variant. */
static inline void go_program_start_newest(struct go_program *p, const char *name,
					   const char *const *args)
{
	go_program_start_variant(p, "default", name, args);
}

static inline void go_program_end(struct go_program *p)
{
	fclose(p->to);
	fclose(p->from);
	waitpid(p->pid, NULL, 0);
	free((void *)(uintptr_t)p->path);
}

static inline bool go_program_find(const char *variants, const char *name, glob_t *ret)
{
	const char *dir = getenv("GOSPY_FIXTURES");
	char pattern[4096];
	snprintf(pattern, sizeof(pattern), "%s/1.*/%s/%s", dir ? dir : "", variants, name);
	return dir && glob(pattern, GLOB_BRACE, NULL, ret) == 0;
}

/* Sanitizers take their time, and formats differ with the Go version rather than with the variant:
 * with them the usual variant is enough. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { GO_PROGRAM_SANITIZED = true };
#else
enum { GO_PROGRAM_SANITIZED = false };
#endif

/** Run `check` on each build of fixture `name` in the directory GOSPY_FIXTURES that has symbols
 * (fixtures/build: VERSION/VARIANT/NAME); skips the test where there is none. */
static inline void go_program_each(const char *name, void (*check)(struct go_program *p))
{
	const char *dir = getenv("GOSPY_FIXTURES");
	glob_t found;
	if (!(GO_PROGRAM_SANITIZED && go_program_find("default", name, &found)) &&
	    !go_program_find("{default,pie,cgo,cgopie,noopt}", name, &found)) {
		print_message("no fixture %s in GOSPY_FIXTURES\n", name);
		skip();
		return;
	}
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *path = found.gl_pathv[i];
		struct go_program p;
		go_program_open(&p, path, atoi(path + strlen(dir) + strlen("/1.")));
		check(&p);
		go_program_close(&p);
		print_message("checked: %s\n", path + strlen(dir) + 1);
	}
	globfree(&found);
}

#endif
