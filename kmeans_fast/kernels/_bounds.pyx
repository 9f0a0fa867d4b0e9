"""Who is nearest and by how much: labels with bounds on the distances, for chosen rows."""

from libc.stdint cimport int64_t

from ._kernels cimport (
    KF_ROWS_OF_CALL, Centers, Rows, Scratch, check_centers, check_slice, kf_centers, kf_rows, kf_scratch, kf_table,
    pack_centers, scratch_for, with_gaps,
)
from ._parallel cimport run_units, threads_for
from ._types cimport label_t, real_t

cdef enum:
    ROWS_OF_UNIT = KF_ROWS_OF_CALL


cdef struct bounds_job:
    const kf_rows* rows
    const kf_centers* centers
    const kf_table* table
    kf_scratch* scratch
    const int64_t* chosen
    Py_ssize_t n_chosen
    label_t* labels
    float* upper
    float* lower


cdef Py_ssize_t bounds_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef bounds_job* j = <bounds_job*>job
    cdef Py_ssize_t first = unit * ROWS_OF_UNIT
    cdef Py_ssize_t n_here = min(<Py_ssize_t>ROWS_OF_UNIT, j.n_chosen - first)
    return j.table.two_nearest(
        j.rows, j.centers, j.chosen + first, n_here, &j.scratch[thread], j.labels, j.upper, j.lower
    )


cdef int check_chosen(Rows rows, const int64_t[::1] chosen) except -1:
    cdef Py_ssize_t i
    cdef int64_t before = -1
    for i in range(chosen.shape[0]):
        if not before < chosen[i] < rows.c.n:
            raise ValueError(f"chosen rows must increase and be less than {rows.c.n}; position {i} holds {chosen[i]}.")
        before = chosen[i]
    return 0


def two_nearest(
    Rows rows, const int64_t[::1] chosen, const real_t[:, ::1] centers, label_t[::1] labels, float[::1] upper,
    float[::1] lower, *, int n_threads=1
):
    """As in backends/protocol.py."""
    cdef bounds_job job
    cdef Centers packed
    cdef Scratch scratch
    cdef Py_ssize_t n_changed, n_chosen = chosen.shape[0], k = centers.shape[0]
    check_chosen(rows, chosen)
    check_slice(rows, 0, rows.c.n, labels.shape[0])
    check_slice(rows, 0, rows.c.n, upper.shape[0])
    check_slice(rows, 0, rows.c.n, lower.shape[0])
    check_centers(rows, k, centers.shape[1], sizeof(real_t))
    if n_chosen == 0:
        return 0
    n_threads = threads_for(<double>n_chosen * k * rows.c.d, n_threads)
    packed = pack_centers(
        rows, &centers[0, 0], k, with_gaps(rows.table.choose_shape(&rows.c, n_chosen, k)), n_threads
    )
    scratch = scratch_for(rows, packed, True, n_threads)
    job.rows, job.centers, job.table, job.scratch = &rows.c, &packed.c, rows.table, scratch.threads
    job.chosen, job.n_chosen = &chosen[0], n_chosen
    job.labels, job.upper, job.lower = &labels[0], &upper[0], &lower[0]
    with nogil:
        n_changed = run_units(bounds_unit, &job, (n_chosen + ROWS_OF_UNIT - 1) // ROWS_OF_UNIT, n_threads)
    return n_changed
