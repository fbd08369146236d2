/* In place of insn.c where gospy is built without Zydis. */
#include "dwarf/go/insn.h"

enum gospy_code insns_decode(struct span code, uint64_t addr, struct insns *ret,
			     struct gospy_error *err)
{
	(void)code;
	(void)addr;
	(void)ret;
	return err_set(err, GOSPY_E_UNSUPPORTED,
		       "this gospy was built without Zydis: it cannot follow code");
}
