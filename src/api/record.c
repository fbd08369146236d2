/* Recording, as gospy.h has it. */
#include "record/record.h"

#include "api/target.h"
#include "base/cancel.h"
#include "base/cleanup.h"
#include "base/sized.h"

enum gospy_code gospy_record(struct gospy_target *target,
			     const struct gospy_record_options *options,
			     struct gospy_recording **ret, struct gospy_error *err)
{
	struct gospy_record_options how;
	if (!target || !ret)
		return err_set(err, GOSPY_E_USAGE, "gospy_record: bad argument");
	if (SIZED_READ(&how, options, err))
		return GOSPY_E_USAGE;
	CLEANUP(cancel_end) struct cancel cancel;
	cancel_begin(&cancel, how.cancel_fd);
	struct gospy_recording *recording = NULL;
	enum gospy_code code = image_check(target->image, target->source, err);
	if (!code)
		code = record_run(target->source, target->image, &how, &recording, err);
	if (code)
		code = source_explain(target->source, code, err);
	code = cancel_verdict(code, err);
	if (code)
		record_destroy(recording);
	else
		*ret = recording;
	return code;
}

void gospy_recording_destroy(struct gospy_recording *recording)
{
	record_destroy(recording);
}
