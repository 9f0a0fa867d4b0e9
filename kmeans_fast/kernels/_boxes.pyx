"""Few features: who is nearest, block by block."""

from libc.math cimport INFINITY, fabs, sqrt
from libc.stdint cimport int32_t, int64_t

from ._blocks cimport MOST_FEATURES, Blocks, units_of
from ._kernels cimport (
    KF_BLOCKS_OF_UNIT, KF_LANES_ARE_POINTS, KF_ROWS_OF_BLOCK, Centers, Loan, Rows, allocate, borrow, check_centers,
    check_slice, kf_blocks, kf_box_scratch, pack_centers,
)
from ._parallel cimport run_units, threads_for
from ._sums cimport check_moved, close_gaps
from ._types cimport label_t, real_t

cdef enum:
    WORK_OF_PAIR = 4            # of a row and a center that were scored, with what follows from it
    WORK_OF_BLOCK = 400         # to see that nothing is to be done in it


cdef Py_ssize_t boxes_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef boxes_job* j = <boxes_job*>job
    j.n_moved[unit] = j.table.nearest_in_unit(
        j.rows, j.centers, j.blocks, unit, &j.scratch[thread], j.labels, j.moved, j.before, &j.n_scored[unit]
    )
    return j.n_moved[unit]


cdef size_t scratch_bytes(Py_ssize_t k, Py_ssize_t d) noexcept nogil:
    """Of one thread: rounded up, so that threads do not share cache lines."""
    return (k * ((3 + 2 * d) * sizeof(double) + 2 * sizeof(int32_t)) + 127) // 64 * 64


cdef void lay_out_scratch(kf_box_scratch* s, char* memory, Py_ssize_t k, Py_ssize_t d) noexcept nogil:
    s.room = <double*>memory
    s.far = s.room + k
    s.c64 = s.far + k
    s.packed = s.c64 + k * d
    s.half_norms = <double*>s.packed + k * d
    s.common = <int32_t*>(<double*>s.half_norms + k)
    s.kept = s.common + k


cdef void forget(kf_blocks* blocks) noexcept nogil:
    """No list of centers is known."""
    cdef Py_ssize_t i
    blocks.drift = blocks.drifted = 0.0
    for i in range(units_of(blocks.n_blocks)):
        blocks.units[i].until, blocks.units[i].drifted, blocks.units[i].n = -INFINITY, 0.0, 0
    for i in range(blocks.n_blocks):
        blocks.blocks[i].until, blocks.blocks[i].drifted, blocks.blocks[i].n = -INFINITY, 0.0, 0


cdef double length_up(const double* moves, Py_ssize_t d) noexcept nogil:
    """Euclidean, rounded up."""
    cdef double squares = 0.0, absolute = 0.0
    cdef Py_ssize_t t
    for t in range(d):
        squares += moves[t] * moves[t]
        absolute += fabs(moves[t])
    # Squares may vanish where the move does not.
    return (sqrt(squares) if squares > 1e-270 else absolute) * (1.0 + 1e-14)


cdef void follow(boxes_job* job, const real_t* centers) noexcept nogil:
    cdef kf_blocks* blocks = job.blocks
    cdef Py_ssize_t k = job.k, d = job.rows.d, j, t
    cdef double moves[MOST_FEATURES]
    cdef double first = 0.0, second = 0.0
    cdef double* c = job.c64
    cdef double* shifts = c + k * d
    for j in range(k):
        for t in range(d):
            moves[t] = centers[j * d + t] - c[t * k + j] if job.is_known else 0.0
            c[t * k + j] = centers[j * d + t]
        shifts[j] = length_up(moves, d)
        second = max(second, min(first, shifts[j]))
        first = max(first, shifts[j])
    blocks.c, blocks.shifts = c, shifts
    blocks.drift = first + second
    if blocks.drift > 0.0:
        blocks.drifted = (blocks.drifted + blocks.drift) * (1.0 + 2.0**-50)


cdef bint take_centers(boxes_job* job, const void* centers) noexcept nogil:
    """Note how far each of centers (k, d) is from where it was; returns whether any label may change."""
    cdef bint was_known = job.is_known
    if job.table.itemsize == sizeof(float):
        follow(job, <const float*>centers)
    else:
        follow(job, <const double*>centers)
    job.is_known = True
    return not was_known or job.blocks.drift > 0.0


