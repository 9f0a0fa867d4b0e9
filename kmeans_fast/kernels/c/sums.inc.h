/* Sums of rows by label as pairs hi + lo that hold twice the digits of a double, and so, on ordinary data, every digit
 * there is: their order can't be seen then, and a row that leaves takes away just what it brought.
 *
 * Source: Knuth, The Art of Computer Programming 2, 4.2.2, theorem B (the error of a sum is a double); Ogita, Rump and
 * Oishi, Accurate sum and dot product, 2005, algorithm 4.4.
 */
ALWAYS_INLINE void FN(add_pair)(double *hi, double *lo, double term)
{
    double sum = *hi + term, rest = sum - *hi;
    *lo += (*hi - (sum - rest)) + (term - rest);
    *hi = sum;
}

ALWAYS_INLINE void FN(add_pairs)(double *hi, double *lo, vec_f64 term)
{
    vec_f64 old = load_f64(hi), sum = old + term, rest = sum - old;
    store_f64(lo, load_f64(lo) + ((old - (sum - rest)) + (term - rest)));
    store_f64(hi, sum);
}

/* Whole numbers: adding MAGIC leaves them in the last digits of the double. Exact, and as fast as a plain sum. */
ALWAYS_INLINE ivec_f64 FN(fixed)(vec_f64 x, double scale)
{
    const double MAGIC = 0x1.8p52;
    vec_f64 shifted = x * set_f64(scale) + set_f64(MAGIC), magic = set_f64(MAGIC);
    ivec_f64 digits, zero;
    memcpy(&digits, &shifted, sizeof digits);
    memcpy(&zero, &magic, sizeof zero);
    return digits - zero;
}

ALWAYS_INLINE void FN(add_fixed_row)(const REAL *RESTRICT x, ptrdiff_t n_d, int may_overrun, double scale, int64_t *RESTRICT sum)
{
    ptrdiff_t t = 0, stop = may_overrun ? n_d : n_d - N_LANES_f64 + 1;
    for (; t < stop; t += N_LANES_f64) {
        ivec_f64 old;
        memcpy(&old, sum + t, sizeof old);
        store_int_f64(sum + t, old + FN(fixed)(FN(load_doubles)(x + t), scale));
    }
    for (; t < n_d; t++)
        sum[t] += (int64_t)((double)x[t] * scale);
}

/* Sums lie in rows of a whole number of vectors (the stride), so that no access spans two cache lines. Where
   may_overrun, the values after the row are read and added too, in lanes that nobody reads. */
ALWAYS_INLINE void FN(add_row)(const REAL *RESTRICT x, ptrdiff_t n_d, int may_overrun, double *RESTRICT hi, double *RESTRICT lo)
{
    ptrdiff_t t = 0, stop = may_overrun ? n_d : n_d - N_LANES_f64 + 1;
    for (; t < stop; t += N_LANES_f64)
        FN(add_pairs)(hi + t, lo + t, FN(load_doubles)(x + t));
    for (; t < n_d; t++)
        FN(add_pair)(hi + t, lo + t, (double)x[t]);
}

/* weight times row; a weight of -1 takes a row out. */
ALWAYS_INLINE void FN(add_weighted_row)(const REAL *RESTRICT x, double weight, double inverse_unit, ptrdiff_t n_d,
                                        double *RESTRICT hi, double *RESTRICT lo)
{
    vec_f64 weights = set_f64(weight), units = set_f64(inverse_unit);
    ptrdiff_t t = 0;
    for (; t + N_LANES_f64 <= n_d; t += N_LANES_f64) {
        vec_f64 term = weights * (FN(load_doubles)(x + t) * units);
        ROUNDED(term);
        FN(add_pairs)(hi + t, lo + t, term);
    }
    for (; t < n_d; t++) {
        double term = weight * ((double)x[t] * inverse_unit);
        ROUNDED(term);
        FN(add_pair)(hi + t, lo + t, term);
    }
}

/* Features [first_d, first_d + n_d) of the rows [first, first + n_rows); mass only where first_d is 0. */
static void FN(sum_by_label)(const kf_rows *rows, ptrdiff_t first, ptrdiff_t n_rows, ptrdiff_t first_d, ptrdiff_t n_d,
                             const int32_t *labels, const kf_sums *sums)
{
    ptrdiff_t d = rows->d, n_overrun, stride = sums->stride;
    const REAL *x = (const REAL *)rows->x + first * d + first_d;
    const double *weights = rows->weights == NULL ? NULL : rows->weights + first;
    double inverse_unit = 1.0 / rows->data_unit, *hi = sums->hi + first_d, *lo = sums->lo == NULL ? NULL : sums->lo + first_d;
    int is_plain = weights == NULL && inverse_unit == 1.0;
    if (first_d == 0 && weights == NULL)
        for (ptrdiff_t i = 0; i < n_rows; i++)
            sums->mass[labels[i]] += 1.0;
    else if (first_d == 0)
        for (ptrdiff_t i = 0; i < n_rows; i++)
            FN(add_pair)(sums->mass + labels[i], sums->mass_lo + labels[i], weights[i]);
    /* Only the last row of all may not be read beyond its end; with other features to come, only these may be added to. */
    n_overrun = first_d + n_d < d || d < N_LANES_f64 / 2 ? 0 : first + n_rows < rows->n ? n_rows : n_rows - 1 - N_LANES_f64 / d;
    if (lo == NULL) {
        int64_t *fixed = sums->fixed + first_d;
        if (n_d <= 2)
            for (ptrdiff_t i = 0; i < n_rows; i++) {
                int64_t *sum = fixed + labels[i] * stride;
                sum[0] += (int64_t)((double)x[i * d] * rows->fixed_scale);
                if (n_d == 2)
                    sum[1] += (int64_t)((double)x[i * d + 1] * rows->fixed_scale);
            }
        else
            for (ptrdiff_t i = 0; i < n_rows; i++)
                FN(add_fixed_row)(x + i * d, n_d, i < n_overrun, rows->fixed_scale, fixed + labels[i] * stride);
    } else if (is_plain && n_d <= 2)
        for (ptrdiff_t i = 0; i < n_rows; i++) {
            ptrdiff_t at = labels[i] * stride;
            FN(add_pair)(hi + at, lo + at, (double)x[i * d]);
            if (n_d == 2)
                FN(add_pair)(hi + at + 1, lo + at + 1, (double)x[i * d + 1]);
        }
    else if (is_plain) {
        ptrdiff_t i = 0;
        for (; i < n_overrun; i++)
            FN(add_row)(x + i * d, n_d, 1, hi + labels[i] * stride, lo + labels[i] * stride);
        for (; i < n_rows; i++)
            FN(add_row)(x + i * d, n_d, 0, hi + labels[i] * stride, lo + labels[i] * stride);
    } else
        for (ptrdiff_t i = 0; i < n_rows; i++)
            FN(add_weighted_row)(x + i * d, weights == NULL ? 1.0 : weights[i], inverse_unit, n_d, hi + labels[i] * stride,
                                 lo + labels[i] * stride);
}

