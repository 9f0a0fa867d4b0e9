/* Scores in bfloat16: two features of a row meet two of a center in one lane, and float32 adds the products up.
 *
 * Pair t of a row holds feature t in its lower half and feature t + n_pairs in its upper one (zero where there is none);
 * the order of the terms does not matter to a sum, and so pairs are made without moving values between lanes. A tile is
 * pair[t][i] for row i, a group pair[t][q] for center q, of centers with their signs turned.
 *
 * An isa_<name>.c may define NATIVE_BF16_DOT(sum, a, b), the instruction; otherwise the products are made of floats.
 */
typedef uint32_t pairs __attribute__((vector_size(VEC_BYTES)));

enum { BF16_LANES = N_LANES_f32, BF16_ROWS = POINT_VECTORS * BF16_LANES, BF16_CHUNK = 64 /* pairs */ };

ALWAYS_INLINE pairs load_pairs(const uint32_t *p)
{
    pairs a;
    memcpy(&a, p, sizeof a);
    return a;
}

/* The nearest bfloat16 of each finite float, ties to even, as a float whose lower half is zero. */
ALWAYS_INLINE pairs to_bf16(vec_f32 a)
{
    pairs bits = (pairs)a;
    return (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000;
}

static const uint32_t SIGNS_OF_PAIR = 0x80008000;

/* Two floats >= 0 as a pair that is no less than they are, and at most UP_TO_BF16^(1/2) times as large. */
static const float UP_TO_BF16 = (1 + 0x1p-6f) * (1 + 0x1p-6f);

ALWAYS_INLINE uint32_t pair_up_to(float lower, float upper)
{
    uint32_t bits[2];
    memcpy(&bits[0], &lower, sizeof lower);
    memcpy(&bits[1], &upper, sizeof upper);
    return (bits[0] + 0xffff) >> 16 | ((bits[1] + 0xffff) & 0xffff0000);
}

/* n pairs, rounded up to whole vectors, of the floats low and high; their squares, and those of what is lost, are added to
   the sums. */
ALWAYS_INLINE void pair_up(const float *RESTRICT low, const float *RESTRICT high, ptrdiff_t n, uint32_t *RESTRICT out,
                           vec_f32 *sq_norm, vec_f32 *sq_residual)
{
    for (ptrdiff_t t = 0; t < n; t += BF16_LANES) {
        vec_f32 a = load_f32(low + t), b = load_f32(high + t);
        pairs lower = to_bf16(a), upper = to_bf16(b), joined = lower >> 16 | upper;
        vec_f32 lost = a - (vec_f32)lower, too = b - (vec_f32)upper;
        memcpy(out + t, &joined, sizeof joined);
        *sq_norm += a * a + b * b;
        *sq_residual += lost * lost + too * too;
    }
}

/* Norms of a row or center, and of what it lost, from those sums of squares: no less than the true ones. To be a float cost
   2^-22 of the norm at most; a square that vanishes is less than FLT_MIN. */
ALWAYS_INLINE float norm_of_pairs(vec_f32 squares, ptrdiff_t d)
{
    return sqrtf(sum_lanes_f32(squares) + (float)d * FLT_MIN) * (1 + (float)(d + 16) * 0x1p-24f);
}

/* Rows of pairs, stride apart, to a tile. */
static void pack_pairs(const uint32_t *rows, ptrdiff_t stride, ptrdiff_t n_pairs, uint32_t *RESTRICT tile)
{
    for (ptrdiff_t t = 0; t < n_pairs; t += BF16_LANES)
        for (int v = 0; v < POINT_VECTORS; v++) {
            vec_f32 a[BF16_LANES];
            for (int i = 0; i < BF16_LANES; i++)
                a[i] = (vec_f32)load_pairs(rows + (v * BF16_LANES + i) * stride + t);
            to_columns_f32(a);
            for (int i = 0; i < MIN_OF(BF16_LANES, n_pairs - t); i++)
                memcpy(tile + (t + i) * BF16_ROWS + v * BF16_LANES, &a[i], sizeof a[i]);
        }
}

#ifdef NATIVE_BF16_DOT
ALWAYS_INLINE vec_f32 add_products(vec_f32 sum, pairs a, pairs b) { return (vec_f32)NATIVE_BF16_DOT(sum, a, b); }
#else
ALWAYS_INLINE vec_f32 add_products(vec_f32 sum, pairs a, pairs b)
{
    sum += (vec_f32)(a << 16) * (vec_f32)(b << 16);
    return sum + (vec_f32)(a & 0xffff0000) * (vec_f32)(b & 0xffff0000);
}
#endif

/* What bf16_found keeps, of the rows of one vector. */
typedef struct {
    vec_f32 best, second, third;
    ivec_f32 index, next;
} bf16_lanes;

ALWAYS_INLINE void bf16_scores(const int Q, const uint32_t *RESTRICT tile, const uint32_t *RESTRICT group,
                               const float *RESTRICT half_norms, ptrdiff_t n_pairs, int32_t first, bf16_lanes *lanes)
{
    vec_f32 score[POINT_VECTORS][POINT_CENTERS];
    UNROLL
    for (int q = 0; q < Q; q++) {
        UNROLL
        for (int v = 0; v < POINT_VECTORS; v++)
            score[v][q] = set_f32(half_norms[q]);
    }
    for (ptrdiff_t t = 0; t < n_pairs; t++) {
        pairs x[POINT_VECTORS];
        UNROLL
        for (int v = 0; v < POINT_VECTORS; v++)
            x[v] = load_pairs(tile + t * BF16_ROWS + v * BF16_LANES);
        UNROLL
        for (int q = 0; q < Q; q++) {
            pairs c = group[t * Q + q] - (pairs){0};
            UNROLL
            for (int v = 0; v < POINT_VECTORS; v++)
                score[v][q] = add_products(score[v][q], x[v], c);
        }
    }
    UNROLL
    for (int v = 0; v < POINT_VECTORS; v++) {
        bf16_lanes l = lanes[v];
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

typedef void (*bf16_scorer)(const uint32_t *tile, const uint32_t *groups, const float *half_norms, ptrdiff_t n_pairs,
                            ptrdiff_t first_group, ptrdiff_t stop_group, const bf16_found *found, ptrdiff_t at);

/* Groups [first_group, stop_group) on top of what earlier ones found; the first group starts anew. */
#define BF16_SCORER(Q)                                                                                                 \
    static void bf16_scorer_##Q(const uint32_t *tile, const uint32_t *groups, const float *half_norms,                 \
                                ptrdiff_t n_pairs, ptrdiff_t first_group, ptrdiff_t stop_group,                        \
                                const bf16_found *found, ptrdiff_t at)                                                 \
    {                                                                                                                  \
        bf16_lanes lanes[POINT_VECTORS];                                                                               \
        for (int v = 0; v < POINT_VECTORS; v++)                                                                        \
            lanes[v] = first_group == 0 ? no_lanes() : load_lanes(found, at + v * BF16_LANES);                         \
        for (ptrdiff_t g = first_group; g < stop_group; g++)                                                           \
            bf16_scores(Q, tile, groups + g * n_pairs * Q, half_norms + g * Q, n_pairs, (int32_t)(g * Q), lanes);      \
        for (int v = 0; v < POINT_VECTORS; v++)                                                                        \
            store_lanes(&lanes[v], found, at + v * BF16_LANES);                                                        \
    }

ALWAYS_INLINE bf16_lanes no_lanes(void)
{
    bf16_lanes l = {set_f32(INFINITY), set_f32(INFINITY), set_f32(INFINITY), set_int_f32(0), set_int_f32(0)};
    return l;
}

ALWAYS_INLINE bf16_lanes load_lanes(const bf16_found *found, ptrdiff_t at)
{
    bf16_lanes l;
    l.best = load_f32(found->best + at);
    l.second = load_f32(found->second + at);
    l.third = load_f32(found->third + at);
    memcpy(&l.index, found->index + at, sizeof l.index);
    memcpy(&l.next, found->next + at, sizeof l.next);
    return l;
}

ALWAYS_INLINE void store_lanes(const bf16_lanes *l, const bf16_found *found, ptrdiff_t at)
{
    store_f32(found->best + at, l->best);
    store_f32(found->second + at, l->second);
    store_f32(found->third + at, l->third);
    store_int_f32(found->index + at, l->index);
    store_int_f32(found->next + at, l->next);
}

EACH_Q(POINT_CENTERS, BF16_SCORER)

#define BF16_SCORER_NAME(Q) bf16_scorer_##Q,
static const bf16_scorer BF16_SCORERS[] = {0, EACH_Q(POINT_CENTERS, BF16_SCORER_NAME)};
#undef BF16_SCORER
#undef BF16_SCORER_NAME
