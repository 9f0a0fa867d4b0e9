# The one door to C.
from libc.stdint cimport int32_t, int64_t, uint16_t, uint32_t

cdef extern from "c/kernels.h" nogil:
    ctypedef enum kf_shape:
        KF_LANES_ARE_POINTS
        KF_FILTERED_POINTS
        KF_LANES_ARE_CENTERS
        KF_GROUPS_OF_CENTERS
        KF_DECIDE_ONLY

    enum:
        KF_SUM_BLOCK
        KF_LANES
        KF_ROWS_OF_CALL
        KF_ROWS_OF_BLOCK
        KF_BLOCKS_OF_UNIT
        KF_NEAR_BLOCK
        KF_NEAR_UNIT
        KF_BUCKETS
        KF_SUM_ROWS
        KF_SEED_BLOCK
        KF_CHECK
        KF_CACHE_LINE

    ctypedef struct kf_rows:
        const void* x
        const double* weights
        Py_ssize_t n, d
        const void* origin
        double scale, data_unit, fixed_scale
        void* tiles
        char* tile_is_made
        uint32_t* words
        char* words_are_made

    ctypedef struct kf_centers:
        const void* c
        const int32_t* order
        Py_ssize_t k, d, padded_d
        kf_shape shape

    ctypedef struct kf_filter_scratch:
        Py_ssize_t n_open

    ctypedef struct kf_scratch:
        Py_ssize_t block_rows
        double* lanes64
        kf_filter_scratch filter

    ctypedef struct kf_sums:
        double* hi
        int64_t* fixed
        double* lo
        Py_ssize_t stride
        double* mass
        double* mass_lo

    ctypedef struct kf_near:
        double until, drifted, far
        int32_t n, label

    ctypedef struct kf_blocks:
        Py_ssize_t n_blocks, n_places
        char* tiles
        double* boxes
        void* norms
        int32_t* order
        int32_t* starts
        int32_t* labels
        kf_near* blocks
        int32_t* block_names
        double* tile_until
        kf_near* units
        int32_t* unit_names
        const double* c
        const double* shifts
        double drift, drifted

    ctypedef struct kf_seeds:
        Py_ssize_t n, n_blocks
        const double* weights
        double* sq_dists
        int32_t* owners
        double scale
        int64_t* sums
        int64_t whole
        int32_t* order
        float* apart
        float* reach
        float* block_reach
        int32_t* begins
        int32_t* groups

    ctypedef struct kf_change:
        pass

    ctypedef struct kf_changes:
        kf_change* change
        Py_ssize_t n, room

    ctypedef struct kf_box_scratch:
        double* room
        double* far
        double* c64
        void* packed
        void* half_norms
        int32_t* common
        int32_t* kept

    ctypedef struct kf_bounds:
        Py_ssize_t n_groups, width
        int32_t* order
        int32_t* place
        float* upper
        float* lower
        float* gap
        float* risen
        float* parted
        float* sunk

    ctypedef struct kf_group_scratch:
        void* own

    ctypedef struct kf_survey:
        double largest, smallest, sq_spread

    ctypedef struct kf_csr:
        const void* values
        const int32_t* columns
        const int64_t* starts
        const double* weights
        Py_ssize_t n, d
        double scale, data_unit

    ctypedef struct kf_csr_centers:
        const void* c
        Py_ssize_t k, d
        int is_scored, is_measured

    ctypedef struct kf_csr_scratch:
        double* row64

    ctypedef struct kf_csr_table:
        size_t (*centers_plan)(kf_csr_centers*, char* arena) noexcept nogil
        Py_ssize_t (*centers_parts)(const kf_csr_centers*) noexcept nogil
        void (*pack_part)(const kf_csr*, kf_csr_centers*, Py_ssize_t part) noexcept nogil
        void (*bind_norms)(kf_csr_centers*) noexcept nogil
        size_t (*scratch_plan)(const kf_csr_centers*, kf_csr_scratch*, char* arena) noexcept nogil
        Py_ssize_t (*nearest)(const kf_csr*, const kf_csr_centers*, Py_ssize_t first, Py_ssize_t n_rows, kf_csr_scratch*,
                              int32_t* labels, int64_t* moved, int32_t* before) noexcept nogil
        Py_ssize_t (*two_nearest)(const kf_csr*, const kf_csr_centers*, const int64_t* chosen, Py_ssize_t n_chosen,
                                  kf_csr_scratch*, int32_t* labels, float* upper, float* lower) noexcept nogil
        void (*sum_cluster)(const kf_csr*, const int64_t* members, Py_ssize_t n_members, Py_ssize_t first_d,
                            Py_ssize_t stop_d, double* hi, double* lo, double* mass, double* mass_lo) noexcept nogil
        double (*label_potential)(const kf_csr*, const kf_csr_centers*, Py_ssize_t first, Py_ssize_t n_rows,
                                  const int32_t* labels, kf_csr_scratch*) noexcept nogil
        void (*label_sq_dists)(const kf_csr*, const kf_csr_centers*, Py_ssize_t first, Py_ssize_t n_rows,
                               const int32_t* labels, kf_csr_scratch*, double* sq_dists) noexcept nogil
        void (*seed_gains)(const kf_csr*, const kf_csr_centers*, Py_ssize_t first, Py_ssize_t n_rows,
                           const double* sq_dists, double scale, kf_csr_scratch*, int64_t* gains) noexcept nogil
        int64_t (*add_seed)(const kf_csr*, const kf_csr_centers*, Py_ssize_t first, Py_ssize_t n_rows, double scale,
                            kf_csr_scratch*, double* sq_dists) noexcept nogil
        double (*sq_spread)(const kf_csr*, const kf_csr_centers*, Py_ssize_t first, Py_ssize_t n_rows,
                            kf_csr_scratch*) noexcept nogil
        void (*distances)(const kf_csr*, const kf_csr_centers*, Py_ssize_t first, Py_ssize_t n_rows, kf_csr_scratch*,
                          void* out) noexcept nogil

    ctypedef struct kf_prefix:
        Py_ssize_t p, stride
        void* axes
        double defect
        void* rows

    ctypedef struct kf_prefix_centers:
        Py_ssize_t k, first_p
        const int32_t* order
        const float* shifts

    ctypedef struct kf_prefix_counts:
        double met, found, scored, decided

    ctypedef struct kf_table:
        const char* isa
        int itemsize, tile_rows, vector_width
        kf_survey (*survey)(const void*, Py_ssize_t n, const double* origin) noexcept nogil
        size_t (*tiles_bytes)(Py_ssize_t n, Py_ssize_t d) noexcept nogil
        double filter_cost[2]
        size_t (*words_bytes)(Py_ssize_t n, Py_ssize_t d) noexcept nogil
        kf_shape (*choose_shape)(const kf_rows*, Py_ssize_t n_rows, Py_ssize_t k) noexcept nogil
        size_t (*centers_plan)(kf_centers*, char* arena) noexcept nogil
        Py_ssize_t (*centers_parts)(const kf_centers*) noexcept nogil
        void (*pack_part)(const kf_rows*, kf_centers*, Py_ssize_t part) noexcept nogil
        void (*bind_bound)(const kf_rows*, kf_centers*) noexcept nogil
        size_t (*scratch_plan)(const kf_rows*, const kf_centers*, int with_gaps, kf_scratch*, char* arena) noexcept nogil
        Py_ssize_t (*nearest)(const kf_rows*, const kf_centers*, Py_ssize_t first, Py_ssize_t n_rows, kf_scratch*,
                              int32_t* labels, int64_t* moved, int32_t* before) noexcept nogil
        void (*filter_scores)(const kf_rows*, const kf_centers*, Py_ssize_t first, Py_ssize_t n_rows, kf_scratch*,
                              int32_t* names, float* scores) noexcept nogil
        Py_ssize_t (*two_nearest)(const kf_rows*, const kf_centers*, const int64_t* chosen, Py_ssize_t n_chosen,
                                  kf_scratch*, int32_t* labels, float* upper, float* lower) noexcept nogil
        void (*sum_by_label)(const kf_rows*, Py_ssize_t first, Py_ssize_t n_rows, Py_ssize_t first_d, Py_ssize_t n_d,
                             const int32_t* labels, const kf_sums*) noexcept nogil
        void (*sum_clusters)(const kf_rows*, Py_ssize_t first_row, const int64_t* moved, const int32_t* order,
                             const Py_ssize_t* starts, Py_ssize_t first, Py_ssize_t stop, const kf_sums*) noexcept nogil
        void (*move_pairs)(const kf_rows*, const int64_t* moved, const int32_t* before, const int32_t* after,
                           Py_ssize_t n_moved, const kf_sums*) noexcept nogil
        void (*move_fixed)(const kf_rows*, const int64_t* moved, const int32_t* before, const int32_t* after,
                           Py_ssize_t n_moved, Py_ssize_t stride, int64_t* fixed, double* mass) noexcept nogil
        void (*move_centers)(const kf_sums*, const void* centers, Py_ssize_t d, double data_unit, const void* origin,
                             Py_ssize_t first, Py_ssize_t stop, void* new_centers, double* sq_shifts, double* from_sums,
                             double* from_means) noexcept nogil
        void (*label_sq_dists)(const kf_rows*, const kf_centers*, Py_ssize_t first, Py_ssize_t n_rows,
                               const int32_t* labels, double* tiles, double* sq_dists) noexcept nogil
        double (*label_potential)(const kf_rows*, const kf_centers*, Py_ssize_t first, Py_ssize_t n_rows,
                                  const int32_t* labels, double* tiles) noexcept nogil
        size_t (*seeding_bytes)(Py_ssize_t d, Py_ssize_t m) noexcept nogil
        Py_ssize_t (*seed_gains)(const kf_rows*, const kf_centers*, const kf_seeds*, Py_ssize_t block, const float* apart,
                                 char* arena, int64_t* gains, kf_changes*) noexcept nogil
        void (*add_seed)(const kf_rows*, const kf_centers*, const kf_seeds*, Py_ssize_t block, const float* apart,
                         int32_t number, char* arena, int64_t* losses) noexcept nogil
        void (*apply_changes)(kf_seeds*, const kf_changes*, int32_t candidate, int32_t number, Py_ssize_t d) noexcept nogil
        void (*group_rows)(kf_seeds*, Py_ssize_t n_seeds, int32_t* starts) noexcept nogil
        void (*seed_reach)(const kf_seeds*, Py_ssize_t block, Py_ssize_t d) noexcept nogil
        void (*seed_tile)(const kf_rows*, const int64_t* chosen, int n_rows, double* tile) noexcept nogil
        void (*seeds_apart)(const kf_centers*, const double* tile, float* apart) noexcept nogil
        int (*weigh_rows)(kf_seeds*) noexcept nogil
        Py_ssize_t (*draw_row)(const kf_seeds*, int64_t target) noexcept nogil
        void (*block_keys)(const kf_rows*, Py_ssize_t first, Py_ssize_t n_rows, const double* least, const double* step,
                           const int32_t* bits, uint16_t* keys) noexcept nogil
        Py_ssize_t (*count_alike)(const kf_rows*, const int32_t* order, Py_ssize_t n_samples) noexcept nogil
        size_t (*alike_bytes)(Py_ssize_t n_rows) noexcept nogil
        Py_ssize_t (*join_alike)(const kf_rows*, int32_t* order, Py_ssize_t n_rows, char* arena,
                                 char* is_first) noexcept nogil
        size_t (*block_bytes)(Py_ssize_t d) noexcept nogil
        void (*make_block)(const kf_rows*, kf_blocks*, Py_ssize_t block, const int32_t* labels) noexcept nogil
        Py_ssize_t (*nearest_in_unit)(const kf_rows*, const kf_centers*, kf_blocks*, Py_ssize_t unit, kf_box_scratch*,
                                      int32_t* labels, int64_t* moved, int32_t* before, double* n_scored) noexcept nogil
        size_t (*axes_bytes)(Py_ssize_t d, Py_ssize_t p) noexcept nogil
        void (*pack_axes)(const double* axes, Py_ssize_t d, kf_prefix*) noexcept nogil
        size_t (*rotate_bytes)(Py_ssize_t d) noexcept nogil
        void (*rotate)(const kf_rows*, const kf_prefix*, Py_ssize_t first, int n_rows, char* arena, void* out) noexcept nogil
        size_t (*prefix_plan)(const kf_rows*, const kf_prefix*, kf_prefix_centers*, char* arena) noexcept nogil
        size_t (*prefix_bytes)(const kf_rows*, const kf_prefix*, const kf_prefix_centers*) noexcept nogil
        void (*pack_prefix)(const kf_rows*, const kf_centers*, const kf_prefix*, kf_prefix_centers*, Py_ssize_t part,
                            char* arena) noexcept nogil
        void (*bind_prefix)(const kf_rows*, const kf_prefix*, kf_prefix_centers*) noexcept nogil
        Py_ssize_t (*nearest_by_prefix)(const kf_rows*, const kf_centers*, const kf_prefix*, const kf_prefix_centers*,
                                        Py_ssize_t first, Py_ssize_t n_rows, char* arena, int32_t* labels,
                                        float* upper, float* lower, int64_t* moved, int32_t* before,
                                        kf_prefix_counts*) noexcept nogil
        size_t (*order_bytes)(Py_ssize_t k, Py_ssize_t d) noexcept nogil
        void (*order_centers)(const void* centers, Py_ssize_t k, Py_ssize_t d, Py_ssize_t width, char* arena,
                              int32_t* order) noexcept nogil
        size_t (*group_scratch_plan)(const kf_bounds*, Py_ssize_t d, Py_ssize_t block_rows, kf_group_scratch*,
                                     char* arena) noexcept nogil
        Py_ssize_t (*first_in_groups)(const kf_rows*, const kf_centers*, const kf_bounds*, Py_ssize_t first, Py_ssize_t n_rows,
                                      kf_scratch*, int32_t* labels, int64_t* moved, int32_t* before) noexcept nogil
        Py_ssize_t (*nearest_in_groups)(const kf_rows*, const kf_centers*, const kf_bounds*, Py_ssize_t first,
                                        Py_ssize_t n_rows, kf_scratch*, kf_group_scratch*, int32_t* labels,
                                        int64_t* moved, int32_t* before, double* n_measured,
                                        double* n_scored) noexcept nogil
        void (*distances)(const kf_rows*, const kf_centers*, Py_ssize_t first, Py_ssize_t n_rows, kf_scratch*,
                          void* out) noexcept nogil
        size_t (*sum_distances_bytes)(Py_ssize_t d) noexcept nogil
        void (*sum_distances)(const kf_rows*, const void* points, const int64_t* starts, Py_ssize_t k, Py_ssize_t first,
                              Py_ssize_t n_rows, char* arena, double* sums) noexcept nogil
        kf_csr_table csr

    ctypedef struct kf_isa:
        const char* name
        kf_table f32, f64


