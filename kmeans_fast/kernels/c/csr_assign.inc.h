/* Sparse rows, who is nearest: lanes are centers, one row of a panel for each nonzero; then certified as dense rows are. */

ALWAYS_INLINE void FN(csr_subtract)(const int n_vectors, FN(csr_row) row, ptrdiff_t first, ptrdiff_t stop, REAL scale,
                                    const REAL *RESTRICT panel, V *score)
{
    for (ptrdiff_t p = first; p < stop; p++) {
        const REAL *c = panel + (ptrdiff_t)row.columns[p] * (n_vectors * L);
        V x = FN(set)(row.values[p] * scale);
        UNROLL
        for (int v = 0; v < n_vectors; v++)
            score[v] -= x * FN(load)(c + v * L);
    }
}

/* A panel meets some rows; each lane of each row keeps its best, its index and its second best. */
ALWAYS_INLINE void FN(csr_score_panel)(const int n_vectors, const kf_csr *rows, const REAL *panel, const REAL *half_norms,
                                       INT first_center, ptrdiff_t first, ptrdiff_t n_rows, REAL *lane_state)
{
    REAL scale = (REAL)rows->scale;
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        FN(csr_row) row = FN(csr_row_of)(rows, first + i);
        REAL *state = lane_state + i * FN(LANE_STATE);
        V score[KF_CSR_VECTORS], b = FN(load)(state), s = FN(load)(state + L);
        I index;
        memcpy(&index, state + 2 * L, sizeof index);
        UNROLL
        for (int v = 0; v < n_vectors; v++)
            score[v] = FN(load)(half_norms + v * L);
        if (row.n <= KF_CHAIN)
            FN(csr_subtract)(n_vectors, row, 0, row.n, scale, panel, score);
        else
            for (ptrdiff_t p = 0; p < row.n; p += KF_CHAIN) {
                V part[KF_CSR_VECTORS];
                UNROLL
                for (int v = 0; v < n_vectors; v++)
                    part[v] = FN(set)(0);
                FN(csr_subtract)(n_vectors, row, p, MIN_OF(p + KF_CHAIN, row.n), scale, panel, part);
                UNROLL
                for (int v = 0; v < n_vectors; v++)
                    score[v] += part[v];
            }
        UNROLL
        for (int v = 0; v < n_vectors; v++) {
            index = FN(pick_int)(score[v], b, FN(set_int)(first_center + v * L), index);
            s = FN(min)(s, FN(max)(score[v], b));
            b = FN(min)(score[v], b);
        }
        FN(store)(state, b);
        FN(store)(state + L, s);
        memcpy(state + 2 * L, &index, sizeof index);
    }
}

#define CSR_SCORER(n)                                                                                                  \
    static void FN(csr_score_panel_##n)(const kf_csr *rows, const REAL *panel, const REAL *half_norms,                 \
                                        INT first_center, ptrdiff_t first, ptrdiff_t n_rows, REAL *lane_state)         \
    {                                                                                                                  \
        FN(csr_score_panel)(n, rows, panel, half_norms, first_center, first, n_rows, lane_state);                      \
    }
CSR_SCORER(1)
CSR_SCORER(2)
CSR_SCORER(3)
CSR_SCORER(4)
#undef CSR_SCORER

typedef void (*FN(csr_scorer))(const kf_csr *, const REAL *, const REAL *, INT, ptrdiff_t, ptrdiff_t, REAL *);
static const FN(csr_scorer) FN(CSR_SCORERS)[KF_CSR_VECTORS + 1] = {
    NULL, FN(csr_score_panel_1), FN(csr_score_panel_2), FN(csr_score_panel_3), FN(csr_score_panel_4)};

/* join_lane_states(), L rows at a time: transposed, so that the lanes of a row come one after the other. */
static void FN(csr_join_lanes)(ptrdiff_t n_rows, const REAL *lane_state, REAL *best, REAL *second, INT *index)
{
    ptrdiff_t first = 0;
#if HAS_TRANSPOSE
    for (; first + L <= n_rows; first += L) {
        V b[L], s[L], i[L];
        UNROLL
        for (int r = 0; r < L; r++) {
            const REAL *state = lane_state + (first + r) * FN(LANE_STATE);
            b[r] = FN(load)(state);
            s[r] = FN(load)(state + L);
            i[r] = FN(load)(state + 2 * L);
        }
        FN(transpose)(b);
        FN(transpose)(s);
        FN(transpose)(i);
        V least = b[0], next = s[0];
        I found = (I)i[0];
        UNROLL
        for (int lane = 1; lane < L; lane++) {
            next = FN(min)(next, FN(min)(s[lane], FN(max)(b[lane], least)));
            found = FN(pick_int)(b[lane], least, (I)i[lane] + FN(set_int)(lane), found);
            least = FN(min)(b[lane], least);
        }
        FN(store)(best + first, least);
        FN(store)(second + first, next);
        FN(store_int)(index + first, found);
    }
#endif
    FN(join_lane_states)(n_rows - first, lane_state + first * FN(LANE_STATE), best + first, second + first, index + first);
}

