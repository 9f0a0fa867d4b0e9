/* The decider for rows of REAL, with the care that extreme magnitudes need (backends/decider.py). */

/* A row as doubles in data_unit, padded with zeros. */
ALWAYS_INLINE void FN(widen)(const REAL *RESTRICT x, ptrdiff_t d, ptrdiff_t padded_d, double data_unit, double *RESTRICT out)
{
    ptrdiff_t t = 0;
    if (data_unit == 1.0) {
        for (; t < d; t++)
            out[t] = (double)x[t];
    } else {
        double inverse = 1.0 / data_unit;
        for (; t < d; t++)
            out[t] = (double)x[t] * inverse;
    }
    for (; t < padded_d; t++)
        out[t] = 0.0;
}

static double FN(largest_difference)(const REAL *x, const REAL *c, ptrdiff_t d, double factor)
{
    double largest = 0.0;
    for (ptrdiff_t t = 0; t < d; t++) {
        double difference = fabs(factor * (double)x[t] - factor * (double)c[t]);
        largest = MAX_OF(largest, difference);
    }
    return largest;
}

/* What rescaled() in decider.py does for one row: its units, from the centers [0, k). */
typedef struct {
    double factor;  /* 1, or 1/2 where differences overflow */
    double largest; /* least over the centers of the largest difference, times factor */
    int exponent;   /* of the unit, factor left out */
} FN(units);

static FN(units) FN(row_units)(const REAL *x, const REAL *c, ptrdiff_t k, ptrdiff_t d)
{
    FN(units) u = {1.0, INFINITY, 0};
    for (ptrdiff_t j = 0; j < k; j++)
        u.largest = MIN_OF(u.largest, FN(largest_difference)(x, c + j * d, d, 1.0));
    if (isinf(u.largest)) {
        u.factor = 0.5;
        for (ptrdiff_t j = 0; j < k; j++)
            u.largest = MIN_OF(u.largest, FN(largest_difference)(x, c + j * d, d, 0.5));
    }
    if (u.largest > 0.0) {
        (void)frexp(u.largest, &u.exponent);
        u.exponent -= 1;
    }
    return u;
}

static double FN(sq_dist_in)(const FN(units) *u, const REAL *x, const REAL *c, ptrdiff_t d)
{
    double lanes[KF_LANES] = {0};
    if (u->largest == 0.0)
        return FN(largest_difference)(x, c, d, u->factor) == 0.0 ? 0.0 : INFINITY;
    int half = u->exponent >= 0 ? u->exponent / 2 : -((1 - u->exponent) / 2); /* floor */
    double first = ldexp(1.0, -half), then = ldexp(1.0, half - u->exponent);
    for (ptrdiff_t t = 0; t < d; t++) {
        double difference = u->factor * (double)x[t] - u->factor * (double)c[t];
        difference = difference * first * then;
        double square = difference * difference;
        ROUNDED(square);
        lanes[t % KF_LANES] += square;
    }
    return join_lanes(lanes);
}

/* One pair's squared distance in data_unit^2, whatever its size; inf or 0 where a double can't hold it. */
static double FN(sq_dist_rescaled)(const REAL *x, const REAL *c, ptrdiff_t d, double data_unit)
{
    int unit_exponent;
    FN(units) u = FN(row_units)(x, c, 1, d);
    (void)frexp(data_unit, &unit_exponent);
    int exponent = u.exponent + (u.factor == 0.5);
    return ldexp(FN(sq_dist_in)(&u, x, c, d), 2 * (exponent - unit_exponent + 1));
}

typedef struct {
    ptrdiff_t index;
    double best, second; /* in data_unit^2; second is inf for one center, and both are NaN if they had to be rescaled */
} FN(decision);

/* The truly nearest of all centers, the lower index of equals. row64 is the row as widen() gives it. */
static FN(decision) FN(decide)(const kf_rows *rows, const kf_centers *centers, const REAL *x, const double *row64)
{
    ptrdiff_t d = rows->d;
    const REAL *c = (const REAL *)centers->c;
    FN(decision) found = {0, INFINITY, INFINITY};
    for (ptrdiff_t j = 0; j < centers->k; j++) {
        double this = sq_dist(row64, centers->direct + j * centers->padded_d, d, centers->padded_d);
        if (this < found.best) {
            found.second = found.best;
            found.best = this;
            found.index = j;
        } else if (this < found.second) {
            found.second = this;
        }
    }
    if (is_safe(found.best))
        return found;
    FN(units) u = FN(row_units)(x, c, centers->k, d);
    double best = INFINITY;
    found.index = 0;
    for (ptrdiff_t j = 0; j < centers->k; j++) {
        double this = FN(sq_dist_in)(&u, x, c + j * d, d);
        if (this < best) {
            best = this;
            found.index = j;
        }
    }
    found.best = found.second = NAN;
    return found;
}