/* The rows moved[m], each of weight one, go from the pairs of cluster before[m] to those of after[m], n_moved of them. */
static void FN(move_pairs)(const kf_rows *rows, const int64_t *moved, const int32_t *before, const int32_t *after,
                           ptrdiff_t n_moved, const kf_sums *sums)
{
    ptrdiff_t d = rows->d;
    double inverse_unit = 1.0 / rows->data_unit;
    for (ptrdiff_t m = 0; m < n_moved; m++) {
        const REAL *x = (const REAL *)rows->x + (ptrdiff_t)moved[m] * d;
        ptrdiff_t from = before[m] * sums->stride, to = after[m] * sums->stride;
        sums->mass[before[m]] -= 1.0;
        sums->mass[after[m]] += 1.0;
        FN(add_weighted_row)(x, -1.0, inverse_unit, d, sums->hi + from, sums->lo + from);
        FN(add_weighted_row)(x, 1.0, inverse_unit, d, sums->hi + to, sums->lo + to);
    }
}

/* Whole numbers of the rows moved[m] go from the sums of cluster before[m] to those of after[m], n_moved of them. */
static void FN(move_fixed)(const kf_rows *rows, const int64_t *moved, const int32_t *before, const int32_t *after,
                           ptrdiff_t n_moved, ptrdiff_t stride, int64_t *fixed, double *mass)
{
    ptrdiff_t d = rows->d, whole = d - d % N_LANES_f64;
    double scale = rows->fixed_scale;
    for (ptrdiff_t m = 0; m < n_moved; m++) {
        const REAL *x = (const REAL *)rows->x + (ptrdiff_t)moved[m] * d;
        int64_t *from = fixed + before[m] * stride, *to = fixed + after[m] * stride;
        mass[before[m]] -= 1.0;
        mass[after[m]] += 1.0;
        for (ptrdiff_t t = 0; t < whole; t += N_LANES_f64) {
            ivec_f64 value = FN(fixed)(FN(load_doubles)(x + t), scale), a, b;
            memcpy(&a, from + t, sizeof a);
            store_int_f64(from + t, a - value);
            memcpy(&b, to + t, sizeof b);
            store_int_f64(to + t, b + value);
        }
        for (ptrdiff_t t = whole; t < d; t++) {
            int64_t value = (int64_t)((double)x[t] * scale);
            from[t] -= value;
            to[t] += value;
        }
    }
}

/* The same sums and mass, one cluster after the other: for each cluster j of [first, stop), the places
   order[starts[j]] to order[starts[j + 1]]. A place is a row beyond first_row; or, where moved is given, place 2 m
   is the row moved[m] that leaves the cluster and 2 m + 1 the same row that joins it (never as whole numbers). */
static void FN(sum_clusters)(const kf_rows *rows, ptrdiff_t first_row, const int64_t *moved, const int32_t *order,
                             const ptrdiff_t *starts, ptrdiff_t first, ptrdiff_t stop, const kf_sums *sums)
{
    ptrdiff_t d = rows->d;
    double inverse_unit = 1.0 / rows->data_unit;
    for (ptrdiff_t j = first; j < stop; j++) {
        double *hi = sums->hi + j * sums->stride, *lo = sums->lo == NULL ? NULL : sums->lo + j * sums->stride;
        for (ptrdiff_t m = starts[j]; m < starts[j + 1]; m++) {
            ptrdiff_t row = moved == NULL ? first_row + order[m] : (ptrdiff_t)moved[order[m] / 2];
            int leaves = moved != NULL && order[m] % 2 == 0;
            const REAL *x = (const REAL *)rows->x + row * d;
            double weight = rows->weights == NULL ? 1.0 : rows->weights[row];
            FN(add_pair)(sums->mass + j, sums->mass_lo + j, leaves ? -weight : weight);
            if (lo == NULL)
                FN(add_fixed_row)(x, d, 0, rows->fixed_scale, sums->fixed + j * sums->stride);
            else if (rows->weights == NULL && inverse_unit == 1.0 && !leaves)
                FN(add_row)(x, d, 0, hi, lo);
            else
                FN(add_weighted_row)(x, leaves ? -weight : weight, inverse_unit, d, hi, lo);
        }
    }
}
