/* 16-byte vectors and nothing else asked for: every machine that the compiler has vectors for. */
#include "platform.h"
#include "kernels.h"

#if HAS_VECTORS
#if IS_X86
#include <emmintrin.h>
/* Four generic instructions each. */
#define NATIVE_MIN(a, b) CONCAT(native_min, SUFFIX)(a, b)
#define NATIVE_MAX(a, b) CONCAT(native_max, SUFFIX)(a, b)
ALWAYS_INLINE __m128 native_min_f32(__m128 a, __m128 b) { return _mm_min_ps(a, b); }
ALWAYS_INLINE __m128 native_max_f32(__m128 a, __m128 b) { return _mm_max_ps(a, b); }
ALWAYS_INLINE __m128d native_min_f64(__m128d a, __m128d b) { return _mm_min_pd(a, b); }
ALWAYS_INLINE __m128d native_max_f64(__m128d a, __m128d b) { return _mm_max_pd(a, b); }
#endif

#define ISA_NAME "baseline"
#define VEC_BYTES 16
#define POINT_VECTORS 2
#define POINT_CENTERS 5
#define BLOCK_TILE_ROWS 4
#define PANEL_VECTORS 2
#include "both.h"

const kf_isa *kf_isa_baseline(void) { return &THIS_ISA; }
#else
const kf_isa *kf_isa_baseline(void) { return NULL; }
#endif
