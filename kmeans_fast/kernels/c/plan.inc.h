/* Where the working copies of centers and the scratch memory of a thread lie, and how far scores can be trusted. */

enum {
    FN(ROWS_AT_LEAST) = 64,       /* a block of lanes = centers: enough rows to use a panel from the cache again */
    FN(BLOCK_BYTES) = 512 * 1024, /* and few enough that rows stay in a quarter of a 2 MB cache */
    FN(ROWS_AT_MOST) = KF_ROWS_OF_CALL,
    FN(FEW_DOUBTFUL) = 2,  /* so many rows cost the decider less than a nearly empty tile of the float64 stage */
    FN(FEWEST_OF_PANEL) = PANEL_WIDTH / 2, /* centers: a panel that is emptier wastes more than the cache misses cost */
    FN(SHORT_CALL) = 4        /* rows for which packing k centers does not pay */
};
/* Beyond so many features the rows of a tile leave the cache while all centers pass by, and panels win. */
enum { FN(LONGEST_POINT) = 1024, FN(LONGEST_WIDE_POINT) = 8192 /* in the float64 stage, against the decider */ };

/* Tiles that meet a group of centers before the next group does: one where all centers stay in the cache anyway. */
enum { FN(CENTERS_BYTES) = 512 * 1024, FN(TILES_BYTES) = 512 * 1024, FN(MOST_TILES) = 8 };

static ptrdiff_t FN(tiles_at_once)(ptrdiff_t d, ptrdiff_t k, ptrdiff_t block_rows)
{
    ptrdiff_t n_tiles = (ptrdiff_t)FN(TILES_BYTES) / (ptrdiff_t)(d * TILE_ROWS * sizeof(REAL));
    if (k * d * (ptrdiff_t)sizeof(REAL) <= FN(CENTERS_BYTES))
        return 1;
    n_tiles = MIN_OF(n_tiles, block_rows / TILE_ROWS);
    return MAX_OF(1, MIN_OF(n_tiles, FN(MOST_TILES)));
}

static kf_shape FN(choose_shape)(const kf_rows *rows, ptrdiff_t n_rows, ptrdiff_t k)
{
    if (n_rows <= FN(SHORT_CALL))
        return KF_DECIDE_ONLY;
    if (rows->d > FN(LONGEST_POINT) && k >= FN(FEWEST_OF_PANEL))
        return KF_LANES_ARE_CENTERS;
#if HAS_FILTER
    if (n_rows >= KF_FILTER_ROWS && FN(filter_pays)(rows->d, k, rows->words != NULL))
        return KF_FILTERED_POINTS;
#endif
    return KF_LANES_ARE_POINTS;
}

ALWAYS_INLINE int FN(are_points)(const kf_centers *centers)
{
    return centers->shape == KF_LANES_ARE_POINTS || centers->shape == KF_FILTERED_POINTS;
}

/* Groups as equal as possible, so that padding is least; with few features, each center is one. */
static int FN(group_width)(ptrdiff_t d, ptrdiff_t k)
{
    if (d <= FN(FEW_FEATURES))
        return 1;
    ptrdiff_t n_groups = (k + POINT_CENTERS - 1) / POINT_CENTERS;
    return (int)((k + n_groups - 1) / n_groups);
}

#define TAKE(type, count)                                                                                              \
    (type *)(arena == NULL ? NULL : arena + offset);                                                                   \
    offset += ((size_t)(count) * sizeof(type) + KF_CACHE_LINE - 1) / KF_CACHE_LINE * KF_CACHE_LINE

