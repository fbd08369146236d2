/*
 * Holding against the process what an image rests on. For each structure of the scheduler and the
 * heap something is true at any moment in any process, which bytes at wrong offsets hardly fulfil.
 * Nothing is stopped; what may be seen half done is looked at again.
 */
#ifndef GOSPY_IMAGE_VERIFY_H
#define GOSPY_IMAGE_VERIFY_H

#include "image/image.h"

enum verify_scope {
	VERIFY_TABLES, /* only structures whose layout came from a layout table */
	VERIFY_ALL,    /* whatever can be checked: for `gospy doctor` */
};

/**
 * Fill image->checks anew; texts live in the image's arena. It takes some dozens of small reads,
 * and none at all where the scope holds nothing. In a process that cannot be read the checks are
 * not ok. Of a bundle they are what it was found to be when it was made. Nobody else may use the
 * image meanwhile. GOSPY_E_NOMEM.
 */
enum gospy_code image_verify(struct image *image, enum verify_scope scope, struct gospy_error *err);

#endif
