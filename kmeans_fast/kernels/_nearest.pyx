"""Who is nearest: the assignment step, alone and with the sums of the update step."""

from libc.stdint cimport int64_t
from libc.string cimport memset

from ._kernels cimport (
    KF_ROWS_OF_CALL, Centers, Loan, Rows, Scratch, check_centers, check_slice, copy_if_it_pays, kf_centers, kf_rows, kf_scratch,
    kf_table, pack_centers, scratch_for,
)
from ._parallel cimport run_units, threads_for
from ._sums cimport begin_sums, buffer_length, join_groups, sum_groups, sums_job
from ._types cimport label_t, real_t

cdef enum:
    ROWS_OF_UNIT = KF_ROWS_OF_CALL
    GROUPS_OF_A_THREAD = 4      # groups that a thread should have for them to be spread evenly


cdef struct assign_job:
    const kf_rows* rows
    const kf_centers* centers
    const kf_table* table
    kf_scratch* scratch
    Py_ssize_t start, stop
    label_t* labels             # of the row start
    sums_job sums


cdef Py_ssize_t nearest_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef assign_job* j = <assign_job*>job
    cdef Py_ssize_t first = j.start + unit * ROWS_OF_UNIT
    cdef Py_ssize_t n_rows = min(<Py_ssize_t>ROWS_OF_UNIT, j.stop - first)
    return j.table.nearest(j.rows, j.centers, first, n_rows, &j.scratch[thread], j.labels + (first - j.start))


cdef Py_ssize_t group_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    """Labels and sums of one group, while its rows are in the cache."""
    cdef assign_job* j = <assign_job*>job
    cdef Py_ssize_t length = buffer_length(&j.sums), n_changed = 0, n_rows
    cdef Py_ssize_t first = j.sums.borders[unit], stop = j.sums.borders[unit + 1]
    cdef double* sums = j.sums.buffers + unit * length
    cdef double* mass = sums + j.sums.k * j.rows.d
    cdef label_t* labels
    memset(sums, 0, length * sizeof(double))
    while first < stop:
        n_rows = min(<Py_ssize_t>ROWS_OF_UNIT, stop - first)
        labels = j.labels + (first - j.start)
        n_changed += j.table.nearest(j.rows, j.centers, first, n_rows, &j.scratch[thread], labels)
        j.table.sum_by_label(j.rows, first, n_rows, 0, j.rows.d, labels, sums, mass)
        first += n_rows
    return n_changed


cdef Py_ssize_t assign_units(assign_job* job, int n_threads) noexcept nogil:
    return run_units(nearest_unit, job, (job.stop - job.start + ROWS_OF_UNIT - 1) // ROWS_OF_UNIT, n_threads)


def nearest(
    Rows rows, Py_ssize_t start, Py_ssize_t stop, const real_t[:, ::1] centers, label_t[::1] labels, *, int n_threads=1
):
    """As in backends/protocol.py."""
    cdef assign_job job
    cdef Centers packed
    cdef Scratch scratch
    cdef Py_ssize_t n_changed, k = centers.shape[0]
    check_slice(rows, start, stop, labels.shape[0])
    check_centers(rows, k, centers.shape[1], sizeof(real_t))
    if start == stop:
        return 0
    n_threads = threads_for(<double>(stop - start) * k * rows.c.d, n_threads)
    copy_if_it_pays(rows, stop - start, k, n_threads)
    packed = pack_centers(rows, &centers[0, 0], k, rows.table.choose_shape(&rows.c, stop - start, k), n_threads)
    scratch = scratch_for(rows, packed, False, n_threads)
    job.rows, job.centers, job.table, job.scratch = &rows.c, &packed.c, rows.table, scratch.threads
    job.start, job.stop, job.labels = start, stop, &labels[0]
    with nogil:
        n_changed = assign_units(&job, n_threads)
    return n_changed


def nearest_and_sum(
    Rows rows, const int64_t[::1] borders, const real_t[:, ::1] centers, label_t[::1] labels, double[:, ::1] sums,
    double[::1] mass, *, int n_threads=1
):
    """As in backends/protocol.py."""
    cdef assign_job job
    cdef Centers packed
    cdef Scratch scratch
    cdef Loan buffers
    cdef Py_ssize_t n_changed, k = centers.shape[0], n_rows
    check_centers(rows, k, centers.shape[1], sizeof(real_t))
    check_centers(rows, sums.shape[0], centers.shape[1], sizeof(real_t))
    buffers = begin_sums(&job.sums, rows, borders, labels, sums, mass)
    n_rows = labels.shape[0]
    if n_rows == 0:
        return 0
    n_threads = threads_for(<double>n_rows * k * rows.c.d, n_threads)
    copy_if_it_pays(rows, n_rows, k, n_threads)
    packed = pack_centers(rows, &centers[0, 0], k, rows.table.choose_shape(&rows.c, n_rows, k), n_threads)
    scratch = scratch_for(rows, packed, False, n_threads)
    job.rows, job.centers, job.table, job.scratch = &rows.c, &packed.c, rows.table, scratch.threads
    job.start, job.stop, job.labels = borders[0], borders[job.sums.n_groups], &labels[0]
    with nogil:
        if not job.sums.is_sorted and (n_threads == 1 or job.sums.n_groups >= GROUPS_OF_A_THREAD * n_threads):
            n_changed = run_units(group_unit, &job, job.sums.n_groups, n_threads)
        else:
            n_changed = assign_units(&job, n_threads)
            sum_groups(&job.sums, n_threads)
        join_groups(&job.sums, n_threads)
    return n_changed
