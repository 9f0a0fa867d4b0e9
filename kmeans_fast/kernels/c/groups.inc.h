/* Bounds per group of centers: who can't have changed its cluster is not looked at, and who may have meets only the groups
 * that may hold a nearer center. Source: Ding et al., Yinyang k-means, 2015.
 *
 * What is kept does not move with the centers: it is what was known when the row was last looked at, on a scale that says
 * how far the centers had gone by then, and is compared with how far they have gone by now (kf_bounds). So a row that
 * stays costs one comparison and no write.
 *
 * Rounding. The scales are float32 sequences that grow by at least the true moves, so they have no error of their own. A
 * bound is rounded outward when it is kept (beyond, SHRINKAGE); reading it back is one float32 operation,
 * whose relative error 2^-24 is outdone by GROWTH, as is the decider's, gamma_(d+2) for fewer than 2^30 features. All
 * conditions are written so that NaN and infinite scales keep no row from being looked at.
 */

enum {
    FN(GROUP_ROWS) = L > 8 ? L : 8, /* rows that meet a panel at once: enough sums to hide a product's latency */
    FN(AHEAD) = 8                   /* rows whose bounds are fetched before they are needed */
};

static const float FN(GROWTH) = 1 + 0x1p-20f, FN(SHRINKAGE) = 1 - 0x1p-20f;

/* No larger bound is kept, so that none is infinite by overflow. */
static const REAL FN(MOST_KEPT) = (REAL)(0.25f * FLT_MAX);

/* A squared distance below has not overflowed on its way. */
static const REAL FN(MOST_SQUARED) = (REAL)0.25 * LARGEST;

static size_t FN(group_scratch_plan)(const kf_bounds *bounds, ptrdiff_t d, ptrdiff_t block_rows, kf_group_scratch *scratch, char *arena)
{
    size_t offset = 0;
    scratch->open = TAKE(ptrdiff_t, KF_ROWS_OF_CALL);
    scratch->own = TAKE(REAL, KF_ROWS_OF_CALL);
    scratch->allowed = TAKE(REAL, KF_ROWS_OF_CALL);
    scratch->limit = TAKE(float, KF_ROWS_OF_CALL);
    scratch->least = TAKE(float, KF_ROWS_OF_CALL);
    scratch->met = TAKE(REAL, block_rows * bounds->n_groups);
    scratch->others = TAKE(REAL, block_rows * bounds->n_groups);
    scratch->tile = TAKE(REAL, (d + L) * FN(GROUP_ROWS));
    scratch->lists = TAKE(int16_t, bounds->n_groups * block_rows);
    scratch->counts = TAKE(int32_t, bounds->n_groups);
    return offset;
}

/* Least distance to a center of any group but the own one: as integers in the order of the floats, for which compilers
   know a minimum of many. */
ALWAYS_INLINE float FN(least_of_groups)(const float *RESTRICT lower, const float *RESTRICT sunk, ptrdiff_t n_groups)
{
    int32_t least = INT32_MAX;
    float result;
    for (ptrdiff_t g = 0; g < n_groups; g++) {
        float this = lower[g] - sunk[g];
        int32_t bits;
        memcpy(&bits, &this, sizeof bits);
        bits ^= (bits >> 31) & INT32_MAX;
        least = bits < least ? bits : least;
    }
    least ^= (least >> 31) & INT32_MAX;
    memcpy(&result, &least, sizeof result);
    return result;
}

/* Bit g: whether group g of at most 32 may hold a center within limit. */
ALWAYS_INLINE uint32_t FN(open_groups)(const float *RESTRICT lower, const float *RESTRICT sunk, ptrdiff_t n_groups, float limit)
{
    uint32_t bits = 0;
    for (ptrdiff_t g = 0; g < n_groups; g++)
        bits |= (uint32_t)!(lower[g] - sunk[g] > limit) << g;
    return bits;
}

