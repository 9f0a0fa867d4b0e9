/* k-means++: what candidate seeds would take from the squared distances, and what the chosen one takes.
 *
 * Most rows stay with the seed that they have, and that is proven without measuring them:
 * - Rows are kept in blocks of one seed each. A row at distance e from that seed and d <= e from its nearest one is no
 *   nearer to a candidate that is at least e + d from the block's seed (rounded outward, in float).
 * - The scores of the fused kernel: with r no less than ||x|| and |error of a score| at most E, 2 score + r^2 (1 - delta)
 *   - 2 E > sq_dist says that the candidate is no nearer.
 * The others are listed and measured by direct differences, in the decider's order. Terms are whole numbers of 1/scale,
 * so that their sums don't depend on the order.
 */

/* Rows that are looked at together: whole tiles, and whole groups of LANES. */
enum { FN(SPAN) = (int)TILE_ROWS > (int)KF_LANES ? (int)TILE_ROWS : (int)KF_LANES, FN(TILES_OF_SPAN) = FN(SPAN) / TILE_ROWS };

typedef struct {
    double *lanes64;      /* a tile of padded_d x LANES */
    REAL *tiles;          /* d x SPAN */
    REAL *norms, *limits; /* SPAN */
    REAL *scores;         /* POINT_CENTERS x SPAN */
    int32_t *counts;      /* m: rows listed for each of m candidates */
    uint8_t *lists;       /* m x SEED_BLOCK: their places in the block */
} FN(seeding_scratch);

static size_t FN(plan_seeding)(ptrdiff_t d, ptrdiff_t padded_d, ptrdiff_t m, FN(seeding_scratch) *s, char *arena)
{
    size_t offset = 0;
    s->lanes64 = TAKE(double, padded_d * KF_LANES);
    s->tiles = TAKE(REAL, d * FN(SPAN));
    s->norms = TAKE(REAL, FN(SPAN));
    s->limits = TAKE(REAL, FN(SPAN));
    s->scores = TAKE(REAL, POINT_CENTERS * FN(SPAN));
    s->counts = TAKE(int32_t, m);
    s->lists = TAKE(uint8_t, m * KF_SEED_BLOCK);
    return offset;
}

static size_t FN(seeding_bytes)(ptrdiff_t d, ptrdiff_t m)
{
    FN(seeding_scratch) s;
    return FN(plan_seeding)(d, (d + KF_LANES - 1) / KF_LANES * KF_LANES, m, &s, NULL);
}

