/* Working copies: rows and centers shifted, scaled by a power of two and laid out for the fused kernels. */

/* One rounding a value: the scaling by a power of two is exact (numerics: its underflow is in the bound). */
ALWAYS_INLINE REAL FN(shifted)(REAL x, REAL scale, REAL origin) { return x * scale - origin; }

/* Norm from a sum of squares that was begun at least_norm: no less than the true norm of the shifted row. */
ALWAYS_INLINE REAL FN(norm_up)(REAL sum, ptrdiff_t d) { return SQRT(sum) * (1 + (REAL)(d + 8) * ROUNDOFF); }
ALWAYS_INLINE REAL FN(least_norm)(ptrdiff_t d) { return (REAL)d * SMALLEST; }

/* Tile of lanes = points: tile[t][i] for row i, then the row of norms. n_rows may be less than TILE_ROWS. */
static void FN(pack_tile)(const kf_rows *rows, const REAL *const *row, int n_rows, REAL *RESTRICT tile, REAL *RESTRICT norms)
{
    ptrdiff_t d = rows->d;
    const REAL *origin = (const REAL *)rows->origin;
    REAL scale = (REAL)rows->scale;
    for (int i = 0; i < n_rows; i++) {
        const REAL *RESTRICT x = row[i];
        REAL *RESTRICT out = tile + i;
        for (ptrdiff_t t = 0; t < d; t++)
            out[t * TILE_ROWS] = FN(shifted)(x[t], scale, origin[t]);
    }
    for (int i = n_rows; i < TILE_ROWS; i++)
        for (ptrdiff_t t = 0; t < d; t++)
            tile[t * TILE_ROWS + i] = 0;
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

static void FN(pack_tiles)(const kf_rows *rows, ptrdiff_t first_tile, ptrdiff_t n_tiles, void *tiles)
{
    ptrdiff_t d = rows->d;
    for (ptrdiff_t tile = first_tile; tile < first_tile + n_tiles; tile++) {
        const REAL *row[TILE_ROWS];
        ptrdiff_t first = tile * TILE_ROWS;
        int n_rows = (int)MIN_OF(TILE_ROWS, rows->n - first);
        REAL *out = (REAL *)tiles + tile * (d + 1) * TILE_ROWS;
        for (int i = 0; i < n_rows; i++)
            row[i] = (const REAL *)rows->x + (first + i) * d;
        FN(pack_tile)(rows, row, n_rows, out, out + d * TILE_ROWS);
    }
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

/* Centers of one group or panel: group[t][q], and half of their squared norms; infinite where there is no center. */
static void FN(pack_group)(const kf_rows *rows, const kf_centers *centers, ptrdiff_t group)
{
    ptrdiff_t d = rows->d;
    int width = centers->width;
    const REAL *c = (const REAL *)centers->c, *origin = (const REAL *)rows->origin;
    REAL *RESTRICT out = (REAL *)centers->groups + group * d * width;
    REAL *half_norms = (REAL *)centers->half_norms + group * width;
    for (int q = 0; q < width; q++) {
        ptrdiff_t j = group * width + q;
        if (j >= centers->k) {
            for (ptrdiff_t t = 0; t < d; t++)
                out[t * width + q] = 0;
            half_norms[q] = INFINITY;
            continue;
        }
        double half_norm = 0.0;
        for (ptrdiff_t t = 0; t < d; t++) {
            double exact = (double)c[j * d + t] * rows->scale - (double)origin[t];
            out[t * width + q] = (REAL)exact;
            half_norm += exact * exact;
        }
        half_norms[q] = (REAL)(0.5 * half_norm);
    }
}

#if REAL_IS_FLOAT
/* The same for the float64 stage of float32 data. */
static void FN(pack_group64)(const kf_rows *rows, const kf_centers *centers, ptrdiff_t group)
{
    ptrdiff_t d = rows->d;
    int width = centers->width64;
    const REAL *c = (const REAL *)centers->c, *origin = (const REAL *)rows->origin;
    double *RESTRICT out = centers->groups64 + group * d * width, *half_norms = centers->half_norms64 + group * width;
    for (int q = 0; q < width; q++) {
        ptrdiff_t j = group * width + q;
        double half_norm = j < centers->k ? 0.0 : INFINITY;
        for (ptrdiff_t t = 0; t < d; t++) {
            double shifted = j < centers->k ? (double)c[j * d + t] * rows->scale - (double)origin[t] : 0.0;
            out[t * width + q] = shifted;
            half_norm += 0.5 * shifted * shifted;
        }
        half_norms[q] = half_norm;
    }
}

static void FN(pack_tile64)(const kf_rows *rows, const REAL *const *row, int n_rows, double *RESTRICT tile, double *RESTRICT norms)
{
    ptrdiff_t d = rows->d;
    const REAL *origin = (const REAL *)rows->origin;
    for (int i = 0; i < POINTS_OF_TILE_f64; i++) {
        double sum = least_norm_f64(d);
        for (ptrdiff_t t = 0; t < d; t++) {
            double shifted = i < n_rows ? (double)row[i][t] * rows->scale - (double)origin[t] : 0.0;
            tile[t * POINTS_OF_TILE_f64 + i] = shifted;
            sum += shifted * shifted;
        }
        norms[i] = norm_up_f64(sum, d);
    }
}
#endif
