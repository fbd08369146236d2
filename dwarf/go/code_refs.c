#include "dwarf/go/code_refs.h"

#include <Zydis/Zydis.h>

enum {
	REGISTERS = 16,
	STEPS_MAX = 16, /* of code_refs_chosen */
};

/* A memory operand whose address is in the instruction itself. */
static bool has_address(const ZydisDecodedInstruction *ins)
{
	if (!(ins->attributes & ZYDIS_ATTRIB_HAS_MODRM) || ins->raw.modrm.mod != 0)
		return false;
	// Intel SDM 2A, tables 2-2 and 2-3: rm 5 is RIP + disp32; rm 4 with neither base nor index
	// is disp32 alone.
	return ins->raw.modrm.rm == 5 ||
	       (ins->raw.modrm.rm == 4 && ins->raw.sib.base == 5 && ins->raw.sib.index == 4);
}

static bool is_thread_local(const ZydisDecodedOperand *op)
{
	return op->mem.segment == ZYDIS_REGISTER_FS || op->mem.segment == ZYDIS_REGISTER_GS;
}

static bool add_memory(struct code_ref ref, const ZydisDecodedInstruction *ins,
		       const ZydisDecodedOperand *op, uint64_t addr, struct code_refs *ret)
{
	if (is_thread_local(op) ||
	    ZydisCalcAbsoluteAddress(ins, op, addr + ref.offset, &ref.value) != ZYAN_STATUS_SUCCESS)
		return true;
	if (op->mem.type == ZYDIS_MEMOP_TYPE_AGEN) {
		ref.kinds = CODE_REF_ADDRESS;
	} else {
		ref.size = op->size / 8;
		if (op->actions & ZYDIS_OPERAND_ACTION_MASK_READ)
			ref.kinds |= CODE_REF_READ;
		if (op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
			ref.kinds |= CODE_REF_WRITE;
	}
	return vec_push(&ret->refs, ref);
}

/* The references of one instruction, of which those of memory come first. */
static bool add_instruction(const ZydisDecodedInstruction *ins, const ZydisDecodedOperand *ops,
			    uint64_t addr, uint32_t offset, struct code_refs *ret)
{
	struct code_ref ref = {.offset = offset};
	for (size_t i = 0; has_address(ins) && i < ins->operand_count_visible; i++) {
		if (ops[i].type == ZYDIS_OPERAND_TYPE_MEMORY &&
		    !add_memory(ref, ins, &ops[i], addr, ret))
			return false;
	}
	if (ins->mnemonic != ZYDIS_MNEMONIC_CMP || ops[1].type != ZYDIS_OPERAND_TYPE_IMMEDIATE)
		return true;
	ref.kinds = CODE_REF_COMPARE;
	ref.size = ops[0].size / 8;
	ref.value = ops[1].imm.value.u;
	return vec_push(&ret->refs, ref);
}

enum gospy_code code_refs_find(struct span code, uint64_t addr, struct code_refs *ret,
			       struct gospy_error *err)
{
	if (code.len > CODE_REFS_CODE_MAX)
		return err_set(err, GOSPY_E_LIMIT, "a function of %zu bytes at 0x%llx", code.len,
			       (unsigned long long)addr);
	ZydisDecoder decoder;
	if (!ZYAN_SUCCESS(
		    ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)))
		return err_set(err, GOSPY_E_UNSUPPORTED, "Zydis decodes no x86-64");
	size_t before = ret->refs.len;
	for (size_t at = 0; at < code.len;) {
		ZydisDecoderContext context;
		ZydisDecodedInstruction ins;
		ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
		if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder, &context, code.ptr + at,
								code.len - at, &ins))) {
			at++;
			continue;
		}
		if (has_address(&ins) || ins.mnemonic == ZYDIS_MNEMONIC_CMP) {
			if (!ZYAN_SUCCESS(ZydisDecoderDecodeOperands(&decoder, &context, &ins, ops,
								     ZYDIS_MAX_OPERAND_COUNT)))
				return err_set(err, GOSPY_E_BAD_DATA, "operands at 0x%llx",
					       (unsigned long long)(addr + at));
			if (!add_instruction(&ins, ops, addr, (uint32_t)at, ret))
				return err_nomem(err);
		}
		if (ret->refs.len - before > CODE_REFS_MAX)
			return err_set(err, GOSPY_E_LIMIT, "the function at 0x%llx",
				       (unsigned long long)addr);
		at += ins.length;
	}
	return GOSPY_OK;
}