/* Rounding that moves by more than one float32 operation can be wrong, and needs no branch. */
ALWAYS_INLINE float FN(beyond)(float value) { return value + fabsf(value) * 0x1p-22f + FLT_MIN; }

/* What the row may lose before it is looked at again. limit is its upper bound times GROWTH. */
ALWAYS_INLINE float FN(gap_of)(float least, float limit, float parted)
{
    float apart = -FN(beyond)(limit - least + fabsf(least) * 0x1p-22f);
    return -FN(beyond)(-parted - apart);
}

/* Rows of [first, first + n_rows) that may have changed their cluster go to open; returns how many. */
static ptrdiff_t FN(restless)(const kf_bounds *bounds, ptrdiff_t first, ptrdiff_t n_rows, const int32_t *RESTRICT labels,
                              ptrdiff_t *RESTRICT open)
{
    ptrdiff_t n_open = 0;
    const float *RESTRICT gap = bounds->gap + first, *RESTRICT parted = bounds->parted;
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        open[n_open] = first + i;
        n_open += !(gap[i] > parted[labels[i]]);
    }
    return n_open;
}

/* Those of the open rows that stay so with the bounds of all groups, which go to more->least. */
static ptrdiff_t FN(still_restless)(const kf_rows *rows, const kf_bounds *bounds, ptrdiff_t first, const int32_t *labels,
                                    ptrdiff_t n_open, kf_group_scratch *more)
{
    ptrdiff_t n_left = 0, n_groups = bounds->n_groups, *open = more->open;
    for (ptrdiff_t i = 0; i < n_open; i++) {
        ptrdiff_t at = open[i];
        int32_t label = labels[at - first];
        float limit = (bounds->upper[at] + bounds->risen[label]) * FN(GROWTH), least;
        const char *x = (const char *)((const REAL *)rows->x + at * rows->d);
        if (i + FN(AHEAD) < n_open)
            FETCH(bounds->lower + open[i + FN(AHEAD)] * n_groups);
        least = FN(least_of_groups)(bounds->lower + at * n_groups, bounds->sunk, n_groups);
        if (least > limit) {
            bounds->gap[at] = FN(gap_of)(least, limit, bounds->parted[label]);
            continue;
        }
        for (size_t line = 0; line < MIN_OF((size_t)rows->d * sizeof(REAL), 512); line += KF_CACHE_LINE)
            FETCH(x + line);
        more->least[n_left] = least;
        open[n_left++] = at;
    }
    return n_left;
}

/* Relative error of the next two: d / L sums, or d / 8 if L is more, in a lane, then the lanes, and three roundings of
   each term. */
ALWAYS_INLINE REAL FN(error_of)(ptrdiff_t d) { return (REAL)(d / MIN_OF(L, 8) + 20) * ROUNDOFF; }

/* Squared distances of L rows to their own centers, by direct differences in REAL. Rows and centers are read up to a whole vector, if they have more than that in front of or behind them. */
ALWAYS_INLINE void FN(own_distances)(const REAL *const *row, const REAL *const *center, ptrdiff_t d, REAL *sq_dists)
{
    V sums[L];
    REAL is_last[L];
    I mask;
    ptrdiff_t whole = d / L * L, last = d > L ? d - L : 0;
    for (int lane = 0; lane < L; lane++)
        is_last[lane] = (REAL)(d > L ? lane >= L - (d - whole) : lane < d - whole);
    mask = FN(less)(FN(set)(0), FN(load)(is_last));
    for (int i = 0; i < L; i++) {
        V sum = FN(set)(0);
        for (ptrdiff_t t = 0; t < whole; t += L) {
            V difference = FN(load)(row[i] + t) - FN(load)(center[i] + t);
            sum += difference * difference;
        }
        if (whole < d) {
            V difference = FN(keep)(mask, FN(load)(row[i] + last) - FN(load)(center[i] + last));
            sum += difference * difference;
        }
        sums[i] = sum;
    }
    FN(to_columns)(sums);
    UNROLL
    for (int i = 1; i < L; i++)
        sums[0] += sums[i];
    FN(store)(sq_dists, sums[0]);
}

