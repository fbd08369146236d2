#include "dwarf/code_refs.h"

#include <Zydis/Zydis.h>

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

static bool add_memory(struct code_ref ref, const ZydisDecodedInstruction *ins,
		       const ZydisDecodedOperand *op, uint64_t addr, struct code_refs *ret)
{
	if (op->mem.segment == ZYDIS_REGISTER_FS || op->mem.segment == ZYDIS_REGISTER_GS ||
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
