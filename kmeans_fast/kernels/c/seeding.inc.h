/* k-means++: what candidate seeds would leave of the squared distances, and what the chosen one leaves.
 *
 * Most rows stay with the seed that they have. The scores of the fused kernel prove it: with r no less than ||x|| and
 * |error of a score| at most E, 2 score + r^2 (1 - delta) - 2 E > sq_dist says that the candidate is no nearer. Groups
 * of LANES rows with a doubtful one are measured by direct differences, in the decider's order.
 */

/* Rows that are looked at together: whole tiles, and whole groups of LANES. */
enum { FN(SPAN) = (int)TILE_ROWS > (int)KF_LANES ? (int)TILE_ROWS : (int)KF_LANES, FN(TILES_OF_SPAN) = FN(SPAN) / TILE_ROWS };

typedef struct {
    double *lanes64;      /* a tile of padded_d x LANES */
    double *lanes;        /* LANES of each candidate */
    double *base;         /* SUM_BLOCK weighted terms */
    REAL *tiles;          /* d x SPAN */
    REAL *norms, *limits; /* SPAN */
    REAL *scores;         /* POINT_CENTERS x SPAN */
} FN(seeding_scratch);

static size_t FN(plan_seeding)(ptrdiff_t d, ptrdiff_t padded_d, ptrdiff_t m, FN(seeding_scratch) *s, char *arena)
{
    size_t offset = 0;
    s->lanes64 = TAKE(double, padded_d * KF_LANES);
    s->lanes = TAKE(double, m * KF_LANES);
    s->base = TAKE(double, KF_SUM_BLOCK);
    s->tiles = TAKE(REAL, d * FN(SPAN));
    s->norms = TAKE(REAL, FN(SPAN));
    s->limits = TAKE(REAL, FN(SPAN));
    s->scores = TAKE(REAL, POINT_CENTERS * FN(SPAN));
    return offset;
}

static size_t FN(seeding_bytes)(ptrdiff_t d, ptrdiff_t m)
{
    FN(seeding_scratch) s;
    return FN(plan_seeding)(d, (d + KF_LANES - 1) / KF_LANES * KF_LANES, m, &s, NULL);
}

/* What twice a score must exceed for each row of a span to keep its sq_dist (NULL: none is kept). */
ALWAYS_INLINE void FN(find_limits)(const kf_rows *rows, const kf_bound *bound, int n_rows, const double *sq_dists,
                                   const REAL *norms, REAL *limits)
{
    double scale = rows->scale * rows->data_unit;
    REAL a0 = (REAL)bound->a[0], a1 = (REAL)bound->a[1], a2 = (REAL)bound->a[2], sq_scale = (REAL)(scale * scale);
    REAL delta = (REAL)(4 * rows->d + 64) * ROUNDOFF, up = 1 + 16 * ROUNDOFF;
    int is_scalable = sq_scale >= SMALLEST && sq_scale <= LARGEST;
    for (int i = 0; i < FN(SPAN); i++)
        limits[i] = i < n_rows ? INFINITY : -INFINITY;
    if (sq_dists == NULL || !is_scalable)
        return;
    for (int i = 0; i < n_rows; i++) {
        REAL r = norms[i], least = r * r * (1 - delta), sq_dist = (REAL)sq_dists[i] * sq_scale * up + SMALLEST;
        REAL slack = a0 + r * (a1 + r * a2) + 16 * ROUNDOFF * (sq_dist + r * r) + 4 * SMALLEST;
        limits[i] = sq_dist - least + slack * up;
    }
}