/* The same for one row, read up to its end. */
static REAL FN(own_distance)(const REAL *x, const REAL *c, ptrdiff_t d)
{
    V sums = FN(set)(0);
    REAL lanes[L], sum = 0;
    ptrdiff_t t = 0;
    for (; t + L <= d; t += L) {
        V difference = FN(load)(x + t) - FN(load)(c + t);
        sums += difference * difference;
    }
    FN(store)(lanes, sums);
    for (; t < d; t++)
        lanes[t % L] += (x[t] - c[t]) * (x[t] - c[t]);
    for (int lane = 0; lane < L; lane++)
        sum += lanes[lane];
    return sum;
}

/* No less than the distance whose square in REAL is given; and no more than that square, which is written to it. */
ALWAYS_INLINE float FN(upper_of)(REAL *sq_dist, REAL error)
{
    REAL least = *sq_dist > LEAST_SCALED ? *sq_dist : LEAST_SCALED;
    float upper = (float)(SQRT(least * (1 + error)) * (1 + 4 * ROUNDOFF)) * (1 + 0x1p-22f);
    int is_known = *sq_dist < FN(MOST_SQUARED);
    *sq_dist = is_known && *sq_dist > LEAST_SCALED ? *sq_dist * (1 - error) : 0;
    return is_known ? upper : INFINITY;
}

/* Up to L rows: upper bounds of the distances to their centers, and their squares rounded down. */
ALWAYS_INLINE void FN(measure)(const kf_rows *rows, const kf_centers *centers, const ptrdiff_t *which, int n_rows,
                               ptrdiff_t first, const int32_t *labels, REAL error, REAL *found, float *upper)
{
    ptrdiff_t d = rows->d;
    const REAL *data = (const REAL *)rows->x, *c = (const REAL *)centers->c, *row[L], *center[L];
    const REAL *past_rows = data + rows->n * d - L, *past_centers = c + centers->k * d - L;
    int is_inside = 1;
    for (int i = 0; i < L; i++) {
        ptrdiff_t at = which[MIN_OF(i, n_rows - 1)];
        row[i] = data + at * d;
        center[i] = c + labels[at - first] * d;
        is_inside &= (row[i] <= past_rows) & (center[i] <= past_centers);
    }
    if (is_inside)
        FN(own_distances)(row, center, d, found);
    else
        for (int i = 0; i < L; i++)
            found[i] = FN(own_distance)(row[i], center[i], d);
    for (int i = 0; i < L; i++)
        upper[i] = FN(upper_of)(found + i, error);
}

/* Of the open rows, those that stay so when the distance to their own center is known go to s->chosen, from n_chosen on.
   Its square, rounded down, goes to more->own, and what a center must exceed to be ruled out to more->limit. */
static ptrdiff_t FN(measured)(const kf_rows *rows, const kf_centers *centers, const kf_bounds *bounds, ptrdiff_t first,
                              ptrdiff_t n_open, ptrdiff_t n_chosen, const int32_t *labels, REAL error, kf_scratch *s,
                              kf_group_scratch *more)
{
    REAL *own = (REAL *)more->own;
    for (ptrdiff_t done = 0; done < n_open; done += L) {
        int n_here = (int)MIN_OF(L, n_open - done);
        REAL found[L];
        float upper[L];
        FN(measure)(rows, centers, more->open + done, n_here, first, labels, error, found, upper);
        for (int i = 0; i < n_here; i++) {
            ptrdiff_t at = more->open[done + i];
            int32_t label = labels[at - first];
            float limit = upper[i] * FN(GROWTH), least = more->least[done + i];
            bounds->upper[at] = FN(beyond)(upper[i] - bounds->risen[label]);
            own[n_chosen] = found[i];
            more->limit[n_chosen] = limit;
            s->chosen[n_chosen] = at;
            n_chosen += !(least > limit);
            if (least > limit)
                bounds->gap[at] = FN(gap_of)(least, limit, bounds->parted[label]);
        }
    }
    return n_chosen;
}

