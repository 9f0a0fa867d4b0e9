"""Sums of rows by label.

Each group of rows is summed in a buffer of its own, then the groups are added in order; but where no order can be seen,
each thread has a buffer. Sums are pairs (c/sums.inc.h).
"""

from libc.stdint cimport int32_t, int64_t
from libc.string cimport memset

from ._kernels cimport Loan, Rows, borrow, check_slice, kf_sums
from ._parallel cimport run_units, threads_for
from ._sums cimport (
    add_fixed, add_pair, begin_threads, bind_sums, buffer_length, buffer_of, buffer_of_thread, normalize_clusters, pairs_of,
    sums_job, whole_vectors,
)
from ._types cimport label_t

cdef enum:
    FEATURES_OF_UNIT = 64
    ENTRIES_IN_CACHE = 131072   # of sums: 1 MB; beyond, rows are sorted by label, so that one row of sums is at work
    CLUSTERS_OF_UNIT = 16


cdef inline void sum_group(
    const sums_job* j, Py_ssize_t group, Py_ssize_t first_d, Py_ssize_t n_d, const kf_sums* sums
) noexcept nogil:
    j.table.sum_by_label(
        j.rows, j.borders[group], j.borders[group + 1] - j.borders[group], first_d, n_d,
        j.labels + (j.borders[group] - j.borders[0]), sums,
    )


cdef Py_ssize_t sum_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    """Some features of one group."""
    cdef sums_job* j = <sums_job*>job
    cdef Py_ssize_t group = unit % j.n_groups, first_d = unit // j.n_groups * FEATURES_OF_UNIT, center
    cdef Py_ssize_t n_d = min(<Py_ssize_t>FEATURES_OF_UNIT, j.rows.d - first_d)
    cdef kf_sums sums
    if j.is_exact:
        sums = buffer_of_thread(j, thread, j.borders[group + 1] - j.borders[group])
        sum_group(j, group, first_d, n_d, &sums)
        return 0
    sums = buffer_of(j, group)
    for center in range(j.k):
        memset(sums.hi + center * j.stride + first_d, 0, n_d * sizeof(double))
        if sums.lo != NULL:
            memset(sums.lo + center * j.stride + first_d, 0, n_d * sizeof(double))
    if first_d == 0:
        memset(sums.mass, 0, 2 * whole_vectors(j.k) * sizeof(double))
    sum_group(j, group, first_d, n_d, &sums)
    return 0


cdef Py_ssize_t sort_unit(void* job, Py_ssize_t group, int thread) noexcept nogil:
    """Stable counting sort of the rows of one group by label."""
    cdef sums_job* j = <sums_job*>job
    cdef Py_ssize_t before = j.borders[group] - j.borders[0], n_rows = j.borders[group + 1] - j.borders[group], i, label
    cdef const label_t* labels = j.labels + before
    cdef int32_t* order = j.order + before
    cdef Py_ssize_t* starts = j.starts + group * (j.k + 1)
    memset(starts, 0, (j.k + 1) * sizeof(Py_ssize_t))
    for i in range(n_rows):
        starts[labels[i] + 1] += 1
    for label in range(j.k):
        starts[label + 1] += starts[label]
    for i in range(n_rows):
        order[starts[labels[i]]] = <int32_t>i
        starts[labels[i]] += 1
    for label in range(j.k, 0, -1):
        starts[label] = starts[label - 1]
    starts[0] = 0
    return 0


cdef Py_ssize_t clusters_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    """Some clusters of one group, its rows being sorted."""
    cdef sums_job* j = <sums_job*>job
    cdef Py_ssize_t group = unit % j.n_groups, first = unit // j.n_groups * CLUSTERS_OF_UNIT
    cdef Py_ssize_t stop = min(first + CLUSTERS_OF_UNIT, j.k)
    cdef kf_sums sums = buffer_of(j, group)
    memset(sums.hi + first * j.stride, 0, (stop - first) * j.stride * sizeof(double))
    if sums.lo != NULL:
        memset(sums.lo + first * j.stride, 0, (stop - first) * j.stride * sizeof(double))
    memset(sums.mass + first, 0, (stop - first) * sizeof(double))
    memset(sums.mass_lo + first, 0, (stop - first) * sizeof(double))
    j.table.sum_clusters(
        j.rows, j.borders[group], NULL, j.order + (j.borders[group] - j.borders[0]), j.starts + group * (j.k + 1),
        first, stop, &sums,
    )
    return 0


