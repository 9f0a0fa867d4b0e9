/* What is measured of rows: their largest value; squared distances by direct differences, to the row's own center, to a
   new seed, to candidate seeds. */

/* At most SUM_BLOCK values and, beside each, its feature of the origin. x - x is 0 for what is finite, else NaN. The
   squares are added as strided_sum() in backends/protocol.py does. */
static kf_survey FN(survey)(const void *values, ptrdiff_t n, const double *origin)
{
    const REAL *x = (const REAL *)values;
    V most = FN(set)(0), least = FN(set)(INFINITY), none = FN(set)(0);
    vec_f64 sums[DIRECT_ACCUMULATORS];
    REAL lanes[L], largest = 0, smallest = INFINITY, doubt = 0;
    double squares[KF_LANES];
    ptrdiff_t i = 0, whole = n / KF_LANES * KF_LANES;
    for (; i + L <= n; i += L) {
        V a = FN(load)(x + i), magnitude = FN(max)(a, -a);
        none += a - a;
        most = FN(max)(most, magnitude);
        least = FN(min)(least, FN(pick)(FN(set)(0), magnitude, magnitude, FN(set)(INFINITY)));
    }
    FN(store)(lanes, most);
    for (int lane = 0; lane < L; lane++)
        largest = MAX_OF(largest, lanes[lane]);
    FN(store)(lanes, least);
    for (int lane = 0; lane < L; lane++)
        smallest = MIN_OF(smallest, lanes[lane]);
    FN(store)(lanes, none);
    for (int lane = 0; lane < L; lane++)
        doubt += lanes[lane];
    for (; i < n; i++) {
        REAL magnitude = x[i] < 0 ? -x[i] : x[i];
        doubt += x[i] - x[i];
        largest = MAX_OF(largest, magnitude);
        smallest = magnitude > 0 ? MIN_OF(smallest, magnitude) : smallest;
    }
    for (int a = 0; a < DIRECT_ACCUMULATORS; a++)
        sums[a] = set_f64(0.0);
    for (i = 0; i < whole; i += KF_LANES) {
        UNROLL
        for (int a = 0; a < DIRECT_ACCUMULATORS; a++) {
            vec_f64 difference = FN(load_doubles)(x + i + a * N_LANES_f64) - load_f64(origin + i + a * N_LANES_f64);
            vec_f64 square = difference * difference;
            ROUNDED(square);
            sums[a] += square;
        }
    }
    for (int a = 0; a < DIRECT_ACCUMULATORS; a++)
        store_f64(squares + a * N_LANES_f64, sums[a]);
    for (; i < n; i++) {
        double difference = (double)x[i] - origin[i], square = difference * difference;
        ROUNDED(square);
        squares[i - whole] += square;
    }
    return (kf_survey){(double)(largest + doubt), (double)smallest, join_lanes(squares)};
}

/* LANES rows of d values as doubles divided by a unit: tile[t][i], with zeros from d to padded_d and for rows past n_rows. */
static void FN(pack_lanes)(const REAL *const *row, int n_rows, ptrdiff_t d, ptrdiff_t padded_d, double inverse_unit,
                           double *RESTRICT tile)
{
#if HAS_TRANSPOSE
    if (n_rows == KF_LANES && d >= N_LANES_f64) {
        for (int i = 0; i < KF_LANES; i += N_LANES_f64)
            for (ptrdiff_t next = 0; next < d; next += N_LANES_f64) {
                ptrdiff_t t = MIN_OF(next, d - N_LANES_f64); /* the last one overlaps */
                vec_f64 a[N_LANES_f64];
                UNROLL
                for (int r = 0; r < N_LANES_f64; r++)
                    a[r] = FN(load_doubles)(row[i + r] + t);
                transpose_f64(a);
                UNROLL
                for (int r = 0; r < N_LANES_f64; r++)
                    store_f64(tile + (t + r) * KF_LANES + i, a[r] * set_f64(inverse_unit));
            }
        memset(tile + d * KF_LANES, 0, (size_t)((padded_d - d) * KF_LANES) * sizeof(double));
        return;
    }
#endif
    if (n_rows < KF_LANES)
        memset(tile, 0, (size_t)(d * KF_LANES) * sizeof(double));
    memset(tile + d * KF_LANES, 0, (size_t)((padded_d - d) * KF_LANES) * sizeof(double));
    for (int i = 0; i < n_rows; i++)
        for (ptrdiff_t t = 0; t < d; t++)
            tile[t * KF_LANES + i] = (double)row[i][t] * inverse_unit;
}

/* Rows [first, first + n_rows) of the data, in data_unit. */
ALWAYS_INLINE void FN(pack_rows)(const kf_rows *rows, ptrdiff_t first, int n_rows, ptrdiff_t padded_d, double *tile)
{
    const REAL *row[KF_LANES];
    for (int i = 0; i < n_rows; i++)
        row[i] = (const REAL *)rows->x + (first + i) * rows->d;
    FN(pack_lanes)(row, n_rows, rows->d, padded_d, 1.0 / rows->data_unit, tile);
}

