/* Distances of rows to points, summed over clusters of the points: what a silhouette is made of.
 *
 * Direct differences in float64, so that nothing cancels and equal rows are at distance 0. Lanes are rows: a tile of
 * SUM_TILE rows against Q points, whose distances are added lane by lane. Points lie sorted by cluster and pass in
 * blocks that stay in the cache for all tiles of a call.
 */
#if !REAL_IS_FLOAT
enum {
    SUM_TILE = POINTS_OF_TILE_f64,
    SUM_POINTS = MIN_OF(POINT_CENTERS, 6), /* at once: each needs a pointer, and x86-64 has 16 registers for these */
    SUM_FEW = SUM_POINTS / 3,              /* at once where the rest of a cluster is less */
    SUM_TILES = (KF_SUM_ROWS + SUM_TILE - 1) / SUM_TILE,
    SUM_BLOCK_VALUES = 2048,           /* of a block of points: 16 KB, half of the smallest L1 */
    SUM_LEAST_POINTS = 8 * SUM_POINTS /* of a block of many features */
};

/* totals[i] += ||row i of the tile - point q|| for Q points, q in order. */
ALWAYS_INLINE void add_distances(const int Q, const double *RESTRICT tile, const double *RESTRICT points, ptrdiff_t d,
                                 double *RESTRICT totals)
{
    vec_f64 sum[POINT_VECTORS][SUM_POINTS];
    double dists[SUM_POINTS * SUM_TILE];
    UNROLL
    for (int q = 0; q < Q; q++) {
        UNROLL
        for (int v = 0; v < POINT_VECTORS; v++)
            sum[v][q] = set_f64(0.0);
    }
    for (ptrdiff_t t = 0; t < d; t++) {
        vec_f64 x[POINT_VECTORS];
        UNROLL
        for (int v = 0; v < POINT_VECTORS; v++)
            x[v] = load_f64(tile + t * SUM_TILE + v * N_LANES_f64);
        UNROLL
        for (int q = 0; q < Q; q++) {
            vec_f64 c = set_f64(points[q * d + t]);
            UNROLL
            for (int v = 0; v < POINT_VECTORS; v++) {
                vec_f64 difference = x[v] - c;
                sum[v][q] += difference * difference;
            }
        }
    }
    UNROLL
    for (int q = 0; q < Q; q++) {
        UNROLL
        for (int v = 0; v < POINT_VECTORS; v++)
            store_f64(dists + q * SUM_TILE + v * N_LANES_f64, sum[v][q]);
    }
    for (int i = 0; i < Q * SUM_TILE; i++)
        dists[i] = sqrt(dists[i]);
    UNROLL
    for (int v = 0; v < POINT_VECTORS; v++) {
        vec_f64 total = load_f64(totals + v * N_LANES_f64);
        UNROLL
        for (int q = 0; q < Q; q++)
            total += load_f64(dists + q * SUM_TILE + v * N_LANES_f64);
        store_f64(totals + v * N_LANES_f64, total);
    }
}

static void add_run(const double *tile, const double *points, ptrdiff_t n_points, ptrdiff_t d, double *totals)
{
    ptrdiff_t p = 0;
    for (; p + SUM_POINTS <= n_points; p += SUM_POINTS)
        add_distances(SUM_POINTS, tile, points + p * d, d, totals);
    for (; p + SUM_FEW <= n_points; p += SUM_FEW)
        add_distances(SUM_FEW, tile, points + p * d, d, totals);
    for (; p < n_points; p++)
        add_distances(1, tile, points + p * d, d, totals);
}

ALWAYS_INLINE ptrdiff_t points_of_block(ptrdiff_t d) { return MAX_OF(SUM_LEAST_POINTS, SUM_BLOCK_VALUES / d); }
#endif

static size_t FN(sum_distances_bytes)(ptrdiff_t d)
{
    return (size_t)(SUM_TILES * SUM_TILE + points_of_block(d)) * (size_t)d * sizeof(double);
}

/* One tile of rows as doubles in data_unit, tile[t][i]; zeros where there is no row. */
static void FN(pack_sum_tile)(const kf_rows *rows, ptrdiff_t first, ptrdiff_t n_rows, double *RESTRICT tile)
{
    ptrdiff_t d = rows->d;
    double inverse = 1.0 / rows->data_unit;
    memset(tile, 0, (size_t)(d * SUM_TILE) * sizeof(double));
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        const REAL *x = (const REAL *)rows->x + (first + i) * d;
        for (ptrdiff_t t = 0; t < d; t++)
            tile[t * SUM_TILE + i] = (double)x[t] * inverse;
    }
}

/* Rows [first, first + n_rows), at most KF_SUM_ROWS; cluster j has the points [starts[j], starts[j + 1]), the first point
   is starts[0] and the last one before starts[k]. */
static void FN(sum_distances)(const kf_rows *rows, const void *points, const int64_t *starts, ptrdiff_t k, ptrdiff_t first,
                              ptrdiff_t n_rows, char *arena, double *sums)
{
    ptrdiff_t d = rows->d, of_block = points_of_block(d), n_points = (ptrdiff_t)starts[k], begin_j = 0;
    double *tiles = (double *)arena, *block = tiles + SUM_TILES * SUM_TILE * d;
    for (ptrdiff_t i = 0; i < n_rows; i += SUM_TILE)
        FN(pack_sum_tile)(rows, first + i, MIN_OF(SUM_TILE, n_rows - i), tiles + i * d);
    for (ptrdiff_t begin = 0; begin < n_points; begin += of_block) {
        ptrdiff_t end = MIN_OF(begin + of_block, n_points);
        FN(widen)((const REAL *)points + begin * d, (end - begin) * d, 0, rows->data_unit, block);
        while (starts[begin_j + 1] <= begin)
            begin_j++;
        for (ptrdiff_t i = 0; i < n_rows; i += SUM_TILE) {
            int n_here = (int)MIN_OF(SUM_TILE, n_rows - i);
            for (ptrdiff_t j = begin_j; j < k && starts[j] < end; j++) {
                ptrdiff_t from = MAX_OF((ptrdiff_t)starts[j], begin), to = MIN_OF((ptrdiff_t)starts[j + 1], end);
                double totals[SUM_TILE] = {0};
                if (from >= to)
                    continue;
                add_run(tiles + i * d, block + (from - begin) * d, to - from, d, totals);
                for (int lane = 0; lane < n_here; lane++)
                    sums[(i + lane) * k + j] += totals[lane];
            }
        }
    }
}
