"""Sums and mass that follow rows from one cluster to another."""

from libc.stdint cimport int32_t, int64_t
from libc.string cimport memset

from ._kernels cimport Loan, Rows, borrow, kf_sums
from ._parallel cimport run_units, threads_for
from ._sums cimport add_fixed, bind_sums, check_moves, normalize_clusters, sums_job, whole_vectors
from ._types cimport label_t

cdef enum:
    CLUSTERS_OF_UNIT = 16
    MOST_MOVED = 1 << 30        # rows of one call, so that places fit 32 bits


cdef struct move_job:
    sums_job sums
    const int64_t* moved
    Py_ssize_t clusters_of_unit


cdef Py_ssize_t move_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef move_job* j = <move_job*>job
    cdef Py_ssize_t first = unit * j.clusters_of_unit, stop = min(first + j.clusters_of_unit, j.sums.k)
    cdef Py_ssize_t center
    cdef kf_sums sums = j.sums.total
    if j.sums.is_fixed:
        sums.fixed, sums.lo, sums.stride = <int64_t*>j.sums.buffers, NULL, j.sums.stride
    j.sums.table.sum_clusters(j.sums.rows, 0, j.moved, j.sums.order, j.sums.starts, first, stop, &sums)
    if j.sums.is_fixed:
        for center in range(first, stop):
            add_fixed(&j.sums, center, sums.fixed + center * sums.stride)
    normalize_clusters(&j.sums, first, stop)
    return 0


cdef void sort_moves(move_job* job, const label_t* before, const label_t* after, Py_ssize_t n_moved) noexcept nogil:
    """Stable counting sort of places by cluster: 2 m for a row that leaves, 2 m + 1 for the same row that joins."""
    cdef Py_ssize_t m, label
    cdef Py_ssize_t* starts = job.sums.starts
    cdef int32_t* order = job.sums.order
    memset(starts, 0, (job.sums.k + 1) * sizeof(Py_ssize_t))
    for m in range(n_moved):
        starts[before[m] + 1] += 1
        starts[after[m] + 1] += 1
    for label in range(job.sums.k):
        starts[label + 1] += starts[label]
    for m in range(n_moved):
        order[starts[before[m]]] = <int32_t>(2 * m)
        starts[before[m]] += 1
        order[starts[after[m]]] = <int32_t>(2 * m + 1)
        starts[after[m]] += 1
    for label in range(job.sums.k, 0, -1):
        starts[label] = starts[label - 1]
    starts[0] = 0


def move(
    Rows rows, const int64_t[::1] moved, const label_t[::1] before, const label_t[::1] after, double[:, :, ::1] sums,
    double[:, ::1] mass, *, int n_threads=1
):
    """As in backends/protocol.py."""
    cdef move_job job
    cdef Loan places
    cdef Py_ssize_t n_moved = moved.shape[0]
    cdef size_t n_sums
    bind_sums(&job.sums, rows, sums, mass)
    if n_moved > MOST_MOVED:
        raise ValueError(f"{n_moved} rows moved in one call; it takes at most {MOST_MOVED}.")
    check_moves(rows, job.sums.k, moved, before, after)
    if n_moved == 0:
        return
    job.sums.stride = whole_vectors(rows.c.d)
    job.sums.is_fixed = rows.c.fixed_scale > 0 and 2.0 * n_moved <= rows._fixed_rows
    n_sums = job.sums.k * job.sums.stride * sizeof(int64_t) if job.sums.is_fixed else 0
    places = borrow(rows, n_sums + (job.sums.k + 1) * sizeof(Py_ssize_t) + 2 * n_moved * sizeof(int32_t))
    job.sums.buffers = <double*>places.memory
    memset(places.memory, 0, n_sums)
    job.sums.starts = <Py_ssize_t*>(places.memory + n_sums)
    job.sums.order = <int32_t*>(places.memory + n_sums + (job.sums.k + 1) * sizeof(Py_ssize_t))
    job.moved = &moved[0]
    job.clusters_of_unit = min(<Py_ssize_t>CLUSTERS_OF_UNIT, 1 + job.sums.k // 64)
    n_threads = threads_for(4.0 * n_moved * rows.c.d, n_threads)
    with nogil:
        sort_moves(&job, &before[0], &after[0], n_moved)
        run_units(move_unit, &job, (job.sums.k + job.clusters_of_unit - 1) // job.clusters_of_unit, n_threads)
