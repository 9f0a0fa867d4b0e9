/* Sparse rows: centers in panels, scratch memory, and how far the scores of a row can be trusted. */

/* One row, its values in their own unit. */
typedef struct {
    const REAL *values;
    const int32_t *columns;
    ptrdiff_t n;
} FN(csr_row);

ALWAYS_INLINE FN(csr_row) FN(csr_row_of)(const kf_csr *rows, ptrdiff_t i)
{
    FN(csr_row) row = {(const REAL *)rows->values + rows->starts[i], rows->columns + rows->starts[i],
                       (ptrdiff_t)(rows->starts[i + 1] - rows->starts[i])};
    return row;
}

#define TAKE(type, count)                                                                                              \
    (type *)(arena == NULL ? NULL : arena + offset);                                                                   \
    offset += ((size_t)(count) * sizeof(type) + KF_CACHE_LINE - 1) / KF_CACHE_LINE * KF_CACHE_LINE

/* Panels are as equal as possible, so that padding is least. c, k, d, is_scored and is_measured must be set. */
static size_t FN(csr_centers_plan)(kf_csr_centers *centers, char *arena)
{
    size_t offset = 0;
    ptrdiff_t k = centers->k, most = KF_CSR_VECTORS * L;
    ptrdiff_t n_panels = (k + most - 1) / most, vectors = (k + L - 1) / L;
    centers->n_panels = centers->is_scored ? n_panels : 0;
    centers->n_vectors = (int)((vectors + n_panels - 1) / n_panels);
    centers->width = centers->n_vectors * L;
    centers->most_nonzeros = centers->d / KF_CSR_SPARSE;
    centers->sq_norms = TAKE(double, k);
    centers->n_nonzeros = TAKE(ptrdiff_t, k);
    centers->nonzeros = TAKE(int32_t, k * centers->most_nonzeros);
    centers->half_norms64 = TAKE(double, centers->n_panels * centers->width);
    centers->half_norms = TAKE(REAL, centers->n_panels * centers->width);
    centers->panels = TAKE(REAL, centers->n_panels * centers->width * centers->d);
    return offset;
}

static size_t FN(csr_scratch_plan)(const kf_csr_centers *centers, kf_csr_scratch *scratch, char *arena)
{
    size_t offset = 0;
    scratch->row64 = TAKE(double, centers->d);
    scratch->row = TAKE(REAL, centers->d);
    scratch->scores = TAKE(double, centers->n_panels * centers->width);
    scratch->candidates = TAKE(ptrdiff_t, centers->k);
    scratch->lane_state = TAKE(REAL, KF_ROWS_OF_CALL * FN(LANE_STATE));
    scratch->best = TAKE(REAL, KF_ROWS_OF_CALL);
    scratch->second = TAKE(REAL, KF_ROWS_OF_CALL);
    scratch->index = TAKE(INT, KF_ROWS_OF_CALL);
    if (arena != NULL) {
        memset(scratch->row64, 0, (size_t)centers->d * sizeof(double));
        memset(scratch->row, 0, (size_t)centers->d * sizeof(REAL));
    }
    return offset;
}

#undef TAKE

/* Parts that are packed independently: the norm and the nonzeros of each center, then some columns of each panel. */
enum { FN(COLUMNS_OF_PART) = 2048 };

static ptrdiff_t FN(csr_column_parts)(const kf_csr_centers *centers)
{
    return (centers->d + FN(COLUMNS_OF_PART) - 1) / FN(COLUMNS_OF_PART);
}

static ptrdiff_t FN(csr_centers_parts)(const kf_csr_centers *centers)
{
    return centers->k + centers->n_panels * FN(csr_column_parts)(centers);
}

static void FN(csr_pack_center)(const kf_csr *rows, kf_csr_centers *centers, ptrdiff_t j)
{
    const REAL *c = (const REAL *)centers->c + j * centers->d;
    int32_t *nonzeros = centers->nonzeros + j * centers->most_nonzeros;
    double sum[KF_LANES] = {0}, scale = centers->is_measured ? 1.0 / rows->data_unit : rows->scale;
    ptrdiff_t d = centers->d, n = 0, t = 0;
    int has_norm = centers->is_scored || centers->is_measured;
    for (; has_norm && t + KF_LANES <= d; t += KF_LANES)
        for (int lane = 0; lane < KF_LANES; lane++) {
            double scaled = (double)c[t + lane] * scale, square = scaled * scaled;
            ROUNDED(square);
            sum[lane] += square;
        }
    for (; has_norm && t < d; t++) {
        double scaled = (double)c[t] * scale, square = scaled * scaled;
        ROUNDED(square);
        sum[t % KF_LANES] += square;
    }
    centers->sq_norms[j] = join_lanes(sum);
    for (t = 0; t < d; t++) {
        if (c[t] == 0)
            continue;
        if (n == centers->most_nonzeros) {
            n = -1;
            break;
        }
        nonzeros[n++] = (int32_t)t;
    }
    centers->n_nonzeros[j] = n;
}