#define WRITE_SCORES(Q)                                                                                                \
    static void FN(CONCAT(write_scores, Q))(const REAL *tile, const REAL *group, const REAL *half_norms, ptrdiff_t d,  \
                                            REAL *scores)                                                              \
    {                                                                                                                  \
        V score[POINT_VECTORS][POINT_CENTERS];                                                                         \
        FN(score_of_group)(Q, tile, group, Q, 1, half_norms, d, score);                                                \
        for (int q = 0; q < Q; q++)                                                                                    \
            for (int v = 0; v < POINT_VECTORS; v++)                                                                    \
                FN(store)(scores + q * FN(SPAN) + v * L, score[v][q]);                                                 \
    }
EACH_Q(POINT_CENTERS, WRITE_SCORES)
#define WRITER_NAME(Q) FN(CONCAT(write_scores, Q)),
typedef void (*FN(score_writer))(const REAL *tile, const REAL *group, const REAL *half_norms, ptrdiff_t d, REAL *scores);
static const FN(score_writer) FN(SCORE_WRITERS)[] = {0, EACH_Q(POINT_CENTERS, WRITER_NAME)};
#undef WRITE_SCORES
#undef WRITER_NAME

ALWAYS_INLINE int FN(count_doubtful)(const REAL *scores, const REAL *limits, int n)
{
    int n_doubtful = 0;
    for (int i = 0; i < n; i++)
        n_doubtful += !(2 * scores[i] > limits[i]);
    return n_doubtful;
}

/* The tiles of the rows [first, first + n_rows) and their limits. */
ALWAYS_INLINE void FN(begin_span)(const kf_rows *rows, const kf_centers *centers, ptrdiff_t first, int n_rows,
                                  const double *sq_dists, FN(seeding_scratch) *s, const REAL **tiles)
{
    for (int t = 0; t < FN(TILES_OF_SPAN); t++) {
        ptrdiff_t chosen[TILE_ROWS], before = t * TILE_ROWS;
        int n_here = (int)MIN_OF(TILE_ROWS, n_rows - before);
        for (int i = 0; i < n_here; i++)
            chosen[i] = first + before + i;
        tiles[t] = n_here <= 0 ? NULL : FN(tile_of_rows)(rows, chosen, n_here, s->tiles + before * rows->d, s->norms + before);
    }
    FN(find_limits)(rows, &centers->bound, n_rows, sq_dists, s->norms, s->limits);
}

/* Scores of the rows of a span and the centers of group g: scores[q * SPAN + i]. */
ALWAYS_INLINE void FN(score_span)(const kf_centers *centers, ptrdiff_t g, ptrdiff_t d, const REAL *const *tiles, REAL *scores)
{
    int width = centers->width;
    for (int t = 0; t < FN(TILES_OF_SPAN); t++)
        if (tiles[t] != NULL)
            FN(SCORE_WRITERS)[width](tiles[t], (const REAL *)centers->groups + g * d * width,
                                     (const REAL *)centers->half_norms + g * width, d, scores + t * TILE_ROWS);
}

/* Lower sq_dists of at most SUM_BLOCK rows to those to the one center. */
static void FN(lower_sq_dists)(const kf_rows *rows, const kf_centers *centers, ptrdiff_t first, ptrdiff_t n_rows, char *arena,
                               double *sq_dists)
{
    FN(seeding_scratch) s;
    FN(plan_seeding)(rows->d, centers->padded_d, 1, &s, arena);
    for (ptrdiff_t at = 0; at < n_rows; at += FN(SPAN)) {
        int n_here = (int)MIN_OF(FN(SPAN), n_rows - at);
        const REAL *tiles[FN(TILES_OF_SPAN)];
        FN(begin_span)(rows, centers, first + at, n_here, sq_dists + at, &s, tiles);
        FN(score_span)(centers, 0, rows->d, tiles, s.scores);
        for (int next = 0; next < n_here; next += KF_LANES) {
            int n_in_lanes = MIN_OF(KF_LANES, n_here - next);
            double found[KF_LANES], *own = sq_dists + at + next;
            if (FN(count_doubtful)(s.scores + next, s.limits + next, n_in_lanes) == 0)
                continue;
            FN(pack_rows)(rows, first + at + next, n_in_lanes, centers->padded_d, s.lanes64);
            FN(sq_dists_of_lanes)(rows, centers, 0, first + at + next, n_in_lanes, s.lanes64, found);
            for (int i = 0; i < n_in_lanes; i++)
                own[i] = MIN_OF(found[i], own[i]);
        }
    }
}

