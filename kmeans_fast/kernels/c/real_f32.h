/* From here to real_end.h, REAL is float. */
#define SUFFIX f32
#define REAL float
#define INT_OF_REAL int32_t
#define REAL_IS_FLOAT 1
#define ROUNDOFF 0x1p-24f
#define SMALLEST FLT_MIN
#define LARGEST FLT_MAX
#define LEAST_SCALED 0x1p-96f
#define SQRT sqrtf
#if VEC_BYTES == 64
#define LANES_OF_REAL 16
#elif VEC_BYTES == 32
#define LANES_OF_REAL 8
#else
#define LANES_OF_REAL 4
#endif
#include "real_names.h"
