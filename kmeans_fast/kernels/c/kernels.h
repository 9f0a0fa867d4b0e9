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
    KF_ROWS_OF_BLOCK = 128,  /* rows that share a bounding box: fewer cost more boxes, more drop fewer centers */
    KF_BUCKETS = 1024,       /* of a table that tells where a feature's value lies along the curve of blocks */
    KF_CHAIN = 128,          /* features whose products are added in one chain before it joins the score */
    KF_SUM_ROWS = 128,       /* rows that sum_distances takes at most: a thread's share, and widening the points is little */
    KF_CACHE_LINE = 64
};

/* Which axis the lanes of a vector run along in the fused kernel. */
typedef enum { KF_LANES_ARE_POINTS, KF_LANES_ARE_CENTERS, KF_GROUPS_OF_CENTERS, KF_DECIDE_ONLY } kf_shape;

typedef struct {
    const void *x;         /* n x d, as given */
    const double *weights; /* n, or NULL: all one */
    ptrdiff_t n, d;
    const void *origin;    /* d, already scaled */
    double scale;          /* power of two; scores use x * scale - origin */
    double data_unit;      /* power of two; sums and squared distances use x / data_unit */
    double fixed_scale;    /* power of two; all x * fixed_scale are whole numbers of at most 51 digits; 0: they are not */
    void *tiles;           /* working copy in the layout of lanes = points, or NULL */
    char *tile_is_made;    /* of each tile: whether it is in the copy yet */
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

/* Sums of clusters, cluster j's from j * stride on: as pairs hi + lo or, where lo is NULL, as whole numbers of
   1 / fixed_scale. */
typedef struct {
    union {
        double *hi;
        int64_t *fixed;
    };
    double *lo;
    ptrdiff_t stride;
    double *mass, *mass_lo;
} kf_sums;

/* Rows of few features, sorted so that neighbours are close (boxes.inc.h). */
typedef struct {
    ptrdiff_t n_blocks;
    char *tiles;     /* of each block, its rows in the layout of lanes = points */
    double *boxes;   /* n_blocks x 2 x d: least and largest values */
    void *norms;     /* n_blocks of REAL: the largest norm of a block */
    int32_t *order;  /* n: the row at each place */
    int32_t *labels; /* n: by place */
    int32_t *label;  /* n_blocks: of all rows of a block, or -1 */
} kf_blocks;

typedef struct {
    double *score;         /* k */
    double *c64;           /* d x k */
    void *packed;          /* k x d of REAL */
    void *half_norms;      /* k of REAL */
    int32_t *common, *kept; /* k */
    int32_t *found;        /* ROWS_OF_BLOCK */
} kf_box_scratch;

/* Bounds of each row (groups.inc.h); Euclidean, in data_unit. Centers [g * width, (g + 1) * width) are group g. */
typedef struct {
    ptrdiff_t n_groups, width;
    float *upper;        /* n: the distance to the row's center is at most upper + risen[label] */
    float *lower;        /* n x n_groups: that to the other centers of a group at least lower - sunk[group] */
    float *gap;          /* n: while it exceeds parted[label], the label can't change */
    float *risen, *parted; /* k: how far a center went; and how far it and another one did */
    float *sunk;         /* n_groups: how far a center of the group went */
} kf_bounds;

typedef struct {
    ptrdiff_t *open;      /* rows of a call that have yet to be measured */
    void *own;            /* rows of a call, of REAL: squared distances to their centers, rounded down */
    float *limit, *least; /* rows of a call: what other centers must exceed; what the nearest of them does */
    void *allowed;        /* block_rows of REAL: how far the two best scores must lie apart */
    void *met, *others;   /* block_rows x n_groups of REAL: the two best scores of each group that a row met, else NaN */
    void *tile;           /* some rows of REAL */
    int16_t *lists;       /* n_groups x block_rows: places in the block of the rows that meet a group */
    int32_t *counts;      /* n_groups */
} kf_group_scratch;

/* What a look at a block of values gives; largest is inf or NaN if not all of them are finite. */
typedef struct {
    double largest, smallest; /* of the absolute values that are not 0; 0 and inf if there are none */
    double sq_spread;         /* sum of squared distances to the origin */
} kf_survey;

typedef struct {
    const char *isa;
    int itemsize;
    int tile_rows, vector_width;
    kf_survey (*survey)(const void *values, ptrdiff_t n, const double *origin);
    size_t (*tiles_bytes)(ptrdiff_t n, ptrdiff_t d);
    kf_shape (*choose_shape)(const kf_rows *rows, ptrdiff_t n_rows, ptrdiff_t k);
    size_t (*centers_plan)(kf_centers *centers, char *arena);
    ptrdiff_t (*centers_parts)(const kf_centers *centers);
    void (*pack_part)(const kf_rows *rows, kf_centers *centers, ptrdiff_t part);
    void (*bind_bound)(const kf_rows *rows, kf_centers *centers);
    size_t (*scratch_plan)(const kf_rows *rows, const kf_centers *centers, int with_gaps, kf_scratch *scratch, char *arena);
    ptrdiff_t (*nearest)(const kf_rows *rows, const kf_centers *centers, ptrdiff_t first, ptrdiff_t n_rows,
                         kf_scratch *scratch, int32_t *labels, int64_t *moved, int32_t *before);
    ptrdiff_t (*two_nearest)(const kf_rows *rows, const kf_centers *centers, const int64_t *chosen, ptrdiff_t n_chosen,
                             kf_scratch *scratch, int32_t *labels, float *upper, float *lower);
    void (*sum_by_label)(const kf_rows *rows, ptrdiff_t first, ptrdiff_t n_rows, ptrdiff_t first_d, ptrdiff_t n_d,
                         const int32_t *labels, const kf_sums *sums);
    void (*sum_clusters)(const kf_rows *rows, ptrdiff_t first_row, const int64_t *moved, const int32_t *order,
                         const ptrdiff_t *starts, ptrdiff_t first, ptrdiff_t stop, const kf_sums *sums);
    void (*move_fixed)(const kf_rows *rows, const int64_t *moved, const int32_t *before, const int32_t *after,
                       ptrdiff_t n_moved, ptrdiff_t stride, int64_t *fixed, int64_t *counts);
    void (*move_centers)(const kf_sums *sums, const void *centers, ptrdiff_t d, double data_unit, const void *origin,
                         ptrdiff_t first, ptrdiff_t stop, void *new_centers, double *sq_shifts, double *from_sums,
                         double *from_means);
    void (*label_sq_dists)(const kf_rows *rows, const kf_centers *centers, ptrdiff_t first, ptrdiff_t n_rows,
                           const int32_t *labels, double *tiles, double *sq_dists);
    double (*label_potential)(const kf_rows *rows, const kf_centers *centers, ptrdiff_t first, ptrdiff_t n_rows,
                              const int32_t *labels, double *tiles);
    size_t (*seeding_bytes)(ptrdiff_t d, ptrdiff_t m);
    void (*lower_sq_dists)(const kf_rows *rows, const kf_centers *centers, ptrdiff_t first, ptrdiff_t n_rows, char *arena,
                           double *sq_dists);
    void (*potentials)(const kf_rows *rows, const kf_centers *centers, ptrdiff_t first, ptrdiff_t n_rows,
                       const double *sq_dists, char *arena, double *potentials);
    void (*block_keys)(const kf_rows *rows, ptrdiff_t first, ptrdiff_t n_rows, const double *least, const double *step,
                       const int32_t *bits, uint16_t *keys);
    size_t (*block_bytes)(ptrdiff_t d);
    void (*make_block)(const kf_rows *rows, kf_blocks *blocks, ptrdiff_t block, const int32_t *labels);
    ptrdiff_t (*nearest_in_blocks)(const kf_rows *rows, const kf_centers *centers, kf_blocks *blocks, ptrdiff_t first,
                                   ptrdiff_t stop, const double *c64, kf_box_scratch *scratch, int32_t *labels,
                                   int64_t *moved, int32_t *before, double *n_scored);
    size_t (*group_scratch_plan)(const kf_bounds *bounds, ptrdiff_t d, ptrdiff_t block_rows, kf_group_scratch *scratch, char *arena);
    ptrdiff_t (*first_in_groups)(const kf_rows *rows, const kf_centers *centers, const kf_bounds *bounds, ptrdiff_t first,
                                 ptrdiff_t n_rows, kf_scratch *scratch, int32_t *labels, int64_t *moved, int32_t *before);
    ptrdiff_t (*nearest_in_groups)(const kf_rows *rows, const kf_centers *centers, const kf_bounds *bounds, ptrdiff_t first,
                                   ptrdiff_t n_rows, kf_scratch *scratch, kf_group_scratch *more, int32_t *labels,
                                   int64_t *moved, int32_t *before, double *n_measured, double *n_scored);
    void (*distances)(const kf_rows *rows, const kf_centers *centers, ptrdiff_t first, ptrdiff_t n_rows,
                      kf_scratch *scratch, void *out);
    size_t (*sum_distances_bytes)(ptrdiff_t d);
    void (*sum_distances)(const kf_rows *rows, const void *points, const int64_t *starts, ptrdiff_t k, ptrdiff_t first,
                          ptrdiff_t n_rows, char *arena, double *sums);
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
