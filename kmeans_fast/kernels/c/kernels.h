/* The C side's one interface: data, centers, scratch memory, and the table of kernels of an instruction set.
 *
 * n rows, d features, k centers. REAL is float or double; void pointers are arrays of REAL, and each table has
 * one for either. Nothing here allocates: a *_plan function lays memory out in an arena that its caller owns.
 */
#ifndef KMEANS_FAST_KERNELS_H
#define KMEANS_FAST_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "csr.h"

enum {
    KF_GROUP_ALIGNMENT = 64, /* rows; as GROUP_ALIGNMENT in backends/protocol.py */
    KF_SUM_BLOCK = 512,      /* rows; as SUM_BLOCK there */
    KF_LANES = 8,            /* strided partial sums of the decider; as LANES in backends/decider.py */
    KF_ROWS_OF_CALL = 512,   /* rows that nearest and two_nearest take at most */
    KF_CHAIN = 128,          /* features whose products are added in one chain before it joins the score */
    KF_CACHE_LINE = 64
};

/* Which axis the lanes of a vector run along in the fused kernel. */
typedef enum { KF_LANES_ARE_POINTS, KF_LANES_ARE_CENTERS, KF_DECIDE_ONLY } kf_shape;

typedef struct {
    const void *x;         /* n x d, as given */
    const double *weights; /* n, or NULL: all one */
    ptrdiff_t n, d;
    const void *origin;    /* d, already scaled */
    double scale;          /* power of two; scores use x * scale - origin */
    double data_unit;      /* power of two; sums and squared distances use x / data_unit */
    const void *tiles;     /* working copy in the layout of lanes = points, or NULL */
} kf_rows;

/* Scores certify a row if second - best, less its rounding, exceeds a[0] + r a[1] + r^2 a[2], r = ||row||. */
typedef struct {
    double a[3];
} kf_bound;

typedef struct {
    const void *c; /* k x d, as given */
    ptrdiff_t k, d, padded_d;
    kf_shape shape;
    int width;           /* centers in a group (points) or panel (centers) */
    ptrdiff_t n_groups;  /* groups or panels */
    void *groups;        /* n_groups x d x width, of REAL */
    void *half_norms;    /* n_groups x width, of REAL; infinite for padding */
    double *sq_norms;    /* k; of the shifted, scaled centers */
    double *direct;      /* direct_rows x padded_d, c / data_unit: what the decider reads; then zeros */
    ptrdiff_t direct_rows;
    int width64;         /* the float64 stage of float32 data reads direct in groups of so many; 0: there is none */
    double *half_norms64; /* direct_rows; infinite for padding */
    kf_bound bound, bound64;
} kf_centers;

typedef struct {
    ptrdiff_t block_rows;   /* rows that are scored together at most; norms, best, second and index run along with them */
    void *block;            /* one tile, or block_rows x d for lanes = centers */
    void *norms;            /* block_rows */
    void *best, *second;    /* block_rows */
    void *index;            /* block_rows integers as wide as REAL */
    void *lane_state;       /* lanes = centers: best, second, index per lane */
    double *tile64, *norms64, *best64, *second64;
    int64_t *index64;
    double *row64;          /* padded_d */
    double *lanes64;        /* 2 x padded_d x LANES: tiles of rows and centers as doubles */
    ptrdiff_t *chosen;      /* rows of a call, increasing; the next three run along with it */
    int32_t *found;         /* their labels */
    double *gaps;           /* lower bounds of second - best, in data_unit^2; NULL unless asked for */
    ptrdiff_t *doubtful;    /* places in chosen of the rows that the filter can't certify; one spare */
} kf_scratch;

typedef struct {
    const char *isa;
    int itemsize;
    int tile_rows;
    double (*largest)(const void *values, ptrdiff_t n); /* of the absolute values; 0 for none */
    size_t (*tiles_bytes)(ptrdiff_t n, ptrdiff_t d);
    void (*pack_tiles)(const kf_rows *rows, ptrdiff_t first_tile, ptrdiff_t n_tiles, void *tiles);
    kf_shape (*choose_shape)(const kf_rows *rows, ptrdiff_t n_rows, ptrdiff_t k);
    size_t (*centers_plan)(kf_centers *centers, char *arena);
    ptrdiff_t (*centers_parts)(const kf_centers *centers);
    void (*pack_part)(const kf_rows *rows, kf_centers *centers, ptrdiff_t part);
    void (*bind_bound)(const kf_rows *rows, kf_centers *centers);
    size_t (*scratch_plan)(const kf_rows *rows, const kf_centers *centers, int with_gaps, kf_scratch *scratch, char *arena);
    ptrdiff_t (*nearest)(const kf_rows *rows, const kf_centers *centers, ptrdiff_t first, ptrdiff_t n_rows,
                         kf_scratch *scratch, int32_t *labels);
    ptrdiff_t (*two_nearest)(const kf_rows *rows, const kf_centers *centers, const int64_t *chosen, ptrdiff_t n_chosen,
                             kf_scratch *scratch, int32_t *labels, float *upper, float *lower);
    void (*sum_by_label)(const kf_rows *rows, ptrdiff_t first, ptrdiff_t n_rows, ptrdiff_t first_d, ptrdiff_t n_d,
                         const int32_t *labels, double *sums, ptrdiff_t stride, double *mass);
    void (*sum_clusters)(const kf_rows *rows, ptrdiff_t first_row, const int32_t *order, const ptrdiff_t *starts,
                         ptrdiff_t first, ptrdiff_t stop, double *sums, ptrdiff_t stride, double *mass);
    void (*label_sq_dists)(const kf_rows *rows, const kf_centers *centers, ptrdiff_t first, ptrdiff_t n_rows,
                           const int32_t *labels, double *tiles, double *sq_dists);
    void (*lower_sq_dists)(const kf_rows *rows, const kf_centers *centers, ptrdiff_t first, ptrdiff_t n_rows,
                           double *tile, double *sq_dists);
    void (*potentials)(const kf_rows *rows, const kf_centers *centers, ptrdiff_t first, ptrdiff_t n_rows,
                       const double *sq_dists, double *tile, double *lanes, double *potentials);
    void (*distances)(const kf_rows *rows, const kf_centers *centers, ptrdiff_t first, ptrdiff_t n_rows,
                      kf_scratch *scratch, void *out);
    kf_csr_table csr; /* the same for sparse rows */
} kf_table;

typedef struct {
    const char *name;
    kf_table f32, f64;
} kf_isa;

/* dispatch.c; index runs over isas.def. */
int kf_n_isas(void);
const char *kf_isa_name(int index);
int kf_isa_available(int index);
const kf_isa *kf_isa_at(int index); /* only if available */

#endif
