/* What programs call that were built with the first gospy.h: there these functions were not inline,
 * and nothing said how long a result may be. It is as long as it was then. */
#include <stddef.h>

#include "gospy.h"

/* The size of a struct that ends with the member `last`. Each has members of eight bytes. */
#define SIZE_TO(type, last)                                                                        \
	((offsetof(type, last) + sizeof(((type *)NULL)->last) + sizeof(uint64_t) - 1) /            \
	 sizeof(uint64_t) * sizeof(uint64_t))

GOSPY_API void
snapshot_goroutine_1(struct gospy_snapshot *snapshot, size_t index,
		     struct gospy_goroutine *ret) __asm__("gospy_snapshot_goroutine");
GOSPY_API enum gospy_code snapshot_stack_1(struct gospy_snapshot *snapshot, size_t index,
					   struct gospy_stack *ret,
					   struct gospy_error *err) __asm__("gospy_snapshot_stack");
GOSPY_API enum gospy_code
snapshot_thread_stack_1(struct gospy_snapshot *snapshot, size_t index, struct gospy_stack *ret,
			struct gospy_error *err) __asm__("gospy_snapshot_thread_stack");
GOSPY_API enum gospy_code memstats_read_1(struct gospy_target *target,
					  const struct gospy_read_options *options,
					  struct gospy_memstats *ret,
					  struct gospy_error *err) __asm__("gospy_memstats_read");
GOSPY_API enum gospy_code stats_read_1(struct gospy_target *target,
				       const struct gospy_read_options *options,
				       struct gospy_stats *ret,
				       struct gospy_error *err) __asm__("gospy_stats_read");
GOSPY_API enum gospy_code process_usage_1(pid_t pid, struct gospy_process_usage *ret,
					  struct gospy_error *err) __asm__("gospy_process_usage");

void snapshot_goroutine_1(struct gospy_snapshot *snapshot, size_t index,
			  struct gospy_goroutine *ret)
{
	gospy_snapshot_goroutine_sized(snapshot, index, ret,
				       SIZE_TO(struct gospy_goroutine, label_count));
}

enum gospy_code snapshot_stack_1(struct gospy_snapshot *snapshot, size_t index,
				 struct gospy_stack *ret, struct gospy_error *err)
{
	return gospy_snapshot_stack_sized(snapshot, index, ret,
					  SIZE_TO(struct gospy_stack, ancestors_unread), err);
}

enum gospy_code snapshot_thread_stack_1(struct gospy_snapshot *snapshot, size_t index,
					struct gospy_stack *ret, struct gospy_error *err)
{
	return gospy_snapshot_thread_stack_sized(
		snapshot, index, ret, SIZE_TO(struct gospy_stack, ancestors_unread), err);
}

enum gospy_code memstats_read_1(struct gospy_target *target,
				const struct gospy_read_options *options,
				struct gospy_memstats *ret, struct gospy_error *err)
{
	return gospy_memstats_read_sized(target, options, ret,
					 SIZE_TO(struct gospy_memstats, reading), err);
}

enum gospy_code stats_read_1(struct gospy_target *target, const struct gospy_read_options *options,
			     struct gospy_stats *ret, struct gospy_error *err)
{
	return gospy_stats_read_sized(target, options, ret, SIZE_TO(struct gospy_stats, reading),
				      err);
}

enum gospy_code process_usage_1(pid_t pid, struct gospy_process_usage *ret, struct gospy_error *err)
{
	return gospy_process_usage_sized(pid, ret, SIZE_TO(struct gospy_process_usage, rss), err);
}
