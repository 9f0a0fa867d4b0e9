/* The assignment of a block of rows: score, certify, and settle what the scores leave open. */

/* The tile of the n rows chosen: of the working copy where there is one (a tile gets there when it is first needed),
   else packed to *tile. */
static const REAL *FN(tile_of_rows)(const kf_rows *rows, const ptrdiff_t *chosen, int n, REAL *tile, REAL *norms)
{
    ptrdiff_t d = rows->d, row_of_first = chosen[0];
    int is_run = chosen[n - 1] - row_of_first == n - 1;
    const REAL *row[TILE_ROWS];
    int is_whole = is_run && row_of_first % TILE_ROWS == 0 && n == MIN_OF(TILE_ROWS, rows->n - row_of_first);
    REAL *copy = rows->tiles != NULL && is_whole ? (REAL *)rows->tiles + row_of_first * (d + 1) : NULL;
    if (copy == NULL || !rows->tile_is_made[row_of_first / TILE_ROWS]) {
        for (int i = 0; i < n; i++)
            row[i] = (const REAL *)rows->x + chosen[i] * d;
        if (copy == NULL) {
            FN(pack_tile)(rows, row, n, tile, norms);
            return tile;
        }
        FN(pack_tile)(rows, row, n, copy, copy + d * TILE_ROWS);
        rows->tile_is_made[row_of_first / TILE_ROWS] = 1;
    }
    memcpy(norms, copy + d * TILE_ROWS, TILE_ROWS * sizeof(REAL));
    return copy;
}

/* Some tiles meet all groups of centers; where the centers are too many for the cache, group by group. */
static void FN(score_points)(const kf_rows *rows, const kf_centers *centers, const ptrdiff_t *chosen, ptrdiff_t n_rows,
                             kf_scratch *s)
{
    ptrdiff_t d = rows->d, n_tiles = FN(tiles_at_once)(d, centers->k, s->block_rows);
    const REAL *groups = (const REAL *)centers->groups, *half_norms = (const REAL *)centers->half_norms;
    FN(tile_scorer) score = d <= FN(FEW_FEATURES) ? FN(FEW_SCORERS)[d] : FN(TILE_SCORERS)[centers->width];
    for (ptrdiff_t first = 0; first < n_rows; first += n_tiles * TILE_ROWS) {
        ptrdiff_t n_here = MIN_OF(n_tiles * TILE_ROWS, n_rows - first), step = n_tiles == 1 ? centers->n_groups : 1;
        const REAL *tile[FN(MOST_TILES)];
        for (ptrdiff_t at = 0; at < n_here; at += TILE_ROWS)
            tile[at / TILE_ROWS] = FN(tile_of_rows)(rows, chosen + first + at, (int)MIN_OF(TILE_ROWS, n_here - at),
                                                    (REAL *)s->block + at * d, (REAL *)s->norms + first + at);
        for (ptrdiff_t g = 0; g < centers->n_groups; g += step)
            for (ptrdiff_t at = 0; at < n_here; at += TILE_ROWS)
                score(tile[at / TILE_ROWS], groups, 0, half_norms, d, g, g + step, (REAL *)s->best + first + at,
                      (REAL *)s->second + first + at, (INT *)s->index + first + at);
    }
}

static void FN(score_centers)(const kf_rows *rows, const kf_centers *centers, const ptrdiff_t *chosen, ptrdiff_t n_rows,
                              kf_scratch *s)
{
    ptrdiff_t d = rows->d;
    FN(pack_block)(rows, chosen, n_rows, (REAL *)s->block, (REAL *)s->norms);
    FN(begin_lanes)(n_rows, (REAL *)s->lane_state);
    for (ptrdiff_t p = 0; p < centers->n_groups; p++)
        FN(score_panel)((const REAL *)s->block, n_rows, (const REAL *)centers->groups + p * d * PANEL_WIDTH,
                        (const REAL *)centers->half_norms + p * PANEL_WIDTH, d, (INT)(p * PANEL_WIDTH), (REAL *)s->lane_state);
    FN(join_lane_states)(n_rows, (const REAL *)s->lane_state, (REAL *)s->best, (REAL *)s->second, (INT *)s->index);
}

