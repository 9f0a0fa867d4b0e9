/* Few features: the centers that may be nearest in a box, and labels that are found again only where it is needed.
 *
 * A center j is out for a box if it is farther than some center i from every point of it: D_j(x) - D_i(x) =
 * sum_t (c_i - c_j)_t (2 x - c_i - c_j)_t is linear in x, so its least value over the box takes one corner a feature.
 * Divided by the largest d_i(x) + d_j(x) that is the room: as long as the two move by less together, j stays out.
 * Sources: Pelleg and Moore, Accelerating exact k-means algorithms with geometric reasoning, 1999; Hamerly, Making
 * k-means even faster, 2010.
 */
#if !REAL_IS_FLOAT
/* Centers that might come back within so many moves like the last one stay on a list, if that is within such a share of
   the box: early, when moves are wide, lists last for one call, and should be short. */
static const double MARGIN = 8.0, MARGIN_OF_BOX = 0.125;

static const double LEAST_ROOM = 0x1p-1000; /* beyond what differences of squares lose where they vanish */

typedef struct {
    ptrdiff_t n;
    double room; /* of all that are out; inf if none is */
    double far;  /* farthest that one of those kept is from a point of the box */
} kept_centers;

/* Of the m centers c[t * m + j], increasing, the places of those that have at most margin as room: the others are out. */
ALWAYS_INLINE kept_centers prune_few(const int D, const double *RESTRICT low, const double *RESTRICT high,
                                     const double *RESTRICT c, ptrdiff_t m, double margin, double *RESTRICT room,
                                     double *RESTRICT far, int32_t *RESTRICT kept)
{
    double middle[4], near[4], best = INFINITY, sq_far_near = 0.0, far_near;
    kept_centers result = {0, INFINITY, 0.0};
    ptrdiff_t i = 0;
    for (int t = 0; t < D; t++)
        middle[t] = 0.5 * low[t] + 0.5 * high[t];
    for (ptrdiff_t j = 0; j < m; j++) {
        double sum = 0.0;
        for (int t = 0; t < D; t++)
            sum += (c[t * m + j] - middle[t]) * (c[t * m + j] - middle[t]);
        room[j] = sum;
    }
    for (ptrdiff_t j = 0; j < m; j++)
        if (room[j] < best) {
            best = room[j];
            i = j;
        }
    for (int t = 0; t < D; t++) {
        double a = low[t] - c[t * m + i], b = high[t] - c[t * m + i];
        near[t] = c[t * m + i];
        sq_far_near += MAX_OF(a * a, b * b);
    }
    far_near = sqrt(sq_far_near);
    /* The difference of squares is rounded by at most (d + 6) 2^-52 of all terms and both squares, and so is the
       decider's; centers that used up all their room are at most twice as far. */
    for (ptrdiff_t j = 0; j < m; j++) {
        double sum = 0.0, size = sq_far_near, sq_far = 0.0, span;
        for (int t = 0; t < D; t++) {
            double across = near[t] - c[t * m + j], both = near[t] + c[t * m + j];
            double at_low = across * (2 * low[t] - both), at_high = across * (2 * high[t] - both);
            double a = low[t] - c[t * m + j], b = high[t] - c[t * m + j];
            sum += at_low < at_high ? at_low : at_high;
            size += fabs(at_low) > fabs(at_high) ? fabs(at_low) : fabs(at_high);
            sq_far += a * a > b * b ? a * a : b * b;
        }
        far[j] = sqrt(sq_far) * (1 + 0x1p-48);
        span = far[j] + far_near;
        room[j] = (sum - (D + 6) * 0x1p-52 * (size + sq_far)) / span * (1 - 0x1p-48) - (D + 6) * 0x1p-50 * span;
    }
    for (ptrdiff_t j = 0; j < m; j++) {
        int is_kept = !(room[j] > margin) || j == i;
        kept[result.n] = (int32_t)j;
        result.n += is_kept;
        result.far = is_kept && far[j] > result.far ? far[j] : result.far;
        result.room = !is_kept && room[j] < result.room ? room[j] : result.room;
    }
    return result;
}

static kept_centers prune(ptrdiff_t d, const double *low, const double *high, const double *c, ptrdiff_t m, double drift,
                          kf_box_scratch *s, int32_t *kept)
{
    double widest = 0.0, margin;
    for (ptrdiff_t t = 0; t < d; t++)
        widest = MAX_OF(widest, high[t] - low[t]);
    margin = MARGIN * drift <= MARGIN_OF_BOX * widest ? MAX_OF(MARGIN * drift, LEAST_ROOM) : LEAST_ROOM;
#define PRUNE(D) return prune_few(D, low, high, c, m, margin, s->room, s->far, kept)
    OF_FEATURES(d, PRUNE);
#undef PRUNE
}

