/* The filter: narrower values (narrow.h) tell most rows their nearest center, about twice as fast; the others go on.
 *
 * Of rows x and centers c, shifted and scaled, it sees x^ and c^, rounded to bfloat16 or to whole numbers. By Cauchy and
 * Schwarz
 *
 *     |x.c - x^.c^| <= ||x - x^|| ||c^|| + ||x|| ||c - c^|| =: E(x, c),
 *
 * with norms of what was lost that are measured, not taken for u ||x||. E is a product too, of two values of the row and two
 * of the center: as the last pair of both, rounded up, it makes of each score the least that it can be. The nearest center
 * is known for sure where the second best of these is above the most that the best can be, 2 E more, by what the sums may
 * have lost: products of bfloat16 are exact in float32, and d + 2 of them and half a norm make a chain of sums, in any order
 * and perhaps truncated: gamma_m for roundoff 2^-23 and m = d + 8 (Higham, Accuracy and Stability of Numerical Algorithms,
 * 2002, section 3.1). The unit may take denormals for zeros: each of the steps loses at most FLT_MIN (1 + r + C), where
 * r = ||x|| and C is the longest center's norm. The decider's error is as in bound_of().
 *
 * Whole numbers of 16 bits, each row's and center's of a unit of its own, lose a few 2^-16 of the norm and add up to 32 bits
 * without an error. By Cauchy and Schwarz again, no sum exceeds MOST_UNITS^2 but by what rounding adds to the norms, half a
 * unit a feature, 512 in all at MOST_FEATURES, and by the bound, 2 MOST_LOST halves of a norm that is rounded up by 2^-4 there:
 * less than 1.91e9 and 1.92e8, and 2^31 is 2.147e9. To become a float, to be multiplied by both units and added to half a norm
 * takes five roundings, for which gamma_16 is ample. Their E is as above.
 *
 * Where rows and centers of float64 are rounded to float32 instead, x^ and c^ lose 2^-24 of each value, or what vanishes:
 * no more than two further links of the chain. So E = 0, and gamma_m is for roundoff 2^-24.
 */

/* The unit of the words of a row or a center. */
ALWAYS_INLINE float FN(unit_for)(const kf_rows *rows, const REAL *RESTRICT x)
{
#if NARROW_IS_WHOLE
    const REAL *RESTRICT origin = (const REAL *)rows->origin;
    REAL scale = (REAL)rows->scale, largest = 0, sum = 0, lanes[L];
    ptrdiff_t t = 0;
    V scales = FN(set)(scale), low = FN(set)(0), high = low, sums = low;
    for (; t + L <= rows->d; t += L) {
        V value = FN(load)(x + t) * scales - FN(load)(origin + t);
        low = FN(min)(low, value);
        high = FN(max)(high, value);
        sums += value * value;
    }
    FN(store)(lanes, FN(max)(high, -low));
    for (int lane = 0; lane < L; lane++)
        largest = MAX_OF(largest, lanes[lane]);
    sum = FN(sum_lanes)(sums);
    for (; t < rows->d; t++) {
        REAL value = FN(shifted)(x[t], scale, origin[t]);
        largest = MAX_OF(largest, value < 0 ? -value : value);
        sum += value * value;
    }
    return unit_of((float)largest, (float)SQRT(sum));
#else
    (void)rows, (void)x;
    return 1;
#endif
}

/* Chunk of words from word first on of a row or a center, which has n_words of features. */
ALWAYS_INLINE void FN(chunk_of_words)(const kf_rows *rows, const REAL *RESTRICT x, ptrdiff_t n_words, ptrdiff_t first,
                                      float unit, uint32_t *out, vec_f32 *sq_norm, vec_f32 *sq_residual)
{
    float parts[FEATURES_OF_WORD][WORD_CHUNK];
    const REAL *RESTRICT origin = (const REAL *)rows->origin;
    REAL scale = (REAL)rows->scale;
    ptrdiff_t n_here = MIN_OF(WORD_CHUNK, n_words - first);
    for (int part = 0; part < FEATURES_OF_WORD; part++) {
        ptrdiff_t from = part * n_words + first, n = MAX_OF(0, MIN_OF(n_here, rows->d - from));
        for (ptrdiff_t t = 0; t < n; t++)
            parts[part][t] = (float)FN(shifted)(x[from + t], scale, origin[from + t]);
        for (ptrdiff_t t = n; t % WORD_LANES != 0 || t < n_here; t++)
            parts[part][t] = 0;
    }
    narrow((const float(*)[WORD_CHUNK])parts, n_here, unit, out, sq_norm, sq_residual);
}

