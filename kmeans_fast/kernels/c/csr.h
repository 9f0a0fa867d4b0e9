/* The C side's interface for sparse rows (CSR): data, centers, scratch memory, kernels. As kernels.h otherwise.
 *
 * The columns of a row increase and none repeats. Centers are dense. Zeros stay zeros: scores have no origin, only a
 * scale. Nothing here makes a dense copy of more than one row at a time.
 */
#ifndef KMEANS_FAST_CSR_H
#define KMEANS_FAST_CSR_H

#include <stddef.h>
#include <stdint.h>

enum {
    KF_CSR_VECTORS = 4, /* vectors of centers that are scored together at most: registers, and lines of one product */
    KF_CSR_WIDE = 256,  /* columns a value, beyond which a row is measured by the identity; as WIDE in backends/csr.py */
    KF_CSR_SPARSE = 16  /* a row and a center with fewer nonzeros than d / SPARSE are merged; others meet densely */
};

typedef struct {
    const void *values;     /* as given */
    const int32_t *columns;
    const int64_t *starts;  /* n + 1 */
    const double *weights;  /* n, or NULL: all one */
    ptrdiff_t n, d;
    double scale;           /* power of two; scores use x * scale */
    double data_unit;       /* power of two; sums and squared distances use x / data_unit */
} kf_csr;

typedef struct {
    const void *c;          /* k x d, as given */
    ptrdiff_t k, d;
    int is_scored;          /* 0: only single distances are asked for */
    int is_measured;        /* 1: squared norms are in data_unit^2, and panels hold c as it is */
    int n_vectors, width;   /* of a panel */
    ptrdiff_t n_panels;
    void *panels;           /* n_panels x d x width, of REAL, scaled unless is_measured; zeros for padding */
    void *half_norms;       /* n_panels x width, of REAL; infinite for padding */
    double *half_norms64;
    double *sq_norms;       /* k; of the scaled centers, or in data_unit^2 */
    double largest_norm;    /* of them, rounded up */
    int32_t *nonzeros;      /* k x most_nonzeros: the columns where a center is not zero */
    ptrdiff_t *n_nonzeros;  /* k; -1 where they are more than most_nonzeros */
    ptrdiff_t most_nonzeros;
} kf_csr_centers;

typedef struct {
    double *row64;          /* d zeros, but while a row is in use */
    void *row;              /* d zeros of REAL, likewise */
    double *scores;         /* n_panels x width */
    ptrdiff_t *candidates;  /* k */
    void *lane_state;       /* best, second and index a lane, of the rows of a call */
    void *best, *second, *index;
} kf_csr_scratch;

typedef struct {
    size_t (*centers_plan)(kf_csr_centers *centers, char *arena);
    ptrdiff_t (*centers_parts)(const kf_csr_centers *centers);
    void (*pack_part)(const kf_csr *rows, kf_csr_centers *centers, ptrdiff_t part);
    void (*bind_norms)(kf_csr_centers *centers);
    size_t (*scratch_plan)(const kf_csr_centers *centers, kf_csr_scratch *scratch, char *arena);
    ptrdiff_t (*nearest)(const kf_csr *rows, const kf_csr_centers *centers, ptrdiff_t first, ptrdiff_t n_rows,
                         kf_csr_scratch *scratch, int32_t *labels, int64_t *moved, int32_t *before);
    ptrdiff_t (*two_nearest)(const kf_csr *rows, const kf_csr_centers *centers, const int64_t *chosen, ptrdiff_t n_chosen,
                             kf_csr_scratch *scratch, int32_t *labels, float *upper, float *lower);
    void (*sum_cluster)(const kf_csr *rows, const int64_t *members, ptrdiff_t n_members, ptrdiff_t first_d,
                        ptrdiff_t stop_d, double *hi, double *lo, double *mass, double *mass_lo);
    double (*label_potential)(const kf_csr *rows, const kf_csr_centers *centers, ptrdiff_t first, ptrdiff_t n_rows,
                              const int32_t *labels, kf_csr_scratch *scratch);
    void (*label_sq_dists)(const kf_csr *rows, const kf_csr_centers *centers, ptrdiff_t first, ptrdiff_t n_rows,
                           const int32_t *labels, kf_csr_scratch *scratch, double *sq_dists);
    void (*seed_gains)(const kf_csr *rows, const kf_csr_centers *centers, ptrdiff_t first, ptrdiff_t n_rows,
                       const double *sq_dists, double scale, kf_csr_scratch *scratch, int64_t *gains);
    int64_t (*add_seed)(const kf_csr *rows, const kf_csr_centers *centers, ptrdiff_t first, ptrdiff_t n_rows, double scale,
                        kf_csr_scratch *scratch, double *sq_dists);
    double (*sq_spread)(const kf_csr *rows, const kf_csr_centers *centers, ptrdiff_t first, ptrdiff_t n_rows,
                        kf_csr_scratch *scratch);
    void (*distances)(const kf_csr *rows, const kf_csr_centers *centers, ptrdiff_t first, ptrdiff_t n_rows,
                      kf_csr_scratch *scratch, void *out);
} kf_csr_table;

#endif
