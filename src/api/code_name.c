#include "gospy.h"

const char *gospy_code_name(enum gospy_code code)
{
	switch (code) {
	case GOSPY_OK:
		return "ok";
	case GOSPY_E_NOMEM:
		return "no_memory";
	case GOSPY_E_OS:
		return "os";
	case GOSPY_E_PERM:
		return "permission";
	case GOSPY_E_GONE:
		return "gone";
	case GOSPY_E_NOT_GO:
		return "not_go";
	case GOSPY_E_UNSUPPORTED:
		return "unsupported";
	case GOSPY_E_NOT_FOUND:
		return "not_found";
	case GOSPY_E_FAULT:
		return "fault";
	case GOSPY_E_BAD_DATA:
		return "bad_data";
	case GOSPY_E_LIMIT:
		return "limit";
	case GOSPY_E_USAGE:
		return "usage";
	case GOSPY_E_CANCELLED:
		return "cancelled";
	}
	return "unknown";
}