/* Scores of one row against all centers in float64, to s->scores; their limit by csr_limit() is that of u = 2^-53. */
static void FN(csr_scores64)(const kf_csr *rows, const kf_csr_centers *centers, FN(csr_row) row, kf_csr_scratch *s)
{
    for (ptrdiff_t panel = 0; panel < centers->n_panels; panel++) {
        const REAL *values = (const REAL *)centers->panels + panel * centers->d * centers->width;
        int n_here = (int)MIN_OF(centers->width, centers->k - panel * centers->width);
        for (int q = 0; q < n_here; q += N_LANES_f64) {
            vec_f64 sum = set_f64(0.0);
            for (ptrdiff_t first = 0; first < row.n; first += KF_CHAIN) {
                vec_f64 part = set_f64(0.0);
                for (ptrdiff_t p = first; p < MIN_OF(first + KF_CHAIN, row.n); p++)
                    part += set_f64((double)row.values[p] * rows->scale) *
                            FN(load_doubles)(values + (ptrdiff_t)row.columns[p] * centers->width + q);
                sum += part;
            }
            ptrdiff_t j = panel * centers->width + q;
            store_f64(s->scores + j, load_f64(centers->half_norms64 + j) - sum);
        }
    }
}

typedef struct {
    ptrdiff_t index;
    double gap; /* of the second best score, less its limit; <= 0 where the decider settled it */
} FN(csr_found);

/* The nearest center by float64 scores, and by the decider where they leave more than one. */
static FN(csr_found) FN(csr_settle)(const kf_csr *rows, const kf_csr_centers *centers, FN(csr_row) row, kf_csr_scratch *s)
{
    double limit = FN(csr_limit)(centers, row.n, FN(csr_norm_up)(rows, row), 0x1p-53), best = INFINITY, second = INFINITY;
    ptrdiff_t n_candidates = 0;
    FN(csr_found) found = {0, 0.0};
    FN(csr_scores64)(rows, centers, row, s);
    for (ptrdiff_t j = 0; j < centers->k; j++) {
        double score = s->scores[j];
        if (score < best) {
            second = best;
            best = score;
            found.index = j;
        } else if (score < second)
            second = score;
    }
    found.gap = second - best - limit;
    if (found.gap > 0)
        return found;
    for (ptrdiff_t j = 0; j < centers->k; j++) {
        s->candidates[n_candidates] = j;
        n_candidates += !(s->scores[j] - best > limit);
    }
    found.index = FN(csr_decide)(rows, centers, row, n_candidates, s);
    found.gap = 0.0;
    return found;
}

static ptrdiff_t FN(csr_nearest)(const kf_csr *rows, const kf_csr_centers *centers, ptrdiff_t first, ptrdiff_t n_rows,
                                 kf_csr_scratch *s, int32_t *labels, int64_t *moved, int32_t *before)
{
    const REAL *best = (const REAL *)s->best, *second = (const REAL *)s->second;
    ptrdiff_t n_changed = 0, size = centers->d * centers->width;
    FN(begin_lanes)(n_rows, (REAL *)s->lane_state);
    for (ptrdiff_t panel = 0; panel < centers->n_panels; panel++)
        FN(CSR_SCORERS)[centers->n_vectors](rows, (const REAL *)centers->panels + panel * size,
                                            (const REAL *)centers->half_norms + panel * centers->width,
                                            (INT)(panel * centers->width), first, n_rows, (REAL *)s->lane_state);
    FN(csr_join_lanes)(n_rows, (const REAL *)s->lane_state, (REAL *)s->best, (REAL *)s->second, (INT *)s->index);
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        FN(csr_row) row = FN(csr_row_of)(rows, first + i);
        int32_t label = (int32_t)((const INT *)s->index)[i];
        double limit = FN(csr_limit)(centers, row.n, FN(csr_norm_up)(rows, row), (double)ROUNDOFF);
        if (!((double)second[i] - (double)best[i] > limit))
            label = (int32_t)FN(csr_settle)(rows, centers, row, s).index;
        if (labels[i] == label)
            continue;
        if (moved != NULL) {
            moved[n_changed] = first + i;
            before[n_changed] = labels[i];
        }
        n_changed++;
        labels[i] = label;
    }
    return n_changed;
}

/* labels, upper and lower are indexed by row; bounds are Euclidean, in data_unit, rounded outward. */
static ptrdiff_t FN(csr_two_nearest)(const kf_csr *rows, const kf_csr_centers *centers, const int64_t *chosen, ptrdiff_t n_chosen,
                                     kf_csr_scratch *s, int32_t *labels, float *upper, float *lower)
{
    double slack = 2 * (double)(rows->d + 4) * 0x1p-53, unit = rows->scale * rows->data_unit;
    ptrdiff_t n_changed = 0;
    for (ptrdiff_t i = 0; i < n_chosen; i++) {
        FN(csr_row) row = FN(csr_row_of)(rows, (ptrdiff_t)chosen[i]);
        FN(csr_found) nearest = FN(csr_settle)(rows, centers, row, s);
        double found = FN(csr_sq_dist)(rows, centers, row, nearest.index, s);
        double beyond = found * (1 - slack) + 2 * nearest.gap / unit / unit;
        int is_known = is_safe(found);
        n_changed += labels[chosen[i]] != nearest.index;
        labels[chosen[i]] = (int32_t)nearest.index;
        upper[chosen[i]] = is_known ? -FN(float_down)(-sqrt(found * (1 + slack)) * (1 + 0x1p-50)) : INFINITY;
        lower[chosen[i]] = centers->k == 1 ? INFINITY : is_known ? FN(float_down)(sqrt(beyond) * (1 - 0x1p-50)) : 0.0f;
    }
    return n_changed;
}