/* Lays out the working copies of k centers; returns their bytes. c, k, d and shape must be set. */
static size_t FN(centers_plan)(kf_centers *centers, char *arena)
{
    size_t offset = 0;
    ptrdiff_t k = centers->k, d = centers->d;
    int is_points = FN(are_points)(centers), is_scored = centers->shape != KF_DECIDE_ONLY;
    centers->padded_d = (d + KF_LANES - 1) / KF_LANES * KF_LANES;
    centers->direct_rows = k;
    centers->width64 = 0;
#if REAL_IS_FLOAT
    if (is_scored && d <= LONGEST_WIDE_POINT_f64) {
        centers->width64 = group_width_f64(LONGEST_POINT_f64, k);
        centers->direct_rows = (k + centers->width64 - 1) / centers->width64 * centers->width64;
        centers->half_norms64 = TAKE(double, centers->direct_rows);
    }
#endif
    centers->direct = TAKE(double, centers->direct_rows * centers->padded_d);
    centers->width = is_points ? FN(group_width)(d, k) : centers->shape == KF_GROUPS_OF_CENTERS ? L : PANEL_WIDTH;
    centers->n_groups = is_scored ? (k + centers->width - 1) / centers->width : 0;
    if (is_scored) {
        centers->sq_norms = TAKE(double, k);
        centers->groups = TAKE(REAL, centers->n_groups * centers->width * d);
        centers->half_norms = TAKE(REAL, centers->n_groups * centers->width);
    }
    centers->filter.width = 0;
#if HAS_FILTER
    if (centers->shape == KF_FILTERED_POINTS) {
        kf_filter *f = &centers->filter;
        f->width = centers->width;
        f->n_groups = centers->n_groups;
        f->n_words = words_of(d);
        f->groups = TAKE(uint32_t, f->n_groups * f->n_words * f->width);
        f->half_norms = TAKE(float, f->n_groups * f->width);
        f->norms = TAKE(float, f->n_groups * f->width);
        f->residuals = TAKE(float, f->n_groups * f->width);
        f->units = TAKE(float, f->n_groups * f->width);
    }
#endif
    return offset;
}

/* Parts are packed independently of each other: a share of the rows of each copy. */
enum { FN(CENTERS_OF_PART) = 64 };

static ptrdiff_t FN(centers_parts)(const kf_centers *centers)
{
    return (centers->k + FN(CENTERS_OF_PART) - 1) / FN(CENTERS_OF_PART);
}

static void FN(pack_part)(const kf_rows *rows, kf_centers *centers, ptrdiff_t part)
{
    ptrdiff_t n_parts = FN(centers_parts)(centers), rows_of_direct = centers->direct_rows, groups = centers->n_groups;
    for (ptrdiff_t j = rows_of_direct * part / n_parts; j < rows_of_direct * (part + 1) / n_parts; j++)
        FN(pack_direct)(rows, centers, j);
    for (ptrdiff_t g = groups * part / n_parts; g < groups * (part + 1) / n_parts; g++)
        FN(pack_group)(rows, centers, g);
#if HAS_FILTER
    if (centers->filter.width > 0)
        for (ptrdiff_t g = groups * part / n_parts; g < groups * (part + 1) / n_parts; g++)
            FN(pack_filter_group)(rows, centers, g);
#endif
}

/* The polynomial of kf_bound for unit roundoff u and smallest normal eta, C = max ||c||; rounded up.
 *
 * 2 E + (d + 3) 2^-53 (r + C)^2 with E = gamma_m (r C + C^2 / 2) + 4 (d + 1) eta (1 + r + C). A product goes through at
 * most CHAIN fused steps and then one sum a chain, the half norm is rounded once, x and c once each: so m is
 * min(d, CHAIN) + chains + 4 (Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 4.2, on blocked sums).
 * The last term is the decider's.
 */
static kf_bound FN(bound_of)(double u, double eta, ptrdiff_t d, double largest_norm)
{
    kf_bound bound = {{INFINITY, INFINITY, INFINITY}};
    ptrdiff_t chains = (d + KF_CHAIN - 1) / KF_CHAIN;
    double m = (double)(MIN_OF(d, KF_CHAIN) + chains + 4), C = largest_norm, up = 1 + 32 * u;
    if (!((double)d * u < 0.125) || !(C * C < DBL_MAX))
        return bound;
    double gamma = m * u / (1 - m * u), decider = (double)(d + 3) * 0x1p-53, vanished = 8 * (double)(d + 1) * eta;
    bound.a[0] = (gamma * C * C + vanished * (1 + C) + decider * C * C) * up;
    bound.a[1] = (2 * gamma * C + vanished + 2 * decider * C) * up;
    bound.a[2] = decider * up;
    return bound;
}

/* Norm from a squared one of float64 terms: no less than the true norm. */
static double FN(center_norm_up)(double sq_norm, ptrdiff_t d)
{
    return sqrt(sq_norm + (double)d * DBL_MIN) * (1 + (double)(d + 8) * 0x1p-53);
}

