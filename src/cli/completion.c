#include "cli/completion.h"

#include <string.h>

enum completion_arg completion_arg(const struct opt *opt)
{
	switch (opt->type) {
	case OPT_FLAG:
		return COMPLETION_NOTHING;
	case OPT_PID:
		return COMPLETION_PID;
	case OPT_CHOICE:
	case OPT_BARE:
		return opt->choices ? COMPLETION_CHOICE : COMPLETION_NOTHING;
	case OPT_STRING:
		return opt->arg && strcmp(opt->arg, "FILE") == 0 ? COMPLETION_FILE : COMPLETION_ANY;
	case OPT_DURATION:
	case OPT_NUMBER:
	case OPT_NUMBERS:
		break;
	case OPT_STRINGS:
		return opt->choices ? COMPLETION_CHOICE : COMPLETION_ANY;
	}
	return COMPLETION_ANY;
}