/* direct() of the LANES rows of a tile, a lane a row: the same sums in the same order. The other operand is one center
   (step 1: its values in a row) or a tile of as many centers (step LANES). */
ALWAYS_INLINE void FN(add_lanes)(const int n_sums, const double *RESTRICT tile, const double *RESTRICT c, const int step,
                                 ptrdiff_t padded_d, double *sq_dists)
{
    for (int i = 0; i < KF_LANES; i += N_LANES_f64) {
        vec_f64 p[KF_LANES];
        UNROLL
        for (int r = 0; r < KF_LANES; r++)
            p[r] = set_f64(0.0);
        for (ptrdiff_t t = 0; t < padded_d; t += n_sums) {
            UNROLL
            for (int r = 0; r < n_sums; r++) {
                vec_f64 other = step == 1 ? set_f64(c[t + r]) : load_f64(c + (t + r) * KF_LANES + i);
                vec_f64 difference = load_f64(tile + (t + r) * KF_LANES + i) - other;
                vec_f64 square = difference * difference;
                ROUNDED(square);
                p[r] += square;
            }
        }
        store_f64(sq_dists + i, ((p[0] + p[4]) + (p[2] + p[6])) + ((p[1] + p[5]) + (p[3] + p[7])));
    }
}

/* Up to four features leave half of the partial sums zero. */
ALWAYS_INLINE void FN(direct_lanes)(const double *tile, const double *c, const int step, ptrdiff_t d, ptrdiff_t padded_d,
                                    double *sq_dists)
{
    if (d <= KF_LANES / 2)
        FN(add_lanes)(KF_LANES / 2, tile, c, step, KF_LANES / 2, sq_dists);
    else
        FN(add_lanes)(KF_LANES, tile, c, step, padded_d, sq_dists);
}

ALWAYS_INLINE int FN(are_safe)(const double *sq_dists)
{
    int n_safe = 0;
    for (int i = 0; i < KF_LANES; i++)
        n_safe += is_safe(sq_dists[i]);
    return n_safe == KF_LANES;
}

static double FN(sq_dist_anew)(const kf_rows *rows, const kf_centers *centers, ptrdiff_t row, ptrdiff_t j)
{
    ptrdiff_t d = rows->d;
    return FN(sq_dist_rescaled)((const REAL *)rows->x + row * d, (const REAL *)centers->c + j * d, d, rows->data_unit);
}

/* Squared distances of up to LANES rows to center j; what is not safe is measured anew. */
ALWAYS_INLINE void FN(sq_dists_of_lanes)(const kf_rows *rows, const kf_centers *centers, ptrdiff_t j, ptrdiff_t first, int n_rows,
                                         const double *tile, double *sq_dists)
{
    FN(direct_lanes)(tile, centers->direct + j * centers->padded_d, 1, rows->d, centers->padded_d, sq_dists);
    if (FN(are_safe)(sq_dists))
        return;
    for (int i = 0; i < n_rows; i++)
        if (!is_safe(sq_dists[i]))
            sq_dists[i] = FN(sq_dist_anew)(rows, centers, first + i, j);
}

/* join_lanes() of each row. */
ALWAYS_INLINE void FN(join_rows)(const double (*sums)[KF_LANES], double *sq_dists)
{
#if HAS_TRANSPOSE && LANES_OF_DOUBLE == 8
    vec_f64 p[KF_LANES];
    UNROLL
    for (int i = 0; i < KF_LANES; i++)
        p[i] = load_f64(sums[i]);
    transpose_f64(p);
    store_f64(sq_dists, ((p[0] + p[4]) + (p[2] + p[6])) + ((p[1] + p[5]) + (p[3] + p[7])));
#else
    for (int i = 0; i < KF_LANES; i++)
        sq_dists[i] = join_lanes(sums[i]);
#endif
}

/* direct() of LANES rows, each with its own center, the partial sums of a row in one vector (or a few): no row need be
   transposed, only the sums. */