/* A group of centers, with turned signs. */
static void FN(pack_filter_group)(const kf_rows *rows, kf_centers *centers, ptrdiff_t group)
{
    kf_filter *f = &centers->filter;
    ptrdiff_t last = f->n_words - BOUND_WORDS, d = rows->d;
    uint32_t *RESTRICT out = f->groups + group * f->n_words * f->width;
    for (int q = 0; q < f->width; q++) {
        ptrdiff_t j = group * f->width + q;
        const REAL *c = (const REAL *)centers->c + j * d;
        int is_real = j < centers->k;
        float unit = is_real ? FN(unit_for)(rows, c) : 0;
        vec_f32 sq_norm = set_f32(0), sq_residual = set_f32(0);
        for (ptrdiff_t first = 0; first < last; first += WORD_CHUNK) {
            uint32_t chunk[WORD_CHUNK] = {0};
            if (is_real)
                FN(chunk_of_words)(rows, c, last, first, unit, chunk, &sq_norm, &sq_residual);
            for (ptrdiff_t t = 0; t < MIN_OF(WORD_CHUNK, last - first); t++)
                out[(first + t) * f->width + q] = turned(chunk[t]);
        }
        narrow_size size = size_of_words(sq_norm, sq_residual, unit, d);
        size.norm += size.residual;
#if BOUND_WORDS
        out[last * f->width + q] = is_real ? bound_of_center(&size) : 0;
#endif
        f->half_norms[j] = is_real ? (float)(0.5 * centers->sq_norms[j]) : INFINITY;
        f->norms[j] = is_real ? size.norm : 0;
        f->residuals[j] = is_real ? size.residual : 0;
        f->units[j] = unit;
    }
}

/* f->a, of what the sums may have lost: a[0] + (r + 2 e) a[1] + r^2 a[2], r the norm of a row and e that of what it lost. */
static void FN(bind_filter)(kf_centers *centers)
{
    kf_filter *f = &centers->filter;
    double d = (double)centers->d, C = 0.0, up = 1 + 0x1p-18;
    double m = roundoff_of_sum(d), gamma = m / (1 - m), decider = (d + 3) * 0x1p-53, vanished = 16 * (d + 8) * (double)FLT_MIN;
    for (ptrdiff_t j = 0; j < centers->k; j++)
        C = MAX_OF(C, f->norms[j] < 0x1p60f ? (double)f->norms[j] + 2 * (double)f->residuals[j] : INFINITY);
    f->a[0] = f->a[1] = f->a[2] = INFINITY;
    if (!(m < 0.125) || !(C < 0x1p60))
        return;
    f->a[0] = (float)(((gamma + decider) * C * C + vanished * (1 + C)) * up);
    f->a[1] = (float)((2 * (gamma + decider) * C + vanished) * up);
    f->a[2] = (float)(decider * up);
}

/* Tiles that meet a group of centers before the next group does: one where all centers stay in the cache anyway. */
static ptrdiff_t FN(filter_tiles)(const kf_centers *centers)
{
    const kf_filter *f = &centers->filter;
    ptrdiff_t bytes_of_tile = f->n_words * WORD_ROWS * 4, bytes_of_centers = f->n_groups * f->width * f->n_words * 4;
    return bytes_of_centers <= KF_FILTER_BYTES ? 1 : MAX_OF(1, MIN_OF(KF_FILTER_TILES, KF_FILTER_BYTES / bytes_of_tile));
}

/* Values of a tile of words, and of what comes after them. */
ALWAYS_INLINE ptrdiff_t FN(length_of_words)(ptrdiff_t d) { return (words_of(d) + 3) * WORD_ROWS; }

static size_t FN(words_bytes)(ptrdiff_t n, ptrdiff_t d)
{
    return (size_t)((n + WORD_ROWS - 1) / WORD_ROWS) * (size_t)FN(length_of_words)(d) * sizeof(uint32_t);
}

