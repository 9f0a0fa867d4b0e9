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

ALWAYS_INLINE int FN(are_alike)(const kf_rows *rows, ptrdiff_t i, ptrdiff_t j)
{
    const REAL *a = (const REAL *)rows->x + i * rows->d, *b = (const REAL *)rows->x + j * rows->d;
    int differ = 0;
    for (ptrdiff_t t = 0; t < rows->d; t++)
        differ |= a[t] != b[t];
    return !differ;
}

/* Of n_samples rows in order, how many have one like them within ALIKE_WITHIN places behind them. */
static ptrdiff_t FN(count_alike)(const kf_rows *rows, const int32_t *order, ptrdiff_t n_samples)
{
    enum { ALIKE_WITHIN = 8 };
    ptrdiff_t n_alike = 0;
    for (ptrdiff_t sample = 0; sample < n_samples; sample++) {
        ptrdiff_t first = rows->n * sample / n_samples, stop = MIN_OF(first + 1 + ALIKE_WITHIN, rows->n), i = first + 1;
        while (i < stop && !FN(are_alike)(rows, order[first], order[i]))
            i++;
        n_alike += i < stop;
    }
    return n_alike;
}

/* Of the values, where 0 and -0 are alike. Source: the finalizer of Steele, Lea and Flood, Fast splittable pseudorandom
   number generators, 2014. */
ALWAYS_INLINE uint32_t FN(hash_of_row)(const REAL *x, ptrdiff_t d)
{
    uint64_t hash = 0;
    for (ptrdiff_t t = 0; t < d; t++) {
        double value = (double)x[t] + 0.0;
        uint64_t bits;
        memcpy(&bits, &value, sizeof bits);
        hash = (hash ^ bits) * UINT64_C(0xbf58476d1ce4e5b9);
        hash ^= hash >> 27;
    }
    hash = (hash ^ (hash >> 30)) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)(hash >> 32);
}

ALWAYS_INLINE uint32_t FN(slots_for)(ptrdiff_t n_rows)
{
    uint32_t n_slots = 1;
    while (n_slots < 2 * (uint32_t)n_rows)
        n_slots *= 2;
    return n_slots;
}

static size_t FN(alike_bytes)(ptrdiff_t n_rows)
{
    return (FN(slots_for)(n_rows) + 3 * (size_t)n_rows + 1) * sizeof(int32_t);
}

enum { FN(ALIKE_AHEAD) = 16 }; /* rows that are fetched before they are needed */

/* Puts rows of order that are alike next to each other, those that come first in front, and says of each whether it is not
   like the one before it; returns how many are not. */
static ptrdiff_t FN(join_alike)(const kf_rows *rows, int32_t *RESTRICT order, ptrdiff_t n_rows, char *arena, char *is_first)
{
    uint32_t n_slots = FN(slots_for)(n_rows);
    int32_t *slots = (int32_t *)arena, *kinds = slots + n_slots, *starts = kinds + n_rows, *sorted = starts + n_rows + 1;
    ptrdiff_t n_kinds = 0;
    for (uint32_t slot = 0; slot < n_slots; slot++)
        slots[slot] = -1;
    for (ptrdiff_t i = 0; i <= n_rows; i++)
        starts[i] = 0;
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        const REAL *x = (const REAL *)rows->x + (ptrdiff_t)order[i] * rows->d;
        uint32_t slot = FN(hash_of_row)(x, rows->d) & (n_slots - 1);
        if (i + FN(ALIKE_AHEAD) < n_rows)
            FETCH((const REAL *)rows->x + (ptrdiff_t)order[i + FN(ALIKE_AHEAD)] * rows->d);
        while (slots[slot] >= 0 && !FN(are_alike)(rows, order[slots[slot]], order[i]))
            slot = (slot + 1) & (n_slots - 1);
        if (slots[slot] < 0) {
            slots[slot] = (int32_t)i;
            kinds[i] = (int32_t)n_kinds++;
        }
        kinds[i] = kinds[slots[slot]];
        starts[kinds[i] + 1]++;
    }
    memset(is_first, 0, (size_t)n_rows);
    for (ptrdiff_t kind = 0; kind < n_kinds; kind++) {
        is_first[starts[kind]] = 1;
        starts[kind + 1] += starts[kind];
    }
    for (ptrdiff_t i = 0; i < n_rows; i++)
        sorted[starts[kinds[i]]++] = order[i];
    memcpy(order, sorted, (size_t)n_rows * sizeof(int32_t));
    return n_kinds;
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

/* Tiles, box and largest norm of one block, of a row at each place; places past its end repeat the first one. */
ALWAYS_INLINE void FN(fill_block)(const int D, const kf_rows *rows, const int32_t *RESTRICT order, ptrdiff_t n_places,
                                  REAL *RESTRICT tiles, double *low, double *high, REAL *norm)
{
    const REAL *RESTRICT x = (const REAL *)rows->x, *origin = (const REAL *)rows->origin;
    REAL values[4][KF_ROWS_OF_BLOCK], norms[KF_ROWS_OF_BLOCK], least, most;
    for (ptrdiff_t i = 0; i < n_places; i++)
        for (int t = 0; t < D; t++)
            values[t][i] = x[(ptrdiff_t)order[i] * D + t];
    for (ptrdiff_t i = n_places; i < KF_ROWS_OF_BLOCK; i++)
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
    ptrdiff_t d = rows->d, first = b * KF_ROWS_OF_BLOCK, n_places = MIN_OF(KF_ROWS_OF_BLOCK, blocks->n_places - first);
    const int32_t *order = blocks->order + first, *starts = blocks->starts == NULL ? NULL : blocks->starts + first;
    int32_t first_rows[KF_ROWS_OF_BLOCK], *of_block = blocks->labels + first;
    REAL *tiles = (REAL *)(blocks->tiles + (size_t)b * FN(block_bytes)(d)), *norm = (REAL *)blocks->norms + b;
    double *low = blocks->boxes + b * 2 * d, *high = low + d;
    if (starts != NULL) {
        for (ptrdiff_t i = 0; i < n_places; i++)
            first_rows[i] = blocks->order[starts[i]];
        order = first_rows;
    }
#define FILL(D) FN(fill_block)(D, rows, order, n_places, tiles, low, high, norm)
    OF_FEATURES(d, FILL);
#undef FILL
    for (ptrdiff_t i = 0; i < n_places; i++)
        of_block[i] = labels[order[i]];
    if (starts != NULL)
        for (ptrdiff_t i = 0; i < n_places; i++)
            for (ptrdiff_t at = starts[i] + 1; at < starts[i + 1]; at++)
                of_block[i] = labels[blocks->order[at]] == of_block[i] ? of_block[i] : INT32_MIN;
    blocks->blocks[b].label = -1;
}
