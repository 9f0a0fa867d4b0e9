/* Who is nearest, by the first coordinates of rows and centers along orthogonal axes.
 *
 * With y and b the coordinates of x and c, and r_x and r_c the norms of what they leave out, x.c <= y.b + r_x r_c by
 * Cauchy and Schwarz: so ||c||^2 / 2 - y.b - r_x r_c is no more than the score of c. A center for which it exceeds the score of
 * the row's own center is out. r is one coordinate more. The few that are left lose coordinate after coordinate, then
 * all features count, then the decider speaks.
 *
 * Errors, for axes A (d x p) with ||A^T A - I|| <= defect and coordinates off by at most epsilon ||x||: y is A^T x + e, and
 * x.c <= y.b (1 + defect') + r_x r_c with ||r_x||^2 <= ||x||^2 - ||A^T x||^2 / (1 + defect).
 */

enum {
    FN(PREFIX_CHAIN) = 2 * KF_CHECK, /* coordinates between two looks at what is left */
    FN(FEW_GROUPS) = 1               /* groups that cost a row less than its distance to its own center */
};

static ptrdiff_t FN(axis_groups)(ptrdiff_t p) { return (p + POINT_CENTERS - 1) / POINT_CENTERS; }

static size_t FN(axes_bytes)(ptrdiff_t d, ptrdiff_t p)
{
    return (size_t)(FN(axis_groups)(p) * d * POINT_CENTERS) * sizeof(REAL);
}

/* axes: d x p, values of REAL. */
static void FN(pack_axes)(const double *axes, ptrdiff_t d, kf_prefix *prefix)
{
    REAL *out = (REAL *)prefix->axes;
    for (ptrdiff_t g = 0; g < FN(axis_groups)(prefix->p); g++)
        for (ptrdiff_t t = 0; t < d; t++)
            for (ptrdiff_t q = 0; q < POINT_CENTERS; q++) {
                ptrdiff_t axis = g * POINT_CENTERS + q;
                *out++ = axis < prefix->p ? (REAL)axes[t * prefix->p + axis] : 0;
            }
}

/* Bound of the error of coordinates, relative to the norm of the row. */
static double FN(coordinate_error)(ptrdiff_t d, ptrdiff_t p, double defect)
{
    double m = (double)(MIN_OF(d, KF_CHAIN) + (d + KF_CHAIN - 1) / KF_CHAIN + 4) * (double)ROUNDOFF;
    return 1.01 * sqrt((double)p) * (m / (1 - m)) * (1 + defect);
}

static double FN(vanished)(ptrdiff_t d, ptrdiff_t p) { return 8 * (double)(d + p + 1) * (double)SMALLEST; }

/* A bit more than the value, as a REAL. */
ALWAYS_INLINE REAL FN(rounded_up)(double value)
{
    return (REAL)(value + 2 * (double)ROUNDOFF * fabs(value) + 2 * (double)SMALLEST);
}

static size_t FN(rotate_bytes)(ptrdiff_t d)
{
    return (size_t)(d * TILE_ROWS + TILE_ROWS + POINT_CENTERS * TILE_ROWS) * sizeof(REAL) + 4 * KF_CACHE_LINE;
}

/* Norms of what follows the first coordinates of a row, from its squared norm. */
static void FN(bind_rests)(const kf_prefix *prefix, ptrdiff_t d, double sq_norm, REAL *row)
{
    ptrdiff_t p = prefix->p;
    double u = (double)ROUNDOFF, wide = (double)(d + 8) * 0x1p-52, epsilon = FN(coordinate_error)(d, p, prefix->defect);
    double vanished = FN(vanished)(d, p), norm = sqrt(sq_norm) * (1 + wide + 2 * u) + vanished, energy = 0;
    row[p] = FN(rounded_up)(norm);
    for (ptrdiff_t t = 0; t < p; t += KF_CHECK) {
        for (int i = 0; i < KF_CHECK; i++)
            energy += (double)row[t + i] * (double)row[t + i];
        double kept = sqrt(energy) * (1 - (double)(p + 8) * 0x1p-52) - epsilon * norm - vanished;
        double left = norm * norm * (1 + 0x1p-48) - (kept > 0 ? kept * kept * (1 - prefix->defect) : 0.0);
        row[p + 1 + t / KF_CHECK] = FN(rounded_up)(sqrt(left) * (1 + 0x1p-50));
    }
    row[p + p / KF_CHECK + 1] = (REAL)(sq_norm * (1 - 2 * wide - 6 * u));
}

