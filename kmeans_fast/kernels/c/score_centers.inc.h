/* The fused kernel with lanes = centers: BLOCK_TILE_ROWS rows against a panel of PANEL_VECTORS vectors of centers.
 *
 * A panel (d x PANEL_WIDTH) is used by every row of a block before the next one is touched. Each lane of each row
 * keeps its best, its index and its second best in memory between panels; lanes are joined once a block.
 */
enum { FN(LANE_STATE) = 3 * L };

/* score -= x.c over the features [first, stop). */
ALWAYS_INLINE void FN(subtract_panel)(const REAL *const *row, const REAL *RESTRICT panel, ptrdiff_t first, ptrdiff_t stop,
                                      V score[BLOCK_TILE_ROWS][PANEL_VECTORS])
{
    for (ptrdiff_t t = first; t < stop; t++) {
        V c[PANEL_VECTORS];
        UNROLL
        for (int v = 0; v < PANEL_VECTORS; v++)
            c[v] = FN(load)(panel + t * PANEL_WIDTH + v * L);
        UNROLL
        for (int r = 0; r < BLOCK_TILE_ROWS; r++) {
            V x = FN(set)(row[r][t]);
            UNROLL
            for (int v = 0; v < PANEL_VECTORS; v++)
                score[r][v] -= x * c[v];
        }
    }
}

ALWAYS_INLINE void FN(score_panel_tile)(const REAL *const *row, const REAL *RESTRICT panel, const REAL *RESTRICT half_norms,
                                        ptrdiff_t d, V score[BLOCK_TILE_ROWS][PANEL_VECTORS])
{
    UNROLL
    for (int v = 0; v < PANEL_VECTORS; v++) {
        V start = FN(load)(half_norms + v * L);
        UNROLL
        for (int r = 0; r < BLOCK_TILE_ROWS; r++)
            score[r][v] = start;
    }
    if (d <= KF_CHAIN) {
        FN(subtract_panel)(row, panel, 0, d, score);
        return;
    }
    for (ptrdiff_t t = 0; t < d; t += KF_CHAIN) {
        V part[BLOCK_TILE_ROWS][PANEL_VECTORS];
        UNROLL
        for (int r = 0; r < BLOCK_TILE_ROWS; r++) {
            UNROLL
            for (int v = 0; v < PANEL_VECTORS; v++)
                part[r][v] = FN(set)(0);
        }
        FN(subtract_panel)(row, panel, t, MIN_OF(t + KF_CHAIN, d), part);
        UNROLL
        for (int r = 0; r < BLOCK_TILE_ROWS; r++) {
            UNROLL
            for (int v = 0; v < PANEL_VECTORS; v++)
                score[r][v] += part[r][v];
        }
    }
}

/* Rows of a tile; a tile that hangs over the end repeats its last row. */
ALWAYS_INLINE int FN(tile_of_block)(const REAL *block, ptrdiff_t first, ptrdiff_t n_rows, ptrdiff_t d, const REAL **row)
{
    int n_here = (int)MIN_OF(BLOCK_TILE_ROWS, n_rows - first);
    for (int r = 0; r < BLOCK_TILE_ROWS; r++)
        row[r] = block + (first + MIN_OF(r, n_here - 1)) * d;
    return n_here;
}

static void FN(score_panel)(const REAL *block, ptrdiff_t n_rows, const REAL *panel, const REAL *half_norms, ptrdiff_t d,
                            INT first_center, REAL *lane_state)
{
    for (ptrdiff_t first = 0; first < n_rows; first += BLOCK_TILE_ROWS) {
        const REAL *row[BLOCK_TILE_ROWS];
        V score[BLOCK_TILE_ROWS][PANEL_VECTORS];
        int n_here = FN(tile_of_block)(block, first, n_rows, d, row);
        FN(score_panel_tile)(row, panel, half_norms, d, score);
        UNROLL
        for (int r = 0; r < BLOCK_TILE_ROWS; r++) {
            if (r >= n_here)
                break;
            REAL *state = lane_state + (first + r) * FN(LANE_STATE);
            V b = FN(load)(state), s = FN(load)(state + L);
            I i;
            memcpy(&i, state + 2 * L, sizeof i);
            UNROLL
            for (int v = 0; v < PANEL_VECTORS; v++) {
                i = FN(pick_int)(score[r][v], b, FN(set_int)(first_center + v * L), i);
                s = FN(min)(s, FN(max)(score[r][v], b));
                b = FN(min)(score[r][v], b);
            }
            FN(store)(state, b);
            FN(store)(state + L, s);
            memcpy(state + 2 * L, &i, sizeof i);
        }
    }
}

static void FN(begin_lanes)(ptrdiff_t n_rows, REAL *lane_state)
{
    V infinite = FN(set)(INFINITY);
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        REAL *state = lane_state + i * FN(LANE_STATE);
        FN(store)(state, infinite);
        FN(store)(state + L, infinite);
        memset(state + 2 * L, 0, L * sizeof(REAL));
    }
}

static void FN(join_lane_states)(ptrdiff_t n_rows, const REAL *lane_state, REAL *best, REAL *second, INT *index)
{
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        const REAL *b = lane_state + i * FN(LANE_STATE), *s = b + L;
        INT number[L];
        REAL least = b[0], next = s[0];
        int lane_of_least = 0;
        for (int lane = 1; lane < L; lane++) {
            next = MIN_OF(next, MIN_OF(s[lane], MAX_OF(b[lane], least)));
            lane_of_least = b[lane] < least ? lane : lane_of_least;
            least = MIN_OF(b[lane], least);
        }
        memcpy(number, s + L, sizeof number);
        best[i] = least;
        second[i] = next;
        index[i] = number[lane_of_least] + lane_of_least;
    }
}