/* Of a block, the rows that each group's centers may be nearest to, as the group's list; and what is known before they
   meet: the score of the own center, from its distance, unless its group is met.
   s = (||x - c||^2 - ||x||^2) / 2 has an error of at most (error D^2 + (error + 2 (d + 8) u) ||x||^2) / 2, which is added
   to what the bound of scores allows. */
static void FN(begin_block)(const kf_rows *rows, const kf_centers *centers, const kf_bounds *bounds, ptrdiff_t first,
                            ptrdiff_t begin, ptrdiff_t n_rows, const int32_t *labels, REAL error, kf_scratch *s,
                            kf_group_scratch *more)
{
    ptrdiff_t n_groups = bounds->n_groups, n_whole = (n_rows + L - 1) / L * L;
    const ptrdiff_t *chosen = s->chosen + begin;
    const float *limit = more->limit + begin, *RESTRICT sunk = bounds->sunk;
    const REAL *own = (const REAL *)more->own + begin;
    REAL *best = (REAL *)s->best, *second = (REAL *)s->second, *norms = (REAL *)s->norms;
    REAL *allowed = (REAL *)more->allowed, scale = (REAL)rows->scale;
    REAL a0 = (REAL)centers->bound.a[0], a1 = (REAL)centers->bound.a[1], a2 = (REAL)centers->bound.a[2];
    INT *index = (INT *)s->index;
    memset(more->met, 0xff, (size_t)(n_rows * n_groups) * sizeof(REAL)); /* NaN */
    memset(more->counts, 0, (size_t)n_groups * sizeof(int32_t));
    for (ptrdiff_t p = 0; p < n_whole; p++) {
        best[p] = second[p] = INFINITY;
        index[p] = 0;
        allowed[p] = 0;
    }
    for (ptrdiff_t p = 0; p < n_rows; p++) {
        int32_t place = bounds->place[labels[chosen[p] - first]], own_group = place / (int32_t)bounds->width;
        const float *RESTRICT lower = bounds->lower + chosen[p] * n_groups;
        int is_met = !(own[p] > 0) | !(lower[own_group] - sunk[own_group] > limit[p]);
        for (ptrdiff_t group = 0; group < n_groups; group += 32) {
            ptrdiff_t n_here = MIN_OF(32, n_groups - group), of_own = own_group - group;
            uint32_t bits = FN(open_groups)(lower + group, sunk + group, n_here, limit[p]);
            bits |= (uint32_t)(is_met && of_own >= 0 && of_own < 32) << (of_own & 31);
            for (; bits != 0; bits &= bits - 1) {
                ptrdiff_t g = group + LOWEST_BIT(bits);
                more->lists[g * s->block_rows + more->counts[g]++] = (int16_t)p;
            }
        }
        if (!is_met) {
            REAL sq_norm = norms[p] * norms[p], scaled = own[p] * scale * scale;
            best[p] = (REAL)0.5 * (scaled - sq_norm);
            index[p] = (INT)place;
            allowed[p] = error * scaled + (error + (REAL)(2 * (rows->d + 8)) * ROUNDOFF) * sq_norm + SMALLEST;
        }
        allowed[p] += a0 + norms[p] * (a1 + norms[p] * a2);
    }
}

/* Labels of a block; those that stay open go to the decider. */
static void FN(certify_block)(const kf_rows *rows, const kf_centers *centers, const kf_bounds *bounds, ptrdiff_t begin, ptrdiff_t n_rows,
                              kf_scratch *s, const kf_group_scratch *more)
{
    const REAL *best = (const REAL *)s->best, *second = (const REAL *)s->second, *allowed = (const REAL *)more->allowed;
    const INT *index = (const INT *)s->index;
    ptrdiff_t n_doubtful = 0;
    for (ptrdiff_t p = 0; p < n_rows; p++) {
        s->found[begin + p] = bounds->order[index[p]];
        s->doubtful[n_doubtful] = begin + p;
        n_doubtful += !(second[p] - best[p] > allowed[p]);
    }
    FN(settle_doubtful)(rows, centers, n_doubtful, s);
}

