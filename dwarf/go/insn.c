#include "dwarf/go/insn.h"

#include <Zydis/Zydis.h>

struct decoding {
	ZydisDecodedInstruction ins;
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
	uint64_t addr;     /* of the instruction */
	uint64_t last_lea; /* the last address that was taken: of a jump table, perhaps */
};

/* Number of the register that holds it; INSN_NO_REG: not a general one. */
static uint8_t reg_of(ZydisRegister reg)
{
	ZydisRegister whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);
	if (ZydisRegisterGetClass(whole) != ZYDIS_REGCLASS_GPR64)
		return INSN_NO_REG;
	ZyanI8 id = ZydisRegisterGetId(whole);
	return id >= 0 && id < INSN_REGS ? (uint8_t)id : INSN_NO_REG;
}

static bool is_reg(const ZydisDecodedOperand *op)
{
	return op->type == ZYDIS_OPERAND_TYPE_REGISTER && reg_of(op->reg.value) != INSN_NO_REG;
}

static bool is_mem(const ZydisDecodedOperand *op)
{
	return op->type == ZYDIS_OPERAND_TYPE_MEMORY;
}

static bool is_imm(const ZydisDecodedOperand *op)
{
	return op->type == ZYDIS_OPERAND_TYPE_IMMEDIATE;
}

static struct insn_mem mem_of(const struct decoding *d, const ZydisDecodedOperand *op)
{
	ZyanU64 addr;
	if (op->mem.segment == ZYDIS_REGISTER_FS || op->mem.segment == ZYDIS_REGISTER_GS)
		return (struct insn_mem){.base = INSN_SOME_REG};
	if ((op->mem.base == ZYDIS_REGISTER_RIP ||
	     (op->mem.base == ZYDIS_REGISTER_NONE && op->mem.index == ZYDIS_REGISTER_NONE)) &&
	    ZydisCalcAbsoluteAddress(&d->ins, op, d->addr, &addr) == ZYAN_STATUS_SUCCESS)
		return (struct insn_mem){.base = INSN_NO_REG, .disp = (int64_t)addr};
	uint8_t base = reg_of(op->mem.base);
	return (struct insn_mem){
		.base = base == INSN_NO_REG ? INSN_SOME_REG : base,
		.indexed = op->mem.index != ZYDIS_REGISTER_NONE,
		.disp = op->mem.disp.value,
	};
}

