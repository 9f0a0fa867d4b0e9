"""Distances that are asked for as such: of every row to its own center, and of every row to every center."""

from ._kernels cimport (
    KF_DECIDE_ONLY, KF_LANES_ARE_CENTERS, KF_SUM_BLOCK, Centers, Loan, Rows, Scratch, borrow, check_centers, check_slice, kf_centers, kf_rows,
    kf_scratch, kf_table, pack_centers, scratch_for,
)
from ._parallel cimport run_units, threads_for
from ._types cimport label_t, real_t

cdef enum:
    ROWS_OF_UNIT = KF_SUM_BLOCK


cdef struct distances_job:
    const kf_rows* rows
    const kf_centers* centers
    const kf_table* table
    kf_scratch* scratch
    Py_ssize_t start, stop
    const label_t* labels
    double* sq_dists            # or, of each unit, its potential
    char* out                   # one row of it is out_stride bytes
    Py_ssize_t out_stride


cdef Py_ssize_t label_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef distances_job* j = <distances_job*>job
    cdef Py_ssize_t done = unit * ROWS_OF_UNIT, first = j.start + done
    cdef Py_ssize_t n_rows = min(<Py_ssize_t>ROWS_OF_UNIT, j.stop - first)
    j.table.label_sq_dists(
        j.rows, j.centers, first, n_rows, j.labels + done, j.scratch[thread].lanes64, j.sq_dists + done
    )
    return 0


cdef Py_ssize_t potential_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef distances_job* j = <distances_job*>job
    cdef Py_ssize_t done = unit * ROWS_OF_UNIT, first = j.start + done
    cdef Py_ssize_t n_rows = min(<Py_ssize_t>ROWS_OF_UNIT, j.stop - first)
    j.sq_dists[unit] = j.table.label_potential(
        j.rows, j.centers, first, n_rows, j.labels + done, j.scratch[thread].lanes64
    )
    return 0


cdef Py_ssize_t distances_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef distances_job* j = <distances_job*>job
    cdef Py_ssize_t done = unit * ROWS_OF_UNIT, first = j.start + done
    cdef Py_ssize_t n_rows = min(<Py_ssize_t>ROWS_OF_UNIT, j.stop - first)
    j.table.distances(j.rows, j.centers, first, n_rows, &j.scratch[thread], j.out + done * j.out_stride)
    return 0


cdef inline Py_ssize_t units_of(Py_ssize_t n_rows) noexcept nogil:
    return (n_rows + ROWS_OF_UNIT - 1) // ROWS_OF_UNIT


def label_sq_dists(
    Rows rows, Py_ssize_t start, Py_ssize_t stop, const real_t[:, ::1] centers, const label_t[::1] labels, double[::1] sq_dists,
    *, int n_threads=1
):
    """As in backends/protocol.py."""
    cdef distances_job job
    cdef Centers packed
    cdef Scratch scratch
    check_slice(rows, start, stop, labels.shape[0])
    check_slice(rows, start, stop, sq_dists.shape[0])
    check_centers(rows, centers.shape[0], centers.shape[1], sizeof(real_t))
    if start == stop:
        return
    n_threads = threads_for(<double>(stop - start) * rows.c.d, n_threads)
    packed = pack_centers(rows, &centers[0, 0], centers.shape[0], KF_DECIDE_ONLY, n_threads)
    scratch = scratch_for(rows, packed, False, n_threads)
    job.rows, job.centers, job.table, job.scratch = &rows.c, &packed.c, rows.table, scratch.threads
    job.start, job.stop, job.labels, job.sq_dists = start, stop, &labels[0], &sq_dists[0]
    with nogil:
        run_units(label_unit, &job, units_of(stop - start), n_threads)


def inertia(
    Rows rows, Py_ssize_t start, Py_ssize_t stop, const real_t[:, ::1] centers, const label_t[::1] labels,
    double total=0.0, *, int n_threads=1
):
    """As in backends/protocol.py."""
    cdef distances_job job
    cdef Centers packed
    cdef Scratch scratch
    cdef Loan potentials
    cdef Py_ssize_t unit
    check_slice(rows, start, stop, labels.shape[0])
    check_centers(rows, centers.shape[0], centers.shape[1], sizeof(real_t))
    if start % ROWS_OF_UNIT != 0:
        raise ValueError(f"start={start} is not the first row of a block of {ROWS_OF_UNIT}.")
    if start == stop:
        return total
    n_threads = threads_for(<double>(stop - start) * rows.c.d, n_threads)
    packed = pack_centers(rows, &centers[0, 0], centers.shape[0], KF_DECIDE_ONLY, n_threads)
    scratch = scratch_for(rows, packed, False, n_threads)
    potentials = borrow(rows, units_of(stop - start) * sizeof(double))
    job.rows, job.centers, job.table, job.scratch = &rows.c, &packed.c, rows.table, scratch.threads
    job.start, job.stop, job.labels, job.sq_dists = start, stop, &labels[0], <double*>potentials.memory
    with nogil:
        run_units(potential_unit, &job, units_of(stop - start), n_threads)
        for unit in range(units_of(stop - start)):
            total += job.sq_dists[unit]
    return total


def distances(
    Rows rows, Py_ssize_t start, Py_ssize_t stop, const real_t[:, ::1] centers, real_t[:, ::1] out, *, int n_threads=1
):
    """As in backends/protocol.py."""
    cdef distances_job job
    cdef Centers packed
    cdef Scratch scratch
    cdef Py_ssize_t k = centers.shape[0]
    check_slice(rows, start, stop, out.shape[0])
    check_centers(rows, k, centers.shape[1], sizeof(real_t))
    if out.shape[1] != k:
        raise ValueError(f"out has {out.shape[1]} columns for {k} centers.")
    if start == stop:
        return
    n_threads = threads_for(<double>(stop - start) * k * rows.c.d, n_threads)
    packed = pack_centers(rows, &centers[0, 0], k, KF_LANES_ARE_CENTERS, n_threads)
    scratch = scratch_for(rows, packed, False, n_threads)
    job.rows, job.centers, job.table, job.scratch = &rows.c, &packed.c, rows.table, scratch.threads
    job.start, job.stop = start, stop
    job.out, job.out_stride = <char*>&out[0, 0], k * sizeof(real_t)
    with nogil:
        run_units(distances_unit, &job, units_of(stop - start), n_threads)
