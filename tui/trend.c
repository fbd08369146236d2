#include "tui/trend.h"

void trend_add(struct trend *trend, const struct trend_point *point)
{
	trend->points[(trend->first + trend->len) % TREND_POINTS] = *point;
	if (trend->len < TREND_POINTS)
		trend->len++;
	else
		trend->first = (trend->first + 1) % TREND_POINTS;
}

const struct trend_point *trend_at(const struct trend *trend, size_t i)
{
	return &trend->points[(trend->first + i) % TREND_POINTS];
}

double trend_goroutines(const struct trend_point *point)
{
	return point->goroutines == GOSPY_UNKNOWN ? -1 : (double)point->goroutines;
}

/* Which of the n spans holds a point that is `age_ns` older than the newest? */
static size_t span_of(uint64_t age_ns, uint64_t span_ns, size_t n)
{
	size_t from_end = (size_t)((double)age_ns * (double)n / (double)span_ns);
	return from_end < n ? n - 1 - from_end : SIZE_MAX;
}

void trend_resample(const struct trend *trend, trend_value *value, uint64_t span_ns, size_t n,
		    double *ret)
{
	for (size_t i = 0; i < n; i++)
		ret[i] = -1;
	if (!trend->len || !n || !span_ns)
		return;
	uint64_t newest_ns = trend_at(trend, trend->len - 1)->mono_ns;
	double before = -1; // of the last point older than all spans
	size_t in_span = 0, last = SIZE_MAX;
	for (size_t i = 0; i < trend->len; i++) {
		const struct trend_point *point = trend_at(trend, i);
		double v = value(point);
		size_t span = span_of(newest_ns - point->mono_ns, span_ns, n);
		if (v < 0)
			continue;
		if (span == SIZE_MAX) {
			before = v;
			continue;
		}
		in_span = span == last ? in_span + 1 : 1;
		last = span;
		ret[span] = in_span == 1 ? v : ret[span] + (v - ret[span]) / (double)in_span;
	}
	for (size_t i = 0; i < n; i++) {
		if (ret[i] < 0)
			ret[i] = before;
		before = ret[i];
	}
}
