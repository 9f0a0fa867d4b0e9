"""Sums of sparse rows by label: the pairs of dense rows to the bit, at the cost of the nonzeros."""

from libc.stdint cimport int64_t
from libc.string cimport memset

from ._csr cimport CsrRows
from ._kernels cimport Loan, borrow, check_slice, kf_csr, kf_table
from ._parallel cimport run_units, threads_for
from ._sums cimport bind_sums, check_moves, normalize, sums_job
from ._types cimport label_t

cdef enum:
    COLUMN_PARTS = 8            # of a cluster's sum, where one cluster has so many rows that others end long before


cdef struct csr_job:
    sums_job sums
    const kf_csr* rows
    const kf_table* table
    Py_ssize_t n_parts          # parts of the columns
    int64_t* members            # sorted by cluster: 2 r for row r, 2 r + 1 for row r taken away
    Py_ssize_t* starts          # k + 1: where each cluster begins


cdef Py_ssize_t cluster_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef csr_job* j = <csr_job*>job
    cdef Py_ssize_t center = unit // j.n_parts, part = unit % j.n_parts, d = j.rows.d, t
    cdef Py_ssize_t first = j.starts[center], n_members = j.starts[center + 1] - first
    cdef Py_ssize_t first_d = d * part // j.n_parts, stop_d = d * (part + 1) // j.n_parts
    cdef double* hi = j.sums.total.hi + center * d
    cdef double* lo = j.sums.total.lo + center * d
    cdef double* mass = j.sums.total.mass + center
    cdef double* mass_lo = j.sums.total.mass_lo + center
    if n_members == 0:
        return 0
    j.table.csr.sum_cluster(
        j.rows, j.members + first, n_members, first_d, stop_d, hi, lo, mass if part == 0 else NULL, mass_lo
    )
    for t in range(first_d, stop_d):
        normalize(hi + t, lo + t)
    if part == 0:
        normalize(mass, mass_lo)
    return 0


cdef Py_ssize_t count_starts(csr_job* job) noexcept nogil:
    """From counts of members, one place late, to where each cluster begins; returns the largest count."""
    cdef Py_ssize_t label, largest = 0
    for label in range(job.sums.k):
        largest = max(largest, job.starts[label + 1])
        job.starts[label + 1] += job.starts[label]
    return largest


cdef inline void put(csr_job* job, Py_ssize_t label, int64_t member) noexcept nogil:
    job.members[job.starts[label]] = member
    job.starts[label] += 1


cdef void run_clusters(csr_job* job, Py_ssize_t largest, Py_ssize_t n_members, int n_threads) noexcept nogil:
    """After all members were put, starts are one cluster late."""
    cdef Py_ssize_t label
    for label in range(job.sums.k, 0, -1):
        job.starts[label] = job.starts[label - 1]
    job.starts[0] = 0
    job.n_parts = COLUMN_PARTS if n_threads > 1 and 2 * n_threads * largest > 3 * n_members else 1
    run_units(cluster_unit, job, job.sums.k * job.n_parts, n_threads)


cdef Loan begin(csr_job* job, CsrRows rows, Py_ssize_t n_members):
    cdef Loan memory = borrow(rows, (n_members + job.sums.k + 1) * sizeof(int64_t))
    job.rows, job.table = &rows.csr, rows.table
    job.members = <int64_t*>memory.memory
    job.starts = <Py_ssize_t*>(job.members + n_members)
    memset(job.starts, 0, (job.sums.k + 1) * sizeof(Py_ssize_t))
    return memory


def sum_by_label(
    CsrRows rows, const int64_t[::1] borders, const label_t[::1] labels, double[:, :, ::1] sums, double[:, ::1] mass, *,
    int n_threads=1
):
    """As in backends/protocol.py."""
    cdef csr_job job
    cdef Loan memory
    cdef Py_ssize_t n_groups = borders.shape[0] - 1, group, n_rows = labels.shape[0], i, largest
    if n_groups < 1:
        raise ValueError(f"{n_groups} groups of rows; there must be one.")
    for group in range(n_groups):
        check_slice(rows, borders[group], borders[group + 1], borders[group + 1] - borders[group])
    check_slice(rows, borders[0], borders[n_groups], n_rows)
    bind_sums(&job.sums, rows, sums, mass)
    if n_rows == 0:
        return
    n_threads = threads_for(4.0 * <double>n_rows * rows._values_per_row, n_threads)
    memory = begin(&job, rows, n_rows)
    with nogil:
        for i in range(n_rows):
            job.starts[labels[i] + 1] += 1
        largest = count_starts(&job)
        for i in range(n_rows):
            put(&job, labels[i], 2 * (borders[0] + i))
        run_clusters(&job, largest, n_rows, n_threads)


def move(
    CsrRows rows, const int64_t[::1] moved, const label_t[::1] before, const label_t[::1] after, double[:, :, ::1] sums,
    double[:, ::1] mass, *, int n_threads=1
):
    """As in backends/protocol.py."""
    cdef csr_job job
    cdef Loan memory
    cdef Py_ssize_t n_moved = moved.shape[0], m, largest
    bind_sums(&job.sums, rows, sums, mass)
    check_moves(rows, job.sums.k, moved, before, after)
    if n_moved == 0:
        return
    n_threads = threads_for(8.0 * <double>n_moved * rows._values_per_row, n_threads)
    memory = begin(&job, rows, 2 * n_moved)
    with nogil:
        for m in range(n_moved):
            job.starts[before[m] + 1] += 1
            job.starts[after[m] + 1] += 1
        largest = count_starts(&job)
        for m in range(n_moved):
            put(&job, before[m], 2 * moved[m] + 1)
            put(&job, after[m], 2 * moved[m])
        run_clusters(&job, largest, 2 * n_moved, n_threads)
