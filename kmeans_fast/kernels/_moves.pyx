"""Sums and mass that follow rows from one cluster to another."""

from libc.stdint cimport int32_t, int64_t
from libc.string cimport memset

from ._kernels cimport Loan, Rows, borrow
from ._parallel cimport run_units, threads_for
from ._sums cimport add_fixed, add_pair, bind_sums, check_moves, normalize_clusters, sums_job, whole_vectors
from ._types cimport label_t

cdef enum:
    CLUSTERS_OF_UNIT = 16
    MOVES_OF_PART = 512         # that a thread should have
    MOST_MOVED = 1 << 30        # rows of one call, so that places fit 32 bits


cdef inline Py_ssize_t part_border(const move_job* j, Py_ssize_t part) noexcept nogil:
    return j.n_moved * part // j.n_parts


cdef Py_ssize_t fixed_unit(void* job, Py_ssize_t part, int thread) noexcept nogil:
    """Some of the moves, as whole numbers."""
    cdef move_job* j = <move_job*>job
    cdef Py_ssize_t n_sums = j.sums.k * j.sums.stride, first = part_border(j, part)
    cdef int64_t* fixed = <int64_t*>j.sums.buffers + part * n_sums
    cdef double* mass = j.mass + part * j.sums.k
    memset(fixed, 0, n_sums * sizeof(int64_t))
    memset(mass, 0, j.sums.k * sizeof(double))
    j.sums.table.move_fixed(
        j.sums.rows, j.moved + first, j.before + first, j.after + first, part_border(j, part + 1) - first,
        j.sums.stride, fixed, mass,
    )
    return 0


cdef Py_ssize_t join_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    """Add what the parts moved, for some clusters."""
    cdef move_job* j = <move_job*>job
    cdef Py_ssize_t first = unit * CLUSTERS_OF_UNIT, stop = min(first + CLUSTERS_OF_UNIT, j.sums.k), part, center, at
    for part in range(j.n_parts):
        for center in range(first, stop):
            at = center * j.sums.total.stride
            add_fixed(
                &j.sums, <int64_t*>j.sums.buffers + (part * j.sums.k + center) * j.sums.stride, j.sums.total.hi + at,
                j.sums.total.lo + at,
            )
            add_pair(j.sums.total.mass + center, j.sums.total.mass_lo + center, j.mass[part * j.sums.k + center], 0.0)
    normalize_clusters(&j.sums, first, stop)
    return 0


cdef Py_ssize_t move_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef move_job* j = <move_job*>job
    cdef Py_ssize_t first = unit * j.clusters_of_unit, stop = min(first + j.clusters_of_unit, j.sums.k)
    j.sums.table.sum_clusters(j.sums.rows, 0, j.moved, j.sums.order, j.sums.starts, first, stop, &j.sums.total)
    normalize_clusters(&j.sums, first, stop)
    return 0


cdef void sort_moves(move_job* job) noexcept nogil:
    """Stable counting sort of places by cluster: 2 m for a row that leaves, 2 m + 1 for the same row that joins."""
    cdef Py_ssize_t m, label
    cdef Py_ssize_t* starts = job.sums.starts
    cdef int32_t* order = job.sums.order
    cdef const label_t* before = job.before
    cdef const label_t* after = job.after
    memset(starts, 0, (job.sums.k + 1) * sizeof(Py_ssize_t))
    for m in range(job.n_moved):
        starts[before[m] + 1] += 1
        starts[after[m] + 1] += 1
    for label in range(job.sums.k):
        starts[label + 1] += starts[label]
    for m in range(job.n_moved):
        order[starts[before[m]]] = <int32_t>(2 * m)
        starts[before[m]] += 1
        order[starts[after[m]]] = <int32_t>(2 * m + 1)
        starts[after[m]] += 1
    for label in range(job.sums.k, 0, -1):
        starts[label] = starts[label - 1]
    starts[0] = 0


cdef Py_ssize_t parts_of(const move_job* job, Py_ssize_t n_moved, int n_threads) noexcept nogil:
    """In how many parts whole numbers move: none may overflow, and threads should have enough to do."""
    cdef Py_ssize_t for_threads = min(<Py_ssize_t>n_threads, n_moved // MOVES_OF_PART + 1)
    return max(<Py_ssize_t>(n_moved / job.sums.fixed_rows) + 1, for_threads)


cdef Loan begin_moves(
    move_job* job, Rows rows, double[:, :, ::1] sums, double[:, ::1] mass, Py_ssize_t most_moved, int n_threads
):
    """For calls of at most so many moves each; keep what is returned until the last of them."""
    cdef Loan memory
    bind_sums(&job.sums, rows, sums, mass)
    if most_moved > MOST_MOVED:
        raise ValueError(f"{most_moved} rows moved in one call; it takes at most {MOST_MOVED}.")
    job.sums.fixed_rows = rows._fixed_rows
    if rows.c.fixed_scale > 0:
        job.sums.stride = whole_vectors(rows.c.d)
        memory = borrow(
            rows, parts_of(job, most_moved, n_threads) * job.sums.k * (job.sums.stride + 1) * sizeof(int64_t)
        )
        job.sums.buffers = <double*>memory.memory
    else:
        memory = borrow(rows, (job.sums.k + 1) * sizeof(Py_ssize_t) + 2 * most_moved * sizeof(int32_t))
        job.sums.starts = <Py_ssize_t*>memory.memory
        job.sums.order = <int32_t*>(memory.memory + (job.sums.k + 1) * sizeof(Py_ssize_t))
        job.clusters_of_unit = min(<Py_ssize_t>CLUSTERS_OF_UNIT, 1 + job.sums.k // 64)
    return memory


cdef void run_moves(move_job* job, int n_threads) noexcept nogil:
    """The first n_moved of moved, before, after. Where sums are whole numbers in no order, for none can be seen."""
    cdef Py_ssize_t k = job.sums.k
    n_threads = threads_for(4.0 * job.n_moved * job.sums.rows.d, n_threads)
    if job.sums.rows.fixed_scale > 0:
        job.n_parts = parts_of(job, job.n_moved, n_threads)
        job.mass = job.sums.buffers + job.n_parts * k * job.sums.stride
        run_units(fixed_unit, job, job.n_parts, n_threads)
        run_units(
            join_unit, job, (k + CLUSTERS_OF_UNIT - 1) // CLUSTERS_OF_UNIT,
            threads_for(4.0 * k * job.sums.rows.d * job.n_parts, n_threads),
        )
    else:
        sort_moves(job)
        run_units(move_unit, job, (k + job.clusters_of_unit - 1) // job.clusters_of_unit, n_threads)


def move(
    Rows rows, const int64_t[::1] moved, const label_t[::1] before, const label_t[::1] after, double[:, :, ::1] sums,
    double[:, ::1] mass, *, int n_threads=1
):
    """As in backends/protocol.py."""
    cdef move_job job
    cdef Loan memory = begin_moves(&job, rows, sums, mass, moved.shape[0], n_threads)
    check_moves(rows, job.sums.k, moved, before, after)
    job.n_moved = moved.shape[0]
    if job.n_moved == 0:
        return
    job.moved, job.before, job.after = &moved[0], &before[0], &after[0]
    with nogil:
        run_moves(&job, n_threads)