cdef Loan begin_boxes(
    boxes_job* job, Rows rows, Blocks blocks, Py_ssize_t k, label_t[::1] labels, int64_t[::1] moved, label_t[::1] before,
    int n_threads,
):
    """For centers of which blocks are told next; keep what is returned until the last step."""
    cdef Py_ssize_t d = rows.c.d, n_units = units_of(blocks.c.n_blocks)
    cdef size_t n_bytes = scratch_bytes(k, d)
    cdef Loan memory
    cdef int thread
    check_slice(rows, 0, rows.c.n, labels.shape[0])
    job.moved, job.before = NULL, NULL
    if moved is not None:
        check_moved(rows.c.n, moved, before)
        job.moved, job.before = &moved[0], &before[0]
    memory = borrow(
        rows, n_threads * (n_bytes + sizeof(kf_box_scratch)) + n_units * (sizeof(Py_ssize_t) + sizeof(double)) + 64
    )
    job.scratch = <kf_box_scratch*>(memory.memory + n_threads * n_bytes)
    job.n_scored = <double*>(job.scratch + n_threads)
    job.n_moved = <Py_ssize_t*>(job.n_scored + n_units)
    for thread in range(n_threads):
        lay_out_scratch(&job.scratch[thread], memory.memory + thread * n_bytes, k, d)
    job.rows, job.table, job.blocks, job.labels, job.k = &rows.c, rows.table, &blocks.c, &labels[0], k
    job.is_known, job.n_scored_last, job.work = blocks._k == k, 0.0, <double>rows.c.n * d * 4
    if job.is_known:
        expect_like_last(job, blocks.n_scored)
    else:
        blocks._k = 0
        blocks._centers = allocate(k * (d + 1) * sizeof(double))
        forget(&blocks.c)
    job.c64 = <double*>blocks._centers.memory
    return memory


cdef void end_boxes(const boxes_job* job, Blocks blocks):
    """What the next call can build on: after the last step, when nothing can fail any more."""
    blocks._k, blocks.n_scored = job.k, job.n_scored_last


cdef void expect_like_last(boxes_job* job, double n_scored) noexcept nogil:
    """The next step is most often like the last."""
    job.work = WORK_OF_PAIR * n_scored + <double>WORK_OF_BLOCK * job.blocks.n_blocks


cdef Py_ssize_t run_boxes(boxes_job* job, int n_threads) noexcept nogil:
    """Labels for the packed centers, which blocks have taken; how many of them changed."""
    cdef Py_ssize_t unit, n_units = units_of(job.blocks.n_blocks), n_changed
    n_changed = run_units(boxes_unit, job, n_units, threads_for(job.work, n_threads))
    if job.moved != NULL:
        close_gaps(
            job.moved, job.before, job.n_moved, n_units, KF_BLOCKS_OF_UNIT * KF_ROWS_OF_BLOCK, job.blocks.starts
        )
    job.n_scored_last = 0.0
    for unit in range(n_units):
        job.n_scored_last += job.n_scored[unit]
    expect_like_last(job, job.n_scored_last)
    return n_changed


def nearest_in_blocks(
    Rows rows, Blocks blocks, const real_t[:, ::1] centers, label_t[::1] labels, int64_t[::1] moved=None,
    label_t[::1] before=None, *, int n_threads=1
):
    """As in backends/protocol.py."""
    cdef boxes_job job
    cdef Centers packed
    cdef Loan memory
    cdef Py_ssize_t n_changed = 0, k = centers.shape[0]
    check_centers(rows, k, centers.shape[1], sizeof(real_t))
    memory = begin_boxes(&job, rows, blocks, k, labels, moved, before, n_threads)
    packed = pack_centers(rows, &centers[0, 0], k, KF_LANES_ARE_POINTS, n_threads)
    job.centers = &packed.c
    with nogil:
        if take_centers(&job, &centers[0, 0]):
            n_changed = run_boxes(&job, n_threads)
    end_boxes(&job, blocks)
    return n_changed