cdef class Arena:
    """Memory of the C side: allocated whole or not at all, freed with its owner."""
    cdef char* memory
    cdef readonly size_t n_bytes


cdef class Rows:
    """The data, and everything derived from them once (backends/protocol.py)."""
    cdef kf_rows c
    cdef const kf_table* table
    cdef readonly object X, weights, origin
    cdef readonly double weight_unit, largest, sq_spread, pass_cost
    cdef readonly bint sums_are_exact
    cdef double _fixed_rows     # whole numbers of fixed_scale don't overflow in so many rows
    cdef object _scaled_origin
    cdef Arena _tiles, _lent    # the working copy, and memory of an earlier one that it may use
    cdef Arena _words           # that in narrow words
    cdef double _copy_budget, _n_assigned
    cdef public object principal, prefix # what runs that follow need not make anew
    cdef list _spare            # memory of earlier calls, for the next one: pages cost more than what is done in them


cdef class Centers:
    """k centers in the layouts that one call of a kernel needs."""
    cdef kf_centers c
    cdef Loan _memory


cdef class Scratch:
    """Memory of each thread for one call of a kernel."""
    cdef kf_scratch* threads
    cdef Loan _memory


cdef class Loan:
    """Memory of rows for one call of a kernel; goes back to them with its last reference."""
    cdef Rows _rows
    cdef Arena _arena
    cdef char* memory


