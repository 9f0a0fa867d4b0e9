/* Scores in words of 32 bits, narrower than the data: what the filter looks at first (filter.inc.h).
 *
 * A word has FEATURES_OF_WORD values: two whole numbers of a unit of the row's or center's own (NARROW_IS_WHOLE), two of
 * bfloat16 (NARROW_IS_BF16), or a float, where the filter is for data in float64. As many features of a row meet as many of
 * a center in one lane. Of w words of features, word t holds feature t in its lower half and feature t + w in its upper
 * one (zero where there is none); the order of the terms does not matter to a sum, and so words are made without moving
 * values between lanes. A tile is word[t][i] for row i, a group word[t][q] for center q, of centers with their signs
 * turned. After the words of a tile come, of each row, its norm, that of what it lost, and its unit.
 *
 * An isa_<name>.c may define the instruction, ADD_WHOLE_PRODUCTS(sum, a, b) or NATIVE_BF16_DOT(sum, a, b); otherwise the
 * products are made of whole numbers of 32 bits, or of floats.
 */
typedef uint32_t words __attribute__((vector_size(VEC_BYTES)));

enum { WORD_LANES = N_LANES_f32, WORD_ROWS = POINT_VECTORS * WORD_LANES, WORD_CHUNK = 64 /* words */ };

ALWAYS_INLINE words load_words(const uint32_t *p)
{
    words a;
    memcpy(&a, p, sizeof a);
    return a;
}

/* The norm of a row or center from such a sum of squares, no less than the true one. A square that vanishes is less than
   FLT_MIN. */
ALWAYS_INLINE float norm_of_squares(vec_f32 squares, ptrdiff_t d)
{
    return sqrtf(sum_lanes_f32(squares) + (float)d * FLT_MIN) * (1 + (float)(d + 16) * 0x1p-24f);
}

/* How far the words of a row or center may be from it; both are rounded up. */
typedef struct {
    float norm, residual, unit;
} narrow_size;

#if NARROW_IS_WHOLE
#include "words_whole.h"
#elif NARROW_IS_BF16
#include "words_bf16.h"
#else
#include "words_float.h"
#endif

ALWAYS_INLINE ptrdiff_t words_of(ptrdiff_t d) { return (d + FEATURES_OF_WORD - 1) / FEATURES_OF_WORD + BOUND_WORDS; }

/* Rows of words, stride apart, to a tile. */
static void pack_words(const uint32_t *rows, ptrdiff_t stride, ptrdiff_t n_words, uint32_t *RESTRICT tile)
{
    for (ptrdiff_t t = 0; t < n_words; t += WORD_LANES)
        for (int v = 0; v < POINT_VECTORS; v++) {
            vec_f32 a[WORD_LANES];
            for (int i = 0; i < WORD_LANES; i++)
                a[i] = (vec_f32)load_words(rows + (v * WORD_LANES + i) * stride + t);
            to_columns_f32(a);
            for (int i = 0; i < MIN_OF(WORD_LANES, n_words - t); i++)
                memcpy(tile + (t + i) * WORD_ROWS + v * WORD_LANES, &a[i], sizeof a[i]);
        }
}

/* What narrow_found keeps, of the rows of one vector. */
typedef struct {
    vec_f32 best, second, third;
    ivec_f32 index, next;
} narrow_lanes;

ALWAYS_INLINE void narrow_products(const int Q, const uint32_t *RESTRICT tile, const kf_filter *f, ptrdiff_t g,
                                   vec_f32 score[POINT_VECTORS][POINT_CENTERS])
{
    const uint32_t *RESTRICT group = f->groups + g * f->n_words * Q;
    const float *RESTRICT half_norms = f->half_norms + g * Q, *RESTRICT units = f->units + g * Q;
    const float *RESTRICT units_of_rows = (const float *)tile + (f->n_words + 2) * WORD_ROWS;
    narrow_sum sum[POINT_VECTORS][POINT_CENTERS];
    UNROLL
    for (int q = 0; q < Q; q++) {
        UNROLL
        for (int v = 0; v < POINT_VECTORS; v++)
            sum[v][q] = first_sum(half_norms[q]);
    }
    for (ptrdiff_t t = 0; t < f->n_words; t++) {
        words x[POINT_VECTORS];
        UNROLL
        for (int v = 0; v < POINT_VECTORS; v++)
            x[v] = load_words(tile + t * WORD_ROWS + v * WORD_LANES);
        UNROLL
        for (int q = 0; q < Q; q++) {
            words c = group[t * Q + q] - (words){0};
            UNROLL
            for (int v = 0; v < POINT_VECTORS; v++)
                sum[v][q] = add_products(sum[v][q], x[v], c);
        }
    }
    UNROLL
    for (int v = 0; v < POINT_VECTORS; v++) {
        vec_f32 unit = load_f32(units_of_rows + v * WORD_LANES);
        UNROLL
        for (int q = 0; q < Q; q++)
            score[v][q] = score_of(sum[v][q], half_norms[q], units[q], unit);
    }
}