/* Rows of a tile, L features of all of them and then the next: so that any value of a row lies at a constant distance. */
ALWAYS_INLINE void FN(pack_group_tile)(const REAL *RESTRICT block, const int16_t *list, int n_rows, ptrdiff_t d,
                                       REAL *RESTRICT tile)
{
    for (int r = 0; r < FN(GROUP_ROWS); r++) {
        const REAL *RESTRICT x = block + list[MIN_OF(r, n_rows - 1)] * d;
        for (ptrdiff_t t = 0; t < d; t += L)
            FN(store)(tile + t * FN(GROUP_ROWS) + r * L, FN(load)(x + t)); /* the last one reads beyond the row */
    }
}

/* score -= x.c over the features [first, stop); first is a multiple of L. */
ALWAYS_INLINE void FN(subtract_vector)(const REAL *RESTRICT tile, const REAL *RESTRICT panel, ptrdiff_t first,
                                       ptrdiff_t stop, V *score)
{
    for (ptrdiff_t begin = first; begin < stop; begin += L) {
        const REAL *RESTRICT x = tile + begin * FN(GROUP_ROWS), *RESTRICT c = panel + begin * L;
        int n_here = (int)MIN_OF(L, stop - begin);
        for (int t = 0; t < n_here; t++) {
            V center = FN(load)(c + t * L);
            UNROLL
            for (int r = 0; r < FN(GROUP_ROWS); r++)
                score[r] -= FN(set)(x[r * L + t]) * center;
        }
    }
}

/* Best, index and second of a group's panels for the rows of a tile; lanes are rows. */
ALWAYS_INLINE void FN(meet_panels)(const REAL *tile, const kf_centers *centers, ptrdiff_t first_panel,
                                   ptrdiff_t stop_panel, REAL *best, REAL *second, INT *index)
{
    enum { VECTORS = FN(GROUP_ROWS) / L };
    ptrdiff_t d = centers->d;
    V b[VECTORS], s[VECTORS];
    I i[VECTORS];
    for (int v = 0; v < VECTORS; v++) {
        b[v] = s[v] = FN(set)(INFINITY);
        i[v] = FN(set_int)((INT)(first_panel * L));
    }
    for (ptrdiff_t panel = first_panel; panel < stop_panel; panel++) {
        const REAL *RESTRICT c = (const REAL *)centers->groups + panel * d * L;
        V score[FN(GROUP_ROWS)], start = FN(load)((const REAL *)centers->half_norms + panel * L);
        UNROLL
        for (int r = 0; r < FN(GROUP_ROWS); r++)
            score[r] = start;
        if (d <= KF_CHAIN)
            FN(subtract_vector)(tile, c, 0, d, score);
        else
            for (ptrdiff_t t = 0; t < d; t += KF_CHAIN) {
                V part[FN(GROUP_ROWS)];
                UNROLL
                for (int r = 0; r < FN(GROUP_ROWS); r++)
                    part[r] = FN(set)(0);
                FN(subtract_vector)(tile, c, t, MIN_OF(t + KF_CHAIN, d), part);
                UNROLL
                for (int r = 0; r < FN(GROUP_ROWS); r++)
                    score[r] += part[r];
            }
        UNROLL
        for (int v = 0; v < VECTORS; v++) {
            V *column = score + v * L;
            FN(to_columns)(column);
            UNROLL
            for (int q = 0; q < L; q++) {
                i[v] = FN(pick_int)(column[q], b[v], FN(set_int)((INT)(panel * L + q)), i[v]);
                s[v] = FN(min)(s[v], FN(max)(column[q], b[v]));
                b[v] = FN(min)(column[q], b[v]);
            }
        }
    }
    for (int v = 0; v < VECTORS; v++) {
        FN(store)(best + v * L, b[v]);
        FN(store)(second + v * L, s[v]);
        FN(store_int)(index + v * L, i[v]);
    }
}

