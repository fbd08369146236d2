#include "tui/growth.h"

/* Noise around a constant, fitted with a line, rises by more than this many of its standard
 * deviations less often than once in thousands of times, already with GROWTH_VALUES_MIN values. */
static const double RISE_PER_SCATTER = 5;

void growth_times_add(struct growth_times *times, double t)
{
	if (!times->n++)
		times->first = t;
	times->last = t;
	times->sum += t;
	times->squares += t * t;
}

void growth_add(struct growth *growth, double t, double value, size_t i, size_t n)
{
	size_t part = i * GROWTH_PARTS / n;
	growth->sum += value;
	growth->squares += value * value;
	growth->products += value * t;
	if (!growth->seen[part]++ || value < growth->least[part])
		growth->least[part] = value;
}

/* Sum of the squared distances of the times from their mean. */
static double spread(const struct growth_times *times)
{
	return times->squares - times->sum * times->sum / (double)times->n;
}

bool growth_slope(const struct growth *growth, const struct growth_times *times, double *ret)
{
	if (times->n < 2 || !(spread(times) > 0))
		return false;
	*ret = (growth->products - growth->sum * times->sum / (double)times->n) / spread(times);
	return true;
}

/* Variance of the values around the line. */
static double scatter(const struct growth *growth, const struct growth_times *times, double slope)
{
	double n = (double)times->n;
	double all = growth->squares - growth->sum * growth->sum / n;
	double rest = all - slope * slope * spread(times);
	return rest > 0 ? rest / n : 0;
}

/* How many of `n` values belong to a part: those that growth_add puts there. */
static size_t values_in(size_t part, size_t n)
{
	size_t begin = (part * n + GROWTH_PARTS - 1) / GROWTH_PARTS;
	size_t end = ((part + 1) * n + GROWTH_PARTS - 1) / GROWTH_PARTS;
	return end - begin;
}

bool growth_is_steady(const struct growth *growth, const struct growth_times *times)
{
	double slope, before = -1;
	if (times->n < GROWTH_VALUES_MIN || !growth_slope(growth, times, &slope))
		return false;
	for (size_t part = 0; part < GROWTH_PARTS; part++) {
		bool always = growth->seen[part] == values_in(part, times->n);
		double least = always ? growth->least[part] : 0;
		if (least <= before)
			return false;
		before = least;
	}
	double rise = slope * (times->last - times->first);
	return rise > 0 &&
	       rise * rise >= RISE_PER_SCATTER * RISE_PER_SCATTER * scatter(growth, times, slope);
}
