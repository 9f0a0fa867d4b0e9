/* Working copies: rows and centers shifted, scaled by a power of two and laid out for the fused kernels. */

/* One rounding a value: the scaling by a power of two is exact (numerics: its underflow is in the bound). */
ALWAYS_INLINE REAL FN(shifted)(REAL x, REAL scale, REAL origin) { return x * scale - origin; }

/* Norm from a sum of squares that was begun at least_norm: no less than the true norm of the shifted row. */
ALWAYS_INLINE REAL FN(norm_up)(REAL sum, ptrdiff_t d) { return SQRT(sum) * (1 + (REAL)(d + 8) * ROUNDOFF); }
ALWAYS_INLINE REAL FN(least_norm)(ptrdiff_t d) { return (REAL)d * SMALLEST; }

/* Columns [first, first + n) of L rows of a tile, one by one. */
ALWAYS_INLINE void FN(pack_columns)(const REAL *const *row, int n_rows, ptrdiff_t first, ptrdiff_t n, REAL scale,
                                    const REAL *RESTRICT origin, REAL *RESTRICT tile)
{
    for (int i = 0; i < n_rows; i++) {
        const REAL *RESTRICT x = row[i];
        for (ptrdiff_t t = first; t < first + n; t++)
            tile[t * TILE_ROWS + i] = FN(shifted)(x[t], scale, origin[t]);
    }
}

#if HAS_TRANSPOSE
/* The same for L rows and at most L columns, transposed in registers; reads L values of each row from column first on. */
ALWAYS_INLINE void FN(pack_square)(const REAL *const *row, ptrdiff_t first, int n, V scale, const REAL *RESTRICT origin,
                                   REAL *RESTRICT tile)
{
    V a[L];
    UNROLL
    for (int i = 0; i < L; i++)
        a[i] = FN(load)(row[i] + first);
    FN(transpose)(a);
    UNROLL
    for (int t = 0; t < L; t++)
        if (t < n)
            FN(store)(tile + (first + t) * TILE_ROWS, a[t] * scale - FN(set)(origin[first + t]));
}
#endif

/* L rows of a tile; past_end is where the data end: a row may be read beyond its own end, but not beyond that. */
static void FN(pack_lane_rows)(const REAL *const *row, int n_rows, ptrdiff_t d, const REAL *past_end, REAL scale,
                               const REAL *RESTRICT origin, REAL *RESTRICT tile)
{
#if HAS_TRANSPOSE
    V scales = FN(set)(scale);
    if (n_rows == L && d >= L) {
        for (ptrdiff_t t = 0; t < d; t += L)
            FN(pack_square)(row, MIN_OF(t, d - L), L, scales, origin, tile); /* the last one overlaps */
        return;
    }
    if (n_rows == L && d > 1 && row[L - 1] + L <= past_end) {
        FN(pack_square)(row, 0, (int)d, scales, origin, tile);
        return;
    }
#else
    (void)past_end;
#endif
    FN(pack_columns)(row, n_rows, 0, d, scale, origin, tile);
}

/* Tile of lanes = points: tile[t][i] for row i, then the row of norms. Rows in increasing order; n_rows may be less
   than TILE_ROWS, and then the others are zeros. */
static void FN(pack_tile)(const kf_rows *rows, const REAL *const *row, int n_rows, REAL *RESTRICT tile, REAL *RESTRICT norms)
{
    ptrdiff_t d = rows->d;
    const REAL *origin = (const REAL *)rows->origin, *past_end = (const REAL *)rows->x + rows->n * d;
    if (n_rows < TILE_ROWS)
        memset(tile, 0, (size_t)(d * TILE_ROWS) * sizeof(REAL));
    for (int first = 0; first < n_rows; first += L)
        FN(pack_lane_rows)(row + first, MIN_OF(L, n_rows - first), d, past_end, (REAL)rows->scale, origin, tile + first);
    for (int v = 0; v < POINT_VECTORS; v++) {
        V sum = FN(set)(FN(least_norm)(d));
        for (ptrdiff_t t = 0; t < d; t++) {
            V x = FN(load)(tile + t * TILE_ROWS + v * L);
            sum += x * x;
        }
        FN(store)(norms + v * L, sum);
    }
    for (int i = 0; i < TILE_ROWS; i++)
        norms[i] = FN(norm_up)(norms[i], d);
}

static size_t FN(tiles_bytes)(ptrdiff_t n, ptrdiff_t d)
{
    return (size_t)((n + TILE_ROWS - 1) / TILE_ROWS) * (size_t)(d + 1) * TILE_ROWS * sizeof(REAL);
}