/* The tile of n rows. */
static void FN(pack_filter_tile)(const kf_rows *rows, const ptrdiff_t *chosen, int n, ptrdiff_t n_words, uint32_t *row_words,
                                 uint32_t *tile)
{
    ptrdiff_t last = n_words - BOUND_WORDS, stride = last / WORD_CHUNK * WORD_CHUNK + WORD_CHUNK;
    float *norms = (float *)(tile + n_words * WORD_ROWS), *residuals = norms + WORD_ROWS, *units = residuals + WORD_ROWS;
    for (int i = 0; i < WORD_ROWS; i++) {
        vec_f32 sq_norm = set_f32(0), sq_residual = set_f32(0);
        uint32_t *out = row_words + i * stride;
        if (i >= n) {
            memset(out, 0, (size_t)stride * sizeof(uint32_t));
            norms[i] = residuals[i] = units[i] = 0;
            continue;
        }
        const REAL *x = (const REAL *)rows->x + chosen[i] * rows->d;
        float unit = FN(unit_for)(rows, x);
        for (ptrdiff_t first = 0; first < last; first += WORD_CHUNK)
            FN(chunk_of_words)(rows, x, last, first, unit, out + first, &sq_norm, &sq_residual);
        narrow_size size = size_of_words(sq_norm, sq_residual, unit, rows->d);
#if BOUND_WORDS
        out[last] = bound_of_row(&size);
#endif
        norms[i] = size.norm;
        residuals[i] = size.residual;
        units[i] = unit;
    }
    pack_words(row_words, stride, n_words, tile);
}

/* The tile of the n rows chosen: of the working copy where there is one (a tile gets there when it is first needed), else
   packed to *tile. */
static const uint32_t *FN(tile_of_words)(const kf_rows *rows, const ptrdiff_t *chosen, int n, ptrdiff_t n_words,
                                         uint32_t *row_words, uint32_t *tile)
{
    ptrdiff_t first = chosen[0], number = first / WORD_ROWS;
    int is_whole = first % WORD_ROWS == 0 && n == MIN_OF(WORD_ROWS, rows->n - first) && chosen[n - 1] - first == n - 1;
    if (rows->words == NULL || !is_whole) {
        FN(pack_filter_tile)(rows, chosen, n, n_words, row_words, tile);
        return tile;
    }
    uint32_t *copy = rows->words + number * FN(length_of_words)(rows->d);
    if (!rows->words_are_made[number])
        FN(pack_filter_tile)(rows, chosen, n, n_words, row_words, copy);
    rows->words_are_made[number] = 1;
    return copy;
}

/* The nearer of two centers, the lower index of equals; -1 where only the decider can tell. */
static int32_t FN(nearer_of_two)(const kf_rows *rows, const kf_centers *centers, const REAL *x, int32_t one, int32_t other,
                                 double *row64)
{
    int32_t low = MIN_OF(one, other), high = MAX_OF(one, other);
    ptrdiff_t d = rows->d, padded_d = centers->padded_d;
    FN(widen)(x, d, padded_d, rows->data_unit, row64);
    double to_low = sq_dist(row64, centers->direct + low * padded_d, d, padded_d);
    double to_high = sq_dist(row64, centers->direct + high * padded_d, d, padded_d);
    if (!is_safe(MIN_OF(to_low, to_high)))
        return -1;
    return to_high < to_low ? high : low;
}

/* The norms of the rows of a tile; after them come those of what they lost, and their units. */
ALWAYS_INLINE const float *FN(norms_of_tile)(const kf_filter *f, const uint32_t *tile)
{
    return (const float *)(tile + f->n_words * WORD_ROWS);
}

/* By how much the true score of a center may exceed that by which it was found, as far as rounding of the values goes. */
ALWAYS_INLINE float FN(lost_by_values)(const kf_filter *f, float r, float e, int32_t center)
{
    return 2 * UP_TO_WORD * (e * f->norms[center] + r * f->residuals[center]);
}

/* The sum of what two scores may have lost when they were added up, and the decider. */
ALWAYS_INLINE float FN(lost_by_sums)(const kf_filter *f, float r, float e)
{
    return f->a[0] + (r + 2 * e) * f->a[1] + r * r * f->a[2];
}

/* Of the n rows of a tile, labels to s->passed; the places of those that stay open to s->left. Returns how many there
   are then. */
