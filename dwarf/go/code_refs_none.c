/* In place of code_refs.c where gospy is built without Zydis. */
#include "dwarf/go/code_refs.h"

enum gospy_code code_refs_find(struct span code, uint64_t addr, struct code_refs *ret,
			       struct gospy_error *err)
{
	(void)code;
	(void)addr;
	(void)ret;
	return err_set(err, GOSPY_E_UNSUPPORTED,
		       "this gospy was built without Zydis: it cannot look for globals in code");
}

uint64_t code_refs_chosen(struct span code, uint64_t addr, uint32_t offset, bool equal)
{
	(void)code;
	(void)addr;
	(void)offset;
	(void)equal;
	return 0;
}
