#include "tui/alloc.h"

#include <stdio.h>
#include <stdlib.h>

void alloc_check(bool ok)
{
	if (ok)
		return;
	fputs("gospy: out of memory\n", stderr);
	exit(1);
}