static ptrdiff_t FN(pass)(const kf_rows *rows, const kf_centers *centers, const uint32_t *tile, const ptrdiff_t *chosen,
                          ptrdiff_t done, ptrdiff_t at, ptrdiff_t n, ptrdiff_t n_left, double *row64, kf_filter_scratch *s)
{
    const kf_filter *f = &centers->filter;
    const narrow_found *found = &s->found;
    const float *norms = FN(norms_of_tile)(f, tile), *residuals = norms + WORD_ROWS;
    for (ptrdiff_t i = 0; i < n; i++) {
        float r = norms[i], e = residuals[i];
        int32_t label = found->index[at + i];
        float most = found->best[at + i] + (FN(lost_by_values)(f, r, e, label) + FN(lost_by_sums)(f, r, e));
        ptrdiff_t place = done + at + i;
        if (!(found->second[at + i] > most)) {
            const REAL *x = (const REAL *)rows->x + chosen[place] * rows->d;
            label = found->third[at + i] > most ? FN(nearer_of_two)(rows, centers, x, label, found->next[at + i], row64) : -1;
        }
        s->passed[place] = label;
        s->left[n_left] = place;
        n_left += label < 0;
    }
    return n_left;
}

/* The same of the n_rows chosen. Where most of the first rows stay open, the others are not looked at. */
static ptrdiff_t FN(filter)(const kf_rows *rows, const kf_centers *centers, const ptrdiff_t *chosen, ptrdiff_t n_rows,
                            double *row64, kf_filter_scratch *s)
{
    const kf_filter *f = &centers->filter;
    ptrdiff_t n_tiles = FN(filter_tiles)(centers), step = n_tiles == 1 ? f->n_groups : 1, n_left = 0, done = 0;
    const uint32_t *tile[KF_FILTER_TILES];
    while (done < n_rows && n_left * KF_FILTER_PAYS <= done) {
        ptrdiff_t n_here = MIN_OF((done == 0 ? 1 : n_tiles) * WORD_ROWS, n_rows - done);
        for (ptrdiff_t at = 0; at < n_here; at += WORD_ROWS)
            tile[at / WORD_ROWS] = FN(tile_of_words)(rows, chosen + done + at, (int)MIN_OF(WORD_ROWS, n_here - at), f->n_words,
                                                     s->words, s->tiles + at / WORD_ROWS * FN(length_of_words)(rows->d));
        for (ptrdiff_t g = 0; g < f->n_groups; g += step)
            for (ptrdiff_t at = 0; at < n_here; at += WORD_ROWS)
                NARROW_SCORERS[f->width](tile[at / WORD_ROWS], f, g, g + step, &s->found, at);
        for (ptrdiff_t at = 0; at < n_here; at += WORD_ROWS)
            n_left = FN(pass)(rows, centers, tile[at / WORD_ROWS], chosen, done, at, MIN_OF(WORD_ROWS, n_here - at), n_left, row64, s);
        done += n_here;
    }
    for (; done < n_rows; done++)
        s->left[n_left++] = done;
    return n_left;
}

/* What the filter sees of rows [first, first + n_rows): names (n_rows x 2) of the two centers with the least scores; the
   three least scores, what rounding of values may add to the first two, and what sums may have lost, n_rows x 6. In the
   unit of the scores. */
static void FN(filter_scores)(const kf_rows *rows, const kf_centers *centers, ptrdiff_t first, ptrdiff_t n_rows, kf_scratch *s,
                              int32_t *names, float *scores)
{
    const kf_filter *f = &centers->filter;
    const narrow_found *found = &s->filter.found;
    for (ptrdiff_t done = 0; done < n_rows; done += WORD_ROWS) {
        int n_here = (int)MIN_OF(WORD_ROWS, n_rows - done);
        for (int i = 0; i < n_here; i++)
            s->chosen[i] = first + done + i;
        const uint32_t *tile = FN(tile_of_words)(rows, s->chosen, n_here, f->n_words, s->filter.words, s->filter.tiles);
        const float *norms = FN(norms_of_tile)(f, tile), *residuals = norms + WORD_ROWS;
        NARROW_SCORERS[f->width](tile, f, 0, f->n_groups, found, 0);
        for (int i = 0; i < n_here; i++) {
            int32_t *name = names + (done + i) * 2;
            float *out = scores + (done + i) * 6, r = norms[i], e = residuals[i];
            name[0] = found->index[i];
            name[1] = found->next[i];
            out[0] = found->best[i];
            out[1] = found->second[i];
            out[2] = found->third[i];
            out[3] = FN(lost_by_values)(f, r, e, name[0]);
            out[4] = FN(lost_by_values)(f, r, e, name[1]);
            out[5] = FN(lost_by_sums)(f, r, e);
        }
    }
}