cdef Py_ssize_t join_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    """Add the groups in order, or what the threads have, for some clusters."""
    cdef sums_job* j = <sums_job*>job
    cdef Py_ssize_t first = unit * CLUSTERS_OF_UNIT, stop = min(first + CLUSTERS_OF_UNIT, j.k), group, center, t, at, source
    cdef Py_ssize_t n_sums = j.k * j.stride
    cdef kf_sums sums
    cdef double* pairs
    for group in range(j.n_threads if j.is_exact else j.n_groups):
        sums = buffer_of(j, group)
        pairs = pairs_of(j, <int>group) if j.is_exact and j.is_fixed else NULL
        for center in range(first, stop):
            at, source = center * j.total.stride, center * j.stride
            if j.is_fixed:
                add_fixed(j, sums.fixed + source, j.total.hi + at, j.total.lo + at)
            if pairs != NULL and pairs[2 * n_sums + 1] != 0.0:
                for t in range(j.rows.d):
                    add_pair(j.total.hi + at + t, j.total.lo + at + t, pairs[source + t], pairs[n_sums + source + t])
            if j.is_fixed:
                continue
            for t in range(j.rows.d):
                add_pair(j.total.hi + at + t, j.total.lo + at + t, sums.hi[source + t], sums.lo[source + t])
        for center in range(first, stop):
            add_pair(j.total.mass + center, j.total.mass_lo + center, sums.mass[center], sums.mass_lo[center])
    normalize_clusters(j, first, stop)
    return 0


cdef void sum_groups(sums_job* job, int n_threads) noexcept nogil:
    cdef Py_ssize_t n_parts = (job.rows.d + FEATURES_OF_UNIT - 1) // FEATURES_OF_UNIT
    if job.is_sorted:
        n_parts = (job.k + CLUSTERS_OF_UNIT - 1) // CLUSTERS_OF_UNIT
        run_units(sort_unit, job, job.n_groups, n_threads)
        run_units(clusters_unit, job, job.n_groups * n_parts, n_threads)
    else:
        run_units(sum_unit, job, job.n_groups * n_parts, n_threads)


cdef void join_groups(sums_job* job, int n_threads) noexcept nogil:
    cdef Py_ssize_t n_units = (job.k + CLUSTERS_OF_UNIT - 1) // CLUSTERS_OF_UNIT
    cdef Py_ssize_t n_buffers = job.n_threads if job.is_exact else job.n_groups
    run_units(join_unit, job, n_units, threads_for(<double>job.k * job.stride * n_buffers, n_threads))


cdef Loan begin_sums(
    sums_job* job, Rows rows, const int64_t[::1] borders, const label_t[::1] labels, double[:, :, ::1] sums,
    double[:, ::1] mass, int n_threads,
):
    cdef Loan buffers
    cdef Py_ssize_t group, n_buffers
    cdef size_t n_sums, n_starts
    job.n_groups = borders.shape[0] - 1
    if job.n_groups < 1:
        raise ValueError(f"{job.n_groups} groups of rows; there must be one.")
    for group in range(job.n_groups):
        check_slice(rows, borders[group], borders[group + 1], borders[group + 1] - borders[group])
    check_slice(rows, borders[0], borders[job.n_groups], labels.shape[0])
    bind_sums(job, rows, sums, mass)
    job.stride = rows.c.d if rows.c.d <= 2 else whole_vectors(rows.c.d)
    job.borders = &borders[0]
    job.labels = &labels[0] if labels.shape[0] > 0 else NULL
    job.is_fixed = rows.c.fixed_scale > 0
    for group in range(job.n_groups):
        if borders[group + 1] - borders[group] > rows._fixed_rows:
            job.is_fixed = False
    job.is_exact = False
    job.is_sorted = buffer_length(job) > ENTRIES_IN_CACHE
    job.is_exact = rows.sums_are_exact and not job.is_sorted
    job.n_threads, job.fixed_rows = n_threads, rows._fixed_rows
    n_buffers = n_threads if job.is_exact else job.n_groups
    n_sums = n_buffers * buffer_length(job) * sizeof(double)
    n_starts = job.n_groups * (job.k + 1) * sizeof(Py_ssize_t)
    buffers = borrow(rows, n_sums + (n_starts + labels.shape[0] * sizeof(int32_t) if job.is_sorted else 0))
    job.buffers = <double*>buffers.memory
    job.starts = <Py_ssize_t*>(buffers.memory + n_sums)
    job.order = <int32_t*>(buffers.memory + n_sums + n_starts)
    if job.is_exact:
        begin_threads(job)
    return buffers


def sum_by_label(
    Rows rows, const int64_t[::1] borders, const label_t[::1] labels, double[:, :, ::1] sums, double[:, ::1] mass, *,
    int n_threads=1
):
    """As in backends/protocol.py."""
    cdef sums_job job
    cdef Loan buffers
    n_threads = threads_for(<double>labels.shape[0] * rows.c.d, n_threads)
    buffers = begin_sums(&job, rows, borders, labels, sums, mass, n_threads)
    with nogil:
        sum_groups(&job, n_threads)
        join_groups(&job, n_threads)