/* One block of at most SUM_BLOCK rows: the potential that each candidate (they are the centers) would leave in it; no
   sq_dists are infinite ones. Row i is added to lane i % LANES, as in ordered_sum(). */
static void FN(potentials)(const kf_rows *rows, const kf_centers *centers, ptrdiff_t first, ptrdiff_t n_rows,
                           const double *sq_dists, char *arena, double *potentials)
{
    ptrdiff_t m = centers->k, d = rows->d;
    const double *weights = rows->weights == NULL ? NULL : rows->weights + first;
    FN(seeding_scratch) s;
    FN(plan_seeding)(d, centers->padded_d, m, &s, arena);
    memset(s.lanes, 0, (size_t)(m * KF_LANES) * sizeof(double));
    memset(s.base, 0, KF_SUM_BLOCK * sizeof(double));
    for (ptrdiff_t i = 0; sq_dists != NULL && i < n_rows; i++)
        s.base[i] = sq_dists[i] * (weights == NULL ? 1.0 : weights[i]);
    for (ptrdiff_t at = 0; at < n_rows; at += FN(SPAN)) {
        int n_here = (int)MIN_OF(FN(SPAN), n_rows - at), of_lanes = -1;
        const REAL *tiles[FN(TILES_OF_SPAN)];
        FN(begin_span)(rows, centers, first + at, n_here, sq_dists == NULL ? NULL : sq_dists + at, &s, tiles);
        for (ptrdiff_t g = 0; g < centers->n_groups; g++) {
            int width = centers->width, n_real = (int)MIN_OF(width, m - g * width);
            FN(score_span)(centers, g, d, tiles, s.scores);
            for (int q = 0; q < n_real; q++) {
                const REAL *scores = s.scores + q * FN(SPAN);
                double *lanes = s.lanes + (g * width + q) * KF_LANES;
                int is_clear = FN(count_doubtful)(scores, s.limits, n_here) == 0;
                for (int next = 0; next < n_here; next += KF_LANES) {
                    int n_in_lanes = MIN_OF(KF_LANES, n_here - next);
                    double found[KF_LANES];
                    if (is_clear || FN(count_doubtful)(scores + next, s.limits + next, n_in_lanes) == 0) {
                        for (int i = 0; i < KF_LANES; i += N_LANES_f64)
                            store_f64(lanes + i, load_f64(lanes + i) + load_f64(s.base + at + next + i));
                        continue;
                    }
                    if (of_lanes != next)
                        FN(pack_rows)(rows, first + at + next, n_in_lanes, centers->padded_d, s.lanes64);
                    of_lanes = next;
                    FN(sq_dists_of_lanes)(rows, centers, g * width + q, first + at + next, n_in_lanes, s.lanes64, found);
                    for (int i = 0; i < n_in_lanes; i++) {
                        double least = sq_dists == NULL ? found[i] : MIN_OF(found[i], sq_dists[at + next + i]);
                        double term = least * (weights == NULL ? 1.0 : weights[at + next + i]);
                        ROUNDED(term);
                        lanes[i] += term;
                    }
                }
            }
        }
    }
    for (ptrdiff_t j = 0; j < m; j++)
        potentials[j] = join_lanes(s.lanes + j * KF_LANES);
}
#undef TAKE
#undef EACH_Q
#undef EACH_Q_
#undef EACH_Q_UP_TO_3
#undef EACH_Q_UP_TO_4
#undef EACH_Q_UP_TO_5
#undef EACH_Q_UP_TO_8
#undef EACH_Q_UP_TO_12
