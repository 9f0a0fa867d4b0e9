/* Where the centers go, how far that is, and what the inertia is made of; in one pass over sums and centers. */

/* Rest of the division sum / mass, to full precision: sum - mass * mean, where mean is the rounded quotient.
   Source: Dekker, A floating-point technique for extending the available precision, 1971. */
ALWAYS_INLINE vec_f64 FN(division_rest)(vec_f64 sum, vec_f64 sum_lo, vec_f64 mass, vec_f64 mass_lo, vec_f64 mean)
{
    vec_f64 splitter = set_f64(0x1p27 + 1), product = mass * mean, scaled_mass = splitter * mass, scaled_mean = splitter * mean;
    ROUNDED(product);
    ROUNDED(scaled_mass);
    ROUNDED(scaled_mean);
    vec_f64 mass_1 = scaled_mass - (scaled_mass - mass), mean_1 = scaled_mean - (scaled_mean - mean);
    vec_f64 mass_2 = mass - mass_1, mean_2 = mean - mean_1;
    vec_f64 high = mass_1 * mean_1, left = mass_1 * mean_2, right = mass_2 * mean_1, low = mass_2 * mean_2, tail = mass_lo * mean;
    ROUNDED(high);
    ROUNDED(left);
    ROUNDED(right);
    ROUNDED(low);
    ROUNDED(tail);
    vec_f64 error = (high - product) + left + right;
    error += low;
    return (((sum - product) - error) + sum_lo) - tail;
}

/* One vector of features; the terms of three sums come back. */
ALWAYS_INLINE void FN(move_vector)(const double *hi, const double *lo, double mass, double mass_lo, double data_unit,
                                   const double *c, const double *origin, double *mean, vec_f64 *moment, vec_f64 *square)
{
    vec_f64 sum = load_f64(hi), m = set_f64(mass), quotient = sum / m, about = load_f64(c) - load_f64(origin);
    vec_f64 shift = m * load_f64(origin);
    ROUNDED(shift);
    if (!REAL_IS_FLOAT) {
        vec_f64 rest = FN(division_rest)(sum, load_f64(lo), m, set_f64(mass_lo), quotient) / m;
        quotient = quotient + rest;
    }
    if (data_unit != 1.0) {
        quotient = quotient * set_f64(data_unit);
        ROUNDED(quotient);
    }
    store_f64(mean, quotient);
    *moment = about * (shift - sum);
    ROUNDED(*moment);
    *square = about * about;
    ROUNDED(*square);
}

/* New centers, squared moves and the two sums of engine/inertia.py for the clusters [first, stop), which have mass. */
static void FN(move_centers)(const kf_sums *sums, const void *centers, ptrdiff_t d, double data_unit, const void *origin,
                             ptrdiff_t first, ptrdiff_t stop, void *new_centers, double *sq_shifts, double *from_sums,
                             double *from_means)
{
    const REAL *o = (const REAL *)origin;
    double inverse_unit = 1.0 / data_unit;
    for (ptrdiff_t j = first; j < stop; j++) {
        const REAL *c = (const REAL *)centers + j * d;
        REAL *to = (REAL *)new_centers + j * d;
        const double *hi = sums->hi + j * sums->stride, *lo = sums->lo + j * sums->stride;
        double moments[KF_LANES] = {0}, squares[KF_LANES] = {0}, moves[KF_LANES] = {0};
        for (ptrdiff_t t = 0; t < d; t += KF_LANES) {
            int n = (int)MIN_OF(KF_LANES, d - t);
            double high[KF_LANES] = {0}, low[KF_LANES] = {0}, center[KF_LANES] = {0}, about[KF_LANES] = {0}, mean[KF_LANES];
            for (int i = 0; i < n; i++) {
                high[i] = hi[t + i];
                low[i] = lo[t + i];
                center[i] = (double)c[t + i] * inverse_unit;
                about[i] = (double)o[t + i] * inverse_unit;
            }
            for (int i = 0; i < KF_LANES; i += N_LANES_f64) {
                vec_f64 moment, square;
                FN(move_vector)(high + i, low + i, sums->mass[j], sums->mass_lo[j], data_unit, center + i, about + i, mean + i,
                                &moment, &square);
                store_f64(moments + i, load_f64(moments + i) + moment);
                store_f64(squares + i, load_f64(squares + i) + square);
            }
            for (int i = 0; i < n; i++) {
                to[t + i] = (REAL)mean[i];
                mean[i] = (double)to[t + i] * inverse_unit;
            }
            for (int i = n; i < KF_LANES; i++)
                mean[i] = 0.0;
            for (int i = 0; i < KF_LANES; i += N_LANES_f64) {
                vec_f64 move = load_f64(mean + i) - load_f64(center + i), square = move * move;
                ROUNDED(square);
                store_f64(moves + i, load_f64(moves + i) + square);
            }
        }
        sq_shifts[j] = join_lanes(moves);
        from_sums[j] = join_lanes(moments);
        from_means[j] = join_lanes(squares) * sums->mass[j];
    }
}
