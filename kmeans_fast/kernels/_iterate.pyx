"""Several iterations in one call: what is little work for the kernels is much for the interpreter between them."""

from libc.math cimport NAN
from libc.stdint cimport int64_t
from libc.string cimport memset

from ._centers cimport centers_job, move_all
from ._kernels cimport (
    Centers, Loan, Rows, Scratch, borrow, check_centers, copy_if_it_pays, kf_centers, pack_again, pack_centers,
    scratch_for,
)
from ._nearest cimport assign_and_sum, assign_job, begin_assign_and_sum
from ._parallel cimport threads_for, work_of
from ._types cimport label_t, real_t

cdef enum:
    MOST_FOLLOWED = 12          # rows are followed if at most one in so many changed last, and else added up anew


cdef struct iterate_job:
    assign_job assign
    centers_job move
    kf_centers* packed
    Py_ssize_t most             # iterations
    char* centers               # most + 1 times k x d
    double* steps               # most x 4
    double sq_shift


cdef Py_ssize_t run(iterate_job* j, size_t n_bytes, int n_threads) noexcept nogil:
    """n_bytes: of the centers of an iteration. The first ones are packed."""
    cdef assign_job* assign = &j.assign
    cdef Py_ssize_t k = assign.sums.k, done, n_changed, center
    cdef double* step
    cdef double sq_shift
    for done in range(j.most):
        step = j.steps + 4 * done
        if done > 0:
            pack_again(assign.table, assign.rows, j.packed, j.centers + done * n_bytes, n_threads)
        if not assign.is_followed:
            memset(assign.sums.total.hi, 0, k * assign.rows.d * sizeof(double))
            memset(assign.sums.total.lo, 0, k * assign.rows.d * sizeof(double))
            memset(assign.sums.total.mass, 0, k * sizeof(double))
            memset(assign.sums.total.mass_lo, 0, k * sizeof(double))
        n_changed = assign_and_sum(assign, n_threads)
        assign.is_followed = assign.sums.is_exact and n_changed * MOST_FOLLOWED <= assign.stop - assign.start
        step[0], step[1] = <double>n_changed, NAN
        for center in range(k):
            if assign.sums.total.mass[center] == 0.0:
                return done + 1
        j.move.centers, j.move.new_centers = j.centers + done * n_bytes, j.centers + (done + 1) * n_bytes
        move_all(&j.move, step + 2, n_threads)
        sq_shift = 0.0
        for center in range(k):
            sq_shift += j.move.sq_shifts[center]
        step[1] = sq_shift
        if sq_shift <= j.sq_shift or (n_changed == 0 and sq_shift == 0.0):
            return done + 1
    return j.most


def iterate(
    Rows rows, const int64_t[::1] borders, real_t[:, :, ::1] centers, label_t[::1] labels, double[:, :, ::1] sums,
    double[:, ::1] mass, double[:, ::1] steps, double sq_shift, *, int n_threads=1
):
    """As in backends/protocol.py."""
    cdef iterate_job job
    cdef Centers packed
    cdef Scratch scratch
    cdef Loan buffers, parts
    cdef Py_ssize_t k = centers.shape[1], n_rows = labels.shape[0], done
    cdef const real_t[::1] origin = rows.origin
    check_centers(rows, k, centers.shape[2], sizeof(real_t))
    check_centers(rows, sums.shape[1], centers.shape[2], sizeof(real_t))
    if sums.shape[1] != k or centers.shape[0] != steps.shape[0] + 1 or steps.shape[0] < 1 or steps.shape[1] != 4:
        raise ValueError(
            f"centers ({centers.shape[0]}, {k}, {centers.shape[2]}) for sums of {sums.shape[1]} clusters and steps of "
            f"shape ({steps.shape[0]}, {steps.shape[1]}); m steps of 4 numbers need m + 1 times the centers."
        )
    n_threads = threads_for(work_of(n_rows, k, rows.c.d), n_threads)
    buffers = begin_assign_and_sum(&job.assign, rows, borders, labels, sums, mass, n_threads)
    if n_rows < 1:
        raise ValueError("no rows to iterate on.")
    for done in range(min(<Py_ssize_t>2, steps.shape[0])):
        copy_if_it_pays(rows, n_rows, k)
    packed = pack_centers(rows, &centers[0, 0, 0], k, rows.table.choose_shape(&rows.c, n_rows, k), n_threads)
    scratch = scratch_for(rows, packed, False, n_threads)
    parts = borrow(rows, 3 * k * sizeof(double))
    job.assign.labels, job.assign.centers, job.assign.scratch = &labels[0], &packed.c, scratch.threads
    job.packed = &packed.c
    job.move.sums, job.move.origin, job.move.data_unit = job.assign.sums, &origin[0], rows.c.data_unit
    job.move.sq_shifts = <double*>parts.memory
    job.move.from_sums, job.move.from_means = job.move.sq_shifts + k, job.move.sq_shifts + 2 * k
    job.most, job.centers, job.steps, job.sq_shift = steps.shape[0], <char*>&centers[0, 0, 0], &steps[0, 0], sq_shift
    with nogil:
        done = run(&job, k * rows.c.d * sizeof(real_t), n_threads)
    return done