/* Rows [first, first + n_rows), at most a tile, to out (n_rows x stride). */
static void FN(rotate)(const kf_rows *rows, const kf_prefix *prefix, ptrdiff_t first, int n_rows, char *arena, void *out)
{
    ptrdiff_t d = rows->d, p = prefix->p, stride = prefix->stride;
    REAL *tile = (REAL *)arena, *norms = tile + d * TILE_ROWS, *scores = norms + TILE_ROWS, *to = (REAL *)out;
    const REAL *row[TILE_ROWS];
    REAL zeros[POINT_CENTERS] = {0};
    double sq_norms[TILE_ROWS] = {0};
    for (int i = 0; i < n_rows; i++)
        row[i] = (const REAL *)rows->x + (first + i) * d;
    FN(pack_tile)(rows, row, n_rows, tile, norms);
    for (ptrdiff_t t = 0; t < d; t++)
        for (int i = 0; i < TILE_ROWS; i++)
            sq_norms[i] += (double)tile[t * TILE_ROWS + i] * (double)tile[t * TILE_ROWS + i];
    for (ptrdiff_t g = 0; g < FN(axis_groups)(p); g++) {
        V score[POINT_VECTORS][POINT_CENTERS];
        int n_here = (int)MIN_OF(POINT_CENTERS, p - g * POINT_CENTERS);
        FN(score_of_group)(POINT_CENTERS, tile, (const REAL *)prefix->axes + g * d * POINT_CENTERS, POINT_CENTERS, 1, zeros, d,
                           score);
        UNROLL
        for (int q = 0; q < POINT_CENTERS; q++) {
            UNROLL
            for (int v = 0; v < POINT_VECTORS; v++)
                FN(store)(scores + q * TILE_ROWS + v * L, score[v][q]);
        }
        for (int i = 0; i < n_rows; i++)
            for (int q = 0; q < n_here; q++)
                to[i * stride + g * POINT_CENTERS + q] = -scores[q * TILE_ROWS + i];
    }
    for (int i = 0; i < n_rows; i++)
        FN(bind_rests)(prefix, d, sq_norms[i], to + i * stride);
}

static ptrdiff_t FN(place_groups)(ptrdiff_t k) { return (k + POINT_CENTERS - 1) / POINT_CENTERS; }

static size_t FN(prefix_plan)(const kf_rows *rows, const kf_prefix *prefix, kf_prefix_centers *places, char *arena)
{
    size_t offset = 0;
    ptrdiff_t k = places->k, n_places = FN(place_groups)(k) * POINT_CENTERS;
    places->rotated = TAKE(REAL, k * prefix->stride);
    places->groups = TAKE(REAL, n_places * (places->first_p + 1));
    places->half_norms = TAKE(REAL, n_places);
    places->shifted = TAKE(REAL, k * rows->d);
    places->half_norm = TAKE(double, k);
    places->falling = TAKE(float, k + 1);
    return offset;
}

/* One of (k + TILE_ROWS - 1) / TILE_ROWS independent parts; arena is of rotate_bytes. */
static void FN(pack_prefix)(const kf_rows *rows, const kf_centers *centers, const kf_prefix *prefix, kf_prefix_centers *places,
                            ptrdiff_t part, char *arena)
{
    ptrdiff_t d = rows->d, first = part * TILE_ROWS, stop = MIN_OF(first + TILE_ROWS, places->k);
    const REAL *origin = (const REAL *)rows->origin;
    kf_rows as_rows = *rows;
    as_rows.x = centers->c;
    as_rows.n = places->k;
    FN(rotate)(&as_rows, prefix, first, (int)(stop - first), arena, (REAL *)places->rotated + first * prefix->stride);
    for (ptrdiff_t j = first; j < stop; j++) {
        const REAL *c = (const REAL *)centers->c + j * d;
        REAL *shifted = (REAL *)places->shifted + j * d;
        for (ptrdiff_t t = 0; t < d; t++)
            shifted[t] = FN(shifted)(c[t], (REAL)rows->scale, origin[t]);
        places->half_norm[j] = 0.5 * FN(shifted_sq_norm)(c, origin, rows->scale, d);
    }
}

