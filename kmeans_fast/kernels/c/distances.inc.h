/* All n x k distances by the norm identity ||x||^2 + ||c||^2 - 2 x.c, and directly where that cancels.
 *
 * The identity's absolute error is at most (d + 6) u (||x||^2 + ||c||^2); with a squared distance of at least a
 * quarter of that sum the distance's relative error is at most 2 (d + 6) u, within the promised 4 (d + 4) u.
 * Below LEAST_SCALED what underflowed could be seen.
 */
static double FN(distance_directly)(const kf_rows *rows, const kf_centers *centers, const REAL *x, ptrdiff_t j, double *row64)
{
    ptrdiff_t d = rows->d;
    const REAL *c = (const REAL *)centers->c + j * d;
    FN(widen)(x, d, centers->padded_d, rows->data_unit, row64);
    double found = sq_dist(row64, centers->direct + j * centers->padded_d, d, centers->padded_d);
    if (is_safe(found))
        return sqrt(found) * rows->data_unit;
    FN(units) u = FN(row_units)(x, c, 1, d);
    return ldexp(sqrt(FN(sq_dist_in)(&u, x, c, d)), u.exponent + (u.factor == 0.5));
}

static void FN(write_distances)(const REAL *RESTRICT scores, const REAL *RESTRICT half_norms, REAL sq_norm, REAL least,
                                REAL unscale, int n, REAL *RESTRICT out, int *n_cancelled)
{
    int n_bad = 0;
    for (int j = 0; j < n; j++) {
        REAL sq = sq_norm + 2 * scores[j];
        REAL limit = (REAL)0.25 * (sq_norm + 2 * half_norms[j]) + least;
        n_bad += !(sq > limit);
        out[j] = SQRT(sq > 0 ? sq : 0) * unscale;
    }
    *n_cancelled = n_bad;
}

static void FN(distances)(const kf_rows *rows, const kf_centers *centers, ptrdiff_t first, ptrdiff_t n_rows, kf_scratch *s, void *out)
{
    ptrdiff_t d = rows->d, k = centers->k;
    REAL least = (REAL)d * LEAST_SCALED, unscale = (REAL)(1.0 / rows->scale);
    for (ptrdiff_t done = 0; done < n_rows; done += s->block_rows) {
        ptrdiff_t n_here = MIN_OF(s->block_rows, n_rows - done);
        REAL *sq_norms = (REAL *)s->norms;
        for (ptrdiff_t i = 0; i < n_here; i++)
            s->chosen[i] = first + done + i;
        FN(pack_block)(rows, s->chosen, n_here, (REAL *)s->block, sq_norms);
        for (ptrdiff_t i = 0; i < n_here; i++) {
            const REAL *x = (const REAL *)s->block + i * d;
            double sq_norm = 0.0;
            for (ptrdiff_t t = 0; t < d; t++)
                sq_norm += (double)x[t] * (double)x[t];
            sq_norms[i] = (REAL)sq_norm;
        }
        for (ptrdiff_t p = 0; p < centers->n_groups; p++) {
            const REAL *panel = (const REAL *)centers->groups + p * d * PANEL_WIDTH;
            const REAL *half_norms = (const REAL *)centers->half_norms + p * PANEL_WIDTH;
            int n_columns = (int)MIN_OF(PANEL_WIDTH, k - p * PANEL_WIDTH);
            for (ptrdiff_t tile = 0; tile < n_here; tile += BLOCK_TILE_ROWS) {
                const REAL *row[BLOCK_TILE_ROWS];
                V score[BLOCK_TILE_ROWS][PANEL_VECTORS];
                int n_in_tile = FN(tile_of_block)((const REAL *)s->block, tile, n_here, d, row);
                FN(score_panel_tile)(row, panel, half_norms, d, score);
                for (int r = 0; r < n_in_tile; r++) {
                    REAL scores[PANEL_WIDTH];
                    ptrdiff_t i = first + done + tile + r;
                    REAL *to = (REAL *)out + (done + tile + r) * k + p * PANEL_WIDTH;
                    int n_cancelled;
                    memcpy(scores, score[r], sizeof scores);
                    FN(write_distances)(scores, half_norms, sq_norms[tile + r], least, unscale, n_columns, to, &n_cancelled);
                    for (int j = 0; n_cancelled > 0 && j < n_columns; j++) {
                        REAL sq = sq_norms[tile + r] + 2 * scores[j];
                        if (!(sq > (REAL)0.25 * (sq_norms[tile + r] + 2 * half_norms[j]) + least && sq < LARGEST)) {
                            to[j] = (REAL)FN(distance_directly)(rows, centers, (const REAL *)rows->x + i * d,
                                                                p * PANEL_WIDTH + j, s->row64);
                        }
                    }
                }
            }
        }
    }
}
