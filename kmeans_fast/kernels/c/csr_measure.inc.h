/* Sparse rows, what is measured of them and added up. Sums, and distances to own centers, have the bits of dense rows. */

static double FN(csr_sq_norm)(const kf_csr *rows, FN(csr_row) row)
{
    double inverse_unit = 1.0 / rows->data_unit, sq_norm = 0.0;
    for (ptrdiff_t p = 0; p < row.n; p++) {
        double x = (double)row.values[p] * inverse_unit, square = x * x;
        ROUNDED(square);
        sq_norm += square;
    }
    return sq_norm;
}

/* The norm identity, or the decider where that cancels. */
ALWAYS_INLINE double FN(csr_identity_or_direct)(const kf_csr *rows, const kf_csr_centers *centers, FN(csr_row) row, ptrdiff_t j,
                                                double sq_norm, double dot, kf_csr_scratch *s)
{
    double both = sq_norm + centers->sq_norms[j], found = both - 2 * dot;
    return found >= 0.25 * both && is_safe(found) ? found : FN(csr_sq_dist_safely)(rows, centers, row, j, s);
}

/* The squared distance to center j by the identity, in data_unit^2: every product rounded and then added in order, so that
   all instruction sets agree (identity_sq_dists() in backends/csr.py). Reads no panel. */
static double FN(csr_identity)(const kf_csr *rows, const kf_csr_centers *centers, FN(csr_row) row, ptrdiff_t j, kf_csr_scratch *s)
{
    const REAL *c = (const REAL *)centers->c + j * centers->d;
    double inverse_unit = 1.0 / rows->data_unit, dot = 0.0;
    for (ptrdiff_t p = 0; p < row.n; p++) {
        double product = ((double)row.values[p] * inverse_unit) * ((double)c[row.columns[p]] * inverse_unit);
        ROUNDED(product);
        dot += product;
    }
    return FN(csr_identity_or_direct)(rows, centers, row, j, FN(csr_sq_norm)(rows, row), dot, s);
}

/* The same to all centers, to s->scores. */
static void FN(csr_identities)(const kf_csr *rows, const kf_csr_centers *centers, FN(csr_row) row, kf_csr_scratch *s)
{
    double inverse_unit = 1.0 / rows->data_unit, sq_norm = FN(csr_sq_norm)(rows, row);
    vec_f64 units = set_f64(inverse_unit);
    for (ptrdiff_t panel = 0; panel < centers->n_panels; panel++) {
        const REAL *values = (const REAL *)centers->panels + panel * centers->d * centers->width;
        int n_here = (int)MIN_OF(centers->width, centers->k - panel * centers->width);
        for (int q = 0; q < n_here; q += N_LANES_f64) {
            vec_f64 dot = set_f64(0.0);
            for (ptrdiff_t p = 0; p < row.n; p++) {
                vec_f64 other = FN(load_doubles)(values + (ptrdiff_t)row.columns[p] * centers->width + q) * units;
                vec_f64 product = set_f64((double)row.values[p] * inverse_unit) * other;
                ROUNDED(product);
                dot += product;
            }
            store_f64(s->scores + panel * centers->width + q, dot);
        }
    }
    for (ptrdiff_t j = 0; j < centers->k; j++)
        s->scores[j] = FN(csr_identity_or_direct)(rows, centers, row, j, sq_norm, s->scores[j], s);
}

/* The decider's values; of rows with so few values that its cost would be out of proportion, those of the identity. */
static void FN(csr_label_sq_dists)(const kf_csr *rows, const kf_csr_centers *centers, ptrdiff_t first, ptrdiff_t n_rows,
                                   const int32_t *labels, kf_csr_scratch *s, double *sq_dists)
{
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        FN(csr_row) row = FN(csr_row_of)(rows, first + i);
        int is_wide = rows->d > KF_CSR_WIDE * (row.n + 1);
        sq_dists[i] = (is_wide ? FN(csr_identity) : FN(csr_sq_dist_safely))(rows, centers, row, labels[i], s);
    }
}