/* ----------------------------------------------------------------------------------- a choice --
 */

struct chooser {
	uint64_t registers[REGISTERS]; /* addresses taken; 0: something else */
	uint64_t chosen;               /* the last of them */
	bool equal;
	bool ended;
};

static uint64_t *register_of(struct chooser *c, const ZydisDecodedOperand *op)
{
	if (op->type != ZYDIS_OPERAND_TYPE_REGISTER)
		return NULL;
	ZydisRegister whole =
		ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, op->reg.value);
	if (ZydisRegisterGetClass(whole) != ZYDIS_REGCLASS_GPR64)
		return NULL;
	int id = ZydisRegisterGetId(whole);
	return id >= 0 && id < REGISTERS ? &c->registers[id] : NULL;
}

/* `lea reg, [global]` or a load from one: what the instruction at `at` refers to. */
static void refer(struct chooser *c, const ZydisDecodedInstruction *ins,
		  const ZydisDecodedOperand *ops, uint64_t at)
{
	uint64_t *dst = register_of(c, &ops[0]), value;
	if (!dst || ZydisCalcAbsoluteAddress(ins, &ops[1], at, &value) != ZYAN_STATUS_SUCCESS) {
		c->ended = true;
		return;
	}
	c->ended = ins->mnemonic == ZYDIS_MNEMONIC_MOV;
	if (c->ended && c->chosen)
		return; // a load by itself, behind the address that was chosen
	*dst = value;
	c->chosen = value;
}

static void move_if(struct chooser *c, const ZydisDecodedOperand *ops, bool taken)
{
	uint64_t *dst = register_of(c, &ops[0]), *src = register_of(c, &ops[1]);
	c->ended = !dst || !src;
	if (c->ended)
		c->chosen = 0;
	else
		c->chosen = taken ? (*dst = *src) : *dst;
}

/* One instruction; returns where the next one is. */
static uint64_t step(struct chooser *c, const ZydisDecodedInstruction *ins,
		     const ZydisDecodedOperand *ops, uint64_t at)
{
	uint64_t next = at + ins->length, target;
	switch (ins->mnemonic) {
	case ZYDIS_MNEMONIC_NOP:
		return next;
	case ZYDIS_MNEMONIC_CMOVZ:
	case ZYDIS_MNEMONIC_CMOVNZ:
		move_if(c, ops, (ins->mnemonic == ZYDIS_MNEMONIC_CMOVZ) == c->equal);
		return next;
	case ZYDIS_MNEMONIC_JZ:
	case ZYDIS_MNEMONIC_JNZ:
		if ((ins->mnemonic == ZYDIS_MNEMONIC_JZ) != c->equal)
			return next;
		__attribute__((fallthrough));
	case ZYDIS_MNEMONIC_JMP:
		if (ops[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
		    ZydisCalcAbsoluteAddress(ins, &ops[0], at, &target) == ZYAN_STATUS_SUCCESS)
			return target;
		c->ended = true;
		return next;
	case ZYDIS_MNEMONIC_LEA:
	case ZYDIS_MNEMONIC_MOV:
		if (has_address(ins) && ops[1].type == ZYDIS_OPERAND_TYPE_MEMORY &&
		    !is_thread_local(&ops[1])) {
			refer(c, ins, ops, at);
			return next;
		}
		break;
	default:
		break;
	}
	// What is chosen is used; or something else is compared, or the function left.
	c->ended = c->chosen || ins->mnemonic != ZYDIS_MNEMONIC_MOV;
	return next;
}

uint64_t code_refs_chosen(struct span code, uint64_t addr, uint32_t offset, bool equal)
{
	struct chooser c = {.equal = equal};
	ZydisDecoder decoder;
	ZydisDecodedInstruction ins;
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
	uint64_t at = offset;
	if (!ZYAN_SUCCESS(
		    ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)))
		return 0;
	for (size_t i = 0; i < STEPS_MAX && !c.ended; i++) {
		if (at >= code.len || !ZYAN_SUCCESS(ZydisDecoderDecodeFull(
					      &decoder, code.ptr + at, code.len - at, &ins, ops)))
			return 0;
		at = i ? step(&c, &ins, ops, addr + at) - addr : at + ins.length;
	}
	return c.ended ? c.chosen : 0;
}
