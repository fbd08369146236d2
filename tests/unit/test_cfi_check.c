#include "dwarf/cfi_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct cfi_cie cie;

/* What stands behind the first eight bytes of an entry. */
static bool check_cie(const char *bytes, size_t len)
{
	uint8_t entry[256] = {0};
	memcpy(entry + CFI_HEAD, bytes, len);
	return cfi_cie_check((struct span){entry, CFI_HEAD + len}, &cie);
}

/* A program, behind addresses of four bytes each and no augmentation data. */
static bool check_fde(const char *program, size_t len)
{
	uint8_t entry[256] = {0};
	const struct cfi_cie usual = {.sized = true, .defines = true, .encoding = 0x1b};
	memcpy(entry + CFI_HEAD + 9, program, len);
	return cfi_fde_check((struct span){entry, CFI_HEAD + 9 + len}, &usual);
}

#define CIE(bytes)   check_cie(bytes, sizeof(bytes) - 1)
#define FDE(program) check_fde(program, sizeof(program) - 1)
#define USUAL        "\x01zR\0\x01\x78\x10\x01\x1b"
#define DEFINES      "\x0c\x07\x08\x90\x01"

static void reads_heads(void **state)
{
	(void)state;
	struct cfi_head head;
	static const uint8_t first[] = {0x14, 0, 0, 0, 0, 0, 0, 0}, fde[] = {0x10, 0, 0, 0, 0x1c};
	static const uint8_t end[8] = {0}, wide[] = {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0};
	assert_true(cfi_head_parse((struct span){first, 8}, 0x1000, &head));
	assert_true(head.is_cie);
	assert_int_equal(head.size, 0x18);
	uint8_t bytes[8] = {0};
	memcpy(bytes, fde, sizeof(fde));
	assert_true(cfi_head_parse((struct span){bytes, 8}, 0x1018, &head));
	assert_false(head.is_cie);
	assert_int_equal(head.cie_addr, 0x1000);
	assert_false(cfi_head_parse((struct span){bytes, 8}, 0x10, &head)); // below 0
	assert_false(cfi_head_parse((struct span){end, 8}, 0x1000, &head));
	assert_false(cfi_head_parse((struct span){wide, 8}, 0x1000, &head));
	assert_false(cfi_head_parse((struct span){first, 7}, 0x1000, &head));
}

static void takes_what_compilers_write(void **state)
{
	(void)state;
	assert_true(CIE(USUAL DEFINES "\0\0"));
	assert_true(cie.sized);
	assert_true(cie.defines);
	assert_int_equal(cie.encoding, 0x1b);
	assert_true(CIE("\x01zPLR\0\x01\x78\x10\x07\x9b\1\2\3\4\x1b\x1b" DEFINES));
	assert_int_equal(cie.encoding, 0x1b);
	assert_true(CIE("\x03\0\x01\x78\x10" DEFINES)); // no augmentation
	assert_false(cie.sized);
	// The frame of a signal handler says it in its FDE.
	assert_true(CIE("\x01zRS\0\x01\x78\x10\x01\x1b"));
	assert_false(cie.defines);

	assert_true(FDE(""));
	assert_true(FDE("\x41\x0e\x10\x86\x02\x43\x0d\x06\x02\x55\x0a\x0c\x07\x08\x0b"));
	// .plt: DW_OP_breg7 8, breg16 0, lit15, and, lit11, ge, lit3, shl, plus
	assert_true(FDE("\x0f\x0b\x77\x08\x80\x00\x3f\x1a\x3b\x2a\x33\x24\x22"));
	assert_true(FDE("\x10\x06\x02\x76\x78")); // DW_CFA_expression rbp: DW_OP_breg6 -8
	assert_true(FDE("\x07\x10\x2e\x10"));
}

static void refuses_what_libunwind_trusts(void **state)
{
	(void)state;
	assert_false(CIE("\x01zR\0\x01\x78\x7f\x01\x1b" DEFINES)); // return address
	assert_false(CIE("\x02zR\0\x01\x78\x10\x01\x1b" DEFINES)); // version
	assert_false(CIE("\x01zX\0\x01\x78\x10\x01\x1b" DEFINES)); // augmentation
	assert_false(CIE("\x01"
			 "eh\0\x01\x78\x10" DEFINES));
	assert_false(CIE("\x01zR\0\x01\x78\x10\x00" DEFINES)); // no data for the letters
	assert_false(CIE("\x01zR\0\x01\x78\x10\x7f" DEFINES));
	assert_false(CIE("\x01zR"));
	assert_false(CIE(USUAL "\x0c\x40\x08")); // register
	assert_false(FDE("\x3f"));               // instruction
	assert_false(FDE("\x91\x01"));           // register
	assert_false(FDE("\x0e"));               // cut off
	assert_false(FDE("\x0e\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"));
	assert_false(FDE("\x09\x06\x40"));
	assert_false(FDE("\x0f\x00"));             // nothing
	assert_false(FDE("\x0f\x7f\x77\x08"));     // longer than the entry
	assert_false(FDE("\x0f\x03\x2f\xfd\xff")); // DW_OP_skip
	assert_false(FDE("\x0f\x03\x28\x00\x00")); // DW_OP_bra
	assert_false(FDE("\x0f\x03\x30\x30\x1b")); // DW_OP_div
	assert_false(FDE("\x0f\x01\x8f"));         // DW_OP_breg31
	assert_false(FDE("\x0f\x02\x15\x7f"));     // DW_OP_pick
}

/* An FDE of a CIE that does not define the frame has to begin with that. */
static void a_frame_is_defined(void **state)
{
	(void)state;
	const struct cfi_cie none = {.encoding = 0x1b};
	uint8_t entry[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0c, 0x07, 0x08};
	assert_true(cfi_fde_check((struct span){entry, sizeof(entry)}, &none));
	entry[16] = 0x41;
	entry[17] = 0x41;
	entry[18] = 0x41;
	assert_false(cfi_fde_check((struct span){entry, sizeof(entry)}, &none));
	assert_false(cfi_fde_check((struct span){entry, 16}, &none));
	assert_false(cfi_fde_check((struct span){entry, 15}, &none));
	// Addresses without a fixed size.
	const struct cfi_cie odd = {.defines = true, .encoding = 0x01};
	assert_false(cfi_fde_check((struct span){entry, sizeof(entry)}, &odd));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_heads),
		cmocka_unit_test(takes_what_compilers_write),
		cmocka_unit_test(refuses_what_libunwind_trusts),
		cmocka_unit_test(a_frame_is_defined),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