/* What it writes, whatever else is known of it. */
static void note_writes(const struct decoding *d, struct insn *to)
{
	for (unsigned i = 0; i < d->ins.operand_count; i++) {
		const ZydisDecodedOperand *op = &d->ops[i];
		if (!(op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
			continue;
		if (is_reg(op))
			to->kills |= (uint16_t)(1u << reg_of(op->reg.value));
		if (is_mem(op) && op->mem.type == ZYDIS_MEMOP_TYPE_MEM) {
			to->writes_memory = true;
			to->mem = mem_of(d, op);
			to->size = op->size / 8 > UINT8_MAX ? UINT8_MAX : (uint8_t)(op->size / 8);
		}
	}
	to->repeats = d->ins.attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPNE);
	const ZydisAccessedFlags *flags = d->ins.cpu_flags;
	to->writes_flags =
		flags && (flags->modified | flags->set_0 | flags->set_1 | flags->undefined) &
				 ZYDIS_CPUFLAG_ZF;
}

static void decode_move(const struct decoding *d, struct insn *to)
{
	const ZydisDecodedOperand *dst = &d->ops[0], *src = &d->ops[1];
	bool whole = dst->size == 64;
	if (is_reg(dst) && is_reg(src)) {
		to->op = whole ? INSN_MOVE : INSN_NARROW;
		to->dst = reg_of(dst->reg.value);
		to->src = reg_of(src->reg.value);
	} else if (is_reg(dst) && is_imm(src) && dst->size >= 32) {
		to->op = INSN_CONST;
		to->dst = reg_of(dst->reg.value);
		to->imm = whole ? src->imm.value.s : (int64_t)(uint32_t)src->imm.value.u;
	} else if (is_reg(dst) && is_mem(src)) {
		to->op = INSN_LOAD;
		to->dst = reg_of(dst->reg.value);
		to->mem = mem_of(d, src);
		to->size = (uint8_t)(src->size / 8);
	} else if (is_mem(dst) && is_reg(src)) {
		to->op = INSN_STORE;
		to->src = reg_of(src->reg.value);
	} else if (is_mem(dst) && is_imm(src)) {
		to->op = INSN_STORE;
		to->src = INSN_NO_REG;
		to->imm = src->imm.value.s;
	}
}

/* MOVZX and the like: a part of a register may be the result of a comparison. */
static void decode_extend(const struct decoding *d, struct insn *to)
{
	if (!is_reg(&d->ops[0]) || !is_reg(&d->ops[1]))
		return;
	to->op = INSN_NARROW;
	to->dst = reg_of(d->ops[0].reg.value);
	to->src = reg_of(d->ops[1].reg.value);
}

static void decode_lea(struct decoding *d, struct insn *to)
{
	if (!is_reg(&d->ops[0]) || d->ops[0].size != 64)
		return;
	to->op = INSN_LEA;
	to->dst = reg_of(d->ops[0].reg.value);
	to->mem = mem_of(d, &d->ops[1]);
	if (to->mem.base == INSN_NO_REG)
		d->last_lea = (uint64_t)to->mem.disp;
}

static void decode_add(const struct decoding *d, struct insn *to)
{
	const ZydisDecodedOperand *dst = &d->ops[0], *src = &d->ops[1];
	int64_t sign =
		d->ins.mnemonic == ZYDIS_MNEMONIC_SUB || d->ins.mnemonic == ZYDIS_MNEMONIC_DEC ? -1
											       : 1;
	bool one = d->ins.mnemonic == ZYDIS_MNEMONIC_INC || d->ins.mnemonic == ZYDIS_MNEMONIC_DEC;
	if (!one && !is_imm(src))
		return;
	// Not -INT64_MIN.
	int64_t imm = one ? 1 : src->imm.value.s;
	if (imm < INT32_MIN || imm > INT32_MAX)
		return;
	if (is_reg(dst) && dst->size == 64) {
		to->op = INSN_ADD;
		to->dst = reg_of(dst->reg.value);
		to->imm = sign * imm;
	} else if (is_mem(dst) && d->ins.attributes & ZYDIS_ATTRIB_HAS_LOCK) {
		to->op = INSN_ADD_TO;
		to->src = INSN_NO_REG;
		to->imm = sign * imm;
	}
}

static void decode_call(const struct decoding *d, struct insn *to)
{
	ZyanU64 target;
	if (is_imm(&d->ops[0]) && ZydisCalcAbsoluteAddress(&d->ins, &d->ops[0], d->addr, &target) ==
					  ZYAN_STATUS_SUCCESS) {
		to->op = INSN_CALL;
		to->target = target;
		return;
	}
	to->op = INSN_CALL_REG;
	to->src = is_reg(&d->ops[0]) ? reg_of(d->ops[0].reg.value) : INSN_NO_REG;
	to->mem = is_mem(&d->ops[0]) ? mem_of(d, &d->ops[0])
				     : (struct insn_mem){.base = INSN_SOME_REG};
}

static void decode_jump(const struct decoding *d, struct insn *to)
{
	ZyanU64 target;
	bool always = d->ins.mnemonic == ZYDIS_MNEMONIC_JMP;
	if (!is_imm(&d->ops[0]) || ZydisCalcAbsoluteAddress(&d->ins, &d->ops[0], d->addr,
							    &target) != ZYAN_STATUS_SUCCESS) {
		to->op = INSN_JUMP_REG;
		to->imm = (int64_t)d->last_lea;
		return;
	}
	to->op = always ? INSN_JUMP : INSN_JUMP_IF;
	to->target = target;
	to->condition = d->ins.mnemonic == ZYDIS_MNEMONIC_JZ    ? INSN_IF_EQUAL
			: d->ins.mnemonic == ZYDIS_MNEMONIC_JNZ ? INSN_IF_NOT_EQUAL
								: INSN_IF_OTHER;
}

static void decode_set(const struct decoding *d, struct insn *to)
{
	if (!is_reg(&d->ops[0]))
		return;
	to->op = INSN_SET;
	to->dst = reg_of(d->ops[0].reg.value);
	to->condition = d->ins.mnemonic == ZYDIS_MNEMONIC_SETZ ? INSN_IF_EQUAL : INSN_IF_NOT_EQUAL;
}

static void decode_two(const struct decoding *d, struct insn *to)
{
	const ZydisDecodedOperand *a = &d->ops[0], *b = &d->ops[1];
	bool same = is_reg(a) && is_reg(b) && a->reg.value == b->reg.value;
	if (d->ins.mnemonic == ZYDIS_MNEMONIC_XOR && same) {
		to->op = INSN_CONST;
		to->dst = reg_of(a->reg.value);
	} else if (d->ins.mnemonic == ZYDIS_MNEMONIC_TEST && same) {
		to->op = INSN_TEST;
		to->src = reg_of(a->reg.value);
	}
}

static void decode_locked(const struct decoding *d, struct insn *to)
{
	if (!(d->ins.attributes & ZYDIS_ATTRIB_HAS_LOCK) || !is_mem(&d->ops[0]) ||
	    !is_reg(&d->ops[1]))
		return;
	to->op = d->ins.mnemonic == ZYDIS_MNEMONIC_CMPXCHG ? INSN_SWAP : INSN_ADD_TO;
	to->src = reg_of(d->ops[1].reg.value);
}

static void decode_one(struct decoding *d, struct insn *to)
{
	note_writes(d, to);
	switch (d->ins.mnemonic) {
	case ZYDIS_MNEMONIC_MOV:
		decode_move(d, to);
		break;
	case ZYDIS_MNEMONIC_MOVZX:
		decode_extend(d, to);
		break;
	case ZYDIS_MNEMONIC_LEA:
		decode_lea(d, to);
		break;
	case ZYDIS_MNEMONIC_ADD:
	case ZYDIS_MNEMONIC_SUB:
	case ZYDIS_MNEMONIC_INC:
	case ZYDIS_MNEMONIC_DEC:
		decode_add(d, to);
		break;
	case ZYDIS_MNEMONIC_PUSH:
	case ZYDIS_MNEMONIC_POP:
		to->op = d->ins.mnemonic == ZYDIS_MNEMONIC_PUSH ? INSN_PUSH : INSN_POP;
		to->dst = to->src = is_reg(&d->ops[0]) ? reg_of(d->ops[0].reg.value) : INSN_NO_REG;
		break;
	case ZYDIS_MNEMONIC_CALL:
		decode_call(d, to);
		break;
	case ZYDIS_MNEMONIC_RET:
		to->op = INSN_RETURN;
		break;
	case ZYDIS_MNEMONIC_UD2:
	case ZYDIS_MNEMONIC_INT3:
	case ZYDIS_MNEMONIC_HLT:
		to->op = INSN_STOP;
		break;
	case ZYDIS_MNEMONIC_SETZ:
	case ZYDIS_MNEMONIC_SETNZ:
		decode_set(d, to);
		break;
	case ZYDIS_MNEMONIC_XOR:
	case ZYDIS_MNEMONIC_TEST:
		decode_two(d, to);
		break;
	case ZYDIS_MNEMONIC_CMPXCHG:
	case ZYDIS_MNEMONIC_XADD:
		decode_locked(d, to);
		break;
	default:
		if (d->ins.meta.category == ZYDIS_CATEGORY_COND_BR ||
		    d->ins.meta.category == ZYDIS_CATEGORY_UNCOND_BR)
			decode_jump(d, to);
		break;
	}
}

enum gospy_code insns_decode(struct span code, uint64_t addr, struct insns *ret,
			     struct gospy_error *err)
{
	struct decoding d = {0};
	ZydisDecoder decoder;
	if (code.len > INSN_CODE_MAX)
		return err_set(err, GOSPY_E_LIMIT, "a function of %zu bytes at 0x%llx", code.len,
			       (unsigned long long)addr);
	if (!ZYAN_SUCCESS(
		    ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)))
		return err_set(err, GOSPY_E_UNSUPPORTED, "Zydis decodes no x86-64");
	for (size_t at = 0; at < code.len;) {
		struct insn to = {.off = (uint32_t)at, .len = 1, .op = INSN_STOP};
		d.addr = addr + at;
		if (ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, code.ptr + at, code.len - at,
							&d.ins, d.ops))) {
			to.op = INSN_OTHER;
			to.len = d.ins.length;
			decode_one(&d, &to);
		}
		if (!vec_push(&ret->list, to))
			return err_nomem(err);
		at += to.len;
	}
	return GOSPY_OK;
}
