"""Distances of rows to points, summed over clusters of the points."""

from libc.stdint cimport int64_t

from ._kernels cimport KF_SUM_ROWS, Loan, Rows, borrow, check_centers, check_slice, kf_rows, kf_table
from ._parallel cimport run_units, threads_for
from ._types cimport real_t


cdef struct sums_job:
    const kf_rows* rows
    const kf_table* table
    const void* points
    const int64_t* starts
    Py_ssize_t k, start, stop
    char* scratch
    size_t scratch_bytes        # of each thread
    double* sums


cdef Py_ssize_t sums_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef sums_job* j = <sums_job*>job
    cdef Py_ssize_t done = unit * KF_SUM_ROWS, first = j.start + done
    cdef Py_ssize_t n_rows = min(<Py_ssize_t>KF_SUM_ROWS, j.stop - first)
    j.table.sum_distances(
        j.rows, j.points, j.starts, j.k, first, n_rows, j.scratch + thread * j.scratch_bytes, j.sums + done * j.k
    )
    return 0


def sum_distances(
    Rows rows, Py_ssize_t start, Py_ssize_t stop, const real_t[:, ::1] points, const int64_t[::1] starts,
    double[:, ::1] sums, *, int n_threads=1
):
    """As in backends/protocol.py."""
    cdef sums_job job
    cdef Loan scratch
    cdef Py_ssize_t k = starts.shape[0] - 1, m = points.shape[0], j
    check_slice(rows, start, stop, sums.shape[0])
    check_centers(rows, m, points.shape[1], sizeof(real_t))
    if k < 1 or sums.shape[1] != k or starts[0] != 0 or starts[k] != m:
        raise ValueError(f"starts of {k} clusters do not go from 0 to {m}, or sums has not {k} columns.")
    for j in range(k):
        if starts[j] > starts[j + 1]:
            raise ValueError(f"starts decrease: cluster {j} goes from {starts[j]} to {starts[j + 1]}.")
    if start == stop:
        return
    n_threads = threads_for(<double>(stop - start) * m * rows.c.d, n_threads)
    job.rows, job.table, job.points, job.starts = &rows.c, rows.table, &points[0, 0], &starts[0]
    job.k, job.start, job.stop, job.sums = k, start, stop, &sums[0, 0]
    job.scratch_bytes = rows.table.sum_distances_bytes(rows.c.d)
    scratch = borrow(rows, n_threads * job.scratch_bytes)
    job.scratch = scratch.memory
    with nogil:
        run_units(sums_unit, &job, (stop - start + KF_SUM_ROWS - 1) // KF_SUM_ROWS, n_threads)
