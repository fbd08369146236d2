/*
 * Which locks are held at a program counter of a Go program: lock_flow.h for its functions, with
 * what those that they call take and release for them. Functions are read when they are asked for
 * first, through the window of the function table; so one thread at a time may ask.
 */
#ifndef GOSPY_DWARF_GO_LOCK_TABLE_H
#define GOSPY_DWARF_GO_LOCK_TABLE_H

#include "dwarf/go/lock_flow.h"
#include "dwarf/go/pclntab.h"

enum {
	/* Functions are looked into that are called by those that are asked for, and which these
	 * call: helpers that lock and return. */
	LOCK_TABLE_DEPTH = 2,
	/* So many instructions are decoded for one table in all: some seconds. */
	LOCK_TABLE_INSNS = 16 << 20,
};

struct lock_func;

/* All zero but for .pcln is an empty one. */
struct lock_table {
	struct pclntab *pcln; /* borrowed */
	struct map funcs;     /* entry and depth -> struct lock_func */
	size_t insns;         /* decoded so far */
	bool cut;             /* there were more: of some functions nothing is known */
};

/* What is known of a frame whose call returns to a program counter. */
struct lock_answer {
	enum lock_answer_kind {
		LOCK_NONE,    /* it holds nothing, and has released nothing of its caller's */
		LOCK_SITE,    /* .site tells */
		LOCK_UNCLEAR, /* its code cannot be followed: it may have done either */
		/* sync.(*Cond).Wait: it has released the lock of the sync.Cond. */
		LOCK_COND_WAIT,
		/* A part of sync that releases a lock: it may have done so, and the call that leads
		 * to it has not returned. */
		LOCK_RELEASING,
		/* runtime.gopanic or Goexit: whoever is behind it on the stack may have released
		 * its locks, by a deferred call. */
		LOCK_UNWINDING,
	} kind;
	const struct lock_site *site; /* as the next; the table's */
	const struct lock_found *found;
	uint64_t entry; /* of the function */
};

/** `exact`: it was interrupted at `pc`, and has not called. */
struct lock_answer lock_table_at(struct lock_table *table, uint64_t pc, bool exact);
/** What the function that begins at `entry` does with its first argument: CALLEE_LOCK, _RLOCK, or
 * CALLEE_OTHER: something else. */
enum lock_callee_kind lock_table_method(struct lock_table *table, uint64_t entry);
/** Does the function that holds `pc` release a lock that it has not taken, when it returns or
 * before? Its caller may have taken it, or another goroutine. If that is not known: true. */
bool lock_table_releases(struct lock_table *table, uint64_t pc);
void lock_table_deinit(struct lock_table *table);

#endif
