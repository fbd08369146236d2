/* How a recording went: as lines for a person, and as JSON. */
#ifndef GOSPY_RENDER_REPORT_RECORD_H
#define GOSPY_RENDER_REPORT_RECORD_H

#include "base/strbuf.h"
#include "gospy.h"
#include "render/json.h"

/** What was asked for and written. */
struct record_report {
	pid_t pid;
	const char *format;
	const char *file; /* NULL: it went to standard output */
	uint64_t bytes;   /* of the file */
	const struct gospy_recording *recording;
};

/** One object, and a newline. */
void report_record_json(const struct record_report *report, struct out *out);

/** What a person has to know of it, as lines without a prefix: what is missing. Empty: nothing is.
 */
void report_record_missing(const struct gospy_recording_info *info, struct strbuf *ret);
/** What it was made with, and how well it went: for -v. */
void report_record_details(const struct gospy_recording_info *info, struct strbuf *ret);

#endif
