/* From here to real_end.h, REAL is double. */
#define SUFFIX f64
#define REAL double
#define INT_OF_REAL int64_t
#define REAL_IS_FLOAT 0
#define ROUNDOFF 0x1p-53
#define SMALLEST DBL_MIN
#define LARGEST DBL_MAX
#define LEAST_SCALED 0x1p-900
#define SQRT sqrt
#if VEC_BYTES == 64
#define LANES_OF_REAL 8
#elif VEC_BYTES == 32
#define LANES_OF_REAL 4
#else
#define LANES_OF_REAL 2
#endif
#include "real_names.h"