/* Whether any of the scores of a block, n_rows rounded up to whole vectors, is too close to its second best. */
static int FN(has_doubtful)(const kf_bound *bound, ptrdiff_t n_rows, const kf_scratch *s)
{
    const REAL *norms = (const REAL *)s->norms, *best = (const REAL *)s->best, *second = (const REAL *)s->second;
    V a0 = FN(set)((REAL)bound->a[0]), a1 = FN(set)((REAL)bound->a[1]), a2 = FN(set)((REAL)bound->a[2]);
    I are_certain = FN(set_int)(-1);
    INT lanes[L], all = -1;
    for (ptrdiff_t i = 0; i < n_rows; i += L) {
        V r = FN(load)(norms + i), limit = a0 + r * (a1 + r * a2);
        are_certain &= FN(less)(limit, FN(load)(second + i) - FN(load)(best + i));
    }
    FN(store_int)(lanes, are_certain);
    for (int lane = 0; lane < L; lane++)
        all &= lanes[lane];
    return all == 0;
}

/* Labels and gaps of the scored rows [first, first + n_rows) of a call; those that the bound leaves open go to doubtful. */
static ptrdiff_t FN(certify)(const kf_rows *rows, const kf_bound *bound, ptrdiff_t first, ptrdiff_t n_rows,
                             ptrdiff_t n_doubtful, kf_scratch *s)
{
    const REAL *norms = (const REAL *)s->norms, *best = (const REAL *)s->best, *second = (const REAL *)s->second;
    const INT *index = (const INT *)s->index;
    REAL a0 = (REAL)bound->a[0], a1 = (REAL)bound->a[1], a2 = (REAL)bound->a[2];
    for (ptrdiff_t i = 0; i < n_rows; i++)
        s->found[first + i] = (int32_t)index[i];
    if (FN(has_doubtful)(bound, n_rows, s))
        for (ptrdiff_t i = 0; i < n_rows; i++) {
            REAL limit = a0 + norms[i] * (a1 + norms[i] * a2);
            s->doubtful[n_doubtful] = first + i;
            n_doubtful += !(second[i] - best[i] > limit);
        }
    if (s->gaps != NULL) {
        double unit = rows->scale * rows->data_unit;
        for (ptrdiff_t i = 0; i < n_rows; i++) {
            REAL limit = a0 + norms[i] * (a1 + norms[i] * a2);
            s->gaps[first + i] = 2 * ((double)second[i] - (double)best[i] - (double)limit) / unit / unit;
        }
    }
    return n_doubtful;
}

static void FN(decide_rows)(const kf_rows *rows, const kf_centers *centers, const ptrdiff_t *which, ptrdiff_t n, kf_scratch *s)
{
    for (ptrdiff_t m = 0; m < n; m++) {
        ptrdiff_t i = which[m];
        const REAL *x = (const REAL *)rows->x + s->chosen[i] * rows->d;
        FN(widen)(x, rows->d, centers->padded_d, rows->data_unit, s->row64);
        FN(decision) found = FN(decide)(rows, centers, x, s->row64);
        s->found[i] = (int32_t)found.index;
        if (s->gaps != NULL) {
            double slack = 2 * (double)(rows->d + 4) * 0x1p-53;
            s->gaps[i] = found.second * (1 - slack) - found.best * (1 + slack);
        }
    }
}

#if REAL_IS_FLOAT
/* The float64 identity for what float32 can't certify; what it leaves open goes to the decider. */
static void FN(settle_in_float64)(const kf_rows *rows, const kf_centers *centers, ptrdiff_t n_doubtful, kf_scratch *s)
{
    const double *a = centers->bound64.a;
    ptrdiff_t n_left = 0, n_groups = centers->direct_rows / centers->width64;
    for (ptrdiff_t first = 0; first < n_doubtful; first += POINTS_OF_TILE_f64) {
        const REAL *row[POINTS_OF_TILE_f64];
        int n_here = (int)MIN_OF(POINTS_OF_TILE_f64, n_doubtful - first);
        for (int m = 0; m < n_here; m++)
            row[m] = (const REAL *)rows->x + s->chosen[s->doubtful[first + m]] * rows->d;
        FN(pack_tile64)(rows, row, n_here, s->tile64, s->norms64);
        TILE_SCORERS_f64[centers->width64](s->tile64, centers->direct, centers->padded_d, centers->half_norms64, rows->d,
                                           0, n_groups, s->best64, s->second64, s->index64);
        for (int m = 0; m < n_here; m++) {
            ptrdiff_t i = s->doubtful[first + m];
            double r = s->norms64[m], gap = s->second64[m] - s->best64[m] - (a[0] + r * (a[1] + r * a[2]));
            s->found[i] = (int32_t)s->index64[m];
            if (s->gaps != NULL)
                s->gaps[i] = 2 * gap;
            s->doubtful[n_left] = i;
            n_left += !(gap > 0);
        }
    }
    FN(decide_rows)(rows, centers, s->doubtful, n_left, s);
}
#endif

