/* Weighted sums of rows by label: rows in order, every term rounded before it is added. */

/* Sums lie in rows of a whole number of vectors (the stride), so that no access spans two cache lines. Where
   may_overrun, the values after the row are read and added too, in lanes that nobody reads. */
ALWAYS_INLINE void FN(add_row)(const REAL *RESTRICT x, ptrdiff_t n_d, int may_overrun, double *RESTRICT sum)
{
    ptrdiff_t t = 0, stop = may_overrun ? n_d : n_d - N_LANES_f64 + 1;
    for (; t < stop; t += N_LANES_f64)
        store_f64(sum + t, load_f64(sum + t) + FN(load_doubles)(x + t));
    for (; t < n_d; t++)
        sum[t] += (double)x[t];
}

ALWAYS_INLINE void FN(add_weighted_row)(const REAL *RESTRICT x, double weight, double inverse_unit, ptrdiff_t n_d, double *RESTRICT sum)
{
    vec_f64 weights = set_f64(weight), units = set_f64(inverse_unit);
    ptrdiff_t t = 0;
    for (; t + N_LANES_f64 <= n_d; t += N_LANES_f64) {
        vec_f64 term = weights * (FN(load_doubles)(x + t) * units);
        ROUNDED(term);
        store_f64(sum + t, load_f64(sum + t) + term);
    }
    for (; t < n_d; t++) {
        double term = weight * ((double)x[t] * inverse_unit);
        ROUNDED(term);
        sum[t] += term;
    }
}

/* Features [first_d, first_d + n_d) of the rows [first, first + n_rows); mass only where it is given. */
static void FN(sum_by_label)(const kf_rows *rows, ptrdiff_t first, ptrdiff_t n_rows, ptrdiff_t first_d, ptrdiff_t n_d,
                             const int32_t *labels, double *sums, ptrdiff_t stride, double *mass)
{
    ptrdiff_t d = rows->d, n_overrun;
    const REAL *x = (const REAL *)rows->x + first * d + first_d;
    const double *weights = rows->weights == NULL ? NULL : rows->weights + first;
    double inverse_unit = 1.0 / rows->data_unit;
    int is_plain = weights == NULL && inverse_unit == 1.0;
    sums += first_d;
    if (mass != NULL)
        for (ptrdiff_t i = 0; i < n_rows; i++)
            mass[labels[i]] += weights == NULL ? 1.0 : weights[i];
    /* Only the last row of all may not be read beyond its end; with other features to come, only these may be added to. */
    n_overrun = first_d + n_d < d || d < N_LANES_f64 / 2 ? 0 : first + n_rows < rows->n ? n_rows : n_rows - 1 - N_LANES_f64 / d;
    if (is_plain && n_d == 1)
        for (ptrdiff_t i = 0; i < n_rows; i++)
            sums[labels[i] * stride] += (double)x[i * d];
    else if (is_plain && n_d == 2)
        for (ptrdiff_t i = 0; i < n_rows; i++) {
            double *sum = sums + labels[i] * stride;
            sum[0] += (double)x[i * d];
            sum[1] += (double)x[i * d + 1];
        }
    else if (is_plain) {
        ptrdiff_t i = 0;
        for (; i < n_overrun; i++)
            FN(add_row)(x + i * d, n_d, 1, sums + labels[i] * stride);
        for (; i < n_rows; i++)
            FN(add_row)(x + i * d, n_d, 0, sums + labels[i] * stride);
    } else
        for (ptrdiff_t i = 0; i < n_rows; i++)
            FN(add_weighted_row)(x + i * d, weights == NULL ? 1.0 : weights[i], inverse_unit, n_d, sums + labels[i] * stride);
}

/* The same sums and mass where k x d doubles do not fit the cache: the rows of a cluster one after the other.
   order is a stable sort of the n_rows rows by label, cluster j's from starts[j] to starts[j + 1]; clusters [first, stop). */
static void FN(sum_clusters)(const kf_rows *rows, ptrdiff_t first_row, const int32_t *order, const ptrdiff_t *starts,
                             ptrdiff_t first, ptrdiff_t stop, double *sums, ptrdiff_t stride, double *mass)
{
    ptrdiff_t d = rows->d;
    double inverse_unit = 1.0 / rows->data_unit;
    for (ptrdiff_t j = first; j < stop; j++)
        for (ptrdiff_t m = starts[j]; m < starts[j + 1]; m++) {
            ptrdiff_t row = first_row + order[m];
            const REAL *x = (const REAL *)rows->x + row * d;
            double weight = rows->weights == NULL ? 1.0 : rows->weights[row];
            mass[j] += weight;
            if (rows->weights == NULL && inverse_unit == 1.0)
                FN(add_row)(x, d, 0, sums + j * stride);
            else
                FN(add_weighted_row)(x, weight, inverse_unit, d, sums + j * stride);
        }
}