/* What all parts together give: places in their order, and the bounds. */
static void FN(bind_prefix)(const kf_rows *rows, const kf_prefix *prefix, kf_prefix_centers *places)
{
    ptrdiff_t d = rows->d, p = prefix->p, first_p = places->first_p, k = places->k;
    double u = (double)ROUNDOFF, largest = 0, defect = prefix->defect, vanished = FN(vanished)(d, p);
    REAL *groups = (REAL *)places->groups, *half_norms = (REAL *)places->half_norms;
    for (ptrdiff_t place = 0; place < FN(place_groups)(k) * POINT_CENTERS; place++) {
        REAL *out = groups + place / POINT_CENTERS * (first_p + 1) * POINT_CENTERS + place % POINT_CENTERS;
        int is_real = place < k;
        const REAL *row = (const REAL *)places->rotated + (is_real ? places->order[place] : 0) * prefix->stride;
        half_norms[place] = is_real ? (REAL)places->half_norm[places->order[place]] : INFINITY;
        for (ptrdiff_t t = 0; t < first_p; t++)
            out[t * POINT_CENTERS] = is_real ? row[t] : 0;
        out[first_p * POINT_CENTERS] = is_real ? row[p + first_p / KF_CHECK] : 0;
        if (is_real)
            largest = MAX_OF(largest, (double)row[p]);
    }
    for (ptrdiff_t place = 0; place < k; place++)
        places->falling[place] = places->shifts == NULL ? INFINITY : places->shifts[places->order[place]];
    places->falling[k] = 0;
    double epsilon = FN(coordinate_error)(d, p, defect), up = 1 + 32 * u;
    double m = (double)(p + 4 * (p / KF_CHECK) + 16) * u, gamma = m / (1 - m);
    double m_fine = (double)(d / (4 * L) + 2 * L + 20) * u, gamma_fine = m_fine / (1 - m_fine);
    double of_products = 5 * gamma + 2.05 * epsilon + 1.1 * defect + 3 * u;
    int is_usable = defect < 0.01 && epsilon < 0.01 && m < 0.1 && m_fine < 0.1 && largest * largest < DBL_MAX;
    places->rough[0] = is_usable ? (2 * gamma * largest * largest + vanished * (1 + largest)) * up : INFINITY;
    places->rough[1] = is_usable ? (of_products * largest + vanished) * up : INFINITY;
    places->fine[0] = is_usable ? (gamma_fine * largest * largest + vanished * (1 + largest)) * up : INFINITY;
    places->fine[1] = is_usable ? (2 * gamma_fine * largest + vanished) * up : INFINITY;
}

/* ---- rows ---------------------------------------------------------------------------------------------------------- */

typedef struct {
    REAL *tile;             /* (first_p + 1) x TILE_ROWS */
    REAL *scores;           /* POINT_CENTERS x TILE_ROWS */
    REAL *limits, *least;   /* TILE_ROWS: scores up to which places are found; the least of the others */
    REAL *best, *second;    /* TILE_ROWS */
    INT *index;
    int32_t *found;         /* TILE_ROWS x k: places */
    REAL *found_scores;     /* beside them */
    int32_t *n_found;       /* TILE_ROWS */
    REAL *shifted;          /* d */
    double *row64;          /* padded_d */
    double *lanes64;        /* 2 x padded_d x LANES */
    double *own;            /* ROWS_OF_CALL: squared distance to the own center, -1 where it is not known */
    int32_t *old;           /* ROWS_OF_CALL: labels before */
    int32_t *some;          /* ROWS_OF_CALL: rows */
    int32_t *needed, *begins; /* ROWS_OF_CALL: groups of places that a row meets; groups + 2: how many rows meet as many */
} FN(prefix_scratch);