ALWAYS_INLINE void narrow_scores(const int Q, const uint32_t *RESTRICT tile, const kf_filter *f, ptrdiff_t g, narrow_lanes *lanes)
{
    vec_f32 score[POINT_VECTORS][POINT_CENTERS];
    int32_t first = (int32_t)(g * Q);
    narrow_products(Q, tile, f, g, score);
    UNROLL
    for (int v = 0; v < POINT_VECTORS; v++) {
        narrow_lanes l = lanes[v];
        UNROLL
        for (int q = 0; q < Q; q++) {
            vec_f32 s = score[v][q];
            ivec_f32 name = set_int_f32(first + q);
            l.third = min_f32(l.third, max_f32(s, l.second));
            l.next = pick_int_f32(s, l.best, l.index, pick_int_f32(s, l.second, name, l.next));
            l.second = min_f32(l.second, max_f32(s, l.best));
            l.index = pick_int_f32(s, l.best, name, l.index);
            l.best = min_f32(s, l.best);
        }
        lanes[v] = l;
    }
}

typedef void (*narrow_scorer)(const uint32_t *tile, const kf_filter *f, ptrdiff_t first_group, ptrdiff_t stop_group,
                              const narrow_found *found, ptrdiff_t at);

/* Groups [first_group, stop_group) on top of what earlier ones found; the first group starts anew. */
#define NARROW_SCORER(Q)                                                                                                 \
    static void narrow_scorer_##Q(const uint32_t *tile, const kf_filter *f, ptrdiff_t first_group, ptrdiff_t stop_group, \
                                const narrow_found *found, ptrdiff_t at)                                                 \
    {                                                                                                                  \
        narrow_lanes lanes[POINT_VECTORS];                                                                               \
        for (int v = 0; v < POINT_VECTORS; v++)                                                                        \
            lanes[v] = first_group == 0 ? no_lanes() : load_lanes(found, at + v * WORD_LANES);                         \
        for (ptrdiff_t g = first_group; g < stop_group; g++)                                                           \
            narrow_scores(Q, tile, f, g, lanes);                                                                         \
        for (int v = 0; v < POINT_VECTORS; v++)                                                                        \
            store_lanes(&lanes[v], found, at + v * WORD_LANES);                                                        \
    }

ALWAYS_INLINE narrow_lanes no_lanes(void)
{
    narrow_lanes l = {set_f32(INFINITY), set_f32(INFINITY), set_f32(INFINITY), set_int_f32(0), set_int_f32(0)};
    return l;
}

ALWAYS_INLINE narrow_lanes load_lanes(const narrow_found *found, ptrdiff_t at)
{
    narrow_lanes l;
    l.best = load_f32(found->best + at);
    l.second = load_f32(found->second + at);
    l.third = load_f32(found->third + at);
    memcpy(&l.index, found->index + at, sizeof l.index);
    memcpy(&l.next, found->next + at, sizeof l.next);
    return l;
}

ALWAYS_INLINE void store_lanes(const narrow_lanes *l, const narrow_found *found, ptrdiff_t at)
{
    store_f32(found->best + at, l->best);
    store_f32(found->second + at, l->second);
    store_f32(found->third + at, l->third);
    store_int_f32(found->index + at, l->index);
    store_int_f32(found->next + at, l->next);
}

EACH_Q(POINT_CENTERS, NARROW_SCORER)

#define NARROW_SCORER_NAME(Q) narrow_scorer_##Q,
static const narrow_scorer NARROW_SCORERS[] = {0, EACH_Q(POINT_CENTERS, NARROW_SCORER_NAME)};
#undef NARROW_SCORER
#undef NARROW_SCORER_NAME