/* The labels that certify() left open. */
static void FN(settle_doubtful)(const kf_rows *rows, const kf_centers *centers, ptrdiff_t n_doubtful, kf_scratch *s)
{
#if REAL_IS_FLOAT
    if (n_doubtful > FN(FEW_DOUBTFUL) && centers->width64 > 0) {
        FN(settle_in_float64)(rows, centers, n_doubtful, s);
        return;
    }
#endif
    FN(decide_rows)(rows, centers, s->doubtful, n_doubtful, s);
}

/* Labels of the rows s->chosen[0, n_rows), to s->found; lower bounds of second - best to s->gaps if there are any. */
static void FN(settle)(const kf_rows *rows, const kf_centers *centers, ptrdiff_t n_rows, kf_scratch *s)
{
    ptrdiff_t n_doubtful = 0;
    if (centers->shape == KF_DECIDE_ONLY) {
        for (; n_doubtful < n_rows; n_doubtful++)
            s->doubtful[n_doubtful] = n_doubtful;
        FN(decide_rows)(rows, centers, s->doubtful, n_doubtful, s);
        return;
    }
    for (ptrdiff_t first = 0; first < n_rows; first += s->block_rows) {
        ptrdiff_t n_here = MIN_OF(s->block_rows, n_rows - first);
        if (FN(are_points)(centers))
            FN(score_points)(rows, centers, s->chosen + first, n_here, s);
        else
            FN(score_centers)(rows, centers, s->chosen + first, n_here, s);
        n_doubtful = FN(certify)(rows, &centers->bound, first, n_here, n_doubtful, s);
    }
    FN(settle_doubtful)(rows, centers, n_doubtful, s);
}

#if HAS_FILTER
/* The same without gaps, for the rows that the filter leaves open; s->chosen is lost. */
static void FN(settle_filtered)(const kf_rows *rows, const kf_centers *centers, ptrdiff_t n_rows, kf_scratch *s)
{
    kf_filter_scratch *f = &s->filter;
    ptrdiff_t n_left = FN(filter)(rows, centers, s->chosen, n_rows, s->row64, f);
    f->n_open += n_left;
    for (ptrdiff_t m = 0; m < n_left; m++)
        s->chosen[m] = s->chosen[f->left[m]];
    if (n_left > 0)
        FN(settle)(rows, centers, n_left, s);
    for (ptrdiff_t m = 0; m < n_left; m++)
        f->passed[f->left[m]] = s->found[m];
    memcpy(s->found, f->passed, (size_t)n_rows * sizeof(int32_t));
}
#endif

enum { FN(LABELS_AT_ONCE) = 16 };

/* Rows whose label changed go to moved, their old labels to before, in order; both may be NULL, or have room for all. */
static ptrdiff_t FN(nearest)(const kf_rows *rows, const kf_centers *centers, ptrdiff_t first, ptrdiff_t n_rows, kf_scratch *s,
                             int32_t *labels, int64_t *moved, int32_t *before)
{
    ptrdiff_t n_changed = 0;
    for (ptrdiff_t i = 0; i < n_rows; i++)
        s->chosen[i] = first + i;
#if HAS_FILTER
    if (centers->filter.width > 0 && s->gaps == NULL)
        FN(settle_filtered)(rows, centers, n_rows, s);
    else
#endif
        FN(settle)(rows, centers, n_rows, s);
    if (moved != NULL) {
        for (ptrdiff_t begin = 0; begin < n_rows; begin += FN(LABELS_AT_ONCE)) {
            ptrdiff_t stop = MIN_OF(begin + FN(LABELS_AT_ONCE), n_rows);
            int32_t differ = 0;
            for (ptrdiff_t i = begin; i < stop; i++)
                differ |= labels[i] ^ s->found[i];
            for (ptrdiff_t i = begin; differ != 0 && i < stop; i++)
                if (labels[i] != s->found[i]) {
                    moved[n_changed] = first + i;
                    before[n_changed++] = labels[i];
                    labels[i] = s->found[i];
                }
        }
        return n_changed;
    }
    int n_other = 0;
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        n_other += labels[i] != s->found[i];
        labels[i] = s->found[i];
    }
    return n_other;
}
