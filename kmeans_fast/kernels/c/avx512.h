/* Instructions of AVX-512 that compilers do not find, and the tiles that its registers hold. */
/* gcc 12 makes three XORs of a blend of 64-byte vectors; these are one instruction each. */
#define NATIVE_MIN(a, b) CONCAT(native_min, SUFFIX)(a, b)
#define NATIVE_MAX(a, b) CONCAT(native_max, SUFFIX)(a, b)
#define NATIVE_PICK(a, b, yes, no) CONCAT(native_pick, SUFFIX)(a, b, yes, no)
ALWAYS_INLINE __m512 native_min_f32(__m512 a, __m512 b) { return _mm512_min_ps(a, b); }
ALWAYS_INLINE __m512 native_max_f32(__m512 a, __m512 b) { return _mm512_max_ps(a, b); }
ALWAYS_INLINE __m512d native_min_f64(__m512d a, __m512d b) { return _mm512_min_pd(a, b); }
ALWAYS_INLINE __m512d native_max_f64(__m512d a, __m512d b) { return _mm512_max_pd(a, b); }
#define native_pick_f32(a, b, yes, no)                                                                                 \
    _mm512_mask_mov_epi32((__m512i)(no), _mm512_cmp_ps_mask((a), (b), _CMP_LT_OQ), (__m512i)(yes))
#define native_pick_f64(a, b, yes, no)                                                                                 \
    _mm512_mask_mov_epi64((__m512i)(no), _mm512_cmp_pd_mask((a), (b), _CMP_LT_OQ), (__m512i)(yes))

#define NATIVE_BITS(a, b) CONCAT(native_bits, SUFFIX)(a, b)
#define native_bits_f32(a, b) _mm512_cmp_ps_mask((a), (b), _CMP_LT_OQ)
#define native_bits_f64(a, b) _mm512_cmp_pd_mask((a), (b), _CMP_LT_OQ)
#define NATIVE_SUM(a) CONCAT(native_sum, SUFFIX)(a)
ALWAYS_INLINE float native_sum_f32(__m512 a) { return _mm512_reduce_add_ps(a); }
ALWAYS_INLINE double native_sum_f64(__m512d a) { return _mm512_reduce_add_pd(a); }

/* gcc 12 converts eight floats in two halves. */
#define NATIVE_WIDEN(p) _mm512_cvtps_pd(_mm256_loadu_ps(p))

#define VEC_BYTES 64
#define POINT_VECTORS 2
#define POINT_CENTERS 12
#define BLOCK_TILE_ROWS 6
#define PANEL_VECTORS 4
