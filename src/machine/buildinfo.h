/*
 * The room src/machine/: the processes of this machine: the list of them, facts and sockets of
 * each, the gops agents in them.
 *
 * Enters: a pid, or nothing at all.
 * Leaves: the results of gospy_process_* and gospy_agent_* and gospy_build_info_create() as gospy.h
 *   describes them.
 * Owner: each result is the caller's, who destroys it. Nothing is kept from one call to the next
 * but look-ups of names that could not be called off (dial.c).
 *
 * Build information of a running program.
 */
#ifndef GOSPY_MACHINE_BUILDINFO_H
#define GOSPY_MACHINE_BUILDINFO_H

#include "dwarf/go/build_info.h"
#include "target/source.h"

/**
 * Read the build information of the binary that holds the target's Go runtime. It comes from the
 * file, or from memory where the file only has pointers that are relocated at load time, or is of
 * no use. For a program of 32 bits it comes from the file alone; GOSPY_E_UNSUPPORTED if that cannot
 * be read. GOSPY_E_NOT_GO; GOSPY_E_NOT_FOUND: it is Go, but the information was left out.
 */
enum gospy_code buildinfo_read(struct source *source, struct arena *arena,
			       struct build_info_text *ret, struct gospy_error *err);

/** The same. Where there is none (Go 1.12) and no symbols tell it, this gives the version alone, as
 * the runtime in memory says it; that takes as long as opening a target. */
enum gospy_code buildinfo_or_version(struct source *source, struct arena *arena,
				     struct build_info_text *ret, struct gospy_error *err);

#endif