cdef inline kf_shape with_gaps(kf_shape shape) noexcept nogil:
    """What to score in where gaps between scores are asked for: those of the filter are too wide."""
    return KF_LANES_ARE_POINTS if shape == KF_FILTERED_POINTS else shape


cdef const kf_isa* find_isa(str isa) except NULL
cdef int check_slice(Rows rows, Py_ssize_t start, Py_ssize_t stop, Py_ssize_t n_given) except -1
cdef int check_centers(Rows rows, Py_ssize_t k, Py_ssize_t d, int itemsize) except -1
cdef int copy_if_it_pays(Rows rows, Py_ssize_t n_rows, Py_ssize_t k) except -1
cdef Centers room_for_centers(Rows rows, Py_ssize_t k, kf_shape shape)
cdef Centers pack_centers(Rows rows, const void* c, Py_ssize_t k, kf_shape shape, int n_threads)
cdef void pack_again(const kf_table* table, const kf_rows* rows, kf_centers* centers, const void* c, int n_threads) noexcept nogil
cdef void note_cost(Rows rows, Centers centers, Scratch scratch, double n_rows, int n_threads)
cdef Scratch scratch_for(Rows rows, Centers centers, bint with_gaps, int n_threads)
cdef Arena allocate(size_t n_bytes)
cdef Loan borrow(Rows rows, size_t n_bytes)
