#include "render/units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gospy.h"

enum { MINUTE = 60, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

static const uint64_t NS = 1000000000;

#define TEXT(...)                                                                                  \
	({                                                                                         \
		struct units_text text_;                                                           \
		snprintf(text_.s, sizeof(text_.s), __VA_ARGS__);                                   \
		text_;                                                                             \
	})

const char *units_plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

struct units_text units_span(uint64_t ns)
{
	if (ns == GOSPY_UNKNOWN)
		return TEXT("?");
	uint64_t s = ns / NS;
	if (s >= DAY)
		return TEXT("%lud%luh", s / DAY, s % DAY / HOUR);
	if (s >= HOUR)
		return TEXT("%luh%lum", s / HOUR, s % HOUR / MINUTE);
	if (s >= MINUTE)
		return TEXT("%lum%lus", s / MINUTE, s % MINUTE);
	return TEXT("%lus", s);
}

struct units_text units_age(uint64_t ns)
{
	// In tenths: 59.96 seconds must not become "60.0s".
	uint64_t tenths = ns / (NS / 10) + (ns % (NS / 10) >= NS / 20);
	if (tenths < MINUTE * 10)
		return TEXT("%lu.%lus", tenths / 10, tenths % 10);
	return units_span(ns < MINUTE * NS ? MINUTE * NS : ns);
}

struct units_text units_ms(uint64_t ns)
{
	if (ns == GOSPY_UNKNOWN)
		return TEXT("?");
	if (ns >= NS)
		return units_age(ns);
	int decimals = ns >= 100000 || ns == 0 ? 1 : ns >= 10000 ? 2 : 3;
	return TEXT("%.*f ms", decimals, (double)ns / 1e6);
}

struct units_wait units_wait(uint64_t ns)
{
	uint64_t s = ns / NS;
	if (ns == GOSPY_UNKNOWN || s == 0)
		return (struct units_wait){0, NULL};
	if (s >= MINUTE)
		return (struct units_wait){s / MINUTE, s < 2 * MINUTE ? "minute" : "minutes"};
	return (struct units_wait){s, s == 1 ? "second" : "seconds"};
}

const char *units_at_least(bool at_least, bool utf8)
{
	return !at_least ? "" : utf8 ? "\xe2\x89\xa5" : ">=";
}

struct units_text units_rate(double per_minute)
{
	if (per_minute < 0)
		return TEXT("?");
	return TEXT(per_minute < 9.95 ? "%.1f" : "%.0f", per_minute);
}

struct units_text units_bytes(uint64_t n)
{
	static const char *const names[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
	if (n == GOSPY_UNKNOWN)
		return TEXT("?");
	if (n < 1024)
		return TEXT("%lu B", n);
	double value = (double)n / 1024;
	size_t i = 0;
	// 1023.95 would be printed as 1024.0.
	while (value >= 1023.95 && i + 1 < sizeof(names) / sizeof(names[0])) {
		value /= 1024;
		i++;
	}
	return TEXT("%.1f %s", value, names[i]);
}

struct units_text units_elapsed(uint64_t ns)
{
	if (ns == GOSPY_UNKNOWN)
		return TEXT("?");
	uint64_t s = ns / NS;
	uint64_t minutes = s % HOUR / MINUTE, seconds = s % MINUTE;
	if (s >= DAY)
		return TEXT("%02lu-%02lu:%02lu:%02lu", s / DAY, s % DAY / HOUR, minutes, seconds);
	if (s >= HOUR)
		return TEXT("%02lu:%02lu:%02lu", s / HOUR, minutes, seconds);
	return TEXT("%02lu:%02lu", minutes, seconds);
}

/* "1.5s" for 1500 with scale 1000: no trailing zeros. */
static int fraction(char *dst, size_t size, uint64_t n, uint64_t scale, const char *unit)
{
	char digits[24] = "";
	if (n % scale) {
		// Leading zeros of the fraction come from the digits of scale + fraction.
		snprintf(digits, sizeof(digits), "%lu", scale + n % scale);
		digits[0] = '.';
		size_t len = strlen(digits);
		while (digits[len - 1] == '0')
			digits[--len] = '\0';
	}
	return snprintf(dst, size, "%lu%s%s", n / scale, digits, unit);
}

struct units_text units_go_duration(uint64_t ns)
{
	struct units_text text;
	char *p = text.s, *end = text.s + sizeof(text.s);
	uint64_t s = ns / NS;
	if (ns == 0)
		return TEXT("0s");
	if (ns < 1000)
		return TEXT("%luns", ns);
	if (s == 0) {
		bool ms = ns >= 1000000;
		fraction(p, sizeof(text.s), ns, ms ? 1000000 : 1000, ms ? "ms" : "µs");
		return text;
	}
	if (s >= HOUR)
		p += snprintf(p, (size_t)(end - p), "%luh", s / HOUR);
	if (s >= MINUTE)
		p += snprintf(p, (size_t)(end - p), "%lum", s % HOUR / MINUTE);
	fraction(p, (size_t)(end - p), s % MINUTE * NS + ns % NS, NS, "s");
	return text;
}

struct units_text units_go_float(double v)
{
	enum { DIGITS_MAX = 17 /* tell all doubles apart */, EXPONENT_MIN = -4, EXPONENT_MAX = 21 };
	char text[40];
	if (!(v >= 0))
		return TEXT("?");
	int digits = 0;
	do {
		snprintf(text, sizeof(text), "%.*e", digits, v);
	} while (strtod(text, NULL) != v && ++digits < DIGITS_MAX);
	const char *e = strchr(text, 'e');
	int exponent = e ? atoi(e + 1) : 0;
	if (exponent < EXPONENT_MIN || exponent >= EXPONENT_MAX)
		return TEXT("%.31s", text);
	return TEXT("%.*f", digits > exponent ? digits - exponent : 0, v);
}

struct units_date units_go_time(uint64_t unix_ns)
{
	struct units_date date;
	struct tm tm;
	time_t s = (time_t)(unix_ns / NS);
	char second[16], zone[32];
	if (!localtime_r(&s, &tm)) {
		snprintf(date.s, sizeof(date.s), "?");
		return date;
	}
	// The number with its fraction, without trailing zeros.
	fraction(second, sizeof(second), (uint64_t)tm.tm_sec * NS + unix_ns % NS, NS, "");
	strftime(zone, sizeof(zone), "%z %Z", &tm);
	snprintf(date.s, sizeof(date.s), "%04d-%02d-%02d %02d:%02d:%s%s %s", tm.tm_year + 1900,
		 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec < 10 ? "0" : "",
		 second, zone);
	return date;
}

struct units_date units_date(uint64_t unix_ns)
{
	struct units_date date;
	struct tm tm;
	time_t s = (time_t)(unix_ns / NS);
	if (!localtime_r(&s, &tm) || !strftime(date.s, sizeof(date.s), "%Y-%m-%d %H:%M:%S %Z", &tm))
		snprintf(date.s, sizeof(date.s), "?");
	return date;
}
