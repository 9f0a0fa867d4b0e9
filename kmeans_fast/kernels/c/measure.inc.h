/* Squared distances by direct differences: to the row's own center, to a new seed, to candidate seeds. */

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
    ptrdiff_t d = rows->d, padded_d = centers->padded_d;
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        FN(widen)((const REAL *)rows->x + (first + i) * d, d, padded_d, rows->data_unit, row64);
        double this = sq_dist(row64, centers->direct, d, padded_d);
        sq_dists[i] = MIN_OF(this, sq_dists[i]);
    }
}

/* One block of at most SUM_BLOCK rows: the potential that each candidate (they are the centers) would leave in it. */
static void FN(potentials)(const kf_rows *rows, const kf_centers *centers, ptrdiff_t first, ptrdiff_t n_rows,
                           const double *sq_dists, double *row64, double *lanes, double *potentials)
{
    ptrdiff_t d = rows->d, padded_d = centers->padded_d, m = centers->k;
    memset(lanes, 0, (size_t)(m * KF_LANES) * sizeof(double));
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        double least = sq_dists[i], weight = rows->weights == NULL ? 1.0 : rows->weights[first + i];
        FN(widen)((const REAL *)rows->x + (first + i) * d, d, padded_d, rows->data_unit, row64);
        for (ptrdiff_t j = 0; j < m; j++) {
            double this = sq_dist(row64, centers->direct + j * padded_d, d, padded_d);
            double term = weight * MIN_OF(this, least);
            ROUNDED(term);
            lanes[j * KF_LANES + i % KF_LANES] += term;
        }
    }
    for (ptrdiff_t j = 0; j < m; j++)
        potentials[j] = join_lanes(lanes + j * KF_LANES);
}
