/* Durations and sizes as a person reads them. Results are small structs, so that a call may stand
 * in an argument list: printf("%s", units_bytes(n).s). GOSPY_UNKNOWN becomes "?". */
#ifndef GOSPY_RENDER_UNITS_H
#define GOSPY_RENDER_UNITS_H

#include <stdbool.h>
#include <stdint.h>

struct units_text {
	char s[32];
};

/** "s", or "" for one: "2 stack" "s". */
const char *units_plural(uint64_t n);
/** The two largest units: "3d4h", "4h12m", "12m5s", "5s". */
struct units_text units_span(uint64_t ns);
/** Short times: "0.4 ms", "0.08 ms", "12.3 ms"; from a second on as units_age. */
struct units_text units_ms(uint64_t ns);
/** How long ago: "1.5s" below a minute, else as units_span. */
struct units_text units_age(uint64_t ns);
/** How long a goroutine waits, in the unit of the runtime's tracebacks: {12, "minutes"}; below a
 * minute {42, "seconds"}; {0, NULL} below a second and when unknown. */
struct units_wait {
	uint64_t n;
	const char *unit;
} units_wait(uint64_t ns);
/** What stands before a time if it is at least that, else "". */
const char *units_at_least(bool at_least, bool utf8);
/** So many a minute: "0.4", "12", "1500"; "?" for a negative one. */
struct units_text units_rate(double per_minute);
/** "512 B", "12.3 MB"; powers of 1024 under their short names, as gops prints them. */
struct units_text units_bytes(uint64_t n);
/** Elapsed time as ps(1): "[[dd-]hh:]mm:ss". */
struct units_text units_elapsed(uint64_t ns);
/** As Go's time.Duration prints: "500ms", "1.5s", "1m30s", "2h0m0s". */
struct units_text units_go_duration(uint64_t ns);
/** As Go's fmt prints a float64 with %v: the fewest digits that are the number; "?" for negative
 * ones. */
struct units_text units_go_float(double v);
/** As Go's time.Time prints a time since 1970, in the local time zone: "2026-11-21 14:03:07.5 +0000
 * UTC". */
struct units_date {
	char s[80];
} units_go_time(uint64_t unix_ns);
/** To the second, as a person writes it: "2026-11-21 14:03:07 UTC". */
struct units_date units_date(uint64_t unix_ns);

#endif
