"""Who is nearest; alone, and with the sums of rows by label in one pass."""

from libc.stdint cimport int32_t, int64_t
from libc.string cimport memset

from ._kernels cimport (
    KF_ROWS_OF_CALL, Centers, Loan, Rows, Scratch, borrow, check_centers, check_slice, copy_if_it_pays,
    kf_centers, kf_rows, kf_scratch, kf_sums, kf_table, note_cost, pack_centers, scratch_for,
)
from ._parallel cimport run_evenly, run_units, threads_for, work_of
from ._sums cimport (
    begin_sums, begin_threads, buffer_length, buffer_of, buffer_of_thread, check_moved, close_gaps, join_groups, sum_groups,
)
from ._types cimport label_t, real_t

cdef enum:
    ROWS_OF_UNIT = KF_ROWS_OF_CALL
    GROUPS_OF_A_THREAD = 4      # groups that a thread should have for them to be spread evenly


cdef Py_ssize_t nearest_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef assign_job* j = <assign_job*>job
    cdef Py_ssize_t done = unit * ROWS_OF_UNIT, first = j.start + done, n_changed
    cdef Py_ssize_t n_rows = min(<Py_ssize_t>ROWS_OF_UNIT, j.stop - first)
    if j.moved == NULL:
        return j.table.nearest(
            j.rows, j.centers, first, n_rows, &j.scratch[thread], j.labels + done, NULL, NULL
        )
    n_changed = j.table.nearest(
        j.rows, j.centers, first, n_rows, &j.scratch[thread], j.labels + done, j.moved + done, j.before + done
    )
    j.n_moved[unit] = n_changed
    return n_changed


cdef Py_ssize_t exact_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    """Labels and sums of some rows, whatever their group."""
    cdef assign_job* j = <assign_job*>job
    cdef Py_ssize_t first = j.start + unit * ROWS_OF_UNIT, n_rows = min(<Py_ssize_t>ROWS_OF_UNIT, j.stop - first)
    cdef kf_sums sums = buffer_of_thread(&j.sums, thread, n_rows)
    cdef Py_ssize_t n_changed = nearest_unit(job, unit, thread)
    j.table.sum_by_label(j.rows, first, n_rows, 0, j.rows.d, j.labels + unit * ROWS_OF_UNIT, &sums)
    return n_changed


cdef Py_ssize_t follow_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    """Labels of some rows; those that change go from one sum to another."""
    cdef assign_job* j = <assign_job*>job
    cdef Py_ssize_t done = unit * ROWS_OF_UNIT, first = j.start + done, n_changed, m
    cdef Py_ssize_t n_rows = min(<Py_ssize_t>ROWS_OF_UNIT, j.stop - first)
    cdef int64_t moved[ROWS_OF_UNIT]
    cdef label_t before[ROWS_OF_UNIT]
    cdef label_t after[ROWS_OF_UNIT]
    cdef kf_sums sums
    n_changed = j.table.nearest(j.rows, j.centers, first, n_rows, &j.scratch[thread], j.labels + done, moved, before)
    for m in range(n_changed):
        after[m] = j.labels[done + moved[m] - first]
    sums = buffer_of_thread(&j.sums, thread, n_changed)
    if j.sums.is_fixed:
        j.table.move_fixed(j.rows, moved, before, after, n_changed, sums.stride, sums.fixed, sums.mass)
    else:
        j.table.move_pairs(j.rows, moved, before, after, n_changed, &sums)
    return n_changed


cdef Py_ssize_t group_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    """Labels and sums of one group, while its rows are in the cache."""
    cdef assign_job* j = <assign_job*>job
    cdef Py_ssize_t n_changed = 0, n_rows, first = j.sums.borders[unit], stop = j.sums.borders[unit + 1]
    cdef kf_sums sums = buffer_of(&j.sums, unit)
    cdef label_t* labels
    memset(sums.hi, 0, buffer_length(&j.sums) * sizeof(double))
    while first < stop:
        n_rows = min(<Py_ssize_t>ROWS_OF_UNIT, stop - first)
        labels = j.labels + (first - j.start)
        n_changed += j.table.nearest(j.rows, j.centers, first, n_rows, &j.scratch[thread], labels, NULL, NULL)
        j.table.sum_by_label(j.rows, first, n_rows, 0, j.rows.d, labels, &sums)
        first += n_rows
    return n_changed


cdef inline Py_ssize_t n_units_of(assign_job* job) noexcept nogil:
    return (job.stop - job.start + ROWS_OF_UNIT - 1) // ROWS_OF_UNIT


cdef Py_ssize_t assign_units(assign_job* job, int n_threads) noexcept nogil:
    return run_units(nearest_unit, job, n_units_of(job), n_threads)


