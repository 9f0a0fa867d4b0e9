"""Several iterations in one call: what is little work for the kernels is much for the interpreter between them."""

from libc.math cimport INFINITY, NAN, fabs
from libc.stdint cimport int64_t
from libc.string cimport memset

from ._blocks cimport Blocks
from ._boxes cimport begin_boxes, boxes_job, end_boxes, run_boxes, take_centers
from ._centers cimport centers_job, move_all
from ._kernels cimport (
    KF_LANES_ARE_POINTS, Centers, Loan, Rows, Scratch, borrow, check_centers, copy_if_it_pays, kf_centers, pack_again,
    pack_centers, scratch_for,
)
from ._moves cimport begin_moves, move_job, run_moves
from ._nearest cimport assign_and_sum, assign_job, begin_assign_and_sum
from ._parallel cimport threads_for, work_of
from ._sums cimport sums_job
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


cdef bint no_mass(const centers_job* j) noexcept nogil:
    """Whether there is a cluster without any."""
    cdef Py_ssize_t center
    for center in range(j.sums.k):
        if j.sums.total.mass[center] == 0.0:
            return True
    return False


cdef void move_to_means(centers_job* j, char* centers, size_t n_bytes, double* step, int n_threads) noexcept nogil:
    """The next centers, n_bytes behind these, and all of a step but the first number."""
    cdef Py_ssize_t center
    j.centers, j.new_centers = centers, centers + n_bytes
    move_all(j, step + 2, n_threads)
    step[1] = 0.0
    for center in range(j.sums.k):
        step[1] += j.sq_shifts[center]


cdef Py_ssize_t run(iterate_job* j, size_t n_bytes, int n_threads) noexcept nogil:
    """n_bytes: of the centers of an iteration. The first ones are packed."""
    cdef assign_job* assign = &j.assign
    cdef Py_ssize_t k = assign.sums.k, done, n_changed
    cdef double* step
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
        if no_mass(&j.move):
            return done + 1
        move_to_means(&j.move, j.centers + done * n_bytes, n_bytes, step, n_threads)
        if step[1] <= j.sq_shift or (n_changed == 0 and step[1] == 0.0):
            return done + 1
    return j.most


cdef Loan begin_means(centers_job* job, Rows rows, const sums_job* sums, const void* origin):
    """For ``move_to_means``; keep what is returned until the last of them."""
    cdef Py_ssize_t k = sums.k
    cdef Loan parts = borrow(rows, 3 * k * sizeof(double))
    job.sums, job.origin, job.data_unit = sums[0], origin, rows.c.data_unit
    job.sq_shifts = <double*>parts.memory
    job.from_sums, job.from_means = job.sq_shifts + k, job.sq_shifts + 2 * k
    return parts


cdef int check_path(
    Rows rows, Py_ssize_t n_path, Py_ssize_t k, Py_ssize_t d, int itemsize, const double[:, :, ::1] sums,
    const double[:, ::1] steps
) except -1:
    """Centers (n_path, k, d), with sums and steps that fit them."""
    check_centers(rows, k, d, itemsize)
    check_centers(rows, sums.shape[1], d, itemsize)
    if sums.shape[1] != k or n_path != steps.shape[0] + 1 or steps.shape[0] < 1 or steps.shape[1] != 4:
        raise ValueError(
            f"centers ({n_path}, {k}, {d}) for sums of {sums.shape[1]} clusters and steps of "
            f"shape ({steps.shape[0]}, {steps.shape[1]}); m steps of 4 numbers need m + 1 times the centers."
        )
    return 0


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
    check_path(rows, centers.shape[0], k, centers.shape[2], sizeof(real_t), sums, steps)
    n_threads = threads_for(work_of(n_rows, k, rows.c.d), n_threads)
    buffers = begin_assign_and_sum(&job.assign, rows, borders, labels, sums, mass, n_threads)
    if n_rows < 1:
        raise ValueError("no rows to iterate on.")
    for done in range(min(<Py_ssize_t>2, steps.shape[0])):
        copy_if_it_pays(rows, n_rows, k)
    packed = pack_centers(rows, &centers[0, 0, 0], k, rows.table.choose_shape(&rows.c, n_rows, k), n_threads)
    scratch = scratch_for(rows, packed, False, n_threads)
    parts = begin_means(&job.move, rows, &job.assign.sums, &origin[0])
    job.assign.labels, job.assign.centers, job.assign.scratch = &labels[0], &packed.c, scratch.threads
    job.packed = &packed.c
    job.most, job.centers, job.steps, job.sq_shift = steps.shape[0], <char*>&centers[0, 0, 0], &steps[0, 0], sq_shift
    with nogil:
        done = run(&job, k * rows.c.d * sizeof(real_t), n_threads)
    return done


