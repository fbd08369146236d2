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
/** Of a core file, instead: "core file core.4711 of 2026-11-30 19:20:01 UTC, died of SIGSEGV at 0x0
 * in thread 4711". */
void report_core(struct out *out, const struct gospy_target_info *target,
		 const struct gospy_snapshot_info *info);
void report_core_add(struct strbuf *text, const struct gospy_target_info *target,
		     const struct gospy_snapshot_info *info);
/** What a "target" says of a core file. */
void report_core_json(struct json *json, const struct gospy_target_info *target);
/** The members "target" to "goroutine_counts" of an object that is already open. */
void report_header_json(struct json *json, const struct gospy_target_info *target,
			const struct gospy_snapshot *snapshot);

#endif
