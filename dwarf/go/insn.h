/*
 * Machine code of Go functions, reduced to what following addresses through it takes: moves of
 * whole words, calls, jumps, and the instructions that locks are made of. x86-64, decoded by Zydis.
 */
#ifndef GOSPY_DWARF_GO_INSN_H
#define GOSPY_DWARF_GO_INSN_H

#include "base/error.h"
#include "base/span.h"
#include "base/vec.h"

enum {
	INSN_REGS = 16, /* in the order of their numbers in instructions */
	INSN_RAX = 0,
	INSN_RCX = 1,
	INSN_RDX = 2,
	INSN_RBX = 3,
	INSN_RSP = 4,
	INSN_RBP = 5,
	INSN_RSI = 6,
	INSN_RDI = 7,
	INSN_NO_REG = 16,   /* the displacement is the address */
	INSN_SOME_REG = 17, /* another segment, or no general register */
};

enum insn_op {
	INSN_OTHER,  /* .kills are written; with .writes_memory, what .mem says */
	INSN_MOVE,   /* dst = src, the whole register */
	INSN_NARROW, /* dst = src, a part of the register, zero-extended */
	INSN_CONST,  /* dst = imm */
	INSN_LEA,    /* dst = address of mem */
	INSN_LOAD,   /* dst = mem, of .size bytes */
	INSN_STORE,  /* mem = src, or imm if src is INSN_NO_REG, of .size bytes */
	INSN_ADD,    /* dst += imm */
	INSN_PUSH,
	INSN_POP,
	INSN_CALL,     /* .target */
	INSN_CALL_REG, /* what src holds, or mem if src is INSN_NO_REG */
	INSN_JUMP,     /* .target */
	INSN_JUMP_IF,  /* .target, by .condition */
	INSN_JUMP_REG, /* by a table, if .imm is not 0: its address */
	INSN_RETURN,
	INSN_STOP,   /* it does not go on */
	INSN_SWAP,   /* LOCK CMPXCHG mem, src: with rax */
	INSN_ADD_TO, /* LOCK XADD mem, src, or LOCK ADD with imm if src is INSN_NO_REG */
	INSN_SET,    /* dst = .condition */
	INSN_TEST,   /* src with itself */
};

enum insn_condition { INSN_IF_EQUAL, INSN_IF_NOT_EQUAL, INSN_IF_OTHER };

struct insn_mem {
	uint8_t base; /* a register, INSN_NO_REG or INSN_SOME_REG */
	bool indexed; /* and an index is added */
	int64_t disp;
};

struct insn {
	uint32_t off; /* in the function */
	uint8_t len;
	uint8_t op;        /* enum insn_op */
	uint8_t dst, src;  /* registers */
	uint8_t size;      /* of a memory operand in bytes */
	uint8_t condition; /* enum insn_condition */
	bool writes_memory, writes_flags;
	bool repeats;   /* it writes any number of bytes from mem on */
	uint16_t kills; /* a bit for each register that is written */
	struct insn_mem mem;
	int64_t imm;
	uint64_t target;
};

/** Empty when zero; vec_free. */
struct insns {
	VEC(struct insn) list;
};

enum {
	/* Of one function: the largest of real programs (tables of protocols, generated parsers)
	 * have more, and are not looked into. */
	INSN_CODE_MAX = 96 << 10,
};

/**
 * Append the instructions of `code`, which runs at `addr`, in their order. Bytes that are no
 * instruction become INSN_STOP. GOSPY_E_LIMIT, GOSPY_E_NOMEM; GOSPY_E_UNSUPPORTED: this build has
 * no decoder (GOSPY_CODE=OFF).
 */
enum gospy_code insns_decode(struct span code, uint64_t addr, struct insns *ret,
			     struct gospy_error *err);

#endif
