"""Where the centers go: means of the sums, how far that is, and what the inertia is made of."""

from ._kernels cimport Loan, Rows, borrow, kf_table
from ._parallel cimport run_units, threads_for
from ._sums cimport bind_sums, sums_job
from ._types cimport real_t

cdef enum:
    CENTERS_OF_UNIT = 16


cdef Py_ssize_t centers_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef centers_job* j = <centers_job*>job
    cdef Py_ssize_t first = unit * CENTERS_OF_UNIT
    j.sums.table.move_centers(
        &j.sums.total, j.centers, j.sums.rows.d, j.data_unit, j.origin, first, min(first + CENTERS_OF_UNIT, j.sums.k),
        j.new_centers, j.sq_shifts, j.from_sums, j.from_means,
    )
    return 0


cdef void move_all(centers_job* job, double* moments, int n_threads) noexcept nogil:
    """New centers of all clusters, and the two numbers that the inertia is made of."""
    cdef Py_ssize_t k = job.sums.k, j
    run_units(
        centers_unit, job, (k + CENTERS_OF_UNIT - 1) // CENTERS_OF_UNIT,
        threads_for(10.0 * <double>k * job.sums.rows.d, n_threads),
    )
    moments[0] = moments[1] = 0.0
    for j in range(k):
        moments[0] += job.from_sums[j]
        moments[1] += job.from_means[j]


def move_centers(
    Rows rows, double[:, :, ::1] sums, double[:, ::1] mass, const real_t[:, ::1] centers, real_t[:, ::1] new_centers,
    double[::1] sq_shifts, *, int n_threads=1
):
    """As in backends/protocol.py."""
    cdef centers_job job
    cdef Loan parts
    cdef Py_ssize_t k = centers.shape[0], d = rows.c.d
    cdef double moments[2]
    cdef const real_t[::1] origin = rows.origin
    bind_sums(&job.sums, rows, sums, mass)
    if (
        job.sums.k != k or centers.shape[1] != d or new_centers.shape[0] != k or new_centers.shape[1] != d
        or sq_shifts.shape[0] != k or rows.table.itemsize != sizeof(real_t)
    ):
        raise ValueError(f"centers ({k}, {centers.shape[1]}) do not fit sums ({job.sums.k}, {d}) or what is to be written.")
    parts = borrow(rows, 2 * k * sizeof(double))
    job.centers, job.new_centers, job.origin = &centers[0, 0], &new_centers[0, 0], &origin[0]
    job.data_unit, job.sq_shifts = rows.c.data_unit, &sq_shifts[0]
    job.from_sums = <double*>parts.memory
    job.from_means = job.from_sums + k
    with nogil:
        move_all(&job, moments, n_threads)
    return moments[0], moments[1]