cdef struct blocks_job:
    boxes_job boxes
    move_job moves
    centers_job means
    kf_centers* packed
    label_t* after              # of the rows that moved
    Py_ssize_t most             # iterations
    Py_ssize_t most_moved
    char* centers               # most + 1 times k x d
    double* steps               # most x 4
    double sq_shift, most_scored
    double largest              # of the values of any row
    double* rounding            # as in backends/protocol.py; NULL if pairs hold every digit


cdef bint are_rounded(const blocks_job* j) noexcept nogil:
    """Whether the sums may have lost more than is tolerated, after the last moves."""
    cdef const sums_job* sums = &j.moves.sums
    cdef Py_ssize_t center, t
    cdef double largest = 0.0, smallest = INFINITY, size
    for center in range(sums.k):
        size = 0.0
        for t in range(sums.rows.d):
            size = max(size, fabs(sums.total.hi[center * sums.rows.d + t]))
        largest = max(largest, size)
        if 0.0 < size < smallest:
            smallest = size
    j.rounding[0] += j.rounding[1] * j.moves.n_moved * (largest + j.moves.n_moved * j.largest)
    return not j.rounding[0] <= j.rounding[2] * smallest


cdef Py_ssize_t run_in_blocks(blocks_job* j, size_t n_bytes, int n_threads) noexcept nogil:
    cdef Py_ssize_t done, n_changed, m
    cdef double* step
    cdef char* centers
    for done in range(j.most):
        step, centers = j.steps + 4 * done, j.centers + done * n_bytes
        if done > 0:
            pack_again(j.boxes.table, j.boxes.rows, j.packed, centers, n_threads)
        n_changed = 0
        if take_centers(&j.boxes, centers):
            n_changed = run_boxes(&j.boxes, n_threads)
        step[0], step[1] = <double>n_changed, NAN
        if n_changed == 0 or n_changed > j.most_moved:
            return done + 1
        for m in range(n_changed):
            j.after[m] = j.boxes.labels[j.boxes.moved[m]]
        j.moves.n_moved = n_changed
        run_moves(&j.moves, n_threads)
        if (j.rounding != NULL and are_rounded(j)) or no_mass(&j.means):
            return done + 1
        move_to_means(&j.means, centers, n_bytes, step, n_threads)
        if step[1] <= j.sq_shift or j.boxes.n_scored_last > j.most_scored:
            return done + 1
    return j.most


def iterate_in_blocks(
    Rows rows, Blocks blocks, real_t[:, :, ::1] centers, label_t[::1] labels, int64_t[::1] moved, label_t[::1] before,
    double[:, :, ::1] sums, double[:, ::1] mass, double[:, ::1] steps, double[::1] rounding, double sq_shift,
    Py_ssize_t most_moved, double most_scored, *, int n_threads=1
):
    """As in backends/protocol.py."""
    cdef blocks_job job
    cdef Centers packed
    cdef Loan of_boxes, of_moves, parts, after
    cdef Py_ssize_t k = centers.shape[1], done
    cdef const real_t[::1] origin = rows.origin
    check_path(rows, centers.shape[0], k, centers.shape[2], sizeof(real_t), sums, steps)
    if moved is None or rounding.shape[0] != 3 or most_moved < 0:
        raise ValueError(f"no room for rows that move, rounding of {rounding.shape[0]} numbers, or {most_moved=}.")
    of_boxes = begin_boxes(&job.boxes, rows, blocks, k, labels, moved, before, n_threads)
    of_moves = begin_moves(&job.moves, rows, sums, mass, most_moved, n_threads)
    packed = pack_centers(rows, &centers[0, 0, 0], k, KF_LANES_ARE_POINTS, n_threads)
    parts = begin_means(&job.means, rows, &job.moves.sums, &origin[0])
    job.boxes.centers = job.packed = &packed.c
    after = borrow(rows, (most_moved + 1) * sizeof(label_t))
    job.after = <label_t*>after.memory
    job.moves.moved, job.moves.before, job.moves.after = &moved[0], &before[0], job.after
    job.most, job.centers, job.steps, job.sq_shift = steps.shape[0], <char*>&centers[0, 0, 0], &steps[0, 0], sq_shift
    job.most_moved, job.most_scored, job.largest = most_moved, most_scored, rows.largest
    job.rounding = NULL if rows.sums_are_exact else &rounding[0]
    with nogil:
        done = run_in_blocks(&job, k * rows.c.d * sizeof(real_t), n_threads)
    end_boxes(&job.boxes, blocks)
    return done