/* Block of lanes = centers: row-major, shifted. */
static void FN(pack_block)(const kf_rows *rows, const ptrdiff_t *chosen, ptrdiff_t n_rows, REAL *RESTRICT block, REAL *RESTRICT norms)
{
    ptrdiff_t d = rows->d, whole = d - d % L;
    const REAL *RESTRICT origin = (const REAL *)rows->origin;
    REAL scale = (REAL)rows->scale;
    V scales = FN(set)(scale);
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        const REAL *RESTRICT x = (const REAL *)rows->x + chosen[i] * d;
        REAL *RESTRICT out = block + i * d;
        REAL lanes[L], sum = FN(least_norm)(d);
        V sums = FN(set)(0);
        for (ptrdiff_t t = 0; t < whole; t += L) {
            V a = FN(load)(x + t) * scales - FN(load)(origin + t);
            FN(store)(out + t, a);
            sums += a * a;
        }
        FN(store)(lanes, sums);
        for (int lane = 0; lane < L; lane++)
            sum += lanes[lane];
        for (ptrdiff_t t = whole; t < d; t++) {
            out[t] = FN(shifted)(x[t], scale, origin[t]);
            sum += out[t] * out[t];
        }
        norms[i] = FN(norm_up)(sum, d);
    }
}

/* Squared norm of a shifted, scaled center, in float64. */
static double FN(shifted_sq_norm)(const REAL *RESTRICT c, const REAL *RESTRICT origin, double scale, ptrdiff_t d)
{
    double sum[KF_LANES] = {0};
    ptrdiff_t t = 0;
    for (; t + KF_LANES <= d; t += KF_LANES)
        for (int lane = 0; lane < KF_LANES; lane++) {
            double shifted = (double)c[t + lane] * scale - (double)origin[t + lane];
            sum[lane] += shifted * shifted;
        }
    for (; t < d; t++) {
        double shifted = (double)c[t] * scale - (double)origin[t];
        sum[t % KF_LANES] += shifted * shifted;
    }
    return join_lanes(sum);
}

/* Features that are packed for all centers of a group before the next ones, so that the lines written stay in L1. */
enum { FN(FEATURES_AT_ONCE) = 64 };

/* Centers of one group or panel: group[t][q], and half of their squared norms; infinite where there is no center. */
static void FN(pack_group)(const kf_rows *rows, const kf_centers *centers, ptrdiff_t group)
{
    ptrdiff_t d = rows->d, first_place = group * centers->width;
    int width = centers->width, n_real = (int)MIN_OF(width, centers->k - first_place);
    const int32_t *order = centers->order;
    const REAL *RESTRICT all = (const REAL *)centers->c, *RESTRICT origin = (const REAL *)rows->origin;
    REAL *RESTRICT out = (REAL *)centers->groups + group * d * width;
    REAL *half_norms = (REAL *)centers->half_norms + group * width;
    for (ptrdiff_t first = 0; first < d; first += FN(FEATURES_AT_ONCE)) {
        ptrdiff_t stop = MIN_OF(first + FN(FEATURES_AT_ONCE), d);
        for (int q = 0; q < n_real; q++) {
            const REAL *RESTRICT c = all + (order == NULL ? first_place + q : order[first_place + q]) * d;
            for (ptrdiff_t t = first; t < stop; t++)
                out[t * width + q] = (REAL)((double)c[t] * rows->scale - (double)origin[t]);
        }
        for (int q = n_real; q < width; q++)
            for (ptrdiff_t t = first; t < stop; t++)
                out[t * width + q] = 0;
    }
    for (int q = 0; q < width; q++) {
        double sq_norm = INFINITY;
        if (q < n_real) {
            ptrdiff_t j = order == NULL ? first_place + q : order[first_place + q];
            sq_norm = centers->sq_norms[j] = FN(shifted_sq_norm)(all + j * d, origin, rows->scale, d);
        }
        half_norms[q] = (REAL)(0.5 * sq_norm);
    }
}

/* A center as the decider reads it; index may be that of padding. */
static void FN(pack_direct)(const kf_rows *rows, const kf_centers *centers, ptrdiff_t j)
{
    ptrdiff_t padded_d = centers->padded_d;
    double *out = centers->direct + j * padded_d;
    if (j < centers->k)
        FN(widen)((const REAL *)centers->c + j * rows->d, rows->d, padded_d, rows->data_unit, out);
    else
        memset(out, 0, (size_t)padded_d * sizeof(double));
    if (centers->width64 == 0)
        return;
    double sum[KF_LANES] = {0};
    for (ptrdiff_t t = 0; t < padded_d; t += KF_LANES)
        for (int lane = 0; lane < KF_LANES; lane++)
            sum[lane] += out[t + lane] * out[t + lane];
    centers->half_norms64[j] = j < centers->k ? 0.5 * join_lanes(sum) : INFINITY;
}

#if REAL_IS_FLOAT
/* Tile of the float64 stage: float32 data need neither shift nor scale there. */
static void FN(pack_tile64)(const kf_rows *rows, const REAL *const *row, int n_rows, double *RESTRICT tile, double *RESTRICT norms)
{
    ptrdiff_t d = rows->d;
    for (int i = 0; i < POINTS_OF_TILE_f64; i++) {
        double sum = least_norm_f64(d);
        for (ptrdiff_t t = 0; t < d; t++) {
            double x = i < n_rows ? (double)row[i][t] : 0.0;
            tile[t * POINTS_OF_TILE_f64 + i] = x;
            sum += x * x;
        }
        norms[i] = norm_up_f64(sum, d);
    }
}
#endif