ALWAYS_INLINE void FN(direct_rows)(const int is_plain, const REAL *const *row, const double *const *center, ptrdiff_t d,
                                   double inverse_unit, double *sq_dists)
{
    vec_f64 units = set_f64(inverse_unit);
    double sums[KF_LANES][KF_LANES] ALIGNED64;
    for (int i = 0; i < KF_LANES; i++) {
        vec_f64 p[DIRECT_ACCUMULATORS];
        ptrdiff_t t = 0;
        UNROLL
        for (int a = 0; a < DIRECT_ACCUMULATORS; a++)
            p[a] = set_f64(0.0);
        for (; t + KF_LANES <= d; t += KF_LANES) {
            UNROLL
            for (int a = 0; a < DIRECT_ACCUMULATORS; a++) {
                vec_f64 x = FN(load_doubles)(row[i] + t + a * N_LANES_f64);
                if (!is_plain) {
                    x *= units;
                    ROUNDED(x);
                }
                vec_f64 difference = x - load_f64(center[i] + t + a * N_LANES_f64), square = difference * difference;
                ROUNDED(square);
                p[a] += square;
            }
        }
        UNROLL
        for (int a = 0; a < DIRECT_ACCUMULATORS; a++)
            store_f64(sums[i] + a * N_LANES_f64, p[a]);
        for (int lane = 0; t < d; t++, lane++) {
            double x = (double)row[i][t] * inverse_unit;
            ROUNDED(x);
            double difference = x - center[i][t], square = difference * difference;
            ROUNDED(square);
            sums[i][lane] += square;
        }
    }
    FN(join_rows)(sums, sq_dists);
}

/* 1 for the features that are left over when whole vectors are done, from one place on. */
static const double FN(REST)[2 * KF_LANES] = {1, 1, 1, 1, 1, 1, 1, 1};

/* direct() of LANES rows and one center, as many at once as have their partial sums in registers. Rows are read up to a
   whole vector, if they have more than that behind them. */
ALWAYS_INLINE void FN(direct_from)(const int is_plain, const REAL *const *row, const REAL *last_of_rows, const double *center,
                                   ptrdiff_t d, double inverse_unit, double *sq_dists)
{
    double sums[KF_LANES][KF_LANES] ALIGNED64, copies[KF_LANES][KF_LANES] ALIGNED64;
    const REAL *rest[KF_LANES];
    ptrdiff_t whole = d / KF_LANES * KF_LANES;
    for (int i = 0; i < KF_LANES && whole < d; i++) {
        rest[i] = row[i] + whole;
        if (rest[i] > last_of_rows) {
            memcpy(copies[i], rest[i], (size_t)(d - whole) * sizeof(REAL));
            rest[i] = (const REAL *)copies[i];
        }
    }
    for (int first = 0; first < KF_LANES; first += N_LANES_f64) {
        vec_f64 p[N_LANES_f64][DIRECT_ACCUMULATORS];
        UNROLL
        for (int i = 0; i < N_LANES_f64; i++)
            UNROLL
            for (int a = 0; a < DIRECT_ACCUMULATORS; a++)
                p[i][a] = set_f64(0.0);
#define ADD_VECTOR(X, T, KEEP)                                                                                         \
    UNROLL                                                                                                             \
    for (int a = 0; a < DIRECT_ACCUMULATORS; a++) {                                                                    \
        vec_f64 c = load_f64(center + (T) + a * N_LANES_f64);                                                          \
        UNROLL                                                                                                         \
        for (int i = 0; i < N_LANES_f64; i++) {                                                                        \
            vec_f64 x = KEEP(FN(load_doubles)((X) + a * N_LANES_f64));                                                 \
            if (!is_plain) {                                                                                           \
                x *= set_f64(inverse_unit);                                                                            \
                ROUNDED(x);                                                                                            \
            }                                                                                                          \
            vec_f64 difference = x - c, square = difference * difference;                                              \
            ROUNDED(square);                                                                                           \
            p[i][a] += square;                                                                                         \
        }                                                                                                              \
    }
#define ALL_OF(x) (x)
#define REST_OF(x) keep_f64(less_f64(set_f64(0.0), load_f64(FN(REST) + KF_LANES - (d - whole) + a * N_LANES_f64)), x)
        for (ptrdiff_t t = 0; t < whole; t += KF_LANES)
            ADD_VECTOR(row[first + i] + t, t, ALL_OF)
        if (whole < d)
            ADD_VECTOR(rest[first + i], whole, REST_OF)
#undef ADD_VECTOR
#undef ALL_OF
#undef REST_OF
        UNROLL
        for (int i = 0; i < N_LANES_f64; i++)
            UNROLL
            for (int a = 0; a < DIRECT_ACCUMULATORS; a++)
                store_f64(sums[first + i] + a * N_LANES_f64, p[i][a]);
    }
    FN(join_rows)(sums, sq_dists);
}

