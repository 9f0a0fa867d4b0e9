/* The terms that rows are drawn by, as whole numbers, and the rows by their nearest seed. Included once per instruction set. */

/* Digits of the sum of all terms when their scale is chosen, as DIGITS in backends/seeds.py; and the largest scale. */
enum { DIGITS_OF_TERMS = 61, MOST_EXPONENT_OF_TERMS = 1000 };

/* Choose the scale by the ordered_sum() of all terms, and add them up as whole numbers. Returns whether that is not 0. */
static int weigh_rows(kf_seeds *seeds)
{
    double total = 0.0;
    int exponent;
    for (ptrdiff_t first = 0; first < seeds->n; first += KF_SUM_BLOCK) {
        double lanes[KF_LANES] = {0};
        for (ptrdiff_t i = first; i < MIN_OF(first + KF_SUM_BLOCK, seeds->n); i++) {
            double term = seeds->sq_dists[i] * (seeds->weights == NULL ? 1.0 : seeds->weights[i]);
            ROUNDED(term);
            lanes[(i - first) % KF_LANES] += term;
        }
        total += join_lanes(lanes);
    }
    (void)frexp(total, &exponent);
    seeds->scale = ldexp(1.0, MIN_OF(DIGITS_OF_TERMS - exponent, MOST_EXPONENT_OF_TERMS));
    seeds->whole = 0;
    for (ptrdiff_t first = 0; first < seeds->n; first += KF_SUM_BLOCK) {
        int64_t sum = 0;
        for (ptrdiff_t i = first; i < MIN_OF(first + KF_SUM_BLOCK, seeds->n); i++)
            sum += whole_term_f64(seeds->sq_dists[i], seeds->weights == NULL ? 1.0 : seeds->weights[i], seeds->scale);
        seeds->sums[first / KF_SUM_BLOCK] = sum;
        seeds->whole += sum;
    }
    return total != 0.0;
}

/* The first row with which the sum of the terms reaches target, or n. */
static ptrdiff_t draw_row(const kf_seeds *seeds, int64_t target)
{
    ptrdiff_t block = 0, i;
    while ((block + 1) * KF_SUM_BLOCK < seeds->n && seeds->sums[block] < target)
        target -= seeds->sums[block++];
    for (i = block * KF_SUM_BLOCK; i < seeds->n; i++) {
        target -= whole_term_f64(seeds->sq_dists[i], seeds->weights == NULL ? 1.0 : seeds->weights[i], seeds->scale);
        if (target <= 0)
            break;
    }
    return i;
}

/* The rows sorted by their owners, in order, and cut into blocks. starts has room for one more than there are seeds. */
static void group_rows(kf_seeds *seeds, ptrdiff_t n_seeds, int32_t *starts)
{
    ptrdiff_t n = seeds->n, n_blocks = 0, place = 0;
    memset(starts, 0, (size_t)(n_seeds + 1) * sizeof *starts);
    for (ptrdiff_t i = 0; i < n; i++)
        starts[seeds->owners[i] + 1]++;
    for (ptrdiff_t seed = 0; seed < n_seeds; seed++) {
        ptrdiff_t stop = place + starts[seed + 1];
        starts[seed + 1] = (int32_t)stop;
        for (; place < stop; place = MIN_OF(place + KF_SEED_BLOCK, stop)) {
            seeds->begins[n_blocks] = (int32_t)place;
            seeds->groups[n_blocks++] = (int32_t)seed;
        }
    }
    seeds->begins[n_blocks] = (int32_t)n;
    seeds->n_blocks = n_blocks;
    for (ptrdiff_t i = 0; i < n; i++)
        seeds->order[starts[seeds->owners[i]]++] = (int32_t)i;
}