/* What two of the centers named moved together, at most. */
ALWAYS_INLINE double drift_of_two(const double *shifts, const int32_t *names, ptrdiff_t n)
{
    double first = 0.0, second = 0.0;
    for (ptrdiff_t q = 0; q < n; q++) {
        double shift = shifts[names[q]], less = MIN_OF(first, shift);
        second = MAX_OF(second, less);
        first = MAX_OF(first, shift);
    }
    return first + second;
}

ALWAYS_INLINE double add_up(double drifted, double drift) { return drift == 0.0 ? drifted : (drifted + drift) * (1 + 0x1p-50); }

ALWAYS_INLINE double until_of(double drifted, double room) { return (drifted + room) * (1 - 0x1p-50); }

static int is_within(const int32_t *names, ptrdiff_t n, const int32_t *others, ptrdiff_t n_others)
{
    ptrdiff_t at = 0;
    for (ptrdiff_t q = 0; q < n; q++) {
        while (at < n_others && others[at] < names[q])
            at++;
        if (at == n_others || others[at] != names[q])
            return 0;
    }
    return 1;
}

/* The list of a unit of blocks, found anew in s->common; blocks forget theirs if another center is on it. Returns its length. */
static ptrdiff_t renew_unit(ptrdiff_t d, ptrdiff_t k, kf_blocks *blocks, ptrdiff_t unit, ptrdiff_t first, ptrdiff_t stop,
                            kf_box_scratch *s)
{
    kf_near *own = blocks->units + unit;
    int32_t *names = blocks->unit_names + unit * KF_NEAR_UNIT;
    double low[4] = {0}, high[4] = {0};
    for (ptrdiff_t t = 0; t < d; t++) {
        low[t] = INFINITY;
        high[t] = -INFINITY;
        for (ptrdiff_t b = first; b < stop; b++) {
            low[t] = MIN_OF(low[t], blocks->boxes[b * 2 * d + t]);
            high[t] = MAX_OF(high[t], blocks->boxes[b * 2 * d + d + t]);
        }
    }
    kept_centers kept = prune(d, low, high, blocks->c, k, blocks->drift, s, s->common);
    if (!is_within(s->common, kept.n, names, own->n))
        for (ptrdiff_t b = first; b < stop; b++)
            blocks->blocks[b].until = -INFINITY;
    own->until = -INFINITY;
    own->n = 0;
    if (kept.n <= KF_NEAR_UNIT) {
        memcpy(names, s->common, (size_t)kept.n * sizeof(int32_t));
        own->until = until_of(blocks->drifted, kept.room);
        own->n = (int32_t)kept.n;
    }
    return kept.n;
}

