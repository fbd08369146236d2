/* DWARF 5, sections 2.5 and 6.4; Linux Standard Base Core, "Exception Frames". */
#include "dwarf/cfi_check.h"

#include "base/cursor.h"

enum {
	REGISTERS = 17,      /* System V ABI, x86-64: DWARF numbers of the general ones, and RA */
	RETURN_ADDRESS = 16, /* its column */
	PE_ABSPTR = 0x00,
	PE_FORMAT = 0x0f,
	PE_OMIT = 0xff,
};

/* Operands of instructions and of the operations of expressions, in their order. */
enum operand {
	NOTHING,
	BYTES_1,
	BYTES_2,
	BYTES_4,
	BYTES_8,
	NUMBER, /* LEB128 */
	REGISTER,
	ADDRESS, /* encoded as the CIE says */
	EXPRESSION,
};

struct shape {
	bool known;
	uint8_t operands[2];
};

/* DW_CFA_*, those without an operand in the opcode. */
static const struct shape instructions[0x40] = {
	[0x00] = {true, {NOTHING}},              // nop
	[0x01] = {true, {ADDRESS}},              // set_loc
	[0x02] = {true, {BYTES_1}},              // advance_loc1
	[0x03] = {true, {BYTES_2}},              // advance_loc2
	[0x04] = {true, {BYTES_4}},              // advance_loc4
	[0x05] = {true, {REGISTER, NUMBER}},     // offset_extended
	[0x06] = {true, {REGISTER}},             // restore_extended
	[0x07] = {true, {REGISTER}},             // undefined
	[0x08] = {true, {REGISTER}},             // same_value
	[0x09] = {true, {REGISTER, REGISTER}},   // register
	[0x0a] = {true, {NOTHING}},              // remember_state
	[0x0b] = {true, {NOTHING}},              // restore_state
	[0x0c] = {true, {REGISTER, NUMBER}},     // def_cfa
	[0x0d] = {true, {REGISTER}},             // def_cfa_register
	[0x0e] = {true, {NUMBER}},               // def_cfa_offset
	[0x0f] = {true, {EXPRESSION}},           // def_cfa_expression
	[0x10] = {true, {REGISTER, EXPRESSION}}, // expression
	[0x11] = {true, {REGISTER, NUMBER}},     // offset_extended_sf
	[0x12] = {true, {REGISTER, NUMBER}},     // def_cfa_sf
	[0x13] = {true, {NUMBER}},               // def_cfa_offset_sf
	[0x16] = {true, {REGISTER, EXPRESSION}}, // val_expression
	[0x2e] = {true, {NUMBER}},               // GNU_args_size
};

/* DW_OP_*: no jumps, and no division. */
static const struct shape operations[0x100] = {
	[0x03] = {true, {BYTES_8}}, // addr
	[0x06] = {true, {NOTHING}}, // deref
	[0x08] = {true, {BYTES_1}}, // const1u to const8s
	[0x09] = {true, {BYTES_1}},
	[0x0a] = {true, {BYTES_2}},
	[0x0b] = {true, {BYTES_2}},
	[0x0c] = {true, {BYTES_4}},
	[0x0d] = {true, {BYTES_4}},
	[0x0e] = {true, {BYTES_8}},
	[0x0f] = {true, {BYTES_8}},
	[0x10] = {true, {NUMBER}}, // constu, consts
	[0x11] = {true, {NUMBER}},
	[0x12 ... 0x14] = {true, {NOTHING}},                // dup, drop, over
	[0x16 ... 0x17] = {true, {NOTHING}},                // swap, rot
	[0x19 ... 0x1a] = {true, {NOTHING}},                // abs, and
	[0x1c] = {true, {NOTHING}},                         // minus
	[0x1e ... 0x22] = {true, {NOTHING}},                // mul, neg, not, or, plus
	[0x23] = {true, {NUMBER}},                          // plus_uconst
	[0x24 ... 0x27] = {true, {NOTHING}},                // shl, shr, shra, xor
	[0x29 ... 0x2e] = {true, {NOTHING}},                // eq to ne
	[0x30 ... 0x4f] = {true, {NOTHING}},                // lit0 to lit31
	[0x70 ... 0x70 + REGISTERS - 1] = {true, {NUMBER}}, // breg0 to breg16
	[0x92] = {true, {REGISTER, NUMBER}},                // bregx
	[0x94] = {true, {BYTES_1}},                         // deref_size
	[0x96] = {true, {NOTHING}},                         // nop
};

/* Bytes of an encoded address, or 0: not of a fixed size. */
static unsigned address_size(uint8_t encoding)
{
	static const uint8_t sizes[PE_FORMAT + 1] = {
		[PE_ABSPTR] = 8, [0x02] = 2, [0x03] = 4, [0x04] = 8,
		[0x0a] = 2,      [0x0b] = 4, [0x0c] = 8,
	};
	return encoding == PE_OMIT ? 0 : sizes[encoding & PE_FORMAT];
}

static bool check_expression(struct span bytes);

/* Skip the bytes of a LEB128, signed or not; more than ten are none. */
static void skip_number(struct cursor *c)
{
	enum { LONGEST = 10 };
	for (unsigned i = 0; i < LONGEST; i++) {
		if (!(cursor_u8(c) & 0x80))
			return;
	}
	c->failed = true;
}