/* What twice a score must exceed for each row of a span to keep its sq_dist. */
ALWAYS_INLINE void FN(find_limits)(const kf_rows *rows, const kf_bound *bound, int n_rows, const double *sq_dists,
                                   const REAL *norms, REAL *limits)
{
    double scale = rows->scale * rows->data_unit;
    REAL a0 = (REAL)bound->a[0], a1 = (REAL)bound->a[1], a2 = (REAL)bound->a[2], sq_scale = (REAL)(scale * scale);
    REAL delta = (REAL)(4 * rows->d + 64) * ROUNDOFF, up = 1 + 16 * ROUNDOFF;
    int is_scalable = sq_scale >= SMALLEST && sq_scale <= LARGEST;
    for (int i = 0; i < FN(SPAN); i++)
        limits[i] = i < n_rows ? INFINITY : -INFINITY;
    if (!is_scalable)
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

/* The tiles of n_rows rows and their limits. */
ALWAYS_INLINE void FN(begin_span)(const kf_rows *rows, const kf_centers *centers, const ptrdiff_t *row, int n_rows,
                                  const double *sq_dists, FN(seeding_scratch) *s, const REAL **tiles)
{
    for (int t = 0; t < FN(TILES_OF_SPAN); t++) {
        int before = t * TILE_ROWS, n_here = MIN_OF(TILE_ROWS, n_rows - before);
        tiles[t] = n_here <= 0 ? NULL
                               : FN(tile_of_rows)(rows, row + before, n_here, s->tiles + before * rows->d, s->norms + before);
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

enum { FN(FEWEST_SCORED) = 4 }; /* one candidate of so many near a block: then all are scored, else each is measured */

/* A block of rows, and what it costs no time to know of them: lanes past the last row stand for rows at distance 0. */
typedef struct {
    const kf_rows *rows;
    const kf_centers *centers;
    const kf_seeds *seeds;
    ptrdiff_t number, first, row[KF_SEED_BLOCK]; /* its first place, and the row at each one */
    double sq_dists[KF_SEED_BLOCK], weights[KF_SEED_BLOCK];
    int n, packed;                           /* the place of the rows in lanes64, or -1 */
    FN(seeding_scratch) s;
} FN(seed_block);

/* A term as a whole number; `of_term` in backends/seeds.py. */
ALWAYS_INLINE int64_t FN(whole_term)(double sq_dist, double weight, double scale) { return (int64_t)(sq_dist * weight * scale); }

ALWAYS_INLINE void FN(begin_seed_block)(const kf_rows *rows, const kf_centers *centers, const kf_seeds *seeds, ptrdiff_t block,
                                   char *arena, FN(seed_block) *b)
{
    ptrdiff_t first = seeds->order == NULL ? block * KF_SEED_BLOCK : seeds->begins[block];
    ptrdiff_t stop = seeds->order == NULL ? MIN_OF(first + KF_SEED_BLOCK, rows->n) : seeds->begins[block + 1];
    b->rows = rows;
    b->centers = centers;
    b->seeds = seeds;
    b->number = block;
    b->first = first;
    b->n = (int)(stop - first);
    b->packed = -1;
    FN(plan_seeding)(rows->d, centers->padded_d, centers->k, &b->s, arena);
    for (int i = 0; i < b->n; i++)
        b->row[i] = seeds->order == NULL ? first + i : seeds->order[first + i];
    if (seeds->order != NULL)
        for (int i = 0; i < b->n; i++)
            FETCH((const REAL *)rows->x + b->row[i] * rows->d);
    for (int i = 0; i < b->n; i++)
        b->sq_dists[i] = seeds->sq_dists[b->row[i]];
    for (int i = 0; i < b->n; i++)
        b->weights[i] = seeds->weights == NULL ? 1.0 : seeds->weights[b->row[i]];
    for (int i = b->n; i < KF_SEED_BLOCK; i++)
        b->sq_dists[i] = b->weights[i] = 0.0;
}

/* pack_lanes() of LANES rows with D <= 4 features, as far as direct_lanes() reads them. */
ALWAYS_INLINE void FN(pack_few)(const int D, const REAL *const *row, double inverse_unit, double *RESTRICT tile)
{
    UNROLL
    for (int t = 0; t < KF_LANES / 2; t++)
        UNROLL
        for (int i = 0; i < KF_LANES; i++)
            tile[t * KF_LANES + i] = t < D ? (double)row[i][t] * inverse_unit : 0.0;
}

/* Squared distances of the rows from place at on, LANES of them, to center j. */
ALWAYS_INLINE void FN(measure_lanes)(FN(seed_block) *b, int at, ptrdiff_t j, double *found)
{
    const kf_rows *rows = b->rows;
    ptrdiff_t d = rows->d, padded_d = b->centers->padded_d;
    int n = MIN_OF(KF_LANES, b->n - at);
    if (b->packed != at) {
        const REAL *row[KF_LANES];
        for (int i = 0; i < n; i++)
            row[i] = (const REAL *)rows->x + b->row[at + i] * d;
        if (n == KF_LANES && d <= KF_LANES / 2) {
#define PACK(D) FN(pack_few)(D, row, 1.0 / rows->data_unit, b->s.lanes64)
            OF_FEATURES(d, PACK);
#undef PACK
        } else {
            FN(pack_lanes)(row, n, d, padded_d, 1.0 / rows->data_unit, b->s.lanes64);
        }
        b->packed = at;
    }
    FN(direct_lanes)(b->s.lanes64, b->centers->direct + j * padded_d, 1, d, padded_d, found);
    if (FN(are_safe)(found))
        return;
    for (int i = 0; i < n; i++)
        if (!is_safe(found[i]))
            found[i] = FN(sq_dist_anew)(rows, b->centers, b->row[at + i], j);
}

/* What the terms of the rows from place at on would lose to center j; the changes are noted while there is room. */
static int64_t FN(gain_of_lanes)(FN(seed_block) *b, int at, ptrdiff_t j, kf_changes *changes)
{
    double found[KF_LANES], scale = b->seeds->scale;
    const double *sq_dists = b->sq_dists + at, *weights = b->weights + at;
    int64_t lost[KF_LANES], gain = 0;
    int n_less = 0;
    FN(measure_lanes)(b, at, j, found);
    for (int i = 0; i < KF_LANES; i++)
        n_less += found[i] < sq_dists[i];
    if (n_less == 0)
        return 0;
    for (int i = 0; i < KF_LANES; i++)
        lost[i] = FN(whole_term)(sq_dists[i], weights[i], scale)
                  - FN(whole_term)(MIN_OF(found[i], sq_dists[i]), weights[i], scale);
    for (int i = 0; i < KF_LANES; i++)
        gain += lost[i];
    changes->n += n_less;
    if (changes->n > changes->room)
        return gain;
    for (int i = 0, place = changes->n - n_less; i < KF_LANES; i++)
        if (found[i] < sq_dists[i])
            changes->change[place++] =
                (kf_change){found[i], (int32_t)(b->first + at + i), (int32_t)b->number, (int32_t)j};
    return gain;
}

/* Whether any of the LANES rows from place at on may be nearer to a candidate so far from the block's seed. */
ALWAYS_INLINE int FN(is_within_reach)(const FN(seed_block) *b, int at, float apart)
{
    const float *reach = b->seeds->reach + b->first + at;
    int n_within = 0, n = MIN_OF(KF_LANES, b->n - at);
    for (int i = 0; i < n; i++)
        n_within += apart < reach[i];
    return n_within > 0;
}

/* The places of a block whose rows may be nearer to a candidate so far from its seed; returns how many. */
ALWAYS_INLINE int FN(list_within_reach)(const FN(seed_block) *b, float apart, uint8_t *RESTRICT list)
{
    const float *RESTRICT reach = b->seeds->reach + b->first;
    int n_listed = 0;
    for (int at = 0; at < b->n; at += KF_LANES) {
        if (!FN(is_within_reach)(b, at, apart))
            continue;
        for (int i = at; i < MIN_OF(at + KF_LANES, b->n); i++) {
            list[n_listed] = (uint8_t)i;
            n_listed += apart < reach[i];
        }
    }
    return n_listed;
}

/* The places from begin on whose scores do not prove that their rows stay; returns how many are listed then. By itself,
   for gcc 12 (arm64, -O3 -fwrapv) takes the count for zero where both are one function, in float32. */
NEVER_INLINE int FN(list_doubtful)(const REAL *RESTRICT scores, const REAL *RESTRICT limits, int begin, int n,
                                   uint8_t *RESTRICT list, int n_listed)
{
    for (int at = 0; at < n; at += KF_LANES) {
        int stop = MIN_OF(at + KF_LANES, n);
        if (FN(count_doubtful)(scores + at, limits + at, stop - at) == 0)
            continue;
        for (int i = at; i < stop; i++) {
            list[n_listed] = (uint8_t)(begin + i);
            n_listed += !(2 * scores[i] > limits[i]);
        }
    }
    return n_listed;
}

/* Whether a score of a span, which mostly is whole, does not prove that its row stays. */
ALWAYS_INLINE int FN(has_doubtful_row)(const REAL *scores, const REAL *limits, int n)
{
    return (n == FN(SPAN) ? FN(count_doubtful)(scores, limits, FN(SPAN)) : FN(count_doubtful)(scores, limits, n)) > 0;
}

/* Squared distances to center j of at most LANES rows of a list; those past its end are of its last row. */
ALWAYS_INLINE void FN(measure_listed)(const FN(seed_block) *b, const uint8_t *list, int n, ptrdiff_t j, double *found)
{
    const kf_rows *rows = b->rows;
    const double *center = b->centers->direct + j * b->centers->padded_d;
    double inverse_unit = 1.0 / rows->data_unit;
    const REAL *row[KF_LANES], *last = (const REAL *)rows->x + rows->n * rows->d - KF_LANES;
    for (int i = 0; i < KF_LANES; i++)
        row[i] = (const REAL *)rows->x + b->row[list[MIN_OF(i, n - 1)]] * rows->d;
    if (inverse_unit == 1.0)
        FN(direct_from)(1, row, last, center, rows->d, inverse_unit, found);
    else
        FN(direct_from)(0, row, last, center, rows->d, inverse_unit, found);
    if (FN(are_safe)(found))
        return;
    for (int i = 0; i < n; i++)
        if (!is_safe(found[i]))
            found[i] = FN(sq_dist_anew)(rows, b->centers, b->row[list[i]], j);
}

/* What the terms of listed rows would lose to center j; the changes are noted while there is room. */
static int64_t FN(gain_of_listed)(const FN(seed_block) *b, const uint8_t *list, int n_listed, ptrdiff_t j, kf_changes *changes)
{
    double scale = b->seeds->scale;
    int64_t gain = 0;
    for (int done = 0; done < n_listed; done += KF_LANES) {
        double found[KF_LANES], sq_dists[KF_LANES], weights[KF_LANES];
        int64_t lost[KF_LANES];
        int n = MIN_OF(KF_LANES, n_listed - done), n_less = 0;
        FN(measure_listed)(b, list + done, n, j, found);
        for (int i = 0; i < KF_LANES; i++) {
            int place = list[done + MIN_OF(i, n - 1)];
            sq_dists[i] = i < n ? b->sq_dists[place] : 0.0;
            weights[i] = b->weights[place];
        }
        for (int i = 0; i < KF_LANES; i++)
            lost[i] = FN(whole_term)(sq_dists[i], weights[i], scale)
                      - FN(whole_term)(MIN_OF(found[i], sq_dists[i]), weights[i], scale);
        for (int i = 0; i < KF_LANES; i++) {
            gain += lost[i];
            n_less += found[i] < sq_dists[i];
        }
        if (changes->n + KF_LANES > changes->room) {
            changes->n += n_less > 0 ? KF_LANES : 0;
            continue;
        }
        for (int i = 0; i < n; i++) {
            changes->change[changes->n] =
                (kf_change){found[i], (int32_t)(b->first + list[done + i]), (int32_t)b->number, (int32_t)j};
            changes->n += found[i] < sq_dists[i];
        }
    }
    return gain;
}

/* List the rows that the scores leave to each candidate. */
static void FN(list_by_scores)(FN(seed_block) *b)
{
    const kf_centers *centers = b->centers;
    int32_t *counts = b->s.counts;
    memset(counts, 0, (size_t)centers->k * sizeof *counts);
    for (int at = 0; at < b->n; at += FN(SPAN)) {
        int n_here = MIN_OF(FN(SPAN), b->n - at);
        const REAL *tiles[FN(TILES_OF_SPAN)];
        FN(begin_span)(b->rows, centers, b->row + at, n_here, b->sq_dists + at, &b->s, tiles);
        for (ptrdiff_t g = 0; g < centers->n_groups; g++) {
            ptrdiff_t first = g * centers->width, stop = MIN_OF(first + centers->width, centers->k);
            FN(score_span)(centers, g, b->rows->d, tiles, b->s.scores);
            for (ptrdiff_t j = first; j < stop; j++) {
                const REAL *scores = b->s.scores + (j - first) * FN(SPAN);
                if (FN(has_doubtful_row)(scores, b->s.limits, n_here))
                    counts[j] = FN(list_doubtful)(scores, b->s.limits, at, n_here, b->s.lists + j * KF_SEED_BLOCK, counts[j]);
            }
        }
    }
}

/* Add to gains what the candidates (they are the centers) would take from the terms of a block; apart is how far they
   are from its seed at least, or NULL. Returns how many may be nearer to any row. */
static ptrdiff_t FN(seed_gains)(const kf_rows *rows, const kf_centers *centers, const kf_seeds *seeds, ptrdiff_t block,
                                const float *apart, char *arena, int64_t *gains, kf_changes *changes)
{
    ptrdiff_t m = centers->k, n_near = 0;
    FN(seed_block) b;
    for (ptrdiff_t j = 0; j < m; j++)
        n_near += apart == NULL || apart[j] < seeds->block_reach[block];
    if (n_near == 0)
        return 0;
    FN(begin_seed_block)(rows, centers, seeds, block, arena, &b);
    if (rows->d <= KF_LANES / 2) {
        for (int at = 0; at < b.n; at += KF_LANES)
            for (ptrdiff_t j = 0; j < m; j++)
                if (apart == NULL || (apart[j] < seeds->block_reach[block] && FN(is_within_reach)(&b, at, apart[j])))
                    gains[j] += FN(gain_of_lanes)(&b, at, j, changes);
        return n_near;
    }
    int is_scored = n_near * FN(FEWEST_SCORED) >= m;
    if (is_scored)
        FN(list_by_scores)(&b);
    for (ptrdiff_t j = 0; j < m; j++) {
        uint8_t *list = b.s.lists + j * KF_SEED_BLOCK;
        if (apart == NULL || apart[j] < seeds->block_reach[block])
            gains[j] += FN(gain_of_listed)(
                &b, list, is_scored ? b.s.counts[j] : FN(list_within_reach)(&b, apart[j], list), j, changes);
    }
    return n_near;
}

/* A distance as float, up; 0 where the squared distance is, and nothing can be less. */
ALWAYS_INLINE float FN(dist_up)(double sq_dist, ptrdiff_t d)
{
    double dist = sqrt(sq_dist) * (1.0 + (double)(d + 8) * 0x1p-52) * (1.0 + 0x1p-22) + 0x1p-120;
    return sq_dist == 0.0 ? 0.0f : dist < 0x1p127 ? (float)dist : INFINITY;
}

ALWAYS_INLINE float FN(dist_down)(double sq_dist, ptrdiff_t d)
{
    double dist = sqrt(sq_dist) * (1.0 - (double)(d + 8) * 0x1p-52) * (1.0 - 0x1p-22);
    return dist < 0x1p-120 ? 0.0f : dist < 0x1p127 ? (float)dist : 0x1p127f;
}

ALWAYS_INLINE float FN(reach_of)(double sq_dist, float apart, ptrdiff_t d)
{
    float dist = FN(dist_up)(sq_dist, d);
    return dist == 0.0f ? 0.0f : (apart + dist) * (1.0f + 0x1p-22f);
}

ALWAYS_INLINE void FN(bind_block_reach)(const kf_seeds *seeds, ptrdiff_t block)
{
    float most = 0.0f;
    for (ptrdiff_t place = seeds->begins[block]; place < seeds->begins[block + 1]; place++)
        most = MAX_OF(most, seeds->reach[place]);
    seeds->block_reach[block] = most;
}

/* The rows of a block have just been grouped by their seeds. */
static void FN(seed_reach)(const kf_seeds *seeds, ptrdiff_t block, ptrdiff_t d)
{
    for (ptrdiff_t place = seeds->begins[block]; place < seeds->begins[block + 1]; place++) {
        double sq_dist = seeds->sq_dists[seeds->order[place]];
        seeds->apart[place] = FN(dist_up)(sq_dist, d);
        seeds->reach[place] = FN(reach_of)(sq_dist, seeds->apart[place], d);
    }
    FN(bind_block_reach)(seeds, block);
}

/* Center 0, the seed of this number, takes what is nearer of some places of a block; returns whether anything is. */
ALWAYS_INLINE int FN(take_found)(FN(seed_block) *b, const uint8_t *list, int begin, int n, const double *found,
                                 int32_t number, int64_t *losses)
{
    const kf_seeds *seeds = b->seeds;
    int n_taken = 0;
    for (int i = 0; i < n; i++) {
        int at = list == NULL ? begin + i : list[i];
        ptrdiff_t row = b->row[at], place = b->first + at;
        if (!(found[i] < b->sq_dists[at]))
            continue;
        n_taken++;
        seeds->sq_dists[row] = found[i];
        seeds->owners[row] = number;
        if (losses != NULL)
            losses[row / KF_SUM_BLOCK] += FN(whole_term)(b->sq_dists[at], b->weights[at], seeds->scale)
                                          - FN(whole_term)(found[i], b->weights[at], seeds->scale);
        if (seeds->order != NULL)
            seeds->reach[place] = FN(reach_of)(found[i], seeds->apart[place], b->rows->d);
    }
    return n_taken > 0;
}

/* Center 0 becomes the seed of this number: rows of a block that are nearer to it are its own. Adds what their terms lose
   to that of their SUM_BLOCK rows; no losses are asked for while all distances are infinite. */
static void FN(add_seed)(const kf_rows *rows, const kf_centers *centers, const kf_seeds *seeds, ptrdiff_t block,
                         const float *apart, int32_t number, char *arena, int64_t *losses)
{
    int n_changed = 0, n_listed;
    FN(seed_block) b;
    double found[KF_LANES];
    if (apart != NULL && !(*apart < seeds->block_reach[block]))
        return;
    FN(begin_seed_block)(rows, centers, seeds, block, arena, &b);
    if (rows->d <= KF_LANES / 2) {
        for (int at = 0; at < b.n; at += KF_LANES) {
            if (apart != NULL && !FN(is_within_reach)(&b, at, *apart))
                continue;
            FN(measure_lanes)(&b, at, 0, found);
            n_changed += FN(take_found)(&b, NULL, at, MIN_OF(KF_LANES, b.n - at), found, number, losses);
        }
    } else {
        if (apart != NULL)
            n_listed = FN(list_within_reach)(&b, *apart, b.s.lists);
        else if (losses != NULL) {
            FN(list_by_scores)(&b);
            n_listed = b.s.counts[0];
        } else
            for (n_listed = 0; n_listed < b.n; n_listed++)
                b.s.lists[n_listed] = (uint8_t)n_listed;
        for (int done = 0; done < n_listed; done += KF_LANES) {
            int n = MIN_OF(KF_LANES, n_listed - done);
            FN(measure_listed)(&b, b.s.lists + done, n, 0, found);
            n_changed += FN(take_found)(&b, b.s.lists + done, 0, n, found, number, losses);
        }
    }
    if (apart != NULL && n_changed > 0)
        FN(bind_block_reach)(seeds, block);
}

/* How far the LANES seeds of a tile (as by pack_lanes) are from each center at least: apart[i * k + j]. */
static void FN(seeds_apart)(const kf_centers *centers, const double *tile, float *apart)
{
    ptrdiff_t k = centers->k, padded_d = centers->padded_d;
    for (ptrdiff_t j = 0; j < k; j++) {
        double found[KF_LANES];
        FN(direct_lanes)(tile, centers->direct + j * padded_d, 1, centers->d, padded_d, found);
        for (int i = 0; i < KF_LANES; i++)
            apart[i * k + j] = FN(dist_down)(found[i], centers->d);
    }
}

/* At most LANES rows as a tile of doubles. */
static void FN(seed_tile)(const kf_rows *rows, const int64_t *chosen, int n_rows, double *tile)
{
    const REAL *row[KF_LANES];
    ptrdiff_t padded_d = (rows->d + KF_LANES - 1) / KF_LANES * KF_LANES;
    for (int i = 0; i < n_rows; i++)
        row[i] = (const REAL *)rows->x + chosen[i] * rows->d;
    FN(pack_lanes)(row, n_rows, rows->d, padded_d, 1.0 / rows->data_unit, tile);
}

/* The same from the changes that were noted for the candidate; those of a block come one after the other. */
static void FN(apply_changes)(kf_seeds *seeds, const kf_changes *changes, int32_t candidate, int32_t number, ptrdiff_t d)
{
    ptrdiff_t block = -1;
    for (ptrdiff_t at = 0; at < changes->n; at++) {
        const kf_change *change = changes->change + at;
        if (change->candidate != candidate)
            continue;
        ptrdiff_t place = change->place, row = seeds->order == NULL ? place : seeds->order[place];
        double weight = seeds->weights == NULL ? 1.0 : seeds->weights[row];
        int64_t loss = FN(whole_term)(seeds->sq_dists[row], weight, seeds->scale)
                       - FN(whole_term)(change->sq_dist, weight, seeds->scale);
        seeds->sums[row / KF_SUM_BLOCK] -= loss;
        seeds->whole -= loss;
        seeds->sq_dists[row] = change->sq_dist;
        seeds->owners[row] = number;
        if (seeds->order == NULL)
            continue;
        seeds->reach[place] = FN(reach_of)(change->sq_dist, seeds->apart[place], d);
        if (block >= 0 && block != change->block)
            FN(bind_block_reach)(seeds, block);
        block = change->block;
    }
    if (block >= 0)
        FN(bind_block_reach)(seeds, block);
}

#undef TAKE