static void FN(bind_bound)(const kf_rows *rows, kf_centers *centers)
{
    ptrdiff_t d = rows->d;
    double largest = 0.0, largest64 = 0.0;
    if (centers->shape == KF_DECIDE_ONLY)
        return;
    for (ptrdiff_t j = 0; j < centers->k; j++)
        largest = MAX_OF(largest, centers->sq_norms[j]);
    centers->bound = FN(bound_of)(ROUNDOFF, SMALLEST, d, FN(center_norm_up)(largest, d));
#if HAS_FILTER
    if (centers->filter.width > 0)
        FN(bind_filter)(centers);
#endif
    if (centers->width64 == 0)
        return;
    for (ptrdiff_t j = 0; j < centers->k; j++)
        largest64 = MAX_OF(largest64, centers->half_norms64[j]);
    centers->bound64 = FN(bound_of)(0x1p-53, DBL_MIN, d, FN(center_norm_up)(2 * largest64, d));
}

static size_t FN(scratch_plan)(const kf_rows *rows, const kf_centers *centers, int with_gaps, kf_scratch *scratch, char *arena)
{
    size_t offset = 0;
    ptrdiff_t d = rows->d, m = (ptrdiff_t)FN(BLOCK_BYTES) / ((ptrdiff_t)sizeof(REAL) * d);
    m = MAX_OF(FN(ROWS_AT_LEAST), MIN_OF(FN(ROWS_AT_MOST), m)) / TILE_ROWS * TILE_ROWS;
    int is_points = FN(are_points)(centers);
    scratch->block_rows = m;
    scratch->row64 = TAKE(double, centers->padded_d);
    scratch->lanes64 = TAKE(double, 2 * centers->padded_d * KF_LANES);
    scratch->doubtful = TAKE(ptrdiff_t, KF_ROWS_OF_CALL + 1);
    scratch->chosen = TAKE(ptrdiff_t, KF_ROWS_OF_CALL);
    scratch->found = TAKE(int32_t, KF_ROWS_OF_CALL);
    scratch->norms = TAKE(REAL, m);
    scratch->best = TAKE(REAL, m);
    scratch->second = TAKE(REAL, m);
    scratch->index = TAKE(INT, m);
    if (centers->shape != KF_DECIDE_ONLY) {
        scratch->block = TAKE(REAL, (is_points ? FN(tiles_at_once)(d, centers->k, m) * TILE_ROWS : m) * d + L);
    }
    if (centers->shape == KF_LANES_ARE_CENTERS) {
        scratch->lane_state = TAKE(REAL, m * FN(LANE_STATE));
    }
    scratch->gaps = NULL;
    if (with_gaps) {
        scratch->gaps = TAKE(double, KF_ROWS_OF_CALL);
    }
#if REAL_IS_FLOAT
    if (centers->width64 > 0) {
        scratch->tile64 = TAKE(double, POINTS_OF_TILE_f64 * d);
        scratch->norms64 = TAKE(double, POINTS_OF_TILE_f64);
        scratch->best64 = TAKE(double, POINTS_OF_TILE_f64);
        scratch->second64 = TAKE(double, POINTS_OF_TILE_f64);
        scratch->index64 = TAKE(int64_t, POINTS_OF_TILE_f64);
    }
#endif
#if HAS_FILTER
    if (centers->filter.width > 0) {
        kf_filter_scratch *f = &scratch->filter;
        ptrdiff_t n_words = centers->filter.n_words, n_tiles = FN(filter_tiles)(centers);
        f->words = TAKE(uint32_t, WORD_ROWS * (n_words + WORD_CHUNK));
        f->tiles = TAKE(uint32_t, n_tiles * FN(length_of_words)(d));
        f->found.best = TAKE(float, n_tiles * WORD_ROWS);
        f->found.second = TAKE(float, n_tiles * WORD_ROWS);
        f->found.third = TAKE(float, n_tiles * WORD_ROWS);
        f->found.index = TAKE(int32_t, n_tiles * WORD_ROWS);
        f->found.next = TAKE(int32_t, n_tiles * WORD_ROWS);
        f->n_open = 0;
        f->passed = TAKE(int32_t, KF_ROWS_OF_CALL);
        f->left = TAKE(ptrdiff_t, KF_ROWS_OF_CALL + 1);
    }
#endif
    return offset;
}
