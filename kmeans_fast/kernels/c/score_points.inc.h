/* The fused kernel with lanes = points: a tile of TILE_ROWS rows against groups of Q <= POINT_CENTERS centers.
 *
 * Scores are half norms less dot products; per lane stay the best, its index and the second best. Each x vector is
 * used by Q multiply-adds and each broadcast center by POINT_VECTORS, so that arithmetic, not loads, is the limit;
 * 2 x 12 accumulators fill 32 registers, 2 x 5 fill 16. Centers lie as packed groups (ld = 0), or each in a row of
 * length ld.
 */
/* score -= x.c over the features [first, stop). */
ALWAYS_INLINE void FN(subtract_products)(const int Q, const REAL *RESTRICT tile, const REAL *RESTRICT group, ptrdiff_t step_t,
                                         ptrdiff_t step_q, ptrdiff_t first, ptrdiff_t stop,
                                         V score[POINT_VECTORS][POINT_CENTERS])
{
    for (ptrdiff_t t = first; t < stop; t++) {
        V x[POINT_VECTORS];
        UNROLL
        for (int v = 0; v < POINT_VECTORS; v++)
            x[v] = FN(load)(tile + t * TILE_ROWS + v * L);
        UNROLL
        for (int q = 0; q < Q; q++) {
            V c = FN(set)(group[t * step_t + q * step_q]);
            UNROLL
            for (int v = 0; v < POINT_VECTORS; v++)
                score[v][q] -= x[v] * c;
        }
    }
}

/* Half norms less dot products of a tile with Q centers. */
ALWAYS_INLINE void FN(score_of_group)(const int Q, const REAL *RESTRICT tile, const REAL *RESTRICT group, ptrdiff_t step_t,
                                      ptrdiff_t step_q, const REAL *RESTRICT half_norms, ptrdiff_t d,
                                      V score[POINT_VECTORS][POINT_CENTERS])
{
    UNROLL
    for (int q = 0; q < Q; q++) {
        V start = FN(set)(half_norms[q]);
        UNROLL
        for (int v = 0; v < POINT_VECTORS; v++)
            score[v][q] = start;
    }
    if (d <= KF_CHAIN) {
        FN(subtract_products)(Q, tile, group, step_t, step_q, 0, d, score);
    } else {
        for (ptrdiff_t t = 0; t < d; t += KF_CHAIN) {
            V part[POINT_VECTORS][POINT_CENTERS];
            UNROLL
            for (int q = 0; q < Q; q++) {
                UNROLL
                for (int v = 0; v < POINT_VECTORS; v++)
                    part[v][q] = FN(set)(0);
            }
            FN(subtract_products)(Q, tile, group, step_t, step_q, t, MIN_OF(t + KF_CHAIN, d), part);
            UNROLL
            for (int q = 0; q < Q; q++) {
                UNROLL
                for (int v = 0; v < POINT_VECTORS; v++)
                    score[v][q] += part[v][q];
            }
        }
    }
}

ALWAYS_INLINE void FN(score_group)(const int Q, const REAL *RESTRICT tile, const REAL *RESTRICT group, ptrdiff_t step_t,
                                   ptrdiff_t step_q, const REAL *RESTRICT half_norms, ptrdiff_t d, INT first, V *best,
                                   V *second, I *index)
{
    V score[POINT_VECTORS][POINT_CENTERS];
    FN(score_of_group)(Q, tile, group, step_t, step_q, half_norms, d, score);
    UNROLL
    for (int v = 0; v < POINT_VECTORS; v++) {
        V b = best[v], s = second[v];
        I i = index[v];
        UNROLL
        for (int q = 0; q < Q; q++) {
            i = FN(pick_int)(score[v][q], b, FN(set_int)(first + q), i);
            s = FN(min)(s, FN(max)(score[v][q], b));
            b = FN(min)(score[v][q], b);
        }
        best[v] = b;
        second[v] = s;
        index[v] = i;
    }
}

/* Groups [first_group, stop_group) on top of what earlier groups found; the first group starts anew. */
ALWAYS_INLINE void FN(score_groups)(const int Q, const REAL *tile, const REAL *centers, ptrdiff_t step_t, ptrdiff_t step_q,
                                    ptrdiff_t step_group, const REAL *half_norms, ptrdiff_t d, ptrdiff_t first_group,
                                    ptrdiff_t stop_group, REAL *best, REAL *second, INT *index)
{
    V b[POINT_VECTORS], s[POINT_VECTORS];
    I i[POINT_VECTORS];
    for (int v = 0; v < POINT_VECTORS; v++) {
        b[v] = first_group == 0 ? FN(set)(INFINITY) : FN(load)(best + v * L);
        s[v] = first_group == 0 ? FN(set)(INFINITY) : FN(load)(second + v * L);
        memcpy(&i[v], index + v * L, sizeof i[v]);
        if (first_group == 0)
            i[v] = FN(set_int)(0);
    }
    for (ptrdiff_t g = first_group; g < stop_group; g++)
        FN(score_group)(Q, tile, centers + g * step_group, step_t, step_q, half_norms + g * Q, d, (INT)(g * Q), b, s, i);
    for (int v = 0; v < POINT_VECTORS; v++) {
        FN(store)(best + v * L, b[v]);
        FN(store)(second + v * L, s[v]);
        FN(store_int)(index + v * L, i[v]);
    }
}