cdef Py_ssize_t assign_and_sum(assign_job* job, int n_threads) noexcept nogil:
    """Labels of all rows; the totals are added to, or followed."""
    cdef Py_ssize_t n_changed
    if job.sums.is_exact:
        begin_threads(&job.sums)
        n_changed = run_evenly(follow_unit if job.is_followed else exact_unit, job, n_units_of(job), n_threads)
    elif not job.sums.is_sorted and (n_threads == 1 or job.sums.n_groups >= GROUPS_OF_A_THREAD * n_threads):
        n_changed = run_units(group_unit, job, job.sums.n_groups, n_threads)
    else:
        n_changed = assign_units(job, n_threads)
        sum_groups(&job.sums, n_threads)
    join_groups(&job.sums, n_threads)
    return n_changed


cdef Loan begin_assign_and_sum(
    assign_job* job, Rows rows, const int64_t[::1] borders, const label_t[::1] labels, double[:, :, ::1] sums,
    double[:, ::1] mass, int n_threads,
):
    """All but labels, centers and scratch memory."""
    cdef Loan buffers = begin_sums(&job.sums, rows, borders, labels, sums, mass, n_threads)
    job.rows, job.table, job.is_followed = &rows.c, rows.table, False
    job.start, job.stop = borders[0], borders[job.sums.n_groups]
    job.moved, job.before, job.n_moved = NULL, NULL, NULL
    return buffers


def nearest(
    Rows rows, Py_ssize_t start, Py_ssize_t stop, const real_t[:, ::1] centers, label_t[::1] labels,
    int64_t[::1] moved=None, label_t[::1] before=None, *, int n_threads=1
):
    """As in backends/protocol.py."""
    cdef assign_job job
    cdef Centers packed
    cdef Scratch scratch
    cdef Loan counts
    cdef Py_ssize_t n_changed, k = centers.shape[0]
    check_slice(rows, start, stop, labels.shape[0])
    check_centers(rows, k, centers.shape[1], sizeof(real_t))
    job.moved, job.before, job.start, job.stop = NULL, NULL, start, stop
    if moved is not None:
        check_moved(stop - start, moved, before)
    if start == stop:
        return 0
    if moved is not None:
        counts = borrow(rows, n_units_of(&job) * sizeof(Py_ssize_t))
        job.moved, job.before, job.n_moved = &moved[0], &before[0], <Py_ssize_t*>counts.memory
    n_threads = threads_for(work_of(stop - start, k, rows.c.d), n_threads)
    copy_if_it_pays(rows, stop - start, k)
    packed = pack_centers(rows, &centers[0, 0], k, rows.table.choose_shape(&rows.c, stop - start, k), n_threads)
    scratch = scratch_for(rows, packed, False, n_threads)
    job.rows, job.centers, job.table, job.scratch = &rows.c, &packed.c, rows.table, scratch.threads
    job.labels = &labels[0]
    with nogil:
        n_changed = assign_units(&job, n_threads)
        if job.moved != NULL:
            close_gaps(job.moved, job.before, job.n_moved, n_units_of(&job), ROWS_OF_UNIT)
    note_cost(rows, packed, scratch, stop - start, n_threads)
    return n_changed


def nearest_and_sum(
    Rows rows, const int64_t[::1] borders, const real_t[:, ::1] centers, label_t[::1] labels, double[:, :, ::1] sums,
    double[:, ::1] mass, *, int n_threads=1
):
    """As in backends/protocol.py."""
    cdef assign_job job
    cdef Centers packed
    cdef Scratch scratch
    cdef Loan buffers
    cdef Py_ssize_t n_changed, k = centers.shape[0], n_rows = labels.shape[0]
    check_centers(rows, k, centers.shape[1], sizeof(real_t))
    check_centers(rows, sums.shape[1], centers.shape[1], sizeof(real_t))
    n_threads = threads_for(work_of(n_rows, k, rows.c.d), n_threads)
    buffers = begin_assign_and_sum(&job, rows, borders, labels, sums, mass, n_threads)
    if n_rows == 0:
        return 0
    copy_if_it_pays(rows, n_rows, k)
    packed = pack_centers(rows, &centers[0, 0], k, rows.table.choose_shape(&rows.c, n_rows, k), n_threads)
    scratch = scratch_for(rows, packed, False, n_threads)
    job.labels, job.centers, job.scratch = &labels[0], &packed.c, scratch.threads
    with nogil:
        n_changed = assign_and_sum(&job, n_threads)
    note_cost(rows, packed, scratch, n_rows, n_threads)
    return n_changed
