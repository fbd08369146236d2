#include "render/locale_ctype.h"

const unsigned char locale_ctype[] = {0};
const size_t locale_ctype_len = 0;