typedef void (*FN(tile_scorer))(const REAL *tile, const REAL *centers, ptrdiff_t ld, const REAL *half_norms, ptrdiff_t d,
                                ptrdiff_t first_group, ptrdiff_t stop_group, REAL *best, REAL *second, INT *index);

/* One function per Q, so that the accumulators are registers. */
#define TILE_SCORER(Q)                                                                                                 \
    static void FN(CONCAT(score_tile, Q))(const REAL *tile, const REAL *centers, ptrdiff_t ld, const REAL *half_norms, \
                                          ptrdiff_t d, ptrdiff_t first_group, ptrdiff_t stop_group, REAL *best,        \
                                          REAL *second, INT *index)                                                    \
    {                                                                                                                  \
        if (ld == 0)                                                                                                   \
            FN(score_groups)(Q, tile, centers, Q, 1, d * Q, half_norms, d, first_group, stop_group, best, second, index);\
        else                                                                                                           \
            FN(score_groups)(Q, tile, centers, 1, ld, ld * Q, half_norms, d, first_group, stop_group, best, second, index);\
    }

EACH_Q(POINT_CENTERS, TILE_SCORER)

#define TILE_SCORER_NAME(Q) FN(CONCAT(score_tile, Q)),
static const FN(tile_scorer) FN(TILE_SCORERS)[] = {0, EACH_Q(POINT_CENTERS, TILE_SCORER_NAME)};

/* With few features the scores are not worth keeping: the row stays in registers, and one center after the other passes.
   Groups are of one center. Where the centers have names, these are found instead of their places. */
enum { FN(FEW_FEATURES) = 4 };

ALWAYS_INLINE void FN(score_few)(const int D, const REAL *RESTRICT tile, const REAL *RESTRICT centers,
                                 const REAL *RESTRICT half_norms, const int32_t *RESTRICT names, ptrdiff_t first,
                                 ptrdiff_t stop, REAL *best, REAL *second, INT *index)
{
    V x[POINT_VECTORS][FN(FEW_FEATURES)], b[POINT_VECTORS], s[POINT_VECTORS];
    I i[POINT_VECTORS], number = FN(set_int)((INT)first), one = FN(set_int)(1);
    UNROLL
    for (int v = 0; v < POINT_VECTORS; v++) {
        UNROLL
        for (int t = 0; t < D; t++)
            x[v][t] = FN(load)(tile + t * TILE_ROWS + v * L);
        b[v] = first == 0 ? FN(set)(INFINITY) : FN(load)(best + v * L);
        s[v] = first == 0 ? FN(set)(INFINITY) : FN(load)(second + v * L);
        memcpy(&i[v], index + v * L, sizeof i[v]);
        if (first == 0)
            i[v] = FN(set_int)(0);
    }
    for (ptrdiff_t j = first; j < stop; j++) {
        V half_norm = FN(set)(half_norms[j]), c[FN(FEW_FEATURES)];
        if (names != NULL)
            number = FN(set_int)((INT)names[j]);
        UNROLL
        for (int t = 0; t < D; t++)
            c[t] = FN(set)(centers[j * D + t]);
        UNROLL
        for (int v = 0; v < POINT_VECTORS; v++) {
            V score = half_norm;
            UNROLL
            for (int t = 0; t < D; t++)
                score -= x[v][t] * c[t];
            i[v] = FN(pick_int)(score, b[v], number, i[v]);
            s[v] = FN(min)(s[v], FN(max)(score, b[v]));
            b[v] = FN(min)(score, b[v]);
        }
        if (names == NULL)
            number += one;
    }
    for (int v = 0; v < POINT_VECTORS; v++) {
        FN(store)(best + v * L, b[v]);
        FN(store)(second + v * L, s[v]);
        FN(store_int)(index + v * L, i[v]);
    }
}

#define FEW_SCORER(D)                                                                                                  \
    static void FN(CONCAT(score_few, D))(const REAL *tile, const REAL *centers, ptrdiff_t ld, const REAL *half_norms,  \
                                         ptrdiff_t d, ptrdiff_t first, ptrdiff_t stop, REAL *best, REAL *second,       \
                                         INT *index)                                                                   \
    {                                                                                                                  \
        (void)ld;                                                                                                      \
        (void)d;                                                                                                       \
        FN(score_few)(D, tile, centers, half_norms, NULL, first, stop, best, second, index);                                \
    }
FEW_SCORER(1)
FEW_SCORER(2)
FEW_SCORER(3)
FEW_SCORER(4)
static const FN(tile_scorer) FN(FEW_SCORERS)[] = {0, FN(score_few_1), FN(score_few_2), FN(score_few_3), FN(score_few_4)};
#undef FEW_SCORER

#undef TILE_SCORER
#undef TILE_SCORER_NAME