/* The list of a block, found anew among the m centers common in s->kept; returns its length. */
static ptrdiff_t renew_block(ptrdiff_t d, kf_blocks *blocks, ptrdiff_t b, const int32_t *common, ptrdiff_t m, double drift,
                             double drifted, double *tile_until, ptrdiff_t n_tiles, kf_box_scratch *s)
{
    kf_near *own = blocks->blocks + b;
    int32_t *names = blocks->block_names + b * KF_NEAR_BLOCK;
    const double *low = blocks->boxes + b * 2 * d;
    kept_centers kept = prune(d, low, low + d, s->c64, m, drift, s, s->kept);
    for (ptrdiff_t q = 0; q < kept.n; q++)
        s->kept[q] = common[s->kept[q]];
    if (!is_within(s->kept, kept.n, names, own->n))
        for (ptrdiff_t tile = 0; tile < n_tiles; tile++)
            tile_until[tile] = -INFINITY;
    own->far = kept.far;
    own->until = -INFINITY;
    own->n = 0;
    if (kept.n <= KF_NEAR_BLOCK) {
        memcpy(names, s->kept, (size_t)kept.n * sizeof(int32_t));
        own->until = until_of(drifted, kept.room);
        own->n = (int32_t)kept.n;
    }
    return kept.n;
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

/* Where labels change, and what is noted of it. */
typedef struct {
    int32_t *labels; /* n */
    int64_t *moved;  /* or NULL, as before is */
    int32_t *before;
    ptrdiff_t n_changed;
} FN(changes);

/* The row gets another label. */
ALWAYS_INLINE void FN(change_label)(int32_t row, int32_t before, int32_t label, FN(changes) *changes)
{
    if (changes->moved != NULL) {
        changes->moved[changes->n_changed] = row;
        changes->before[changes->n_changed] = before;
    }
    changes->n_changed++;
    changes->labels[row] = label;
}

/* Rows at places whose label is not found[i * step]. */
ALWAYS_INLINE void FN(relabel)(kf_blocks *blocks, ptrdiff_t first, ptrdiff_t n_places, const INT *found, const int step,
                               FN(changes) *changes)
{
    int32_t *of_block = blocks->labels + first;
    const int32_t *order = blocks->order, *starts = blocks->starts;
    for (ptrdiff_t i = 0; i < n_places; i++) {
        int32_t label = (int32_t)found[i * step], before = of_block[i];
        if (before == label)
            continue;
        of_block[i] = label;
        if (starts == NULL)
            FN(change_label)(order[first + i], before, label, changes);
        else
            for (ptrdiff_t at = starts[first + i]; at < starts[first + i + 1]; at++)
                if (changes->labels[order[at]] != label)
                    FN(change_label)(order[at], changes->labels[order[at]], label, changes);
    }
}

ALWAYS_INLINE ptrdiff_t FN(first_row_at)(const kf_blocks *blocks, ptrdiff_t place)
{
    return blocks->order[blocks->starts == NULL ? place : blocks->starts[place]];
}

/* Labels of the rows of one tile, found among m > 1 centers: names[q], packed as packed[q * D], half_norms[q]. Returns by
   how much its rows are farther from any other center than from their own, at least, scaled; not positive if it is not sure. */
ALWAYS_INLINE double FN(label_tile)(const int D, const kf_rows *rows, const kf_centers *centers, kf_blocks *blocks,
                                    ptrdiff_t first, ptrdiff_t n_rows, const REAL *tile, REAL limit, REAL norm,
                                    const int32_t *names, ptrdiff_t m, const REAL *packed, const REAL *half_norms,
                                    FN(changes) *changes)
{
    /* A squared distance is off by less than the bound of two scores, and the squared norm of the row by its rounding. */
    REAL best[TILE_ROWS], second[TILE_ROWS], rooms[L], least, error = 2 * limit + norm * norm * 16 * ROUNDOFF + SMALLEST;
    INT found[TILE_ROWS];
    V room = FN(set)(INFINITY);
    FN(score_few)(D, tile, packed, half_norms, names, 0, m, best, second, found);
    UNROLL
    for (int v = 0; v < POINT_VECTORS; v++) {
        V next = FN(load)(second + v * L), sq_dist = FN(set)(error) + next + next;
        UNROLL
        for (int t = 0; t < D; t++) {
            V x = FN(load)(tile + t * TILE_ROWS + v * L);
            sq_dist += x * x;
        }
        /* 2 (second - best) / (d_1 + d_2), and d_2 is no less than d_1. */
        sq_dist = FN(max)(sq_dist, FN(set)(error));
        V gap = next - FN(load)(best + v * L) - FN(set)(limit);
        room = FN(min)(gap / FN(root)(sq_dist), room);
    }
    FN(store)(rooms, room);
    least = rooms[0];
    for (int lane = 1; lane < L; lane++)
        least = MIN_OF(least, rooms[lane]);
    if (!(limit < LARGEST))
        least = -1;
    if (!(least > 0))
        for (int i = 0; i < n_rows; i++)
            if (!(second[i] - best[i] > limit))
                found[i] = FN(decide_among)(rows, centers, FN(first_row_at)(blocks, first + i), names, m);
    int n_other = 0;
    if (n_rows == TILE_ROWS)
        for (int i = 0; i < TILE_ROWS; i++)
            n_other += blocks->labels[first + i] != (int32_t)found[i];
    if (n_other > 0 || n_rows < TILE_ROWS)
        FN(relabel)(blocks, first, n_rows, found, 1, changes);
    return (double)least;
}

/* Labels of those tiles of one block that they may have changed in. */
ALWAYS_INLINE double FN(label_tiles)(const int D, const kf_rows *rows, const kf_centers *centers, kf_blocks *blocks, ptrdiff_t b,
                                     const int32_t *names, ptrdiff_t m, double *tile_until, kf_box_scratch *s, FN(changes) *changes)
{
    ptrdiff_t first = b * KF_ROWS_OF_BLOCK, n_rows = MIN_OF(KF_ROWS_OF_BLOCK, blocks->n_places - first), n_scored = 0;
    const kf_near *own = blocks->blocks + b;
    const REAL *tiles = (const REAL *)(blocks->tiles + (size_t)b * FN(block_bytes)(D)), norm = ((const REAL *)blocks->norms)[b];
    const REAL *all = (const REAL *)centers->groups, *all_half_norms = (const REAL *)centers->half_norms;
    REAL *packed = (REAL *)s->packed, *half_norms = (REAL *)s->half_norms;
    REAL limit = (REAL)centers->bound.a[0] + norm * ((REAL)centers->bound.a[1] + norm * (REAL)centers->bound.a[2]);
    double unscale = (1 - 0x1p-16) / rows->scale, slack = (D + 6) * 0x1p-49 * own->far;
    for (ptrdiff_t at = 0; at < n_rows; at += TILE_ROWS) {
        double *until = tile_until + at / TILE_ROWS;
        if (own->drifted < *until)
            continue;
        if (n_scored == 0)
            for (ptrdiff_t q = 0; q < m; q++) {
                for (int t = 0; t < D; t++)
                    packed[q * D + t] = all[names[q] * D + t];
                half_norms[q] = all_half_norms[names[q]];
            }
        ptrdiff_t n_here = MIN_OF(TILE_ROWS, n_rows - at);
        double room = FN(label_tile)(D, rows, centers, blocks, first + at, n_here, tiles + at * D, limit, norm, names, m, packed,
                                     half_norms, changes);
        *until = until_of(own->drifted, room * unscale - slack);
        n_scored += n_here;
    }
    return (double)(n_scored * m);
}

/* Labels of the blocks of a unit. Returns the rows that changed, one block's after the other, from the first row of the
   unit on in moved and before. */
static ptrdiff_t FN(nearest_in_unit)(const kf_rows *rows, const kf_centers *centers, kf_blocks *blocks, ptrdiff_t unit,
                                     kf_box_scratch *s, int32_t *labels, int64_t *moved, int32_t *before, double *n_scored)
{
    enum { TILES = KF_ROWS_OF_BLOCK / TILE_ROWS };
    ptrdiff_t d = rows->d, k = centers->k, first = unit * KF_BLOCKS_OF_UNIT, stop = MIN_OF(first + KF_BLOCKS_OF_UNIT, blocks->n_blocks);
    kf_near *near_unit = blocks->units + unit;
    const int32_t *common = blocks->unit_names + unit * KF_NEAR_UNIT;
    ptrdiff_t m = near_unit->n, start = first * KF_ROWS_OF_BLOCK;
    start = blocks->starts == NULL ? start : blocks->starts[start];
    FN(changes) changes = {labels, moved == NULL ? NULL : moved + start, before == NULL ? NULL : before + start, 0};
    double drift = drift_of_two(blocks->shifts, common, m);
    int is_gathered = 0;
    *n_scored = 0.0;
    near_unit->drifted = add_up(near_unit->drifted, drift);
    if (!(blocks->drifted < near_unit->until)) {
        m = renew_unit(d, k, blocks, unit, first, stop, s);
        common = s->common;
    } else if (drift == 0.0)
        return 0;
    for (ptrdiff_t b = first; b < stop; b++) {
        kf_near *own = blocks->blocks + b;
        const int32_t *names = blocks->block_names + b * KF_NEAR_BLOCK;
        double *tile_until = blocks->tile_until + b * TILES;
        ptrdiff_t n_names = own->n;
        if (own->n > 1) {
            double of_block = drift_of_two(blocks->shifts, names, own->n);
            own->drifted = add_up(own->drifted, of_block);
            own->far = add_up(own->far, of_block);
        }
        if (!(near_unit->drifted < own->until)) {
            if (!is_gathered)
                for (ptrdiff_t t = 0; t < d; t++)
                    for (ptrdiff_t q = 0; q < m; q++)
                        s->c64[t * m + q] = blocks->c[t * k + common[q]];
            is_gathered = 1;
            n_names = renew_block(d, blocks, b, common, m, drift, near_unit->drifted, tile_until, TILES, s);
            names = s->kept;
        } else if (own->n == 1)
            continue;
        if (n_names == 1) {
            INT label = names[0];
            if (own->label != names[0])
                FN(relabel)(blocks, b * KF_ROWS_OF_BLOCK, MIN_OF(KF_ROWS_OF_BLOCK, blocks->n_places - b * KF_ROWS_OF_BLOCK), &label, 0,
                            &changes);
            own->label = names[0];
            continue;
        }
        own->label = -1;
#define LABEL_TILES(D) *n_scored += FN(label_tiles)(D, rows, centers, blocks, b, names, n_names, tile_until, s, &changes)
        OF_FEATURES(d, LABEL_TILES);
#undef LABEL_TILES
    }
    return changes.n_changed;
}