/* panel[t][q] of some columns: L at a time, so that the lines of the centers and of the panel stay in L1. */
static void FN(csr_pack_panel)(const kf_csr *rows, kf_csr_centers *centers, ptrdiff_t panel, ptrdiff_t first, ptrdiff_t stop)
{
    ptrdiff_t d = centers->d, first_center = panel * centers->width;
    int width = centers->width, n_real = (int)MAX_OF(0, MIN_OF(width, centers->k - first_center));
    const REAL *c = (const REAL *)centers->c + first_center * d;
    REAL *out = (REAL *)centers->panels + panel * d * width;
    REAL scale = centers->is_measured ? 1 : (REAL)rows->scale;
    for (; first < stop; first += L) {
        ptrdiff_t n_here = MIN_OF(L, stop - first);
        int q = 0;
#if HAS_TRANSPOSE
        for (; n_here == L && q + L <= n_real; q += L) {
            V a[L];
            UNROLL
            for (int r = 0; r < L; r++)
                a[r] = FN(load)(c + (q + r) * d + first) * FN(set)(scale);
            FN(transpose)(a);
            UNROLL
            for (int r = 0; r < L; r++)
                FN(store)(out + (first + r) * width + q, a[r]);
        }
#endif
        for (; q < width; q++)
            for (ptrdiff_t t = first; t < first + n_here; t++)
                out[t * width + q] = q < n_real ? c[q * d + t] * scale : 0;
    }
}

static void FN(csr_pack_part)(const kf_csr *rows, kf_csr_centers *centers, ptrdiff_t part)
{
    ptrdiff_t n_parts = FN(csr_column_parts)(centers), first;
    if (part < centers->k) {
        FN(csr_pack_center)(rows, centers, part);
        return;
    }
    part -= centers->k;
    first = part % n_parts * FN(COLUMNS_OF_PART);
    FN(csr_pack_panel)(rows, centers, part / n_parts, first, MIN_OF(first + FN(COLUMNS_OF_PART), centers->d));
}

static void FN(csr_bind_norms)(kf_csr_centers *centers)
{
    double largest = 0.0;
    for (ptrdiff_t j = 0; j < centers->n_panels * centers->width; j++) {
        double sq_norm = j < centers->k ? centers->sq_norms[j] : INFINITY;
        centers->half_norms64[j] = 0.5 * sq_norm;
        ((REAL *)centers->half_norms)[j] = (REAL)(0.5 * sq_norm);
    }
    for (ptrdiff_t j = 0; j < centers->k; j++)
        largest = MAX_OF(largest, centers->sq_norms[j]);
    centers->largest_norm = FN(center_norm_up)(largest, centers->d);
}

/* Norm of a row times scale: no less than the true one. */
static double FN(csr_norm_up)(const kf_csr *rows, FN(csr_row) row)
{
    double sum = (double)row.n * DBL_MIN, lanes[N_LANES_f64];
    vec_f64 sums = set_f64(0.0), scales = set_f64(rows->scale);
    ptrdiff_t p = 0;
    for (; p + N_LANES_f64 <= row.n; p += N_LANES_f64) {
        vec_f64 x = FN(load_doubles)(row.values + p) * scales;
        sums += x * x;
    }
    store_f64(lanes, sums);
    for (int lane = 0; lane < N_LANES_f64; lane++)
        sum += lanes[lane];
    for (; p < row.n; p++)
        sum += ((double)row.values[p] * rows->scale) * ((double)row.values[p] * rows->scale);
    return sqrt(sum) * (1 + (double)(row.n + 8) * 0x1p-53);
}

/* What the second best score must exceed the best by, for the decider to say the same.
 *
 * 2 E + (d + 3) 2^-53 (r + C)^2 with E = gamma_m (r C + C^2 / 2) + 4 (n + 1) eta (1 + r + C), for a row of n nonzeros
 * and norm r, and C = max ||c||. A score is half a norm less n products. Each product goes through at most CHAIN fused
 * steps and one sum a chain, and x, c and the half norm are rounded once each: m = min(n, CHAIN) + chains + 4. eta is
 * REAL's smallest normal in float64 scores too: they read the panels. Rounded up.
 */
static double FN(csr_limit)(const kf_csr_centers *centers, ptrdiff_t n, double r, double u)
{
    double C = centers->largest_norm, reach = r + C;
    double m = (double)(MIN_OF(n, KF_CHAIN) + (n + KF_CHAIN - 1) / KF_CHAIN + 4), gamma = m * u / (1 - m * u);
    if (!(m * u < 0.125) || !(C * C < (double)LARGEST / 4))
        return INFINITY;
    double error = gamma * C * (r + 0.5 * C) + 4 * (double)(n + 1) * (double)SMALLEST * (1 + reach);
    return (2 * error + (double)(centers->d + 3) * 0x1p-53 * reach * reach) * (1 + 0x1p-40);
}