/* The rows of a group's list meet its centers, on top of what other groups found. */
static void FN(meet_group)(const kf_centers *centers, const kf_bounds *bounds, ptrdiff_t group, const int16_t *list,
                           ptrdiff_t n_rows, kf_scratch *s, kf_group_scratch *more)
{
    REAL *best = (REAL *)s->best, *second = (REAL *)s->second, *met = (REAL *)more->met, *others = (REAL *)more->others;
    INT *index = (INT *)s->index;
    ptrdiff_t panels = bounds->width / L, first_panel = group * panels;
    ptrdiff_t stop_panel = MIN_OF(first_panel + panels, centers->n_groups);
    for (ptrdiff_t done = 0; done < n_rows; done += FN(GROUP_ROWS)) {
        REAL b[FN(GROUP_ROWS)], other[FN(GROUP_ROWS)];
        INT i[FN(GROUP_ROWS)];
        int n_here = (int)MIN_OF(FN(GROUP_ROWS), n_rows - done);
        FN(pack_group_tile)((const REAL *)s->block, list + done, n_here, centers->d, (REAL *)more->tile);
        FN(meet_panels)((const REAL *)more->tile, centers, first_panel, stop_panel, b, other, i);
        for (int r = 0; r < n_here; r++) {
            ptrdiff_t p = list[done + r], place = p * bounds->n_groups + group;
            REAL worse = MAX_OF(b[r], best[p]), next = MIN_OF(second[p], other[r]);
            INT is_better = -(INT)(b[r] < best[p]); /* no branch: half of them would be guessed wrong */
            met[place] = b[r];
            others[place] = other[r];
            index[p] ^= (index[p] ^ i[r]) & is_better;
            second[p] = MIN_OF(next, worse);
            best[p] = MIN_OF(b[r], best[p]);
        }
    }
}

/* The new bound of a group that the row met, from its best score: ||x - c||^2 >= own + 2 (score - best) - 4 E. In the unit
   of the scores; what is lost to underflow is less than VANISHED. */
ALWAYS_INLINE float FN(bound_of_group)(REAL score, REAL best, REAL margin, REAL own, REAL inverse_unit, float sunk)
{
    REAL beyond = (score - best) - margin;
    beyond = own + 2 * (beyond > 0 ? beyond : 0);
    REAL bound = SQRT(beyond) * inverse_unit + (REAL)sunk;
    bound = (bound < FN(MOST_KEPT) ? bound : FN(MOST_KEPT)) * (REAL)FN(SHRINKAGE);
    return (float)bound - FLT_MIN;
}

ALWAYS_INLINE void FN(renew_bounds)(const REAL *RESTRICT met, REAL best, REAL margin, REAL own, REAL inverse_unit,
                                    const float *RESTRICT sunk, ptrdiff_t n_groups, float *RESTRICT lower)
{
    if (n_groups < L) { /* too few for a vector, and mostly one is met */
        for (ptrdiff_t g = 0; g < n_groups; g++)
            if (met[g] == met[g])
                lower[g] = FN(bound_of_group)(met[g], best, margin, own, inverse_unit, sunk[g]);
        return;
    }
    for (ptrdiff_t g = 0; g < n_groups; g++) {
        float fresh = FN(bound_of_group)(met[g], best, margin, own, inverse_unit, sunk[g]), stale = lower[g];
        lower[g] = met[g] == met[g] ? fresh : stale;
    }
}