/* Weighted sum of csr_label_sq_dists of at most SUM_BLOCK rows, as in ordered_sum(). */
static double FN(csr_label_potential)(const kf_csr *rows, const kf_csr_centers *centers, ptrdiff_t first, ptrdiff_t n_rows,
                                      const int32_t *labels, kf_csr_scratch *s)
{
    double sq_dists[KF_SUM_BLOCK], lanes[KF_LANES] = {0};
    FN(csr_label_sq_dists)(rows, centers, first, n_rows, labels, s, sq_dists);
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        double term = sq_dists[i] * (rows->weights == NULL ? 1.0 : rows->weights[first + i]);
        ROUNDED(term);
        lanes[i % KF_LANES] += term;
    }
    return join_lanes(lanes);
}

/* Add to gains what the candidates (they are the centers) would take from the terms of rows: whole numbers of 1/scale. */
static void FN(csr_seed_gains)(const kf_csr *rows, const kf_csr_centers *centers, ptrdiff_t first, ptrdiff_t n_rows,
                               const double *sq_dists, double scale, kf_csr_scratch *s, int64_t *gains)
{
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        double weight = rows->weights == NULL ? 1.0 : rows->weights[first + i];
        int64_t term = FN(whole_term)(sq_dists[i], weight, scale);
        FN(csr_identities)(rows, centers, FN(csr_row_of)(rows, first + i), s);
        for (ptrdiff_t j = 0; j < centers->k; j++)
            gains[j] += term - FN(whole_term)(MIN_OF(s->scores[j], sq_dists[i]), weight, scale);
    }
}

/* Lower sq_dists of rows to those to center 0; returns what their terms lose. Scale 0 asks for none, while all distances
   are infinite. */
static int64_t FN(csr_add_seed)(const kf_csr *rows, const kf_csr_centers *centers, ptrdiff_t first, ptrdiff_t n_rows, double scale,
                                kf_csr_scratch *s, double *sq_dists)
{
    int64_t loss = 0;
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        double weight = rows->weights == NULL ? 1.0 : rows->weights[first + i];
        double found = FN(csr_identity)(rows, centers, FN(csr_row_of)(rows, first + i), 0, s);
        if (!(found < sq_dists[i]))
            continue;
        if (scale != 0.0)
            loss += FN(whole_term)(sq_dists[i], weight, scale) - FN(whole_term)(found, weight, scale);
        sq_dists[i] = found;
    }
    return loss;
}

/* Sum of the weighted squared distances of at most SUM_BLOCK rows to center 0, as in ordered_sum(). */
static double FN(csr_sq_spread)(const kf_csr *rows, const kf_csr_centers *centers, ptrdiff_t first, ptrdiff_t n_rows,
                                kf_csr_scratch *s)
{
    double lanes[KF_LANES] = {0};
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        double found = FN(csr_identity)(rows, centers, FN(csr_row_of)(rows, first + i), 0, s);
        double term = found * (rows->weights == NULL ? 1.0 : rows->weights[first + i]);
        ROUNDED(term);
        lanes[i % KF_LANES] += term;
    }
    return join_lanes(lanes);
}

/* All n x k distances by the norm identity in float64, and directly where that cancels.
 *
 * Its absolute error is at most (n + 8) 2^-53 (||x|| + ||c||)^2 for n nonzeros; of a squared distance of at least SHARE
 * (||x||^2 + ||c||^2) that is, for the root, a relative error of at most (n + 8) 2^-53 / SHARE: within 4 (d + 4) u.
 * Below LEAST_SCALED what underflowed could be seen.
 */
