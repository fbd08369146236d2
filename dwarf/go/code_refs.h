/*
 * What the machine code of a function refers to: addresses it takes, memory it reads and writes,
 * constants it compares with. x86-64, decoded by Zydis.
 */
#ifndef GOSPY_DWARF_GO_CODE_REFS_H
#define GOSPY_DWARF_GO_CODE_REFS_H

#include "base/error.h"
#include "base/span.h"
#include "base/vec.h"

/** A set of these: an instruction such as `inc` reads and writes. */
enum code_ref_kind {
	CODE_REF_ADDRESS = 1, /* LEA */
	CODE_REF_READ = 2,
	CODE_REF_WRITE = 4,
	CODE_REF_COMPARE = 8, /* a register or memory with a constant */
};

struct code_ref {
	uint32_t offset; /* of the instruction in the function */
	uint8_t kinds;   /* enum code_ref_kind */
	uint16_t size;   /* bytes of the operand; 0 for an address */
	uint64_t value;  /* the address; of CODE_REF_COMPARE the constant, sign-extended */
};

/** Empty when zero; vec_free. */
struct code_refs {
	VEC(struct code_ref) refs;
};

enum {
	/* Code of one function: the largest one asked for, schedinit, has some 3 KiB, without
	 * optimisation 8. */
	CODE_REFS_CODE_MAX = 64 << 10,
	CODE_REFS_MAX = 4096, /* references of one function */
};

/**
 * Append the references of `code`, which runs at `addr`, in their order: memory operands without
 * registers, be they relative to RIP or absolute, and constants of CMP. Thread-local ones (FS, GS)
 * are left out; bytes that are no instruction are stepped over. GOSPY_E_LIMIT, GOSPY_E_NOMEM;
 * GOSPY_E_UNSUPPORTED: this build has no decoder (GOSPY_CODE=OFF).
 */
enum gospy_code code_refs_find(struct span code, uint64_t addr, struct code_refs *ret,
			       struct gospy_error *err);

/**
 * The address of data that the comparison at `offset` of `code` chooses: the code takes it, or
 * reads from it, next if the two operands are `equal`, or with `equal` false if they are not. Jumps
 * and conditional moves that depend on that alone are followed. 0: none is chosen in the next few
 * instructions, or more than that decides. `code` runs at `addr`, as above.
 */
uint64_t code_refs_chosen(struct span code, uint64_t addr, uint32_t offset, bool equal);

#endif