/* Labels and bounds of a block of rows that met their groups; returns how many labels changed. */
static ptrdiff_t FN(renew)(const kf_rows *rows, const kf_centers *centers, const kf_bounds *bounds, ptrdiff_t first,
                           ptrdiff_t begin, ptrdiff_t n_rows, REAL error, kf_scratch *s, kf_group_scratch *more,
                           int32_t *labels, int64_t *moved, int32_t *before)
{
    const REAL *best = (const REAL *)s->best, *allowed = (const REAL *)more->allowed;
    const INT *index = (const INT *)s->index;
    REAL scale = (REAL)rows->scale, inverse = 1 / scale;
    ptrdiff_t n_changed = 0, n_groups = bounds->n_groups, d = rows->d;
    for (ptrdiff_t p = 0; p < n_rows; p++) {
        ptrdiff_t at = s->chosen[begin + p];
        int32_t label = s->found[begin + p], *kept = labels + (at - first);
        REAL *met = (REAL *)more->met + p * n_groups, own = ((REAL *)more->own)[begin + p];
        float *lower = bounds->lower + at * n_groups, limit = more->limit[begin + p];
        if (label != *kept) {
            ptrdiff_t old_group = bounds->place[*kept] / (int32_t)bounds->width;
            float old = (limit < INFINITY ? (float)SQRT(own) * (1 - 0x1p-22f) : 0) - FLT_MIN + bounds->sunk[old_group];
            old *= FN(SHRINKAGE);
            lower[old_group] = old < lower[old_group] ? old : lower[old_group];
            REAL sq_dist = FN(own_distance)((const REAL *)rows->x + at * d, (const REAL *)centers->c + label * d, d);
            float upper = FN(upper_of)(&sq_dist, error);
            limit = upper * FN(GROWTH);
            bounds->upper[at] = FN(beyond)(upper - bounds->risen[label]);
            own = sq_dist;
            if (moved != NULL) {
                moved[n_changed] = at;
                before[n_changed] = *kept;
            }
            n_changed++;
            *kept = label;
        }
        /* Where the decider chose another one than the scores, its own score is up to 2 E above the best. */
        int32_t place = bounds->place[label];
        int is_index = index[p] == place;
        REAL margin = allowed[p] * (is_index ? 1 : 2);
        ptrdiff_t own_group = place / (int32_t)bounds->width;
        if (met[own_group] == met[own_group])
            met[own_group] = is_index ? ((REAL *)more->others)[p * n_groups + own_group] : -INFINITY;
        own = own * scale * scale * (1 - 4 * ROUNDOFF);
        FN(renew_bounds)(met, best[p], margin, own > SMALLEST ? own : 0, inverse, bounds->sunk, n_groups, lower);
        bounds->gap[at] = FN(gap_of)(FN(least_of_groups)(lower, bounds->sunk, n_groups), limit, bounds->parted[label]);
    }
    return n_changed;
}

/* The rows s->chosen[0, n_chosen) meet the groups that their bounds leave open. */
static ptrdiff_t FN(meet_groups)(const kf_rows *rows, const kf_centers *centers, const kf_bounds *bounds, ptrdiff_t first,
                                 ptrdiff_t n_chosen, REAL error, kf_scratch *s, kf_group_scratch *more, int32_t *labels,
                                 int64_t *moved, int32_t *before, double *n_scored)
{
    ptrdiff_t n_changed = 0;
    for (ptrdiff_t begin = 0; begin < n_chosen; begin += s->block_rows) {
        ptrdiff_t n_here = MIN_OF(s->block_rows, n_chosen - begin);
        FN(pack_block)(rows, s->chosen + begin, n_here, (REAL *)s->block, (REAL *)s->norms);
        FN(begin_block)(rows, centers, bounds, first, begin, n_here, labels, error, s, more);
        for (ptrdiff_t g = 0; g < bounds->n_groups; g++) {
            FN(meet_group)(centers, bounds, g, more->lists + g * s->block_rows, more->counts[g], s, more);
            *n_scored += (double)more->counts[g] * (double)MIN_OF(bounds->width, centers->k - g * bounds->width);
        }
        FN(certify_block)(rows, centers, bounds, begin, n_here, s, more);
        n_changed += FN(renew)(rows, centers, bounds, first, begin, n_here, error, s, more, labels,
                               moved == NULL ? NULL : moved + n_changed, before == NULL ? NULL : before + n_changed);
    }
    return n_changed;
}

