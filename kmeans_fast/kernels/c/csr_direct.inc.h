/* Sparse rows: the decider, with the bits that it has for dense rows. Adding the square of zero changes nothing, so only
 * the columns where the row or the center is not zero are looked at, in order; or, where these are many, all of them,
 * against the row scattered among zeros.
 */

/* Whether a row and center j have so few nonzeros that to merge them costs less than to go through all columns. */
ALWAYS_INLINE int FN(csr_is_merged)(const kf_csr_centers *centers, ptrdiff_t n, ptrdiff_t j)
{
    return centers->n_nonzeros[j] >= 0 && n + centers->n_nonzeros[j] <= centers->most_nonzeros;
}

static double FN(csr_merged)(FN(csr_row) row, const REAL *c, const int32_t *nonzeros, ptrdiff_t n_nonzeros, double inverse_unit)
{
    double lanes[KF_LANES] = {0};
    ptrdiff_t p = 0, q = 0;
    while (p < row.n || q < n_nonzeros) {
        int32_t of_row = p < row.n ? row.columns[p] : INT32_MAX, of_center = q < n_nonzeros ? nonzeros[q] : INT32_MAX;
        int32_t t = MIN_OF(of_row, of_center);
        double x = of_row == t ? (double)row.values[p] * inverse_unit : 0.0;
        double other = of_center == t ? (double)c[t] * inverse_unit : 0.0;
        ROUNDED(x);
        ROUNDED(other);
        double difference = x - other, square = difference * difference;
        ROUNDED(square);
        lanes[t % KF_LANES] += square;
        p += of_row == t;
        q += of_center == t;
    }
    return join_lanes(lanes);
}

/* Of row64, a row in data_unit among zeros. */
static double FN(csr_scattered)(const double *RESTRICT x, const REAL *RESTRICT c, ptrdiff_t d, double inverse_unit)
{
    vec_f64 sum[DIRECT_ACCUMULATORS], units = set_f64(inverse_unit);
    double lanes[KF_LANES];
    ptrdiff_t t = 0;
    UNROLL
    for (int a = 0; a < DIRECT_ACCUMULATORS; a++)
        sum[a] = set_f64(0.0);
    for (; t + KF_LANES <= d; t += KF_LANES) {
        UNROLL
        for (int a = 0; a < DIRECT_ACCUMULATORS; a++) {
            vec_f64 other = FN(load_doubles)(c + t + a * N_LANES_f64) * units;
            ROUNDED(other);
            vec_f64 difference = load_f64(x + t + a * N_LANES_f64) - other, square = difference * difference;
            ROUNDED(square);
            sum[a] += square;
        }
    }
    UNROLL
    for (int a = 0; a < DIRECT_ACCUMULATORS; a++)
        store_f64(lanes + a * N_LANES_f64, sum[a]);
    for (; t < d; t++) {
        double other = (double)c[t] * inverse_unit;
        ROUNDED(other);
        double difference = x[t] - other, square = difference * difference;
        ROUNDED(square);
        lanes[t % KF_LANES] += square;
    }
    return join_lanes(lanes);
}

static void FN(csr_scatter)(FN(csr_row) row, REAL *out)
{
    for (ptrdiff_t p = 0; p < row.n; p++)
        out[row.columns[p]] = row.values[p];
}

static void FN(csr_unscatter)(FN(csr_row) row, REAL *out)
{
    for (ptrdiff_t p = 0; p < row.n; p++)
        out[row.columns[p]] = 0;
}

/* Where a row and a center are the same, in every column. */
static int FN(csr_is_same)(const kf_csr_centers *centers, FN(csr_row) row, ptrdiff_t j, kf_csr_scratch *s)
{
    const REAL *c = (const REAL *)centers->c + j * centers->d;
    int is_same = 1;
    ptrdiff_t n_met = 0;
    for (ptrdiff_t p = 0; p < row.n && is_same; p++) {
        is_same = row.values[p] == c[row.columns[p]];
        n_met += row.values[p] != 0;
    }
    if (!is_same || centers->n_nonzeros[j] >= 0)
        return is_same && n_met == centers->n_nonzeros[j];
    FN(csr_scatter)(row, (REAL *)s->row);
    for (ptrdiff_t t = 0; t < centers->d && is_same; t++)
        is_same = ((const REAL *)s->row)[t] == c[t];
    FN(csr_unscatter)(row, (REAL *)s->row);
    return is_same;
}

