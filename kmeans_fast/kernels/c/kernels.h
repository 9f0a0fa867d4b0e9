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
    KF_GROUP_ALIGNMENT = 64, /* rows; as GROUP_ALIGNMENT in backends/ordered_sums.py */
    KF_SUM_BLOCK = 512,      /* rows; as SUM_BLOCK there */
    KF_LANES = 8,            /* strided partial sums of the decider; as LANES in backends/decider.py */
    KF_ROWS_OF_CALL = 512,   /* rows that nearest and two_nearest take at most */
    KF_ROWS_OF_BLOCK = 128,  /* rows that share a bounding box: fewer cost more boxes, more drop fewer centers */
    KF_BLOCKS_OF_UNIT = 16,  /* that lie together and share the centers near their common box */
    KF_NEAR_BLOCK = 64,      /* centers that may be nearest in a block, if it is to remember them */
    KF_NEAR_UNIT = 1024,     /* the same for a unit */
    KF_BUCKETS = 1024,       /* of a table that tells where a feature's value lies along the curve of blocks */
    KF_CHAIN = 128,          /* features whose products are added in one chain before it joins the score */
    KF_SUM_ROWS = 128,       /* rows that sum_distances takes at most: a thread's share, and widening the points is little */
    KF_SEED_BLOCK = 64,      /* rows of one seed that are ruled out together: fewer cost more tests, more reach farther */
    KF_CHECK = 16,           /* rotated features between two norms of what follows */
    KF_CACHE_LINE = 64
};

/* When rows go through the filter. */
enum {
    KF_FILTER_ROWS = 64,
    KF_FILTER_PAYS = 3,           /* one of so many rows may stay open */
    KF_FILTER_BYTES = 512 * 1024, /* of rows, or of centers, that stay in the cache */
    KF_FILTER_TILES = 8
};

/* Which axis the lanes of a vector run along in the fused kernel. */
typedef enum {
    KF_LANES_ARE_POINTS,
    KF_FILTERED_POINTS, /* the same for the rows that the filter leaves open (filter.inc.h) */
    KF_LANES_ARE_CENTERS,
    KF_GROUPS_OF_CENTERS,
    KF_DECIDE_ONLY
} kf_shape;

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
    uint32_t *words;       /* working copy in narrow values (narrow.h), or NULL */
    char *words_are_made;  /* of each of its tiles */
} kf_rows;

/* Scores certify a row if second - best, less its rounding, exceeds a[0] + r a[1] + r^2 a[2], r = ||row||. */
typedef struct {
    double a[3];
} kf_bound;

/* Centers in narrow values (narrow.h). */
typedef struct {
    int width;          /* centers of a group; 0: there is no filter */
    ptrdiff_t n_groups, n_words;
    uint32_t *groups;   /* n_groups x n_words x width, of values with turned signs */
    float *half_norms;  /* n_groups x width, as the next three; infinite for padding */
    float *norms, *residuals; /* of a center's narrow values, and of what they lost; rounded up */
    float *units;       /* of their whole numbers */
    float a[3];         /* what sums may have lost */
} kf_filter;

/* The two least scores of some rows, whose they are, and the third. */
typedef struct {
    float *best, *second, *third;
    int32_t *index, *next;
} narrow_found;

typedef struct {
    uint32_t *words, *tiles;  /* the rows of a tile; some tiles */
    narrow_found found;       /* of the rows of these tiles */
    ptrdiff_t n_open;         /* rows of all calls that stayed open */
    int32_t *passed;          /* rows of a call: labels found */
    ptrdiff_t *left;          /* rows of a call, and one spare: places of those that stay open */
} kf_filter_scratch;