/* The first pass: every row meets every center, and one lower bound does for all groups. Scratch memory is with gaps. */
static ptrdiff_t FN(first_in_groups)(const kf_rows *rows, const kf_centers *centers, const kf_bounds *bounds,
                                     ptrdiff_t first, ptrdiff_t n_rows, kf_scratch *s, int32_t *labels, int64_t *moved,
                                     int32_t *before)
{
    REAL error = FN(error_of)(rows->d);
    ptrdiff_t n_changed = 0;
    for (ptrdiff_t begin = 0; begin < n_rows; begin += KF_ROWS_OF_CALL) {
        ptrdiff_t n_here = MIN_OF(KF_ROWS_OF_CALL, n_rows - begin);
        n_changed += FN(nearest)(rows, centers, first + begin, n_here, s, labels + begin,
                                 moved == NULL ? NULL : moved + n_changed, before == NULL ? NULL : before + n_changed);
        for (ptrdiff_t done = 0; done < n_here; done += L) {
            REAL found[L];
            float upper[L];
            int n_measured = (int)MIN_OF(L, n_here - done);
            FN(measure)(rows, centers, s->chosen + done, n_measured, first, labels, error, found, upper);
            for (int i = 0; i < n_measured; i++) {
                ptrdiff_t at = s->chosen[done + i];
                double least = sqrt((double)found[i] + MAX_OF(s->gaps[done + i], 0.0));
                float lower = (float)MIN_OF(least, (double)FN(MOST_KEPT)) * FN(SHRINKAGE) - FLT_MIN;
                lower = upper[i] < INFINITY ? lower : 0;
                for (ptrdiff_t g = 0; g < bounds->n_groups; g++)
                    bounds->lower[at * bounds->n_groups + g] = lower;
                bounds->upper[at] = upper[i];
                bounds->gap[at] = FN(gap_of)(lower, upper[i] * FN(GROWTH), 0);
            }
        }
    }
    return n_changed;
}

/* labels are of the rows [first, first + n_rows); rows that changed and their old labels go to moved and before, which may
   be NULL. n_measured and n_scored count distances to own centers and scores. Rows that meet centers are collected until
   they fill tiles. */
static ptrdiff_t FN(nearest_in_groups)(const kf_rows *rows, const kf_centers *centers, const kf_bounds *bounds,
                                       ptrdiff_t first, ptrdiff_t n_rows, kf_scratch *s, kf_group_scratch *more,
                                       int32_t *labels, int64_t *moved, int32_t *before, double *n_measured,
                                       double *n_scored)
{
    REAL error = FN(error_of)(rows->d);
    ptrdiff_t done = 0, n_chosen = 0, n_changed = 0;
    *n_measured = *n_scored = 0.0;
    while (done < n_rows) {
        ptrdiff_t n_open = 0, room = KF_ROWS_OF_CALL - n_chosen;
        while (done < n_rows && 2 * n_open < room) {
            ptrdiff_t n_here = MIN_OF(room - n_open, n_rows - done);
            n_open += FN(restless)(bounds, first + done, n_here, labels + done, more->open + n_open);
            done += n_here;
        }
        n_open = FN(still_restless)(rows, bounds, first, labels, n_open, more);
        *n_measured += (double)n_open;
        n_chosen = FN(measured)(rows, centers, bounds, first, n_open, n_chosen, labels, error, s, more);
        if (done < n_rows && 4 * n_chosen < 3 * KF_ROWS_OF_CALL)
            continue;
        n_changed += FN(meet_groups)(rows, centers, bounds, first, n_chosen, error, s, more, labels,
                                     moved == NULL ? NULL : moved + n_changed,
                                     before == NULL ? NULL : before + n_changed, n_scored);
        n_chosen = 0;
    }
    return n_changed;
}
