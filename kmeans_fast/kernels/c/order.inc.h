/* An order of centers whose groups are of such that lie near each other: so that few groups are near a row. */

/* Of the centers order[0, n), the one that lies farthest from a point; their squared distances to it go to sq_dists. */
static ptrdiff_t FN(farthest)(const REAL *c, ptrdiff_t d, const int32_t *order, ptrdiff_t n, const REAL *point, REAL *sq_dists)
{
    ptrdiff_t farthest = 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        sq_dists[i] = FN(own_distance)(c + order[i] * d, point, d);
        farthest = sq_dists[i] > sq_dists[farthest] ? i : farthest;
    }
    return order[farthest];
}

/* Sorts order[0, n) by keys, which move along. Source: Knuth, The Art of Computer Programming, volume 3, 5.2.1D. */
static void FN(sort_by_key)(int32_t *order, REAL *keys, ptrdiff_t n)
{
    ptrdiff_t step = 1;
    while (step < n / 3)
        step = 3 * step + 1;
    for (; step > 0; step /= 3)
        for (ptrdiff_t i = step; i < n; i++) {
            REAL key = keys[i];
            int32_t center = order[i];
            ptrdiff_t at = i;
            for (; at >= step && keys[at - step] > key; at -= step) {
                keys[at] = keys[at - step];
                order[at] = order[at - step];
            }
            keys[at] = key;
            order[at] = center;
        }
}

/* Halves order[0, n) between two groups of `width` centers, and the halves likewise. What is nearer to the one of two
   centers comes first: of the farthest from the mean, and the farthest from that. keys is room for n, mean for d. */
static void FN(halve_centers)(const REAL *c, ptrdiff_t d, ptrdiff_t width, int32_t *order, ptrdiff_t n, REAL *keys, REAL *mean)
{
    ptrdiff_t n_groups = (n + width - 1) / width, half = (n_groups + 1) / 2 * width;
    if (n_groups < 2)
        return;
    memset(mean, 0, (size_t)d * sizeof(REAL));
    for (ptrdiff_t i = 0; i < n; i++)
        for (ptrdiff_t t = 0; t < d; t++)
            mean[t] += c[order[i] * d + t];
    for (ptrdiff_t t = 0; t < d; t++)
        mean[t] /= (REAL)n;
    ptrdiff_t one = FN(farthest)(c, d, order, n, mean, keys);
    ptrdiff_t other = FN(farthest)(c, d, order, n, c + one * d, keys);
    for (ptrdiff_t i = 0; i < n; i++)
        keys[i] -= FN(own_distance)(c + order[i] * d, c + other * d, d);
    FN(sort_by_key)(order, keys, n);
    FN(halve_centers)(c, d, width, order, half, keys, mean);
    FN(halve_centers)(c, d, width, order + half, n - half, keys, mean);
}

static size_t FN(order_bytes)(ptrdiff_t k, ptrdiff_t d) { return (size_t)(k + d) * sizeof(REAL); }

/* order (k) is written: its places [g * width, (g + 1) * width) are group g. */
static void FN(order_centers)(const void *centers, ptrdiff_t k, ptrdiff_t d, ptrdiff_t width, char *arena, int32_t *order)
{
    REAL *keys = (REAL *)arena;
    for (ptrdiff_t j = 0; j < k; j++)
        order[j] = (int32_t)j;
    FN(halve_centers)((const REAL *)centers, d, width, order, k, keys, keys + k);
}
