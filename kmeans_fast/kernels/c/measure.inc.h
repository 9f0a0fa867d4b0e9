/* What is measured of rows: their largest value; squared distances by direct differences, to the row's own center, to a
   new seed, to candidate seeds. */

static double FN(largest)(const void *values, ptrdiff_t n)
{
    const REAL *x = (const REAL *)values;
    V most = FN(set)(0);
    REAL lanes[L], found = 0;
    ptrdiff_t i = 0;
    for (; i + L <= n; i += L) {
        V a = FN(load)(x + i);
        most = FN(max)(most, FN(max)(a, -a));
    }
    FN(store)(lanes, most);
    for (int lane = 0; lane < L; lane++)
        found = MAX_OF(found, lanes[lane]);
    for (; i < n; i++)
        found = MAX_OF(found, x[i] < 0 ? -x[i] : x[i]);
    return (double)found;
}

static void FN(label_sq_dists)(const kf_rows *rows, const kf_centers *centers, ptrdiff_t first, ptrdiff_t n_rows,
                               const int32_t *labels, double *row64, double *sq_dists)
{
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        const REAL *x = (const REAL *)rows->x + (first + i) * rows->d;
        FN(widen)(x, rows->d, centers->padded_d, rows->data_unit, row64);
        sq_dists[i] = FN(pair_sq_dist)(rows, centers, row64, x, labels[i]);
    }
}

static void FN(lower_sq_dists)(const kf_rows *rows, const kf_centers *centers, ptrdiff_t first, ptrdiff_t n_rows, double *row64,
                               double *sq_dists)
{
    ptrdiff_t d = rows->d;
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        const REAL *x = (const REAL *)rows->x + (first + i) * d;
        FN(widen)(x, d, centers->padded_d, rows->data_unit, row64);
        double this = FN(pair_sq_dist)(rows, centers, row64, x, 0);
        sq_dists[i] = MIN_OF(this, sq_dists[i]);
    }
}

/* One block of at most SUM_BLOCK rows: the potential that each candidate (they are the centers) would leave in it. */
static void FN(potentials)(const kf_rows *rows, const kf_centers *centers, ptrdiff_t first, ptrdiff_t n_rows,
                           const double *sq_dists, double *row64, double *lanes, double *potentials)
{
    ptrdiff_t d = rows->d, m = centers->k;
    memset(lanes, 0, (size_t)(m * KF_LANES) * sizeof(double));
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        const REAL *x = (const REAL *)rows->x + (first + i) * d;
        double least = sq_dists[i], weight = rows->weights == NULL ? 1.0 : rows->weights[first + i];
        FN(widen)(x, d, centers->padded_d, rows->data_unit, row64);
        for (ptrdiff_t j = 0; j < m; j++) {
            double this = FN(pair_sq_dist)(rows, centers, row64, x, j);
            double term = weight * MIN_OF(this, least);
            ROUNDED(term);
            lanes[j * KF_LANES + i % KF_LANES] += term;
        }
    }
    for (ptrdiff_t j = 0; j < m; j++)
        potentials[j] = join_lanes(lanes + j * KF_LANES);
}