static size_t FN(plan_prefix_scratch)(const kf_rows *rows, const kf_prefix *prefix, ptrdiff_t k, FN(prefix_scratch) *s, char *arena)
{
    size_t offset = 0;
    ptrdiff_t padded_d = (rows->d + KF_LANES - 1) / KF_LANES * KF_LANES;
    s->tile = TAKE(REAL, (prefix->p + 1) * TILE_ROWS);
    s->scores = TAKE(REAL, POINT_CENTERS * TILE_ROWS);
    s->limits = TAKE(REAL, TILE_ROWS);
    s->least = TAKE(REAL, TILE_ROWS);
    s->best = TAKE(REAL, TILE_ROWS);
    s->second = TAKE(REAL, TILE_ROWS);
    s->index = TAKE(INT, TILE_ROWS);
    s->found = TAKE(int32_t, TILE_ROWS * k);
    s->found_scores = TAKE(REAL, TILE_ROWS * k);
    s->n_found = TAKE(int32_t, TILE_ROWS);
    s->shifted = TAKE(REAL, rows->d);
    s->row64 = TAKE(double, padded_d);
    s->lanes64 = TAKE(double, 2 * padded_d * KF_LANES);
    s->own = TAKE(double, KF_ROWS_OF_CALL);
    s->old = TAKE(int32_t, KF_ROWS_OF_CALL);
    s->some = TAKE(int32_t, KF_ROWS_OF_CALL);
    s->needed = TAKE(int32_t, KF_ROWS_OF_CALL);
    s->begins = TAKE(int32_t, FN(place_groups)(k) + 2);
    return offset;
}

static size_t FN(prefix_bytes)(const kf_rows *rows, const kf_prefix *prefix, const kf_prefix_centers *places)
{
    FN(prefix_scratch) s;
    return FN(plan_prefix_scratch)(rows, prefix, places->k, &s, NULL);
}

typedef struct {
    const kf_rows *rows;
    const kf_centers *centers;
    const kf_prefix *prefix;
    const kf_prefix_centers *places;
    FN(prefix_scratch) s;
    double sq_unit, slack;
    ptrdiff_t first;        /* the row that labels, upper and lower begin with */
    int32_t *labels;
    float *upper, *lower;
    kf_prefix_counts *counts;
} FN(prefix_job);

ALWAYS_INLINE const REAL *FN(coordinates)(const FN(prefix_job) *j, ptrdiff_t i)
{
    return (const REAL *)j->prefix->rows + (j->first + i) * j->prefix->stride;
}

/* Of the n rows `which` (the last one is repeated to fill the tile), the first coordinates and the norm of the rest. */
static void FN(gather_tile)(const FN(prefix_job) *j, const int32_t *which, int n)
{
    ptrdiff_t first_p = j->places->first_p, rest = j->prefix->p + first_p / KF_CHECK;
    const REAL *row[TILE_ROWS];
    REAL *tile = j->s.tile;
    for (int i = 0; i < TILE_ROWS; i++) {
        row[i] = FN(coordinates)(j, which[MIN_OF(i, n - 1)]);
        tile[first_p * TILE_ROWS + i] = row[i][rest];
    }
#if HAS_TRANSPOSE
    for (int i = 0; i < TILE_ROWS; i += L)
        for (ptrdiff_t t = 0; t < first_p; t += L) {
            V a[L];
            UNROLL
            for (int r = 0; r < L; r++)
                a[r] = FN(load)(row[i + r] + t);
            FN(transpose)(a);
            UNROLL
            for (int r = 0; r < L; r++)
                FN(store)(tile + (t + r) * TILE_ROWS + i, a[r]);
        }
#else
    for (int i = 0; i < TILE_ROWS; i++)
        for (ptrdiff_t t = 0; t < first_p; t++)
            tile[t * TILE_ROWS + i] = row[i][t];
#endif
}

ALWAYS_INLINE int FN(lowest_bit)(uint32_t bits)
{
#if HAS_VECTORS
    return __builtin_ctz(bits);
#else
    int bit = 0;
    while (!(bits >> bit & 1))
        bit++;
    return bit;
#endif
}

