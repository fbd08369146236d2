/* The entry points of the statistics. */
#include "base/error.h"
#include "goruntime/target.h"

enum gospy_code gospy_memstats_read(struct gospy_target *target,
				    const struct gospy_read_options *options,
				    struct gospy_memstats *ret, struct gospy_error *err)
{
	if (!target || !ret || (options && options->size < sizeof(*options)))
		return err_set(err, GOSPY_E_USAGE, "gospy_memstats_read: bad argument");
	return err_set(err, GOSPY_E_UNSUPPORTED, "memory statistics are not read yet");
}

enum gospy_code gospy_stats_read(struct gospy_target *target,
				 const struct gospy_read_options *options, struct gospy_stats *ret,
				 struct gospy_error *err)
{
	if (!target || !ret || (options && options->size < sizeof(*options)))
		return err_set(err, GOSPY_E_USAGE, "gospy_stats_read: bad argument");
	return err_set(err, GOSPY_E_UNSUPPORTED, "statistics are not read yet");
}
