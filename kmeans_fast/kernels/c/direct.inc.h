/* The decider's arithmetic, included once per instruction set: float64 direct differences, the same bits on every instruction set (backends/decider.py has the
 * definition and the NumPy twin). Rows and centers come as doubles in data_unit, padded with zeros to LANES.
 */
static const double SAFE_LEAST = 0x1p-900, SAFE_MOST = 0x1p1000;

enum { DIRECT_ACCUMULATORS = KF_LANES / N_LANES_f64 };

ALWAYS_INLINE double join_lanes(const double *p)
{
    return ((p[0] + p[4]) + (p[2] + p[6])) + ((p[1] + p[5]) + (p[3] + p[7]));
}

ALWAYS_INLINE int is_safe(double sq_dist) { return sq_dist > SAFE_LEAST && sq_dist < SAFE_MOST; }

ALWAYS_INLINE double direct(const double *RESTRICT x, const double *RESTRICT c, ptrdiff_t padded_d)
{
    vec_f64 sum[DIRECT_ACCUMULATORS];
    double lanes[KF_LANES];
    UNROLL
    for (int a = 0; a < DIRECT_ACCUMULATORS; a++)
        sum[a] = set_f64(0.0);
    for (ptrdiff_t t = 0; t < padded_d; t += KF_LANES) {
        UNROLL
        for (int a = 0; a < DIRECT_ACCUMULATORS; a++) {
            vec_f64 difference = load_f64(x + t + a * N_LANES_f64) - load_f64(c + t + a * N_LANES_f64);
            vec_f64 square = difference * difference;
            ROUNDED(square);
            sum[a] += square;
        }
    }
    UNROLL
    for (int a = 0; a < DIRECT_ACCUMULATORS; a++)
        store_f64(lanes + a * N_LANES_f64, sum[a]);
    return join_lanes(lanes);
}

/* Few features need no lanes: the same sums without the zeros. */
ALWAYS_INLINE double direct_small(const double *x, const double *c, ptrdiff_t d)
{
    double p[KF_LANES / 2] = {0};
    for (ptrdiff_t t = 0; t < d; t++) {
        double difference = x[t] - c[t];
        p[t] = difference * difference;
        ROUNDED(p[t]);
    }
    if (d == 1)
        return p[0];
    if (d == 2)
        return p[0] + p[1];
    if (d == 3)
        return (p[0] + p[2]) + p[1];
    return (p[0] + p[2]) + (p[1] + p[3]);
}

ALWAYS_INLINE double sq_dist(const double *x, const double *c, ptrdiff_t d, ptrdiff_t padded_d)
{
    return d <= 4 ? direct_small(x, c, d) : direct(x, c, padded_d);
}
