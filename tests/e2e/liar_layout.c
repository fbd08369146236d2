/* Where the globals of a Go process are, how its structures are laid out and where its tables are,
 * as JSON: what test_hostile.py needs to lie. liar_layout PID */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/target.h"

static const char *separator = "";

static void number(const char *name, uint64_t value)
{
	printf("%s\"%s\": %" PRIu64, separator, name, value);
	separator = ", ";
}

static void open_object(const char *name)
{
	printf("%s\"%s\": {", separator, name);
	separator = "";
}

static void close_object(void)
{
	printf("}\n");
	separator = ", ";
}

#define FIELD(member, path, required)                                                              \
	if (field_present(L->member))                                                              \
		number(#member, L->member.off);

#define STRUCT(name, FIELDS)                                                                       \
	{                                                                                          \
		const __typeof__(layout->name) *L = &layout->name;                                 \
		open_object(#name);                                                                \
		number("size", L->size);                                                           \
		FIELDS(FIELD)                                                                      \
		close_object();                                                                    \
	}

#define GLOBAL(name, required) number(#name, image->globals.name.addr);

int main(int argc, char **argv)
{
	struct gospy_target *target;
	struct gospy_error err;
	if (argc != 2 || gospy_target_open_pid(atoi(argv[1]), NULL, &target, &err)) {
		fprintf(stderr, "liar_layout: %s\n", argc == 2 ? err.msg : "no pid");
		return 1;
	}
	const struct image *image = target->image;
	const struct layout *layout = &image->layout;
	const struct moduledata *md = &image->program->md;
	printf("{");
	open_object("globals");
	IMAGE_GLOBALS(GLOBAL)
	close_object();
	STRUCT(g, LAYOUT_G)
	STRUCT(m, LAYOUT_M)
	STRUCT(p, LAYOUT_P)
	STRUCT(sudog, LAYOUT_SUDOG)
	STRUCT(hchan, LAYOUT_HCHAN)
	STRUCT(schedt, LAYOUT_SCHEDT)
	STRUCT(mstats, LAYOUT_MSTATS)
	STRUCT(gcController, LAYOUT_GCCONTROLLER)
	STRUCT(mcache, LAYOUT_MCACHE)
	STRUCT(mspan, LAYOUT_MSPAN)
	STRUCT(mheap, LAYOUT_MHEAP)
	open_object("module");
	number("addr", md->addr);
	number("pclntab", md->pclntab);
	number("funcnametab", md->funcnametab);
	number("ftab", md->ftab);
	number("nftab", md->nftab);
	number("text", md->text);
	number("etext", md->etext);
	close_object();
	number("traceback_ancestors", image->traceback_ancestors);
	printf("}\n");
	gospy_target_close(target);
	return 0;
}
