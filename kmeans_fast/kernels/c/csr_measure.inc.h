/* Sparse rows, what is measured of them and added up: the bits of dense rows, at the cost of the nonzeros. */

static void FN(csr_label_sq_dists)(const kf_csr *rows, const kf_csr_centers *centers, ptrdiff_t first, ptrdiff_t n_rows,
                                   const int32_t *labels, kf_csr_scratch *s, double *sq_dists)
{
    for (ptrdiff_t i = 0; i < n_rows; i++)
        sq_dists[i] = FN(csr_sq_dist_safely)(rows, centers, FN(csr_row_of)(rows, first + i), labels[i], s);
}

/* What ||x||^2 + 2 score falls short of the decider's value at most, in scaled units: the error of the scores, of the
   squared norm, and of the decider. */
typedef struct {
    double sq_norm, slack;
} FN(csr_reach);

static FN(csr_reach) FN(csr_reach_of)(const kf_csr *rows, const kf_csr_centers *centers, FN(csr_row) row)
{
    double r = FN(csr_norm_up)(rows, row);
    FN(csr_reach) reach = {r * r, FN(csr_limit)(centers, row.n, r, 0x1p-53) + (double)(3 * row.n + 40) * 0x1p-53 * r * r};
    return reach;
}

/* The decider's values are at least those of the scores less slack: most rows are proven to keep sq_dists unmeasured. */
ALWAYS_INLINE int FN(csr_is_farther)(FN(csr_reach) reach, double score, double sq_dist)
{
    return reach.sq_norm + 2 * score - reach.slack > sq_dist * (1 + 0x1p-48);
}

static void FN(csr_lower_sq_dists)(const kf_csr *rows, const kf_csr_centers *centers, ptrdiff_t first, ptrdiff_t n_rows,
                                   kf_csr_scratch *s, double *sq_dists)
{
    double unit = rows->scale * rows->data_unit;
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        FN(csr_row) row = FN(csr_row_of)(rows, first + i);
        if (sq_dists[i] == 0.0)
            continue;
        if (sq_dists[i] < INFINITY) {
            FN(csr_scores64)(rows, centers, row, s);
            if (FN(csr_is_farther)(FN(csr_reach_of)(rows, centers, row), s->scores[0], sq_dists[i] * unit * unit))
                continue;
        }
        double found = FN(csr_sq_dist_safely)(rows, centers, row, 0, s);
        sq_dists[i] = MIN_OF(found, sq_dists[i]);
    }
}

/* One block of at most SUM_BLOCK rows: the potential that each candidate would leave in it. Row i is added to lane
   i % LANES, as in ordered_sum(). */
static void FN(csr_potentials)(const kf_csr *rows, const kf_csr_centers *centers, ptrdiff_t first, ptrdiff_t n_rows,
                               const double *sq_dists, kf_csr_scratch *s, double *potentials)
{
    ptrdiff_t m = centers->k;
    double unit = rows->scale * rows->data_unit;
    memset(s->lanes, 0, (size_t)(m * KF_LANES) * sizeof(double));
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        FN(csr_row) row = FN(csr_row_of)(rows, first + i);
        double before = sq_dists[i], weight = rows->weights == NULL ? 1.0 : rows->weights[first + i];
        double *lane = s->lanes + i % KF_LANES;
        int is_scored = before > 0.0 && before < INFINITY;
        FN(csr_reach) reach = {0, 0};
        if (is_scored) {
            FN(csr_scores64)(rows, centers, row, s);
            reach = FN(csr_reach_of)(rows, centers, row);
        }
        for (ptrdiff_t j = 0; j < m; j++) {
            double term = before;
            if (before > 0.0 && !(is_scored && FN(csr_is_farther)(reach, s->scores[j], before * unit * unit))) {
                double found = FN(csr_sq_dist_safely)(rows, centers, row, j, s);
                term = MIN_OF(found, before);
            }
            term *= weight;
            ROUNDED(term);
            lane[j * KF_LANES] += term;
        }
    }
    for (ptrdiff_t j = 0; j < m; j++)
        potentials[j] = join_lanes(s->lanes + j * KF_LANES);
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

/* Add one cluster's rows, members (increasing), to its sum and mass: each group of rows by itself, then groups in order.
 *
 * Columns [first_d, stop_d), and mass only where it is given. group_sum (d) is zeros, before and after: its entries are
 * moved on once more by the columns that put them there, those of a column that comes again being zero by then.
 */
static void FN(csr_sum_cluster)(const kf_csr *rows, const ptrdiff_t *members, ptrdiff_t n_members, const int64_t *borders,
                                ptrdiff_t first_d, ptrdiff_t stop_d, double *group_sum, double *sum, double *mass)
{
    double inverse_unit = 1.0 / rows->data_unit;
    int is_whole = first_d == 0 && stop_d == rows->d;
    for (ptrdiff_t m = 0; m < n_members;) {
        ptrdiff_t first = m;
        double group_mass = 0.0;
        while (members[m] >= *borders)
            borders++;
        for (; m < n_members && members[m] < *borders; m++) {
            FN(csr_row) row = FN(csr_row_of)(rows, members[m]);
            double weight = rows->weights == NULL ? 1.0 : rows->weights[members[m]];
            ptrdiff_t p = is_whole ? 0 : FN(csr_place)(row, first_d), stop = is_whole ? row.n : FN(csr_place)(row, stop_d);
            group_mass += weight;
            for (; p < stop; p++) {
                double term = weight * ((double)row.values[p] * inverse_unit);
                ROUNDED(term);
                group_sum[row.columns[p]] += term;
            }
        }
        for (ptrdiff_t of_group = first; of_group < m; of_group++) {
            FN(csr_row) row = FN(csr_row_of)(rows, members[of_group]);
            ptrdiff_t p = is_whole ? 0 : FN(csr_place)(row, first_d), stop = is_whole ? row.n : FN(csr_place)(row, stop_d);
            for (; p < stop; p++) {
                sum[row.columns[p]] += group_sum[row.columns[p]];
                group_sum[row.columns[p]] = 0.0;
            }
        }
        if (mass != NULL)
            *mass += group_mass;
    }
}
