/* Few features: rows sorted into blocks that lie close together. */

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
    blocks->blocks[b].label = -1;
}