/* Places of the first n_groups groups whose score is below the row's limit go to found; least is the least of the others. */
static void FN(find_places)(const FN(prefix_job) *j, ptrdiff_t n_groups)
{
    const FN(prefix_scratch) *s = &j->s;
    ptrdiff_t d = j->places->first_p + 1, k = j->places->k;
    const REAL *groups = (const REAL *)j->places->groups, *half_norms = (const REAL *)j->places->half_norms;
    V least[POINT_VECTORS], limit[POINT_VECTORS], infinite = FN(set)(INFINITY);
    for (int v = 0; v < POINT_VECTORS; v++) {
        least[v] = infinite;
        limit[v] = FN(load)(s->limits + v * L);
    }
    memset(s->n_found, 0, TILE_ROWS * sizeof(int32_t));
    for (ptrdiff_t g = 0; g < n_groups; g++) {
        V score[POINT_VECTORS][POINT_CENTERS];
        FN(score_of_group)(POINT_CENTERS, s->tile, groups + g * d * POINT_CENTERS, POINT_CENTERS, 1, half_norms + g * POINT_CENTERS,
                           d, score);
        UNROLL
        for (int q = 0; q < POINT_CENTERS; q++) {
            UNROLL
            for (int v = 0; v < POINT_VECTORS; v++)
                FN(store)(s->scores + q * TILE_ROWS + v * L, score[v][q]);
        }
        for (int q = 0; q < POINT_CENTERS; q++)
            for (int v = 0; v < POINT_VECTORS; v++) {
                V here = FN(load)(s->scores + q * TILE_ROWS + v * L);
                uint32_t bits = FN(bits_less)(here, limit[v]);
                least[v] = FN(min)(least[v], FN(pick)(here, limit[v], infinite, here));
                for (; bits != 0; bits &= bits - 1) {
                    int i = v * L + FN(lowest_bit)(bits);
                    ptrdiff_t at = i * k + s->n_found[i]++;
                    s->found[at] = (int32_t)(g * POINT_CENTERS + q);
                    s->found_scores[at] = s->scores[q * TILE_ROWS + i];
                }
            }
    }
    for (int v = 0; v < POINT_VECTORS; v++)
        FN(store)(s->least + v * L, least[v]);
}

ALWAYS_INLINE REAL FN(dot)(const REAL *RESTRICT a, const REAL *RESTRICT b, ptrdiff_t n)
{
    V sum[4] = {FN(set)(0), FN(set)(0), FN(set)(0), FN(set)(0)};
    ptrdiff_t t = 0;
    for (; t + 4 * L <= n; t += 4 * L) {
        UNROLL
        for (int i = 0; i < 4; i++)
            sum[i] += FN(load)(a + t + i * L) * FN(load)(b + t + i * L);
    }
    for (; t + L <= n; t += L)
        sum[0] += FN(load)(a + t) * FN(load)(b + t);
    REAL total = FN(sum_lanes)((sum[0] + sum[1]) + (sum[2] + sum[3]));
    for (; t < n; t++)
        total += a[t] * b[t];
    return total;
}

/* A center is out if its score exceeds this, given the squared distance to another one. */
ALWAYS_INLINE double FN(limit_of)(const FN(prefix_job) *j, const double *error, const REAL *y, double sq_dist)
{
    ptrdiff_t p = j->prefix->p;
    double norm = (double)y[p], scaled = MAX_OF(sq_dist, 2 * SAFE_LEAST) * j->sq_unit;
    double limit = 0.5 * (scaled * (1 + j->slack) - (double)y[p + p / KF_CHECK + 1]);
    limit += error[0] + error[1] * norm + (norm * norm + scaled) * 0x1p-50;
    return sq_dist < SAFE_MOST ? limit : INFINITY;
}

/* Score by all coordinates, or by as many as show that it is no less than the limit. */
ALWAYS_INLINE REAL FN(score_by_coordinates)(const FN(prefix_job) *j, const REAL *y, const REAL *b, REAL score, REAL limit)
{
    ptrdiff_t p = j->prefix->p, t = j->places->first_p;
    const REAL *rest_x = y + p, *rest_c = b + p;
    REAL without = score + rest_x[t / KF_CHECK] * rest_c[t / KF_CHECK];
    while (t < p && score < limit) {
        ptrdiff_t n = MIN_OF(FN(PREFIX_CHAIN), p - t);
        without -= FN(dot)(y + t, b + t, n);
        t += n;
        score = without - rest_x[t / KF_CHECK] * rest_c[t / KF_CHECK];
    }
    return score;
}

