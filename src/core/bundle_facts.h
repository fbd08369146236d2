/*
 * What a bundle says of the process and of how it was taken, as text (base/pairs.h) in a note of
 * its own. The memory of the process is in the segments; what is known of its program is in another
 * note, which this room does not understand (image/program_facts.h).
 */
#ifndef GOSPY_CORE_BUNDLE_FACTS_H
#define GOSPY_CORE_BUNDLE_FACTS_H

#include "base/strbuf.h"
#include "target/source.h"

/* Notes of the owner "GOSPY". Some readers look at types alone, so nobody else has these. */
#define BUNDLE_OWNER "GOSPY"
enum {
	BUNDLE_NOTE_FACTS = 0x59505347,   /* "GSPY" */
	BUNDLE_NOTE_EXACT = 0x59505348,   /* core/exact.h */
	BUNDLE_NOTE_MARKS = 0x59505349,   /* struct source_mark, one after the other */
	BUNDLE_NOTE_PROGRAM = 0x5950534a, /* image/program_facts.h */
	BUNDLE_NOTE_RECORDS = 0x5950534b, /* core/record_copy.h */
};

enum {
	BUNDLE_MAJOR = 1, /* a reader refuses a higher one */
	BUNDLE_MINOR = 0, /* what is new can be passed over */
};

struct bundle_thread {
	struct task task;
	/* Of the moment: .tid and .regs are in a note of the thread's own. */
	enum moment_state state;
	bool has_regs;
	struct place place;
};

/* All zero is valid. */
struct bundle_facts {
	uint64_t major;
	const char *gospy; /* version of gospy that wrote it */
	pid_t pid;
	const char *comm, *exe; /* or NULL */
	bool exe_deleted;
	uint64_t start_ns, real_ns, boot_ns, mono_ns, private_bytes; /* or GOSPY_UNKNOWN */
	struct source_taken taken; /* without .marks; to be written without .descriptors, too */
	int signal;
	pid_t signal_tid;
	uint64_t fault_addr;
	const char *left_out; /* for a person, or NULL */
	const char *redacted; /* "pointers", "none" */
	VEC(struct bundle_thread) threads;
	struct mappings maps;
	/* What .taken refers to. */
	VEC(struct source_descriptor) descriptors;
	VEC(struct source_function) functions;
	struct arena arena;
};

void bundle_facts_write(const struct bundle_facts *facts, struct strbuf *text);
/** GOSPY_E_UNSUPPORTED: a later gospy wrote it. GOSPY_E_BAD_DATA. To be freed by
 * bundle_facts_deinit(). */
enum gospy_code bundle_facts_read(struct span text, struct bundle_facts *ret,
				  struct gospy_error *err);
void bundle_facts_deinit(struct bundle_facts *facts);

#endif
