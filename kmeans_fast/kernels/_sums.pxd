# Sums of clusters on their way: buffers of groups, and totals that are pairs (c/sums.inc.h).
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memmove, memset

from ._kernels cimport KF_LANES, Loan, Rows, check_centers, kf_rows, kf_sums, kf_table
from ._types cimport label_t


cdef struct sums_job:
    const kf_rows* rows
    const kf_table* table
    const int64_t* borders
    const label_t* labels       # of the row borders[0]
    Py_ssize_t k, n_groups
    Py_ssize_t stride           # of a row of sums in a buffer: d, and what keeps vectors whole
    double* buffers             # of each group: sums and mass, each as pairs
    kf_sums total
    bint is_fixed               # sums in buffers are whole numbers
    bint is_exact               # no order can be seen: a buffer is a thread's, not a group's
    int n_threads
    double fixed_rows           # in so many rows, whole numbers don't overflow
    bint is_sorted              # rows of a group are sorted by label before they are summed
    int32_t* order              # of the row borders[0]: places in a group, sorted by label
    Py_ssize_t* starts          # n_groups x (k + 1): where each label begins


cdef inline Py_ssize_t whole_vectors(Py_ssize_t n) noexcept nogil:
    return (n + KF_LANES - 1) // KF_LANES * KF_LANES


cdef inline Py_ssize_t buffer_length(const sums_job* job) noexcept nogil:
    """Sums and mass; of a thread also pairs, where its whole numbers go before they overflow, and what ``pairs_of`` says."""
    cdef Py_ssize_t n_sums = job.k * job.stride, n_mass = 2 * whole_vectors(job.k)
    if job.is_exact and job.is_fixed:
        return whole_vectors(3 * n_sums + n_mass + 2)
    return whole_vectors(n_sums * (1 if job.is_fixed else 2) + n_mass)


cdef inline kf_sums buffer_of(const sums_job* job, Py_ssize_t group) noexcept nogil:
    cdef kf_sums sums
    sums.hi = job.buffers + group * buffer_length(job)
    sums.lo = NULL if job.is_fixed else sums.hi + job.k * job.stride
    sums.mass = sums.hi + job.k * job.stride * (1 if job.is_fixed else 2)
    sums.mass_lo = sums.mass + whole_vectors(job.k)
    sums.stride = job.stride
    return sums


cdef inline double* pairs_of(const sums_job* job, int thread) noexcept nogil:
    """Of a thread's whole numbers: hi, lo; then how many rows its whole numbers hold, and whether the pairs hold any."""
    return job.buffers + thread * buffer_length(job) + job.k * job.stride + 2 * whole_vectors(job.k)


cdef inline void add_pair(double* hi, double* lo, double term, double term_lo) noexcept nogil:
    cdef double total = hi[0] + term, rest = total - hi[0]
    lo[0] += ((hi[0] - (total - rest)) + (term - rest)) + term_lo
    hi[0] = total


cdef inline void normalize(double* hi, double* lo) noexcept nogil:
    """So that hi is the rounded sum of both."""
    cdef double total = hi[0] + lo[0]
    lo[0] -= total - hi[0]
    hi[0] = total


cdef inline void add_fixed(const sums_job* j, const int64_t* fixed, double* hi, double* lo) noexcept nogil:
    """Add whole numbers (d,) to pairs."""
    cdef double unit = 1.0 / j.rows.fixed_scale, high
    cdef Py_ssize_t t
    for t in range(j.rows.d):
        high = <double>fixed[t]
        add_pair(hi + t, lo + t, high * unit, <double>(fixed[t] - <int64_t>high) * unit)


cdef inline void begin_threads(const sums_job* job) noexcept nogil:
    """Empty the buffers of threads."""
    cdef Py_ssize_t n_sums = job.k * job.stride, length = buffer_length(job)
    cdef int thread
    for thread in range(job.n_threads):
        if job.is_fixed:
            pairs_of(job, thread)[2 * n_sums] = pairs_of(job, thread)[2 * n_sums + 1] = 0.0
            length = n_sums + 2 * whole_vectors(job.k)
        memset(job.buffers + thread * buffer_length(job), 0, length * sizeof(double))