/* The row i among the places found for it (row `at` of the tile): its label, and bounds. */
static void FN(settle_row)(const FN(prefix_job) *j, ptrdiff_t i, int at)
{
    const FN(prefix_scratch) *s = &j->s;
    const kf_prefix_centers *places = j->places;
    ptrdiff_t d = j->rows->d, p = j->prefix->p, padded_d = j->centers->padded_d;
    const REAL *x = (const REAL *)j->rows->x + (j->first + i) * d, *y = FN(coordinates)(j, i), *origin = (const REAL *)j->rows->origin;
    const int32_t *found = s->found + at * places->k;
    const REAL *scores = s->found_scores + at * places->k;
    double norm = (double)y[p], rough = places->rough[0] + places->rough[1] * norm, fine = places->fine[0] + places->fine[1] * norm;
    double own = s->own[i], least = (double)s->least[at] - rough, other = INFINITY, rough_limit = 0, fine_limit = 0;
    int32_t n_found = s->n_found[at], label = j->labels[i];
    int is_wide = 0, is_shifted = 0, is_open = 0;
    for (int32_t f = 0; f < n_found; f++) {
        ptrdiff_t c = places->order[found[f]];
        if (c == label)
            continue;
        if (!is_wide && own < 0) {
            FN(widen)(x, d, padded_d, j->rows->data_unit, s->row64);
            own = sq_dist(s->row64, j->centers->direct + label * padded_d, d, padded_d);
            is_wide = 1;
        }
        if (rough_limit == 0 && fine_limit == 0) {
            rough_limit = FN(limit_of)(j, places->rough, y, own);
            fine_limit = FN(limit_of)(j, places->fine, y, own);
        }
        j->counts->found += 1;
        REAL score = FN(score_by_coordinates)(j, y, (const REAL *)places->rotated + c * j->prefix->stride, scores[f],
                                              FN(rounded_up)(rough_limit));
        if ((double)score > rough_limit) {
            least = MIN_OF(least, (double)score - rough);
            continue;
        }
        j->counts->scored += 1;
        if (!is_shifted) {
            for (ptrdiff_t t = 0; t < d; t++)
                s->shifted[t] = FN(shifted)(x[t], (REAL)j->rows->scale, origin[t]);
            is_shifted = 1;
        }
        score = (REAL)places->half_norm[c] - FN(dot)(s->shifted, (const REAL *)places->shifted + c * d, d);
        if ((double)score > fine_limit) {
            least = MIN_OF(least, (double)score - fine);
            continue;
        }
        j->counts->decided += 1;
        if (!is_wide)
            FN(widen)(x, d, padded_d, j->rows->data_unit, s->row64);
        is_wide = 1;
        double this = sq_dist(s->row64, j->centers->direct + c * padded_d, d, padded_d);
        is_open |= !is_safe(MIN_OF(this, own)) || !(this < INFINITY);
        if (this < own || (this == own && c < label)) {
            other = MIN_OF(other, own);
            own = this;
            label = (int32_t)c;
            rough_limit = FN(limit_of)(j, places->rough, y, own);
            fine_limit = FN(limit_of)(j, places->fine, y, own);
        } else {
            other = MIN_OF(other, this);
        }
    }
    if (is_open) {
        FN(widen)(x, d, padded_d, j->rows->data_unit, s->row64);
        j->labels[i] = (int32_t)FN(decide)(j->rows, j->centers, x, s->row64).index;
        j->upper[i] = INFINITY;
        j->lower[i] = 0;
        return;
    }
    j->labels[i] = label;
    if (own >= 0)
        j->upper[i] = own < SAFE_MOST ? FN(float_up)(sqrt(MAX_OF(own, 2 * SAFE_LEAST) * (1 + j->slack)) * (1 + 0x1p-50)) : INFINITY;
    double beyond = other * (1 - j->slack);
    if (least < INFINITY) {
        double sq_dist_down = (double)y[p + p / KF_CHECK + 1] + 2 * least - (norm * norm + fabs(least)) * 0x1p-48;
        beyond = MIN_OF(beyond, sq_dist_down / j->sq_unit);
    }
    float lower = beyond > 0 ? FN(float_down)(sqrt(beyond) * (1 - 0x1p-50)) : 0.0f;
    j->lower[i] = MIN_OF(j->lower[i], lower);
}

