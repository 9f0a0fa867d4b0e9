/* Words of two whole numbers, of a unit of the row's or center's own; its last word is its part of the bound (narrow.h). */
#define FEATURES_OF_WORD 2
#define BOUND_WORDS 1
#define FILTER_COST_f32 {0.47, 12.0}
#define FILTER_COST_f64 {0.29, 6.0}

/* Whether the filter pays: with a working copy, or where rows have to be rounded for it each time. Measured. */
ALWAYS_INLINE int filter_pays_f32(ptrdiff_t d, ptrdiff_t k, int is_copied)
{
    return is_copied ? d >= 24 && k * d >= 1536 : k >= 96 && k * d >= 14000;
}

ALWAYS_INLINE int filter_pays_f64(ptrdiff_t d, ptrdiff_t k, int is_copied)
{
    return is_copied ? d >= 12 && k >= 16 : d >= 32 && k >= 24 && k * d >= 2048;
}

/* Units that a norm may have, and what is lost, for sums to stay below 2^31 (filter.inc.h); those of a value keep clear of
   2^15. A smaller unit than the least would not hold what norm_of_squares allows for squares that vanish. */
static const float MOST_UNITS = 43000, MOST_LOST = 4096, MOST_OF_VALUE = 32700, LEAST_UNIT = 0x1p-60f;
static const double MOST_FEATURES = 1 << 20;

/* Of how many roundings, times what one of them loses; 1 where sums may exceed 32 bits. */
ALWAYS_INLINE double roundoff_of_sum(double d) { return d <= MOST_FEATURES ? 16 * 0x1p-24 : 1; }

ALWAYS_INLINE float unit_of(float largest, float norm)
{
    return MAX_OF(MAX_OF(largest * (1 / MOST_OF_VALUE), norm * (1 / MOST_UNITS)), LEAST_UNIT);
}

/* n words, rounded up to whole vectors, of the floats parts; the squares of these, and of what is lost, are added to the
   sums. */
ALWAYS_INLINE void narrow(const float (*parts)[WORD_CHUNK], ptrdiff_t n, float unit, uint32_t *RESTRICT out, vec_f32 *sq_norm,
                          vec_f32 *sq_residual)
{
    const vec_f32 magic = set_f32(0x1.8p23f), inverse = set_f32(1 / unit);
    for (ptrdiff_t t = 0; t < n; t += WORD_LANES) {
        vec_f32 a = load_f32(parts[0] + t), b = load_f32(parts[1] + t), low = a * inverse + magic, high = b * inverse + magic;
        words joined = ((words)low & 0xffff) | (words)high << 16;
        vec_f32 lost = a - (low - magic) * set_f32(unit), too = b - (high - magic) * set_f32(unit);
        memcpy(out + t, &joined, sizeof joined);
        *sq_norm += a * a + b * b;
        *sq_residual += lost * lost + too * too;
    }
}

/* To be a float, and the rounding of what was lost, cost 2^-21 of the norm at most. */
ALWAYS_INLINE narrow_size size_of_words(vec_f32 sq_norm, vec_f32 sq_residual, float unit, ptrdiff_t d)
{
    narrow_size size = {norm_of_squares(sq_norm, d), 0, unit};
    size.residual = norm_of_squares(sq_residual, d) + 0x1p-21f * size.norm;
    return size;
}

/* Both numbers with their signs turned; none is -32768. */
ALWAYS_INLINE uint32_t turned(uint32_t word) { return ((0x10000 - (word & 0xffff)) & 0xffff) | (0x10000 - (word >> 16)) << 16; }

static const float UP_TO_WORD = 1 + 0x1p-18f;

/* x in units, rounded up to a whole number. */
ALWAYS_INLINE float whole_up(float x, float unit) { return ceilf(x / unit * (1 + 0x1p-20f)); }

/* The part of the bound: twice what is lost meets half of a norm. The size becomes what is in the word. What does not fit
   makes the bound infinite. */
ALWAYS_INLINE uint32_t bound_word(narrow_size *size, int is_row)
{
    float lost = whole_up(2 * size->residual, size->unit), norm = whole_up(0.5f * size->norm, size->unit);
    if (!(lost <= MOST_LOST && norm <= 32767)) {
        size->residual = INFINITY;
        return 0;
    }
    size->residual = 0.5f * lost * size->unit;
    size->norm = 2 * norm * size->unit;
    uint32_t of_lost = (uint32_t)lost, of_norm = (uint32_t)norm;
    return is_row ? of_lost | of_norm << 16 : turned(of_norm | of_lost << 16);
}

ALWAYS_INLINE uint32_t bound_of_row(narrow_size *size) { return bound_word(size, 1); }
ALWAYS_INLINE uint32_t bound_of_center(narrow_size *size) { return bound_word(size, 0); }

typedef words narrow_sum;

ALWAYS_INLINE narrow_sum first_sum(float half_norm)
{
    (void)half_norm;
    return (words){0};
}

ALWAYS_INLINE narrow_sum add_products(narrow_sum sum, words a, words b)
{
#ifdef ADD_WHOLE_PRODUCTS
    ADD_WHOLE_PRODUCTS(sum, a, b);
    return sum;
#else
    ivec_f32 lower = ((ivec_f32)(a << 16) >> 16) * ((ivec_f32)(b << 16) >> 16);
    return sum + (words)lower + (words)(((ivec_f32)a >> 16) * ((ivec_f32)b >> 16));
#endif
}

ALWAYS_INLINE vec_f32 score_of(narrow_sum sum, float half_norm, float unit_of_center, vec_f32 unit_of_row)
{
    return __builtin_convertvector((ivec_f32)sum, vec_f32) * set_f32(unit_of_center) * unit_of_row + set_f32(half_norm);
}
