/* Whose code a function is: the runtime's, the standard library's, the user's own, or that of a
 * dependency. Its name tells the package, and the file of a call where it was written, which is
 * another package's if the compiler has inlined it into a closure. */
#ifndef GOSPY_IMAGE_ORIGIN_H
#define GOSPY_IMAGE_ORIGIN_H

#include "base/arena.h"
#include "dwarf/go/pclntab.h"
#include "gospy.h"

/* A module that the program was built of, or the beginning of a path. */
struct origin_module {
	const char *path;
	size_t len;
	bool own;
};

/* What is known of a program. All zero: nothing is, and names decide. */
struct origins {
	/* The directory of the standard library, as the function table spells it, with a slash at
	 * its end: "/usr/local/go/src/", or "" of a program built with -trimpath. NULL: unknown. */
	const char *root;
	/* By build information, sorted by path. */
	const struct origin_module *modules;
	size_t module_count;
	/* Where no build information tells the modules: the directory of package main up to
	 * "cmd/", with a slash at its end; or NULL. */
	const char *home;
	/* What else the user says is their own. */
	const struct origin_module *own;
	size_t own_count;
};

/**
 * Fill all but `own`. `modinfo` is that of the build information, or NULL; `main_main` the entry of
 * main.main in the table, or 0. Texts live as long as the arena. False: out of memory.
 */
bool origins_find(struct pclntab *pcln, uint64_t main_main, const char *modinfo,
		  struct arena *arena, struct origins *ret);

/** `func` is a name of the function table, or as the runtime prints it; `file` may be NULL. */
enum gospy_origin origin_of(const struct origins *origins, const char *func, const char *file);

/** Is it a function of package runtime that puts a goroutine to sleep for whoever calls it? */
bool origin_is_parking(const char *func);

#endif
