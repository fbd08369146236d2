#include "tui/growth.h"

/* Noise around a constant, fitted with a line, rises by more than this many of its standard
 * deviations less often than once in thousands of times, already with GROWTH_VALUES_MIN values. */
static const double RISE_PER_SCATTER = 5;

void growth_times_init(struct growth_times *times, double first, double last)
{
	*times = (struct growth_times){.first = first, .last = last};
}

static size_t part_of(const struct growth_times *times, double t)
{
	double span = times->last - times->first;
	double part = span > 0 ? (t - times->first) / span * GROWTH_PARTS : 0;
	return part < GROWTH_PARTS - 1 ? (size_t)(part > 0 ? part : 0) : GROWTH_PARTS - 1;
}

void growth_times_add(struct growth_times *times, double t)
{
	times->n++;
	times->in_part[part_of(times, t)]++;
	times->sum += t;
	times->squares += t * t;
}

void growth_add(struct growth *growth, const struct growth_times *times, double t, double value)
{
	size_t part = part_of(times, t);
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

/* Is the smallest value of each part above that of the part before? */
static bool floor_rises(const struct growth *growth, const struct growth_times *times)
{
	double before = -1;
	size_t parts = 0;
	for (size_t part = 0; part < GROWTH_PARTS; part++) {
		if (!times->in_part[part])
			continue;
		bool always = growth->seen[part] == times->in_part[part];
		double least = always ? growth->least[part] : 0;
		if (least <= before)
			return false;
		before = least;
		parts++;
	}
	return parts >= GROWTH_PARTS_MIN;
}

bool growth_is_steady(const struct growth *growth, const struct growth_times *times)
{
	double slope;
	if (times->n < GROWTH_VALUES_MIN || !growth_slope(growth, times, &slope) ||
	    !floor_rises(growth, times))
		return false;
	double rise = slope * (times->last - times->first);
	return rise > 0 &&
	       rise * rise >= RISE_PER_SCATTER * RISE_PER_SCATTER * scatter(growth, times, slope);
}
