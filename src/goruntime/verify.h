/*
 * What an image rests on, held against the process: each structure of the scheduler and the heap
 * has something that is true of it at any moment in any process, and that bytes at wrong offsets
 * hardly fulfil. Nothing is stopped; what may be seen half done is looked at again.
 */
#ifndef GOSPY_GORUNTIME_VERIFY_H
#define GOSPY_GORUNTIME_VERIFY_H

#include "goruntime/image.h"

enum verify_scope {
	VERIFY_TABLES, /* only structures whose layout came from a layout table */
	VERIFY_ALL,    /* whatever can be checked: for `gospy doctor` */
};

/**
 * Fill image->checks anew; texts live in the image's arena. Some dozens of small reads, none at all
 * where the scope holds nothing. A process that cannot be read shows as checks that are not ok.
 * Only while nobody else uses the image. GOSPY_E_NOMEM.
 */
enum gospy_code image_verify(struct image *image, enum verify_scope scope, struct gospy_error *err);

#endif