/* direct() for D <= 4 features, whose sums have no zeros: a lane a row, each with its own center. */
ALWAYS_INLINE void FN(direct_few)(const int D, const REAL *const *row, const double *const *center, double inverse_unit,
                                  double *sq_dists)
{
    double x[4][KF_LANES], c[4][KF_LANES];
    for (int i = 0; i < KF_LANES; i++)
        for (int t = 0; t < D; t++) {
            x[t][i] = (double)row[i][t];
            c[t][i] = center[i][t];
        }
    for (int i = 0; i < KF_LANES; i += N_LANES_f64) {
        vec_f64 p[4] = {set_f64(0.0)};
        UNROLL
        for (int t = 0; t < D; t++) {
            vec_f64 value = load_f64(x[t] + i) * set_f64(inverse_unit);
            ROUNDED(value);
            vec_f64 difference = value - load_f64(c[t] + i);
            p[t] = difference * difference;
            ROUNDED(p[t]);
        }
        vec_f64 sum = D == 1 ? p[0] : D == 2 ? p[0] + p[1] : D == 3 ? (p[0] + p[2]) + p[1] : (p[0] + p[2]) + (p[1] + p[3]);
        store_f64(sq_dists + i, sum);
    }
}

/* Squared distances of up to LANES rows to their own centers. tiles is scratch memory of 2 x padded_d x LANES. */
ALWAYS_INLINE void FN(own_sq_dists)(const kf_rows *rows, const kf_centers *centers, const REAL *const *row, int n_rows,
                                    const int32_t *labels, double *tiles, double *sq_dists)
{
    ptrdiff_t padded_d = centers->padded_d, d = rows->d;
    double inverse_unit = 1.0 / rows->data_unit;
    const double *center[KF_LANES];
    for (int i = 0; i < n_rows; i++)
        center[i] = centers->direct + labels[i] * padded_d;
    if (n_rows == KF_LANES && d <= KF_LANES / 2) {
#define DIRECT(D) FN(direct_few)(D, row, center, inverse_unit, sq_dists)
        OF_FEATURES(d, DIRECT);
#undef DIRECT
    } else if (n_rows == KF_LANES && d >= KF_LANES && inverse_unit == 1.0)
        FN(direct_rows)(1, row, center, d, inverse_unit, sq_dists);
    else if (n_rows == KF_LANES && d >= KF_LANES)
        FN(direct_rows)(0, row, center, d, inverse_unit, sq_dists);
    else {
        FN(pack_lanes)(row, n_rows, d, padded_d, inverse_unit, tiles);
        pack_lanes_f64(center, n_rows, padded_d, padded_d, 1.0, tiles + padded_d * KF_LANES);
        FN(direct_lanes)(tiles, tiles + padded_d * KF_LANES, KF_LANES, d, padded_d, sq_dists);
    }
    for (int i = 0; i < n_rows; i++)
        if (!is_safe(sq_dists[i]))
            sq_dists[i] = FN(sq_dist_rescaled)(row[i], (const REAL *)centers->c + labels[i] * d, d, rows->data_unit);
}

/* The same for rows that follow each other. */
ALWAYS_INLINE void FN(own_sq_dists_from)(const kf_rows *rows, const kf_centers *centers, ptrdiff_t first, int n_rows,
                                         const int32_t *labels, double *tiles, double *sq_dists)
{
    const REAL *row[KF_LANES];
    for (int i = 0; i < n_rows; i++)
        row[i] = (const REAL *)rows->x + (first + i) * rows->d;
    FN(own_sq_dists)(rows, centers, row, n_rows, labels, tiles, sq_dists);
}

static void FN(label_sq_dists)(const kf_rows *rows, const kf_centers *centers, ptrdiff_t first, ptrdiff_t n_rows,
                               const int32_t *labels, double *tiles, double *sq_dists)
{
    for (ptrdiff_t done = 0; done < n_rows; done += KF_LANES) {
        double found[KF_LANES];
        int n_here = (int)MIN_OF(KF_LANES, n_rows - done);
        FN(own_sq_dists_from)(rows, centers, first + done, n_here, labels + done, tiles, found);
        memcpy(sq_dists + done, found, (size_t)n_here * sizeof(double));
    }
}

/* Weighted sum of the squared distances of at most SUM_BLOCK rows to their own centers, as in ordered_sum(). */
static double FN(label_potential)(const kf_rows *rows, const kf_centers *centers, ptrdiff_t first, ptrdiff_t n_rows,
                                  const int32_t *labels, double *tiles)
{
    double lanes[KF_LANES] = {0};
    for (ptrdiff_t done = 0; done < n_rows; done += KF_LANES) {
        double found[KF_LANES];
        int n_here = (int)MIN_OF(KF_LANES, n_rows - done);
        FN(own_sq_dists_from)(rows, centers, first + done, n_here, labels + done, tiles, found);
        if (n_here == KF_LANES && rows->weights == NULL) {
            for (int i = 0; i < KF_LANES; i += N_LANES_f64)
                store_f64(lanes + i, load_f64(lanes + i) + load_f64(found + i));
            continue;
        }
        for (int i = 0; i < n_here; i++) {
            double term = found[i] * (rows->weights == NULL ? 1.0 : rows->weights[first + done + i]);
            ROUNDED(term);
            lanes[i] += term;
        }
    }
    return join_lanes(lanes);
}
