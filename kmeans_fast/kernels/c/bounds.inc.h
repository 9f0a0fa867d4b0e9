/* Who is nearest and by how much: labels with bounds on the distances, for chosen rows. */

static float FN(float_down)(double value)
{
    float rounded = (float)value;
    return (double)rounded <= value ? rounded : nextafterf(rounded, -INFINITY);
}

static float FN(float_up)(double value) { return -FN(float_down)(-value); }

/* Of the chosen rows, those whose own center may not be the nearest go to s->chosen, with their squared distance to it
   in own (-1: not known); the others have a tight upper bound now. Returns how many are left. */
ALWAYS_INLINE ptrdiff_t FN(still_open)(const kf_rows *rows, const kf_centers *centers, const int64_t *chosen,
                                       ptrdiff_t n_chosen, kf_scratch *s, const int32_t *labels, float *upper,
                                       const float *lower, double slack, double *own)
{
    ptrdiff_t n_left = 0;
    for (ptrdiff_t done = 0; done < n_chosen; done += KF_LANES) {
        int n_here = (int)MIN_OF(KF_LANES, n_chosen - done);
        const REAL *row[KF_LANES];
        int32_t label[KF_LANES];
        double found[KF_LANES];
        for (int i = 0; i < n_here; i++) {
            row[i] = (const REAL *)rows->x + chosen[done + i] * rows->d;
            label[i] = MAX_OF(labels[chosen[done + i]], 0);
        }
        FN(own_sq_dists)(rows, centers, row, n_here, label, s->lanes64, found);
        for (int i = 0; i < n_here; i++) {
            ptrdiff_t at = (ptrdiff_t)chosen[done + i];
            int is_known = labels[at] >= 0 && is_safe(found[i]);
            if (is_known) {
                upper[at] = FN(float_up)(sqrt(found[i] * (1 + slack)) * (1 + 0x1p-50));
                if (upper[at] * (1 + 0x1p-20f) < lower[at])
                    continue;
            }
            own[n_left] = is_known ? found[i] : -1.0;
            s->chosen[n_left++] = at;
        }
    }
    return n_left;
}

/* labels, upper and lower are indexed by row; bounds are Euclidean, in data_unit, rounded outward. */
static ptrdiff_t FN(two_nearest)(const kf_rows *rows, const kf_centers *centers, const int64_t *chosen, ptrdiff_t n_chosen,
                                 kf_scratch *s, int32_t *labels, float *upper, float *lower)
{
    double slack = 2 * (double)(rows->d + 4) * 0x1p-53, own[KF_ROWS_OF_CALL];
    ptrdiff_t n_changed = 0, n_left = FN(still_open)(rows, centers, chosen, n_chosen, s, labels, upper, lower, slack, own);
    if (n_left > 0)
        FN(settle)(rows, centers, n_left, s);
    for (ptrdiff_t i = 0; i < n_left; i++) {
        ptrdiff_t at = s->chosen[i];
        double found = own[i];
        if (labels[at] != s->found[i] || found < 0) {
            FN(widen)((const REAL *)rows->x + at * rows->d, rows->d, centers->padded_d, rows->data_unit, s->row64);
            found = sq_dist(s->row64, centers->direct + s->found[i] * centers->padded_d, rows->d, centers->padded_d);
        }
        double beyond = found * (1 - slack) + MAX_OF(s->gaps[i], 0.0);
        n_changed += labels[at] != s->found[i];
        labels[at] = s->found[i];
        int is_known = is_safe(found);
        upper[at] = is_known ? FN(float_up)(sqrt(found * (1 + slack)) * (1 + 0x1p-50)) : INFINITY;
        lower[at] = centers->k == 1 ? INFINITY : is_known ? FN(float_down)(sqrt(beyond) * (1 - 0x1p-50)) : 0.0f;
    }
    return n_changed;
}
