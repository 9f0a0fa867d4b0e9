# The one door to C.
from libc.stdint cimport int32_t, int64_t

cdef extern from "c/kernels.h" nogil:
    ctypedef enum kf_shape:
        KF_LANES_ARE_POINTS
        KF_LANES_ARE_CENTERS
        KF_DECIDE_ONLY

    enum:
        KF_SUM_BLOCK
        KF_LANES
        KF_ROWS_OF_CALL

    ctypedef struct kf_rows:
        const void* x
        const double* weights
        Py_ssize_t n, d
        const void* origin
        double scale, data_unit
        const void* tiles

    ctypedef struct kf_centers:
        const void* c
        Py_ssize_t k, d, padded_d
        kf_shape shape

    ctypedef struct kf_scratch:
        Py_ssize_t block_rows
        double* lanes64

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
                              int32_t* labels) noexcept nogil
        Py_ssize_t (*two_nearest)(const kf_csr*, const kf_csr_centers*, const int64_t* chosen, Py_ssize_t n_chosen,
                                  kf_csr_scratch*, int32_t* labels, float* upper, float* lower) noexcept nogil
        void (*sum_cluster)(const kf_csr*, const Py_ssize_t* members, Py_ssize_t n_members, const int64_t* borders,
                            Py_ssize_t first_d, Py_ssize_t stop_d, double* group_sum, double* sums,
                            double* mass) noexcept nogil
        void (*label_sq_dists)(const kf_csr*, const kf_csr_centers*, Py_ssize_t first, Py_ssize_t n_rows,
                               const int32_t* labels, kf_csr_scratch*, double* sq_dists) noexcept nogil
        void (*lower_sq_dists)(const kf_csr*, const kf_csr_centers*, Py_ssize_t first, Py_ssize_t n_rows,
                               kf_csr_scratch*, double* sq_dists) noexcept nogil
        void (*potentials)(const kf_csr*, const kf_csr_centers*, Py_ssize_t first, Py_ssize_t n_rows,
                           const double* sq_dists, kf_csr_scratch*, double* potentials) noexcept nogil
        void (*distances)(const kf_csr*, const kf_csr_centers*, Py_ssize_t first, Py_ssize_t n_rows, kf_csr_scratch*,
                          void* out) noexcept nogil

    ctypedef struct kf_table:
        const char* isa
        int itemsize, tile_rows
        double (*largest)(const void*, Py_ssize_t n) noexcept nogil
        size_t (*tiles_bytes)(Py_ssize_t n, Py_ssize_t d) noexcept nogil
        void (*pack_tiles)(const kf_rows*, Py_ssize_t first_tile, Py_ssize_t n_tiles, void* tiles) noexcept nogil
        kf_shape (*choose_shape)(const kf_rows*, Py_ssize_t n_rows, Py_ssize_t k) noexcept nogil
        size_t (*centers_plan)(kf_centers*, char* arena) noexcept nogil
        Py_ssize_t (*centers_parts)(const kf_centers*) noexcept nogil
        void (*pack_part)(const kf_rows*, kf_centers*, Py_ssize_t part) noexcept nogil
        void (*bind_bound)(const kf_rows*, kf_centers*) noexcept nogil
        size_t (*scratch_plan)(const kf_rows*, const kf_centers*, int with_gaps, kf_scratch*, char* arena) noexcept nogil
        Py_ssize_t (*nearest)(const kf_rows*, const kf_centers*, Py_ssize_t first, Py_ssize_t n_rows, kf_scratch*,
                              int32_t* labels) noexcept nogil
        Py_ssize_t (*two_nearest)(const kf_rows*, const kf_centers*, const int64_t* chosen, Py_ssize_t n_chosen,
                                  kf_scratch*, int32_t* labels, float* upper, float* lower) noexcept nogil
        void (*sum_by_label)(const kf_rows*, Py_ssize_t first, Py_ssize_t n_rows, Py_ssize_t first_d, Py_ssize_t n_d,
                             const int32_t* labels, double* sums, Py_ssize_t stride, double* mass) noexcept nogil
        void (*sum_clusters)(const kf_rows*, Py_ssize_t first_row, const int32_t* order, const Py_ssize_t* starts,
                             Py_ssize_t first, Py_ssize_t stop, double* sums, Py_ssize_t stride,
                             double* mass) noexcept nogil
        void (*label_sq_dists)(const kf_rows*, const kf_centers*, Py_ssize_t first, Py_ssize_t n_rows,
                               const int32_t* labels, double* tiles, double* sq_dists) noexcept nogil
        void (*lower_sq_dists)(const kf_rows*, const kf_centers*, Py_ssize_t first, Py_ssize_t n_rows, double* row64,
                               double* sq_dists) noexcept nogil
        void (*potentials)(const kf_rows*, const kf_centers*, Py_ssize_t first, Py_ssize_t n_rows,
                           const double* sq_dists, double* tile, double* lanes, double* potentials) noexcept nogil
        void (*distances)(const kf_rows*, const kf_centers*, Py_ssize_t first, Py_ssize_t n_rows, kf_scratch*,
                          void* out) noexcept nogil
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
    cdef readonly object X, weights
    cdef readonly double weight_unit
    cdef object _origin
    cdef Arena _tiles
    cdef double _copy_budget, _n_assigned
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


cdef const kf_isa* find_isa(str isa) except NULL
cdef int check_slice(Rows rows, Py_ssize_t start, Py_ssize_t stop, Py_ssize_t n_given) except -1
cdef int check_centers(Rows rows, Py_ssize_t k, Py_ssize_t d, int itemsize) except -1
cdef int copy_if_it_pays(Rows rows, Py_ssize_t n_rows, Py_ssize_t k, int n_threads) except -1
cdef Centers pack_centers(Rows rows, const void* c, Py_ssize_t k, kf_shape shape, int n_threads)
cdef Scratch scratch_for(Rows rows, Centers centers, bint with_gaps, int n_threads)
cdef Loan borrow(Rows rows, size_t n_bytes)