/* Squared distance of one row and center j in data_unit^2; may overflow or vanish. */
static double FN(csr_sq_dist)(const kf_csr *rows, const kf_csr_centers *centers, FN(csr_row) row, ptrdiff_t j, kf_csr_scratch *s)
{
    const REAL *c = (const REAL *)centers->c + j * centers->d;
    double inverse_unit = 1.0 / rows->data_unit;
    if (FN(csr_is_merged)(centers, row.n, j))
        return FN(csr_merged)(row, c, centers->nonzeros + j * centers->most_nonzeros, centers->n_nonzeros[j], inverse_unit);
    for (ptrdiff_t p = 0; p < row.n; p++)
        s->row64[row.columns[p]] = (double)row.values[p] * inverse_unit;
    double found = FN(csr_scattered)(s->row64, c, centers->d, inverse_unit);
    for (ptrdiff_t p = 0; p < row.n; p++)
        s->row64[row.columns[p]] = 0.0;
    return found;
}

/* The same, measured anew in a unit of its own where it is not safe. */
static double FN(csr_sq_dist_safely)(const kf_csr *rows, const kf_csr_centers *centers, FN(csr_row) row, ptrdiff_t j,
                                     kf_csr_scratch *s)
{
    double found = FN(csr_sq_dist)(rows, centers, row, j, s);
    if (is_safe(found))
        return found;
    if (FN(csr_is_same)(centers, row, j, s))
        return 0.0;
    FN(csr_scatter)(row, (REAL *)s->row);
    found = FN(sq_dist_rescaled)((const REAL *)s->row, (const REAL *)centers->c + j * centers->d, centers->d, rows->data_unit);
    FN(csr_unscatter)(row, (REAL *)s->row);
    return found;
}

/* decide() for data whose squared distances float64 can't hold in data_unit^2: all centers, in the row's own unit. */
static ptrdiff_t FN(csr_decide_rescaled)(const kf_csr_centers *centers, FN(csr_row) row, kf_csr_scratch *s)
{
    const REAL *x = (const REAL *)s->row, *c = (const REAL *)centers->c;
    double best = INFINITY;
    ptrdiff_t d = centers->d, index = 0;
    FN(csr_scatter)(row, (REAL *)s->row);
    FN(units) u = FN(row_units)(x, c, centers->k, d);
    for (ptrdiff_t j = 0; j < centers->k; j++) {
        double this = FN(sq_dist_in)(&u, x, c + j * d, d);
        if (this < best) {
            best = this;
            index = j;
        }
    }
    FN(csr_unscatter)(row, (REAL *)s->row);
    return index;
}

/* What the decider says, from candidates (increasing) that hold the truly nearest center. */
static ptrdiff_t FN(csr_decide)(const kf_csr *rows, const kf_csr_centers *centers, FN(csr_row) row, ptrdiff_t n_candidates,
                                kf_csr_scratch *s)
{
    double best = INFINITY;
    ptrdiff_t index = 0;
    for (ptrdiff_t m = 0; m < n_candidates; m++) {
        double this = FN(csr_sq_dist)(rows, centers, row, s->candidates[m], s);
        if (this < best) {
            best = this;
            index = s->candidates[m];
        }
    }
    if (is_safe(best))
        return index;
    for (ptrdiff_t m = 0; m < n_candidates; m++)
        if (FN(csr_is_same)(centers, row, s->candidates[m], s))
            return s->candidates[m];
    return FN(csr_decide_rescaled)(centers, row, s);
}
