/* One frame of top, as text and as JSON. */
#ifndef GOSPY_TUI_BATCH_FRAME_H
#define GOSPY_TUI_BATCH_FRAME_H

#include "render/out.h"
#include "render/report.h"
#include "tui/model.h"

/** Write what model and target show at this moment. `limit`: of rows, 0: all. `number` counts the
 * frames from 1. */
void batch_frame(struct out *out, enum report_format format, uint64_t limit, struct model *model,
		 const struct gospy_target_info *target, uint64_t number);

#endif