#if REAL_IS_FLOAT
#define SHARE 0x1p-19
#else
#define SHARE 0.5
#endif
static void FN(csr_distances)(const kf_csr *rows, const kf_csr_centers *centers, ptrdiff_t first, ptrdiff_t n_rows,
                              kf_csr_scratch *s, void *out)
{
    double least = (double)rows->d * (double)LEAST_SCALED, unscale = 1.0 / rows->scale;
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        FN(csr_row) row = FN(csr_row_of)(rows, first + i);
        REAL *to = (REAL *)out + i * centers->k;
        double r = FN(csr_norm_up)(rows, row);
        FN(csr_scores64)(rows, centers, row, s);
        for (ptrdiff_t j = 0; j < centers->k; j++) {
            double sq = r * r + 2 * s->scores[j];
            if (sq > SHARE * (r * r + centers->sq_norms[j]) + least && sq < DBL_MAX) {
                to[j] = (REAL)(sqrt(sq) * unscale);
                continue;
            }
            double found = FN(csr_sq_dist)(rows, centers, row, j, s);
            if (is_safe(found))
                to[j] = (REAL)(sqrt(found) * rows->data_unit);
            else if (FN(csr_is_same)(centers, row, j, s))
                to[j] = 0;
            else {
                const REAL *x = (const REAL *)s->row, *c = (const REAL *)centers->c + j * rows->d;
                FN(csr_scatter)(row, (REAL *)s->row);
                FN(units) u = FN(row_units)(x, c, 1, rows->d);
                to[j] = (REAL)ldexp(sqrt(FN(sq_dist_in)(&u, x, c, rows->d)), u.exponent + (u.factor == 0.5));
                FN(csr_unscatter)(row, (REAL *)s->row);
            }
        }
    }
}
#undef SHARE

/* Where the columns from first_d on begin in a row. */
ALWAYS_INLINE ptrdiff_t FN(csr_place)(FN(csr_row) row, ptrdiff_t first_d)
{
    ptrdiff_t from = 0, to = row.n;
    while (from < to) {
        ptrdiff_t middle = from + (to - from) / 2;
        if (row.columns[middle] < first_d)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

/* The rows of a cluster lie apart, and no machine foresees where; the first lines of some are fetched ahead. */
enum { FN(ROWS_AHEAD) = 4, FN(LINES_AHEAD) = 4 };

ALWAYS_INLINE void FN(csr_fetch)(FN(csr_row) row)
{
    for (ptrdiff_t line = 0; line < FN(LINES_AHEAD) && line * KF_CACHE_LINE < row.n * (ptrdiff_t)sizeof(REAL); line++)
        FETCH((const char *)row.values + line * KF_CACHE_LINE);
    for (ptrdiff_t line = 0; line < FN(LINES_AHEAD) && line * KF_CACHE_LINE < row.n * (ptrdiff_t)sizeof(int32_t); line++)
        FETCH((const char *)row.columns + line * KF_CACHE_LINE);
}

/* The members' terms, added to the pairs of one cluster (sums.inc.h): member 2 r is row r, 2 r + 1 is row r taken away.
 *
 * Columns [first_d, stop_d), and mass only where it is given.
 */
static void FN(csr_sum_cluster)(const kf_csr *rows, const int64_t *members, ptrdiff_t n_members, ptrdiff_t first_d,
                                ptrdiff_t stop_d, double *hi, double *lo, double *mass, double *mass_lo)
{
    double inverse_unit = 1.0 / rows->data_unit;
    int is_whole = first_d == 0 && stop_d == rows->d;
    for (ptrdiff_t m = 0; m < n_members; m++) {
        ptrdiff_t at = (ptrdiff_t)(members[m] / 2);
        FN(csr_row) row = FN(csr_row_of)(rows, at);
        double weight = rows->weights == NULL ? 1.0 : rows->weights[at];
        ptrdiff_t p = is_whole ? 0 : FN(csr_place)(row, first_d), stop = is_whole ? row.n : FN(csr_place)(row, stop_d);
        if (m + FN(ROWS_AHEAD) < n_members)
            FN(csr_fetch)(FN(csr_row_of)(rows, (ptrdiff_t)(members[m + FN(ROWS_AHEAD)] / 2)));
        if (members[m] % 2 != 0)
            weight = -weight;
        if (mass != NULL)
            FN(add_pair)(mass, mass_lo, weight);
        for (; p < stop; p++) {
            double term = weight * ((double)row.values[p] * inverse_unit);
            ROUNDED(term);
            FN(add_pair)(hi + row.columns[p], lo + row.columns[p], term);
        }
    }
}
