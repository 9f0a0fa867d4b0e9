/* Few features: rows sorted into blocks that lie close together, and centers dropped for a block as a whole.
 *
 * A center j is out for a box if it is farther than some center i from every point of it: D_j(x) - D_i(x) =
 * sum_t (c_i - c_j)_t (2 x - c_i - c_j)_t is linear in x, so its least value over the box takes one corner a feature.
 * Source: Pelleg and Moore, Accelerating exact k-means algorithms with geometric reasoning, 1999.
 */

/* Where a row belongs along the space-filling curve: each feature looks its bits up in a table of BUCKETS. */
ALWAYS_INLINE void FN(keys_of_few)(const int D, const REAL *RESTRICT x, ptrdiff_t n_rows, const double *least,
                                   const double *step, const int32_t *RESTRICT bits, uint16_t *RESTRICT keys)
{
    enum { AT_ONCE = 64 };
    REAL begins[4 * AT_ONCE], steps[4 * AT_ONCE], values[4 * AT_ONCE];
    int32_t buckets[4 * AT_ONCE];
    for (int e = 0; e < D * AT_ONCE; e++) {
        begins[e] = (REAL)least[e % D];
        steps[e] = (REAL)step[e % D];
    }
    memset(values, 0, sizeof values);
    for (ptrdiff_t first = 0; first < n_rows; first += AT_ONCE) {
        int n_here = (int)MIN_OF(AT_ONCE, n_rows - first);
        memcpy(values, x + first * D, (size_t)(n_here * D) * sizeof(REAL));
        for (int e = 0; e < D * AT_ONCE; e += L) {
            V bucket = (FN(load)(values + e) - FN(load)(begins + e)) * FN(load)(steps + e);
            FN(store)(values + e, FN(min)(FN(max)(bucket, FN(set)(0)), FN(set)(KF_BUCKETS - 1)));
        }
        for (int e = 0; e < D * AT_ONCE; e++)
            buckets[e] = (int32_t)values[e];
        for (int i = 0; i < n_here; i++) {
            int32_t key = 0;
            for (int t = 0; t < D; t++)
                key |= bits[t * KF_BUCKETS + buckets[i * D + t]];
            keys[first + i] = (uint16_t)key;
        }
    }
}

static void FN(block_keys)(const kf_rows *rows, ptrdiff_t first, ptrdiff_t n_rows, const double *least, const double *step,
                           const int32_t *bits, uint16_t *keys)
{
    const REAL *x = (const REAL *)rows->x + first * rows->d;
#define KEYS(D) FN(keys_of_few)(D, x, n_rows, least, step, bits, keys)
    OF_FEATURES(rows->d, KEYS);
#undef KEYS
}

static size_t FN(block_bytes)(ptrdiff_t d) { return (size_t)(KF_ROWS_OF_BLOCK * d) * sizeof(REAL); }

/* The least and the largest of the values of a block. */
ALWAYS_INLINE void FN(ends_of)(const REAL *values, REAL *least, REAL *most)
{
    REAL low[L], high[L];
    V lows = FN(load)(values), highs = lows;
    for (int i = L; i < KF_ROWS_OF_BLOCK; i += L) {
        lows = FN(min)(lows, FN(load)(values + i));
        highs = FN(max)(highs, FN(load)(values + i));
    }
    FN(store)(low, lows);
    FN(store)(high, highs);
    *least = low[0];
    *most = high[0];
    for (int lane = 1; lane < L; lane++) {
        *least = MIN_OF(*least, low[lane]);
        *most = MAX_OF(*most, high[lane]);
    }
}

