/* 32-byte vectors, 16 registers and fused multiply-add: x86-64 from 2013 on. */
#include "platform.h"
#include "kernels.h"

#if IS_X86
#include <immintrin.h>
TARGET_BEGIN("avx2,fma")

/* gcc 12 makes a compare and a blend of the generic minimum; these are one instruction each. */
#define NATIVE_MIN(a, b) CONCAT(native_min, SUFFIX)(a, b)
#define NATIVE_MAX(a, b) CONCAT(native_max, SUFFIX)(a, b)
ALWAYS_INLINE __m256 native_min_f32(__m256 a, __m256 b) { return _mm256_min_ps(a, b); }
ALWAYS_INLINE __m256 native_max_f32(__m256 a, __m256 b) { return _mm256_max_ps(a, b); }
ALWAYS_INLINE __m256d native_min_f64(__m256d a, __m256d b) { return _mm256_min_pd(a, b); }
ALWAYS_INLINE __m256d native_max_f64(__m256d a, __m256d b) { return _mm256_max_pd(a, b); }
#define NATIVE_BITS(a, b) CONCAT(native_bits, SUFFIX)(a, b)
#define native_bits_f32(a, b) _mm256_movemask_ps(_mm256_cmp_ps((a), (b), _CMP_LT_OQ))
#define native_bits_f64(a, b) _mm256_movemask_pd(_mm256_cmp_pd((a), (b), _CMP_LT_OQ))
#define NATIVE_WIDEN(p) _mm256_cvtps_pd(_mm_loadu_ps(p))

#define ISA_NAME "avx2"
#define VEC_BYTES 32
#define POINT_VECTORS 2
#define POINT_CENTERS 5
#define BLOCK_TILE_ROWS 6
#define PANEL_VECTORS 2
#include "both.h"
TARGET_END

const kf_isa *kf_isa_avx2(void) { return &THIS_ISA; }
#else
const kf_isa *kf_isa_avx2(void) { return NULL; }
#endif