typedef struct {
    const void *c; /* k x d, as given */
    const int32_t *order; /* k: which center has a place in the groups or panels; NULL: that of the same number */
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
    kf_filter filter;
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
    ptrdiff_t *doubtful;    /* places in chosen of the rows that the scores can't certify; one spare */
    kf_filter_scratch filter;
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

/* The centers that may be nearest to a point of a box: for as long as no two of those that were looked at have moved
   together by as much as their distances differ at least. */
typedef struct {
    double until;   /* the list holds while those that were looked at have drifted less */
    double drifted; /* by the two of the list that go farthest, added up over all calls */
    double far;     /* no less than the distance of any of the list to any point of a block */
    int32_t n;      /* 0: there is no list */
    int32_t label;  /* of all rows of a block, or -1 */
} kf_near;

/* Rows of few features, sorted so that neighbours are close (boxes.inc.h), and what is known of their labels. Rows that
   are alike may share a place. */
typedef struct {
    ptrdiff_t n_blocks, n_places;
    char *tiles;           /* of each block, its places in the layout of lanes = points */
    double *boxes;         /* n_blocks x 2 x d: least and largest values */
    void *norms;           /* n_blocks of REAL: the largest norm of a block */
    int32_t *order;        /* n: the rows, place by place */
    int32_t *starts;       /* n_places + 1: where those of each place begin in it; NULL if each row has its own */
    int32_t *labels;       /* n_places; none that any row can get where rows of a place began with several */
    kf_near *blocks;       /* n_blocks; measured by what their unit drifted */
    int32_t *block_names;  /* n_blocks x NEAR_BLOCK */
    double *tile_until;    /* of each tile: its labels hold while its block has drifted less */
    kf_near *units;        /* n_units; measured by what all centers drifted */
    int32_t *unit_names;   /* n_units x NEAR_UNIT */
    const double *c;       /* d x k: the centers, c[t * k + j] */
    const double *shifts;  /* k: no less than they moved since the last call */
    double drift;          /* of the two that went farthest */
    double drifted;        /* the same, added up over all calls */
} kf_blocks;

/* What is known of the rows while seeds are picked. Blocks are of one seed each, the nearest one when the rows were last
   grouped; before that, rows are in their own order and the pointers from order on are NULL. */
typedef struct {
    ptrdiff_t n;
    const double *weights; /* n, or NULL: all one */
    double *sq_dists;    /* n: to the nearest seed */
    int32_t *owners;     /* n: the number of that seed; NULL for sparse rows, which are never grouped */
    double scale;        /* power of two; the terms, weighted squared distances, are whole numbers of 1/scale */
    int64_t *sums, whole; /* of the terms: of each SUM_BLOCK rows, and of all */
    ptrdiff_t n_blocks;
    int32_t *order;      /* n: the row at each place */
    float *apart;        /* n: by place, how far the row is from the seed of its block at most */
    float *reach;        /* n: by place, how far a candidate is from that seed at most if the row may be nearer to it */
    float *block_reach;  /* n_blocks: the largest of a block */
    int32_t *begins;     /* n_blocks + 1: the first place of each */
    int32_t *groups;     /* n_blocks: the number of its seed */
} kf_seeds;

/* A row that is nearer to a candidate, where it is kept, and how near. */
typedef struct {
    double sq_dist;
    int32_t place, block, candidate;
} kf_change;

/* Those that one thread has found; more than there is room for: not all of them were kept. */
typedef struct {
    kf_change *change;
    ptrdiff_t n, room;
    char apart[KF_CACHE_LINE]; /* from the counts of other threads */
} kf_changes;

typedef struct {
    double *room, *far;     /* k */
    double *c64;            /* d x k */
    void *packed;           /* k x d of REAL */
    void *half_norms;       /* k of REAL */
    int32_t *common, *kept; /* k */
} kf_box_scratch;

/* The first p coordinates of rows and centers along orthogonal axes (prefix.inc.h). */
typedef struct {
    ptrdiff_t p;          /* a multiple of CHECK */
    ptrdiff_t stride;     /* values of a row: p coordinates; the norms of what follows the first 0, CHECK, ..., p of them,
                             rounded up; the squared norm of the row, rounded down */
    void *axes;           /* of REAL: groups of POINT_CENTERS axes, d x POINT_CENTERS each. */
    double defect;        /* no less than ||A^T A - I|| of the axes A */
    void *rows;           /* n x stride of REAL */
} kf_prefix;

/* Centers as nearest_by_prefix reads them, in places: those that moved farthest first. */
typedef struct {
    ptrdiff_t k, first_p;  /* coordinates that all centers are scored by */
    const int32_t *order;  /* k: the center at each place */
    const float *shifts;   /* k: moves of the centers since the bounds were right, rounded up; NULL: no bounds hold */
    float *falling;        /* k + 1: the same by place, which must not grow, then 0 */
    void *rotated;         /* k x stride of REAL */
    void *groups;          /* groups of POINT_CENTERS places, (first_p + 1) x POINT_CENTERS of REAL each */
    void *half_norms;      /* of the places; infinite for padding */
    void *shifted;         /* k x d of REAL */
    double *half_norm;     /* k */
    double rough[2], fine[2]; /* error of a score by coordinates, and by all features: a[0] + r a[1], r = ||row|| */
} kf_prefix_centers;

typedef struct {
    double met;                    /* pairs of a row and a center that were scored by the first coordinates */
    double found, scored, decided; /* those that these left open, that all coordinates did, that the score did */
} kf_prefix_counts;

/* Bounds of each row (groups.inc.h); Euclidean, in data_unit. Places [g * width, (g + 1) * width) are group g. */
typedef struct {
    ptrdiff_t n_groups, width;
    int32_t *order, *place; /* k: which center has a place, and the place of a center */
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
    double filter_cost[2];     /* of a pass that leaves no row open, as a share of one without: [0] + [1] / d, measured */
    size_t (*words_bytes)(ptrdiff_t n, ptrdiff_t d); /* NULL: there is no filter */
    kf_shape (*choose_shape)(const kf_rows *rows, ptrdiff_t n_rows, ptrdiff_t k);
    size_t (*centers_plan)(kf_centers *centers, char *arena);
    ptrdiff_t (*centers_parts)(const kf_centers *centers);
    void (*pack_part)(const kf_rows *rows, kf_centers *centers, ptrdiff_t part);
    void (*bind_bound)(const kf_rows *rows, kf_centers *centers);
    size_t (*scratch_plan)(const kf_rows *rows, const kf_centers *centers, int with_gaps, kf_scratch *scratch, char *arena);
    ptrdiff_t (*nearest)(const kf_rows *rows, const kf_centers *centers, ptrdiff_t first, ptrdiff_t n_rows,
                         kf_scratch *scratch, int32_t *labels, int64_t *moved, int32_t *before);
    void (*filter_scores)(const kf_rows *rows, const kf_centers *centers, ptrdiff_t first, ptrdiff_t n_rows,
                          kf_scratch *scratch, int32_t *names, float *scores); /* NULL as words_bytes */
    ptrdiff_t (*two_nearest)(const kf_rows *rows, const kf_centers *centers, const int64_t *chosen, ptrdiff_t n_chosen,
                             kf_scratch *scratch, int32_t *labels, float *upper, float *lower);
    void (*sum_by_label)(const kf_rows *rows, ptrdiff_t first, ptrdiff_t n_rows, ptrdiff_t first_d, ptrdiff_t n_d,
                         const int32_t *labels, const kf_sums *sums);
    void (*sum_clusters)(const kf_rows *rows, ptrdiff_t first_row, const int64_t *moved, const int32_t *order,
                         const ptrdiff_t *starts, ptrdiff_t first, ptrdiff_t stop, const kf_sums *sums);
    void (*move_pairs)(const kf_rows *, const int64_t *moved, const int32_t *before, const int32_t *after, ptrdiff_t n_moved,
                       const kf_sums *);
    void (*move_fixed)(const kf_rows *rows, const int64_t *moved, const int32_t *before, const int32_t *after,
                       ptrdiff_t n_moved, ptrdiff_t stride, int64_t *fixed, double *mass);
    void (*move_centers)(const kf_sums *sums, const void *centers, ptrdiff_t d, double data_unit, const void *origin,
                         ptrdiff_t first, ptrdiff_t stop, void *new_centers, double *sq_shifts, double *from_sums,
                         double *from_means);
    void (*label_sq_dists)(const kf_rows *rows, const kf_centers *centers, ptrdiff_t first, ptrdiff_t n_rows,
                           const int32_t *labels, double *tiles, double *sq_dists);
    double (*label_potential)(const kf_rows *rows, const kf_centers *centers, ptrdiff_t first, ptrdiff_t n_rows,
                              const int32_t *labels, double *tiles);
    size_t (*seeding_bytes)(ptrdiff_t d, ptrdiff_t m);
    ptrdiff_t (*seed_gains)(const kf_rows *rows, const kf_centers *centers, const kf_seeds *seeds, ptrdiff_t block,
                            const float *apart, char *arena, int64_t *gains, kf_changes *changes);
    void (*add_seed)(const kf_rows *rows, const kf_centers *centers, const kf_seeds *seeds, ptrdiff_t block,
                     const float *apart, int32_t number, char *arena, int64_t *losses);
    void (*apply_changes)(kf_seeds *seeds, const kf_changes *changes, int32_t candidate, int32_t number, ptrdiff_t d);
    void (*group_rows)(kf_seeds *seeds, ptrdiff_t n_seeds, int32_t *starts);
    void (*seed_reach)(const kf_seeds *seeds, ptrdiff_t block, ptrdiff_t d);
    void (*seed_tile)(const kf_rows *rows, const int64_t *chosen, int n_rows, double *tile);
    void (*seeds_apart)(const kf_centers *centers, const double *tile, float *apart);
    int (*weigh_rows)(kf_seeds *seeds);
    ptrdiff_t (*draw_row)(const kf_seeds *seeds, int64_t target);
    void (*block_keys)(const kf_rows *rows, ptrdiff_t first, ptrdiff_t n_rows, const double *least, const double *step,
                       const int32_t *bits, uint16_t *keys);
    ptrdiff_t (*count_alike)(const kf_rows *rows, const int32_t *order, ptrdiff_t n_samples);
    size_t (*alike_bytes)(ptrdiff_t n_rows);
    ptrdiff_t (*join_alike)(const kf_rows *rows, int32_t *order, ptrdiff_t n_rows, char *arena, char *is_first);
    size_t (*block_bytes)(ptrdiff_t d);
    void (*make_block)(const kf_rows *rows, kf_blocks *blocks, ptrdiff_t block, const int32_t *labels);
    ptrdiff_t (*nearest_in_unit)(const kf_rows *rows, const kf_centers *centers, kf_blocks *blocks, ptrdiff_t unit,
                                 kf_box_scratch *scratch, int32_t *labels, int64_t *moved, int32_t *before,
                                 double *n_scored);
    size_t (*axes_bytes)(ptrdiff_t d, ptrdiff_t p);
    void (*pack_axes)(const double *axes, ptrdiff_t d, kf_prefix *prefix);
    size_t (*rotate_bytes)(ptrdiff_t d);
    void (*rotate)(const kf_rows *rows, const kf_prefix *prefix, ptrdiff_t first, int n_rows, char *arena, void *out);
    size_t (*prefix_plan)(const kf_rows *rows, const kf_prefix *prefix, kf_prefix_centers *centers, char *arena);
    size_t (*prefix_bytes)(const kf_rows *rows, const kf_prefix *prefix, const kf_prefix_centers *centers);
    void (*pack_prefix)(const kf_rows *rows, const kf_centers *centers, const kf_prefix *prefix, kf_prefix_centers *places,
                        ptrdiff_t part, char *arena);
    void (*bind_prefix)(const kf_rows *rows, const kf_prefix *prefix, kf_prefix_centers *places);
    ptrdiff_t (*nearest_by_prefix)(const kf_rows *rows, const kf_centers *centers, const kf_prefix *prefix,
                                   const kf_prefix_centers *places, ptrdiff_t first, ptrdiff_t n_rows, char *arena,
                                   int32_t *labels, float *upper, float *lower, int64_t *moved, int32_t *before,
                                   kf_prefix_counts *counts);
    size_t (*order_bytes)(ptrdiff_t k, ptrdiff_t d);
    void (*order_centers)(const void *centers, ptrdiff_t k, ptrdiff_t d, ptrdiff_t width, char *arena, int32_t *order);
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