static bool check_block(struct cursor *c)
{
	uint64_t len = cursor_uleb128(c);
	const uint8_t *bytes = cursor_bytes(c, len);
	return bytes && check_expression((struct span){bytes, (size_t)len});
}

static bool check_operand(struct cursor *c, enum operand operand, unsigned address)
{
	switch (operand) {
	case NOTHING:
		return true;
	case BYTES_1:
		cursor_skip(c, 1);
		return true;
	case BYTES_2:
		cursor_skip(c, 2);
		return true;
	case BYTES_4:
		cursor_skip(c, 4);
		return true;
	case BYTES_8:
		cursor_skip(c, 8);
		return true;
	case NUMBER:
		skip_number(c);
		return true;
	case REGISTER:
		return cursor_uleb128(c) < REGISTERS;
	case ADDRESS:
		cursor_skip(c, address);
		return address != 0;
	case EXPRESSION:
		return check_block(c);
	}
	return false;
}

static bool check_shape(struct cursor *c, const struct shape *shape, unsigned address)
{
	return shape->known && check_operand(c, (enum operand)shape->operands[0], address) &&
	       check_operand(c, (enum operand)shape->operands[1], address);
}

static bool check_expression(struct span bytes)
{
	struct cursor c = cursor_at(bytes, 0);
	while (cursor_left(&c)) {
		if (!check_shape(&c, &operations[cursor_u8(&c)], 0))
			return false;
	}
	return bytes.len && !c.failed;
}

static bool check_instruction(struct cursor *c, unsigned address)
{
	enum { ADVANCE = 1, OFFSET, RESTORE };
	uint8_t op = cursor_u8(c);
	switch (op >> 6) {
	case ADVANCE:
		return true;
	case OFFSET:
		skip_number(c);
		return (op & 0x3f) < REGISTERS;
	case RESTORE:
		return (op & 0x3f) < REGISTERS;
	default:
		return check_shape(c, &instructions[op], address);
	}
}

static bool check_program(struct cursor *c, unsigned address)
{
	while (cursor_left(c)) {
		if (!check_instruction(c, address))
			return false;
	}
	return !c->failed;
}

bool cfi_head_parse(struct span bytes, uint64_t addr, struct cfi_head *ret)
{
	struct cursor c = cursor_at(bytes, 0);
	uint32_t len = cursor_u32(&c), id = cursor_u32(&c);
	// 0 ends the section, and UINT32_MAX begins an entry of 4 GiB and more.
	if (c.failed || len < sizeof(id) || len > CFI_ENTRY_MAX - sizeof(len) ||
	    id > addr + sizeof(len))
		return false;
	*ret = (struct cfi_head){
		.size = len + sizeof(len),
		.cie_addr = id ? addr + sizeof(len) - id : addr,
		.is_cie = !id,
	};
	return true;
}

/* Does it begin with an instruction that defines the frame? Then there is a frame, whatever
 * follows. The C library's return from signal handlers has that instruction in the FDE (glibc,
 * sysdeps/unix/sysv/linux/x86_64/libc_sigaction.c). */
static bool begins_with_frame(const struct cursor *c)
{
	enum { DEF_CFA = 0x0c, DEF_CFA_EXPRESSION = 0x0f };
	struct cursor next = *c;
	uint8_t op = cursor_u8(&next);
	return op == DEF_CFA || op == DEF_CFA_EXPRESSION;
}

/* The letters of the augmentation, and what they stand for. */
static bool check_augmentation(struct cursor *c, const char *letters, struct cfi_cie *ret)
{
	if (!*letters)
		return true;
	if (*letters != 'z')
		return false;
	ret->sized = true;
	uint64_t len = cursor_uleb128(c);
	const uint8_t *data = cursor_bytes(c, len);
	struct cursor d = cursor_at((struct span){data, data ? (size_t)len : 0}, 0);
	while (*++letters) {
		if (*letters == 'R')
			ret->encoding = cursor_u8(&d);
		else if (*letters == 'L')
			cursor_skip(&d, 1);
		else if (*letters == 'P')
			cursor_skip(&d, address_size(cursor_u8(&d)));
		else if (*letters != 'S')
			return false;
	}
	return data && !d.failed;
}

bool cfi_cie_check(struct span bytes, struct cfi_cie *ret)
{
	struct cursor c = cursor_at(bytes, CFI_HEAD);
	struct cfi_cie cie = {.encoding = PE_ABSPTR};
	uint8_t version = cursor_u8(&c);
	const char *letters = cursor_cstr(&c);
	skip_number(&c);
	skip_number(&c);
	uint64_t column = version == 1 ? cursor_u8(&c) : cursor_uleb128(&c);
	if (c.failed || !letters || (version != 1 && version != 3) || column != RETURN_ADDRESS ||
	    !check_augmentation(&c, letters, &cie))
		return false;
	cie.defines = begins_with_frame(&c);
	if (!check_program(&c, address_size(cie.encoding)))
		return false;
	*ret = cie;
	return true;
}

bool cfi_fde_check(struct span bytes, const struct cfi_cie *cie)
{
	struct cursor c = cursor_at(bytes, CFI_HEAD);
	unsigned address = address_size(cie->encoding);
	cursor_skip(&c, address * 2); // where it begins, and its length
	if (cie->sized)
		cursor_skip(&c, cursor_uleb128(&c));
	return address && !c.failed && (cie->defines || begins_with_frame(&c)) &&
	       check_program(&c, address);
}
