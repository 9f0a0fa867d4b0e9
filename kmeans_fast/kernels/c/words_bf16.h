/* Words of two bfloat16; the last word of a row or center is its part of the bound (narrow.h). */
#define FEATURES_OF_WORD 2
#define BOUND_WORDS 1
#define FILTER_COST_f32 {0.55, 6.0}
#define FILTER_COST_f64 {0.3, 3.5}

/* Whether the filter pays: with a working copy, or where rows have to be rounded for it each time. Measured. */
ALWAYS_INLINE int filter_pays_f32(ptrdiff_t d, ptrdiff_t k, int is_copied)
{
    return is_copied ? d >= 40 && k >= 48 : d >= 64 && k >= 40;
}

ALWAYS_INLINE int filter_pays_f64(ptrdiff_t d, ptrdiff_t k, int is_copied)
{
    return is_copied ? d >= 12 && k >= 32 : d >= 16 && k >= 16 && k * d >= 1280;
}

/* Of how many roundings, times what one of them loses. */
ALWAYS_INLINE double roundoff_of_sum(double d) { return (d + 8) * 0x1p-23; }

/* The nearest bfloat16 of each finite float, ties to even, as a float whose lower half is zero. */
ALWAYS_INLINE words to_bf16(vec_f32 a)
{
    words bits = (words)a;
    return (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000;
}

ALWAYS_INLINE uint32_t turned(uint32_t word) { return word ^ 0x80008000; }

/* Two floats >= 0 as a pair that is no less than they are, and at most UP_TO_WORD^(1/2) times as large. */
static const float UP_TO_WORD = (1 + 0x1p-6f) * (1 + 0x1p-6f);

ALWAYS_INLINE uint32_t pair_up_to(float lower, float upper)
{
    uint32_t bits[2];
    memcpy(&bits[0], &lower, sizeof lower);
    memcpy(&bits[1], &upper, sizeof upper);
    return (bits[0] + 0xffff) >> 16 | ((bits[1] + 0xffff) & 0xffff0000);
}

/* n words, rounded up to whole vectors, of the floats parts; their squares, and those of what is lost, are added to the
   sums. */
ALWAYS_INLINE void narrow(const float (*parts)[WORD_CHUNK], ptrdiff_t n, float unit, uint32_t *RESTRICT out, vec_f32 *sq_norm,
                          vec_f32 *sq_residual)
{
    (void)unit;
    for (ptrdiff_t t = 0; t < n; t += WORD_LANES) {
        vec_f32 a = load_f32(parts[0] + t), b = load_f32(parts[1] + t);
        words lower = to_bf16(a), upper = to_bf16(b), joined = lower >> 16 | upper;
        vec_f32 lost = a - (vec_f32)lower, too = b - (vec_f32)upper;
        memcpy(out + t, &joined, sizeof joined);
        *sq_norm += a * a + b * b;
        *sq_residual += lost * lost + too * too;
    }
}

/* To be a float cost 2^-22 of the norm at most. */
ALWAYS_INLINE narrow_size size_of_words(vec_f32 sq_norm, vec_f32 sq_residual, float unit, ptrdiff_t d)
{
    narrow_size size = {norm_of_squares(sq_norm, d), 0, unit};
    size.residual = norm_of_squares(sq_residual, d) + 0x1p-22f * size.norm;
    return size;
}

ALWAYS_INLINE uint32_t bound_of_row(const narrow_size *size) { return pair_up_to(size->residual, size->norm); }
ALWAYS_INLINE uint32_t bound_of_center(const narrow_size *size) { return turned(pair_up_to(size->norm, size->residual)); }

#include "words_add.h"

#ifdef NATIVE_BF16_DOT
ALWAYS_INLINE narrow_sum add_products(narrow_sum sum, words a, words b) { return (vec_f32)NATIVE_BF16_DOT(sum, a, b); }
#else
ALWAYS_INLINE narrow_sum add_products(narrow_sum sum, words a, words b)
{
    sum += (vec_f32)(a << 16) * (vec_f32)(b << 16);
    return sum + (vec_f32)(a & 0xffff0000) * (vec_f32)(b & 0xffff0000);
}
#endif
