/* The part of a snapshot report that is not about single goroutines. */
#ifndef GOSPY_RENDER_REPORT_HEADER_H
#define GOSPY_RENDER_REPORT_HEADER_H

#include "base/strbuf.h"
#include "gospy.h"
#include "render/json.h"

/** The lines from "bin:" to "Goroutines:". */
void report_header_text(struct out *out, const struct gospy_target_info *target,
			const struct gospy_snapshot *snapshot);
/** What the snapshot cost the process: "paused 0.04 ms, 2 of 14 threads". */
void report_pause(struct out *out, const struct gospy_snapshot_info *info);
void report_pause_add(struct strbuf *text, const struct gospy_snapshot_info *info);
/** The members "target" to "goroutine_counts" of an object that is already open. */
void report_header_json(struct json *json, const struct gospy_target_info *target,
			const struct gospy_snapshot *snapshot);

#endif
