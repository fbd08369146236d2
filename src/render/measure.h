/* Values of a profile as pprof prints them: its package internal/measurement. */
#ifndef GOSPY_RENDER_MEASURE_H
#define GOSPY_RENDER_MEASURE_H

#include <stdint.h>

/** A value in unit `from` ("bytes", "nanoseconds", "count") in unit `to`; "minimum" is the largest
 * that makes it one or more. `*unit_ret` is the unit's short name, "" where none is printed. */
double measure_scale(int64_t value, const char *from, const char *to, const char **unit_ret);

struct measure_text {
	char s[40];
};
/** "1.50kB" */
struct measure_text measure_label(int64_t value, const char *from, const char *to);
/** "12.34%", with blanks before it. */
struct measure_text measure_percent(int64_t value, int64_t total);

#endif