cdef inline kf_sums buffer_of_thread(const sums_job* job, int thread, Py_ssize_t n_rows) noexcept nogil:
    """With room for n_rows more."""
    cdef kf_sums sums = buffer_of(job, thread)
    cdef Py_ssize_t n_sums = job.k * job.stride, center
    cdef double* pairs
    cdef double* n_summed
    if not job.is_fixed:
        return sums
    pairs = pairs_of(job, thread)
    n_summed = pairs + 2 * n_sums
    if n_summed[0] + n_rows > job.fixed_rows:
        if n_summed[1] == 0.0:
            memset(pairs, 0, 2 * n_sums * sizeof(double))
        for center in range(job.k):
            add_fixed(
                job, sums.fixed + center * job.stride, pairs + center * job.stride, pairs + n_sums + center * job.stride
            )
        memset(sums.fixed, 0, n_sums * sizeof(int64_t))
        n_summed[0], n_summed[1] = 0.0, 1.0
    n_summed[0] += n_rows
    return sums


cdef inline void normalize_clusters(sums_job* j, Py_ssize_t first, Py_ssize_t stop) noexcept nogil:
    cdef Py_ssize_t at
    for at in range(first * j.total.stride, stop * j.total.stride):
        normalize(j.total.hi + at, j.total.lo + at)
    for at in range(first, stop):
        normalize(j.total.mass + at, j.total.mass_lo + at)


cdef inline int bind_sums(sums_job* job, Rows rows, double[:, :, ::1] sums, double[:, ::1] mass) except -1:
    cdef Py_ssize_t k = sums.shape[1]
    if sums.shape[0] != 2 or mass.shape[0] != 2 or mass.shape[1] != k:
        raise ValueError(
            f"sums of shape ({sums.shape[0]}, {k}, {sums.shape[2]}) and mass of ({mass.shape[0]}, {mass.shape[1]}); "
            "they must be pairs, (2, k, d) and (2, k)."
        )
    check_centers(rows, k, sums.shape[2], rows.table.itemsize)
    job.rows, job.table, job.k = &rows.c, rows.table, k
    job.total.hi, job.total.lo, job.total.stride = &sums[0, 0, 0], &sums[1, 0, 0], rows.c.d
    job.total.mass, job.total.mass_lo = &mass[0, 0], &mass[1, 0]
    return 0


cdef inline int check_moves(
    Rows rows, Py_ssize_t k, const int64_t[::1] moved, const label_t[::1] before, const label_t[::1] after
) except -1:
    cdef Py_ssize_t n_moved = moved.shape[0], m
    if before.shape[0] != n_moved or after.shape[0] != n_moved:
        raise ValueError(f"{n_moved} moved rows with {before.shape[0]} labels before and {after.shape[0]} after.")
    for m in range(n_moved):
        if not (0 <= moved[m] < rows.c.n and 0 <= before[m] < k and 0 <= after[m] < k):
            raise ValueError(f"row {moved[m]} of {rows.c.n} moved from {before[m]} to {after[m]} of {k}.")
    return 0


cdef inline int check_moved(Py_ssize_t n_rows, int64_t[::1] moved, label_t[::1] before) except -1:
    if before is None or moved.shape[0] != n_rows or before.shape[0] != n_rows:
        raise ValueError(f"moved has room for {moved.shape[0]} rows of {n_rows}; before must have the same.")
    return 0


cdef inline void close_gaps(
    int64_t* moved, label_t* before, const Py_ssize_t* n_moved, Py_ssize_t n_units, Py_ssize_t rows_of_unit,
    const int32_t* starts=NULL
) noexcept nogil:
    """What moved in each unit, one after the other; ``starts``, if given, say where such a row is kept."""
    cdef Py_ssize_t unit, n = 0, first
    for unit in range(n_units):
        first = unit * rows_of_unit
        if starts != NULL:
            first = starts[first]
        if n < first:
            memmove(moved + n, moved + first, n_moved[unit] * sizeof(int64_t))
            memmove(before + n, before + first, n_moved[unit] * sizeof(label_t))
        n += n_moved[unit]


cdef Loan begin_sums(
    sums_job* job, Rows rows, const int64_t[::1] borders, const label_t[::1] labels, double[:, :, ::1] sums,
    double[:, ::1] mass, int n_threads,
)
cdef void sum_groups(sums_job* job, int n_threads) noexcept nogil
cdef void join_groups(sums_job* job, int n_threads) noexcept nogil
