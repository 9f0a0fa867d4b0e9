/* Words that are floats: what these lost is counted with the sums (narrow.h). */
#define FEATURES_OF_WORD 1
#define BOUND_WORDS 0
#define FILTER_COST_f64 {0.48, 2.5}

/* Whether the filter pays: with a working copy, or where rows have to be rounded for it each time. Measured. */
ALWAYS_INLINE int filter_pays_f64(ptrdiff_t d, ptrdiff_t k, int is_copied)
{
    return is_copied ? d >= 12 && k >= 32 : d >= 16 && k >= 16 && k * d >= 1280;
}

/* Of how many roundings, times what one of them loses. */
ALWAYS_INLINE double roundoff_of_sum(double d) { return (d + 8) * 0x1p-24; }

ALWAYS_INLINE uint32_t turned(uint32_t word) { return word ^ 0x80000000; }

static const float UP_TO_WORD = 1;

/* n words, rounded up to whole vectors, of the floats parts; their squares are added to the sum. */
ALWAYS_INLINE void narrow(const float (*parts)[WORD_CHUNK], ptrdiff_t n, float unit, uint32_t *RESTRICT out, vec_f32 *sq_norm,
                          vec_f32 *sq_residual)
{
    (void)unit, (void)sq_residual;
    for (ptrdiff_t t = 0; t < n; t += WORD_LANES) {
        vec_f32 a = load_f32(parts[0] + t);
        memcpy(out + t, &a, sizeof a);
        *sq_norm += a * a;
    }
}

ALWAYS_INLINE narrow_size size_of_words(vec_f32 sq_norm, vec_f32 sq_residual, float unit, ptrdiff_t d)
{
    (void)sq_residual;
    narrow_size size = {norm_of_squares(sq_norm, d), 0, unit};
    return size;
}

#include "words_add.h"

ALWAYS_INLINE narrow_sum add_products(narrow_sum sum, words a, words b) { return sum + (vec_f32)a * (vec_f32)b; }