/* Tiles, box and largest norm of the rows of one block; places past its end repeat the first row. */
ALWAYS_INLINE void FN(fill_block)(const int D, const kf_rows *rows, const int32_t *RESTRICT order, ptrdiff_t n_rows,
                                  REAL *RESTRICT tiles, double *low, double *high, REAL *norm)
{
    const REAL *RESTRICT x = (const REAL *)rows->x, *origin = (const REAL *)rows->origin;
    REAL values[4][KF_ROWS_OF_BLOCK], norms[KF_ROWS_OF_BLOCK], least, most;
    for (ptrdiff_t i = 0; i < n_rows; i++)
        for (int t = 0; t < D; t++)
            values[t][i] = x[(ptrdiff_t)order[i] * D + t];
    for (ptrdiff_t i = n_rows; i < KF_ROWS_OF_BLOCK; i++)
        for (int t = 0; t < D; t++)
            values[t][i] = values[t][0];
    for (int t = 0; t < D; t++) {
        FN(ends_of)(values[t], &least, &most);
        low[t] = (double)least;
        high[t] = (double)most;
    }
    for (int i = 0; i < KF_ROWS_OF_BLOCK; i += L) {
        REAL *tile = tiles + (ptrdiff_t)(i / TILE_ROWS * TILE_ROWS) * D + i % TILE_ROWS;
        V sum = FN(set)(FN(least_norm)(D));
        for (int t = 0; t < D; t++) {
            V shifted = FN(load)(values[t] + i) * FN(set)((REAL)rows->scale) - FN(set)(origin[t]);
            FN(store)(tile + t * TILE_ROWS, shifted);
            sum += shifted * shifted;
        }
        FN(store)(norms + i, sum);
    }
    FN(ends_of)(norms, &least, &most);
    *norm = FN(norm_up)(most, D);
}

/* Tiles, box, largest norm and labels of one block. */
static void FN(make_block)(const kf_rows *rows, kf_blocks *blocks, ptrdiff_t b, const int32_t *labels)
{
    ptrdiff_t d = rows->d, first = b * KF_ROWS_OF_BLOCK, n_rows = MIN_OF(KF_ROWS_OF_BLOCK, rows->n - first);
    const int32_t *order = blocks->order + first;
    REAL *tiles = (REAL *)(blocks->tiles + (size_t)b * FN(block_bytes)(d)), *norm = (REAL *)blocks->norms + b;
    double *low = blocks->boxes + b * 2 * d, *high = low + d;
#define FILL(D) FN(fill_block)(D, rows, order, n_rows, tiles, low, high, norm)
    OF_FEATURES(d, FILL);
#undef FILL
    for (ptrdiff_t i = 0; i < n_rows; i++)
        blocks->labels[first + i] = labels[order[i]];
    blocks->label[b] = -1;
}

#if !REAL_IS_FLOAT
/* Centers that may be nearest to a point of the box: of the m given (c[t * m + j], increasing), the places kept, in order. */
ALWAYS_INLINE ptrdiff_t prune_few(const int D, const double *RESTRICT low, const double *RESTRICT high,
                                  const double *RESTRICT c, ptrdiff_t m, double *RESTRICT score, int32_t *RESTRICT kept)
{
    double middle[4], near[4], best = INFINITY, far_near = 0.0;
    ptrdiff_t i = 0, n_kept = 0;
    for (int t = 0; t < D; t++)
        middle[t] = 0.5 * low[t] + 0.5 * high[t];
    for (ptrdiff_t j = 0; j < m; j++) {
        double sum = 0.0;
        for (int t = 0; t < D; t++)
            sum += (c[t * m + j] - middle[t]) * (c[t * m + j] - middle[t]);
        score[j] = sum;
    }
    for (ptrdiff_t j = 0; j < m; j++)
        if (score[j] < best) {
            best = score[j];
            i = j;
        }
    for (int t = 0; t < D; t++) {
        double a = low[t] - c[t * m + i], b = high[t] - c[t * m + i];
        near[t] = c[t * m + i];
        far_near += MAX_OF(a * a, b * b);
    }
    /* Rounded by at most (d + 6) 2^-52 of all terms and both distances; negative scores stay. */
    for (ptrdiff_t j = 0; j < m; j++) {
        double sum = 0.0, size = far_near;
        for (int t = 0; t < D; t++) {
            double across = near[t] - c[t * m + j], both = near[t] + c[t * m + j];
            double at_low = across * (2 * low[t] - both), at_high = across * (2 * high[t] - both);
            double a = low[t] - c[t * m + j], b = high[t] - c[t * m + j];
            sum += at_low < at_high ? at_low : at_high;
            size += (fabs(at_low) > fabs(at_high) ? fabs(at_low) : fabs(at_high)) + (a * a > b * b ? a * a : b * b);
        }
        score[j] = sum - (D + 6) * 0x1p-52 * size;
    }
    for (ptrdiff_t j = 0; j < m; j++) {
        kept[n_kept] = (int32_t)j;
        n_kept += !(score[j] > 0.0) || j == i;
    }
    return n_kept;
}

