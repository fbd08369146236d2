/* Profiler labels. */
#ifndef GOSPY_CAPTURE_COLLECT_LABEL_H
#define GOSPY_CAPTURE_COLLECT_LABEL_H

#include "capture/passes.h"

/** After the resume, before the last copy: read the labels of goroutines that have any. */
enum gospy_code collect_labels(struct passes *p, struct gospy_error *err);

#endif