/* The n rows `which`, at most a tile, meet the first n_groups groups of places. */
static void FN(meet_places)(const FN(prefix_job) *j, const int32_t *which, int n, ptrdiff_t n_groups)
{
    for (int i = 0; i < TILE_ROWS; i++) {
        int32_t row = which[MIN_OF(i, n - 1)];
        double bound = j->s.own[row] >= 0 ? j->s.own[row] : (double)j->upper[row] * (double)j->upper[row] * (1 + 0x1p-50);
        double limit = FN(limit_of)(j, j->places->rough, FN(coordinates)(j, row), bound);
        j->s.limits[i] = limit < (double)LARGEST ? FN(rounded_up)(limit) : INFINITY;
    }
    FN(gather_tile)(j, which, n);
    FN(find_places)(j, n_groups);
    j->counts->met += (double)n * (double)(n_groups * POINT_CENTERS);
    for (int i = 0; i < n; i++)
        FN(settle_row)(j, which[i], i);
}

/* Labels for rows that have none: the centers that look nearest. */
static void FN(guess_labels)(const FN(prefix_job) *j, ptrdiff_t n_rows)
{
    const FN(prefix_scratch) *s = &j->s;
    ptrdiff_t n_here = 0;
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        if (j->labels[i] < 0)
            s->some[n_here++] = (int32_t)i;
        if (n_here == TILE_ROWS || (i == n_rows - 1 && n_here > 0)) {
            FN(gather_tile)(j, s->some, (int)n_here);
            FN(TILE_SCORERS)[POINT_CENTERS](s->tile, (const REAL *)j->places->groups, 0, (const REAL *)j->places->half_norms,
                                            j->places->first_p + 1, 0, FN(place_groups)(j->places->k), s->best, s->second, s->index);
            for (ptrdiff_t m = 0; m < n_here; m++)
                j->labels[s->some[m]] = j->places->order[s->index[m]];
            n_here = 0;
        }
    }
}

/* Bounds of a row (upper bound moved already), and groups of places that it must meet: those whose centers moved by half
   of the gap between its bounds, so that its lower bound keeps the other half for steps to come. */
static void FN(bind_need)(const FN(prefix_job) *j, ptrdiff_t i)
{
    const kf_prefix_centers *places = j->places;
    ptrdiff_t k = places->k, first = 0, stop = k, all = FN(place_groups)(k);
    float gap = j->lower[i] - j->upper[i], half = gap > 0 ? 0.5f * gap : 0;
    while (first < stop) {
        ptrdiff_t middle = (first + stop) / 2;
        if (places->falling[middle] < half)
            stop = middle;
        else
            first = middle + 1;
    }
    ptrdiff_t needed = FN(place_groups)(first);
    float lower = (j->lower[i] - places->falling[MIN_OF(needed * POINT_CENTERS, k)]) * (1 - 0x1p-20f);
    j->s.needed[i] = (int32_t)(j->upper[i] * (1 + 0x1p-20f) < lower ? needed : all);
}

/* The lower bound for the places that a row does not meet. */
ALWAYS_INLINE void FN(move_lower)(const FN(prefix_job) *j, ptrdiff_t i)
{
    ptrdiff_t k = j->places->k, n_met = j->s.needed[i] * POINT_CENTERS;
    j->lower[i] = n_met < k ? (j->lower[i] - j->places->falling[n_met]) * (1 - 0x1p-20f) : INFINITY;
}