static ptrdiff_t prune(ptrdiff_t d, const double *low, const double *high, const double *c, ptrdiff_t m, double *score,
                       int32_t *kept)
{
#define PRUNE(D) return prune_few(D, low, high, c, m, score, kept)
    OF_FEATURES(d, PRUNE);
#undef PRUNE
}
#endif

/* The nearest of the m centers named, the lower index of equals. */
static int32_t FN(decide_among)(const kf_rows *rows, const kf_centers *centers, ptrdiff_t row, const int32_t *names, ptrdiff_t m)
{
    double row64[KF_LANES], best = INFINITY;
    int32_t found = names[0];
    const REAL *x = (const REAL *)rows->x + row * rows->d;
    FN(widen)(x, rows->d, centers->padded_d, rows->data_unit, row64);
    for (ptrdiff_t q = 0; q < m; q++) {
        double this = sq_dist(row64, centers->direct + names[q] * centers->padded_d, rows->d, centers->padded_d);
        if (this < best) {
            best = this;
            found = names[q];
        }
    }
    return is_safe(best) ? found : (int32_t)FN(decide)(rows, centers, x, row64).index;
}

/* New labels of the rows of one block, found among m > 1 centers: names[q], packed as packed[q * d], half_norms[q]. */
static void FN(label_block)(const kf_rows *rows, const kf_centers *centers, const kf_blocks *blocks, ptrdiff_t b,
                            const int32_t *names, ptrdiff_t m, const REAL *packed, const REAL *half_norms, int32_t *found)
{
    ptrdiff_t d = rows->d, first = b * KF_ROWS_OF_BLOCK, n_rows = MIN_OF(KF_ROWS_OF_BLOCK, rows->n - first);
    const REAL *tiles = (const REAL *)(blocks->tiles + (size_t)b * FN(block_bytes)(d)), norm = ((const REAL *)blocks->norms)[b];
    REAL limit = (REAL)centers->bound.a[0] + norm * ((REAL)centers->bound.a[1] + norm * (REAL)centers->bound.a[2]);
    for (ptrdiff_t at = 0; at < n_rows; at += TILE_ROWS) {
        REAL best[TILE_ROWS], second[TILE_ROWS];
        INT index[TILE_ROWS];
        int n_here = (int)MIN_OF(TILE_ROWS, n_rows - at), n_doubtful = 0;
        FN(FEW_SCORERS)[d](tiles + at * d, packed, 0, half_norms, d, 0, m, best, second, index);
        for (int i = 0; i < TILE_ROWS; i++)
            n_doubtful += !(second[i] - best[i] > limit);
        for (int i = 0; i < n_here; i++)
            found[at + i] = names[index[i]];
        if (n_doubtful == 0)
            continue;
        for (int i = 0; i < n_here; i++)
            if (!(second[i] - best[i] > limit))
                found[at + i] = FN(decide_among)(rows, centers, blocks->order[first + at + i], names, m);
    }
}

