/* Scores in words of 32 bits, narrower than the data, added up in float32: what the filter looks at first (filter.inc.h).
 *
 * With NARROW_IS_BF16, a word is a pair of bfloat16: two features of a row meet two of a center in one lane. Pair t holds
 * feature t in its lower half and feature t + n_pairs in its upper one (zero where there is none); the order of the terms
 * does not matter to a sum, and so pairs are made without moving values between lanes. Without it, a word is a float, and
 * the filter is for data in float64. A tile is word[t][i] for row i, a group word[t][q] for center q, of centers with
 * their signs turned.
 *
 * An isa_<name>.c may define NATIVE_BF16_DOT(sum, a, b), the instruction; otherwise the products are made of floats.
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

#if NARROW_IS_BF16

/* The last word of a row or center is its part of the bound. */
#define FEATURES_OF_WORD 2
#define BOUND_WORDS 1
#define FILTER_COST_f32 {0.55, 6.0}
#define FILTER_COST_f64 {0.3, 3.5}

/* The nearest bfloat16 of each finite float, ties to even, as a float whose lower half is zero. */
ALWAYS_INLINE words to_bf16(vec_f32 a)
{
    words bits = (words)a;
    return (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000;
}

static const uint32_t SIGNS_OF_WORD = 0x80008000;

/* Two floats >= 0 as a pair that is no less than they are, and at most UP_TO_WORD^(1/2) times as large. */
static const float UP_TO_WORD = (1 + 0x1p-6f) * (1 + 0x1p-6f);

ALWAYS_INLINE uint32_t pair_up_to(float lower, float upper)
{
    uint32_t bits[2];
    memcpy(&bits[0], &lower, sizeof lower);
    memcpy(&bits[1], &upper, sizeof upper);
    return (bits[0] + 0xffff) >> 16 | ((bits[1] + 0xffff) & 0xffff0000);
}

/* n words, rounded up to whole vectors, of the floats low and high; their squares, and those of what is lost, are added to
   the sums. */
ALWAYS_INLINE void narrow(const float *RESTRICT low, const float *RESTRICT high, ptrdiff_t n, uint32_t *RESTRICT out,
                           vec_f32 *sq_norm, vec_f32 *sq_residual)
{
    for (ptrdiff_t t = 0; t < n; t += WORD_LANES) {
        vec_f32 a = load_f32(low + t), b = load_f32(high + t);
        words lower = to_bf16(a), upper = to_bf16(b), joined = lower >> 16 | upper;
        vec_f32 lost = a - (vec_f32)lower, too = b - (vec_f32)upper;
        memcpy(out + t, &joined, sizeof joined);
        *sq_norm += a * a + b * b;
        *sq_residual += lost * lost + too * too;
    }
}

/* The norm of what a row or center of this norm lost. To be a float cost 2^-22 of the norm at most. */
ALWAYS_INLINE float residual_of(float norm, vec_f32 sq_residual, ptrdiff_t d)
{
    return norm_of_squares(sq_residual, d) + 0x1p-22f * norm;
}

#ifdef NATIVE_BF16_DOT
ALWAYS_INLINE vec_f32 add_products(vec_f32 sum, words a, words b) { return (vec_f32)NATIVE_BF16_DOT(sum, a, b); }
#else
ALWAYS_INLINE vec_f32 add_products(vec_f32 sum, words a, words b)
{
    sum += (vec_f32)(a << 16) * (vec_f32)(b << 16);
    return sum + (vec_f32)(a & 0xffff0000) * (vec_f32)(b & 0xffff0000);
}
#endif

#else

/* What a float lost is counted with the sums. */
#define FEATURES_OF_WORD 1
#define BOUND_WORDS 0
#define FILTER_COST_f64 {0.48, 2.5}

static const uint32_t SIGNS_OF_WORD = 0x80000000;

static const float UP_TO_WORD = 1;

/* n words, rounded up to whole vectors, of the floats low; their squares are added to the sum. */
ALWAYS_INLINE void narrow(const float *RESTRICT low, const float *high, ptrdiff_t n, uint32_t *RESTRICT out, vec_f32 *sq_norm,
                          vec_f32 *sq_residual)
{
    (void)high, (void)sq_residual;
    for (ptrdiff_t t = 0; t < n; t += WORD_LANES) {
        vec_f32 a = load_f32(low + t);
        memcpy(out + t, &a, sizeof a);
        *sq_norm += a * a;
    }
}

ALWAYS_INLINE float residual_of(float norm, vec_f32 sq_residual, ptrdiff_t d)
{
    (void)norm, (void)sq_residual, (void)d;
    return 0;
}

ALWAYS_INLINE vec_f32 add_products(vec_f32 sum, words a, words b) { return sum + (vec_f32)a * (vec_f32)b; }

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

ALWAYS_INLINE void narrow_scores(const int Q, const uint32_t *RESTRICT tile, const uint32_t *RESTRICT group,
                               const float *RESTRICT half_norms, ptrdiff_t n_words, int32_t first, narrow_lanes *lanes)
{
    vec_f32 score[POINT_VECTORS][POINT_CENTERS];
    UNROLL
    for (int q = 0; q < Q; q++) {
        UNROLL
        for (int v = 0; v < POINT_VECTORS; v++)
            score[v][q] = set_f32(half_norms[q]);
    }
    for (ptrdiff_t t = 0; t < n_words; t++) {
        words x[POINT_VECTORS];
        UNROLL
        for (int v = 0; v < POINT_VECTORS; v++)
            x[v] = load_words(tile + t * WORD_ROWS + v * WORD_LANES);
        UNROLL
        for (int q = 0; q < Q; q++) {
            words c = group[t * Q + q] - (words){0};
            UNROLL
            for (int v = 0; v < POINT_VECTORS; v++)
                score[v][q] = add_products(score[v][q], x[v], c);
        }
    }
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

typedef void (*narrow_scorer)(const uint32_t *tile, const uint32_t *groups, const float *half_norms, ptrdiff_t n_words,
                            ptrdiff_t first_group, ptrdiff_t stop_group, const narrow_found *found, ptrdiff_t at);

/* Groups [first_group, stop_group) on top of what earlier ones found; the first group starts anew. */
#define NARROW_SCORER(Q)                                                                                                 \
    static void narrow_scorer_##Q(const uint32_t *tile, const uint32_t *groups, const float *half_norms,                 \
                                ptrdiff_t n_words, ptrdiff_t first_group, ptrdiff_t stop_group,                        \
                                const narrow_found *found, ptrdiff_t at)                                                 \
    {                                                                                                                  \
        narrow_lanes lanes[POINT_VECTORS];                                                                               \
        for (int v = 0; v < POINT_VECTORS; v++)                                                                        \
            lanes[v] = first_group == 0 ? no_lanes() : load_lanes(found, at + v * WORD_LANES);                         \
        for (ptrdiff_t g = first_group; g < stop_group; g++)                                                           \
            narrow_scores(Q, tile, groups + g * n_words * Q, half_norms + g * Q, n_words, (int32_t)(g * Q), lanes);      \
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