/* Bounds and needs of the rows; a row that needs more than a few groups gets a tight upper bound first. */
static void FN(bind_needs)(const FN(prefix_job) *j, ptrdiff_t n_rows)
{
    const FN(prefix_scratch) *s = &j->s;
    const float *shifts = j->places->shifts;
    ptrdiff_t n_left = 0;
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        int has_bounds = shifts != NULL && s->old[i] >= 0;
        s->own[i] = -1;
        j->upper[i] = has_bounds ? (j->upper[i] + shifts[j->labels[i]]) * (1 + 0x1p-20f) : INFINITY;
        j->lower[i] = has_bounds ? j->lower[i] : 0.0f;
        FN(bind_need)(j, i);
        if (s->needed[i] > FN(FEW_GROUPS))
            s->some[n_left++] = (int32_t)i;
    }
    for (ptrdiff_t done = 0; done < n_left; done += KF_LANES) {
        int n_here = (int)MIN_OF(KF_LANES, n_left - done);
        const REAL *row[KF_LANES];
        int32_t label[KF_LANES];
        double found[KF_LANES];
        for (int m = 0; m < n_here; m++) {
            row[m] = (const REAL *)j->rows->x + (j->first + s->some[done + m]) * j->rows->d;
            label[m] = j->labels[s->some[done + m]];
        }
        FN(own_sq_dists)(j->rows, j->centers, row, n_here, label, s->lanes64, found);
        for (int m = 0; m < n_here; m++) {
            int32_t i = s->some[done + m];
            double own = found[m] < INFINITY ? found[m] : INFINITY;
            s->own[i] = own;
            j->upper[i] = own < SAFE_MOST ? FN(float_up)(sqrt(MAX_OF(own, 2 * SAFE_LEAST) * (1 + j->slack)) * (1 + 0x1p-50)) : INFINITY;
            FN(bind_need)(j, i);
        }
    }
    for (ptrdiff_t i = 0; i < n_rows; i++)
        FN(move_lower)(j, i);
}

/* Rows by the groups that they need, those that need most first, to some; returns how many need any. */
static ptrdiff_t FN(sort_by_need)(const FN(prefix_job) *j, ptrdiff_t n_rows)
{
    const FN(prefix_scratch) *s = &j->s;
    ptrdiff_t all = FN(place_groups)(j->places->k), n_needy = 0;
    memset(s->begins, 0, (size_t)(all + 2) * sizeof(int32_t));
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        s->begins[all - s->needed[i] + 1]++;
        n_needy += s->needed[i] > 0;
    }
    for (ptrdiff_t g = 0; g <= all; g++)
        s->begins[g + 1] += s->begins[g];
    for (ptrdiff_t i = 0; i < n_rows; i++)
        s->some[s->begins[all - s->needed[i]]++] = (int32_t)i;
    return n_needy;
}

/* labels, upper, lower, and moved and before if not NULL, are those of the rows [first, first + n_rows). */
static ptrdiff_t FN(nearest_by_prefix)(const kf_rows *rows, const kf_centers *centers, const kf_prefix *prefix,
                                       const kf_prefix_centers *places, ptrdiff_t first, ptrdiff_t n_rows, char *arena,
                                       int32_t *labels, float *upper, float *lower, int64_t *moved, int32_t *before,
                                       kf_prefix_counts *counts)
{
    FN(prefix_job) j = {rows, centers, prefix, places, {0}, 0, 0, first, labels, upper, lower, counts};
    ptrdiff_t n_changed = 0;
    double unit = rows->scale * rows->data_unit;
    FN(plan_prefix_scratch)(rows, prefix, places->k, &j.s, arena);
    j.sq_unit = unit * unit;
    j.slack = 2 * (double)(rows->d + 4) * 0x1p-53;
    memcpy(j.s.old, labels, (size_t)n_rows * sizeof(int32_t));
    FN(guess_labels)(&j, n_rows);
    FN(bind_needs)(&j, n_rows);
    ptrdiff_t n_needy = FN(sort_by_need)(&j, n_rows);
    for (ptrdiff_t done = 0; done < n_needy; done += TILE_ROWS)
        FN(meet_places)(&j, j.s.some + done, (int)MIN_OF(TILE_ROWS, n_needy - done), j.s.needed[j.s.some[done]]);
    for (ptrdiff_t i = 0; i < n_rows; i++)
        if (labels[i] != j.s.old[i]) {
            if (moved != NULL) {
                moved[n_changed] = first + i;
                before[n_changed] = j.s.old[i];
            }
            n_changed++;
        }
    return n_changed;
}