/* Rows of a block whose label changes: noted in moved and before (or NULL), which begin where the block does. */
ALWAYS_INLINE ptrdiff_t FN(relabel_block)(kf_blocks *blocks, ptrdiff_t first, ptrdiff_t n_rows, const int32_t *found,
                                          const int step, int32_t *labels, int64_t *moved, int32_t *before)
{
    enum { AT_ONCE = 16 };
    ptrdiff_t n_changed = 0;
    int32_t *of_block = blocks->labels + first;
    const int32_t *order = blocks->order + first;
    for (ptrdiff_t at = 0; at < n_rows; at += AT_ONCE) {
        ptrdiff_t stop = MIN_OF(at + AT_ONCE, n_rows);
        if (stop == at + AT_ONCE) {
            int n_other = 0;
            for (int i = 0; i < AT_ONCE; i++)
                n_other += of_block[at + i] != found[(at + i) * step];
            if (n_other == 0)
                continue;
        }
        for (ptrdiff_t i = at; i < stop; i++) {
            if (of_block[i] == found[i * step])
                continue;
            if (moved != NULL) {
                moved[n_changed] = order[i];
                before[n_changed] = of_block[i];
            }
            n_changed++;
            of_block[i] = found[i * step];
            labels[order[i]] = found[i * step];
        }
    }
    return n_changed;
}

/* Blocks [first, stop), which lie together: first the centers that are near their common box, then block by block.
   c64 is the centers as doubles, c64[t * k + j]. Returns the rows that changed, one block's after the other, from the
   first row of block first on in moved and before. */
static ptrdiff_t FN(nearest_in_blocks)(const kf_rows *rows, const kf_centers *centers, kf_blocks *blocks, ptrdiff_t first,
                                       ptrdiff_t stop, const double *c64, kf_box_scratch *s, int32_t *labels,
                                       int64_t *moved, int32_t *before, double *n_scored)
{
    ptrdiff_t d = rows->d, k = centers->k, m, n_changed = 0;
    const REAL *all = (const REAL *)centers->groups, *all_half_norms = (const REAL *)centers->half_norms;
    double low[4] = {0}, high[4] = {0}, n_pairs = 0.0;
    for (ptrdiff_t t = 0; t < d; t++) {
        low[t] = INFINITY;
        high[t] = -INFINITY;
        for (ptrdiff_t b = first; b < stop; b++) {
            low[t] = MIN_OF(low[t], blocks->boxes[b * 2 * d + t]);
            high[t] = MAX_OF(high[t], blocks->boxes[b * 2 * d + d + t]);
        }
    }
    m = prune(d, low, high, c64, k, s->score, s->common);
    for (ptrdiff_t t = 0; t < d; t++)
        for (ptrdiff_t q = 0; q < m; q++)
            s->c64[t * m + q] = c64[t * k + s->common[q]];
    for (ptrdiff_t b = first; b < stop; b++) {
        const double *box = blocks->boxes + b * 2 * d;
        ptrdiff_t first_row = b * KF_ROWS_OF_BLOCK, n_rows = MIN_OF(KF_ROWS_OF_BLOCK, rows->n - first_row);
        ptrdiff_t n_kept = m == 1 ? 1 : prune(d, box, box + d, s->c64, m, s->score, s->kept);
        if (m == 1)
            s->kept[0] = 0;
        for (ptrdiff_t q = 0; q < n_kept; q++)
            s->kept[q] = s->common[s->kept[q]];
        if (n_kept == 1) {
            if (blocks->label[b] != s->kept[0])
                n_changed += FN(relabel_block)(blocks, first_row, n_rows, s->kept, 0, labels,
                                                 moved == NULL ? NULL : moved + n_changed, before == NULL ? NULL : before + n_changed);
            blocks->label[b] = s->kept[0];
            continue;
        }
        for (ptrdiff_t q = 0; q < n_kept; q++) {
            for (ptrdiff_t t = 0; t < d; t++)
                ((REAL *)s->packed)[q * d + t] = all[s->kept[q] * d + t];
            ((REAL *)s->half_norms)[q] = all_half_norms[s->kept[q]];
        }
        n_pairs += (double)(n_kept * n_rows);
        blocks->label[b] = -1;
        FN(label_block)(rows, centers, blocks, b, s->kept, n_kept, (const REAL *)s->packed, (const REAL *)s->half_norms, s->found);
        n_changed += FN(relabel_block)(blocks, first_row, n_rows, s->found, 1, labels,
                                                 moved == NULL ? NULL : moved + n_changed, before == NULL ? NULL : before + n_changed);
    }
    *n_scored = n_pairs;
    return n_changed;
}
